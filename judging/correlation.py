"""Correlation of scores, where animals are the unit and folds have their networks.

Where each fold of a cross-validation has a network of its own, scores are correlated
after the mean training score of the fold was taken from both ("centred"). Leaving a
high animal out lowers that mean, so every network, even one that learned nothing,
starts low where the truth is high: pooled as they are, useless networks seem to be
wrong on purpose, and good ones to be weak (Parker, Guenter & Bedo 2007).
"""

import itertools
import math

import numpy as np

from judging.resampling import (
    average_units,
    count_effective,
    describe,
    drop_unscored,
    find_units,
    index_animals,
    not_defined,
    pair_units,
    weigh,
)

MIN_POINTS = 3  # for a correlation, or a spread
# Two networks of a cross-validation learn from one another's left-out animals, so each
# pair of animals counts twice: standard errors are too small by up to this factor.
CROSSED = math.sqrt(2)
CORRELATIONS = ("pearson", "spearman", "pearson_centred", "spearman_centred")


def is_constant(values, size=None):
    """Say whether scores are equal up to float32 rounding: a dead network's are.

    Parameters
    ----------
    values : (N,) array
    size : float, optional
        Of the numbers that they were computed from; by default their own.

    Returns
    -------
    bool
    """
    size = np.max(np.abs(values)) if size is None else size
    return bool(np.ptp(values) <= 1e-6 * size)


def is_crossed(training_mean):
    """Say whether scores are of several networks: their training means differ."""
    means = np.ravel(np.nan if training_mean is None else training_mean)
    return bool(len(means)) and np.isfinite(means).all() and not is_constant(means)


def center(values, weights, strata=None):
    """Take the weighted mean from values, within each stratum where they are given.

    Parameters
    ----------
    values : (N,) or (B, N) array
    weights : (B, N) array
    strata : (N,) int array, optional

    Returns
    -------
    (B, N) array
    """
    if strata is None:
        strata = np.zeros(weights.shape[1], dtype=int)
    belongs = np.eye(strata.max(initial=0) + 1)[strata]  # (N, S)
    total = weights @ belongs
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.where(total > 0, (weights * values) @ belongs / total, 0)
    return values - means[:, strata]


