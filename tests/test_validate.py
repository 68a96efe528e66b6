"""Judging runs: no network scores an animal it has seen, every figure is traceable."""

import numpy as np
import pandas as pd
import pytest
from builders import read_record
from trainings import make_folder, train

import data
import train_reg
import validate
from system import storage
from system.terminal import Problem


@pytest.fixture(scope="module")
def folds(tmp_path_factory):
    """A folder with a run on the train rows and leave-one-animal-out runs."""
    folder = make_folder(tmp_path_factory.mktemp("folds"), n_animals=6)
    train(folder)
    train_motion(folder, "--leave-one-animal-out")
    return folder


def train_motion(folder, *options):
    train_reg.main(["--data", str(folder), "--model", "motion", *options])


def judge(folder, *options):
    validate.main(["--data", str(folder), *options])
    (path,) = (folder / "predictions").glob("*.json")
    return storage.read_json(path), pd.read_csv(path.with_suffix(".csv"))


@pytest.fixture
def folder(folds, blank_figures):
    yield folds
    for path in (folds / "predictions").glob("*"):
        path.unlink()


def test_a_split_is_judged_beside_its_baseline(folder, capsys):
    result, table = judge(folder, "--run", "Reach-pool")
    printed = capsys.readouterr().out
    assert "never saw" in printed and "the mean training score" in printed
    assert len(printed.splitlines()) <= 25
    error = (table["network_score"] - table["expert_score"]).abs().mean()
    assert result["agreement"]["clips"]["mae"]["value"] == pytest.approx(error)
    known = read_record(folder, "Reach-pool")
    mean = np.mean([*known["train_clips"].values()])
    floor = (table["expert_score"] - mean).abs().mean()
    found = result["baselines"]["training mean"]
    assert found["clips"]["mae"]["value"] == pytest.approx(floor)
    assert found["reduction"]["value"] == pytest.approx(floor - error)
    assert set(table["animal"]) == {"g04", "g05"}
    assert (folder / "figures" / "Reach-pool" / "agreement.png").exists()


def test_leave_one_animal_out_scores_each_clip_once_and_unseen(folder):
    result, table = judge(folder, "--leave-one-animal-out")
    assert len(table) == 18 and table["clip"].is_unique
    assert table["seen"].isna().all()  # an empty text
    assert all(
        run == f"Reach-motion-{animal}-features"
        for run, animal in zip(table["run"], table["animal"], strict=True)
    )
    assert table["training_mean"].nunique() > 1
    assert result["agreement"]["animals"]["n"] == 6


def test_a_leak_is_refused(folder):
    path = storage.checkpoint_path(folder, "Reach-motion-g02-features").with_suffix(
        ".json"
    )
    record = storage.read_json(path)
    leaked = {**record["train_clips"], "v_RatStrokeMay2_g02_c00": 2.0}
    storage.write_json(path, {**record, "train_clips": leaked})
    try:
        with pytest.raises(Problem, match="Reach-motion-g02-features is to score"):
            judge(folder, "--leave-one-animal-out")
    finally:
        storage.write_json(path, record)


def test_controls_report_a_change(folder, capsys):
    options = ("--control", "shuffled-frames", "--control", "first-frame")
    result, table = judge(folder, "--run", "Reach-pool", *options)
    change = result["controls"]["first-frame"]["change"]["value"]
    errors = (
        table[["network_score", "first-frame"]].sub(table["expert_score"], axis=0)
    ).abs()
    expected = errors["first-frame"].mean() - errors["network_score"].mean()
    assert change == pytest.approx(expected)
    assert "first-frame" in capsys.readouterr().out


