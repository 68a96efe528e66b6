"""Intervals from a jackknife over animals, and words for where there is none.

Clips of one animal are not independent, so whole animals are left out, one at a time.
A statistic is a function of weights, one row a time it is computed: every clip, then
every clip but those of one animal. The interval is the estimate +- t times the
jackknife's standard error (Efron 1982) on a scale where the statistic is nearly normal
(logarithm for errors, Fisher's z for correlations). The t has one degree of freedom
fewer than there are animals, where a few animals with most of the clips count as few.
`benchmarks/agreement.py` measures how often such intervals hold the truth.
"""

import math

import numpy as np
from scipy import stats

MIN_POINTS = 3  # for a correlation, or a spread
MIN_ANIMALS = 5  # with fewer, an interval means little
MIN_EFFECTIVE = 3  # fewer still by weight, where a few animals have most of the clips
# Two networks of a cross-validation learn from one another's left-out animals, so each
# pair of animals counts twice: standard errors are too small by up to this factor.
CROSSED = math.sqrt(2)
SCALES = {  # where a statistic can lie: anywhere, above 0, below 1, within -1 and 1
    "plain": (lambda v: v, lambda v: v),
    "positive": (np.log, np.exp),
    "below one": (lambda v: np.log1p(-v), lambda v: -np.expm1(v)),
    "correlation": (np.arctanh, np.tanh),
}


def is_constant(values, size=None):
    """Say whether scores (N,) are equal up to float32 rounding: a dead network's are.

    `size` is that of the numbers they were computed from, by default their own.
    """
    size = np.max(np.abs(values)) if size is None else size
    return bool(np.ptp(values) <= 1e-6 * size)


def is_crossed(training_mean):
    """Say whether scores are of several networks: their training means (N,) differ."""
    means = np.ravel(np.nan if training_mean is None else training_mean)
    return bool(len(means)) and np.isfinite(means).all() and not is_constant(means)


def find_widening(training_mean):
    """Find the factor of standard errors: see CROSSED."""
    return CROSSED if is_crossed(training_mean) else 1.0


def not_defined(reason, value=None):
    """Say in place of a figure, or of its interval alone, why there is none."""
    value = float(value) if value is not None and np.isfinite(value) else None
    return {"value": value, "low": None, "high": None, "reason": reason}


# ---------------------------------------------------------------- clips and animals


def index_animals(animals):
    """Number the animals (N,): sorted names (A,), and each clip's number (N,)."""
    names, index = np.unique(np.asarray(animals).astype(str), return_inverse=True)
    return names, index.ravel()


def average_units(values, index):
    """Average the values (N,) of each unit that `index` (N,) numbers; (U,)."""
    return np.bincount(index, np.asarray(values, dtype=float)) / np.bincount(index)


def pair_units(animals, labels):
    """Number the pairs of an animal and a label, such as its sessions.

    The number of each clip's pair (N,), and of the animal of each pair (U,).
    """
    _, index = index_animals(animals)
    pairs = [f"{animal}\n{label}" for animal, label in zip(index, labels, strict=True)]
    _, first, unit = np.unique(pairs, return_index=True, return_inverse=True)
    return unit.ravel(), index_animals(index[first])[1] if len(pairs) else index


def find_units(animals, sessions=None):
    """Number the clips, the sessions where they are given, and the animals.

    Dict of what `pair_units` gives.
    """
    names, index = index_animals(animals)
    units = {"clips": (np.arange(len(index)), index)}
    if sessions is not None:
        units["sessions"] = pair_units(animals, sessions)
    return units | {"animals": (index, np.arange(len(names)))}


def drop_unscored(animals, *columns):
    """Keep the clips of which every column (N,) is finite: animals, then columns.

    Arrays of different lengths are a ValueError.
    """
    columns = [np.asarray(column, dtype=float).ravel() for column in columns]
    animals = np.asarray(animals).astype(str).ravel()
    lengths = [len(animals), *map(len, columns)]
    if len(set(lengths)) > 1:
        raise ValueError(f"expected arrays of one length. Received: {lengths}")
    kept = np.all(np.isfinite(columns), axis=0)
    return [column[kept] for column in (animals, *columns)]


# ---------------------------------------------------------------- the jackknife


def average(values, weights):
    """Average values (N,) by each row of weights (B, N); nan where none weighs."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return weights @ values / weights.sum(axis=1)


class Jackknife:
    """What a statistic is computed with, again and again, and its interval.

    `weights` (A + 1, N) are ones; then, a row an animal, zeros for its clips.
    `effective`, (sum n)^2 / sum n^2, counts animals by the weight of their clips: as
    many as there are where each has as many clips, fewer where a few have most.
    """

    def __init__(self, owner, widen=1.0, spent=0):
        """Take the animal (N,) of each clip, `CROSSED` for networks that share animals,
        and the degrees of freedom that are spent besides."""
        owner = index_animals(owner)[1]
        self.n_animals = int(owner.max(initial=-1)) + 1
        left_out = owner[None, :] != np.arange(self.n_animals)[:, None]
        self.weights = np.vstack([np.ones(len(owner)), left_out]).astype(float)
        counts = np.bincount(owner)
        self.effective = counts.sum() ** 2 / max((counts**2).sum(), 1) - spent
        self.widen = widen

    def average(self, values):
        """Average values (N,) each time; (A + 1,)."""
        return average(values, self.weights)

    def describe(self, values, scale="plain"):
        """Give a statistic (A + 1,), computed with `weights`, with its 95% interval.

        {"value", "low", "high"}, and "reason" where the interval is None.
        """
        reason, forth, back = "", *SCALES[scale]
        if not np.isfinite(values[0]):
            reason = "it is not defined for these scores"
        elif self.n_animals < MIN_ANIMALS:
            reason = f"no interval from fewer than {MIN_ANIMALS} animals"
        elif self.effective < MIN_EFFECTIVE:
            counted = f"{self.n_animals} count as {self.effective:.1f}"
            reason = f"no interval: a few animals have most of the clips, so {counted}"
        elif np.ptp(values) <= 1e-12 * np.max(np.abs(values)):
            reason = "no interval: it is the same whichever animal is left out"
        if reason:
            return not_defined(reason, values[0])
        with np.errstate(divide="ignore", invalid="ignore"):
            centre, *left_out = forth(np.asarray(values, dtype=float))
        if not np.isfinite([centre, *left_out]).all():
            reason = "no interval: without one of the animals there is no value"
            return not_defined(reason, values[0])
        error = np.sqrt((self.n_animals - 1) * np.var(left_out)) * self.widen
        half = stats.t.ppf(0.975, self.effective - 1) * error
        low, high = sorted((back(centre - half), back(centre + half)))
        if scale == "correlation" and high - low < 1e-3:  # ranks, of few animals
            reason = "no interval: it is the same whichever animal is left out"
            return not_defined(reason, values[0])
        return {"value": float(values[0]), "low": float(low), "high": float(high)}