def correlate(first, second, weights, strata=None):
    """Pearson's r of weighted clips, for many weightings at once.

    Parameters
    ----------
    first, second : (N,) or (B, N) array
        In whatever unit each has.
    weights : (B, N) array
    strata : (N,) int array, optional
        Correlate within these, such as groups: the partial correlation given them.

    Returns
    -------
    (B,) array
        nan where a score does not vary among the clips with weight.
    """
    first, second = (center(values, weights, strata) for values in (first, second))
    squares = [(weights * values**2).sum(axis=1) for values in (first, second)]
    total = weights.sum(axis=1)
    vary = [
        square > 1e-12 * total * np.max(values**2, initial=0)
        for square, values in zip(squares, (first, second), strict=True)
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        r = (weights * first * second).sum(axis=1) / np.sqrt(squares[0] * squares[1])
    return np.where(np.logical_and(*vary), np.clip(r, -1, 1), np.nan)


def rank(values, weights):
    """Mid-ranks of values that count as often as their weights say; (B, N)."""
    size = np.max(np.abs(values), initial=0) or 1  # ties differ by rounding at most
    distinct, place = np.unique(np.round(values / size, 10), return_inverse=True)
    counts = weights @ (place[:, None] == np.arange(len(distinct)))  # (B, distinct)
    return (np.cumsum(counts, axis=1) - (counts - 1) / 2)[:, place]


def _correlate_ranks(first, second, weights):
    return correlate(rank(first, weights), rank(second, weights), weights)


def compute_correlations(first, second, baseline, weights):
    """Every correlation for each row of weights (B, N) -> dict of (B,)."""
    result = {
        "pearson": correlate(first, second, weights),
        "spearman": _correlate_ranks(first, second, weights),
    }
    if np.isfinite(baseline).all():
        first, second = first - baseline, second - baseline
        result["pearson_centred"] = correlate(first, second, weights)
        result["spearman_centred"] = _correlate_ranks(first, second, weights)
    return result


def refuse_correlations(expert, network, baseline):
    """Reasons why correlations are not defined; dict of name -> reason."""
    n = len(expert)
    if n < MIN_POINTS:
        return dict.fromkeys(CORRELATIONS, f"fewer than {MIN_POINTS} of them")
    reasons = {}
    for ending, base in (("", np.zeros(n)), ("_centred", baseline)):
        names = f"pearson{ending}", f"spearman{ending}"
        if not np.isfinite(base).all():
            reasons |= dict.fromkeys(names, "no training-mean prediction was given")
            continue
        constant = [
            name
            for name, scores in (("expert", expert), ("network", network))
            if is_constant(scores - base, np.max(np.abs(scores)))
        ]
        if constant:
            reason = f"the {' and the '.join(constant)} scores are all equal"
            if ending and is_crossed(base):
                reason = reason.replace("all equal", "those of the training mean")
            reasons |= dict.fromkeys(names, reason)
    return reasons


def correlate_scores(first, second, animals, training_mean=None, groups=None):
    """Correlate two scores of the same clips, on whatever scale each has.

    For scores that share no unit, such as a network's trained on groups and an
    expert's: errors between them would mean nothing.

    Parameters
    ----------
    first, second : (N,) array
    animals : (N,) array of str
    training_mean : (N,) array, optional
        Taken from `second`; where the first has the same unit, take it from that, too.
    groups : (N,) array of str, optional
        Correlate within these: the partial correlation given the group.

    Returns
    -------
    dict
        "clips" and "animals", each with "n", "pearson" and, without groups,
        "spearman".
    """
    base = 0 if training_mean is None else np.asarray(training_mean, dtype=float)
    kept, first, second, place = drop_unscored(
        animals, first, np.asarray(second, dtype=float) - base, np.arange(len(animals))
    )
    strata = _number_groups(groups, place)
    widen = CROSSED if is_crossed(training_mean) else 1
    units = find_units(kept) | {"animals": pair_units(kept, strata)}
    result = {}
    for what, (unit, owner) in units.items():
        x, y, within = (average_units(v, unit) for v in (first, second, strata))
        within, weights = within.astype(int), weigh(owner)
        effective = count_effective(owner) - within.max(initial=0)
        reasons = refuse_correlations(x, y, np.full(len(x), np.nan))
        found = {"pearson": correlate(x, y, weights, within)}
        if groups is None:
            found["spearman"] = _correlate_ranks(x, y, weights)
        result[what] = {"n": len(x)} | {
            name: not_defined(reasons[name])
            if name in reasons
            else describe(values, effective, "correlation", widen)
            for name, values in found.items()
        }
    return result


def _number_groups(groups, place):
    if groups is None:
        return np.zeros(len(place), dtype=int)
    return index_animals(np.asarray(groups)[place.astype(int)])[1]


def _list_permutations(strata, n_permutations, seed):
    """List orders of units, shuffled within strata: (P, U), the true order not first.

    Every order where there are no more than asked for.
    """
    n = len(strata)
    if math.factorial(min(n, 20)) <= n_permutations and not strata.any():
        return np.array(list(itertools.permutations(range(n)))), 0
    random = np.random.default_rng(seed)
    home = np.argsort(strata, kind="stable")
    drawn = random.random((n_permutations, n)) + strata[home]
    orders = np.empty((n_permutations, n), dtype=int)
    orders[:, home] = home[np.argsort(drawn, axis=1)]
    return orders, 1


def permutation_test(
    expert,
    network,
    animals,
    training_mean=None,
    groups=None,
    *,
    n_permutations=9999,
    seed=0,
):
    """Ask how often shuffled expert scores would agree as well with the network.

    The means of animals are shuffled. An animal with one clip has wilder means, of
    expert and network alike, than one with twenty, which makes a plain test find too
    much; the correlation is therefore divided by its standard error, each time anew
    (DiCiccio & Romano 2017). One-sided: a network cannot do better by being wrong.

    Parameters
    ----------
    expert, network : (N,) array
    animals : (N,) array of str
    training_mean : (N,) array, optional
        Taken from `network`, as in `correlate_scores`.
    groups : (N,) array of str, optional
        Shuffle within these: is the score graded, or does it tell groups alone?
    n_permutations : int
        Every permutation is used instead where there are no more than these.
    seed : int

    Returns
    -------
    dict
        "n" (animals, or animals within groups), "value" (r), "p": the part of the
        permutations, the true order included, with as high a statistic. Where there
        is none, p is None and "reason" says why.
    """
    base = np.zeros(len(animals)) if training_mean is None else training_mean
    kept, expert, network, base, place = drop_unscored(
        animals, expert, network, base, np.arange(len(animals))
    )
    strata = _number_groups(groups, place)
    unit, _ = pair_units(kept, strata)
    x, y = (average_units(values, unit) for values in (expert, network - base))
    within = average_units(strata, unit).astype(int)
    reasons = refuse_correlations(x, y, np.full(len(x), np.nan))
    if "pearson" in reasons:
        reason = reasons["pearson"]
        return {"n": len(x), "value": None, "p": None, "reason": reason}
    x, y = (center(values, np.ones((1, len(x))), within)[0] for values in (x, y))
    orders, extra = _list_permutations(within, n_permutations, seed)

    def studentise(x):  # (P, U) -> (P,); what is the same in every order is left out
        return (x @ y) / np.sqrt(np.maximum(x**2 @ y**2, 1e-300))

    true = studentise(x[None])[0] / (CROSSED if is_crossed(base) else 1)
    beaten = np.sum(studentise(x[orders]) >= true - 1e-9 * abs(true)) + extra
    r = float(x @ y / np.sqrt((x @ x) * (y @ y)))
    return {"n": len(x), "value": r, "p": float(beaten / (len(orders) + extra))}
