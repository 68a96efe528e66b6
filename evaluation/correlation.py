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

from evaluation import jackknife


def center(values, weights, strata=None):
    """Take the weighted mean, within strata (N,), from values (N,) or (B, N)."""
    strata = np.zeros(weights.shape[1], dtype=int) if strata is None else strata
    belongs = np.eye(strata.max(initial=0) + 1)[strata]  # (N, S)
    total = weights @ belongs
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.where(total > 0, (weights * values) @ belongs / total, 0)
    return values - means[:, strata]


def correlate(first, second, weights, strata=None):
    """Pearson's r of clips (N,) or (B, N) for each row of weights (B, N), or within
    strata (N,), such as groups: the partial correlation given them.

    (B,), nan where a score does not vary among the clips with weight.
    """
    x, y = (center(values, weights, strata) for values in (first, second))
    xx, yy, xy = ((weights * p).sum(axis=1) for p in (x * x, y * y, x * y))
    least = 1e-12 * weights.sum(axis=1)
    vary = [s > least * np.max(v * v, initial=0) for s, v in ((xx, x), (yy, y))]
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.clip(xy / np.sqrt(xx * yy), -1, 1)
    return np.where(np.logical_and(*vary), r, np.nan)


def rank(values, weights):
    """Mid-ranks of values that count as often as their weights say; (B, N)."""
    size = np.max(np.abs(values), initial=0) or 1  # ties differ by rounding at most
    distinct, place = np.unique(np.round(values / size, 10), return_inverse=True)
    counts = weights @ (place[:, None] == np.arange(len(distinct)))  # (B, distinct)
    return (np.cumsum(counts, axis=1) - (counts - 1) / 2)[:, place]


def compute_correlations(first, second, weights, ending=""):
    """Pearson's r and Spearman's rho for each row of weights (B, N): dict of (B,)."""
    ranks = rank(first, weights), rank(second, weights)
    return {
        f"pearson{ending}": correlate(first, second, weights),
        f"spearman{ending}": correlate(*ranks, weights),
    }


def refuse_correlation(expert, network, base=0.0, what="of them"):
    """Say why scores (N,) cannot be correlated beyond a base; "" where they can."""
    if not np.isfinite(base).all():
        return "no training-mean prediction was given"
    if len(expert) < jackknife.MIN_POINTS:
        return f"fewer than {jackknife.MIN_POINTS} {what}"
    constant = [
        name
        for name, scores in (("expert", expert), ("network", network))
        if jackknife.is_constant(scores - base, np.max(np.abs(scores)))
    ]
    if not constant:
        return ""
    equal = "those of the training mean" if jackknife.is_crossed(base) else "all equal"
    return f"the {' and the '.join(constant)} scores are {equal}"


def number_groups(groups, n):
    """Number groups (N,); 0 for all without them."""
    return np.zeros(n) if groups is None else jackknife.index_animals(groups)[1]


def correlate_scores(first, second, animals, training_mean=None, groups=None):
    """Correlate two scores (N,) of the same clips, on whatever scale each has.

    For scores that share no unit, such as a network's trained on groups and an
    expert's. The training mean is taken from `second`; where the first has the same
    unit, take it from that, too. With groups, correlate within these: the partial
    correlation given the group. Dict of "clips" and "animals", each with "n", "pearson"
    and, without groups, "spearman".
    """
    base = 0 if training_mean is None else np.asarray(training_mean, dtype=float)
    columns = first, np.asarray(second, float) - base
    strata = number_groups(groups, len(animals))
    kept, *columns = jackknife.drop_unscored(animals, *columns, strata)
    units = jackknife.find_units(kept)
    units["animals"] = jackknife.pair_units(kept, columns[-1])
    widen, result = jackknife.find_widening(training_mean), {}
    for what, (unit, owner) in units.items():
        x, y, strata = (jackknife.average_units(v, unit) for v in columns)
        within = jackknife.index_animals(strata)[1]
        jack = jackknife.Jackknife(owner, widen, within.max(initial=0))
        found = compute_correlations(x, y, jack.weights)
        if groups is not None:
            found = {"pearson": correlate(x, y, jack.weights, within)}
        reason = refuse_correlation(x, y, what=what)
        result[what] = {"n": len(x)}
        for name, values in found.items():
            figure = jack.describe(values, "correlation")
            result[what][name] = jackknife.not_defined(reason) if reason else figure
    return result


def list_permutations(strata, n_permutations, seed):
    """List orders of units (P, U) shuffled within strata; 1 where the true one is to
    be added, 0 where there are no more than asked for and all of them are listed.
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
    expert, network, animals, training_mean=None, groups=None, draws=(9999, 0)
):
    """Ask how often shuffled expert scores would agree as well with the network.

    The means of animals are shuffled. An animal with one clip has wilder means, of
    expert and network alike, than one with twenty, which makes a plain test find too
    much; the correlation is therefore divided by its standard error, each time anew
    (DiCiccio & Romano 2017). One-sided: a network cannot do better by being wrong.

    Parameters are those of `correlate_scores`, and how many permutations, from which
    seed; shuffled within groups, it asks whether the score is graded or tells groups.

    Returns
    -------
    dict
        "n" (animals, or animals within groups), "value" (r), "p": the part of the
        permutations, the true order included, with as high a statistic; or "reason".
    """
    base = np.zeros(len(animals)) if training_mean is None else training_mean
    columns = expert, network, base, number_groups(groups, len(animals))
    kept, expert, network, base, strata = jackknife.drop_unscored(animals, *columns)
    unit, _ = jackknife.pair_units(kept, strata)
    columns = expert, network - base, strata
    x, y, strata = (jackknife.average_units(values, unit) for values in columns)
    within = jackknife.index_animals(strata)[1]
    if reason := refuse_correlation(x, y, what="animals"):
        return {"n": len(x), "value": None, "p": None, "reason": reason}
    x, y = (center(values, np.ones((1, len(x))), within)[0] for values in (x, y))
    orders, extra = list_permutations(within, *draws)

    def studentise(x):  # (P, U) -> (P,); what is the same in every order is left out
        return (x @ y) / np.sqrt(np.maximum(x**2 @ y**2, 1e-300))

    true = studentise(x[None])[0] / jackknife.find_widening(base)
    beaten = np.sum(studentise(x[orders]) >= true - 1e-9 * abs(true)) + extra
    r = float(x @ y / np.sqrt((x @ x) * (y @ y)))
    return {"n": len(x), "value": r, "p": float(beaten / (len(orders) + extra))}
