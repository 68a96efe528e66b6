"""How well raters agree with one another and with themselves, and a network with them.

Ratings are an array (R, N), one row a rater or one a round of a rater; a clip that was
not rated is nan.
"""

import itertools

import numpy as np

from judging.comparisons import average_difference
from judging.correlation import correlate, is_constant
from judging.resampling import (
    count_effective,
    describe,
    index_animals,
    not_defined,
    weigh,
)

VERDICTS = ("within", "beyond", "undecided")


def compute_icc(ratings, weights):
    """ICC(A,1): absolute agreement of single ratings, two-way (McGraw & Wong 1996).

    Parameters
    ----------
    ratings : (R, N) array
        Complete, of two raters or more.
    weights : (B, N) array

    Returns
    -------
    icc : (B,) array
    error : (B,) array
        Standard error of measurement: raters' biases and what is left.
    """
    k = len(ratings)
    ratings = ratings - ratings.mean()
    n = weights.sum(axis=1)
    of_clips = ratings.mean(axis=0)
    of_raters = (weights @ ratings.T) / n[:, None]  # (B, R)
    grand = of_raters.mean(axis=1)
    square = (weights @ (ratings**2).T).sum(axis=1) - n * k * grand**2
    clips = k * ((weights @ of_clips**2) - n * grand**2)
    raters = n * ((of_raters**2).sum(axis=1) - k * grand**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        clip, rater = clips / (n - 1), raters / (k - 1)
        left = np.maximum(square - clips - raters, 0) / ((n - 1) * (k - 1))
        icc = (clip - left) / (clip + (k - 1) * left + k * (rater - left) / n)
        return icc, np.sqrt(left + (rater - left) / n)


def compute_kappa(first, second, weights):
    """Cohen's kappa with weights that grow with the distance of two scores.

    With squared distances it would be Lin's concordance.

    Parameters
    ----------
    first, second : (N,) array
    weights : (B, N) array

    Returns
    -------
    (B,) array
    """
    n = weights.sum(axis=1)
    apart = np.abs(first[:, None] - second[None, :])
    expected = ((weights @ apart) * weights).sum(axis=1) / n**2
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 - (weights @ np.abs(first - second)) / n / expected


def compare_ratings(ratings, animals):
    """Say how well ratings of the same clips agree: of raters, or of rounds of one.

    Parameters
    ----------
    ratings : (R, N) array
    animals : (N,) array of str

    Returns
    -------
    dict
        "n_raters", "n_clips" (with every rating), "n_animals"; "icc" (ICC(A,1)),
        "kappa" (linear weights, mean of the pairs), "mae" (mean distance of two
        ratings), "half_point" and "one_point", parts of the pairs of ratings that lie
        no further apart; "detectable", the minimal detectable change: a smaller
        difference of two ratings is within their error (95%).
    """
    ratings = np.asarray(ratings, dtype=float)
    complete = np.isfinite(ratings).all(axis=0)
    ratings, kept = ratings[:, complete], np.asarray(animals)[complete]
    names, index = index_animals(kept)
    n = {
        "n_raters": len(ratings),
        "n_clips": int(complete.sum()),
        "n_animals": len(names),
    }
    keys = ("icc", "kappa", "mae", "half_point", "one_point", "detectable")
    if n["n_clips"] < 3 or len(ratings) < 2:
        reason = "fewer than 3 clips with every rating"
        return n | dict.fromkeys(keys, not_defined(reason))
    weights, effective = weigh(index), count_effective(index)
    total = np.maximum(weights.sum(axis=1), 1e-300)
    pairs = list(itertools.combinations(ratings, 2))
    icc, error = compute_icc(ratings, weights)
    kappa = np.mean([compute_kappa(*pair, weights) for pair in pairs], axis=0)
    distance = np.array([np.abs(first - second) for first, second in pairs])

    def average(values):  # (P, N) -> (A + 1,)
        return (weights @ values.mean(axis=0)) / total

    found = {
        "icc": (icc, "correlation"),
        "kappa": (kappa, "correlation"),
        "mae": (average(distance), "positive"),
        "half_point": (average(distance <= 0.5 + 1e-9), "plain"),
        "one_point": (average(distance <= 1 + 1e-9), "plain"),
        "detectable": (1.96 * np.sqrt(2) * error, "positive"),
    }
    result = {
        name: describe(values, effective, scale)
        for name, (values, scale) in found.items()
    }
    for name in ("half_point", "one_point"):  # parts of a whole
        for end in ("low", "high"):
            if result[name][end] is not None:
                result[name][end] = float(np.clip(result[name][end], 0, 1))
    return n | result


def compare_network(ratings, network, animals, margin=None):
    """Ask whether the network disagrees with raters more than they with each other.

    The network's disagreement is the mean of its distances to the raters of a clip, not
    the distance to their mean, which would flatter it.

    Parameters
    ----------
    ratings : (R, N) array
        A clip with two ratings or more counts.
    network : (N,) array
    animals : (N,) array of str
    margin : float, optional
        Named before looking: so much more disagreement would not matter.

    Returns
    -------
    dict
        "n_clips", "n_animals"; "experts" and "network", each a mean distance;
        "difference", network - experts; "verdict": "within" when the interval of the
        difference lies at or below 0, "beyond" when above, else "undecided" (None
        without an interval); with a margin "not_inferior", whether the interval lies
        below it (None without an interval).
    """
    ratings = np.asarray(ratings, dtype=float)
    pairs = list(itertools.combinations(ratings, 2))
    with np.errstate(invalid="ignore"):
        experts = _mean_of_finite([np.abs(a - b) for a, b in pairs])
        distance = _mean_of_finite(np.abs(ratings - np.asarray(network, dtype=float)))
    found = average_difference(experts, distance, animals)
    difference = found["difference"]
    verdict = None
    if difference["low"] is not None:
        verdict = "undecided"
        if difference["high"] <= 0:
            verdict = "within"
        elif difference["low"] > 0:
            verdict = "beyond"
    result = {
        "n_clips": found["n_clips"],
        "n_animals": found["n_animals"],
        "experts": found["first"],
        "network": found["second"],
        "difference": difference,
        "verdict": verdict,
    }
    if margin is not None:
        high = difference["high"]
        result["margin"] = margin
        result["not_inferior"] = None if high is None else bool(high < margin)
    return result


def _mean_of_finite(rows):
    rows = np.asarray(rows, dtype=float)
    found = np.isfinite(rows)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(found, rows, 0).sum(axis=0) / found.sum(axis=0)


def judge_each(ratings, names, network, animals):
    """Put the network beside each rater, and each rater beside the mean of the others.

    Parameters
    ----------
    ratings : (R, N) array
    names : sequence of str, (R,)
    network : (N,) array or None
    animals : (N,) array of str

    Returns
    -------
    dict of dict
        By rater, "network": MAE and r of the network against this rater; "others": of
        the mean of the other raters against this rater, on the same clips.
    """
    ratings = np.asarray(ratings, dtype=float)
    result = {}
    for place, name in enumerate(names):
        others = _mean_of_finite(np.delete(ratings, place, axis=0))
        sides = {"others": others}
        if network is not None:
            sides["network"] = np.asarray(network, dtype=float)
        both = np.isfinite(ratings[place])
        for side in sides.values():
            both &= np.isfinite(side)
        result[name] = {
            side: _measure_pair(ratings[place][both], values[both], animals[both])
            for side, values in sides.items()
        }
    return result


def _measure_pair(first, second, animals):
    names, index = index_animals(animals)
    result = {"n_clips": len(first), "n_animals": len(names)}
    if not len(first):
        return result | dict.fromkeys(("mae", "pearson"), not_defined("no clips"))
    weights, effective = weigh(index), count_effective(index)
    total = np.maximum(weights.sum(axis=1), 1e-300)
    distance = (weights @ np.abs(first - second)) / total
    result["mae"] = describe(distance, effective, "positive")
    if len(first) < 3 or is_constant(first) or is_constant(second):
        return result | {"pearson": not_defined("all scores are equal, or too few")}
    r = correlate(first, second, weights)
    return result | {"pearson": describe(r, effective, "correlation")}
