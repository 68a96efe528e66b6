"""Agreement between network scores and expert scores, the animal as the unit.

Pure functions on arrays. Every figure is `{"value", "low", "high"}` with a 95%
interval over animals; where there is none, the value or the limits are None and
"reason" says why. Results hold only what JSON can hold.
"""

import numpy as np

from evaluation import jackknife
from evaluation.correlation import center, compute_correlations, refuse_correlation

SCALES = {"mae": "positive", "rmse": "positive", "bias": "plain", "r2": "below one"}
CORRELATIONS = ("pearson", "spearman", "pearson_centred", "spearman_centred")
SCALES |= dict.fromkeys((*CORRELATIONS, "ccc", "icc"), "correlation")


def compute_icc(ratings, weights):
    """ICC(A,1): absolute agreement of single ratings, two-way (McGraw & Wong 1996).

    Of complete ratings (R, N) for each row of weights (B, N): the ICC (B,), and the
    standard error of measurement (B,), of raters' biases and what is left.
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
    columns = np.abs(error), error, error**2, (expert - base) ** 2
    mae, bias, mse, of_base = (jackknife.average(v, weights) for v in columns)
    x, y = center(expert, weights), center(network, weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        both = (weights * (x**2 + y**2)).sum(axis=1) / n
        covariance = (weights * x * y).sum(axis=1) / n
        return {
            "mae": mae,
            "rmse": np.sqrt(mse),
            "bias": bias,
            "spread": np.sqrt(np.maximum(mse - bias**2, 0) * n / (n - 1)),
            "r2": 1 - mse / of_base,
            # Lin (1989), variances with N in the denominator
            "ccc": 2 * covariance / (both + bias**2),
            "icc": compute_icc(np.stack([expert, network]), weights)[0],
        }


def find_reasons(expert, network, base, what):
    """Say of each statistic why it is not defined; "" where it may be."""
    enough = len(expert) >= jackknife.MIN_POINTS
    few = "" if enough else f"fewer than {jackknife.MIN_POINTS} {what}"
    plain = refuse_correlation(expert, network, what=what)
    centred = refuse_correlation(expert, network, base, what)
    same = enough and all(map(jackknife.is_constant, (expert, network)))
    r2 = few if np.isfinite(base).all() else centred
    if not few and np.all(expert == base):
        r2 = "the training-mean prediction has no error"
    found = zip(CORRELATIONS, (plain, plain, centred, centred), strict=True)
    both = plain if same else few
    return dict(found) | {"r2": r2, "ccc": both, "icc": both, "limits": few}


def find_limits(values, jack):
    """95% limits of agreement (Bland & Altman 1999), each with its interval.

    The spread is skewed: its interval and that of the bias are joined as by Zou &
    Donner (2008), which keeps that skew.
    """
    bias = jack.describe(values["bias"])
    spread = jack.describe(values["spread"], "positive")
    limits = {}
    for name, sign in (("lower_limit", -1), ("upper_limit", 1)):
        centre = sign * 1.96 * values["spread"][0]
        value = float(values["bias"][0] + centre)
        if reason := bias.get("reason") or spread.get("reason"):
            limits[name] = jackknife.not_defined(reason, value)
            continue
        low, high = sorted(sign * 1.96 * spread[end] for end in ("low", "high"))
        down = np.hypot(bias["value"] - bias["low"], centre - low)
        up = np.hypot(bias["high"] - bias["value"], high - centre)
        limits[name] = {"value": value, "low": value - down, "high": value + up}
    return limits


def describe_unit(expert, network, base, owner, what):
    """Describe the agreement of clips, sessions or animals, which `owner` numbers."""
    if not len(expert):
        none = jackknife.not_defined(f"no {what} with both scores")
        return {"n": 0} | dict.fromkeys((*SCALES, "lower_limit", "upper_limit"), none)
    jack = jackknife.Jackknife(owner, jackknife.find_widening(base))
    values = compute_errors(expert, network, base, jack.weights)
    values |= compute_correlations(expert, network, jack.weights)
    sides = expert - base, network - base
    values |= compute_correlations(*sides, jack.weights, "_centred")
    reasons = find_reasons(expert, network, base, what)
    result = {"n": len(expert)}
    for name, scale in SCALES.items():
        known = not reasons.get(name)
        figure = jack.describe(values[name], scale) if known else None
        result[name] = figure or jackknife.not_defined(reasons[name])
    if reasons["limits"]:
        none = jackknife.not_defined(reasons["limits"])
        return result | {"lower_limit": none, "upper_limit": none}
    return result | find_limits(values, jack)


def measure_agreement(expert, network, animals, training_mean=None, sessions=None):
    """Compare network scores with expert scores, or one expert with another.

    Parameters
    ----------
    expert, network, animals : (N,) array
        A clip without either score is left out; animals are compared by their means.
    training_mean : float or (N,) array, optional
        Mean score of the clips that each clip's network was trained on.
    sessions : (N,) array of str, optional
        The day of each clip.

    Returns
    -------
    dict
        "clips", "animals", and "sessions" where they are given, each with "n" and, as
        `{"value", "low", "high"}`, "mae", "rmse", "bias" (network - expert),
        "lower_limit", "upper_limit" (95% limits of agreement), "r2" (the part of the
        training mean's squared error that the network removes), "pearson", "spearman",
        "pearson_centred", "spearman_centred" (beyond that mean), "ccc" (Lin's
        concordance), "icc" (ICC(A,1)); "unscored", the number of clips left out.
    """
    n = len(np.ravel(expert))
    columns = expert, network, np.arange(n)
    kept, expert, network, place = jackknife.drop_unscored(animals, *columns)
    place = place.astype(int)
    base = np.nan if training_mean is None else np.asarray(training_mean, dtype=float)
    base = np.broadcast_to(base, n)[place]
    base = base if np.isfinite(base).all() else np.full(len(place), np.nan)
    sessions = None if sessions is None else np.asarray(sessions)[place]
    result = {}
    for what, (unit, owner) in jackknife.find_units(kept, sessions).items():
        columns = (jackknife.average_units(v, unit) for v in (expert, network, base))
        result[what] = describe_unit(*columns, owner, what)
    return result | {"unscored": n - len(place)}
