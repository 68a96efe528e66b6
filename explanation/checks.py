"""Tests of an explanation: does it describe the network, and what it learned?

Deletion test: what is called important is replaced by the clip's mean, and the value
must change by more than when as much is replaced at random. Model randomisation test:
an explanation that stays the same after the network's weights are permuted explains
the features, not the network (Adebayo et al. 2018).
"""

import numpy as np
import pandas as pd
from scipy import stats

from evaluation.groups import correct_holm
from explanation import attribution
from explanation.network import Moving, cut, permuted

ALPHA = 0.05
FRAME_AMOUNTS = (0.1, 0.2, 0.35, 0.5)  # of the frames that are replaced
FEATURE_AMOUNTS = (0.03, 0.1, 0.3)
N_RANDOM = 2  # random orders, whose mean is the chance level
N_TESTED = 20  # clips at most, drawn at random
N_PERMUTED, N_PERMUTATIONS = 5, 3  # clips, repetitions
ROUNDING = 1e-5  # of the largest, below which an advantage is none


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


def plan_deletion(orders, random):
    """List what is replaced in a clip, given orders first: (function, which ones)."""
    plans = []
    for name, (amounts, replace) in REPLACED.items():
        n = len(orders[name][0])
        tried = [*orders[name], *(random.permutation(n) for _ in range(N_RANDOM))]
        plans += [(replace, o[: max(1, round(a * n))]) for o in tried for a in amounts]
    return plans


def delete(networks, sequences, plans):
    """Compute the values of clips after each of their plans, float64 (N, plans)."""

    def change(network):
        for sequence, of_clip in zip(sequences, plans, strict=True):
            projected = np.asarray(network.project(sequence[None])[0])
            for replace, which in of_clip:
                yield replace(network, projected, sequence, which)

    values = [np.concatenate([n.value(b) for b in cut(change(n))]) for n in networks]
    return np.mean(values, axis=0, dtype=float).reshape(len(plans), -1)


def find_advantages(changes):
    """Find how much further values move as predicted than at random.

    Changes (N, plans) of clips give float (N,) of each test, a mean over amounts.
    """
    found = {}
    for name, (amounts, _) in REPLACED.items():
        n_given = 1 if name == "importance" else 2
        n_plans = (n_given + N_RANDOM) * len(amounts)
        own, changes = changes[:, :n_plans], changes[:, n_plans:]
        own = own.reshape(len(own), -1, len(amounts))
        own = np.abs(own) if name == "importance" else own
        given = own[:, :n_given].mean(axis=2)
        chance = own[:, n_given:].mean(axis=(1, 2))
        if name == "importance":
            found[name] = given[:, 0] - chance
        else:
            found[f"{name} that raise"] = chance - given[:, 0]
            found[f"{name} that lower"] = given[:, 1] - chance
    return found


def run_deletion_test(members, sequences, parts, owners, seed=0):
    """Replace what contributes most, and as much at random.

    Frames and features are replaced by the clip's mean, the raising and the lowering
    ones first; the most important features are set to 0. `members` are networks and
    the rows of the clips that they explain. Dict of "tests" over animals (`owners`);
    "n_clips", "n_of".
    """
    chosen = draw_clips(len(sequences), N_TESTED, seed)
    random = np.random.default_rng(seed)
    ranked = np.argsort(-parts.find_importance(owners), kind="stable")
    plans = {}
    for clip in chosen:
        frames = np.argsort(parts.beyond.frames[clip], kind="stable")
        features = np.argsort(parts.beyond.features[clip], kind="stable")
        orders = {
            "frames": [frames[::-1], frames],
            "features": [features[::-1], features],
            "importance": [ranked],
        }
        plans[clip] = plan_deletion(orders, random)
    changes = np.zeros((len(chosen), len(plans[chosen[0]])))
    for networks, rows in members:
        if len(own := np.intersect1d(chosen, rows)):
            values = delete(networks, sequences[own], [plans[clip] for clip in own])
            changes[np.isin(chosen, own)] = values - parts.value[own, None]
    tests = summarise_advantages(find_advantages(changes), np.asarray(owners)[chosen])
    return {"n_clips": len(chosen), "n_of": len(sequences), "tests": tests}


