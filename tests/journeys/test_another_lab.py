"""A run travels to another lab: packed here, scored with and validated there."""

import csv
import json
import shutil
import zipfile
from pathlib import Path

import builders
import films
import numpy as np
import pytest
from builders import read_json

from system import storage


def make_other(lab, name="other"):
    """A second lab beside the first: its own place and working folder."""
    place = lab.place / name
    place.mkdir()
    return builders.Lab(place, lab.capsys)


def pack(lab, *argv):
    """Train a run on drawn films, and pack it; returns the path of the zip."""
    lab.study("--model", "motion", *argv)
    lab.ok("share", "Reach-motion", "--output", lab.place / "R.zip")
    return lab.place / "R.zip"


def find_record(lab, run="Reach-motion"):
    return read_json(lab.folder / f"checkpoints/{run}.json")


def test_their_run_scores_and_is_validated_on_our_own_clips(lab):
    packed = pack(lab)
    theirs, other = find_record(lab), make_other(lab)

    # Films without scores or sequences yet: the run scores new films at once.
    new = other.record_animals("new", animals=3, clips=1)
    told = other.ok("score", *sorted(new.rglob("*.mp4")), "--run", packed)
    assert "network scores of run Reach-motion" in told.out
    ours = find_record(other)
    assert ours == {**theirs, "received": "R.zip"}
    # It is never the newest run by itself.
    other.refused("score", new, words=["no run that was trained here", "Reach-motion"])

    # Recordings of the same animal names, and a task of another name.
    films_ = other.record_animals("films", animals=4, clips=2)
    for path in sorted(films_.rglob("*.mp4")):
        path.rename(path.with_name(f"lab2_{path.name}"))
    argv = ("--from", films_, "--task", "Reaching", "--yes")
    other.ok("extract_files", *argv)
    other.edit(lambda row: row.update(split="test"))
    other.score()
    command = "python extract_features.py --weights random --seq-length 5 --sampling "
    command += f"uniform --data {other.folder}"
    refused = other.refused(
        "validate", "--run", packed, words=["no movement sequences", command]
    )
    assert refused.err.count("\n") == refused.err.count("warning") + 1
    other.ok("extract_features", "--weights", "random", "--seq-length", "10")
    words = ["do not suit run Reach-motion", f"{command} --overwrite"]
    other.refused("validate", "--run", packed, words=words)
    other.ok("extract_features", *f"{command} --overwrite".split()[2:], data=False)

    told = other.ok("validate", "--run", packed)
    assert "task Reach; " in told.err and "Reaching" in told.err
    shared = {row["animal"] for row in other.rows()}
    assert shared <= set(theirs["animals"].values())  # their rat 1 is not ours
    assert "NOT A TEST" not in told.out
    assert "R.zip" in told.err and "names of animals" in told.err
    found = json.loads(
        (other.folder / "predictions/Reach-motion-test.json").read_text()
    )
    assert found["independence"].startswith("the network never saw these animals")
    assert found["agreement"]["clips"]["n"] == 8
    scores = {row["clip"]: float(row["score"]) for row in other.rows()}
    table = np.genfromtxt(
        other.folder / "predictions/Reach-motion-test.csv",
        names=True,
        dtype=None,
        delimiter=",",
        encoding="utf-8",
    )
    off = [abs(row["network_score"] - scores[row["clip"]]) for row in table]
    assert found["agreement"]["clips"]["mae"]["value"] == pytest.approx(np.mean(off))
    (other.folder / "sequences/lab2_r1_c1-5-movement.npy").unlink()
    words = ["1 of 8 clips have no movement sequence", command]
    other.refused("validate", "--run", "Reach-motion", words=words)
    words = ["no networks of a folds training"]  # theirs are none of ours
    other.refused("validate", "--folds", words=words)


def test_one_of_their_clips_among_ours_makes_their_animals_known(lab):
    packed, other = pack(lab), make_other(lab)
    other.record_animals("films", animals=4, clips=2)
    for clip, speed in enumerate((0.4, 0.7), start=1):  # of the same name, not the same
        other.film(f"films/Rat 1/r1_c{clip}.mp4", speed, n_frames=24)
    same = Path("films/Rat 3/r3_c1.mp4")
    argv = ("--from", other.place / "films", "--task", "Reach", "--yes")
    for is_theirs in (False, True):
        if is_theirs:
            shutil.copy(lab.place / same, other.place / same)
            shutil.rmtree(other.folder)
        other.ok("extract_files", *argv)
        other.edit(lambda row: row.update(split="test"))
        other.score()
        other.extract()
        for path in other.folder.glob("sequences/sources.csv"):
            rows = list(csv.DictReader(path.open(encoding="utf-8")))
        told = other.ok("validate", "--run", packed)
        theirs = find_record(lab)["clips_were"]["digests"]
        n_same = sum(theirs[row["clip"]] == row["digest"] for row in rows)
        assert n_same >= is_theirs and ("NOT A TEST" in told.out) == bool(n_same)
        if n_same:
            assert f"clip trained on: {n_same}" in told.out
            assert f"animal seen in training: {8 - n_same}" in told.out
            assert "same names" in told.err


