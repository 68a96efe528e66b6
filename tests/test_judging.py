import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from judging import agreement, comparisons, floors, resampling


def draw_study(seed=0, n_animals=15):
    random = np.random.default_rng(seed)
    index = np.repeat(np.arange(n_animals), random.integers(1, 7, n_animals))
    expert = random.normal(2.5, 1, n_animals)[index] + random.normal(0, 1, len(index))
    expert = np.clip(np.round(2 * expert) / 2, 0, 5)  # ties, as experts give
    network = 0.5 + 0.7 * expert + random.normal(0, 0.6, len(index))
    return expert, network, np.array([f"g{i:02d}" for i in index])


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
    found = agreement.measure_agreement(expert, network, animals, mean, n_resamples=50)[
        level
    ]
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
            "pearson": pearson,
            "spearman": stats.spearmanr(expert, network)[0],
            "ccc": 2 * pearson / (ratio + 1 / ratio + shift**2),
            "icc": compute_icc(expert, network),
        },
        abs=1e-9 if level == "clips" else 1e-6,
        rel=1e-6,
    )


def test_r2_is_that_of_scikit_learn_when_the_prediction_is_the_mean():
    expert, network, animals = draw_study()
    found = agreement.measure_agreement(
        expert, network, animals, expert.mean(), n_resamples=10
    )
    assert found["clips"]["r2"]["value"] == pytest.approx(r2_score(expert, network))


def test_weights_stand_for_repeated_clips():
    expert, network, _ = draw_study()
    counts = np.random.default_rng(1).integers(0, 4, len(expert))
    base = np.full(len(expert), 2.0)
    weighted = agreement._compute_agreement(
        expert, network, base, counts[None].astype(float)
    )
    repeated = [np.repeat(v, counts) for v in (expert, network, base)]
    plain = agreement._compute_agreement(*repeated, np.ones((1, counts.sum())))
    for name, value in plain.items():
        assert weighted[name] == pytest.approx(value, rel=1e-9), name


def test_agreement_does_not_depend_on_the_order_of_clips_or_names():
    expert, network, animals = draw_study()
    shuffle = np.random.default_rng(0).permutation(len(expert))
    first = agreement.measure_agreement(expert, network, animals)
    second = agreement.measure_agreement(
        expert[shuffle], network[shuffle], animals[shuffle]
    )
    for level in ("clips", "animals"):
        for name, figure in first[level].items():
            if name != "n" and figure["value"] is not None:
                assert second[level][name] == pytest.approx(figure), name


def test_interval_widens_with_fewer_animals_and_holds_the_value():
    widths = []
    for n_animals in (6, 12, 48):
        found = agreement.measure_agreement(*draw_study(3, n_animals), 2.5)["animals"]
        for name, figure in found.items():
            if name != "n":
                assert figure["low"] <= figure["value"] <= figure["high"], name
        widths.append(found["pearson"]["high"] - found["pearson"]["low"])
    assert widths == sorted(widths, reverse=True)


def test_interval_of_a_mean_is_that_of_student():
    values = np.random.default_rng(0).normal(size=20)
    weights = resampling.draw_weights(20, 200_000)
    low, high = resampling.find_interval(values.mean(), weights @ values / 20, 20)
    known = stats.t.interval(0.95, 19, values.mean(), stats.sem(values))
    assert (low, high) == pytest.approx(known, abs=0.01)


