"""A lab's folder of recordings and a sheet of scores, to a judged run."""

import subprocess
import sys
from pathlib import Path

import lab
import pytest

import data
import extract_files
import rate
import train_reg
import validate
from system import storage

STAND_IN = Path(__file__).with_name("stand_in.py")


def take_in(place, shared, n_animals=None):
    """Make a lab's folder and give the first two commands."""
    folder, recordings = place / "data", place / "Aufnahmen"
    n_trials = lab.make_lab(recordings, shared / "data/mice", n_animals)
    here = ["--data", str(folder)]
    table = ["--from", str(recordings), "--cut", str(recordings / "Versuche.csv")]
    assert not extract_files.main([*here, *table, "--task", "Home", "--yes"])
    columns = "JB=Gutachter JB,MK=Gutachterin MK"
    scores = ["--scores", str(recordings / "Bewertung.csv"), "--clip-column", "Clip"]
    assert not rate.main([*here, *scores, "--rater-columns", columns, "--join", "mean"])
    return folder, n_trials


def test_trials_and_scores_of_a_lab_find_each_other(tmp_path, shared, capsys):
    folder, n_trials = take_in(tmp_path, shared, n_animals=4)
    clips = data.read_clips(folder)
    assert len(clips) == n_trials == 10
    assert data.list_animals(clips, required=True) == [
        *["Maus 1"] * 3,
        *["Maus 2"] * 3,
        *["Maus 3"] * 3,
        "Maus 4",
    ]
    assert {clip.n_frames for clip in clips} == {24}
    assert "10 clips, 4 animals, 2 sessions, no groups" in capsys.readouterr().out
    assert {clip.score for clip in clips} <= {0.25, 4.25}


@pytest.mark.thorough
def test_from_a_folder_of_recordings_to_a_judged_run_in_five_commands(tmp_path, shared):
    folder, n_trials = take_in(tmp_path, shared)
    here = ["--data", str(folder)]
    command = [sys.executable, str(STAND_IN), "extract_features", *here]
    subprocess.run([*command, "--seq-length", "24"], check=True, timeout=300)
    assert not train_reg.main([*here, "--folds", "3", "--model", "motion"])
    validate.main([*here, "--folds"])
    (path,) = (folder / "predictions").glob("*.json")
    result = storage.read_json(path)
    assert "never saw" in result["independence"]
    (table,) = (folder / "predictions").glob("*.csv")
    rows = table.read_text(encoding="utf-8").splitlines()
    assert len(rows) == n_trials + 1 and "Maus 12" in "".join(rows)
