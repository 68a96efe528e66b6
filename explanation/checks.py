"""Tests of an explanation: does it describe the network, and what it learned?

Deletion test: what is called important is replaced by the clip's mean, and the value
must change by more than when as much is replaced at random. Model randomisation test:
an explanation that stays the same after the network's weights are permuted explains
the features, not the network (Adebayo et al. 2018).
"""

import numpy as np

from evaluation.groups import correct_holm
from explanation import attribution
from explanation.network import Moving, cut, permuted
from explanation.statistics import ALPHA, correlate_ranks, find_interval

FRAME_AMOUNTS = (0.1, 0.2, 0.35, 0.5)  # of the frames that are replaced
FEATURE_AMOUNTS = (0.03, 0.1, 0.3)
N_RANDOM = 2  # random orders, whose mean is the chance level
N_TESTED = 20  # clips at most, drawn at random
N_PERMUTED, N_PERMUTATIONS = 5, 3  # clips, repetitions
ROUNDING = 1e-5  # of the largest change, below which a change is none


def draw_clips(n_clips, n_drawn, seed=0):
    """Draw clips without replacement, in rising order."""
    random = np.random.default_rng(seed)
    return np.sort(random.choice(n_clips, min(n_clips, n_drawn), replace=False))


def replace_frames(network, projected, sequence, frames):
    """Replace frames of a projected sequence by its mean frame."""
    changed = np.array(projected)
    changed[frames] = changed.mean(axis=0)  # projecting is affine
    return changed


def replace_features(network, projected, sequence, features):
    """Replace features of a projected sequence by their means over the clip."""
    kept = sequence[:, features]
    return network.move(projected, features, kept.mean(axis=0) - kept)


def silence_features(network, projected, sequence, features):
    """Set features of a projected sequence to 0."""
    return network.move(projected, features, -sequence[:, features])


REPLACED = {
    "frames": (FRAME_AMOUNTS, replace_frames),
    "features": (FEATURE_AMOUNTS, replace_features),
    "importance": (FEATURE_AMOUNTS, silence_features),
}


def delete_clip(networks, sequence, start, orders, random):
    """Measure changes of the value, by kind: (given orders, mean random; amounts)."""
    plans, values = [], []
    for name, (amounts, replace) in REPLACED.items():
        n = len(orders[name][0])
        tried = [*orders[name], *(random.permutation(n) for _ in range(N_RANDOM))]
        plans += [(replace, o[: max(1, round(a * n))]) for o in tried for a in amounts]
    for network in networks:
        projected = np.asarray(network.project(sequence[None])[0])
        changed = [replace(network, projected, sequence, o) for replace, o in plans]
        found = [network.value(np.stack(batch)) for batch in cut(changed)]
        values.append(np.concatenate(found))
    changes, curves = np.mean(values, axis=0, dtype=float) - start, {}
    for name, (amounts, _) in REPLACED.items():
        n_given = len(orders[name])
        n_plans = (n_given + N_RANDOM) * len(amounts)
        own, changes = changes[:n_plans].reshape(-1, len(amounts)), changes[n_plans:]
        own = np.abs(own) if name == "importance" else own
        curves[name] = np.stack([*own[:n_given], own[n_given:].mean(axis=0)])
    return curves


def run_deletion_test(networks, sequences, parts, owners, of_clip=None, seed=0):
    """Replace what contributes most, and as much at random.

    Frames and features are replaced by the clip's mean, the raising and the lowering
    ones first; the most important features are set to 0. `of_clip`: the networks of
    each clip. Dict of "tests" over animals (`owners`); "n_clips", "n_of", "curves".
    """
    chosen = draw_clips(len(sequences), N_TESTED, seed)
    random = np.random.default_rng(seed)
    ranked = np.argsort(-parts.find_importance(owners), kind="stable")
    found = []
    for clip in chosen:
        frames = np.argsort(parts.beyond.frames[clip], kind="stable")
        features = np.argsort(parts.beyond.features[clip], kind="stable")
        orders = {
            "frames": [frames[::-1], frames],
            "features": [features[::-1], features],
            "importance": [ranked],
        }
        start = parts.value[clip]
        own = of_clip[clip] if of_clip else networks
        found.append(delete_clip(own, sequences[clip], start, orders, random))
    curves = {name: np.array([each[name] for each in found]) for name in REPLACED}
    return {
        "n_clips": len(chosen),
        "n_of": len(sequences),
        "tests": compare_curves(curves, np.asarray(owners)[chosen]),
        "curves": curves,
    }


