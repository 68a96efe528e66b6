"""Judging runs: no network scores an animal it has seen, every figure is traceable."""

import numpy as np
import pandas as pd
import pytest
from test_train_reg import make_folder, read_record, train

import data
import files
import validate
from console import Problem


@pytest.fixture(scope="module")
def folds(tmp_path_factory):
    """A folder with a run on the train rows and leave-one-animal-out runs."""
    folder = make_folder(tmp_path_factory.mktemp("folds"), n_animals=6)
    train(folder)
    train(folder, "--leave-one-animal-out", "--epochs", "2")
    return folder


def judge(folder, *options):
    validate.main(["--data", str(folder), *options])
    (path,) = (folder / "predictions").glob("*.json")
    return files.read_json(path), pd.read_csv(path.with_suffix(".csv"))


@pytest.fixture
def folder(folds):
    yield folds
    for path in (folds / "predictions").glob("*"):
        path.unlink()


def test_a_split_is_judged_beside_its_baseline(folder, capsys):
    result, table = judge(folder, "--run", "Reach-lstm")
    assert "never saw these animals" in capsys.readouterr().out
    error = (table["network_score"] - table["expert_score"]).abs().mean()
    assert result["agreement"]["clips"]["mae"]["value"] == pytest.approx(error)
    known = read_record(folder, "Reach-lstm")
    mean = np.mean([*known["train_clips"].values(), *known["watched_clips"].values()])
    floor = (table["expert_score"] - mean).abs().mean()
    found = result["floors"]["training mean"]
    assert found["clips"]["mae"]["value"] == pytest.approx(floor)
    assert found["saved"]["value"] == pytest.approx(floor - error)
    assert set(table["animal"]) == {"g04", "g05"}
    assert (folder / "figures" / "Reach-lstm" / "agreement.png").stat().st_size > 1000


def test_train_rows_are_called_resubstitution(folder, capsys):
    result, _ = judge(folder, "--run", "Reach-lstm", "--split", "train")
    assert "RESUBSTITUTION" in capsys.readouterr().out
    assert "clip trained on" in result["independence"]


def test_leave_one_animal_out_scores_each_clip_once_and_unseen(folder):
    result, table = judge(folder, "--leave-one-animal-out")
    assert len(table) == 18 and table["clip"].is_unique
    assert table["seen"].isna().all()  # an empty text
    assert all(
        run == f"{animal}-features"
        for run, animal in zip(table["run"], table["animal"], strict=True)
    )
    assert table["training_mean"].nunique() > 1
    assert result["agreement"]["animals"]["n"] == 6


def test_a_leak_is_refused(folder):
    path = files.record_path(folder, "g02-features")
    record = files.read_json(path)
    leaked = {**record["train_clips"], "v_RatStrokeMay2_g02_c00": 2.0}
    files.write_json(path, {**record, "train_clips": leaked})
    try:
        with pytest.raises(Problem, match="g02-features knows"):
            judge(folder, "--leave-one-animal-out")
    finally:
        files.write_json(path, record)


def test_a_missing_fold_is_named(folder):
    path = files.record_path(folder, "g05-features")
    record = files.read_json(path)
    path.unlink()
    try:
        with pytest.raises(Problem, match="left out g05"):
            judge(folder, "--leave-one-animal-out")
    finally:
        files.write_json(path, record)


def test_controls_report_a_change(folder, capsys):
    options = ("--control", "shuffled-frames", "--control", "first-frame")
    result, table = judge(folder, "--run", "Reach-lstm", *options)
    change = result["controls"]["first-frame"]["change"]["value"]
    errors = (
        table[["network_score", "first-frame"]].sub(table["expert_score"], axis=0)
    ).abs()
    expected = errors["first-frame"].mean() - errors["network_score"].mean()
    assert change == pytest.approx(expected)
    assert "control first-frame" in capsys.readouterr().out


def test_outcome_and_second_rater(folder, tmp_path, capsys):
    animals = [f"g{animal:02d}" for animal in range(1, 6)]
    lesions = tmp_path / "lesions ü.csv"
    lesions.write_text(
        "animal,value\n" + "".join(f"{a},{i * i}\n" for i, a in enumerate(animals))
    )
    second = tmp_path / "second.csv"
    clips = [clip.name for clip in data.read_clips(folder)]
    second.write_text("".join(f"{c},{i % 4}\n" for i, c in enumerate(clips)))
    options = ("--outcome", str(lesions), "--second-rater", str(second))
    with pytest.warns(match="g00"):
        result, _ = judge(folder, "--leave-one-animal-out", *options)
    assert result["outcome"]["n"] == 5
    assert result["second_rater"]["comparison"]["n_clips"] == 18
    printed = capsys.readouterr().out
    assert "Williams" in printed and "expert against expert" in printed


@pytest.mark.parametrize("text", ["", "g01", "g01,x", "g01,1\ng01,2", "g01,nan"])
def test_a_wrong_outcome_table_is_named(folder, tmp_path, text):
    (tmp_path / "wrong.csv").write_text(text)
    with pytest.raises(Problem, match=r"wrong\.csv"):
        judge(
            folder, "--leave-one-animal-out", "--outcome", str(tmp_path / "wrong.csv")
        )


def test_sequences_of_another_making_are_refused(folder):
    import sequences

    record = sequences.read_extraction(folder)
    try:
        sequences.write_extraction(folder, {**record, "sampling": "uniform"})
        with pytest.raises(Problem, match="sampling uniform against stride"):
            judge(folder, "--run", "Reach-lstm")
    finally:
        sequences.write_extraction(folder, record)
