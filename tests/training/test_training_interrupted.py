"""A training that is killed, stopped or starved of disk ends as an undisturbed one."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import films
import numpy as np
import pytest
from disks import small_disk

from system import storage

STAND_IN = Path(__file__).parents[1] / "stand_in.py"

TRAIN = ["--units", "2", "--epochs", "12", "--patience", "50"]
TRAIN += ["--learning-rate", "0.01"]


class Nursery:
    """A process that has TensorFlow loaded and forks a training at a time."""

    def __init__(self, folder):
        self.folder, self.count = folder, 0
        self.process = subprocess.Popen(
            [sys.executable, str(STAND_IN), "nursery", "train_reg"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout.readline() == "ready\n"

    def train(self, *argv, delay=None, wait_for=None, **environ):
        """Train, killed after a delay, or interrupted once a file is there.

        Returns the exit code, what was said, and the epochs that were begun.
        """
        self.count += 1
        output = self.folder / f"output{self.count}"
        environ = {key: str(value) for key, value in environ.items()}
        order = {"argv": argv, "environ": environ, "output": str(output)}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        child = int(self.process.stdout.readline())
        if delay is not None:
            time.sleep(delay)
            with contextlib.suppress(ProcessLookupError):  # it may be done already
                os.kill(child, signal.SIGKILL)
        if wait_for is not None:
            while not wait_for.exists():
                time.sleep(0.01)
            os.kill(child, signal.SIGINT)
        code = int(self.process.stdout.readline())
        epochs = Path(f"{output}.epochs")
        begun = epochs.read_text().split() if epochs.exists() else []
        return code, output.read_text(), [int(epoch) for epoch in begun]

    def close(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def nursery(tmp_path_factory):
    nursery = Nursery(tmp_path_factory.mktemp("nursery"))
    yield nursery
    nursery.close()


def read_weights(folder, run):
    import io
    import zipfile

    import h5py

    with zipfile.ZipFile(storage.checkpoint_path(folder, run)) as archive:
        content = io.BytesIO(archive.read("model.weights.h5"))
    found = {}
    with h5py.File(content) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: item[()]})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    return found


def summarise_run(folder, run):
    record = storage.read_json(storage.record_path(folder, run))
    history = (storage.logs_folder(folder, run) / "history.csv").read_text()
    return (
        record["epochs"],
        record["best_epoch"],
        record["val_loss"],
        history,
        read_weights(folder, run),
    )


def check_same_run(folder, whole, run):
    *figures, weights = summarise_run(folder, run)
    *expected, expected_weights = summarise_run(whole, run)
    assert figures == expected
    assert weights.keys() == expected_weights.keys()
    for name, array in weights.items():
        np.testing.assert_array_equal(array, expected_weights[name])


def check_resumed(last_begun, begun):
    """A training goes on with the epoch that was cut off, or the one after it."""
    if last_begun is not None and begun:
        assert begun[0] in (last_begun, last_begun + 1)
    return begun[-1] if begun else last_begun


def kill_training(nursery, tmp_path, argv, moments, runs):
    whole, folder = tmp_path / "whole", tmp_path / "killed"
    films.write_sequences(whole)
    shutil.copytree(whole, folder)
    started = time.time()
    code, output, begun = nursery.train("--data", str(whole), *argv)
    assert code == 0, output
    duration = time.time() - started
    last = None
    for moment in moments:
        if isinstance(moment, dict):
            code, output, begun = nursery.train("--data", str(folder), *argv, **moment)
        else:
            delay = moment * duration
            code, output, begun = nursery.train(
                "--data", str(folder), *argv, delay=delay
            )
        assert code in (-signal.SIGKILL, 0, 2), output
        if len(runs) == 1:
            last = check_resumed(last, begun)
        if len(runs) == 1 and code != -signal.SIGKILL:  # done before its death
            check_same_run(folder, whole, runs[0])
            shutil.rmtree(folder / "checkpoints")
            shutil.rmtree(folder / "logs")
            last = None
    code, output, begun = nursery.train("--data", str(folder), *argv)
    assert code == 0, output
    check_resumed(last, begun)
    for run in runs:
        check_same_run(folder, whole, run)
    assert not list((folder / "logs").rglob("backup.npz"))
    assert not list((folder / "logs").rglob(f"{storage.TEMPORARY}*"))


@pytest.mark.thorough
def test_training_killed_twenty_times(nursery, tmp_path):
    moments = [*np.random.default_rng(3).uniform(0.2, 1, 20)]
    kill_training(nursery, tmp_path, TRAIN, moments, ["Reach-lstm"])


@pytest.mark.thorough
def test_training_killed_at_every_kind_of_renaming(nursery, tmp_path):
    moments = [{"DIE_AT": n} for n in range(1, 9)]
    moments += [{"DIE_AFTER": n} for n in range(1, 8)]
    kill_training(nursery, tmp_path, TRAIN, moments, ["Reach-lstm"])


@pytest.mark.thorough
def test_leave_one_animal_out_killed_ten_times(nursery, tmp_path):
    argv = (*TRAIN, "--leave-one-animal-out", "--model", "pool")
    moments = [*np.random.default_rng(4).uniform(0.1, 0.9, 10)]
    runs = [f"Reach-lstm-g{animal:02d}-features" for animal in range(1, 6)]
    kill_training(nursery, tmp_path, argv, moments, runs)


def test_interrupted_training_says_one_line_and_goes_on(nursery, tmp_path):
    films.write_sequences(tmp_path)
    argv = ("--data", str(tmp_path), *TRAIN, "--model", "pool")
    backup = storage.logs_folder(tmp_path, "Reach-pool") / "backup.npz"
    code, output, begun = nursery.train(*argv, wait_for=backup)
    assert code == 130, output
    assert output.splitlines()[-1] == "stopped; what was done is kept"
    assert "Traceback" not in output
    assert not list(tmp_path.rglob(f"{storage.TEMPORARY}*"))
    code, output, begun_then = nursery.train(*argv)
    assert code == 0, output
    assert begun_then[0] in (begun[-1], begun[-1] + 1)


def test_killed_between_checkpoint_and_record(nursery, tmp_path):
    films.write_sequences(tmp_path)
    argv = ("--data", str(tmp_path), "--model", "pool", "--epochs", "1")
    # A first epoch renames best, backup and history; then come .keras and .json.
    code, output, _ = nursery.train(*argv, DIE_AFTER=4)
    assert code == -signal.SIGKILL, output
    assert storage.checkpoint_path(tmp_path, "Reach-pool").exists()
    assert not storage.record_path(tmp_path, "Reach-pool").exists()
    code, output, begun = nursery.train(*argv)
    assert (code, begun) == (0, []), output
    record = storage.read_json(storage.record_path(tmp_path, "Reach-pool"))
    checkpoint = storage.checkpoint_path(tmp_path, "Reach-pool")
    assert record["sha256"] == storage.digest_file(checkpoint)


def test_full_disk_in_training(nursery, tmp_path):
    with small_disk(tmp_path / "disk", 400) as disk:
        films.write_sequences(disk / "data")
        before = films.read_state(disk / "data")
        with (
            contextlib.suppress(OSError),
            (disk / "filler").open("wb", buffering=0) as file,
        ):
            while file.write(bytes(4096)):
                pass
        argv = ("--data", str(disk / "data"), "--model", "pool", "--epochs", "2")
        code, output, _ = nursery.train(*argv)
        assert code == 2, output
        assert "Traceback" not in output
        assert "could not write" in output and "No space left" in output
        assert films.read_state(disk / "data").items() >= before.items()
        assert not list((disk / "data").rglob(f"{storage.TEMPORARY}*"))