def test_outcome_and_second_rater(folder, tmp_path, capsys):
    animals = [f"g{animal:02d}" for animal in range(1, 6)]
    lesions = tmp_path / "lesions ü.csv"
    lesions.write_text(
        "animal,value\n" + "".join(f"{a},{i * i}\n" for i, a in enumerate(animals))
    )
    second = tmp_path / "second.csv"
    clips = [clip.name for clip in data.read_clips(folder)]
    rows = "".join(f"{c},{i % 4}\n" for i, c in enumerate(clips))
    second.write_text(f"clip,score\n{rows}")
    options = ("--outcome", str(lesions), "--raters", str(second))
    with pytest.warns(match="g00"):
        result, _ = judge(folder, "--leave-one-animal-out", *options)
    assert result["outcome"]["n"] == 5
    assert result["outcome"]["values"] == [0, 1, 4, 9, 16]
    assert len(list(folder.rglob("outcome.png"))) == 1
    assert result["raters"]["network"]["n_clips"] == 18
    printed = capsys.readouterr().out
    assert "outcome of 5 animals" in printed and "2 raters" in printed
    judge(folder, "--leave-one-animal-out", *options, "--full")
    assert "rater against rater" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "g01", "g01,x", "g01,1\ng01,2", "g01,nan"])
def test_a_wrong_outcome_table_is_named(folder, tmp_path, text):
    (tmp_path / "wrong.csv").write_text(f"animal,value\n{text}")
    with pytest.raises(Problem, match=r"wrong\.csv"):
        judge(
            folder, "--leave-one-animal-out", "--outcome", str(tmp_path / "wrong.csv")
        )


def test_raters_are_judged_without_a_network(tmp_path, capsys):
    folder = tmp_path / "ratings"
    folder.mkdir()
    clips = [f"v_RatStrokeMay2_g{i // 3:02d}_c{i % 3:02d}" for i in range(24)]
    for shift, rater in enumerate(("JB", "MK")):
        lines = [f"{c},{i % 5 + shift / 2},0" for i, c in enumerate(clips)]
        lines += [f"{c},{i % 5},1" for i, c in enumerate(clips[:6])]
        (folder / f"{rater}.csv").write_text("\n".join(["clip,score,repeat", *lines]))
    validate.main(["--data", str(tmp_path), "--raters", str(folder)])
    printed = capsys.readouterr().out
    assert "2 raters, 24 clips" in printed and "JB, twice (6 clips)" in printed
    assert "linear weights" in printed
    with pytest.raises(Problem, match="data_file"):
        validate.main(["--data", str(tmp_path), "--raters", str(folder), "--run", "R"])
    result = storage.read_json(tmp_path / "predictions" / "raters-ratings.json")
    assert result["inter"]["mae"]["value"] == pytest.approx(0.5)
    assert result["inter"]["half_point"]["value"] == 1
    (folder / "MK.csv").write_text("clip,score\na,often")
    with pytest.raises(Problem, match=r"MK\.csv:2"):
        validate.main(["--data", str(tmp_path), "--raters", str(folder)])


def test_repeats_have_other_folds_and_a_spread(folder):
    train_motion(folder, "--folds", "2", "--repeats", "2", "--run", "twice")
    records = [
        read_record(folder, f"twice-{name}") for name in ("fold1", "repeat2-fold1")
    ]
    assert records[0]["seed"] != records[1]["seed"]
    assert records[1]["scheme"]["repeat"] == 2
    result, table = judge(folder, "--folds", "--run", "twice")
    assert result["repeats"]["mae"]["n"] == 2 and table["clip"].is_unique
    assert (folder / "figures" / "twice" / "report.html").is_file()


def test_an_animal_that_nobody_scored_does_not_block_the_rest(folder):
    path = folder / "data_file.csv"
    text = path.read_text()
    try:
        extra = f"\ntest,Reach,v_RatStrokeMay2_g77_c00,{6},"
        path.write_text(text + extra)
        with pytest.warns(match="no expert has scored g77"):
            _, table = judge(folder, "--leave-one-animal-out")
        assert len(table) == 18
    finally:
        path.write_text(text)
