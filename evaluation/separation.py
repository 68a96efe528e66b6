"""How well scores tell impaired from healthy: the area under the ROC curve."""

import numpy as np
from scipy import optimize, stats

from evaluation import jackknife

MIN_GROUP = 3  # animals of either group, for an interval


def find_auroc(labels, scores):
    """AUROC of scores (N,) for labels (N,) 0 and 1: ties count half."""
    positive, negative = scores[labels == 1], scores[labels == 0]
    u = stats.mannwhitneyu(positive, negative, method="asymptotic").statistic
    return float(u / (len(positive) * len(negative)))


def newcombe_interval(auroc, n_healthy, n_impaired, widen=1.0):
    """Find the 95% interval (low, high) of an AUROC, standard errors times `widen`.

    Method 5 of Newcombe (2006, Statistics in Medicine 25): the ends are the areas that
    lie as many of their own standard errors away, so that it stands near 0 and 1, too.
    """
    star = (n_healthy + n_impaired) / 2 - 1
    z = stats.norm.ppf(0.975) * widen

    def miss(area):
        spread = 1 + star * ((1 - area) / (2 - area) + area / (1 + area))
        variance = area * (1 - area) * spread / (n_healthy * n_impaired)
        return (area - auroc) ** 2 - z**2 * variance

    edge = 1e-9  # at 0 and 1 themselves nothing is missed
    low = optimize.brentq(miss, 0, min(auroc, 1 - edge)) if auroc > 0 else 0.0
    high = optimize.brentq(miss, max(auroc, edge), 1) if auroc < 1 else 1.0
    return float(low), float(high)


def separate(labels, scores, animals, training_mean=None):
    """Say how well scores (N,) tell impaired from healthy, labels (N,) 1 and 0.

    A clip with neither is left out; the training mean is taken from the scores, see the
    head of `correlation.py`. Dict of "clips" and "animals" (means of clips), each with
    "n" and "auroc". Clips count as no more than their animals: the interval is too wide
    where the clips of an animal are little alike.
    """
    base = 0 if training_mean is None else np.asarray(training_mean, dtype=float)
    scores = np.asarray(scores, dtype=float) - base
    names, labels, scores = jackknife.drop_unscored(animals, labels, scores)
    unknown = np.setdiff1d(labels, (0, 1))
    if len(unknown):
        raise ValueError(f"expected labels 0 and 1. Received: {unknown.tolist()}")
    sides = [jackknife.Jackknife(names[labels == label]) for label in (0, 1)]
    counts = [side.n_animals for side in sides]
    effective = [side.effective for side in sides]
    units = jackknife.find_units(names) | {
        "animals": jackknife.pair_units(names, labels)
    }
    result = {}
    for what, (unit, _) in units.items():
        group, score = (
            jackknife.average_units(labels, unit),
            jackknife.average_units(scores, unit),
        )
        result[what] = {"n": len(score)}
        if not min(counts):
            result[what]["auroc"] = jackknife.not_defined("only one group has scores")
            continue
        area = find_auroc(group, score)
        if min(counts) < MIN_GROUP:
            reason = f"no interval: fewer than {MIN_GROUP} animals in a group"
            result[what]["auroc"] = jackknife.not_defined(reason, area)
            continue
        ends = effective if what == "clips" else counts
        low, high = newcombe_interval(
            area, *ends, jackknife.find_widening(training_mean)
        )
        result[what]["auroc"] = {"value": area, "low": low, "high": high}
    return result
