"""The advised way of few clips, from recordings to scores of new animals."""

import csv


def test_recordings_to_scores_of_new_animals(lab):
    lab.study("--task", "Reach", "--model", "motion", "--folds", "3", "--final")
    lab.ok("validate", "--folds")
    new = lab.film("new/Rat 9/r9_c1.mp4", speed=4.5)
    lab.ok("score", new, "--run", "Reach-motion", "--output", "scores.csv")
    (row,) = csv.DictReader((lab.place / "scores.csv").open(encoding="utf-8"))
    assert row["clip"] == "r9_c1" and float(row["network_score"]) > 0
