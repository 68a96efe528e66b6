"""Intervals from a jackknife over animals, and words for where there is none.

Clips of one animal are not independent, so whole animals are left out, one at a time.
A statistic is a function of weights, one row a time it is computed: every clip, then
every clip but those of one animal. The interval is the estimate +- t times the
jackknife's standard error (Efron 1982) on a scale where the statistic is nearly normal
(logarithm for errors, Fisher's z for correlations). The t has one degree of freedom
fewer than there are animals, where a few animals with most of the clips count as few.
`benchmarks/agreement.py` measures how often such intervals hold the truth.
"""

import numpy as np
from scipy import stats

MIN_ANIMALS = 5  # with fewer, an interval means little
MIN_EFFECTIVE = 3  # fewer still by weight, where a few animals have most of the clips

SCALES = {
    "plain": (lambda v: v, lambda v: v),
    "positive": (np.log, np.exp),
    "below one": (lambda v: np.log1p(-v), lambda v: -np.expm1(v)),
    "correlation": (np.arctanh, np.tanh),
}


def not_defined(reason, value=None):
    """Say in place of a figure, or of its interval alone, why there is none.

    Parameters
    ----------
    reason : str
    value : float, optional
        The figure, where only its interval is not defined.

    Returns
    -------
    dict
        `{"value", "low", "high", "reason"}`; what is not defined is None.
    """
    value = float(value) if value is not None and np.isfinite(value) else None
    return {"value": value, "low": None, "high": None, "reason": reason}


def index_animals(animals):
    """Number the animals.

    Parameters
    ----------
    animals : (N,) array of str

    Returns
    -------
    names : (A,) array of str
        Sorted.
    index : (N,) int array
        Where each clip's animal stands in `names`.
    """
    names, index = np.unique(np.asarray(animals).astype(str), return_inverse=True)
    return names, index.ravel()


def average_units(values, index):
    """Average the values of each unit, such as the clips of an animal.

    Parameters
    ----------
    values : (N,) array
    index : (N,) int array
        Number of each value's unit.

    Returns
    -------
    (U,) array
    """
    return np.bincount(index, np.asarray(values, dtype=float)) / np.bincount(index)


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
    return names, average_units(values, index)


def pair_units(animals, labels):
    """Number the pairs of an animal and a label, such as its sessions.

    Parameters
    ----------
    animals, labels : (N,) array of str

    Returns
    -------
    unit : (N,) int array
        Number of each clip's pair.
    owner : (U,) int array
        Number of the animal of each pair.
    """
    _, index = index_animals(animals)
    pairs = [f"{animal}\n{label}" for animal, label in zip(index, labels, strict=True)]
    _, first, unit = np.unique(pairs, return_index=True, return_inverse=True)
    return unit.ravel(), index_animals(index[first])[1] if len(pairs) else index


def find_units(animals, sessions=None):
    """Number the units that figures are given for.

    Parameters
    ----------
    animals : (N,) array of str
    sessions : (N,) array of str, optional
        A day of an animal: its name need not differ between animals.

    Returns
    -------
    dict of str to (unit, owner)
        "clips", "sessions" where they are given, "animals": (N,) numbers of the
        units, and (U,) numbers of the animals that own them.
    """
    names, index = index_animals(animals)
    units = {"clips": (np.arange(len(index)), index)}
    if sessions is not None:
        units["sessions"] = pair_units(animals, sessions)
    return units | {"animals": (index, np.arange(len(names)))}


def drop_unscored(animals, *columns):
    """Keep the clips that have every score.

    Parameters
    ----------
    animals : (N,) array of str
    *columns : (N,) arrays
        A score that is not finite is a score not given.

    Returns
    -------
    animals : (K,) array of str
    *columns : (K,) float arrays

    Raises
    ------
    ValueError
        When the arrays are not of one length.
    """
    columns = [np.asarray(column, dtype=float).ravel() for column in columns]
    animals = np.asarray(animals).astype(str).ravel()
    lengths = [len(animals), *map(len, columns)]
    if len(set(lengths)) > 1:
        raise ValueError(f"expected arrays of one length. Received: {lengths}")
    kept = np.all(np.isfinite(columns), axis=0)
    return animals[kept], *(column[kept] for column in columns)


def weigh(index):
    """Weigh clips: all alike, then each time without the clips of one animal.

    Parameters
    ----------
    index : (N,) int array
        Number of each clip's animal.

    Returns
    -------
    (A + 1, N) float array
        Of zeros and ones. What `describe` takes was computed with these rows.
    """
    n_animals = int(index.max()) + 1 if len(index) else 0
    left_out = index[None, :] != np.arange(n_animals)[:, None]
    return np.vstack([np.ones(len(index)), left_out]).astype(float)


def count_effective(index):
    """Count animals by the weight of their clips: (sum n)^2 / sum n^2.

    As many as there are animals where each has as many clips, fewer where a few have
    most of them.

    Parameters
    ----------
    index : (N,) int array
        Number of each clip's animal.

    Returns
    -------
    float
    """
    counts = np.bincount(index)
    return float(counts.sum() ** 2 / (counts**2).sum()) if len(index) else 0.0


def find_interval(values, effective, scale="plain", widen=1.0):
    """Find the 95% interval of a statistic.

    Parameters
    ----------
    values : (A + 1,) array
        The statistic of all animals, then without each.
    effective : float
        Number of animals, from `count_effective`.
    scale : {"plain", "positive", "below one", "correlation"}
        Where the statistic can lie: anywhere, above 0, below 1, within -1 and 1.
    widen : float
        Factor of the standard error, see `agreement.CROSSED`.

    Returns
    -------
    (low, high) or str
        The limits, or the reason why there are none.
    """
    n_animals = len(values) - 1
    if n_animals < MIN_ANIMALS:
        return f"no interval from fewer than {MIN_ANIMALS} animals"
    if effective < MIN_EFFECTIVE:
        return (
            f"no interval: a few animals have most of the clips, so that {n_animals} "
            f"count as {effective:.1f}"
        )
    if np.ptp(values) <= 1e-12 * np.max(np.abs(values)):
        return "no interval: the animals do not differ in it"
    forth, back = SCALES[scale]
    with np.errstate(divide="ignore", invalid="ignore"):
        centre, *left_out = forth(np.asarray(values, dtype=float))
    if not np.isfinite([centre, *left_out]).all():
        return "no interval: without one of the animals there is no value"
    error = np.sqrt((n_animals - 1) * np.var(left_out)) * widen
    half = stats.t.ppf(0.975, effective - 1) * error
    low, high = sorted((back(centre - half), back(centre + half)))
    return float(low), float(high)


def describe(values, effective, scale="plain", widen=1.0):
    """Give a statistic with its interval, ready for JSON.

    Parameters
    ----------
    values, effective, scale, widen
        As for `find_interval`.

    Returns
    -------
    dict
        `{"value", "low", "high"}`, and "reason" where the interval is None.
    """
    if not np.isfinite(values[0]):
        return not_defined("it is not defined for these scores")
    interval = find_interval(values, effective, scale, widen)
    if isinstance(interval, str):
        return not_defined(interval, values[0])
    return {"value": float(values[0]), "low": interval[0], "high": interval[1]}
