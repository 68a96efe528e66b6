"""Intervals over animals: by hand, and that they hold as often as they say."""

import numpy as np
import pytest

from judging import conformal


def test_one_clip_an_animal_is_the_jackknife_plus_of_barber_2021():
    errors = np.arange(1.0, 20)  # 19 animals: the 18th of 20 for 90%
    spread = conformal.spread_errors(errors, np.arange(19))
    assert conformal.find_intervals([2.0], spread).tolist() == [[2 - 18, 2 + 18]]
    told = np.linspace(0, 1, 19)  # by each animal's own network
    spread = conformal.spread_errors(errors, np.arange(19), np.arange(19))
    ((low, high),) = conformal.find_intervals(told[None], spread)
    assert high == np.sort(told + errors)[17] and low == np.sort(told - errors)[1]


def test_an_animal_has_one_vote_however_many_clips():
    errors = np.r_[np.full(100, 9.0), np.arange(19)]
    animals = np.r_[np.full(100, 99), np.arange(19)]
    spread = conformal.spread_errors(errors, animals)
    assert spread.n_animals == 20
    # 18.9 of 21 votes: between the animals of 16 and of 17
    assert conformal.find_intervals([0], spread)[0, 1] == pytest.approx(16.9)


def test_the_mean_of_clips_is_judged_by_means_of_as_many():
    errors, animals = [1, -1, 3, 2], ["a", "a", "a", "b"]
    spread = conformal.spread_errors(errors, animals, n_clips=2)
    assert sorted(spread.sizes) == [0, 1, 2, 2]  # (1-1)/2, (-1+3)/2, (1+3)/2; b has one
    many = conformal.spread_errors(np.arange(40), np.zeros(40), n_clips=20)
    assert len(many.sizes) == conformal.MAX_SUBSETS
    assert many.sizes.std() > 0


@pytest.mark.parametrize("level, needed", [(0.9, 9), (0.8, 4), (0.95, 19), (0.75, 3)])
def test_too_few_animals_give_no_limits(level, needed):
    assert conformal.count_needed(level) == needed
    for n_animals, is_finite in ((needed - 1, False), (needed, True)):
        spread = conformal.spread_errors(np.ones(n_animals), np.arange(n_animals))
        found = conformal.find_intervals([0.0], spread, level)
        assert np.isfinite(found).all() == is_finite


@pytest.mark.parametrize("n_clips", [1, 3])
def test_the_truth_of_new_animals_lies_within_as_often_as_said(n_clips):
    random, inside = np.random.default_rng(0), []
    for _ in range(1500):
        owners = np.repeat(np.arange(20), 4)
        off = random.standard_t(3, 20)[owners] + random.normal(0, 1, 80)
        spread = conformal.spread_errors(off[4:], owners[4:], n_clips=n_clips)
        inside.append(
            abs(off[:n_clips].mean()) <= conformal.find_intervals([0], spread)[0, 1]
        )
    assert 0.87 < np.mean(inside) < 0.93
