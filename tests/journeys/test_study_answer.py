"""What a study finds, from scores of animals that the network never saw."""

import re

import numpy as np
import pytest
from builders import read_csv, read_json
from scipy import stats

from evaluation import verdict
from evaluation.groups import FOLDED

GROUPS = ["sham", "lesion"] * 5
BOTH = ("--compare", "group", "--pair", "session")


def read(lab, run="Reach-motion"):
    path = lab.folder / "predictions" / f"{run}-folds.json"
    return read_json(path), read_csv(path.with_suffix(".csv"))


def means_by_hand(rows, column, adjusted):
    """Average scores over each animal and session: {(group, animal): {session: x}}."""
    means = np.array([float(row["training_mean"]) for row in rows])
    scores = np.array([float(row[column]) for row in rows])
    scores = scores - means + means.mean() if adjusted else scores
    found = {}
    for row, score in zip(rows, scores, strict=True):
        own = found.setdefault((row["group"], row["animal"]), {})
        own.setdefault(row["session"], []).append(score)
    return {k: {d: np.mean(v) for d, v in own.items()} for k, own in found.items()}


def test_groups_and_sessions_are_compared_by_held_out_scores(lab):
    lab.write_sequences(GROUPS, ("pre", "post"), clips=2)
    lab.ok("train_reg", "--model", "motion", "--folds", "5", "--final")
    shown = lab.ok("validate", *BOTH)
    assert len(shown.out.splitlines()) <= 25, shown.out
    result, rows = read(lab)
    found = {
        (each["first"], each["second"], each["measured"]): each
        for each in result["comparison"]["found"]
    }
    for who, column in (("network", "network_score"), ("expert", "expert_score")):
        means = means_by_hand(rows, column, who == "network")
        change = {k: own["post"] - own["pre"] for k, own in means.items()}
        by_group = {
            group: np.array([v for (g, _), v in change.items() if g == group])
            for group in ("sham", "lesion")
        }
        for day in ("pre", "post"):  # each by itself: half of the clips are before
            sides = [
                [own[day] for (g, _), own in means.items() if g == group]
                for group in ("lesion", "sham")
            ]
            own = found[f"sham, {day}", f"lesion, {day}", ""][who]
            welch = stats.ttest_ind(*sides, equal_var=False).confidence_interval()
            half = (welch.high - welch.low) / 2
            wider = (FOLDED - 1) * half if who == "network" else 0
            wanted = [welch.low - wider, welch.high + wider]
            assert own["interval"] == pytest.approx(wanted, abs=1e-4)
        own = found["lesion, pre", "lesion, post", ""][who]
        assert own["difference"] == pytest.approx(by_group["lesion"].mean(), abs=1e-4)
        wanted = stats.ttest_1samp(by_group["lesion"], 0).confidence_interval()
        assert own["interval"] == pytest.approx([*wanted], abs=1e-4)
        (name,) = [key for key in found if key[2]]
        own, sides = found[name][who], (by_group["lesion"], by_group["sham"])
        welch = stats.ttest_ind(*sides, equal_var=False).confidence_interval()
        assert own["interval"] == pytest.approx([*welch], abs=1e-4)
        assert own["least_p"] == pytest.approx(2 / 252)
    text = (lab.folder / "figures/Reach-motion/results.txt").read_text("utf-8")
    assert ("may not be differences" in text) == verdict.is_doubtful(result)
    assert "report there" not in shown.err
    assert "changes from pre to post" in text and "adjusted network scores" in text
    assert "5-fold cross-validation by animal" in text and str(lab.place) not in text
    mae = result["agreement"]["clips"]["mae"]["value"]
    assert f"differed by {mae:.2f} (95% CI" in text
    (first, *_) = table = read_csv(lab.folder / "predictions/Reach-motion-animals.csv")
    assert len(table) == 20 and first["held_out"] == "True" and first["n_clips"] == "2"
    page = (lab.folder / "figures/Reach-motion/report.html").read_text("utf-8")
    assert page.index(result["label"]) < page.index("What to change first")
    lab.refused("validate", "--split", "train", *BOTH, words=("--folds",))


def test_three_doses_are_compared_with_a_trend(lab):
    lab.write_sequences(["0 mg", "5 mg", "20 mg"] * 4, clips=1)
    lab.ok("train_reg", "--model", "motion", "--folds", "4")
    lab.ok("validate", "--folds", "--compare", "group", "--control-group", "0 mg")
    study, rows = read(lab)[0]["comparison"], read(lab)[1]
    doses = [float(row["group"].split()[0]) for row in rows]
    scores = [float(row["expert_score"]) for row in rows]
    line = stats.linregress(doses, scores)
    assert study["trend"]["expert"]["slope"] == pytest.approx(line.slope, abs=1e-6)
    groups = [
        [s for s, d in zip(scores, doses, strict=True) if d == k] for k in (0, 5, 20)
    ]
    f = stats.f_oneway(*groups).statistic
    assert study["all"]["expert"]["f"] == pytest.approx(f, rel=1e-4)
    assert [each["second"] for each in study["found"]] == ["5 mg", "20 mg"]


def test_scores_with_an_effect_on_films_without_one_give_no_finding(lab):
    """The training scores say that lesioned animals are worse; no film shows it."""
    lab.write_sequences(["sham", "lesion"] * 4, clips=3)
    random = np.random.default_rng(3)
    lab.edit(
        lambda row: row.update(
            score=f"{2 + 2 * (row['group'] == 'lesion') + random.normal(0, 0.3):.2f}"
        )
    )
    lab.ok("train_reg", "--model", "motion", "--folds", "4", "--final")
    shown = lab.ok("validate", "--compare", "group")
    (each,) = read(lab)[0]["comparison"]["found"]
    assert each["expert"]["p"] < 0.05 <= each["network"]["p"]
    assert read(lab)[0]["label"] in (
        "NOT SHOWN TO BE BETTER",
        "NO BETTER THAN THE MEAN",
    )
    assert re.search(r"lesion - sham +[+-].* p .* expert ", shown.out)
    text = (lab.folder / "figures/Reach-motion/results.txt").read_text("utf-8")
    assert "may not be differences between the animals" in text
    asked = lab.refused("validate", "--split", "train", "--compare", "group")
    assert "what it was taught" in asked.err
    few = ("--no-places", "--elements", "2")
    again = lab.ok("validate")
    assert "held the comparison of groups or sessions (--compare, --pair)" in again.err
    told = [shown, lab.ok("explain", *few), again]
    assert not any(list_small(each) for each in told), told
    taught = lab.ok("validate", "--split", "train")
    assert "NOT A TEST" in taught.out
    assert "The network knows 24 of 24 clips (clip trained on: 24)" in taught.out
    assert "NOT A TEST" in lab.ok("explain", "--split", "all", *few).out


def list_small(told):
    """List each p below 0.05 that a command prints, but those of expert scores."""
    text = re.sub(r"expert [^;\n]*? p [<= ]*[\d.]+", "", told.all)
    return [p for p in re.findall(r"\bp (?:[=<] )?(\d\.\d+)", text) if float(p) < 0.05]


def test_what_three_groups_are_compared_with_is_asked_for(lab):
    lab.write_sequences(["a", "b", "c"] * 2, clips=1)
    lab.ok("train_reg", "--model", "motion", "--folds", "3")
    lab.refused("validate", "--folds", "--compare", "group", words=("--control-group",))
