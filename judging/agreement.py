"""Agreement between network scores and expert scores, the animal as the unit.

Pure functions on arrays. Every figure is `{"value", "low", "high"}` with a 95%
interval over animals; where there is none, the value or the limits are None and
"reason" says why. Results hold only what JSON can hold.
"""

import numpy as np
from scipy import stats

from judging import resampling
from judging.resampling import (
    describe,
    draw_weights,
    drop_unscored,
    index_animals,
    not_defined,
)

MIN_POINTS = 3  # for a correlation, or a spread


def average_animals(values, animals):
    """Average the clips of each animal.

    Parameters
    ----------
    values : (N,) array
        One value for each clip.
    animals : (N,) array of str

    Returns
    -------
    names : (A,) array of str
        Sorted.
    means : (A,) array
    """
    names, index = index_animals(animals)
    values = np.asarray(values, dtype=float)
    return names, np.bincount(index, values) / np.bincount(index)


def is_constant(values):
    """Say whether scores are equal up to float32 rounding: a dead network's are.

    Parameters
    ----------
    values : (N,) array

    Returns
    -------
    bool
    """
    return bool(np.ptp(values) <= 1e-6 * max(1.0, np.max(np.abs(values))))


def correlate(first, second, weights):
    """Pearson's r of weighted clips, for many weightings at once.

    Parameters
    ----------
    first, second : (N,) or (B, N) array
    weights : (B, N) array

    Returns
    -------
    (B,) array
        nan where a score does not vary among the clips with weight.
    """
    total = weights.sum(axis=1, keepdims=True)

    def centre(values):
        return values - (weights * values).sum(axis=1, keepdims=True) / total

    first, second = centre(first), centre(second)
    squares = [(weights * values**2).sum(axis=1) for values in (first, second)]
    floor = 1e-12 * total[:, 0] * max(np.max(first**2), np.max(second**2), 1e-300)
    product = np.sqrt(
        np.where(np.minimum(*squares) > floor, squares[0] * squares[1], 0)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(
            product > 0, (weights * first * second).sum(axis=1) / product, np.nan
        )


def _rank(values, weights):
    """Mid-ranks of values that count as often as their weights say; (B, N)."""
    distinct, place = np.unique(values, return_inverse=True)
    counts = weights @ (place[:, None] == np.arange(len(distinct)))  # (B, distinct)
    return (np.cumsum(counts, axis=1) - (counts - 1) / 2)[:, place]


def _compute_agreement(expert, network, baseline, weights):
    """Every statistic of agreement for each row of weights (B, N) -> dict of (B,)."""
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
    means = (weights @ np.stack(columns, axis=1)) / n[:, None]
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
            "pearson": correlate(x, y, weights),
            "spearman": correlate(_rank(x, weights), _rank(y, weights), weights),
            # Lin (1989), variances with N in the denominator
            "ccc": 2 * cov / (var_x + var_y + bias**2),
            "icc": (between - left) / (between + left + 2 * (raters - left) / n),
        }


_SCALE_OF = {
    "mae": "positive",
    "rmse": "positive",
    "bias": "plain",
    "r2": "below one",
    "pearson": "correlation",
    "spearman": "correlation",
    "ccc": "correlation",
    "icc": "correlation",
}


def _refuse(expert, network, baseline, what):
    """Reasons why statistics are not defined; dict of name -> reason."""
    n = len(expert)
    if n == 0:
        return dict.fromkeys((*_SCALE_OF, "limits"), f"no {what} with both scores")
    reasons = {}
    if baseline is None:
        reasons["r2"] = "no training-mean prediction was given"
    elif not np.any(expert != baseline):
        reasons["r2"] = "the training-mean prediction has no error"
    if n < MIN_POINTS:
        few = dict.fromkeys(
            ("r2", "pearson", "spearman", "ccc", "icc", "limits"),
            f"fewer than {MIN_POINTS} {what}",
        )
        return {**few, **reasons}
    constant = [
        name
        for name, scores in (("expert", expert), ("network", network))
        if is_constant(scores)
    ]
    if constant:
        reason = f"the {' and the '.join(constant)} scores are all equal"
        reasons["pearson"] = reasons["spearman"] = reason
        if len(constant) == 2:
            reasons["ccc"] = reasons["icc"] = reason
    return reasons


def _find_limits(one, many, n_animals):
    """95% limits of agreement (Bland & Altman 1999), each with its interval.

    A limit is bias -+ 1.96 spreads, and the spread is skewed. The intervals of bias
    and spread are joined as by Zou & Donner (2008), which keeps that skew.
    """
    bias, spread = one["bias"], one["spread"]
    of_bias = resampling.find_interval(bias, many["bias"], n_animals)
    of_spread = resampling.find_interval(spread, many["spread"], n_animals, "positive")
    limits = {}
    for name, sign in (("lower_limit", -1), ("upper_limit", 1)):
        value = bias + sign * 1.96 * spread
        refused = next((i for i in (of_bias, of_spread) if isinstance(i, str)), None)
        if refused:
            limits[name] = not_defined(refused, value)
            continue
        ends = sorted(sign * 1.96 * end for end in of_spread)
        centre = sign * 1.96 * spread
        limits[name] = {
            "value": float(value),
            "low": float(value - np.hypot(bias - of_bias[0], centre - ends[0])),
            "high": float(value + np.hypot(of_bias[1] - bias, ends[1] - centre)),
        }
    return limits


