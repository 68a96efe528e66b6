"""Correlation of scores, where animals are the unit and folds have their networks.

Where each fold of a cross-validation has its own network, scores are correlated
after the mean training score of the fold was taken from both ("centred"). Holding a
high animal out lowers that mean, so every network starts low where the truth is high:
pooled as they are, useless networks have a negative r, and good ones a weak one
(Parker, Guenter & Bedo 2007).
"""

import itertools
import math

import numpy as np
from scipy import stats

from evaluation import jackknife


def correlate(x, y):
    """Pearson's r of (N,) and (N,); nan where either does not vary."""
    if not (np.ptp(x) > 0 and np.ptp(y) > 0):
        return np.nan
    return np.clip(np.corrcoef(x, y)[0, 1], -1, 1)


def rank(values):
    """Mid-ranks of values (N,), where ties may differ by rounding."""
    size = np.max(np.abs(values), initial=0) or 1
    return stats.rankdata(np.round(values / size, 10))


def refuse_correlation(expert, network, base=0.0, what="of them"):
    """Say why scores (N,) cannot be correlated beyond a base; "" where they can."""
    if len(expert) < jackknife.MIN_POINTS:
        return f"fewer than {jackknife.MIN_POINTS} {what}"
    for name, scores in (("expert", expert), ("network", network)):
        if jackknife.is_constant(scores - base, np.max(np.abs(scores))):
            beyond = " beyond the training mean" if jackknife.is_crossed(base) else ""
            return f"the {name} scores do not vary{beyond}"
    return ""


def permutation_test(expert, network, animals, training_mean=None, draws=(9999, 0)):
    """Test how often permuted expert scores agree as well with the network.

    The means of animals are permuted. Means of few clips vary more, for expert and
    network alike, so a plain test rejects too often; the correlation is divided by its
    standard error, each time anew (DiCiccio & Romano 2017). One-sided: p is low where r
    is above 0. Fisher's z of the true r is first divided by the factor of its interval.
    `draws`: how many permutations, and the seed; all are listed where they are fewer.
    Dict of "n" animals, "value" (r), "p", and "reason" where they are None.
    """
    base = np.zeros(len(animals)) if training_mean is None else training_mean
    kept, *columns = jackknife.drop_unscored(animals, expert, network, base)
    owner = np.unique(kept, return_inverse=True)[1]
    x, y, base = (jackknife.average_units(values, owner) for values in columns)
    y = y - base
    if reason := refuse_correlation(x, y, what="animals"):
        return {"n": len(x), "value": None, "p": None, "reason": reason}
    x, y, n = x - x.mean(), y - y.mean(), len(x)
    n_draws, seed = draws
    if is_exact := math.factorial(min(n, 20)) <= n_draws:
        orders = np.array(list(itertools.permutations(range(n))))
    else:
        drawn = np.random.default_rng(seed).random((n_draws, n))
        orders = np.argsort(drawn, axis=1)

    def studentise(x):  # (P, U) -> (P,); what is the same in every order is omitted
        return (x @ y) / np.sqrt(np.maximum(x**2 @ y**2, 1e-300))

    r = float(x @ y / np.sqrt((x @ x) * (y @ y)))
    z = np.arctanh(np.clip(r, -1 + 1e-9, 1 - 1e-9))
    narrowed = np.tanh(z / jackknife.find_widening(base)) / r if r else 1.0
    true = studentise(x[None])[0] * narrowed
    n_beaten = np.sum(studentise(x[orders]) >= true - 1e-9 * abs(true))
    extra = 0 if is_exact else 1  # the true order
    p = float((n_beaten + extra) / (len(orders) + extra))
    return {"n": n, "value": r, "p": p}
