"""How well scores tell impaired from healthy: the area under the ROC curve."""

import numpy as np
from scipy import optimize, stats

from judging.correlation import CROSSED, is_crossed
from judging.resampling import (
    average_units,
    count_effective,
    drop_unscored,
    find_units,
    index_animals,
    not_defined,
    pair_units,
)

MIN_GROUP = 3  # animals of either group, for an interval


def find_auroc(labels, scores, weights):
    """AUROC for each row of weights.

    Parameters
    ----------
    labels : (N,) array of 0 and 1
    scores : (N,) array
    weights : (B, N) array

    Returns
    -------
    (B,) array
        nan where a group is missing.
    """
    positive, negative = labels == 1, labels == 0
    above = scores[positive][:, None] - scores[negative][None, :]
    wins = (above > 0) + 0.5 * (above == 0)  # (P, N - P)
    up, down = weights[:, positive], weights[:, negative]
    pairs = up.sum(axis=1) * down.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return ((up @ wins) * down).sum(axis=1) / np.where(pairs > 0, pairs, np.nan)


def newcombe_interval(auroc, n_healthy, n_impaired, widen=1.0):
    """Find the 95% interval of an AUROC.

    Method 5 of Newcombe (2006, Statistics in Medicine 25): the ends are the areas that
    lie as many of their own standard errors away, so that it stands near 0 and 1, too.

    Parameters
    ----------
    auroc : float
    n_healthy, n_impaired : float
    widen : float
        Factor of the standard error.

    Returns
    -------
    (low, high)
    """
    star = (n_healthy + n_impaired) / 2 - 1

    def find_variance(area):
        spread = 1 + star * ((1 - area) / (2 - area) + area / (1 + area))
        return area * (1 - area) * spread / (n_healthy * n_impaired)

    z = stats.norm.ppf(0.975) * widen

    def miss(area):
        return (area - auroc) ** 2 - z**2 * find_variance(area)

    edge = 1e-9  # at 0 and 1 themselves nothing is missed
    low = optimize.brentq(miss, 0, min(auroc, 1 - edge)) if auroc > 0 else 0.0
    high = optimize.brentq(miss, max(auroc, edge), 1) if auroc < 1 else 1.0
    return float(low), float(high)


def separate(labels, scores, animals, training_mean=None):
    """Say how well scores tell impaired from healthy.

    Parameters
    ----------
    labels : (N,) array
        0 healthy, 1 impaired; a clip with neither is left out.
    scores : (N,) array
    animals : (N,) array of str
    training_mean : (N,) array, optional
        Taken from the scores: see the head of `correlation.py`.

    Returns
    -------
    dict
        "clips" and "animals" (means of clips), each with "n" and "auroc". Clips count
        as no more than their animals: the interval is too wide where the clips of an
        animal are little alike.

    Raises
    ------
    ValueError
        When a label is neither 0 nor 1.
    """
    base = 0 if training_mean is None else np.asarray(training_mean, dtype=float)
    scores = np.asarray(scores, dtype=float) - base
    names, labels, scores = drop_unscored(animals, labels, scores)
    unknown = np.setdiff1d(labels, (0, 1))
    if len(unknown):
        raise ValueError(f"expected labels 0 and 1. Received: {unknown.tolist()}")
    sizes = []
    for label in (0, 1):
        _, index = index_animals(names[labels == label])
        sizes.append((len(np.unique(index)), count_effective(index)))
    widen = CROSSED if is_crossed(training_mean) else 1
    result = {}
    units = find_units(names) | {"animals": pair_units(names, labels)}
    for what, (unit, _) in units.items():
        group, score = average_units(labels, unit), average_units(scores, unit)
        result[what] = {"n": len(score)}
        (n_healthy, by_weight), (n_impaired, also) = sizes
        if not n_healthy or not n_impaired:
            result[what]["auroc"] = not_defined("only one group has scores")
            continue
        area = float(find_auroc(group, score, np.ones((1, len(group))))[0])
        if min(n_healthy, n_impaired) < MIN_GROUP:
            reason = f"no interval: fewer than {MIN_GROUP} animals in a group"
            result[what]["auroc"] = not_defined(reason, area)
            continue
        ends = (by_weight, also) if what == "clips" else (n_healthy, n_impaired)
        low, high = newcombe_interval(area, *ends, widen)
        result[what]["auroc"] = {"value": area, "low": low, "high": high}
    return result
