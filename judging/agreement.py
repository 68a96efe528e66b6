"""Agreement between network scores and expert scores, the animal as the unit.

Pure functions on arrays. Every figure is `{"value", "low", "high"}` with a 95%
interval over animals; where there is none, the value or the limits are None and
"reason" says why. Results hold only what JSON can hold.
"""

import numpy as np

from judging.correlation import (
    CORRELATIONS,
    CROSSED,
    MIN_POINTS,
    compute_correlations,
    is_constant,
    is_crossed,
    refuse_correlations,
)
from judging.resampling import (
    average_units,
    count_effective,
    describe,
    drop_unscored,
    find_interval,
    find_units,
    not_defined,
    weigh,
)

SCALES = {
    "mae": "positive",
    "rmse": "positive",
    "bias": "plain",
    "r2": "below one",
    **dict.fromkeys(CORRELATIONS, "correlation"),
    "ccc": "correlation",
    "icc": "correlation",
}


def _compute_errors(expert, network, baseline, weights):
    """Every statistic of error for each row of weights (B, N) -> dict of (B,)."""
    difference = network - expert
    origin = expert.mean()  # sums of squares lose digits far from 0
    x, y = expert - origin, network - origin
    columns = (
        np.abs(difference),
        difference,
        difference**2,
        x,
        y,
        x**2,
        y**2,
        x * y,
        (expert - baseline) ** 2,
    )
    n = weights.sum(axis=1)
    means = (weights @ np.stack(columns, axis=1)) / np.where(n > 0, n, np.nan)[:, None]
    mae, bias, mse, mean_x, mean_y, xx, yy, xy, baseline_mse = means.T
    unbiased = n / np.where(n > 1, n - 1, np.nan)
    var_x, var_y, cov = xx - mean_x**2, yy - mean_y**2, xy - mean_x * mean_y
    var_difference = np.maximum(mse - bias**2, 0)
    # ICC(A,1): mean squares between clips, between raters, and of what is left,
    # for two raters (McGraw & Wong 1996, case 2A).
    between = (var_x + var_y + 2 * cov) * unbiased / 2
    raters = n * bias**2 / 2
    left = var_difference * unbiased / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "mae": mae,
            "rmse": np.sqrt(mse),
            "bias": bias,
            "spread": np.sqrt(var_difference * unbiased),
            "r2": 1 - mse / baseline_mse,
            # Lin (1989), variances with N in the denominator
            "ccc": 2 * cov / (var_x + var_y + bias**2),
            "icc": (between - left) / (between + left + 2 * (raters - left) / n),
        }


def _refuse(expert, network, baseline, what):
    """Reasons why statistics are not defined; dict of name -> reason."""
    n = len(expert)
    if n == 0:
        return dict.fromkeys((*SCALES, "limits"), f"no {what} with both scores")
    reasons = {}
    if not np.isfinite(baseline).all():
        lacking = ("r2", "pearson_centred", "spearman_centred")
        reasons = dict.fromkeys(lacking, "no training-mean prediction was given")
    elif not np.any(expert != baseline):
        reasons["r2"] = "the training-mean prediction has no error"
    if n < MIN_POINTS:
        few = dict.fromkeys(
            ("r2", *CORRELATIONS, "ccc", "icc", "limits"),
            f"fewer than {MIN_POINTS} {what}",
        )
        return {**few, **reasons}
    reasons = refuse_correlations(expert, network, baseline) | reasons
    if is_constant(expert) and is_constant(network):
        reasons["ccc"] = reasons["icc"] = reasons["pearson"]
    return reasons


def _find_limits(values, effective):
    """95% limits of agreement (Bland & Altman 1999), each with its interval.

    A limit is bias -+ 1.96 spreads, and the spread is skewed. The intervals of bias
    and spread are joined as by Zou & Donner (2008), which keeps that skew.
    """
    bias, spread = values["bias"], values["spread"]
    of_bias = find_interval(bias, effective)
    of_spread = find_interval(spread, effective, "positive")
    limits = {}
    for name, sign in (("lower_limit", -1), ("upper_limit", 1)):
        value = bias[0] + sign * 1.96 * spread[0]
        refused = next((i for i in (of_bias, of_spread) if isinstance(i, str)), None)
        if refused:
            limits[name] = not_defined(refused, value)
            continue
        ends = sorted(sign * 1.96 * end for end in of_spread)
        centre = sign * 1.96 * spread[0]
        limits[name] = {
            "value": float(value),
            "low": float(value - np.hypot(bias[0] - of_bias[0], centre - ends[0])),
            "high": float(value + np.hypot(of_bias[1] - bias[0], ends[1] - centre)),
        }
    return limits


def _describe_unit(expert, network, baseline, index, what):
    """Describe the agreement of clips, sessions or animals, which `index` owns."""
    reasons = _refuse(expert, network, baseline, what)
    result, values = {"n": len(expert)}, {}
    effective = count_effective(index)
    if len(expert):
        weights = weigh(index)
        values = _compute_errors(expert, network, baseline, weights)
        values |= compute_correlations(expert, network, baseline, weights)
    widen = CROSSED if is_crossed(baseline) else 1
    for name, scale in SCALES.items():
        if name in reasons:
            result[name] = not_defined(reasons[name])
        else:
            result[name] = describe(values[name], effective, scale, widen)
    if "limits" in reasons:
        for name in ("lower_limit", "upper_limit"):
            result[name] = not_defined(reasons["limits"])
        return result
    return result | _find_limits(values, effective)


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
    if not np.isfinite(base).all():
        base = np.full(len(place), np.nan)
    sessions = None if sessions is None else np.asarray(sessions)[place]
    result = {}
    for what, (unit, owner) in find_units(kept, sessions).items():
        means = [average_units(column, unit) for column in (expert, network, base)]
        result[what] = _describe_unit(*means, owner, what)
    return result | {"unscored": n - len(place)}
