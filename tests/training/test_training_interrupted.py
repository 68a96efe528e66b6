"""A training that is killed, stopped or starved of disk ends as an undisturbed one."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import films
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

    def train(self, *argv, wait_for=None, **environ):
        """Train, interrupted once a file is there.

        Returns the exit code, what was said, and the epochs that were begun.
        """
        self.count += 1
        output = self.folder / f"output{self.count}"
        environ = {key: str(value) for key, value in environ.items()}
        order = {"argv": argv, "environ": environ, "output": str(output)}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        child = int(self.process.stdout.readline())
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
    assert (
        not storage.checkpoint_path(tmp_path, "Reach-pool")
        .with_suffix(".json")
        .exists()
    )
    code, output, begun = nursery.train(*argv)
    assert (code, begun) == (0, []), output
    record = storage.read_json(
        storage.checkpoint_path(tmp_path, "Reach-pool").with_suffix(".json")
    )
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
