"""Intervals over animals: by hand, and that they hold as often as they say."""

import itertools

import numpy as np
import pytest
from builders import make_run

from runs import intervals
from runs.record import ClipError, Errors, Network


def test_one_clip_an_animal_is_the_conformal_quantile():
    errors = np.arange(1.0, 20)  # 19 animals: the 18th of 20 for 90%
    assert intervals.find_width(-errors, np.arange(19)) == 18
    assert intervals.find_width(errors, np.arange(19), 0.925) == 18.5


def test_an_animal_has_one_vote_however_many_clips():
    errors = np.r_[np.full(100, 9.0), np.arange(19)]
    animals = np.r_[np.full(100, 99), np.arange(19)]
    # 18.9 of 21 votes: between the animals of 16 and of 17
    assert intervals.find_width(errors, animals) == pytest.approx(16.9)


def test_the_mean_of_clips_is_judged_by_means_of_as_many():
    errors, animals = [1, -1, 3, 2], ["a", "a", "a", "b"]
    widths = [intervals.find_width(errors, animals, 2 / 3, n) for n in (2, 3)]
    assert widths == [2, 2]  # of a 0, 1 or 2 for two clips, 1 for three; b has one
    assert intervals.find_width(errors, animals, 1 / 3, 3) == 1
    assert len(intervals.draw_subsets(40, 20)) == intervals.MAX_SUBSETS


def test_each_rank_has_its_median_over_every_choice_of_one_clip_an_animal():
    random = np.random.default_rng(2)
    animals = np.repeat(np.arange(6), [1, 2, 3, 4, 3, 2])
    errors = random.normal(0, 1, len(animals))
    own = [np.abs(errors[animals == animal]) for animal in range(6)]
    choices = np.sort(list(itertools.product(*own)), axis=1)  # all 144
    medians = np.median(choices, axis=0)
    for level, rank in ((0.8, 5.6), (0.5, 3.5), (6 / 7, 6.0)):
        wanted = np.interp(rank, range(1, 7), medians)
        assert intervals.find_width(errors, animals, level) == pytest.approx(wanted)


@pytest.mark.parametrize("level, needed", [(0.9, 9), (0.8, 4), (0.95, 19), (0.75, 3)])
def test_too_few_animals_give_no_limits(level, needed):
    assert intervals.count_needed(level) == needed
    for n_animals, is_finite in ((needed - 1, False), (needed, True)):
        found = intervals.find_width(np.ones(n_animals), np.arange(n_animals), level)
        assert np.isfinite(found) == is_finite


@pytest.mark.parametrize("n_clips", [1, 2])
def test_the_width_grows_with_the_level_from_the_smallest_error_on(n_clips):
    random = np.random.default_rng(3)
    for n_animals in range(2, 12):
        errors, animals = random.normal(0, 1, 2 * n_animals), np.arange(n_animals)
        owners, levels = np.repeat(animals, 2), np.linspace(0.001, 0.999, 97)
        found = [intervals.find_width(errors, owners, x, n_clips) for x in levels]
        assert (np.diff([w for w in found if np.isfinite(w)]) >= 0).all()
        ones = [intervals.find_width(errors[::2], animals, x) for x in levels]
        for level, width in zip(levels, ones, strict=True):
            ranks = np.arange(1, n_animals + 2)
            known = np.append(np.sort(np.abs(errors[::2])), np.inf)
            place = max(level * (n_animals + 1), 1)
            wanted = np.inf
            if place <= n_animals:
                wanted = np.interp(place, ranks[:-1], known[:-1])
            assert width == pytest.approx(wanted)
        clips = [ClipError("c", f"r{i}", 0, 0.0, 0.0) for i in range(n_animals)]
        run = make_run(errors=Errors([Network("R", "x", 0.5)], clips))
        highest = intervals.choose_level(run, 0.99)
        assert np.isfinite(intervals.find_width(errors, owners, highest))
        assert highest > n_animals / (n_animals + 1) - 0.01


@pytest.mark.parametrize("n_clips", [1, 3])
def test_the_truth_of_new_animals_lies_within_as_often_as_said(n_clips):
    random, inside = np.random.default_rng(0), []
    for _ in range(1500):
        owners = np.repeat(np.arange(20), 4)
        off = random.standard_t(3, 20)[owners] + random.normal(0, 1, 80)
        width = intervals.find_width(off[4:], owners[4:], n_clips=n_clips)
        inside.append(abs(off[:n_clips].mean()) <= width)
    assert 0.87 < np.mean(inside) < 0.93


def test_the_error_named_beside_a_score_is_over_clips_as_in_an_evaluation():
    scores = {"a1": 1.0, "a2": 1.0, "a3": 1.0, "b1": 5.0}  # over animals it is 3
    clips = [ClipError(name, name[0], 0, 0.0, score) for name, score in scores.items()]
    run = make_run(errors=Errors([Network("Reach-fold1", "x", 0.5)], clips))
    told = intervals.explain_no_skill(run)
    assert "on 2 held-out animals" in told
    assert "(MAE over clips 2.00, of the mean 0.50)" in told
