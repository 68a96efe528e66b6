"""Explaining runs on the way that the README advises, and on the ways beside it."""

import numpy as np
import pytest
from builders import read_csv, read_json

FAST = ("--no-places", "--elements", "2")


def test_each_clip_is_explained_by_the_network_that_never_saw_its_animal(study):
    told = study.ok("explain", "--run", "Reach-motion", *FAST)
    assert "not trained on any of the 8 animals" in told.out
    study.ok("validate", "--folds")
    result = read_json(study.folder / "predictions" / "Reach-motion-folds.json")
    mae = result["agreement"]["clips"]["mae"]["value"]
    assert f"differ from the expert's by {mae:.2f} points" in told.out
    assert f"How well it scores: {result['label']}" in told.out
    held_out = read_csv(study.folder / "predictions" / "Reach-motion-folds.csv")
    held_out = {row["clip"]: float(row["network_score"]) for row in held_out}
    folder = study.folder / "figures" / "Reach-motion"
    rows = read_csv(folder / "clips.csv")
    assert len(rows) == 16 and "16 clips of 8 animals (each explained by" in told.out
    for row in rows:
        parts = read_csv(folder / "parts" / f"{row['clip']}.csv")
        total = sum(float(part["part"]) for part in parts) + float(row["bias"])
        assert total == pytest.approx(float(row["value"]), abs=1e-3)
        known = held_out[row["clip"]]
        assert float(row["network_score"]) == pytest.approx(known, abs=1e-3)
    found = read_json(folder / "explanation.json")
    for name, rho in found["reliability"]["reasons"][1]["rhos"].items():
        assert rho == found["randomisation"][name]
        shown = told.out.split("rank correlation:")[1]
        assert f"{rho:.2f}".replace("-", "\u2212") in shown


def test_clips_that_are_chosen_give_no_verdict(study):
    study.ok("explain", "--run", "Reach-motion", *FAST)
    study.ok("validate", "--folds")
    result = read_json(study.folder / "predictions" / "Reach-motion-folds.json")
    mae = result["agreement"]["clips"]["mae"]["value"]
    folder = study.folder / "figures" / "Reach-motion"
    page, clips = (folder / "index.html").read_bytes(), read_csv(folder / "clips.csv")
    name = clips[0]["clip"]
    one = study.ok("explain", "--run", "Reach-motion", "--clip", f"{name}.mp4", *FAST)
    assert (folder / "index.html").read_bytes() == page
    assert read_csv(folder / "clips.csv") == clips
    beside = folder / f"clip-{name}"
    assert str(beside / "index.html") in one.out
    said = f"all its clips: {result['label']}"
    assert (
        said in one.out and f"differ from the expert's by {mae:.2f} points" in one.out
    )
    assert "The 1 clip below was chosen by name, which is no test of the run" in one.out
    assert said in (beside / "index.html").read_text("utf-8")
    (again,) = read_csv(beside / "clips.csv")
    assert float(again["value"]) == pytest.approx(float(clips[0]["value"]), abs=1e-4)
    few = ("explain", "--run", "Reach-motion", "--clip")
    study.refused(*few, "r1_c9", words=("no clip r1_c9", "Did you mean", "r1_c1"))
    words = ("no test row", "--split train", "--clip")
    study.refused("explain", "--run", "Reach-motion", "--split", "test", words=words)

    known = study.ok("explain", "--run", "Reach-motion", "--split", "all", *FAST)
    assert "NOT A TEST" in known.out and "ONLY IN PART" not in known.out
    assert said in known.out and "no test of the run" in known.out
    for path in (study.folder / "predictions").glob("*.json"):
        path.unlink()
    alone = study.ok("explain", "--run", "Reach-motion", "--clip", name, *FAST)
    told_by = "give: python validate.py --run Reach-motion"
    assert "it scores: NOT A TEST" in alone.out and told_by in alone.out
    assert "BETTER" not in alone.out and "differ from the" not in alone.out
    fold = study.ok("explain", "--run", "Reach-motion-fold1", *FAST)
    assert "held out" in fold.out and "NOT NEW" not in fold.out
    (path,) = (study.folder / "figures").glob("*fold1/held-out/clips.csv")
    held = {row["animal"] for row in read_csv(path)}
    record = read_json(study.folder / "checkpoints" / "Reach-motion-fold1.json")
    assert held == set(record["held_out"])


def test_folds_without_a_final_network_say_the_way(lab):
    lab.study("--model", "motion", "--folds", "2", animals=4, clips=1)
    lab.refused("explain", words=("--final", "--run", "Reach-motion-fold1"))


def test_two_clips_of_one_animal_are_explained(lab):
    lab.study(animals=1)
    told = lab.ok("explain", *FAST)
    assert "2 clips of 1 animal" in told.out
    rows = read_csv(lab.folder / "figures" / "Reach-motion" / "clips.csv")
    assert np.isfinite([float(row["value"]) for row in rows]).all()
