"""Movement sequences: made in the same pass, added later, or made alone."""

import json

import numpy as np
import pytest
from builders import read_csv, read_json

MOTION = ("train_reg", "--model", "motion")
POOL = ("--model", "pool", "--activation", "linear", "--epochs", "2", "--run", "still")


def read_scores(lab, *argv):
    """Score a new film; the network score of each clip."""
    lab.ok("score", lab.film("new/r9_c1.mp4", speed=4.2), "--output", "new.csv", *argv)
    return [float(row["network_score"]) for row in read_csv(lab.place / "new.csv")]


def read_files(folder, kind):
    files = sorted(folder.glob(f"sequences/*-{kind}.npy"))
    return {path.name: path.read_bytes() for path in files}


def test_movement_is_added_to_features_that_are_there(lab):
    lab.study()
    scores = read_scores(lab)
    before = {kind: read_files(lab.folder, kind) for kind in ("features", "movement")}
    assert [np.load(p).shape for p in lab.folder.glob("sequences/*-movement.npy")] == [
        (5, 1536)
    ] * 12
    for path in lab.folder.glob("sequences/*"):
        path.unlink()
    lab.extract(5, "--only", "features")
    told = lab.ok(*MOTION, "--run", "early")
    assert "no movement sequences yet" in told.err
    lab.ok("validate", "--run", "early", "--split", "train")
    words = ["no movement sequence", "python extract_features.py"]
    lab.refused("validate", "--run", "Reach-motion", "--split", "train", words=words)
    lab.ok("train_reg", *POOL)
    assert "12 sequences written" in lab.extract().out
    assert "0 sequences written" in lab.extract().out
    assert before == {kind: read_files(lab.folder, kind) for kind in before}
    lab.refused(*MOTION, words=["is finished"])
    lab.ok(*MOTION, "--overwrite")
    assert read_scores(lab, "--run", "Reach-motion") == pytest.approx(scores)


def test_movement_alone_is_enough_for_motion(lab):
    lab.study()
    scores = read_scores(lab)
    for path in lab.folder.glob("sequences/*"):
        path.unlink()
    told = lab.extract(5, "--only", "movement")
    assert "12 sequences written" in told.out
    assert not read_files(lab.folder, "features")
    assert "0 sequences written" in lab.extract(5, "--only", "movement").out
    lab.ok("validate", "--split", "train")
    lab.ok("explain", "--clip", "r1_c1", "--clip", "r6_c2")
    places = lab.folder / "figures/Reach-motion"
    (table,) = places.glob("2-clips-*/places.csv")
    assert max(int(row["row"]) for row in read_csv(table)) == 17
    lab.refused("train_reg", "--model", "pool", words=["have no sequence of 5 frames"])
    lab.ok(*MOTION, "--folds", "3", "--final", "--overwrite")
    lab.ok("validate", "--folds")
    texts = [p.read_text(encoding="utf-8") for p in places.rglob("results.txt")]
    assert sorted("amount of movement [" in text for text in texts) == [False, True]
    assert sum("(over the networks)" in text for text in texts) == 1
    assert len(read_scores(lab)) == 1
    lab.ok(*MOTION, "--run", "again")
    assert read_scores(lab, "--run", "again") == pytest.approx(scores)
    assert "12 sequences written" in lab.extract().out  # the features are added
    lab.ok("train_reg", *POOL)


def test_clips_without_sequences_are_omitted_where_asked(lab):
    """A clip whose sequence is gone, and an animal deleted from disk and table."""
    lab.write_sequences(["sham", "lesion"] * 4)
    lab.ok(*MOTION, "--folds", "4", "--final")
    gone = min(lab.folder.glob("sequences/*-features.npy"))
    name = gone.name.split("-")[0]
    for path in lab.folder.glob(f"sequences/{name}-*"):
        path.unlink()
    for script in ("validate", "explain"):
        lab.refused(script, words=[name, "--skip-missing"])
        told = lab.ok(script, "--skip-missing")
        assert "these are omitted" in told.err and name in told.err
    lab.refused(*MOTION, "--run", "new", words=[name, "--skip-missing"])
    lab.ok(*MOTION, "--run", "new", "--skip-missing")
    table = lab.folder / "data_file.csv"
    animal = name.split("_")[0]
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if f",{animal}_" not in line]
    table.write_text("".join(kept), encoding="utf-8")
    for path in lab.folder.glob(f"sequences/{animal}_*"):
        path.unlink()
    told = lab.ok("validate", "--run", "Reach-motion", "--folds")
    assert "On 7 animals" in told.out and "baseline ridge" in told.out


def test_a_run_of_an_earlier_release_reads_the_features_of_its_time(lab):
    """There movement was read in the last block; its record does not say what of."""
    lab.write_sequences(["sham", "lesion"] * 3)  # both kinds are the same numbers
    lab.ok(*MOTION)
    lab.ok("validate", "--split", "train")
    path = lab.folder / "predictions/Reach-motion-train.csv"
    expected = path.read_text(encoding="utf-8")
    record = lab.folder / "checkpoints/Reach-motion.json"
    content = read_json(record)
    del content["options"]["reads"]
    record.write_text(json.dumps(content), encoding="utf-8")
    for movement in lab.folder.glob("sequences/*-movement.npy"):
        movement.unlink()
    lab.ok("validate", "--split", "train")
    assert path.read_text(encoding="utf-8") == expected
    lab.ok(*MOTION, "--run", "new")
    read = "no movement sequences yet"
    assert read in lab.ok(*MOTION, "--run", "new", "--overwrite").err
    for name in list((lab.folder / "sequences").glob("*-features.npy")):
        content = name.read_bytes()
        name.with_name(name.name.replace("features", "movement")).write_bytes(content)
    words = ["trained differently", "reads was features, now movement"]
    lab.refused(*MOTION, words=words)
