"""Intervals for the true score of an animal never seen, from left-out animals' errors.

Each clip was scored by a network of a cross-validation that never saw its animal. A new
animal is one more draw from the same animals, so the errors on those left out tell how
far its own score may be off, whatever the network and the distribution of errors
(jackknife+ and CV+: Barber et al. 2021, Annals of Statistics 49). Animals are the unit
that is drawn: of each, one clip stands for it, and the new animal, of whose error
nothing is known, counts as one with an infinite error. The limit is the median over
many draws of the clips (Dunn, Wasserman & Ramdas 2023, JASA 118), between two animals'
errors where `level` falls between them.

With one draw the interval is proven to hold the truth for 1 - 2 (1 - level) of new
animals. What the median of draws holds is measured, not proven, by
`benchmarks/intervals.py`: as much as it says, and up to three points more. To weigh all
clips of an animal at once (Lee, Barber & Willett 2023, arXiv:2306.06342) is proven, and
a fifth wider. None of it holds for animals of another kind.
"""

import functools
import itertools
import math
from typing import NamedTuple

import numpy as np

LEVEL = 0.9
MAX_SUBSETS = 200  # of an animal's clips; beyond them, drawn at random
N_DRAWS = 50  # of one subset for each animal


class Spread(NamedTuple):
    """Sizes of the errors that the mean of some clips of a left-out animal has.

    Attributes
    ----------
    sizes : (S,) float array
    owners : (S,) int array
        Number of the animal of each, rising from 0.
    folds : (S,) int array
        Which network made the error.
    """

    sizes: np.ndarray
    owners: np.ndarray
    folds: np.ndarray

    @property
    def n_animals(self):
        return int(self.owners[-1]) + 1


def count_needed(level=LEVEL):
    """Count the animals that an interval of this level needs: 9 for 90%."""
    return math.ceil(level / (1 - level) - 1e-9)


def spread_errors(errors, animals, folds=None, n_clips=1):
    """Collect how far off the mean score of `n_clips` clips of an animal can be.

    Parameters
    ----------
    errors : (N,) array
        Network score minus expert score, by a network that never saw the animal.
    animals : (N,) array of str
    folds : (N,) int array, optional
        The network of each clip; by default there is but one.
    n_clips : int
        Clips that are averaged: 1 for the score of a clip. An animal with fewer counts
        with all that it has, whose mean errs more rather than less.

    Returns
    -------
    Spread
    """
    errors = np.asarray(errors, float)
    folds = np.zeros(len(errors), int) if folds is None else np.asarray(folds)
    names, index = np.unique(np.asarray(animals).astype(str), return_inverse=True)
    sizes, owners, networks = [], [], []
    for number in range(len(names)):
        (own,) = np.nonzero(index == number)
        chosen = own[draw_subsets(len(own), min(n_clips, len(own)))]
        sizes.append(np.abs(errors[chosen].mean(axis=1)))
        owners.append(np.full(len(chosen), number))
        networks.append(np.full(len(chosen), folds[own[0]]))
    return Spread(*map(np.concatenate, (sizes, owners, networks)))


@functools.lru_cache(maxsize=1000)
def draw_subsets(n_all, n_chosen):
    """List subsets of an animal's clips as rows of numbers, `MAX_SUBSETS` at most."""
    if math.comb(n_all, n_chosen) <= MAX_SUBSETS:
        return np.array(list(itertools.combinations(range(n_all), n_chosen)))
    random = np.random.default_rng(0)
    return random.permuted(np.tile(np.arange(n_all), (MAX_SUBSETS, 1)), axis=1)[
        :, :n_chosen
    ]


def find_intervals(scores, spread, level=LEVEL):
    """Find the intervals that hold the true scores of new animals.

    Parameters
    ----------
    scores : (M,) or (M, K) array
        Of new clips, or means of an animal's new clips, by each of the K networks of
        the cross-validation (jackknife+, CV+); or by the one network trained on all
        animals, which is no longer proven to hold, but does where leaving an animal
        out changes the scores little.
    spread : Spread
    level : float
        Share of new animals whose true score lies within.

    Returns
    -------
    (M, 2) float array
        Infinite where there are fewer animals than `count_needed`.
    """
    scores = np.asarray(scores, float)
    scores = scores[:, None] if scores.ndim == 1 else scores[:, spread.folds]
    high = find_upper(scores + spread.sizes, spread, level)
    low = -find_upper(spread.sizes - scores, spread, level)
    return np.stack([low, high], axis=1)


def find_upper(values, spread, level=LEVEL):
    """Find the value that `level` of animals, one unknown among them, do not exceed.

    Parameters
    ----------
    values : (M, S) array
        One row for each answer; columns as in `spread`.
    spread : Spread
    level : float

    Returns
    -------
    (M,) float array
    """
    values, n_animals = np.asarray(values, float), spread.n_animals
    place = level * (n_animals + 1) - 1
    if place > n_animals - 1 + 1e-9:
        return np.full(len(values), np.inf)
    lower, upper = math.floor(place + 1e-9), math.ceil(place - 1e-9)
    counts = np.bincount(spread.owners)
    n_draws = 1 if counts.max() == 1 else N_DRAWS
    drawn = np.random.default_rng(0).random((n_draws, n_animals)) * counts
    chosen = drawn.astype(int) + np.cumsum(counts) - counts
    found = []
    for row in values:  # one at a time, for little memory
        ranked = np.sort(row[chosen], axis=1)
        low, high = ranked[:, lower], ranked[:, upper]
        found.append(np.median(low + (place - lower) * (high - low)))
    return np.array(found)
