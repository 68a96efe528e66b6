"""Cross-validations one after the other: repeats, other K, finals, edited tables."""

import csv
import shutil

import films
import pytest
from builders import read_record

MOTION = ("train_reg", "--model", "motion")


@pytest.fixture
def study(lab):
    """Six animals with two clips each, their sequences written directly."""
    films.write_sequences(lab.folder, n_animals=6)
    return lab


def runs_judged(lab):
    """Name the networks that scored the clips in the newest predictions."""
    paths = (lab.folder / "predictions").glob("*-folds.csv")
    newest = max(paths, key=lambda path: path.stat().st_mtime)
    return {row["run"] for row in csv.DictReader(newest.open(encoding="utf-8"))}


def name_folds(k, prefix="Reach-motion"):
    return {f"{prefix}-fold{i}" for i in range(1, k + 1)}


def edit(lab, change):
    """Rewrite the lines of the table of which each is split, task, clip, n, score."""
    path = lab.folder / "data_file.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(change(lines)) + "\n", encoding="utf-8")


def test_repeats_then_a_final_then_another_k_and_kind(study):
    study.ok(*MOTION, "--folds", 3, "--repeats", 2)
    study.ok(*MOTION, "--folds", 3, "--final")
    final = read_record(study.folder, "Reach-motion")
    used = {n["run"] for n in final["errors"]["networks"]}
    assert used == name_folds(3) and final["scheme"]["of"] == "folds"
    assert final["clips_were"]["features"]
    (study.folder / "checkpoints/Reach-motion-repeat2-fold2.json").unlink()
    told = study.ok("validate", "--folds", "--run", "Reach-motion")
    assert "repeat 2" in told.err and "fold2" in told.err
    told = study.refused(
        *MOTION, "--folds", 2, words=("differently", "other held-out animals, as g0")
    )
    study.ok(*MOTION, "--folds", 2, "--final", "--overwrite")
    study.ok("validate", "--folds")
    assert runs_judged(study) == name_folds(2)  # fold3, of three, is stale
    study.ok(*MOTION, "--leave-one-animal-out", "--final")
    final = read_record(study.folder, "Reach-motion")
    used = {n["run"] for n in final["errors"]["networks"]}
    assert used == {f"Reach-motion-g0{i}-features" for i in range(1, 7)}
    assert final["scheme"]["of"] == "leave-one-animal-out"


def test_a_fold_that_is_there_twice_counts_once(study):
    study.ok(*MOTION, "--folds", 3)
    place = study.folder / "checkpoints"
    for path in list(place.glob("*-fold2.*")):
        shutil.copy(path, path.with_stem(f"{path.stem} (1)"))
    study.ok("validate", "--folds")
    assert len(runs_judged(study)) == 3


def test_a_second_model_and_a_second_task_have_folds_of_their_own(study):
    study.ok(*MOTION, "--folds", 2)
    pool = ("train_reg", "--model", "pool", "--epochs", 2, "--learning-rate", 0.01)
    study.ok(*pool, "--folds", 2)
    study.refused(*pool, "--folds", 2, "--seed", 4, words=("seed was 0, now 4",))
    told = study.ok("validate", "--folds")
    assert "Reach-motion" in told.err
    assert runs_judged(study) == name_folds(2, "Reach-pool")
    study.ok("validate", "--folds", "--run", "Reach-motion")
    assert runs_judged(study) == name_folds(2)
    edit(study, lambda lines: [*lines, "train,Walk,v_RatStrokeApl27_g77_c01,9,"])
    study.ok(*MOTION, "--task", "Reach", "--folds", 2)
    study.ok("validate", "--task", "Reach", "--folds", "--run", "Reach-motion")


def test_sorted_rows_are_the_same_training_and_renamed_animals_are_known(study):
    change = {"g05": "test", "g06": "test"}

    def split(lines):
        rows = [line.split(",") for line in lines]
        return [
            ",".join([change.get(row[2].split("_")[2], "train"), *row[1:]])
            for row in rows
        ]

    edit(study, split)
    study.ok(*MOTION)
    edit(study, lambda lines: lines[::-1])
    study.refused(*MOTION, words=("is finished",))

    # g05 turns out to be g04, of which the network has seen clips.
    def name(lines):
        rows = [line.split(",") for line in lines]
        animals = [row[2].split("_")[2].replace("g05", "g04") for row in rows]
        both = zip(rows, animals, strict=True)
        named = [",".join([*row, f"Rat {a[-1]}"]) for row, a in both]
        return ["split,task,clip,n_frames,score,animal", *named]

    edit(study, name)
    told = study.ok("validate", "--run", "Reach-motion")
    assert "animal seen in training: 2" in told.out


def test_groups_need_no_scores_and_unscored_clips_are_named(study):
    def blank(words):
        return lambda lines: [
            line.rsplit(",", 1)[0] + "," if words in line else line for line in lines
        ]

    edit(study, blank("g02_c01"))
    told = study.ok(*MOTION)
    assert "g02_c01" in told.err and "without an expert score" in told.err
    assert not any(
        "g02_c01" in n for n in read_record(study.folder, "Reach-motion")["train_clips"]
    )
    study.ok("validate", "--run", "Reach-motion", "--split", "train")
    edit(study, blank("Reach"))
    study.refused(*MOTION, "--run", "none", words=("no clip", "expert score"))

    def group(lines):
        healthy = [int(line.split("_g")[1][:2]) % 2 for line in lines]
        both = zip(lines, healthy, strict=True)
        rows = [line + (",Control" if well else ",Stroke") for line, well in both]
        return ["split,task,clip,n_frames,score,group", *rows]

    edit(study, group)
    study.ok(*MOTION, "--run", "groups", "--target", "group", "--folds", 2, "--final")
    assert set(read_record(study.folder, "groups")["train_clips"].values()) == {
        0.0,
        1.0,
    }
    edit(study, lambda lines: [*lines[:-1], lines[-1].replace(",Stroke", ",Control")])
    told = study.run("validate", "--folds", "--run", "groups")
    assert "groups of 1 clip changed" in told.err and "g06_c02" in told.err


def test_a_run_in_closed_form_has_no_learning_curves_of_the_network_before(study):
    study.ok("train_reg", "--model", "pool", "--epochs", 2, "--run", "one")
    history = study.folder / "logs/one/history.csv"
    assert history.is_file()
    study.ok(*MOTION, "--run", "one", "--overwrite")
    assert not history.exists()


def test_sequences_of_one_frame_are_refused_in_a_line(lab):
    films.write_sequences(lab.folder, n_frames=1)
    lab.refused("train_reg", words=("1 frame", "--seq-length"))
