"""Intervals around scores of new animals, from the errors on held-out animals.

Each clip was scored by a network of a cross-validation that never saw its animal. A new
animal is one more draw from the same animals, so the errors on those held out bound
its own, whatever the network and the distribution of errors (conformal prediction; with
cross-validation: Vovk 2015, Annals of Mathematics and Artificial Intelligence 74;
Barber et al. 2021, Annals of Statistics 49). Animals are the unit that is drawn: one
clip stands for each, and the new animal, whose error is unknown, counts as one with an
infinite error: of A animals the error at rank level (A + 1) is the limit, interpolated
between two ranks, in the median over every choice of one clip an animal (Dunn,
Wasserman & Ramdas 2023, JASA 118).

The interval lies around the score of the network trained on all animals. Around those
of all networks of the cross-validation (CV+) a coverage of 1 - 2 (1 - level) would be
proven; the coverage of this one is measured: `benchmarks/intervals.py` finds the
nominal one, or up to three points more. None of it holds for animals of another kind.
"""

import bisect
import functools
import itertools
import math

import numpy as np

LEVEL = 0.9
MAX_SUBSETS = 200  # of an animal's clips; beyond them, drawn at random


def count_needed(level=LEVEL):
    """Count the animals that an interval of this level needs: 9 for 90%."""
    return math.ceil(level / (1 - level) - 1e-9)


def find_width(errors, animals, level=LEVEL, n_clips=1):
    """Find half the width of the interval around the mean score of `n_clips` clips.

    `errors` (N,) are network minus expert score, by a network that never saw the
    animal, of `animals` (N,). Below a level of 1 / (animals + 1) the smallest error is
    the limit; with fewer animals than `count_needed` it is infinite. An animal with
    fewer clips enters with the mean of all of them, whose error is if anything larger.
    """
    errors, sizes = np.asarray(errors, float), []
    names, index = np.unique(np.asarray(animals).astype(str), return_inverse=True)
    rank = round(max(level * (len(names) + 1), 1), 9)
    if rank > len(names):
        return math.inf
    for number in range(len(names)):
        (own,) = np.nonzero(index == number)
        subsets = own[draw_subsets(len(own), min(n_clips, len(own)))]
        sizes.append(np.abs(errors[subsets].mean(axis=1)))
    ranks = math.floor(rank), math.ceil(rank)
    return float(np.interp(rank, ranks, [find_median(sizes, r) for r in ranks]))


def find_median(sizes, rank):
    """Find the median of the size at a rank, from 1, over every choice of one size of
    each animal; `sizes` are arrays, one an animal."""

    def measure(limit):
        """Measure the part of the choices with as many animals within a limit."""
        counts = np.eye(1, len(sizes) + 1)[0]  # parts by the number of animals within
        for own in sizes:
            part = np.mean(own <= limit)
            counts = counts * (1 - part) + np.roll(counts, 1) * part
        return counts[rank:].sum()

    known = np.unique(np.concatenate(sizes))
    halves = 0.5 - 1e-9, 0.5 + 1e-9  # two sizes are in the middle of an even number
    return np.mean([known[bisect.bisect_left(known, x, key=measure)] for x in halves])


@functools.lru_cache(maxsize=1000)
def draw_subsets(n_all, n_chosen):
    """List subsets of an animal's clips as rows of numbers, `MAX_SUBSETS` at most."""
    if math.comb(n_all, n_chosen) <= MAX_SUBSETS:
        return np.array(list(itertools.combinations(range(n_all), n_chosen)))
    random = np.random.default_rng(0)
    every = np.tile(np.arange(n_all), (MAX_SUBSETS, 1))
    return random.permuted(every, axis=1)[:, :n_chosen]


def count_animals(run):
    """Count the held-out animals whose errors a run has: 0 where none."""
    return len({clip.animal for clip in run.errors.clips})


def choose_level(run, level=LEVEL):
    """Choose a level, or the highest whole percent that the held-out animals allow."""
    n_animals = count_animals(run)
    allows = count_needed(level) <= n_animals
    return level if allows else 100 * n_animals // (n_animals + 1) / 100


def list_errors(run):
    """List the errors of network and training mean, and the animals: (N,) each."""
    clips, means = run.errors.clips, [each.mean for each in run.errors.networks]
    network = [clip.score - clip.target for clip in clips]
    mean = [means[clip.network] - clip.target for clip in clips]
    return np.array(network), np.array(mean), [clip.animal for clip in clips]


def measure_width(run, n_clips=1, level=LEVEL):
    """Measure half the width of an interval around the network, and around the mean.
    `n_clips` of an animal are averaged. The level is that of `choose_level`."""
    *errors, animals = list_errors(run)
    level = choose_level(run, level)
    return [find_width(each, animals, level, n_clips) for each in errors]


def find_intervals(run, scores, n_clips=1, level=LEVEL):
    """Find the intervals of new scores (M,): (M, 2), NaN where the run has no errors.
    Each score is the mean of `n_clips` clips of an animal; see `choose_level`."""
    scores = np.asarray(scores, float)[:, None]
    if not count_animals(run):
        return np.full((len(scores), 2), np.nan)
    width, _ = measure_width(run, n_clips, level)
    found = scores + np.array([-width, width])
    is_relu = run.options.activation == "relu"
    return np.maximum(found, 0) if is_relu else found  # no expert scores below 0


def format_level(level):
    return f"{100 * level:.4g}%"


def describe_errors(run, level=LEVEL):
    """Describe the errors on held-out animals: a sentence without its full stop."""
    network, mean = measure_width(run, level=level)
    whose = "the group's 0 or 1" if run.target == "group" else "the expert's"
    return (
        f"on {count_animals(run)} animals held out in turn, "
        f"{format_level(choose_level(run, level))} of its scores were within "
        f"{network:.2f} of {whose}, those of the training mean within {mean:.2f}"
    )


def explain_missing(run):
    """Explain why a run gives no intervals, and what would; None where it does."""
    if count_animals(run):
        return None
    return (
        f"the record of run {run.name} has no errors on held-out animals, so its "
        "scores have no interval: train_reg.py --folds 5 --final trains a run with them"
    )


def explain_no_skill(run):
    """Explain that a run was not better than the mean on held-out animals, or None."""
    if not count_animals(run):
        return None
    *errors, animals = list_errors(run)
    network, mean = (np.abs(each).mean() for each in errors)
    if network < mean:
        return None
    return (
        f"on {len(set(animals))} held-out animals, run {run.name} was not better than "
        f"the mean of the training scores (MAE over clips {network:.2f}, of the mean "
        f"{mean:.2f})"
    )


def list_cautions(run, level):
    """List what to know of a run's intervals: list of str."""
    if missing := explain_missing(run):
        return [missing]
    found, highest = [], choose_level(run, level)
    if highest != level:
        found.append(
            f"{format_level(level)} intervals need {count_needed(level)} held-out "
            f"animals, and run {run.name} has {count_animals(run)}: the "
            f"intervals are for {format_level(highest)} of new animals"
        )
    widths, no_skill = measure_width(run, level=level), explain_no_skill(run)
    if no_skill is None and widths[0] >= widths[1]:
        found.append(
            f"{describe_errors(run, level)}: validate.py tells if it is better"
        )
    return [*found, no_skill] if no_skill else found
