"""Agreement between network scores and expert scores, the animal as the unit.

Pure functions on arrays. Every figure is `{"value", "low", "high"}` with a 95%
interval over animals; where there is none, the value or the limits are None and
"reason" says why. Results hold only what JSON can hold.
"""

import numpy as np

from judging.correlation import center, compute_correlations, refuse_correlation
from judging.resampling import (
    MIN_POINTS,
    Jackknife,
    average,
    average_units,
    drop_unscored,
    find_units,
    find_widening,
    is_constant,
    not_defined,
)

SCALES = {
    "mae": "positive",
    "rmse": "positive",
    "bias": "plain",
    "r2": "below one",
    "pearson": "correlation",
    "spearman": "correlation",
    "pearson_centred": "correlation",
    "spearman_centred": "correlation",
    "ccc": "correlation",
    "icc": "correlation",
}


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
    k, n = len(ratings), weights.sum(axis=1)
    ratings = ratings - ratings.mean()  # sums of squares lose digits far from 0
    with np.errstate(divide="ignore", invalid="ignore"):
        of_raters = (weights @ ratings.T) / n[:, None]  # (B, R)
        grand = of_raters.mean(axis=1)
        square = (weights @ (ratings**2).T).sum(axis=1) - n * k * grand**2
        clips = k * (weights @ ratings.mean(axis=0) ** 2 - n * grand**2)
        raters = n * ((of_raters**2).sum(axis=1) - k * grand**2)
        clip, rater = clips / (n - 1), raters / (k - 1)
        left = np.maximum(square - clips - raters, 0) / ((n - 1) * (k - 1))
        icc = (clip - left) / (clip + (k - 1) * left + k * (rater - left) / n)
        return icc, np.sqrt(left + (rater - left) / n)


def compute_errors(expert, network, base, weights):
    """Every statistic of error for each row of weights (B, N) -> dict of (B,)."""
    error, n = network - expert, weights.sum(axis=1)
    mae, bias, mse = (average(v, weights) for v in (np.abs(error), error, error**2))
    x, y = center(expert, weights), center(network, weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        both = (weights * (x**2 + y**2)).sum(axis=1) / n
        covariance = (weights * x * y).sum(axis=1) / n
        return {
            "mae": mae,
            "rmse": np.sqrt(mse),
            "bias": bias,
            "spread": np.sqrt(np.maximum(mse - bias**2, 0) * n / (n - 1)),
            "r2": 1 - mse / average((expert - base) ** 2, weights),
            # Lin (1989), variances with N in the denominator
            "ccc": 2 * covariance / (both + bias**2),
            "icc": compute_icc(np.stack([expert, network]), weights)[0],
        }


def find_reasons(expert, network, base, what):
    """Say of each statistic why it is not defined; "" where it may be."""
    few = "" if len(expert) >= MIN_POINTS else f"fewer than {MIN_POINTS} {what}"
    plain = refuse_correlation(expert, network, what=what)
    centred = refuse_correlation(expert, network, base, what)
    r2, both = few, few
    if not np.isfinite(base).all():
        r2 = centred
    elif not np.any(expert != base):
        r2 = "the training-mean prediction has no error"
    if not few and is_constant(expert) and is_constant(network):
        both = plain
    return {
        "r2": r2,
        **{"pearson": plain, "spearman": plain},
        **{"pearson_centred": centred, "spearman_centred": centred},
        **{"ccc": both, "icc": both, "limits": few},
    }


def find_limits(values, jack):
    """95% limits of agreement (Bland & Altman 1999), each with its interval.

    A limit is bias -+ 1.96 spreads, and the spread is skewed. The intervals of bias
    and spread are joined as by Zou & Donner (2008), which keeps that skew.
    """
    bias = jack.describe(values["bias"])
    spread = jack.describe(values["spread"], "positive")
    limits = {}
    for name, sign in (("lower_limit", -1), ("upper_limit", 1)):
        centre = sign * 1.96 * values["spread"][0]
        value = float(values["bias"][0] + centre)
        if reason := bias.get("reason") or spread.get("reason"):
            limits[name] = not_defined(reason, value)
            continue
        low, high = sorted(sign * 1.96 * spread[end] for end in ("low", "high"))
        down = np.hypot(bias["value"] - bias["low"], centre - low)
        up = np.hypot(bias["high"] - bias["value"], high - centre)
        limits[name] = {"value": value, "low": value - down, "high": value + up}
    return limits


def describe_unit(expert, network, base, owner, what):
    """Describe the agreement of clips, sessions or animals, which `owner` numbers."""
    n, jack = len(expert), Jackknife(owner, find_widening(base))
    if not n:
        names = (*SCALES, "lower_limit", "upper_limit")
        return {"n": 0} | dict.fromkeys(
            names, not_defined(f"no {what} with both scores")
        )
    values = compute_errors(expert, network, base, jack.weights)
    values |= compute_correlations(expert, network, jack.weights)
    sides = expert - base, network - base
    values |= compute_correlations(*sides, jack.weights, "_centred")
    reasons = find_reasons(expert, network, base, what)
    result = {"n": n} | {
        name: not_defined(reasons[name])
        if reasons.get(name)
        else jack.describe(values[name], scale)
        for name, scale in SCALES.items()
    }
    if reasons["limits"]:
        none = not_defined(reasons["limits"])
        return result | {"lower_limit": none, "upper_limit": none}
    # one network's limits: how it errs, not how it was trained
    return result | find_limits(values, Jackknife(owner))


def measure_agreement(expert, network, animals, training_mean=None, sessions=None):
    """Compare network scores with expert scores: clips, sessions, animals.

    It serves two experts as well: pass the second expert's scores as `network`.

    Parameters
    ----------
    expert, network : (N,) array
        Scores of the same clips; a clip without either is left out.
    animals : (N,) array of str
        The animal of each clip. Animals are compared by the mean of their clips.
    training_mean : float or (N,) array, optional
        For each clip, the mean score of the clips its network was trained on: R2 is
        the part of that prediction's squared error which the network removes, and
        centred correlations are of what either score says beyond it.
    sessions : (N,) array of str, optional
        The day of each clip.

    Returns
    -------
    dict
        "clips", "animals", and "sessions" where they are given, each with "n" and, as
        `{"value", "low", "high"}`, "mae", "rmse", "bias" (network - expert),
        "lower_limit", "upper_limit" (95% limits of agreement), "r2", "pearson",
        "spearman", "pearson_centred", "spearman_centred", "ccc" (Lin's concordance),
        "icc" (ICC(A,1)); "unscored", the number of clips left out.
    """
    n = len(np.ravel(expert))
    kept, expert, network, place = drop_unscored(animals, expert, network, np.arange(n))
    place = place.astype(int)
    base = np.nan if training_mean is None else np.asarray(training_mean, dtype=float)
    base = np.broadcast_to(base, n)[place]
    base = base if np.isfinite(base).all() else np.full(len(place), np.nan)
    sessions = None if sessions is None else np.asarray(sessions)[place]
    result = {}
    for what, (unit, owner) in find_units(kept, sessions).items():
        means = [average_units(column, unit) for column in (expert, network, base)]
        result[what] = describe_unit(*means, owner, what)
    return result | {"unscored": n - len(place)}
