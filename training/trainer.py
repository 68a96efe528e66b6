"""Fitting a network: epoch by epoch, when to stop, and going on where it stopped."""

import contextlib
import json
import math
import time
from pathlib import Path

import numpy as np

from system.backend import keras, tf
from system.storage import replacing
from system.terminal import Problem, caution

LOGS = ("history.csv", "backup.npz")
BACKUP_SECONDS = 5  # a killed training loses no more than this and an epoch
LEAST_GAIN = 1e-4  # by which Keras wants the loss lower, or it is on a plateau
DISK_ERRORS = (
    *(tf.errors.ResourceExhaustedError, tf.errors.PermissionDeniedError),
    *(tf.errors.NotFoundError, tf.errors.FailedPreconditionError),
)


class Progress:
    """Keep history, best weights and everything that a training needs to go on.

    One file, `backup.npz`, holds all of it and is replaced whole every few seconds, so
    that a training killed at any moment goes on from there and ends as an undisturbed
    one does. A backup of a training of another identity is ignored. When to stop and to
    learn more slowly follows from the history alone.
    """

    def __init__(self, folder, trainer, identity):
        self.path, self.trainer = Path(folder) / "backup.npz", trainer
        self.identity = json.dumps(identity, sort_keys=True)
        self.history, self.best, self.time_of_backup = [], [], time.monotonic()

    @property
    def best_epoch(self):
        return min(range(len(self.history)), key=lambda i: self.history[i]["val_loss"])

    def restore(self):
        """Take up a backup of this training where there is one."""
        variables, weights = self.trainer.variables, self.trainer.model.weights
        if not self.path.is_file():
            return
        try:
            with np.load(self.path, allow_pickle=False) as stored:
                arrays = [stored[key] for key in stored.files[1:]]
                state = json.loads(str(stored["state"]))
            if state["identity"] != self.identity:
                return
            shapes = [tuple(each.shape) for each in (*variables, *weights)]
            if [array.shape for array in arrays] != shapes:
                raise ValueError("it holds other arrays")
            self.history, self.best = state["history"], arrays[len(variables) :]
        except Exception as error:  # zipfile, JSON and numpy fail in many ways
            caution(f"{self.path}: a backup is spoiled ({error}); starting over")
            return
        for variable, array in zip(variables, arrays, strict=False):
            variable.assign(array)

    def add(self, row):
        """Take up what an epoch came to, and keep its weights if they are the best."""
        self.history.append({"epoch": len(self.history) + 1, **row})
        if self.best_epoch == len(self.history) - 1:
            self.best = copy_arrays(self.trainer.model.weights)

    def back_up(self):
        state = json.dumps({"identity": self.identity, "history": self.history})
        arrays = [*copy_arrays(self.trainer.variables), *self.best]
        named = {f"array_{i}": array for i, array in enumerate(arrays)}
        with replacing(self.path) as temporary:
            np.savez(temporary, state=state, **named)
        self.write_history()
        self.time_of_backup = time.monotonic()

    def write_history(self):
        import pandas as pd

        with replacing(self.path.with_name("history.csv")) as temporary:
            pd.DataFrame(self.history).to_csv(temporary, index=False)


def copy_arrays(variables):
    return [keras.ops.convert_to_numpy(variable) for variable in variables]


def clear_backups(folder):
    """Remove what a finished training needed only to go on."""
    (Path(folder) / "backup.npz").unlink(missing_ok=True)


def clear_logs(folder, known):
    """Remove the logs of an earlier training; not where this one is to go on.

    `known` is what the identity of each of its backups holds; see `Progress`.
    """
    if not any(goes_on(path, known) for path in Path(folder).rglob("backup.npz")):
        for path in Path(folder).rglob("*"):
            if path.name in LOGS or path.name.startswith("events.out.tfevents."):
                path.unlink()


def goes_on(path, known):
    """Tell whether a backup is of this training; a spoiled one, which is told later."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            identity = json.loads(json.loads(str(stored["state"]))["identity"])
            return known.items() <= identity.items()
    except Exception:  # zipfile, JSON and numpy fail in many ways
        return True


def judge_losses(losses, options):
    """Judge a training by its losses on watched clips, epoch by epoch, as Keras does.

    Published: early stopping, and a lower learning rate on a plateau. Tells whether to
    stop, and whether to learn more slowly, after the last of them.
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
    folder, identity
        For logs and backups; see `Progress`.
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
    progress.restore()
    losses = [row["val_loss"] for row in progress.history]
    if bar is not None:
        bar.update(len(losses))
    with telling_of_disk(), open_log(Path(folder)) as log:
        for epoch in range(len(losses), options.epochs):
            if judge_losses(losses, options)[0]:
                break
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
    progress.write_history()
    for variable, array in zip(trainer.model.weights, progress.best, strict=True):
        variable.assign(array)
    check_alive(trainer.score, train)
    best = progress.history[progress.best_epoch]
    told = {"best_epoch": best["epoch"], "loss": best["loss"]}
    return {"epochs": len(losses), **told, "val_loss": best["val_loss"]}


@contextlib.contextmanager
def open_log(folder):
    """Open logs for TensorBoard; gives the function that writes an epoch into them."""
    open_part = tf.summary.create_file_writer
    writers = [open_part(str(folder / part)) for part in ("train", "validation")]

    def write(epoch, row):
        for name, value in row.items():
            with writers[name.startswith("val_")].as_default(epoch):
                tf.summary.scalar(f"epoch_{name.removeprefix('val_')}", value)

    yield write
    for writer in writers:
        writer.close()


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
