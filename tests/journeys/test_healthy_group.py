"""Which group is healthy: by its name, as an option says, or asked for."""

import re

import numpy as np
import pytest
from builders import read_csv, read_json
from sklearn.metrics import roc_auc_score

from names import labels
from reports import style

MOTION = ("--model", "motion", "--folds", "3")
GROUPS = ("sham", "lesion", "sham", "lesion", "lesion", "sham")


def judged(lab, name):
    path = lab.folder / "predictions" / name
    rows = read_csv(path.with_suffix(".csv"))
    return read_json(path.with_suffix(".json")), rows


def mean_of_animals(rows, column):
    found = {}
    for row in rows:
        score = float(row[column]) - float(row["training_mean"])
        found.setdefault(row["animal"], []).append(score)
    return {animal: np.mean(scores) for animal, scores in found.items()}


def check(lab, healthy, name="Reach-motion-folds"):
    """Compare AUROC and the correlation of the impaired with scores by hand."""
    result, rows = judged(lab, name)
    assert result["healthy_group"] == healthy
    assert result["run_record"]["control_group"] == healthy
    group = {row["animal"]: row["group"] for row in rows}
    network = mean_of_animals(rows, "network_score")
    impaired = [group[a] != healthy for a in network]
    wanted = roc_auc_score(impaired, list(network.values()))
    assert result["separation"]["animals"]["auroc"]["value"] == pytest.approx(wanted)
    own = [a for a in network if group[a] != healthy]
    expert = mean_of_animals(rows, "expert_score")
    r = np.corrcoef([expert[a] for a in own], [network[a] for a in own])[0, 1]
    found = result["severity"]["impaired"]["pearson"]["value"]
    assert found == pytest.approx(r)
    assert result["severity"]["impaired"]["n"] == len(own)


def test_sham_is_found_recorded_and_told_from_lesion(lab):
    lab.write_sequences(GROUPS)
    trained = lab.ok("train_reg", *MOTION, "--final")
    assert trained.out.count("healthy group: sham") == 1
    record = read_json(lab.folder / "checkpoints/Reach-motion.json")
    assert record["control_group"] == record["options"]["control_group"] == "sham"
    shown = lab.ok("validate", "--folds", "--full")
    assert "healthy group: sham" in shown.out and "impaired alone" in shown.out
    check(lab, "sham")
    other = lab.ok("validate", "--folds", "--control-group", "Lesion ")
    assert "healthy group: lesion" in other.out
    check(lab, "lesion")
    explain = ("--run", "Reach-motion", "--split", "train", "--no-places")
    assert "healthy group: sham" in lab.ok("explain", *explain).out
    (page,) = (lab.folder / "figures/Reach-motion/train").glob("*.html")
    page = page.read_text(encoding="utf-8")
    assert re.search(rf"--colour: {style.COLOURS[0]}\W+i></i> sham", page)
    words = ("--control-group shame", "lesion, sham")
    lab.refused("explain", *explain, "--control-group", "shame", words=words)
    lab.refused("validate", "--folds", "--control-group", "shame", words=words)


def test_groups_that_name_no_healthy_one_are_asked_about(lab):
    lab.write_sequences(("one", "two") * 3)
    trained = lab.ok("train_reg", *MOTION)
    assert "which group is healthy is not known: one, two" in trained.err
    shown = lab.ok("validate", "--folds", "--full")
    assert "--control-group" in shown.err and "impaired alone" not in shown.out
    result, _ = judged(lab, "Reach-motion-folds")
    assert result["healthy_group"] is None and "separation" not in result
    lab.ok("validate", "--folds", "--control-group", "two")
    check(lab, "two")
    words = ("--control-group", "one, two")
    lab.refused("train_reg", "--model", "motion", "--target", "group", words=words)
    lab.refused("train_reg", *MOTION, "--control-group", "three", words=words)
    target = ("--target", "group", "--control-group", "two", "--run", "T")
    lab.ok("train_reg", "--model", "motion", *target)
    record = read_json(lab.folder / "checkpoints/T.json")
    assert record["control_group"] == "two"
    groups = {row["clip"]: row["group"] for row in lab.rows()}
    learned = record["train_clips"]
    assert learned == {n: float(groups[n] == "one") for n in learned}
    again = ("--run", "T", "--split", "train", "--control-group", "one")
    lab.refused("validate", *again, words=("learned that two is the healthy group",))


def test_three_groups_and_one_written_in_three_ways(lab):
    spelled = ("Sham", "lesion", "sham ", "lesion+drug", "lesion", "lesion+drug")
    lab.write_sequences((*spelled, "SHAM", "Lesion", "lesion + drug"))
    trained = lab.ok("train_reg", *MOTION)
    assert "groups taken for one: 'Sham', 'sham', 'SHAM'" in trained.err
    assert "healthy group: Sham" in trained.out
    lab.ok("validate", "--folds")
    check(lab, "Sham")
    _, rows = judged(lab, "Reach-motion-folds")
    assert {row["group"] for row in rows} == {"Sham", "lesion", "lesion+drug"}


def test_the_healthy_group_has_its_colour_wherever_it_stands():
    looks = style.choose_looks(["lesion", "sham", None], "sham")
    assert looks["sham"] == (style.COLOURS[0], "o")
    assert looks["lesion"][0] == style.COLOURS[1]
    alone = style.choose_looks(["lesion"], "sham")
    assert alone["lesion"] == looks["lesion"]
    assert labels.order_groups(["a", "sham", None, "b"], "sham") == ["sham", "a", "b"]


@pytest.mark.parametrize(
    "groups, healthy",
    [
        (["sham", "lesion"], "sham"),
        (["SHAM", "MCAO"], "SHAM"),
        (["Sham operated", "stroke"], "Sham operated"),
        (["sham-op", "6-OHDA"], "sham-op"),
        (["saline", "6-OHDA"], "saline"),
        (["Veh.", "drug"], "Veh."),
        (["vehicle", "lesion + vehicle", "lesion + drug"], "vehicle"),
        (["WT", "KO"], "WT"),
        (["wild type", "het", "hom"], "wild type"),
        (["Wild-Type", "R6/2"], "Wild-Type"),
        (["Nf1 +/+", "Nf1 +/−"], None),
        (["naïve", "TBI"], "naïve"),
        (["non-lesioned", "lesioned"], None),
        (["Ctrl", "Stroke"], "Ctrl"),
        (["CTRL_1", "PD_1"], "CTRL_1"),
        (["1 control", "2 stroke"], "1 control"),
        (["Control", "Controlled Cortical Impact"], "Control"),
        (["healthy", "not healthy"], "healthy"),
        (["healthy controls", "patients"], "healthy controls"),
        (["untreated", "treated"], "untreated"),
        (["control", "control + drug", "stroke"], "control"),
        (["WT vehicle", "KO vehicle", "WT drug", "KO drug"], "WT vehicle"),
        (["Kontrolle", "Läsion"], "Kontrolle"),
        (["ControlGroup", "StrokeGroup"], "ControlGroup"),
        (["A", "B"], None),
        (["left", "right"], None),
        (["naive", "sham", "lesion"], None),
        (["lesion + vehicle", "lesion + drug"], None),
        (["young", "old"], None),
        (["sham"], "sham"),
        ([None, "Stroke"], None),
        ([], None),
    ],
)
def test_names_tell_the_healthy_group(groups, healthy):
    assert labels.find_healthy(groups) == healthy
    assert labels.find_healthy(groups[::-1]) == healthy