def _describe_agreement(expert, network, baseline, index, weights, what):
    reasons = _refuse(expert, network, baseline, what)
    result = {"n": len(expert)}
    one = many = None
    if len(expert):
        base = np.full(len(expert), np.nan) if baseline is None else baseline
        arrays = (expert, network, base)
        one = _compute_agreement(*arrays, np.ones((1, len(expert))))
        one = {name: values[0] for name, values in one.items()}
        many = _compute_agreement(*arrays, weights[:, index])
    for name, scale in _SCALE_OF.items():
        if name in reasons:
            result[name] = not_defined(reasons[name])
        else:
            result[name] = describe(one[name], many[name], weights.shape[1], scale)
    if "limits" in reasons:
        for name in ("lower_limit", "upper_limit"):
            result[name] = not_defined(reasons["limits"])
        return result
    return result | _find_limits(one, many, weights.shape[1])


def measure_agreement(
    expert,
    network,
    animals,
    training_mean=None,
    *,
    n_resamples=resampling.N_RESAMPLES,
    seed=0,
):
    """Compare network scores with expert scores, clip by clip and animal by animal.

    It serves two experts as well: pass the second expert's scores as `network`.

    Parameters
    ----------
    expert, network : (N,) array
        Scores of the same clips; a clip without either is left out.
    animals : (N,) array of str
        The animal of each clip. Animals are compared by the mean of their clips.
    training_mean : float or (N,) array, optional
        For each clip, the mean score of the clips its network was trained on: R2 is
        the share of that prediction's squared error which the network removes.
    n_resamples, seed : int
        Of the bootstrap over animals.

    Returns
    -------
    dict
        "clips" and "animals", each with "n" and, as `{"value", "low", "high"}`,
        "mae", "rmse", "bias" (network - expert), "lower_limit", "upper_limit" (95%
        limits of agreement), "r2", "pearson", "spearman", "ccc" (Lin's concordance),
        "icc" (ICC(A,1)); "unscored", the number of clips left out.
    """
    n = len(np.ravel(expert))
    base = 0.0 if training_mean is None else training_mean
    base = np.broadcast_to(np.asarray(base, dtype=float), (n,))
    names, *clips = drop_unscored(animals, expert, network, base)
    labels, index = index_animals(names)
    weights = draw_weights(len(labels), n_resamples, seed)
    means = [average_animals(column, names)[1] for column in clips]
    result = {}
    for what, columns, place in (
        ("clips", clips, index),
        ("animals", means, np.arange(len(labels))),
    ):
        baseline = None if training_mean is None else columns[2]
        result[what] = _describe_agreement(*columns[:2], baseline, place, weights, what)
    return result | {"unscored": n - len(names)}


def permutation_test(expert, network, animals, *, n_permutations=9999, seed=0):
    """Ask how often shuffled expert scores would agree as well with the network.

    Expert scores are shuffled between animals. Animals have unequal numbers of
    clips, so what is shuffled, and what the test speaks about, is the mean score of
    an animal. One-sided: leaving animals out pushes the scores of a network that
    learned nothing *away* from the expert's, which a two-sided test would take for
    a finding.

    Parameters
    ----------
    expert, network : (N,) array
    animals : (N,) array of str
    n_permutations : int
        Every permutation is used instead where there are no more than these.
    seed : int

    Returns
    -------
    dict
        "n" (animals); "pearson" and "mae", each `{"value", "p"}`: p is the share of
        permutations, the true order included, with a correlation as high or an MAE
        as low. Where there is none, p is None and "reason" says why.
    """
    names, expert, network = drop_unscored(animals, expert, network)
    expert = average_animals(expert, names)[1]
    network = average_animals(network, names)[1]
    result = {"n": len(expert)}
    reason = None
    if len(expert) < MIN_POINTS:
        reason = f"fewer than {MIN_POINTS} animals"
    elif is_constant(expert) or is_constant(network):
        reason = "the scores of all animals are equal"
    if reason:
        empty = {"value": None, "p": None, "reason": reason}
        return result | {"pearson": empty, "mae": dict(empty)}

    def find_product(shuffled, axis):  # rises with r, as means and spreads stay
        return np.mean(shuffled * (network - network.mean()), axis=axis)

    def find_mae(shuffled, axis):
        return np.mean(np.abs(shuffled - network), axis=axis)

    for name, statistic, side, value in (
        ("pearson", find_product, "greater", np.corrcoef(expert, network)[0, 1]),
        ("mae", find_mae, "less", find_mae(expert, -1)),
    ):
        test = stats.permutation_test(
            (expert,),
            statistic,
            permutation_type="pairings",
            vectorized=True,
            n_resamples=n_permutations,
            alternative=side,
            random_state=seed,
        )
        result[name] = {"value": float(value), "p": float(test.pvalue)}
    return result
