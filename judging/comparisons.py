"""Which of two scores is the better: for an outcome, beside experts, under a change.

Pure functions on arrays; figures as in `agreement.py`, intervals over animals.
"""

import numpy as np
from scipy import stats

from judging.correlation import MIN_POINTS, correlate, is_constant
from judging.resampling import (
    MIN_ANIMALS,
    average_units,
    count_effective,
    describe,
    drop_unscored,
    index_animals,
    not_defined,
    pair_units,
    weigh,
)

NEGLIGIBLE = 0.1  # of the MAE: a change that nobody would act on


def williams_test(r_first, r_second, r_between, n):
    """Test whether two scores correlate equally with a third thing.

    Williams' t as Steiger (1980, Psychological Bulletin 87, equation 7) gives it,
    for correlations measured on the same animals.

    Parameters
    ----------
    r_first, r_second : float
        Correlation of each score with the outcome.
    r_between : float
        Correlation of the two scores.
    n : int
        Animals.

    Returns
    -------
    dict
        "t" (positive when `r_first` is the greater), "df", "p" (two-sided), or
        None and "reason".
    """
    if n < 4:
        return {"t": None, "df": None, "p": None, "reason": "fewer than 4 animals"}
    determinant = (
        1 - r_first**2 - r_second**2 - r_between**2 + 2 * r_first * r_second * r_between
    )
    mean = (r_first + r_second) / 2
    variance = (
        2 * (n - 1) / (n - 3) * max(determinant, 0) + mean**2 * (1 - r_between) ** 3
    )
    if variance < 1e-12:
        reason = "the two scores say the same"
        return {"t": None, "df": None, "p": None, "reason": reason}
    t = (r_first - r_second) * np.sqrt((n - 1) * (1 + r_between) / variance)
    p = 2 * stats.t.sf(abs(t), n - 3)
    return {"t": float(t), "df": int(n - 3), "p": float(p)}


def fisher_interval(r, n):
    """Find the 95% interval of a correlation of n animals by Fisher's z.

    Returns
    -------
    (low, high)
    """
    half = stats.norm.ppf(0.975) / np.sqrt(n - 3)
    z = np.arctanh(np.clip(r, -1 + 1e-15, 1 - 1e-15))
    return float(np.tanh(z - half)), float(np.tanh(z + half))


def zou_interval(r_first, r_second, r_between, n):
    """Find the 95% interval of the difference of two dependent correlations.

    Zou (2007, Psychological Methods 12, 399-413): the intervals of both are joined,
    with the correlation of two correlations that share a variable.

    Parameters
    ----------
    r_first, r_second : float
        Correlation of each score with the outcome.
    r_between : float
        Correlation of the two scores.
    n : int
        Animals.

    Returns
    -------
    (low, high)
    """
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


def _figure(value, interval):
    return {"value": float(value), "low": interval[0], "high": interval[1]}


def compare_outcomes(outcome, network, expert):
    """Compare how well network score and expert score each predict an outcome.

    Parameters
    ----------
    outcome, network, expert : (A,) array
        One value for each animal; an animal without all three is left out.

    Returns
    -------
    dict
        "n"; "network" and "expert", correlation of each with the outcome as it is;
        "between", of the two scores; "direction", -1 where a higher score goes with
        a lower outcome (recovery), else 1; "difference", network - expert after both
        were multiplied by direction: positive means that the network predicts
        better; "williams", on the same two.
    """
    _, outcome, network, expert = drop_unscored(
        np.arange(len(outcome)), outcome, network, expert
    )
    n = len(outcome)
    named = (("outcome", outcome), ("network", network), ("expert", expert))
    constant = [name for name, values in named if n and is_constant(values)]
    if n < MIN_POINTS or constant:
        reason = f"fewer than {MIN_POINTS} animals"
        if n >= MIN_POINTS:
            reason = f"{' and '.join(constant)}: all values are equal"
        none = {"t": None, "df": None, "p": None, "reason": reason}
        empty = ("network", "expert", "between", "difference")
        return {
            "n": n,
            "direction": None,
            "williams": none,
            **{name: not_defined(reason) for name in empty},
        }
    one = np.ones((1, n))
    pairs = {
        "network": correlate(outcome, network, one)[0],
        "expert": correlate(outcome, expert, one)[0],
        "between": correlate(network, expert, one)[0],
    }
    # Both scores decide the direction: one alone may be near 0 with either sign.
    direction = -1 if pairs["network"] + pairs["expert"] < 0 else 1
    triple = direction * pairs["network"], direction * pairs["expert"], pairs["between"]
    result = {"n": n, "direction": direction, "williams": williams_test(*triple, n)}
    difference = triple[0] - triple[1]
    if n < MIN_ANIMALS:
        reason = f"no interval from fewer than {MIN_ANIMALS} animals"
        return (
            result
            | {name: not_defined(reason, r) for name, r in pairs.items()}
            | {"difference": not_defined(reason, difference)}
        )
    return (
        result
        | {name: _figure(r, fisher_interval(r, n)) for name, r in pairs.items()}
        | {"difference": _figure(difference, zou_interval(*triple, n))}
    )


