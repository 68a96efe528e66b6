"""A network that learns groups alone: healthy 0, impaired 1, scores or none."""

import numpy as np
import pytest
from builders import read_csv, read_json, read_record
from sklearn.metrics import roc_auc_score

GROUPS = ["sham", "lesion", "sham", "lesion", "sham", "lesion", "lesion", "sham"]
TARGET = ("--task", "Reach", "--target", "group", "--model", "motion")
HEALTHY = ("--control-group", "Sham")


@pytest.fixture(scope="module")
def groups(place):
    """Eight animals in two groups that no expert has scored."""
    recordings = place.record_animals(animals=8, groups=GROUPS)
    place.ok("extract_files", "--from", recordings, "--task", "Reach", "--yes")
    place.extract()
    return place


def read(lab, what):
    path = lab.folder / "predictions" / what
    return read_csv(path)


@pytest.fixture(scope="module")
def trained(groups):
    groups.ok("train_reg", *TARGET, *HEALTHY, "--folds", "4", "--final", "--run", "G")
    return groups.ok("validate", "--folds", "--run", "G")


def test_clips_without_scores_are_learned_from(groups, trained):
    record = read_record(groups.folder, "G")
    assert len(record["train_clips"]) == 16
    rows = {row["clip"]: row["group"] for row in groups.rows()}
    assert record["train_clips"] == {
        clip: float(group == "Lesion") for clip, group in rows.items()
    }


def test_separation_is_what_scikit_learn_finds(groups, trained):
    rows = read(groups, "G-folds.csv")
    assert len(rows) == 16
    path = groups.folder / "predictions" / "G-folds.json"
    found = read_json(path)
    label = [float(row["group"] == "Lesion") for row in rows]
    score = [float(row["network_score"]) for row in rows]
    told = found["separation"]["clips"]["auroc"]["value"]
    assert told == pytest.approx(roc_auc_score(label, score))
    mae = np.abs(np.subtract(score, label)).mean()
    assert found["agreement"]["clips"]["mae"]["value"] == pytest.approx(mae)


def test_some_scores_are_no_matter(groups, trained):
    """Experts score half the clips: how graded the groups' network is can be said."""

    def fill(row):
        animal = int(row["animal"].split()[-1])
        row["score"] = f"{animal}" if row["clip"].endswith("c1") else ""

    groups.edit(fill)
    try:
        groups.ok("validate", "--folds", "--run", "G")
        rows = read(groups, "G-folds.csv")
        assert len(rows) == 16
        assert sum(row["expert_score"] not in ("", "nan") for row in rows) == 8
        groups.ok("explain", "--run", "G", "--split", "all", "--no-places")
    finally:
        groups.edit(lambda row: row.update(score=""))


def test_new_animals_have_intervals_from_0_to_1_scores(groups, trained):
    groups.film("new/Rat 9/r9_c1.mp4", 4.0)
    output = groups.place / "new.csv"
    told = groups.ok("score", groups.place / "new", "--run", "G", "--output", output)
    assert "of the expert's" not in told.all
    (row,) = read_csv(output)
    record = read_record(groups.folder, "G")
    errors = record["errors"]["clips"]
    assert {clip["target"] for clip in errors} == {0.0, 1.0}
    assert float(row["low"]) <= float(row["network_score"]) <= float(row["high"])


def test_one_group_alone_is_refused(groups):
    groups.edit(lambda row: row.update(group="Sham"))
    groups.refused("train_reg", *TARGET, *HEALTHY, "--run", "one", words=["Sham"])
