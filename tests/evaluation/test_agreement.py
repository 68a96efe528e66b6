import itertools
import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from studies import draw_study

from evaluation import agreement, correlation, jackknife
from evaluation.jackknife import Jackknife


def values_of(part):
    return {name: figure["value"] for name, figure in part.items() if name != "n"}


def compute_icc(first, second):
    pingouin = pytest.importorskip("pingouin")
    n = len(first)
    table = pd.DataFrame(
        {
            "clip": np.tile(np.arange(n), 2),
            "rater": np.repeat(["expert", "network"], n),
            "score": np.concatenate([first, second]),
        }
    )
    found = pingouin.intraclass_corr(table, "clip", "rater", "score")
    # Older versions call it ICC2: absolute agreement, single rater, random raters.
    return found.loc[found["Type"].isin(["ICC(A,1)", "ICC2"]), "ICC"].item()


@pytest.mark.parametrize("level", ["clips", "animals"])
def test_agreement_equals_independent_implementations(level):
    expert, network, animals = draw_study()
    mean = np.linspace(2, 3, len(expert))
    found = agreement.measure_agreement(expert, network, animals, mean)[level]
    if level == "animals":
        table = pd.DataFrame({"e": expert, "n": network, "m": mean})
        table = table.groupby(animals).mean()
        expert, network, mean = (table[name].to_numpy() for name in "enm")
    difference = network - expert
    spread = 1.96 * difference.std(ddof=1)
    # Lin's concordance as Pearson's r times the bias correction of his paper.
    ratio = network.std() / expert.std()
    shift = difference.mean() / np.sqrt(network.std() * expert.std())
    pearson = stats.pearsonr(expert, network)[0]
    assert found["n"] == len(expert)
    assert values_of(found) == pytest.approx(
        {
            "mae": np.abs(difference).mean(),
            "rmse": np.sqrt((difference**2).mean()),
            "bias": difference.mean(),
            "lower_limit": difference.mean() - spread,
            "upper_limit": difference.mean() + spread,
            "r2": 1 - (difference**2).sum() / ((expert - mean) ** 2).sum(),
            "pearson": stats.pearsonr(expert - mean, network - mean)[0],
            "spearman": stats.spearmanr(
                *(np.round(v - mean, 9) for v in (expert, network))
            )[0],
            "ccc": 2 * pearson / (ratio + 1 / ratio + shift**2),
            "icc": compute_icc(expert, network),
            "slope": stats.linregress(network - mean, expert - mean).slope,
            "intercept": expert.mean()
            - stats.linregress(network - mean, expert - mean).slope * network.mean(),
        },
        abs=1e-9 if level == "clips" else 1e-6,
        rel=1e-6,
    )


def test_interval_of_a_mean_is_that_of_student():
    values = np.random.default_rng(0).normal(size=20)
    jack = Jackknife(np.arange(20))
    known = stats.t.interval(0.95, 19, values.mean(), stats.sem(values))
    found = jack.describe(jack.average(values))
    assert (found["low"], found["high"]) == pytest.approx(known, rel=1e-9)


def test_animals_with_most_clips_count_as_few():
    assert Jackknife(np.repeat(np.arange(7), 4)).effective == pytest.approx(7)
    index = np.repeat(np.arange(15), [20] * 3 + [1] * 12)
    assert Jackknife(index).effective == pytest.approx(72**2 / 1212)


@pytest.mark.parametrize(
    ("expert", "network", "animals", "reason"),
    [
        ([], [], [], "no clips with both scores"),
        ([1, 2], [1, 3], "ab", "fewer than 3 clips"),
        ([1, 2, 3, 4], [2, 2, 2, 2], "abcd", "the network scores do not vary"),
        ([2, 2, 2, 2], [1, 2, 3, 4], "abcd", "the expert scores do not vary"),
        ([1, 2, np.nan], [1, 3, 4], "abc", "fewer than 3 clips"),
        ([1, 2, 3], [1e6, 1e6 + 1e-3, 1e6], "abc", "the network scores do not vary"),
    ],
)
def test_undefined_correlation_says_why(expert, network, animals, reason):
    found = agreement.measure_agreement(expert, network, list(animals), 1.0)
    assert found["clips"]["pearson"] == {
        "value": None,
        "low": None,
        "high": None,
        "reason": reason,
    }
    json.dumps(found, allow_nan=False)


def test_one_animal_has_values_but_no_interval():
    found = agreement.measure_agreement([1, 2, 3, 4], [2, 2, 3, 5], ["g01"] * 4)
    assert found["clips"]["mae"]["value"] == 0.5
    assert found["clips"]["mae"]["low"] is None
    assert "fewer than 5 animals" in found["clips"]["mae"]["reason"]
    assert found["animals"]["pearson"]["reason"] == "fewer than 3 animals"
    assert found["clips"]["r2"]["reason"] == "no training-mean prediction was given"


def test_permutation_test_is_exact_for_few_animals():
    x, y = np.array([1.0, 2, 4, 7, 3]), np.array([1.5, 2, 3, 9, 5])
    found = correlation.permutation_test(x, y, list("abcde"))

    def studentise(x):  # DiCiccio & Romano (2017), but for a constant
        x, b = x - x.mean(), y - y.mean()
        return np.mean(x * b) / np.sqrt(np.mean(x**2 * b**2))

    every = [studentise(np.array(order)) for order in itertools.permutations(x)]
    known = np.mean(np.array(every) >= studentise(x) - 1e-12)
    assert found["p"] == pytest.approx(known) and known < 0.2
    assert found["value"] == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert correlation.permutation_test(x, -y, list("abcde"))["p"] > 0.8  # one-sided


@pytest.mark.parametrize("size", [1e-9, 1, 1e7])
def test_a_series_may_be_of_any_size(size):
    expert, network, animals = draw_study()
    known = np.corrcoef(expert, network)[0, 1]
    assert correlation.correlate(expert, size * network) == pytest.approx(known)
    assert not jackknife.is_constant(size * network)
    assert jackknife.is_constant(np.full(9, size) * (1 + 1e-8 * np.arange(9)))
    found = agreement.measure_agreement(size * expert, network, animals)
    assert found["clips"]["pearson"]["value"] == pytest.approx(known)
    assert json.dumps(found, allow_nan=False)


def test_of_folds_a_clear_correlation_has_a_small_p_and_a_weaker_one_a_larger():
    random = np.random.default_rng(3)
    x, animals = random.normal(size=12), np.arange(12)
    means = np.array([x[np.arange(12) % 5 != i % 5].mean() for i in range(12)])
    found = [
        correlation.permutation_test(x - means, y, animals, means)
        for y in (means + x - means + random.normal(0, s, 12) for s in (0.1, 1.0, 9.0))
    ]
    clear, weaker, none = (each["p"] for each in found)
    assert found[0]["value"] > 0.95 and clear < 0.01 < weaker < none