@pytest.mark.parametrize("way", ["around", "mac", "windows", "unpacked", "named"])
def test_whatever_a_computer_makes_of_a_packed_run(lab, way):
    films.write_sequences(lab.folder)
    lab.ok("train_reg", "--model", "motion", "--folds", "2", "--final")
    packed, other = lab.place / "R.zip", make_other(lab)
    lab.ok("share", "Reach-motion", "--output", packed)
    with zipfile.ZipFile(packed) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    path = other.place / ("Theirs.ZIP" if way == "named" else "R.zip")
    start = {"windows": "R\\", "named": ""}.get(way, "My runs/")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in held.items():
            archive.writestr(start + name, content)
            if way == "mac":
                archive.writestr(f"__MACOSX/My runs/._{name}", b"resource")
        if way == "mac":
            archive.writestr("My runs/.DS_Store", b"\0")
            archive.writestr("__MACOSX/._My runs", b"")
    if way == "unpacked":
        with zipfile.ZipFile(path) as archive:
            archive.extractall(other.place / "R")
        path = other.place / "R"
    film = other.film("new/a_c1.mp4")
    # The run is of made-up features, so it is taken in, and no film can be scored.
    took = (
        f"Reach-motion took its features with the weights made up (SHA-256 {'0' * 12})"
    )
    words = [f"{took}, which are not here: give your copy with --weights FILE"]
    told = other.refused("score", film, "--run", path, words=words)
    assert "random" not in told.err and "no file" not in told.err
    (other.place / "others.h5").touch()
    for weights, word in (
        ("others.h5", "are others: run "),
        ("gone.h5", "no file; run "),
    ):
        given = ("score", film, "--run", path, "--weights", other.place / weights)
        assert took in other.refused(*given, words=[word]).err
    kept = other.folder / "checkpoints/Reach-motion.keras"
    assert storage.digest_file(kept) == find_record(lab)["sha256"]


def test_two_labs_whose_runs_have_one_name(lab):
    packed, other = pack(lab), make_other(lab)
    other.study("--model", "motion", animals=5)
    own = (other.folder / "checkpoints/Reach-motion.keras").read_bytes()
    film = other.film("new/a_c1.mp4", speed=2.5)
    told = other.ok("score", film, "--run", packed)
    (name,) = {
        path.stem
        for path in (other.folder / "checkpoints").glob("*.keras")
        if path.stem != "Reach-motion"
    }
    assert f"network scores of run {name}" in told.out and name in told.err
    theirs = told.out.split("frames")[1]
    assert (other.folder / "checkpoints/Reach-motion.keras").read_bytes() == own
    told = other.ok("score", film)  # their run is not the newest
    assert "network scores of run Reach-motion\n" in told.out
    assert told.out.split("frames")[1] != theirs
    told = other.ok("score", film, "--run", name)
    assert told.out.split("frames")[1] == theirs
    # Their folds would be no folds of ours either.
    assert find_record(other, name)["name"] == name


def test_a_record_with_odd_values_is_refused_in_one_line(lab):
    packed, other = pack(lab), make_other(lab)
    with zipfile.ZipFile(packed) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    record, film = json.loads(held["Reach-motion.json"]), other.film("new/a_c1.mp4")
    odd = {
        "crops": [[1, 2, 3]],
        "animals": ["Rat 1"],
        "errors": [1],
        "groups": 3,
        "mirrored": {"a": 1},
        "scheme": "folds",
        "clips_were": {"fps": [1]},
        "options": None,
        "versions": [1],
        "extraction": "imagenet",
    }
    for field, value in odd.items():
        path = other.place / f"{field}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in held.items():
                if name.endswith(".json"):
                    content = json.dumps({**record, field: value})
                archive.writestr(name, content)
        told = other.refused("score", film, "--run", path, words=["lacks", field])
        assert told.err.count("\n") == 1
    assert not list(other.folder.glob("checkpoints/*.keras"))
    path = other.folder / "checkpoints/Reach-motion.json"
    other.ok("score", film, "--run", packed)
    for script in ("validate", "explain", "share"):
        path.write_text(json.dumps({**record, "crops": [3]}))
        argv = ("--run", "Reach-motion") if script != "share" else ("Reach-motion",)
        films.write_table(other.folder, [("test", "Reach", "a_c1", 20, 1)])
        told = other.refused(script, *argv, words=["lacks a usable crops"])
        assert told.err.count("\n") == 1


def test_clips_listed_as_usual_evaluate_a_run_from_elsewhere(study, tmp_path):
    """Listed clips are train rows; for a run of another lab they are new."""
    study.ok("share", "Reach-motion", "--output", tmp_path / "R.zip")
    other = builders.Lab(tmp_path / "theirs")
    groups = ["sham", "lesion"] * 2
    films = other.record_animals(groups=groups, animals=4, sessions=("pre",))
    other.ok("extract_files", "--from", films, "--task", "Reach", "--yes")
    other.score()
    other.extract()
    told = other.ok("validate", "--run", tmp_path / "R.zip", "--compare", "group")
    assert "all clips are evaluated" in told.out and "8 clips" in told.out
    assert "Lesion - Sham" in told.out and "NOT A TEST" not in told.out, told.out
    assert "run Reach-motion, on the clips of data_file.csv: " in told.out
    text = (other.folder / "figures/Reach-motion/train/results.txt").read_text("utf-8")
    assert text.count("which the network had never seen") == 2
    assert "was trained on," not in text and "adjusted network scores" not in text
