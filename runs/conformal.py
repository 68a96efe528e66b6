"""How far the score of an animal never seen may be off: as on animals left out.

Each clip was scored by a network of a cross-validation that never saw its animal. A new
animal is one more draw from the same animals, so the errors on those left out tell how
far its own score may be off, whatever the network and the distribution of errors
(conformal prediction; with cross-validation: Vovk 2015, Annals of Mathematics and
Artificial Intelligence 74; Barber et al. 2021, Annals of Statistics 49). Animals are
the unit that is drawn: of each, one clip stands for it, and the new animal, of whose
error nothing is known, counts as one with an infinite error. The limit is the median
over many draws of the clips (Dunn, Wasserman & Ramdas 2023, JASA 118), between two
animals' errors where `level` falls between them.

The interval lies around the score of the network trained on all animals, so a run can
travel alone. Around those of all networks of the cross-validation (CV+) it would be
proven to hold for 1 - 2 (1 - level) of new animals; this one is measured, not proven:
`benchmarks/intervals.py` finds as much as it says, or two points more. None of it holds
for animals of another kind.
"""

import functools
import itertools
import math

import numpy as np

LEVEL = 0.9
MAX_SUBSETS = 200  # of an animal's clips; beyond them, drawn at random
N_DRAWS = 50  # of one subset for each animal


def count_needed(level=LEVEL):
    """Count the animals that an interval of this level needs: 9 for 90%."""
    return math.ceil(level / (1 - level) - 1e-9)


def find_highest(n_animals, level=LEVEL):
    """Find the highest level up to `level`, in whole percent, that animals allow."""
    if count_needed(level) <= n_animals:
        return level
    return 100 * n_animals // (n_animals + 1) / 100


def find_width(errors, animals, level=LEVEL, n_clips=1):
    """Find how far off the mean score of `n_clips` clips of a new animal may be.

    Parameters
    ----------
    errors : (N,) array
        Network score minus expert score, by a network that never saw the animal.
    animals : (N,) array of str
    level : float
        Share of new animals whose true score lies within. Below 1 / (animals + 1) the
        smallest error is the limit.
    n_clips : int
        Clips that are averaged: 1 for the score of a clip. An animal with fewer counts
        with all that it has, whose mean errs more rather than less.

    Returns
    -------
    float
        Half the width of the interval; infinite with fewer animals than `count_needed`.
    """
    errors = np.asarray(errors, float)
    names, index = np.unique(np.asarray(animals).astype(str), return_inverse=True)
    place = max(level * (len(names) + 1) - 1, 0)
    if place > len(names) - 1 + 1e-9:
        return math.inf
    random, columns = np.random.default_rng(0), []
    for number in range(len(names)):
        (own,) = np.nonzero(index == number)
        subsets = own[draw_subsets(len(own), min(n_clips, len(own)))]
        sizes = np.abs(errors[subsets].mean(axis=1))
        columns.append(random.choice(sizes, N_DRAWS) if len(sizes) > 1 else sizes[0])
    drawn = np.stack([np.broadcast_to(column, N_DRAWS) for column in columns], axis=1)
    ranked = np.sort(drawn, axis=1)
    low, high = (ranked[:, round_at(place)] for round_at in (floor, ceil))
    return float(np.median(low + (place - floor(place)) * (high - low)))


def floor(place):
    return math.floor(place + 1e-9)


def ceil(place):
    return math.ceil(place - 1e-9)


@functools.lru_cache(maxsize=1000)
def draw_subsets(n_all, n_chosen):
    """List subsets of an animal's clips as rows of numbers, `MAX_SUBSETS` at most."""
    if math.comb(n_all, n_chosen) <= MAX_SUBSETS:
        return np.array(list(itertools.combinations(range(n_all), n_chosen)))
    random = np.random.default_rng(0)
    every = np.tile(np.arange(n_all), (MAX_SUBSETS, 1))
    return random.permuted(every, axis=1)[:, :n_chosen]
