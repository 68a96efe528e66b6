"""Fitting a network: epoch by epoch, when to stop, and going on where it stopped."""

import contextlib
import json
import math
import time
from pathlib import Path

import numpy as np

from backend import keras, tf
from console import Problem, caution
from files import remove_leftovers, replacing

BACKUP_SECONDS = 5  # a killed training loses no more than this and an epoch
LEAST_GAIN = 1e-4  # by which Keras wants the loss lower, or it is on a plateau
DISK_ERRORS = (
    *(tf.errors.ResourceExhaustedError, tf.errors.PermissionDeniedError),
    *(tf.errors.NotFoundError, tf.errors.FailedPreconditionError),
)


class Progress:
    """Keep history, best weights and everything that a training needs to go on.

    One file holds all of it and is replaced whole after an epoch every few seconds, so
    that a training killed at any moment goes on from there and ends as an undisturbed
    one does. When to stop and to learn more slowly follows from the history alone.

    Parameters
    ----------
    folder : path
        Where `backup.npz`, `best-<epoch>.npz` and `history.csv` are written.
    trainer : learning.Trainer
    identity : dict
        What the training depends on; a backup of anything else is ignored.
    """

    def __init__(self, folder, trainer, identity):
        self.folder, self.trainer = Path(folder), trainer
        self.identity = json.dumps(identity, sort_keys=True)
        self.history, self.best, self.is_best_on_disk = [], None, True
        self.time_of_backup, self.n_written = time.monotonic(), 0

    @property
    def best_epoch(self):
        return min(range(len(self.history)), key=lambda i: self.history[i]["val_loss"])

    def restore(self):
        """Take up a backup of this training, if there is one; tell the next epoch."""
        if not (self.folder / "backup.npz").is_file():
            return 0
        try:
            backup, state = self.load("backup.npz")
            if state["identity"] != self.identity:
                return 0
            self.history = state["history"]
            best, of_best = self.load(self.name_best())
            if of_best["identity"] != self.identity:
                raise ValueError("it belongs to another training")
            check_arrays(backup, self.trainer.variables)
            check_arrays(best, self.trainer.model.weights)
        except Exception as error:  # zipfile, JSON and numpy fail in many ways
            caution(f"{self.folder}: a backup is spoiled ({error}); starting over")
            self.history = []
            return 0
        self.best = best
        take_arrays(backup, self.trainer.variables)
        return len(self.history)

    def name_best(self):
        """Name the file of the best weights, by the epoch that a backup speaks of."""
        return f"best-{self.best_epoch + 1}.npz"

    def add(self, row):
        """Take up what an epoch came to, and keep its weights if they are the best."""
        self.history.append({"epoch": len(self.history) + 1, **row})
        if self.best_epoch == len(self.history) - 1:
            self.best = to_arrays(self.trainer.model.weights)
            self.is_best_on_disk = False

    def back_up(self):
        if not self.is_best_on_disk:
            self.save(self.name_best(), self.best)
            self.is_best_on_disk = True
        arrays = to_arrays(self.trainer.variables)
        self.save("backup.npz", arrays, {"history": self.history})
        for path in self.folder.glob("best-*.npz"):
            if path.name != self.name_best():
                path.unlink(missing_ok=True)
        self.write_history()
        self.time_of_backup = time.monotonic()

    def save(self, name, arrays, state=None):
        state = json.dumps({"identity": self.identity, **(state or {})})
        with replacing(self.folder / name) as temporary:
            np.savez(temporary, state=state, **arrays)

    def load(self, name):
        """Read all that `save` wrote: arrays by name, and the state."""
        with np.load(self.folder / name, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
        return arrays, json.loads(str(arrays.pop("state")))

    def write_history(self):
        import pandas as pd

        with replacing(self.folder / "history.csv") as temporary:
            pd.DataFrame(self.history).to_csv(temporary, index=False)
        self.n_written = len(self.history)


def to_arrays(variables):
    """Copy variables out of the backend, by names that `numpy.savez` keeps."""
    arrays = map(keras.ops.convert_to_numpy, variables)
    return {f"variable_{i}": array for i, array in enumerate(arrays)}


def take_arrays(arrays, variables):
    for i, variable in enumerate(variables):
        variable.assign(arrays[f"variable_{i}"])


def check_arrays(arrays, variables):
    """See that arrays from disk are those of variables."""
    found = [arrays[f"variable_{i}"].shape for i in range(len(variables))]
    expected = [tuple(variable.shape) for variable in variables]
    if found != expected or len(arrays) != len(expected):
        raise ValueError("it holds other arrays")


def clear_backups(folder):
    """Remove what a finished training needed only to go on."""
    folder = Path(folder)
    for path in (folder / "backup.npz", *folder.glob("best*.npz")):
        path.unlink(missing_ok=True)
    remove_leftovers(folder)


def judge_losses(losses, options):
    """Judge a training by its losses on watched clips, epoch by epoch, as Keras does.

    Published: early stopping, and a lower learning rate on a plateau.

    Returns
    -------
    (bool, bool)
        Whether to stop, and whether to learn more slowly, after the last of them.
    """
    best = level = np.inf
    waited = on_level = rest = 0  # epochs
    stops = slows = False
    for epoch, loss in enumerate(np.asarray(losses, np.float32)):
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        stops, slows = waited >= options.patience and epoch > 0, False
        if rest > 0:
            rest, on_level = rest - 1, 0
        if loss + LEAST_GAIN < level:
            level, on_level = loss, 0
        elif not rest:
            on_level += 1
            slows = on_level >= options.plateau_patience
            rest, on_level = (options.plateau_cooldown, 0) if slows else (0, on_level)
    return stops, slows


def fit_network(trainer, train, watched, folder, identity, bar=None):
    """Fit a network until the watched clips stop getting better, see `judge_losses`.

    Parameters
    ----------
    trainer : learning.Trainer
        Started; its model gets the weights of the best epoch.
    train, watched : learning.SequenceBatches
    folder : path
        For logs and backups.
    identity : dict
        What the training depends on; see `Progress`.
    bar : tqdm, optional

    Returns
    -------
    dict
        `epochs` run, `best_epoch` (from 1), its `loss` and `val_loss`.

    Raises
    ------
    Problem
        When the loss is no number or the output is the same for every clip.
    """
    options, progress = trainer.options, Progress(folder, trainer, identity)
    first = progress.restore()
    losses = [row["val_loss"] for row in progress.history]
    if bar is not None:
        bar.update(first)
    with telling_of_disk(), contextlib.ExitStack() as opened:
        log = None
        for epoch in range(first, options.epochs):
            if judge_losses(losses, options)[0]:
                break
            log = log or open_log(Path(folder), opened)
            train.start_epoch(epoch)
            row = trainer.run_epoch(train, watched)
            check_epoch(epoch, row)
            losses.append(row["val_loss"])
            if judge_losses(losses, options)[1]:
                slower = row["learning_rate"] * options.plateau_factor
                trainer.optimizer.learning_rate = slower
            log(epoch, row)
            progress.add(row)
            if time.monotonic() - progress.time_of_backup >= BACKUP_SECONDS:
                progress.back_up()
            if bar is not None:
                told = f"loss {row['loss']:.3g}, watched {row['val_loss']:.3g}"
                bar.set_postfix_str(told, refresh=False)
                bar.update()
    if progress.n_written < len(progress.history):
        progress.write_history()
    take_arrays(progress.best, trainer.model.weights)
    check_alive(trainer.score, train)
    best = progress.history[progress.best_epoch]
    told = {"best_epoch": best["epoch"], "loss": best["loss"]}
    return {"epochs": len(losses), **told, "val_loss": best["val_loss"]}


def open_log(folder, opened):
    """Open logs for TensorBoard; gives the function that writes an epoch into them."""
    writers = {}
    for part in ("train", "validation"):
        writers[part] = tf.summary.create_file_writer(str(folder / part))
        opened.callback(writers[part].close)

    def write(epoch, row):
        for name, value in row.items():
            part = "validation" if name.startswith("val_") else "train"
            with writers[part].as_default(epoch):
                tf.summary.scalar(f"epoch_{name.removeprefix('val_')}", value)

    return write


@contextlib.contextmanager
def telling_of_disk():
    """Turn what TensorFlow raises when it cannot write its logs into a Problem."""
    try:
        yield
    except DISK_ERRORS as error:
        reason = error.message.splitlines()[0].rpartition("}} ")[2]
        raise Problem(
            f"could not write the logs, or out of memory: {reason}"
        ) from error


def check_epoch(epoch, row):
    """Stop a training that has gone wrong, with a word on what to change."""
    if not (math.isfinite(row["loss"]) and math.isfinite(row["val_loss"])):
        raise Problem(
            f"the loss became {row['loss']} in epoch {epoch + 1}. Lower "
            "--learning-rate, or give --standardize"
        )


def check_alive(score, batches, n_batches=8):
    """Raise Problem when `score` gives the same to all sequences of batches."""
    chosen = range(min(n_batches, len(batches)))
    scores = [keras.ops.convert_to_numpy(score(batches[i][0])) for i in chosen]
    scores = np.concatenate(scores)
    if len(scores) > 1 and np.ptp(scores) == 0:
        raise Problem(
            "the network gives the same score to every clip. Lower --learning-rate, "
            "or give --standardize or another --seed"
        )
