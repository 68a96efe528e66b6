"""Working folders under odd names, elsewhere, moved, read-only, and used twice."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import films
import pytest
from builders import Lab

HOUSE = Path(__file__).parents[2]
TRAIN = ("--task", "Reach", "--model", "motion", "--folds", "3", "--final")
SIZE = ("--seq-length", "5", "--sampling", "uniform")
# What tells the time of day, or how long something took.
TIMED = ("logs", "report.html", "index.html")


def walk(lab):
    """Give the commands of a small study, and score a film of a new animal."""
    lab.study(*TRAIN, animals=4)
    lab.ok("validate", "--folds")
    new = lab.film("new/Rat 9/r9_c1.mp4", speed=2.5)
    lab.ok("score", new, "--run", "Reach-motion", "--output", lab.place / "scores.csv")


def read_scores(lab):
    lines = (lab.place / "scores.csv").read_text(encoding="utf-8").splitlines()
    return [line.split(",")[6:9] for line in lines[1:]]


@pytest.fixture(scope="module")
def walked(place):
    walk(place)
    return place


def test_the_same_study_in_a_folder_of_an_odd_name(walked, tmp_path, monkeypatch):
    """The same sequences and predictions, byte for byte."""
    lab = Lab(tmp_path / "100% #1 [a] {b} & 'c' mit Umläuten ü 鼠")
    lab.place.mkdir()
    monkeypatch.chdir(lab.place)
    walk(lab)
    assert read_scores(lab) == read_scores(walked)
    here, there = (
        {
            name: content
            for name, content in films.read_state(each.folder).items()
            if name.endswith((".npy", ".csv")) and "logs" not in name
        }
        for each in (walked, lab)
    )
    assert set(here) == set(there)
    different = {name for name in here if here[name] != there[name]}
    # these tell where the recordings are
    assert different <= {"data_file.csv", "sequences/sources.csv"}


def test_a_relative_folder_is_the_same_from_everywhere(walked, tmp_path, monkeypatch):
    shutil.copytree(walked.folder, tmp_path / "a" / "data")
    lab = Lab(tmp_path)
    for start, given in (("a/data", "."), ("b", "../a/data")):
        (tmp_path / start).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / start)
        said = lab.ok("validate", "--folds", "--data", given, data=False)
        assert "run Reach-motion, cross-validated by animal" in said.out
    assert not list((tmp_path / "b").iterdir())


def test_a_moved_folder_with_moved_recordings(lab):
    """What was extracted is used on; what is new is found where it is said to be."""
    lab.study(*TRAIN, animals=4)
    before = films.read_state(lab.folder / "sequences")
    shutil.move(lab.folder, lab.place / "elsewhere")
    shutil.move(lab.place / "films", lab.place / "archive")
    lab.folder = lab.place / "elsewhere"
    lab.ok("validate", "--folds")
    lab.extract()
    assert films.read_state(lab.folder / "sequences") == before


def test_recordings_within_the_folder_move_with_it(lab):
    for animal in (1, 2, 3):
        lab.film(f"data/films/Rat {animal}/r{animal}_c1.mp4", animal)
    lab.ok("extract_files", "--from", lab.folder / "films", "--task", "Reach", "--yes")
    shutil.move(lab.folder, lab.place / "moved")
    lab.folder = lab.place / "moved"
    said = lab.extract()
    assert "3 sequences written" in said.out


@pytest.mark.skipif(os.name != "posix", reason="needs modes of folders")
def test_a_folder_that_may_only_be_read(walked, tmp_path):
    """Scores go where --output says; what must be written is refused in a line."""
    lab = Lab(tmp_path)
    shutil.copytree(walked.folder, lab.folder)
    new, output = walked.place / "new", tmp_path / "out.csv"
    places = [lab.folder, *(p for p in lab.folder.rglob("*") if p.is_dir())]
    for path in places:
        path.chmod(0o555)
    try:
        if os.access(lab.folder, os.W_OK):  # the superuser writes everywhere
            pytest.skip("this user may write everywhere")
        lab.ok("score", new, "--run", "Reach-motion", "--output", output)
        lab.refused("validate", "--folds", words=["could not write"])
        lab.refused("train_reg", *TRAIN, "--overwrite", words=[str(lab.folder)])
    finally:
        for path in places:
            path.chmod(0o755)
    assert output.read_text() == (walked.place / "scores.csv").read_text()


def test_each_command_given_twice_writes_the_same(lab):
    """Tables, sequences, networks, predictions, byte for byte."""
    recordings = lab.record_animals(animals=4)
    commands = (
        ("extract_files", "--from", recordings, "--task", "Reach", "--yes"),
        ("extract_features", "--weights", "random", *SIZE),
        ("train_reg", *TRAIN),
        ("validate", "--folds"),
    )
    for command in commands:
        first = lab.ok(*command)
        before = films.read_state(lab.folder)
        again = lab.run(*command)
        assert again.code == 0, (command, again.all)
        after = films.read_state(lab.folder)
        changed = [name for name in before if before[name] != after.get(name)]
        assert not [n for n in changed if not any(t in n for t in TIMED)], command[0]
        assert set(after) == set(before), command[0]
        if command[0] == "extract_files":
            lab.score()
        if command[0] == "validate":
            assert first.out == again.out


def test_two_commands_at_once_in_one_folder(tmp_path):
    """One works, the other says who does; both orders leave a whole study."""
    films.write_sequences(tmp_path)
    command = [sys.executable, HOUSE / "train_reg.py", "--data", tmp_path]
    command += ["--task", "Reach", "--model", "motion", "--run", "R"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    pair = [subprocess.Popen(command, **pipes) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in pair]
    codes = sorted(process.returncode for process in pair)
    assert codes in ([0, 0], [0, 2]), said
    errors = "".join(errors for _, errors in said)
    assert "Traceback" not in errors
    if codes == [0, 2]:
        assert "Wait until it is done" in errors or "is finished" in errors
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["R.json", "R.keras"]