def summarise_advantages(advantages, owners):
    """Test whether values change as predicted, by more than at random: for each test an
    interval over animals, p after Holm's correction, and a verdict."""
    largest, tests = np.abs(advantages["importance"]).max(), {}
    for name, advantage in advantages.items():
        tests[name] = find_interval(advantage, owners)
        is_nothing = np.abs(advantage).max() <= ROUNDING * largest
        if name.startswith("features") and is_nothing:
            reason = "the network uses nothing but the mean frame"
            tests[name] = {"value": None, "p": None, "reason": reason}
    add_verdicts(tests)
    return tests


def add_verdicts(tests):
    """Add p after Holm's correction for the number of tests, and a verdict."""
    p_values = [test["p"] for test in tests.values()]
    corrected = correct_holm([np.nan if p is None else p for p in p_values])
    for test, p_holm in zip(tests.values(), corrected, strict=True):
        test["p_holm"] = None if test["p"] is None else float(p_holm)
        if test["p"] is None:
            test["verdict"] = "not defined"
        elif p_holm >= ALPHA:
            test["verdict"] = "not shown"
        else:
            test["verdict"] = "confirmed" if test["value"] > 0 else "contradicted"


def run_randomisation_test(members, sequences, parts, seed=0):
    """Explain a few clips again after permuting the network's weights, several times.

    A dict of mean rank correlations ("importance", "signed" of features, "frames") or
    None; "relative": importance of a feature divided by that with permuted weights;
    "evaluated": which depend on what was learned. Contributions of frames to a score of
    movement do not: whatever the weights, they are large where something moves.
    """
    random = np.random.default_rng(seed)
    chosen = draw_clips(len(sequences), N_PERMUTED, seed)
    true, true_frames = parts.whole.features[chosen], parts.beyond.frames[chosen]
    importance = np.abs(true).mean(axis=0)
    again = [(own, np.intersect1d(chosen, rows)) for own, rows in members]
    again = [(own, rows) for own, rows in again if len(rows)]
    order = np.argsort(np.concatenate([rows for _, rows in again]))
    networks = [network for own, _ in members for network in own]
    rhos, chance = {"importance": [], "signed": [], "frames": []}, 0.0
    for _ in range(N_PERMUTATIONS):
        with permuted(networks, random):
            found = [attribution.attribute(own, sequences[rows]) for own, rows in again]
        features = np.concatenate([whole.features for whole, _ in found])[order]
        frames = np.concatenate([beyond.frames for _, beyond in found])[order]
        by_chance = np.abs(features).mean(axis=0)
        rhos["importance"].append(correlate_ranks(importance, by_chance))
        rhos["signed"].append(correlate_ranks(true.mean(0), features.mean(0)))
        rhos["frames"].append(correlate_ranks(true_frames, frames))
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


def find_interval(values, owners):
    """Find the mean over animals (`owners`) of values (N,), 95% limits, p of being 0.

    Of fewer than three animals these are None, with a reason.
    """
    values = pd.Series(np.asarray(values, float)).groupby(np.asarray(owners)).mean()
    value, n = float(values.mean()), len(values)
    if n < 3:
        none = dict.fromkeys(("low", "high", "p"))
        reason = "an interval needs three animals"
        return {"value": value, "n": n, **none, "reason": reason}
    found = stats.ttest_1samp(values, 0)
    low, high = map(float, found.confidence_interval())
    p = float(np.nan_to_num(found.pvalue, nan=1.0))
    return {"value": value, "n": n, "low": low, "high": high, "p": p}


def correlate_ranks(first, second):
    """Compute Spearman's rho, None where it is not defined."""
    first, second = np.ravel(first), np.ravel(second)
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(stats.spearmanr(first, second).statistic)
