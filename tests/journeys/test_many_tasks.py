"""Two tasks in one folder, one of them unscored; several runs of one task."""

import os
import time

import films
import numpy as np
import pytest
from builders import read_csv, read_json, read_record

from features import sequences

ANIMALS = ("g01", "g02", "g03", "g04", "g05", "g06")
MOTION = ("--model", "motion")


def score_of(name):
    return int(name[-6:-4]) * 0.8 + int(name[-2:]) * 0.1


@pytest.fixture(scope="module")
def tasks(place):
    """Reach is scored, with test rows; Grasp is not yet; Walk is scored otherwise."""
    random, rows = np.random.default_rng(3), []
    for task in ("Reach", "Grasp", "Walk"):
        for animal in ANIMALS:
            for clip in (1, 2):
                name = f"v_{task}StrokeApl27_{animal}_c{clip:02d}"
                score = round(score_of(name) * (2 if task == "Walk" else 1), 2)
                sequence = random.gamma(1, 0.3, (6, 8)) + score / 5
                sequences.write_sequence(place.folder, name, sequence)
                split = "test" if animal in ("g03", "g05") else "train"
                rows.append((split, task, name, 6, "" if task == "Grasp" else score))
    films.write_table(place.folder, rows)
    made = {"weights": "made up", "sha256": "0" * 64, "sampling": "stride"}
    made |= {"n_frames": 6, "frame_size": 299, "precision": "float32"}
    sequences.write_extraction(place.folder, made)
    place.ok("train_reg", "--task", "Walk", *MOTION)
    time.sleep(0.05)
    place.ok("train_reg", "--task", "Reach", *MOTION)
    return place


def read_predictions(lab, run, what="test"):
    path = lab.folder / "predictions" / f"{run}-{what}.csv"
    return read_csv(path)


@pytest.mark.parametrize("task", ["Reach", "Walk"])
def test_a_task_has_its_own_run(tasks, task):
    said = tasks.ok("validate", "--task", task)
    assert f"run {task}-motion, on test rows" in said.out
    rows = read_predictions(tasks, f"{task}-motion")
    assert len(rows) == 4 and all(f"v_{task}" in row["clip"] for row in rows)
    path = tasks.folder / "predictions" / f"{task}-motion-test.json"
    found = read_json(path)["agreement"]["clips"]
    errors = [float(r["network_score"]) - float(r["expert_score"]) for r in rows]
    assert found["mae"]["value"] == pytest.approx(np.abs(errors).mean())


def test_a_task_without_scores_is_the_only_one_refused(tasks):
    said = tasks.refused("train_reg", "--task", "Grasp", *MOTION)
    assert "score" in said.err and "v_Walk" not in said.err
    said = tasks.refused("validate", "--task", "Grasp")
    assert "Grasp" in said.err


def test_training_without_a_task_asks_which(tasks):
    said = tasks.refused("train_reg", *MOTION)
    assert "Reach" in said.err and "Walk" in said.err


def test_without_a_task_the_newest_run_tells_it(tasks):
    said = tasks.ok("validate")
    assert "run Reach-motion, on test rows" in said.out
    assert all("v_Reach" in r["clip"] for r in read_predictions(tasks, "Reach-motion"))
    said = tasks.ok("validate", "--run", "Walk-motion")
    assert "run Walk-motion, on test rows" in said.out
    assert all("v_Walk" in r["clip"] for r in read_predictions(tasks, "Walk-motion"))


def test_explaining_takes_the_runs_own_task(tasks):
    tasks.ok("explain", "--run", "Walk-motion", "--no-places")
    path = tasks.folder / "figures" / "Walk-motion" / "clips.csv"
    assert path.read_text(encoding="utf-8").count("v_Walk") == 4


def test_an_older_run_is_taken_by_its_name(tasks):
    """A checkpoint that was touched is not newer than it was."""
    path = tasks.folder / "checkpoints" / "Walk-motion.keras"
    os.utime(path)
    assert "run Reach-motion" in tasks.ok("validate", "--task", "Reach").out


def test_models_of_a_task_stand_side_by_side(tasks):
    """Folds of two models and two tasks do not meet; each has its own figures."""
    pool = ("--model", "pool", "--epochs", "2", "--learning-rate", "0.01")
    folds = ("--folds", "3", "--jobs", "1", "--task")
    tasks.ok("train_reg", *folds, "Reach", *MOTION, "--final", "--run", "M")
    tasks.ok("train_reg", *folds, "Reach", *pool, "--run", "P")
    tasks.ok("train_reg", *folds, "Walk", *MOTION, "--run", "W")
    found = {}
    for run, task in (("M", "Reach"), ("P", "Reach"), ("W", "Walk")):
        tasks.ok("validate", "--folds", "--run", run)
        rows = read_predictions(tasks, run, "folds")
        assert len(rows) == 12 and all(f"v_{task}" in r["clip"] for r in rows)
        found[run] = [row["network_score"] for row in rows]
    assert len({tuple(scores) for scores in found.values()}) == 3
    words = ("folds training for run M of task Walk",)
    tasks.refused("validate", "--run", "M", "--folds", "--task", "Walk", words=words)
    record = read_record(tasks.folder, "M")
    held_out = {c["clip"]: c["score"] for c in record["errors"]["clips"]}
    for row in read_predictions(tasks, "M", "folds"):
        assert float(row["network_score"]) == pytest.approx(held_out[row["clip"]])
