"""Intervals for the true score of an animal never seen, from left-out animals' errors.

Each clip was scored by a network of a cross-validation that never saw its animal. A new
animal is one more draw from the same animals, so the errors on those left out tell how
far its own score may be off, whatever the network and the distribution of errors
(jackknife+ and CV+: Barber et al. 2021, Annals of Statistics 49). Animals are the unit
that is drawn: each has the weight 1, shared out among its clips, and the new one, of
whose error nothing is known, has the weight 1 at infinity (Lee, Barber & Willett 2023,
arXiv:2306.06342; Dunn, Wasserman & Ramdas 2023, JASA 118).

On average over studies the interval holds the truth for `level` of new animals, a
little more where animals are few, because a share of them comes in steps of 1 / (A + 1)
(`benchmarks/intervals.py` measures both). What is proven without any assumption on the
network is 1 - 2 (1 - level). It says nothing of animals of another kind.
"""

import functools
import itertools
import math
from typing import NamedTuple

import numpy as np

LEVEL = 0.9
MAX_DRAWS = 200  # subsets of an animal's clips; beyond them, drawn at random


class Spread(NamedTuple):
    """Sizes of the errors that the mean of some clips of a left-out animal has.

    Attributes
    ----------
    sizes : (S,) float array
    weights : (S,) float array
        Those of each animal sum to 1.
    folds : (S,) int array
        Which network made the error.
    n_animals : int
    """

    sizes: np.ndarray
    weights: np.ndarray
    folds: np.ndarray
    n_animals: int


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
    sizes, weights, owners = [], [], []
    for number in range(len(names)):
        (own,) = np.nonzero(index == number)
        chosen = own[draw_subsets(len(own), min(n_clips, len(own)))]
        sizes.append(np.abs(errors[chosen].mean(axis=1)))
        weights.append(np.full(len(chosen), 1 / len(chosen)))
        owners.append(np.full(len(chosen), folds[own[0]]))
    parts = (np.concatenate(part) for part in (sizes, weights, owners))
    return Spread(*parts, len(names))


@functools.lru_cache(maxsize=1000)
def draw_subsets(n_all, n_chosen):
    """List the subsets of an animal's clips as rows of numbers, `MAX_DRAWS` at most."""
    if math.comb(n_all, n_chosen) <= MAX_DRAWS:
        return np.array(list(itertools.combinations(range(n_all), n_chosen)))
    random = np.random.default_rng(0)
    return random.permuted(np.tile(np.arange(n_all), (MAX_DRAWS, 1)), axis=1)[
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
    values = np.asarray(values, float)
    order = np.argsort(values, axis=1)
    reached = np.cumsum(spread.weights[order], axis=1)
    needed = level * (spread.n_animals + 1) - 1e-9
    place = (reached < needed).sum(axis=1)
    ranked = np.take_along_axis(values, order, axis=1)
    ranked = np.pad(ranked, ((0, 0), (0, 1)), constant_values=np.inf)
    return ranked[np.arange(len(values)), place]
