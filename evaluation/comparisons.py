"""Which of two scores is the better: for an outcome, beside experts, under a change.

Pure functions on arrays; figures as in `agreement.py`, intervals over animals.
"""

import numpy as np
from scipy import stats

from evaluation import jackknife
from evaluation.correlation import correlate

NEGLIGIBLE = 0.1  # of the MAE: a change without practical meaning


def fisher_interval(r, n):
    """Find the 95% interval (low, high) of a correlation of n animals."""
    half = stats.norm.ppf(0.975) / np.sqrt(n - 3)
    z = np.arctanh(np.clip(r, -1 + 1e-15, 1 - 1e-15))
    return float(np.tanh(z - half)), float(np.tanh(z + half))


def zou_interval(r_first, r_second, r_between, n):
    """Find the 95% interval of a difference of correlations (Zou 2007, Psych Meth)."""
    first, second = fisher_interval(r_first, n), fisher_interval(r_second, n)
    squares = r_first**2 + r_second**2 + r_between**2
    shared = (r_between - r_first * r_second / 2) * (1 - squares) + r_between**3
    shared /= max((1 - r_first**2) * (1 - r_second**2), 1e-15)
    shared = np.clip(shared, -1, 1)

    def join(a, b):
        return np.sqrt(max(a**2 + b**2 - 2 * shared * a * b, 0))

    difference = r_first - r_second
    low = difference - join(r_first - first[0], second[1] - r_second)
    high = difference + join(first[1] - r_first, r_second - second[0])
    return float(low), float(high)


def compare_outcomes(outcome, network, expert):
    """Compare how well network and expert scores (A,) each predict an outcome (A,).

    Dict of "n"; "network", "expert", "between": correlations; "direction", -1 where a
    higher score goes with a lower outcome (recovery), else 1; "difference", network -
    expert, both times direction.
    """
    index = np.arange(len(outcome))
    _, *columns = jackknife.drop_unscored(index, outcome, network, expert)
    outcome, network, expert = columns
    n, keys = len(outcome), ("network", "expert", "between", "difference")
    if n < jackknife.MIN_POINTS or any(map(jackknife.is_constant, columns)):
        reason = f"fewer than {jackknife.MIN_POINTS} animals, or values all equal"
        none = dict.fromkeys(keys, jackknife.not_defined(reason))
        return {"n": n, "direction": None} | none
    pairs = ((outcome, network), (outcome, expert), (network, expert))
    r = [float(correlate(*pair)) for pair in pairs]
    # Both scores decide the direction: one alone may be near 0 with either sign.
    direction = -1 if sum(r[:2]) < 0 else 1
    triple = direction * r[0], direction * r[1], r[2]
    values = [*r, triple[0] - triple[1]]
    if n < jackknife.MIN_ANIMALS:
        reason = f"no interval from fewer than {jackknife.MIN_ANIMALS} animals"
        found = [jackknife.not_defined(reason, value) for value in values]
    else:
        ends = [fisher_interval(each, n) for each in r] + [zou_interval(*triple, n)]
        found = [
            {"value": value, "low": low, "high": high}
            for value, (low, high) in zip(values, ends, strict=True)
        ]
    return {"n": n, "direction": direction} | dict(zip(keys, found, strict=True))


def average_difference(first, second, animals, names, widen=1.0):
    """Average two columns (N,) at or above 0 and second - first: dict of "n_clips",
    "n_animals" and, under three names, the averages.
    """
    animals, first, second = jackknife.drop_unscored(animals, first, second)
    jack = jackknife.Jackknife(animals, widen)
    n = {"n_clips": len(animals), "n_animals": jack.n_animals}
    if not len(animals):
        none = jackknife.not_defined("no clips with every score")
        return n | dict.fromkeys(names, none)
    columns = (first, "positive"), (second, "positive"), (second - first, "plain")
    return n | {
        name: jack.describe(jack.average(values), scale)
        for name, (values, scale) in zip(names, columns, strict=True)
    }


def paired_change(errors_before, errors_after, animals, widen=1.0):
    """Say how much the MAE changes when something is done to the same clips (N,).

    Dict of "n_clips", "n_animals"; "before" and "after", each an MAE; "change", after -
    before; "verdict": "needed" when the change lies above 0, "not needed" when all of
    its interval is less than a tenth of the MAE, else "undecided" (None without one).
    """
    sides, names = np.abs([errors_before, errors_after]), ("before", "after", "change")
    found = average_difference(*sides, animals, names, widen)
    change = found["change"]
    verdict = "not needed" if change["value"] == 0 else None
    if change["low"] is not None:
        most = max(abs(change["low"]), abs(change["high"]))
        verdict = "needed" if change["low"] > 0 else "undecided"
        small = most < NEGLIGIBLE * found["before"]["value"]
        verdict = "not needed" if small else verdict
    return found | {"verdict": verdict}
