"""Permutation tests have one definition of p, widened or not."""

import itertools

import numpy as np
import pytest

from evaluation import groups


@pytest.mark.parametrize("widen", [1.0, 1.1, 1.4])
@pytest.mark.parametrize("turned", [1, -1])
def test_p_is_twice_the_smaller_tail_of_unequal_groups(widen, turned):
    random = np.random.default_rng(3)
    first, second = turned * random.gamma(1, 1, 6), turned * random.gamma(3, 1, 4)
    both, null = np.concatenate([first, second]), []
    for chosen in itertools.combinations(range(10), 6):
        is_first = np.isin(np.arange(10), chosen)
        null.append(both[is_first].mean() - both[~is_first].mean())
    true = (first.mean() - second.mean()) / widen
    tails = np.mean(np.array(null) >= true - 1e-12), np.mean(null <= true + 1e-12)
    p = groups.permute((first, second), groups.subtract_means, widen=widen)
    assert p == pytest.approx(2 * min(tails))
    assert len(null) == 210
