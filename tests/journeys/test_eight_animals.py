"""Eight animals, as many studies have: each number that is told, computed again."""

import shutil
import zipfile

import numpy as np
import pytest
from builders import read_csv, read_json, read_record


@pytest.fixture(scope="module")
def eight(place, studied):
    """A copy of the study."""
    shutil.copytree(studied.folder, place.folder)
    return place


@pytest.fixture(scope="module")
def judged(eight):
    """Predictions and figures of the study, once validated."""
    eight.ok("validate", "--folds", "--task", "Reach")
    path = eight.folder / "predictions" / "Reach-motion-folds.csv"
    rows = read_csv(path)
    told = read_json(path.with_suffix(".json"))
    return rows, told


def column(rows, name):
    return np.array([float(row[name]) for row in rows])


def test_agreement_of_animals(judged):
    rows, told = judged
    names = sorted({row["animal"] for row in rows})
    means = [
        [column([r for r in rows if r["animal"] == a], c).mean() for a in names]
        for c in ("network_score", "expert_score")
    ]
    animals = told["agreement"]["animals"]
    assert animals["n"] == 8
    assert animals["mae"]["value"] == pytest.approx(np.abs(np.subtract(*means)).mean())


def test_the_mean_as_a_baseline(judged, eight):
    """Of each fold, the mean of the scores that its network learned from."""
    rows, _ = judged
    scores = {row["clip"]: float(row["expert_score"]) for row in rows}
    for row in rows:
        fold = read_record(eight.folder, row["run"])
        assert row["animal"] in fold["held_out"]
        known = [s for c, s in scores.items() if c in fold["train_clips"]]
        assert len(known) == 12
        assert float(row["training_mean"]) == pytest.approx(np.mean(known))


def test_the_width_is_the_largest_error_that_eight_animals_allow(judged, eight):
    """At 88%, place 0.88 x 9 - 1 = 6.92 of the ranks 0 to 7."""
    rows, _ = judged
    off = np.abs(column(rows, "network_score") - column(rows, "expert_score"))
    animals = np.array([row["animal"] for row in rows])
    random, widths = np.random.default_rng(7), []
    for _ in range(20000):
        one = [random.choice(off[animals == a]) for a in sorted(set(animals))]
        ranked = np.sort(one)
        widths.append(ranked[6] + 0.92 * (ranked[7] - ranked[6]))
    half = np.median(widths)
    eight.film("new 8/Rat 20/r20_c1.mp4", 3.0)
    output = eight.place / "eight.csv"
    new = eight.place / "new 8"
    said = eight.ok("score", new, "--run", "Reach-motion", "--output", output)
    assert "90% intervals need 9 held-out animals" in said.err and "88%" in said.out
    (row,) = read_csv(output)
    width = float(row["high"]) - float(row["low"])
    assert width == pytest.approx(2 * half, rel=0.1)


def test_the_card_says_what_the_record_does(judged, eight):
    packed = eight.place / "eight.zip"
    eight.ok("share", "Reach-motion", "--output", packed, "--overwrite")
    with zipfile.ZipFile(packed) as archive:
        card = archive.read("card.md").decode()
    assert "16 clips of 8 animals" in card
    assert "not measured" not in card
    assert "on 8 animals held out in turn, 88% of its scores" in card.replace("\n", " ")
