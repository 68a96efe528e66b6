"""Intervals from a jackknife over animals, and words for where there is none.

Clips of one animal are not independent, so whole animals are omitted, one at a time,
and the statistic is computed anew without each. The interval is the estimate +- t times
the jackknife's standard error (Efron 1982) on a scale where the statistic is nearly
normal (logarithm for errors, Fisher's z for correlations). The t has one degree of
freedom fewer than there are animals, where a few animals with most of the clips count
as few. `benchmarks/agreement.py` measures how often such intervals contain the truth.
"""

import math

import numpy as np
import pandas as pd
from scipy import stats

MIN_POINTS = 3  # for a correlation, or a spread
MIN_ANIMALS = 5  # with fewer, an interval means little
MIN_EFFECTIVE = 3  # fewer still by weight, where a few animals have most of the clips
# Two networks of a cross-validation learn from one another's held-out animals, so each
# pair of animals counts twice: standard errors are too small by up to this factor.
CROSSED = math.sqrt(2)
SCALES = {  # where a statistic can lie: anywhere, from 0 to 1, above 0, below 1, ...
    "plain": (lambda v: v, lambda v: v),
    "part": (lambda v: v, lambda v: np.clip(v, 0, 1)),
    "positive": (np.log, np.exp),
    "below one": (lambda v: np.log1p(-v), lambda v: -np.expm1(v)),
    "correlation": (np.arctanh, np.tanh),
}


def is_constant(values, size=None):
    """Say whether scores (N,), made from numbers of a size, are equal in float32."""
    size = np.max(np.abs(values)) if size is None else size
    return bool(np.ptp(values) <= 1e-6 * size)


def is_crossed(training_mean):
    """Say whether scores are of several networks: their training means (N,) differ."""
    means = np.ravel(np.nan if training_mean is None else training_mean)
    return bool(len(means)) and np.isfinite(means).all() and not is_constant(means)


def find_widening(training_mean):
    """Find the factor of standard errors, see `CROSSED`."""
    return CROSSED if is_crossed(training_mean) else 1.0


def not_defined(reason, value=None):
    """Give the reason in place of a figure, or of its interval."""
    value = float(value) if value is not None and np.isfinite(value) else None
    return {"value": value, "low": None, "high": None, "reason": reason}


def average_units(values, index):
    """Average the values (N,) of each unit that `index` (N,) numbers; (U,)."""
    return np.bincount(index, np.asarray(values, dtype=float)) / np.bincount(index)


def drop_unscored(animals, *columns):
    """Keep the clips of which every column (N,) is finite: animals, then columns."""
    columns = np.array(columns, dtype=float)
    kept = np.isfinite(columns).all(axis=0)
    return [np.asarray(animals)[kept], *columns[:, kept]]


class Jackknife:
    """Computes a statistic on all clips and without each animal, and its interval.

    `owner` (N,) is the animal of each clip; `widen` the factor of standard errors.
    `effective`, (sum n)^2 / sum n^2, counts animals by the number of their clips: as
    many as there are where each has as many clips, fewer where a few have most.
    """

    def __init__(self, owner, widen=1.0):
        names, owner = np.unique(owner, return_inverse=True)
        self.n_animals = len(names)
        held_out = [owner != animal for animal in range(self.n_animals)]
        self.rows = [np.full(len(owner), True), *held_out]
        counts = np.bincount(owner)
        self.effective = counts.sum() ** 2 / max((counts**2).sum(), 1)
        self.widen = widen

    def repeat(self, statistic, *columns):
        """Compute a statistic of columns (..., N), a dict, each time: (A + 1,) each."""
        found = [
            statistic(*(column[..., rows] for column in columns))
            for rows in self.rows
            if rows.any()
        ]
        return pd.DataFrame(found).reindex(range(len(self.rows))).to_dict("series")

    def average(self, values):
        """Average values (N,) each time; (A + 1,)."""
        return np.array([values[r].mean() if r.any() else np.nan for r in self.rows])

    def describe(self, values, scale="plain"):
        """Give a statistic (A + 1,) as {"value", "low", "high"}, with a 95% interval or
        the "reason" why there is none.
        """
        values, (forth, back) = np.asarray(values, float), SCALES[scale]
        if not np.isfinite(values[0]):
            return not_defined("it is not defined for these scores")
        if self.n_animals < MIN_ANIMALS or self.effective < MIN_EFFECTIVE:
            reason = f"no interval from fewer than {MIN_ANIMALS} animals"
            if self.n_animals >= MIN_ANIMALS:
                reason += ", or from few that have most of the clips"
            return not_defined(reason, values[0])
        with np.errstate(divide="ignore", invalid="ignore"):
            centre, *others = forth(values)
            error = np.sqrt((self.n_animals - 1) * np.var(others)) * self.widen
            half = stats.t.ppf(0.975, self.effective - 1) * error
            low, high = sorted((back(centre - half), back(centre + half)))
        least = 1e-3 if scale == "correlation" else 0  # ranks, of few animals
        is_same = np.ptp(values) <= 1e-12 * np.max(np.abs(values))
        if is_same or not high - low >= least or not np.isfinite([low, high]).all():
            reason = "no interval: it is the same, or undefined, without an animal"
            return not_defined(reason, values[0])
        return {"value": float(values[0]), "low": float(low), "high": float(high)}
