"""Fitting a network to sequences: batches, stopping, and going on where it stopped."""

import contextlib
import json
import math
import zipfile
from pathlib import Path

import numpy as np

import lstm
from backend import keras, tf
from console import Problem
from files import remove_leftovers, replacing
from sequences import read_sequence

KEPT_STATE = ("wait", "best", "best_epoch", "cooldown_counter")


class SequenceBatches(keras.utils.PyDataset):
    """Batches of sequences, read from disk as they are needed.

    Parameters
    ----------
    folder : path
        The working folder.
    targets : dict of str to float
        Clip names and the scores to learn.
    n_frames, n_features : int
        T and F.
    batch_size : int
    seed : int, optional
        Shuffles the clips, anew for each epoch; without it the order is kept.
    """

    def __init__(self, folder, targets, n_frames, n_features, batch_size, seed=None):
        super().__init__()
        self.folder, self.shape = folder, (n_frames, n_features)
        self.names = list(targets)
        self.scores = np.array(list(targets.values()), np.float32)
        self.batch_size, self.seed = batch_size, seed
        self.start_epoch(0)

    def start_epoch(self, epoch):
        """Put the clips in the order of an epoch, whatever was run before."""
        self.order = np.arange(len(self.names))
        if self.seed is not None:
            np.random.default_rng([self.seed, epoch]).shuffle(self.order)

    def __len__(self):
        return math.ceil(len(self.names) / self.batch_size)

    def __getitem__(self, index):
        """Read a batch: sequences (B, T, F) and scores (B, 1)."""
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        sequences = [
            read_sequence(self.folder, self.names[i], *self.shape) for i in chosen
        ]
        return np.stack(sequences), self.scores[chosen][:, None]


def waking_relu(x):
    """ReLU that is trained as if it were the identity.

    Targets are never negative, so wherever the output is cut to 0 the error asks for
    more or for nothing. The true gradient there is 0, and a network whose output is 0
    for all clips, as the published one's often was, could never leave that.
    """
    return x + keras.ops.stop_gradient(keras.ops.relu(x) - x)


class Progress(keras.callbacks.Callback):
    """Keep history, best weights and everything that a training needs to go on.

    One file holds all of it and is replaced whole after each epoch, so that a training
    killed at any moment goes on from its last whole epoch and ends as an undisturbed
    one does. (`keras.callbacks.BackupAndRestore` keeps neither the patience of the
    other callbacks nor a whole file when it is killed while writing.)

    Parameters
    ----------
    folder : path
        Where `backup.npz`, `best.npz` and `history.csv` are written.
    batches : SequenceBatches
        The training batches, whose order belongs to the epoch.
    others : sequence of keras.callbacks.Callback
        Callbacks whose state is kept too; they must run before this one.
    identity : dict
        What the training depends on; a backup of anything else is ignored.
    bar : tqdm, optional
    """

    def __init__(self, folder, batches, others, identity, bar=None):
        super().__init__()
        self.folder, self.batches, self.others = Path(folder), batches, others
        self.identity = json.dumps(identity, sort_keys=True)
        self.bar = bar
        self.history = []

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
        try:
            with np.load(self.folder / "backup.npz", allow_pickle=False) as backup:
                state = json.loads(str(backup["state"]))
                if state["identity"] != self.identity:
                    return 0
                for i, variable in enumerate(self.list_variables()):
                    variable.assign(backup[f"variable_{i}"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return 0
        self.history, self.kept = state["history"], state["callbacks"]
        return len(self.history)

    def list_variables(self):
        return [*self.model.variables, *self.model.optimizer.variables]

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
            self.save("best.npz", self.model.weights)
        state = {
            "identity": self.identity,
            "history": self.history,
            "callbacks": [
                {k: to_plain(v) for k, v in vars(c).items() if k in KEPT_STATE}
                for c in self.others
            ],
        }
        self.save("backup.npz", self.list_variables(), state)
        self.write_history()
        if self.bar is not None:
            self.bar.set_postfix_str(
                f"loss {row['loss']:.3g}, watched {row['val_loss']:.3g}"
            )
            self.bar.update()

    def save(self, name, variables, state=None):
        arrays = {
            f"variable_{i}": keras.ops.convert_to_numpy(variable)
            for i, variable in enumerate(variables)
        }
        with replacing(self.folder / name) as temporary:
            np.savez(temporary, state=json.dumps(state), **arrays)

    def write_history(self):
        import pandas as pd

        with replacing(self.folder / "history.csv") as temporary:
            pd.DataFrame(self.history).to_csv(temporary, index=False)

    def take_best(self):
        """Give the network the weights of its best epoch."""
        with np.load(self.folder / "best.npz", allow_pickle=False) as best:
            for i, variable in enumerate(self.model.weights):
                variable.assign(best[f"variable_{i}"])


def clear_backups(folder):
    """Remove what a finished training needed only to go on."""
    for name in ("backup.npz", "best.npz"):
        (Path(folder) / name).unlink(missing_ok=True)
    remove_leftovers(folder, age=0)


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


def fit_network(model, train, watched, options, folder, identity, bar=None):
    """Fit a network until the watched clips stop getting better.

    Published: Adam on the mean squared error, the learning rate halved after an epoch
    without gain, early stopping, the best epoch's weights kept.

    Parameters
    ----------
    model : keras.Model
        Uncompiled; gets the best weights in place.
    train, watched : SequenceBatches
    options : plans.Options
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
    optimizer = lstm.FastAdam(
        options.learning_rate, weight_decay=options.weight_decay or None
    )
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    model.compile(optimizer, "mse", metrics=["mae"])
    optimizer.build(model.trainable_variables)
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=options.patience)
    plateau = keras.callbacks.ReduceLROnPlateau(
        "val_loss",
        factor=options.plateau_factor,
        patience=options.plateau_patience,
        cooldown=options.plateau_cooldown,
    )
    progress = Progress(folder, train, [stopping, plateau], identity, bar)
    progress.set_model(model)
    epoch = progress.restore()
    if epoch:
        progress.write_history()  # it may have been killed between the two files
    if bar is not None:
        bar.update(epoch)
    if epoch < options.epochs and not is_over(progress, options):
        with telling_of_disk():
            model.fit(
                train,
                validation_data=watched,
                epochs=options.epochs,
                initial_epoch=epoch,
                shuffle=False,  # the batches themselves do, by epoch
                verbose=0,
                callbacks=[
                    stopping,
                    plateau,
                    keras.callbacks.TensorBoard(folder, write_graph=False),
                    progress,
                ],
            )
    progress.take_best()
    check_alive(model, train)
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


def check_alive(model, batches, n_batches=8):
    """Raise Problem when the network scores all of its training clips the same."""
    scores = [
        keras.ops.convert_to_numpy(model(batches[i][0], training=False))
        for i in range(min(n_batches, len(batches)))
    ]
    scores = np.concatenate(scores)
    if len(scores) > 1 and np.ptp(scores) == 0:
        raise Problem(
            "the network gives the same score to every clip. Lower --learning-rate, "
            "or give --standardize or another --seed"
        )
