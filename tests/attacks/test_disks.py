"""Disks that are full or read-only: one line, the right code, nothing half done."""

import shutil
import subprocess
import sys
from pathlib import Path

import films
import pytest
from disks import small_disk

ROOT = Path(__file__).parents[2]


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", 3072) as place:
        yield place


def run(script, folder, *options):
    """Run a script as a user does: (exit code, the last line of what it says)."""
    command = [sys.executable, script, "--data", folder, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    said = done.stderr.strip().splitlines()
    assert "Traceback" not in done.stderr
    return done.returncode, said[-1] if said else ""


def try_all(folder, word):
    """See that what writes is refused in one line and leaves all as it was."""
    before = films.read_state(folder)
    scores = folder.parent / "scores.csv"
    for script, *options in (
        ("extract_files.py",),
        ("extract_files.py", "--append", "--rows-only"),
        ("rate.py", "--scores", scores, "--rater-columns", "JB"),
        ("download_checkpoint.py", "--url", "http://127.0.0.1:9/a.h5"),
    ):
        code, said = run(script, folder, *options)
        is_told = word in said or "no answer" in said
        assert (code, is_told) == (2, True), said
        assert films.read_state(folder) == before


@pytest.mark.thorough
def test_a_full_disk_loses_nothing_and_all_goes_on_with_room(disk):
    for name in "ab":
        films.make_film(disk / f"data/train/Reach/{name}.avi", 60, size=(320, 240))
    films.write_table(disk / "data", [("train", "Reach", "a", 60, "")])
    (disk / "scores.csv").write_text("clip,JB\na,1\n")
    (disk / "fill").write_bytes(bytes(shutil.disk_usage(disk).free))
    try_all(disk / "data", "No space left")
    (disk / "fill").unlink()
    assert run("extract_files.py", disk / "data", "--append", "--rows-only")[0] == 0
    assert len((disk / "data/data_file.csv").read_text().splitlines()) == 2
    assert not list(disk.rglob(".w*"))


@pytest.mark.thorough
def test_a_disk_that_is_read_only_is_said(disk):
    films.make_film(disk / "data/train/Reach/a.avi", 6)
    films.write_table(disk / "data", [("train", "Reach", "a", 6, "")])
    (disk / "scores.csv").write_text("clip,JB\na,1\n")
    remount = ["mount", "-o", "remount,ro", str(disk)]
    subprocess.run(remount, check=True)
    try_all(disk / "data", "Read-only file system")
    assert run("extract_files.py", disk / "data", "--rows-only")[0] == 0
