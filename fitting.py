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

KEPT_STATE = ("wait", "best", "best_epoch", "cooldown_counter")
BACKUP_SECONDS = 5  # a killed training loses no more than this and an epoch


class Progress(keras.callbacks.Callback):
    """Keep history, best weights and everything that a training needs to go on.

    One file holds all of it and is replaced whole after an epoch every few seconds, so
    that a training killed at any moment goes on from there and ends as an undisturbed
    one does. (`keras.callbacks.BackupAndRestore` keeps neither the patience of the
    other callbacks nor a whole file when it is killed while writing.)

    Parameters
    ----------
    folder : path
        Where `backup.npz`, `best-<epoch>.npz` and `history.csv` are written.
    trainer : learning.Trainer
    batches : learning.SequenceBatches
        The training batches, whose order belongs to the epoch.
    others : sequence of keras.callbacks.Callback
        Callbacks whose state is kept too; they must run before this one.
    identity : dict
        What the training depends on; a backup of anything else is ignored.
    bar : tqdm, optional
    """

    def __init__(self, folder, trainer, batches, others, identity, bar=None):
        super().__init__()
        self.trainer = trainer
        self.folder, self.batches, self.others = Path(folder), batches, others
        self.identity = json.dumps(identity, sort_keys=True)
        self.bar = bar
        self.history = []
        self.best, self.is_best_on_disk = None, True
        self.time_of_backup, self.n_written = time.monotonic(), 0

    @property
    def best_epoch(self):
        return min(range(len(self.history)), key=lambda i: self.history[i]["val_loss"])

    def restore(self):
        """Take up a backup of this training where there is one.

        Returns
        -------
        int
            The epoch to go on with.
        """
        if not (self.folder / "backup.npz").is_file():
            return 0
        try:
            backup, state = self.load("backup.npz")
            if state["identity"] != self.identity:
                return 0
            self.history, self.kept = state["history"], state["callbacks"]
            best, of_best = self.load(self.name_best())
            if of_best["identity"] != self.identity:
                raise ValueError("it belongs to another training")
            check_arrays(backup, self.trainer.variables)
            check_arrays(best, self.trainer.model.weights)
            check_callbacks(self.kept, self.others)
        except Exception as error:  # zipfile, JSON and numpy fail in many ways
            caution(f"{self.folder}: a backup is spoiled ({error}); starting over")
            self.history = []
            return 0
        self.best = best
        for i, variable in enumerate(self.trainer.variables):
            variable.assign(backup[f"variable_{i}"])
        return len(self.history)

    def name_best(self):
        """Name the file of the best weights, by the epoch that a backup speaks of."""
        return f"best-{self.best_epoch + 1}.npz"

    def on_train_begin(self, logs=None):
        if self.history:
            for callback, kept in zip(self.others, self.kept, strict=True):
                vars(callback).update(kept)

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.start_epoch(epoch)

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, **{key: float(logs[key]) for key in sorted(logs)}}
        check_epoch(row)
        self.history.append(row)
        if self.best_epoch == epoch:
            self.best = to_arrays(self.trainer.model.weights)
            self.is_best_on_disk = False
        if time.monotonic() - self.time_of_backup >= BACKUP_SECONDS:
            self.back_up()
        if self.bar is not None:
            self.bar.set_postfix_str(
                f"loss {row['loss']:.3g}, watched {row['val_loss']:.3g}"
            )
            self.bar.update()

    def back_up(self):
        if not self.is_best_on_disk:
            self.save(self.name_best(), self.best)
            self.is_best_on_disk = True
        state = {
            "history": self.history,
            "callbacks": [
                {k: to_plain(v) for k, v in vars(c).items() if k in KEPT_STATE}
                for c in self.others
            ],
        }
        self.save("backup.npz", to_arrays(self.trainer.variables), state)
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

    def take_best(self):
        """Give the network the weights of its best epoch."""
        for i, variable in enumerate(self.trainer.model.weights):
            variable.assign(self.best[f"variable_{i}"])


def to_arrays(variables):
    """Copy variables out of the backend, by names under which `numpy.savez` keeps them.

    Returns
    -------
    dict of str to array
    """
    return {
        f"variable_{i}": keras.ops.convert_to_numpy(variable)
        for i, variable in enumerate(variables)
    }


