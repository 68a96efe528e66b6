"""Runs a script of the project with a stand-in for InceptionV3, dying when told.

    python tests/stand_in.py extract_features --data folder

The stand-in needs no TensorFlow, so a test can start and kill it many times.
DIE_AT=n kills the process instead of its n-th renaming, DIE_AFTER=n right after it;
PACE=seconds slows each pass of the stand-in down.

    python tests/stand_in.py nursery train_reg

A nursery imports a script with TensorFlow once and then forks a child for each line of
JSON, {"argv": [...], "environ": {...}}; it prints the child's id and, once that has
ended, its exit code.
"""

import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from unittest import mock

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from system import terminal


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def arm():
    """Kill this process at a renaming that the environment names."""
    at, after = (int(os.environ.get(name, 0)) for name in ("DIE_AT", "DIE_AFTER"))
    rename, count = os.replace, 0

    def replace(*paths, **options):
        nonlocal count
        count += 1
        if count == at:
            die()
        rename(*paths, **options)
        if count == after:
            die()

    os.replace = replace


def make_stand_in(describe):
    """Make an extractor that needs no network: its features are numbers of a frame.

    It takes the same arguments as `Extractor`, and gives float32 of the same width;
    `describe` gives numbers of a frame, uint8 (H, W, 3).
    """
    extractor = importlib.import_module("extractor")

    class StandIn(extractor.Extractor):
        def __init__(self, weights="imagenet", batch_size=None, **_):
            self.batch_size, self.model = batch_size or 8, None
            self.record = {
                "weights": str(weights),
                "sha256": str(weights),
                "frame_size": 299,
                "precision": "float32",
            }

        def choose(self, kinds):
            self.kinds = tuple(kinds)

        def predict(self, model, frames):
            assert len(frames) <= self.batch_size
            rows = [np.asarray(describe(frame), np.float32) for frame in frames]
            widths = [extractor.WIDTHS[kind] for kind in self.kinds]
            parts = [[np.resize(row, width) for width in widths] for row in rows]
            return np.stack([np.concatenate(part) for part in parts])

        def maps(self, frames):
            features = [self.predict(None, [frame])[0] for frame in frames]
            n = {"features": 8, "movement": 17}[self.kinds[0]]
            maps = np.stack(features)[:, None, None]
            return np.broadcast_to(maps, (len(frames), n, n, self.width))

    return StandIn


def put_stand_in():
    """Let `extractor.Extractor` compute features without a network."""
    sys.modules["system.backend"] = mock.MagicMock()  # so TensorFlow is not loaded
    extractor = importlib.import_module("extractor")
    assert "tensorflow" not in sys.modules

    def describe(frame):
        time.sleep(float(os.environ.get("PACE", 0)) / 8)
        return np.mean(frame, axis=1)

    extractor.Extractor = make_stand_in(describe)


def run(argv):
    module = importlib.import_module(argv[0])
    terminal.run(lambda: module.main(argv[1:]))


def keep_nursery(name):
    importlib.import_module(name)
    importlib.import_module("training.train")
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, 0)
            os.dup2(os.open(order["output"], os.O_WRONLY | os.O_CREAT), 1)
            os.dup2(1, 2)
            os.environ.update(order["environ"])
            arm()
            trace_epochs(order["output"])
            run([name, *order["argv"]])
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def trace_epochs(output):
    """Write each epoch that begins on a line of its own, and back each of them up."""
    from training import trainer

    trainer.BACKUP_SECONDS = 0
    begin = trainer.SequenceBatches.start_epoch

    def start_epoch(batches, epoch):
        with Path(f"{output}.epochs").open("a") as file:
            print(epoch, file=file)
        begin(batches, epoch)

    trainer.SequenceBatches.start_epoch = start_epoch


if __name__ == "__main__":
    if sys.argv[1] == "nursery":
        keep_nursery(sys.argv[2])
    else:
        arm()
        put_stand_in()
        run(sys.argv[1:])