@pytest.mark.parametrize(
    ("expert", "network", "animals", "reason"),
    [
        ([], [], [], "no clips with both scores"),
        ([1, 2], [1, 3], "ab", "fewer than 3 clips"),
        ([1, 2, 3, 4], [2, 2, 2, 2], "abcd", "the network scores are all equal"),
        ([2, 2, 2, 2], [1, 2, 3, 4], "abcd", "the expert scores are all equal"),
        ([1, 2, np.nan], [1, 3, 4], "abc", "fewer than 3 clips"),
        ([1, 2, 3], [1, 3, np.inf], "abc", "fewer than 3 clips"),
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


def test_equal_scores_have_no_interval_of_no_width():
    found = agreement.measure_agreement(range(8), range(8), list("abcdefgh"))["clips"]
    assert found["pearson"]["value"] == pytest.approx(1)
    assert found["pearson"]["high"] is None and "do not differ" in str(found["mae"])


def test_unscored_clips_are_left_out_and_counted():
    expert, network, animals = draw_study()
    blank = np.append(expert, np.nan), np.append(network, 9), np.append(animals, "g99")
    found, known = (
        agreement.measure_agreement(*blank),
        agreement.measure_agreement(expert, network, animals),
    )
    assert found == known | {"unscored": 1}


def test_arrays_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"Received: \[2, 3, 2, 3\]"):
        agreement.measure_agreement([1, 2, 3], [1, 2], ["a", "b"])


def test_permutation_test_is_exact_for_few_animals():
    found = agreement.permutation_test([1, 2, 3, 4], [1, 2, 3, 4], list("abcd"))
    assert found["pearson"]["p"] == pytest.approx(1 / 24)
    assert found["mae"]["p"] == pytest.approx(1 / 24)


def test_permutation_test_is_one_sided():
    found = agreement.permutation_test([1, 2, 3, 4], [4, 3, 2, 1], list("abcd"))
    assert found["pearson"]["p"] == found["mae"]["p"] == 1


def test_permutation_test_sees_animals_not_clips():
    expert, network, animals = draw_study()
    doubled = [np.tile(values, 2) for values in (expert, network, animals)]
    once = agreement.permutation_test(expert, network, animals)
    twice = agreement.permutation_test(*doubled)
    for name in ("pearson", "mae"):
        assert twice[name] == pytest.approx(once[name])


@pytest.mark.parametrize("both", [False, True])
def test_separation_equals_scikit_learn(both):
    _, scores, animals = draw_study()
    scores = np.round(scores, 1)
    number = np.unique(animals, return_inverse=True)[1]
    labels = (np.arange(len(scores)) if both else number) % 2
    found = comparisons.separation(labels, scores, animals)
    table = pd.DataFrame({"label": labels, "animal": animals, "score": scores})
    means = table.groupby(["animal", "label"], as_index=False).mean()
    for level, rows in (("clips", table), ("animals", means)):
        figure = found[level]["auroc"]
        assert figure["value"] == pytest.approx(roc_auc_score(rows.label, rows.score))
        assert 0 < figure["low"] < figure["value"] < figure["high"] < 1


def test_weighted_auroc_equals_scikit_learn():
    random = np.random.default_rng(0)
    labels, scores = random.integers(0, 2, 40), random.integers(0, 8, 40)
    weights = random.integers(0, 4, 40)
    found = comparisons._find_auroc(labels, scores, weights[None])
    assert found[0] == pytest.approx(
        roc_auc_score(labels, scores, sample_weight=weights)
    )


def test_separation_without_two_groups_or_with_other_labels():
    found = comparisons.separation([1, 1], [0.2, 0.4], ["a", "b"])
    assert found["clips"]["auroc"]["reason"] == "only one group has scores"
    with pytest.raises(ValueError, match="Received"):
        comparisons.separation([1, 2], [0.2, 0.4], ["a", "b"])


def test_correlation_between_groups_is_not_one_within():
    random = np.random.default_rng(0)
    animals = [f"g{i:02d}" for i in range(40)]
    impaired = np.arange(40) >= 20
    expert = 3 * impaired + random.normal(0, 0.5, 40)
    network = 3 * impaired + random.normal(0, 0.5, 40)
    found = comparisons.within_group_correlation(expert, network, animals, impaired)
    known = stats.pearsonr(expert[impaired], network[impaired])[0]
    assert found["all"]["animals"]["pearson"]["value"] > 0.8
    assert found["impaired"]["animals"]["pearson"]["value"] == pytest.approx(known)
    assert found["impaired"]["animals"]["n"] == 20 and abs(known) < 0.5


def test_williams_test_equals_steigers_example():
    # Steiger (1980), case A, as R's psych::r.test prints it: t = -0.89, p = 0.37.
    found = comparisons.williams_test(0.4, 0.5, 0.1, 103)
    assert found["t"] == pytest.approx(-0.8912799, abs=1e-6)
    assert found["p"] == pytest.approx(0.3749185, abs=1e-6)
    assert found["df"] == 100


def test_williams_determinant_is_that_of_the_correlation_matrix():
    r_first, r_second, r_between, n = 0.62, 0.31, 0.45, 15
    matrix = [[1, r_first, r_second], [r_first, 1, r_between], [r_second, r_between, 1]]
    mean = (r_first + r_second) / 2
    below = 2 * (n - 1) / (n - 3) * np.linalg.det(matrix) + mean**2 * 0.55**3
    t = (r_first - r_second) * np.sqrt((n - 1) * 1.45 / below)
    found = comparisons.williams_test(r_first, r_second, r_between, n)
    assert found["t"] == pytest.approx(t, abs=1e-9)


@pytest.mark.parametrize("sign", [1, -1])
def test_compare_outcomes_whatever_the_sign(sign):
    random = np.random.default_rng(0)
    severity = random.normal(size=15)
    network = severity + random.normal(0, 0.3, 15)
    expert = severity + random.normal(0, 1.5, 15)
    found = comparisons.compare_outcomes(sign * severity, network, expert)
    r_network = stats.pearsonr(severity, network)[0]
    r_expert = stats.pearsonr(severity, expert)[0]
    assert found["direction"] == sign
    assert found["network"]["value"] == pytest.approx(sign * r_network, abs=1e-9)
    assert found["difference"]["value"] == pytest.approx(r_network - r_expert)
    assert found["difference"]["low"] < found["difference"]["value"]
    assert found["williams"]["t"] > 0
    json.dumps(found, allow_nan=False)


def test_compare_outcomes_says_why_not():
    found = comparisons.compare_outcomes([1, 2, 3], [5, 5, 5], [1, 2, np.nan])
    assert found["n"] == 2 and found["williams"]["reason"] == "fewer than 3 animals"
    found = comparisons.compare_outcomes([1, 2, 3, 4], [5] * 4, [1, 2, 3, 5])
    assert found["difference"]["reason"] == "network: all values are equal"
    same = comparisons.compare_outcomes(
        range(6), [1, 3, 2, 5, 4, 6], [1, 3, 2, 5, 4, 6]
    )
    assert same["williams"]["reason"] == "the two scores say the same"


@pytest.mark.parametrize(
    ("noise", "verdict"), [(0.05, "within"), (0.5, "undecided"), (3.0, "beyond")]
)
def test_network_within_the_disagreement_of_experts(noise, verdict):
    random = np.random.default_rng(0)
    animals = np.repeat([f"g{i:02d}" for i in range(15)], 4)
    truth = random.normal(2.5, 1, 60)
    first, second = truth + random.normal(0, 0.5, (2, 60))
    network = truth + random.normal(0, noise, 60)
    found = comparisons.compare_raters(first, second, network, animals)
    known = np.abs(first - second).mean()
    assert found["experts"]["value"] == pytest.approx(known)
    assert found["verdict"] == verdict


def test_paired_change_is_the_difference_of_mae():
    random = np.random.default_rng(0)
    before, after = random.normal(size=40), random.normal(0, 2, 40)
    animals = np.repeat(list("abcdefgh"), 5)
    found = comparisons.paired_change(before, after, animals)
    known = np.abs(after).mean() - np.abs(before).mean()
    assert found["change"]["value"] == pytest.approx(known)
    assert found["change"]["low"] < known < found["change"]["high"]
    assert (found["n_clips"], found["n_animals"]) == (40, 8)


def test_summary_is_mean_and_deviation_over_time():
    sequence = np.random.default_rng(0).random((125, 6))
    summary = floors.summarise_sequence(sequence)
    assert summary.shape == (12,)
    assert summary[:6] == pytest.approx(sequence.mean(axis=0), abs=1e-6)
    assert summary[6:] == pytest.approx(sequence.std(axis=0), abs=1e-6)


def draw_summaries(n=36):
    random = np.random.default_rng(0)
    summaries = random.normal(size=(n, 200))
    scores = summaries[:, :5].sum(axis=1) + random.normal(0, 0.3, n)
    return summaries, scores, np.repeat([f"g{i:02d}" for i in range(n // 3)], 3)


def test_ridge_is_scikit_learns_at_one_of_its_penalties():
    summaries, scores, animals = draw_summaries()
    found = floors.predict_ridge(summaries[6:], scores[6:], animals[6:], summaries[:6])
    distances = []
    for alpha in floors.ALPHAS:
        model = make_pipeline(StandardScaler(), Ridge(alpha=alpha))
        known = model.fit(summaries[6:], scores[6:]).predict(summaries[:6])
        distances.append(np.abs(known - found).max())
    assert min(distances) < 1e-6


def test_floors_are_fitted_on_the_training_clips():
    summaries, scores, animals = draw_summaries()
    groups = ["Control", "Stroke", "Stroke"] * 12
    train = {
        "scores": scores[3:],
        "animals": animals[3:],
        "groups": groups[3:],
        "summaries": summaries[3:],
    }
    wanted = {"groups": groups[:3], "summaries": summaries[:3]}
    predictions, reasons = floors.predict_floors(train, wanted)
    assert tuple(predictions) == floors.FLOORS and not reasons
    assert predictions["training mean"] == pytest.approx([scores[3:].mean()] * 3)
    control = scores[3::3].mean()
    assert predictions["group mean"][0] == pytest.approx(control)


def test_floors_that_are_not_defined_say_why():
    summaries, scores, _ = draw_summaries(3)
    train = {
        "scores": scores,
        "animals": ["g01"] * 3,
        "groups": [None, "Stroke", "Stroke"],
        "summaries": summaries,
    }
    wanted = {"groups": ["Stroke"], "summaries": summaries[:1]}
    predictions, reasons = floors.predict_floors(train, wanted)
    assert list(predictions) == ["training mean"]
    assert reasons == {
        "group mean": "clips whose name carries no group: 1",
        "ridge": "the training clips are of fewer than two animals",
    }
    with pytest.raises(floors.NoFloor, match="no training clip of group Stroke"):
        floors.predict_group_mean([1.0], ["Control"], ["Stroke"])


def test_a_correlation_of_nearly_one_has_no_interval_rather_than_nan():
    animals = [f"g{i}" for i in range(6)]
    expert = np.arange(6.0)
    network = -expert * (1 + 1e-16)
    network[0] = 1e-12
    found = agreement.measure_agreement(expert, network, animals)["animals"]["pearson"]
    assert found["low"] is None and found["reason"]
