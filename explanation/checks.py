"""Whether an explanation is true: does the network obey it?

Deletion: what is called important is replaced by the clip's mean, and the value must
move further than when as much is replaced at random. Shuffling: an explanation that
stays when the network's weights are put in another order explains the features, not
the network (Adebayo et al. 2018).
"""

import numpy as np

from explanation import attribution
from explanation.network import Moving, cut, shuffled
from explanation.statistics import ALPHA, correct_holm, correlate_ranks, find_interval

FRAME_AMOUNTS = (0.1, 0.2, 0.35, 0.5)  # of the frames that are replaced
FEATURE_AMOUNTS = (0.03, 0.1, 0.3)
N_RANDOM = 2  # orders, whose mean is what chance does
N_TESTED = 20  # clips at most, drawn at random
N_SHUFFLED, N_SHUFFLES = 5, 3  # clips, times
BLIND = {"value": None, "reason": "the network sees nothing but the mean frame"}
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
    """Set features of a projected sequence to 0, their natural floor."""
    return network.move(projected, features, -sequence[:, features])


REPLACED = {
    "frames": (FRAME_AMOUNTS, replace_frames),
    "features": (FEATURE_AMOUNTS, replace_features),
    "importance": (FEATURE_AMOUNTS, silence_features),
}


def measure_deletion(networks, sequence, plans):
    """Measure the value of a sequence (T, F) after each plan: how, and what to replace.

    All of a clip in one go, since a wide network takes as long for 9 as for 32.
    """
    values = []
    for network in networks:
        projected = network.project(sequence[None])[0].numpy()
        changed = (replace(network, projected, sequence, o) for replace, o in plans)
        found = [network.value(np.stack(batch)) for batch in cut([*changed])]
        values.append(np.concatenate(found))
    return np.mean(values, axis=0, dtype=float)


def delete_clip(networks, sequence, start, orders, random):
    """Find how far the value moves in each of given orders, and in the mean random."""
    plans = []
    for name, (amounts, replace) in REPLACED.items():
        n = len(orders[name][0])
        tried = [*orders[name], *(random.permutation(n) for _ in range(N_RANDOM))]
        plans += [(replace, o[: max(1, round(a * n))]) for o in tried for a in amounts]
    moved, curves = measure_deletion(networks, sequence, plans) - start, {}
    for name, (amounts, _) in REPLACED.items():
        n_given = len(orders[name])
        n_plans = (n_given + N_RANDOM) * len(amounts)
        own, moved = moved[:n_plans].reshape(-1, len(amounts)), moved[n_plans:]
        own = np.abs(own) if name == "importance" else own
        curves[name] = np.stack([*own[:n_given], own[n_given:].mean(axis=0)])
    return curves


def check_deletion(networks, sequences, parts, owners, seed=0):
    """Replace what matters most, against as much at random.

    Frames and features of a clip are replaced by the clip's mean, in the order of what
    they add beyond it: those that raise the value first, and those that lower it
    first. The importance of features over all clips is counted from 0, so there the
    most important are set to 0, and only how far the value moves is foretold.

    Returns
    -------
    dict
        "tests", by name: advantage over random, over "clips" and over "animals"
        (`owners`), which decide: "p", "p_holm", "verdict". "n_clips", of "n_of".
        "curves", (clips, kinds, amounts): changes as raising, lowering and random ones
        go, and for "importance" their sizes as important and random ones go.
    """
    chosen = draw_clips(len(sequences), N_TESTED, seed)
    random = np.random.default_rng(seed)
    ranked = np.argsort(-parts.importance, kind="stable")
    found = []
    for clip in chosen:
        added = parts.beyond.frames[clip], parts.beyond.features[clip]
        frames, features = (np.argsort(each, kind="stable") for each in added)
        orders = {"frames": [frames[::-1], frames]}
        orders |= {"features": [features[::-1], features], "importance": [ranked]}
        sequence, start = sequences[clip], parts.value[clip]
        found.append(delete_clip(networks, sequence, start, orders, random))
    curves = {name: np.array([each[name] for each in found]) for name in REPLACED}
    tests = judge_curves(curves, np.asarray(owners)[chosen])
    counts = {"n_clips": len(chosen), "n_of": len(sequences)}
    return counts | {"tests": tests, "curves": curves}


def judge_curves(curves, owners):
    """Test how much further the value moves than by chance, as foretold."""
    # A network that sees nothing but the mean frame has nothing to obey there.
    moved = {name: np.abs(changes).max() for name, changes in curves.items()}
    is_blind = moved["features"] <= ROUNDING * moved["importance"]
    advantages = {}
    for name in ("frames", "features"):
        raising, lowering, chance = np.moveaxis(curves[name], 1, 0)
        advantages[f"{name} that raise"] = chance - raising
        advantages[f"{name} that lower"] = lowering - chance
    important, chance = np.moveaxis(curves["importance"], 1, 0)
    advantages["importance"] = important - chance
    tests = {}
    for test, advantage in advantages.items():
        by_clip = advantage.mean(axis=1)
        found = find_interval(by_clip), find_interval(by_clip, owners)
        found = (BLIND, BLIND) if is_blind and test.startswith("features") else found
        tests[test] = dict(zip(("clips", "animals"), found, strict=True))
    judge_tests(tests)
    return tests


def judge_tests(tests):
    """Add p, p after Holm's correction for their number, and a verdict to each test."""
    p_values = [test["animals"].get("p") for test in tests.values()]
    corrected = correct_holm([np.nan if p is None else p for p in p_values])
    for test, p, p_holm in zip(tests.values(), p_values, corrected, strict=True):
        test |= {"p": p, "p_holm": None if p is None else float(p_holm)}
        if p is None:
            test["verdict"] = "not defined"
        elif p_holm >= ALPHA:
            test["verdict"] = "not shown"
        else:
            test["verdict"] = "obeys" if test["animals"]["value"] > 0 else "defies"


def check_shuffling(networks, sequences, parts, seed=0):
    """Explain a few clips again with the network's weights shuffled, several times.

    Returns
    -------
    dict
        "importance", "signed", "frames": mean rank correlation of features' sizes, of
        their signed attributions, and of what frames add beyond the mean frame, or
        None. "relative": how many times as important a feature is as when shuffled.
        "judged": which of these tell what was learned. What frames add in a score of
        movement does not: whatever its weights, it adds where something moves.
    """
    random = np.random.default_rng(seed)
    chosen = draw_clips(len(sequences), N_SHUFFLED, seed)
    true, beyond = parts.whole.features[chosen], parts.beyond.frames[chosen]
    importance = np.abs(true).mean(axis=0)
    rhos, chance = {"importance": [], "signed": [], "frames": []}, 0.0
    for _ in range(N_SHUFFLES):
        with shuffled(networks, random):  # coarse: whether they are alike counts
            whole, away = attribution.attribute(networks, sequences[chosen], np.inf)
        by_chance = np.abs(whole.features).mean(axis=0)
        rhos["importance"].append(correlate_ranks(importance, by_chance))
        rhos["signed"].append(correlate_ranks(true.mean(0), whole.features.mean(0)))
        rhos["frames"].append(correlate_ranks(beyond, away.frames))
        chance = chance + by_chance / N_SHUFFLES
    relative = np.full(len(importance), np.nan)
    np.divide(importance, chance, out=relative, where=chance > 0)
    means = {k: None if None in rho else float(np.mean(rho)) for k, rho in rhos.items()}
    moving = all(isinstance(network, Moving) for network in networks)
    judged = ["signed"] if moving else ["signed", "frames"]
    return {"n_clips": len(chosen), "relative": relative, "judged": judged, **means}