def clear_backups(folder):
    """Remove what a finished training needed only to go on."""
    folder = Path(folder)
    for path in (folder / "backup.npz", *folder.glob("best*.npz")):
        path.unlink(missing_ok=True)
    remove_leftovers(folder)


def check_arrays(arrays, variables):
    """See that arrays from disk are those of variables."""
    found = [arrays[f"variable_{i}"].shape for i in range(len(variables))]
    expected = [tuple(variable.shape) for variable in variables]
    if found != expected or len(arrays) != len(expected):
        raise ValueError("it holds other arrays")


def check_callbacks(kept, callbacks):
    """See that a state from disk is one of these callbacks."""
    if len(kept) != len(callbacks) or not all(s.keys() <= {*KEPT_STATE} for s in kept):
        raise ValueError("it holds another state")


def to_plain(value):
    """Turn a callback's number into one that JSON knows."""
    return value if value is None or isinstance(value, int) else float(value)


def check_epoch(row):
    """Stop a training that has gone wrong, with a word on what to change."""
    if not (math.isfinite(row["loss"]) and math.isfinite(row["val_loss"])):
        raise Problem(
            f"the loss became {row['loss']} in epoch {row['epoch']}. Lower "
            "--learning-rate, or give --standardize"
        )


def fit_network(trainer, train, watched, folder, identity, bar=None):
    """Fit a network until the watched clips stop getting better.

    Published: the learning rate halved after an epoch without gain, early stopping, the
    best epoch's weights kept.

    Parameters
    ----------
    trainer : learning.Trainer
        Started; its model gets the best weights.
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
    options = trainer.options
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=options.patience)
    plateau = keras.callbacks.ReduceLROnPlateau(
        "val_loss",
        factor=options.plateau_factor,
        patience=options.plateau_patience,
        cooldown=options.plateau_cooldown,
    )
    progress = Progress(folder, trainer, train, [stopping, plateau], identity, bar)
    first = progress.restore()
    if bar is not None:
        bar.update(first)
    logs = keras.callbacks.TensorBoard(folder, write_graph=False)
    callbacks = keras.callbacks.CallbackList(
        [stopping, plateau, logs, progress], model=trainer.model
    )
    if first < options.epochs and not is_over(progress, options):
        with telling_of_disk():
            callbacks.on_train_begin()
            for epoch in range(first, options.epochs):
                callbacks.on_epoch_begin(epoch)
                callbacks.on_epoch_end(epoch, trainer.run_epoch(train, watched))
                if trainer.model.stop_training:
                    break
            callbacks.on_train_end()
    if progress.n_written < len(progress.history):
        progress.write_history()
    progress.take_best()
    check_alive(trainer.score, train)
    best = progress.history[progress.best_epoch]
    return {
        "epochs": len(progress.history),
        "best_epoch": best["epoch"],
        "loss": best["loss"],
        "val_loss": best["val_loss"],
    }


@contextlib.contextmanager
def telling_of_disk():
    """Turn what TensorFlow raises when it cannot write its logs into a Problem."""
    errors = tf.errors
    try:
        yield
    except (
        errors.ResourceExhaustedError,
        errors.PermissionDeniedError,
        errors.NotFoundError,
        errors.FailedPreconditionError,
    ) as error:
        reason = error.message.splitlines()[0].rpartition("}} ")[2]
        raise Problem(
            f"could not write the logs, or out of memory: {reason}"
        ) from error


def is_over(progress, options):
    """Tell whether a backup is of a training that had already stopped early."""
    if not progress.history:
        return False
    return progress.kept[0]["wait"] >= options.patience


def check_alive(score, batches, n_batches=8):
    """Raise Problem when `score` gives the same to all sequences of batches."""
    scores = [
        keras.ops.convert_to_numpy(score(batches[i][0]))
        for i in range(min(n_batches, len(batches)))
    ]
    scores = np.concatenate(scores)
    if len(scores) > 1 and np.ptp(scores) == 0:
        raise Problem(
            "the network gives the same score to every clip. Lower --learning-rate, "
            "or give --standardize or another --seed"
        )
