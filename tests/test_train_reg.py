"""Training: what is watched, what is kept, and that the same seed gives the same."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from builders import read_record
from trainings import N_FEATURES, N_FRAMES, SMALL, make_folder, train

import data
import models
import train_reg
from features import sequences
from runs import predict, store
from runs.options import Options
from system import storage
from system.terminal import Problem


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path)


def score_all(folder, run):
    networks, _ = store.read_run(storage.checkpoint_path(folder, run))
    clips = data.read_clips(folder)
    read = (
        sequences.read_sequence(folder, clip.name, N_FRAMES, N_FEATURES)
        for clip in clips
    )
    return predict.score_sequences(networks, read)


def test_a_run_watches_animals_it_does_not_train_on_and_no_test_row(folder):
    train(folder)
    record = read_record(folder, "Reach-pool")
    trained = {data.animal_of(name) for name in record["train_clips"]}
    watched = {data.animal_of(name) for name in record["validation_clips"]}
    test = {
        data.animal_of(c.name) for c in data.read_clips(folder) if c.split == "test"
    }
    assert trained and watched
    assert not trained & watched and not (trained | watched) & test


def test_test_rows_steer_nothing(folder):
    train(folder, "--run", "one")
    text = (folder / "data_file.csv").read_text()
    lines = [
        line.rsplit(",", 1)[0] + ",99" if line.startswith("test") else line
        for line in text.splitlines()
    ]
    (folder / "data_file.csv").write_text("\n".join(lines))
    train(folder, "--run", "two")
    assert np.array_equal(score_all(folder, "one"), score_all(folder, "two"))


def test_same_seed_same_scores_other_seed_other_scores(folder):
    for run, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        train(folder, "--run", run, "--seed", seed, "--model", "lstm")
    a, b, c = (score_all(folder, run) for run in "abc")
    assert np.array_equal(a, b)
    assert not np.allclose(a, c)


def test_a_training_cut_short_ends_as_an_undisturbed_one(folder, monkeypatch):
    from training import trainer

    train(folder, "--run", "whole", "--model", "lstm")
    write = trainer.Progress.write_history

    def stop(progress):
        write(progress)
        if len(progress.history) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(trainer, "BACKUP_SECONDS", 0)
    monkeypatch.setattr(trainer.Progress, "write_history", stop)
    with pytest.raises(KeyboardInterrupt):
        train(folder, "--run", "cut", "--model", "lstm")
    assert not storage.checkpoint_path(folder, "cut").exists()
    monkeypatch.setattr(trainer.Progress, "write_history", write)
    train(folder, "--run", "cut", "--model", "lstm")
    assert np.array_equal(score_all(folder, "whole"), score_all(folder, "cut"))
    whole, cut = (read_record(folder, run) for run in ("whole", "cut"))
    assert whole["epochs"] == cut["epochs"]
    history = [
        (storage.logs_folder(folder, run) / "history.csv").read_text()
        for run in ("whole", "cut")
    ]
    assert history[0] == history[1]
    assert not list(storage.logs_folder(folder, "cut").glob("*.npz"))


def test_a_finished_run_is_not_trained_again(folder):
    train(folder)
    with pytest.raises(Problem, match="finished"):
        train(folder)
    with pytest.raises(Problem, match="differently"):
        train(folder, "--seed", "5")
    train(folder, "--seed", "5", "--overwrite")
    assert read_record(folder, "Reach-pool")["seed"] == 5


def build(model, bias, to_train=False):
    from training import trainer

    small = Options(model=model, units=4, dropout=0.0, gates="sigmoid")
    shape = (N_FRAMES, N_FEATURES)
    if to_train:
        return trainer.build_fast(shape, small, bias)
    return models.build(small, shape, bias=bias)


@pytest.mark.parametrize("model", ["pool", "lstm"])
def test_a_network_that_scores_0_wakes(model):
    sequences = np.random.default_rng(0).random((4, N_FRAMES, N_FEATURES))
    changed = []
    for to_train in (False, True):
        network = build(model, -9.0, to_train=to_train)
        assert np.array_equal(network.predict_on_batch(sequences), np.zeros((4, 1)))
        before = network.get_weights()
        network.compile("adam", "mse")
        network.train_on_batch(sequences, np.arange(4.0)[:, None])
        after = network.get_weights()
        changed.append(not all(map(np.array_equal, before, after)))
    assert changed == [False, True]


def test_a_constant_output_is_no_result(folder):
    from training import trainer

    scores = {clip.name: clip.score for clip in data.read_clips(folder)[:4]}
    batches = trainer.SequenceBatches(folder, scores, N_FRAMES, N_FEATURES, 2)
    trainer.check_alive(build("lstm", 1.0), batches)
    with pytest.raises(Problem, match="same score to every clip"):
        trainer.check_alive(build("lstm", -9.0), batches)


@pytest.mark.parametrize("model", ["pool", "lstm"])
def test_standardize_uses_the_training_clips_only(folder, model):
    train(folder, "--model", model, "--standardize")
    run = f"Reach-{model}"
    (network,), run = store.read_run(storage.checkpoint_path(folder, run))
    stacked = np.concatenate(
        [sequences.read_sequence(folder, name, N_FRAMES) for name in run.train_clips]
    )
    layer = network.get_layer("standardize")
    assert np.allclose(np.ravel(layer.mean), stacked.mean(axis=0), atol=1e-5)
    assert np.allclose(np.ravel(layer.variance), stacked.var(axis=0), atol=1e-5)


def test_an_ensemble_scores_the_mean_of_its_members(folder):
    train(folder, "--ensemble", "2", "--seed", "1")
    train(folder, "--run", "one", "--seed", "1")
    networks, _ = store.read_run(storage.checkpoint_path(folder, "Reach-pool"))
    clips = data.read_clips(folder)
    read = [sequences.read_sequence(folder, clip.name, N_FRAMES) for clip in clips]
    members = [predict.score_sequences([network], read) for network in networks]
    assert np.array_equal(members[0], score_all(folder, "one"))
    assert not np.allclose(*members)
    mean = np.mean(members, axis=0)
    assert np.allclose(score_all(folder, "Reach-pool"), mean, atol=1e-6)


def test_every_missing_sequence_is_named_before_training(folder):
    gone = [clip.name for clip in data.read_clips(folder) if clip.split == "train"][:2]
    for name in gone:
        storage.sequence_path(folder, name, N_FRAMES).unlink()
    with pytest.raises(Problem) as problem:
        train(folder)
    assert all(name in str(problem.value) for name in gone)


def test_leave_one_animal_out_writes_a_run_for_each_animal(tmp_path, capsys):
    folder = make_folder(tmp_path, n_animals=4)
    train(folder, "--leave-one-animal-out", "--epochs", "1", "--jobs", "1")
    runs = sorted(path.stem for path in (folder / "checkpoints").glob("*.keras"))
    assert runs == [f"Reach-pool-g{animal:02d}-features" for animal in range(4)]
    for run in runs:
        record = read_record(folder, run)
        known = (*record["train_clips"], *record["validation_clips"])
        assert record["held_out"] == [run.split("-")[2]]
        assert len(known) == 9
        assert not set(record["held_out"]) & {data.animal_of(name) for name in known}
    before = score_all(folder, "Reach-pool-g03-features")
    (folder / "checkpoints" / "Reach-pool-g03-features.json").unlink()
    capsys.readouterr()
    train(folder, "--leave-one-animal-out", "--epochs", "1")
    assert "(network 1 of 1)" in capsys.readouterr().out
    assert np.array_equal(before, score_all(folder, "Reach-pool-g03-features"))


def test_the_authors_table_gives_each_clip_once(tmp_path):
    make_folder(tmp_path, n_animals=4)
    lines = (tmp_path / "data_file.csv").read_text().splitlines()
    rows = [line.split(",", 1)[1] for line in lines]
    both = [f"train,{row}" for row in rows] + [f"test,{row}" for row in rows]
    (tmp_path / "data_file.csv").write_text("\r\r\n".join(both))
    with pytest.warns(match="both splits"):
        train(tmp_path, "--leave-out", "g01", "--epochs", "1")
    record = read_record(tmp_path, "Reach-pool-g01-features")
    assert len(record["train_clips"]) + len(record["validation_clips"]) == 9


@pytest.mark.thorough
def test_networks_trained_side_by_side_are_those_trained_one_by_one(folder):
    argv = ("--folds", "2", "--epochs", "2", "--model", "lstm")
    # In a process of its own: whoever ran before may have left this one fewer threads.
    command = [sys.executable, "train_reg.py", "--data", str(folder), *SMALL, *argv]
    alone = [*command, "--run", "one", "--jobs", "1"]
    subprocess.run(alone, cwd=Path(train_reg.__file__).parent, check=True)
    train(folder, *argv, "--run", "side", "--jobs", "2")
    for number in (1, 2):
        runs_of_fold = (f"{name}-fold{number}" for name in ("one", "side"))
        first, second = (score_all(folder, run) for run in runs_of_fold)
        assert np.array_equal(first, second)