def compare_curves(curves, owners):
    """Test whether the value changes as predicted, by more than at random."""
    advantages = {}
    for name in ("frames", "features"):
        raising, lowering, chance = np.moveaxis(curves[name], 1, 0)
        advantages[f"{name} that raise"] = chance - raising
        advantages[f"{name} that lower"] = lowering - chance
    important, chance = np.moveaxis(curves["importance"], 1, 0)
    advantages["importance"] = important - chance
    largest = {name: np.abs(changes).max() for name, changes in curves.items()}
    tests = {}
    for name, advantage in advantages.items():
        tests[name] = {"animals": find_interval(advantage.mean(axis=1), owners)}
        is_blind = largest["features"] <= ROUNDING * largest["importance"]
        if is_blind and name.startswith("features"):
            reason = "the network uses nothing but the mean frame"
            tests[name] = {"animals": {"value": None, "reason": reason}}
    add_verdicts(tests)
    return tests


def add_verdicts(tests):
    """Add p, p after Holm's correction for the number of tests, and a verdict."""
    p_values = [test["animals"].get("p") for test in tests.values()]
    corrected = correct_holm([np.nan if p is None else p for p in p_values])
    for test, p, p_holm in zip(tests.values(), p_values, corrected, strict=True):
        test |= {"p": p, "p_holm": None if p is None else float(p_holm)}
        if p is None:
            test["verdict"] = "not defined"
        elif p_holm >= ALPHA:
            test["verdict"] = "not shown"
        else:
            is_true = test["animals"]["value"] > 0
            test["verdict"] = "confirmed" if is_true else "contradicted"


def explain_again(networks, sequences, chosen, of_clip):
    """Explain chosen clips, each by its networks; see `attribution.attribute`."""
    if not of_clip:
        return attribution.attribute(networks, sequences[chosen], np.inf)
    each = [
        attribution.attribute(of_clip[i], sequences[i : i + 1], np.inf) for i in chosen
    ]
    return [
        attribution.Attribution(*map(np.concatenate, zip(*side, strict=True)))
        for side in zip(*each, strict=True)
    ]


def run_randomisation_test(networks, sequences, parts, of_clip=None, seed=0):
    """Explain a few clips again after permuting the network's weights, several times.

    A dict of mean rank correlations ("importance", "signed" of features, "frames") or
    None; "relative": importance of a feature divided by that with permuted weights;
    "evaluated": which depend on what was learned. Contributions of frames to a score of
    movement do not: whatever the weights, they are large where something moves.
    """
    random = np.random.default_rng(seed)
    chosen = draw_clips(len(sequences), N_PERMUTED, seed)
    true, beyond = parts.whole.features[chosen], parts.beyond.frames[chosen]
    importance = np.abs(true).mean(axis=0)
    rhos, chance = {"importance": [], "signed": [], "frames": []}, 0.0
    for _ in range(N_PERMUTATIONS):
        with permuted(networks, random):  # a coarse path is enough for ranks
            whole, away = explain_again(networks, sequences, chosen, of_clip)
        by_chance = np.abs(whole.features).mean(axis=0)
        rhos["importance"].append(correlate_ranks(importance, by_chance))
        rhos["signed"].append(correlate_ranks(true.mean(0), whole.features.mean(0)))
        rhos["frames"].append(correlate_ranks(beyond, away.frames))
        chance = chance + by_chance / N_PERMUTATIONS
    relative = np.full(len(importance), np.nan)
    np.divide(importance, chance, out=relative, where=chance > 0)
    means = {k: None if None in rho else float(np.mean(rho)) for k, rho in rhos.items()}
    moving = all(isinstance(network, Moving) for network in networks)
    return {
        "n_clips": len(chosen),
        "relative": relative,
        "evaluated": ["signed"] if moving else ["signed", "frames"],
        **means,
    }
