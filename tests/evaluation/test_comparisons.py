import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.metrics import cohen_kappa_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from studies import draw_study

from evaluation import (
    agreement,
    baselines,
    comparisons,
    learning_curve,
    raters,
)


@pytest.mark.parametrize("both", [False, True])
def test_separation_equals_scikit_learn(both):
    _, scores, animals = draw_study()
    scores = np.round(scores, 1)
    number = np.unique(animals, return_inverse=True)[1]
    labels = (np.arange(len(scores)) if both else number) % 2
    found = agreement.separate(labels, scores, animals)
    table = pd.DataFrame({"label": labels, "animal": animals, "score": scores})
    means = table.groupby(["animal", "label"], as_index=False).mean()
    for level, rows in (("clips", table), ("animals", means)):
        figure = found[level]["auroc"]
        assert figure["value"] == pytest.approx(roc_auc_score(rows.label, rows.score))
        assert 0 < figure["low"] < figure["value"] < figure["high"] < 1


def test_perfect_separation_has_an_interval():
    low, high = agreement.newcombe_interval(1.0, 6, 9)
    star, z = 6.5, stats.norm.ppf(0.975)
    # Newcombe (2006), method 5: the end lies z of its own standard errors away.
    error = (
        low * (1 - low) * (1 + star * ((1 - low) / (2 - low) + low / (1 + low))) / 54
    )
    assert high == 1 and 1 - low == pytest.approx(z * np.sqrt(error), rel=1e-6)
    mirrored = agreement.newcombe_interval(0.0, 6, 9)
    assert mirrored == pytest.approx((0, 1 - low), abs=1e-9)


def test_difference_of_correlations_equals_zous_example():
    # Zou (2007), example of two correlations that share a variable, n = 66.
    found = comparisons.zou_interval(0.396, 0.179, 0.088, 66)
    assert found == pytest.approx((-0.093, 0.517), abs=5e-4)


@pytest.mark.parametrize("sign", [1, -1])
def test_compare_outcomes_whatever_the_sign(sign):
    random = np.random.default_rng(0)
    severity = random.normal(size=15)
    network = severity + random.normal(0, 0.3, 15)
    expert = severity + random.normal(0, 1.5, 15)
    outcome = sign * 1e7 * (severity + 10)  # of any size
    found = comparisons.compare_outcomes(outcome, network, expert)
    r_network = stats.pearsonr(severity, network)[0]
    r_expert = stats.pearsonr(severity, expert)[0]
    assert found["direction"] == sign
    assert found["network"]["value"] == pytest.approx(sign * r_network, abs=1e-9)
    assert found["difference"]["value"] == pytest.approx(r_network - r_expert)
    assert found["difference"]["low"] < found["difference"]["value"]
    json.dumps(found, allow_nan=False)


def test_compare_outcomes_says_why_not():
    found = comparisons.compare_outcomes([1, 2, 3], [5, 5, 5], [1, 2, np.nan])
    reason = "fewer than 3 animals, or values all equal"
    assert found["n"] == 2 and found["difference"]["reason"] == reason
    found = comparisons.compare_outcomes([1, 2, 3, 4], [5] * 4, [1, 2, 3, 5])
    assert found["n"] == 4 and found["difference"]["reason"] == reason


@pytest.mark.parametrize(
    ("noise", "verdict"), [(0.05, "within"), (0.5, "undecided"), (3.0, "beyond")]
)
def test_network_within_the_disagreement_of_experts(noise, verdict):
    random = np.random.default_rng(0)
    animals = np.repeat([f"g{i:02d}" for i in range(15)], 4)
    truth = random.normal(2.5, 1, 60)
    ratings = truth + random.normal(0, 0.5, (2, 60))
    network = truth + random.normal(0, noise, 60)
    found = raters.compare_network(ratings, network, animals, margin=1)
    known = np.abs(ratings[0] - ratings[1]).mean()
    assert found["experts"]["value"] == pytest.approx(known)
    assert found["verdict"] == verdict
    assert found["not_inferior"] == (verdict != "beyond")


def draw_ratings(n_raters=3):
    random = np.random.default_rng(0)
    truth = random.normal(2.5, 1.2, 60)
    noise = random.normal(0, 0.5, (n_raters, 60)) + np.arange(n_raters)[:, None] / 5
    animals = np.repeat([f"g{i:02d}" for i in range(15)], 4)
    return np.clip(np.round(2 * (truth + noise)) / 2, 0, 5), animals


