"""New videos: scores with intervals from the errors on animals left out."""

import numpy as np
import pandas as pd
import pytest
from films import make_film
from test_train_reg import N_FEATURES, N_FRAMES, make_folder, read_record, train

import files
import limits
import runs
import score
import scoring
from console import Problem


class StandIn:
    """Features in the place of InceptionV3's: brightness, and nothing else."""

    def stream(self, reads):
        for key, read in reads:
            try:
                means = [frame.mean() / 99 for frame in read()]
                yield key, np.repeat(np.float32(means)[:, None], N_FEATURES, axis=1)
            except Problem as problem:
                yield key, problem


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = make_folder(tmp_path_factory.mktemp("final"), n_animals=10)
    train(folder, "--folds", "3", "--final", "--epochs", "3")
    for number in (1, 2):
        make_film(folder / f"new/v_RatStrokeMay9_g77_c{number:02d}.avi", N_FRAMES)
    (folder / "new/v_RatStrokeMay9_g78_c01.avi").write_bytes(b"no video")
    return folder


@pytest.fixture
def run_score(trained, monkeypatch, capsys):
    def call(*options):
        monkeypatch.setattr(scoring, "open_extractor", lambda *_: StandIn())
        argv = [str(trained / "new"), "--data", str(trained)]
        code = score.main([*argv, "--run", "Reach-lstm", *options])
        return code, capsys.readouterr()

    return call


def test_the_final_network_carries_the_errors_of_its_folds(trained):
    record = read_record(trained, "Reach-lstm")
    found = record["left_out_errors"]
    clips = {**record["train_clips"], **record["watched_clips"]}
    assert {c["clip"]: c["target"] for c in found["clips"]} == clips
    assert len(clips) == 30 and record["left_out"] == []
    for clip in found["clips"][::7]:
        run = found["networks"][clip["network"]]["run"]
        assert clip["animal"] in read_record(trained, run)["left_out"]
        model, fold = runs.read_run(files.checkpoint_path(trained, run))
        read = scoring.read_sequences(trained, [clip["clip"]], fold)
        (told,) = scoring.score_sequences(model, read)
        assert told == pytest.approx(clip["score"], abs=1e-4)


def test_errors_are_noted_although_all_was_trained_before(trained, capsys):
    path = files.record_path(trained, "Reach-lstm")
    whole = files.read_json(path)
    files.write_json(path, {k: v for k, v in whole.items() if k != "left_out_errors"})
    train(trained, "--folds", "3", "--final", "--epochs", "3")
    assert "90% of its scores were within" in capsys.readouterr().out
    assert files.read_json(path)["left_out_errors"] == whole["left_out_errors"]


def test_scores_come_with_intervals_for_clips_and_animals(trained, run_score, tmp_path):
    code, said = run_score("--output", str(tmp_path / "scores.csv"))
    assert code == 1 and "g78_c01" in said.err  # the broken one, and only that
    table = pd.read_csv(tmp_path / "scores.csv")
    assert list(table["animal"]) == ["g77", "g77"]
    record = read_record(trained, "Reach-lstm")
    networks = [runs.read_run(files.checkpoint_path(trained, "Reach-lstm"))[0]]
    networks += limits.open_networks(
        files.checkpoint_path(trained, "Reach-lstm"), record
    )
    assert len(networks) == 4
    (sequence,) = (s for _, s in StandIn().stream([read_of(trained)]))
    told = np.array([[scoring.score_sequences(n, [sequence])[0] for n in networks]])
    assert table["network_score"][0] == pytest.approx(told[0, 0], abs=1e-4)
    low, high = limits.find_intervals(record, told)[0]
    assert table["low"][0] == pytest.approx(low, abs=1e-4)
    assert table["high"][0] == pytest.approx(high, abs=1e-4) and high > low >= 0
    means = pd.read_csv(tmp_path / "scores-animals.csv")
    assert means["n_clips"].tolist() == [2]
    assert means["network_score"][0] == pytest.approx(table["network_score"].mean())
    assert "true score of 90% of new animals" in said.out


def read_of(folder):
    import frames

    video = folder / "new/v_RatStrokeMay9_g77_c01.avi"
    return video, lambda: frames.read_video(
        video, N_FRAMES, "stride", frames.resize_frame
    )[0]


def test_too_few_animals_and_old_runs_say_why_there_is_no_interval(
    trained, run_score, recwarn
):
    _, said = run_score("--level", "0.95")
    assert "95% needs 19 left-out animals, run Reach-lstm has 10" in str(recwarn.pop())
    assert "[" not in said.out
    record = read_record(trained, "Reach-lstm")
    record.pop("left_out_errors")
    assert "--folds 5 --final" in limits.explain_silence(record)
    assert np.isnan(limits.find_intervals(record, np.ones((2, 1)))).all()


def test_a_fold_that_was_trained_anew_is_not_used(trained, recwarn):
    record = read_record(trained, "Reach-lstm")
    record["left_out_errors"]["networks"][1]["sha256"] = "0" * 64
    path = files.checkpoint_path(trained, "Reach-lstm")
    assert limits.open_networks(path, record) == []
    assert "not proven" in str(recwarn.pop().message)
    found = limits.find_intervals(record, np.array([[5.0]]))
    half = limits.measure_width(record)[0]
    assert found[0] == pytest.approx([max(5 - half, 0), 5 + half])


@pytest.mark.parametrize("argv", [["--final"], ["--final", "--leave-out", "g01"]])
def test_final_needs_a_whole_cross_validation(trained, argv):
    with pytest.raises(Problem, match="--folds K"):
        train(trained, *argv)
