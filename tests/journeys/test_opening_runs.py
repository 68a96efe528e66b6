"""Which run is taken, and what it does with new films: crops, tasks, folds."""

import pytest
from builders import make_run, read_csv, read_json

import score

CROP = (8, 4, 40, 36)


def read_scores(path):
    return {row["clip"]: float(row["network_score"]) for row in read_csv(path)}


def test_a_run_of_cropped_clips_scores_new_films(lab):
    recordings = lab.record_animals()
    lab.ok("extract_files", "--from", recordings, "--task", "Reach", "--yes")
    lab.score()
    lab.edit(lambda row: row.update(crop=" ".join(map(str, CROP))))
    lab.extract()
    lab.ok("train_reg", "--model", "motion")
    lab.refused("train_reg", "--model", "motion", words=["is finished"])
    new = lab.film("new/r9_c1.mp4", speed=3.5)

    told = lab.ok("score", new, "--output", "as_trained.csv")
    assert f"cropped to {','.join(map(str, CROP))}, as the clips" in told.out
    given = ("--crop", ",".join(map(str, CROP)))
    lab.ok("score", new, *given, "--output", "given.csv")
    lab.ok("score", new, "--crop", "0,0,64,48", "--output", "whole.csv")
    (as_trained,) = read_scores(lab.place / "as_trained.csv").values()
    (as_given,) = read_scores(lab.place / "given.csv").values()
    (whole,) = read_scores(lab.place / "whole.csv").values()
    assert as_trained == as_given != whole

    # Other crops in some clips: it must be said where to look.
    lab.edit(lambda row: row.update(crop="") if row["clip"] == "r1_c1" else None)
    lab.extract()
    lab.ok("train_reg", "--model", "motion", "--overwrite")
    lab.refused("score", new, words=["cropped in 2 ways", "--crop x,y,w,h"])
    lab.ok("score", new, *given)
    lab.ok("explain", "--split", "train", "--no-places")


def test_the_newest_run_is_one_of_the_task_and_never_a_fold(lab):
    recordings = lab.record_animals(animals=4)
    lab.ok("extract_files", "--from", recordings, "--task", "Reach", "--yes")
    lab.score()
    lab.extract()
    new = lab.film("new/r9_c1.mp4", speed=3.5)
    argv = ("--task", "Reach", "--model", "motion")

    lab.ok("train_reg", *argv, "--folds", "2")
    for script, given in (
        ("score", (new,)),
        ("validate", ("--split", "train")),
        ("explain", ("--split", "train", "--no-places")),
    ):
        lab.refused(script, *given, words=["--folds K --final", "cross-validation"])
    lab.ok("train_reg", *argv, "--folds", "2", "--final")
    assert "of run Reach-motion" in lab.ok("score", new).out

    other = lab.record_animals("others", animals=4)
    for path in other.rglob("*.mp4"):
        path.rename(path.with_name(f"g{path.name}"))
    lab.ok("extract_files", "--from", other, "--task", "Grasp", "--yes", "--append")
    lab.edit(lambda row: row["score"] or row.update(score=row["clip"][-1]))
    lab.extract()
    lab.refused("score", new, "--task", "Grasp", words=["no run of task Grasp"])
    lab.ok("train_reg", "--task", "Grasp", "--model", "motion")
    assert "of run Grasp-motion" in lab.ok("score", new).out
    assert "of run Reach-motion" in lab.ok("score", new, "--task", "Reach").out
    split = ("--task", "Reach", "--split", "train")
    assert "run Reach-motion" in lab.ok("validate", *split).out
    lab.ok("explain", *split, "--no-places")
    assert (lab.folder / "figures/Reach-motion/train/index.html").is_file()
    # A copied or touched file is not newer for it.
    for path in lab.folder.glob("checkpoints/Reach-motion.*"):
        path.touch()
    assert "of run Grasp-motion" in lab.ok("score", new).out
    trained = {
        name: read_json(lab.folder / f"checkpoints/{name}.json")
        for name in ("Reach-motion", "Grasp-motion")
    }
    assert trained["Reach-motion"]["trained"] < trained["Grasp-motion"]["trained"]


@pytest.mark.parametrize("crops", [[], [CROP]])
def test_a_view_can_stand_in_a_set(crops):
    run = make_run(crops=crops)
    assert len({score.choose_view(run, None, False)}) == 1