def test_raters_agree_as_pingouin_and_scikit_learn_say():
    pingouin = pytest.importorskip("pingouin")
    ratings, animals = draw_ratings()
    found = raters.compare_ratings(ratings, animals)
    long = pd.DataFrame(
        {
            "clip": np.tile(np.arange(60), 3),
            "rater": np.repeat(list("abc"), 60),
            "score": ratings.ravel(),
        }
    )
    table = pingouin.intraclass_corr(long, "clip", "rater", "score")
    known = table.loc[table["Type"].isin(["ICC(A,1)", "ICC2"]), "ICC"].item()
    assert found["icc"]["value"] == pytest.approx(known, abs=1e-6)
    steps = (2 * ratings).astype(int)
    pairs = ((0, 1), (0, 2), (1, 2))
    kappas = [
        cohen_kappa_score(steps[i], steps[j], labels=list(range(11)), weights="linear")
        for i, j in pairs
    ]
    assert found["kappa"]["value"] == pytest.approx(np.mean(kappas), abs=1e-6)
    near = np.mean([np.abs(ratings[i] - ratings[j]) <= 0.5 for i, j in pairs])
    assert found["half_point"]["value"] == pytest.approx(near)
    assert found["n_clips"] == 60 and found["n_raters"] == 3


def test_missing_ratings_are_left_out_pair_by_pair():
    ratings, animals = draw_ratings()
    ratings[2, 10:] = np.nan
    assert raters.compare_ratings(ratings, animals)["n_clips"] == 10
    network = ratings[0] + 0.25
    found = raters.compare_network(ratings, network, animals)
    pairs = [np.abs(ratings[i] - ratings[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert found["n_clips"] == 60
    assert found["experts"]["value"] == pytest.approx(np.nanmean(pairs, axis=0).mean())
    each = raters.compare_each(ratings, "abc", network, animals)
    assert each["a"]["network"]["clips"]["mae"]["value"] == pytest.approx(0.25)
    assert each["c"]["others"]["clips"]["n"] == 10
    json.dumps([found, each], allow_nan=False)


@pytest.mark.parametrize(
    ("rise", "verdict"), [(0.0, "not needed"), (0.3, "undecided"), (2.0, "needed")]
)
def test_a_control_has_three_verdicts(rise, verdict):
    random = np.random.default_rng(0)
    before = random.normal(size=40)
    after = before * (1 + rise * random.normal(0.5, 3, 40))
    animals = np.repeat(list("abcdefgh"), 5)
    found = comparisons.paired_change(before, after, animals)
    known = np.abs(after).mean() - np.abs(before).mean()
    assert found["change"]["value"] == pytest.approx(known)
    assert (found["n_clips"], found["n_animals"]) == (40, 8)
    if rise:
        assert found["change"]["low"] < known < found["change"]["high"]
    assert found["verdict"] == verdict


def test_calibration_is_the_line_of_least_squares():
    expert, network, animals = draw_study()
    found = agreement.measure_agreement(expert, network, animals)["clips"]
    line = stats.linregress(network, expert)
    values = [found[name]["value"] for name in ("slope", "intercept")]
    assert values == pytest.approx([line.slope, line.intercept])
    still = np.full(len(expert), 2.0)
    dead = agreement.measure_agreement(expert, still, animals)["clips"]
    assert "do not vary" in dead["slope"]["reason"]


def test_errors_are_tabulated_by_what_is_known():
    rows = [(1, 2.0, "a", "sham"), (2, 2.5, "a", "sham"), (3, 2, "b", None)]
    columns = ["target", "network_score", "animal", "group"]
    table = pd.DataFrame([*rows, (np.nan, 2, "b", "lesion")], columns=columns)
    (row,) = agreement.tabulate_errors(table, "group")
    assert list(row.values()) == ["sham", 2, 1, 0.75, 0.75]
    names = [row["name"] for row in agreement.tabulate_errors(table, "animal")]
    assert names == ["a", "b"]


def draw_summaries(n=36):
    random = np.random.default_rng(0)
    summaries = random.normal(size=(n, 200))
    scores = summaries[:, :5].sum(axis=1) + random.normal(0, 0.3, n)
    return summaries, scores, np.repeat([f"g{i:02d}" for i in range(n // 3)], 3)


def take(summaries, scores, animals, rows):
    n = len(scores[rows])
    return {
        "scores": scores[rows],
        "animals": animals[rows],
        "groups": (["Control", "Stroke", "Stroke"] * n)[:n],
        "lengths": scores[rows] * 10 + 100,
        "durations": [np.nan] * n,
        "summaries": summaries[rows],
        "columns": summaries[rows],
    }


NONE = {"scores": [], "animals": [], "groups": [], "lengths": [], "summaries": []}
NONE["durations"] = []


@pytest.mark.parametrize("watch", [False, True])
def test_ridge_is_fitted_on_train_clips_and_chosen_on_watched_ones(watch):
    clips = draw_summaries()
    train, watched = take(*clips, slice(12, 36)), take(*clips, slice(6, 12))
    wanted = clips[0][:6]
    known = [train[key] for key in ("columns", "scores", "animals")]
    chosen = (watched["columns"], watched["scores"]) if watch else None
    found = baselines.predict_ridge(*known, wanted, chosen)
    distances, errors = [], []
    for alpha in baselines.ALPHAS:
        model = make_pipeline(StandardScaler(), Ridge(alpha=alpha))
        model.fit(train["columns"], train["scores"])
        distances.append(np.abs(model.predict(wanted) - found).max())
        if watch:
            missed = model.predict(watched["columns"]) - watched["scores"]
            errors.append(np.mean(missed**2))
    assert min(distances) < 1e-6
    assert not watch or np.argmin(distances) == np.argmin(errors)


def test_floors_are_fitted_on_the_training_clips():
    clips = draw_summaries()
    train, wanted = take(*clips, slice(3, 36)), take(*clips, slice(0, 3))
    predictions, reasons = baselines.predict_baselines(train, NONE, wanted)
    known = ["training mean", "group mean", "clip length", "ridge"]
    assert list(predictions) == known and list(reasons) == ["clip duration"]
    assert predictions["training mean"] == pytest.approx([clips[1][3:].mean()] * 3)
    assert predictions["group mean"][0] == pytest.approx(clips[1][3::3].mean())
    inside = np.clip(wanted["scores"], train["scores"].min(), train["scores"].max())
    assert predictions["clip length"] == pytest.approx(inside, abs=0.1)
    seconds = train["lengths"] / np.where(np.arange(33) % 2, 30, 60)
    for side, found in ((train, seconds), (wanted, wanted["lengths"] / 30)):
        side["durations"] = found
    left, reasons = baselines.predict_baselines(
        train, NONE, wanted, omitted=("group mean",)
    )
    assert not reasons and not np.allclose(left["clip duration"], left["clip length"])
    train["durations"], wanted["durations"] = train["lengths"], wanted["lengths"]
    _, reasons = baselines.predict_baselines(train, NONE, wanted)
    assert reasons == {"clip duration": "as clip length, at one frame rate"}
    assert "group mean" not in left


def test_floors_that_are_not_defined_say_why():
    clips = draw_summaries(3)
    train, wanted = take(*clips, slice(0, 3)), take(*clips, slice(0, 1))
    train |= {"animals": ["g01"] * 3, "groups": [None, "Stroke", "Stroke"]}
    train["lengths"] = [24, 24, 24]
    predictions, reasons = baselines.predict_baselines(train, NONE, wanted)
    assert list(predictions) == ["training mean"]
    assert reasons == {
        "group mean": "clips whose name carries no group: 1",
        "clip length": "the training clips do not differ in it",
        "clip duration": "it is not known of every clip",
        "ridge": "the training clips are of fewer than two animals",
    }
    with pytest.raises(baselines.NoBaseline, match="no training clip of group Stroke"):
        baselines.predict_group_mean(np.array([1.0]), ["Control"], ["Stroke"])


def test_a_known_animal_predicts_by_its_other_clips():
    scores = np.array([1, 2, 6, np.nan, 4, 7])
    found = baselines.predict_known_animal(scores, list("aaabbc"))
    assert found[:5] == pytest.approx([4, 3.5, 1.5, 4, np.nan], nan_ok=True)
    assert np.isnan(found[5])


def test_a_planning_curve_says_how_many_animals():
    random = np.random.default_rng(0)
    animals = np.repeat([f"g{i:02d}" for i in range(16)], 3)
    scores = np.repeat(random.normal(2.5, 1, 16), 3)
    columns = random.normal(size=(48, 20))
    columns[:, 0] += scores
    clips = np.tile(columns, 4), columns, scores, animals
    found = learning_curve.measure_curve(clips, 0.01)
    errors = [row["ridge"] for row in found["rows"]]
    assert errors[-1] < errors[0] and found["needed"] is None
    assert "levels off" in found["reason"]
    easy = learning_curve.measure_curve(clips, errors[0])["needed"]
    assert easy["value"] <= 16
    fit = learning_curve.fit_curve(np.array([2, 4, 8]), np.array([1.5, 1.25, 1.125]))
    assert fit == pytest.approx((1, 1))
    few = [c[:9] for c in clips]
    assert learning_curve.measure_curve(few, 1)["rows"] == []