def average_difference(first, second, animals, *, widen=1.0):
    """Average two columns over clips, and their difference, with intervals.

    Parameters
    ----------
    first, second : (N,) array
        Such as distances of two scores from the truth; all values at or above 0.
    animals : (N,) array of str
    widen : float
        Factor of the standard errors, see `correlation.CROSSED`.

    Returns
    -------
    dict
        "n_clips", "n_animals"; "first", "second" and "difference", second - first.
    """
    animals, first, second = drop_unscored(animals, first, second)
    names, index = index_animals(animals)
    n = {"n_clips": len(animals), "n_animals": len(names)}
    keys = ("first", "second", "difference")
    if not len(animals):
        return n | dict.fromkeys(keys, not_defined("no clips with every score"))
    weights = weigh(index)
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)
    effective = count_effective(index)
    columns = (first, second, second - first)
    scales = ("positive", "positive", "plain")
    return n | {
        key: describe(weights @ values, effective, scale, widen)
        for key, values, scale in zip(keys, columns, scales, strict=True)
    }


def paired_change(errors_before, errors_after, animals, *, widen=1.0):
    """Say how much the MAE changes when something is done to the same clips.

    Parameters
    ----------
    errors_before, errors_after : (N,) array
        Error of each clip, signed or not: as it is, and under a control such as
        frames in shuffled order.
    animals : (N,) array of str
    widen : float
        As for `average_difference`.

    Returns
    -------
    dict
        "n_clips", "n_animals"; "before" and "after", each an MAE; "change",
        after - before: positive means that the control made the scores worse;
        "verdict": "needed" when the change lies above 0, "not needed" when all of its
        interval is less than a tenth of the MAE, else "undecided" (None without an
        interval).
    """
    before, after = np.abs(errors_before), np.abs(errors_after)
    found = average_difference(before, after, animals, widen=widen)
    change = found["difference"]
    verdict = "not needed" if change["value"] == 0 else None
    if change["low"] is not None:
        small = max(abs(change["low"]), abs(change["high"])) < (
            NEGLIGIBLE * found["first"]["value"]
        )
        verdict = "not needed" if small else "undecided"
        if change["low"] > 0 and not small:
            verdict = "needed"
    return {
        "n_clips": found["n_clips"],
        "n_animals": found["n_animals"],
        "before": found["first"],
        "after": found["second"],
        "change": change,
        "verdict": verdict,
    }


def compare_sessions(expert, network, animals, sessions):
    """Compare how much both scores change from an animal's first session to its last.

    Parameters
    ----------
    expert, network : (N,) array
    animals : (N,) array of str
    sessions : (N,) array of str
        In the order of their names.

    Returns
    -------
    dict
        "n", animals with two sessions or more; "expert" and "network", the mean change
        last - first; "difference", network - expert, and "mae" of it; "pearson" of the
        two changes.
    """
    kept, expert, network, place = drop_unscored(
        animals, expert, network, np.arange(len(animals))
    )
    labels = np.asarray(sessions).astype(str)[place.astype(int)]
    unit, owner = pair_units(kept, labels)
    first = [np.flatnonzero(owner == a)[0] for a in range(owner.max(initial=-1) + 1)]
    last = [np.flatnonzero(owner == a)[-1] for a in range(owner.max(initial=-1) + 1)]
    several = np.array(last, dtype=int) > np.array(first, dtype=int)
    n = int(several.sum())
    keys = ("expert", "network", "difference", "mae", "pearson")
    if not n:
        reason = "no animal has two sessions with both scores"
        return {"n": 0} | dict.fromkeys(keys, not_defined(reason))
    x, y = (
        (means[last] - means[first])[several]
        for means in (average_units(values, unit) for values in (expert, network))
    )
    weights = weigh(np.arange(n))
    means = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)
    result = {
        key: describe(means @ values, n, scale)
        for key, values, scale in (
            ("expert", x, "plain"),
            ("network", y, "plain"),
            ("difference", y - x, "plain"),
            ("mae", np.abs(y - x), "positive"),
        )
    }
    if n < MIN_POINTS or is_constant(x) or is_constant(y):
        result["pearson"] = not_defined("too few changes, or all are equal")
    else:
        result["pearson"] = describe(correlate(x, y, weights), n, "correlation")
    return {"n": n} | result
