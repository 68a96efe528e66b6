"""Training a network: batches, what an epoch computes, when to stop, and going on.

A training that was killed goes on where it was, and ends as an undisturbed one does.
"""

import contextlib
import dataclasses
import functools
import itertools
import json
import math
import time
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

import models
from features.sequences import read_sequence
from system import storage
from system.backend import keras, tf
from system.terminal import Problem, caution
from training import fast_lstm, motion

MEMORY = 2**29  # bytes of sequences to keep; more are read anew in every epoch
BACKUP_SECONDS = 5  # a killed training loses no more than this and an epoch
LEAST_GAIN = 1e-4  # by which Keras wants the loss lower, or it is on a plateau
DISK_ERRORS = (
    tf.errors.ResourceExhaustedError,
    tf.errors.PermissionDeniedError,
    tf.errors.NotFoundError,
    tf.errors.FailedPreconditionError,
)


def train_networks(folder, plan, logs, bar=None):
    """Train the networks of a plan, one after the other, each from its own seed. Gives
    them, free of anything used only for speed, and what a `Run` says of them."""
    options, networks, found = plan.options, [], []
    for number in range(options.ensemble):
        place = logs / f"member_{number}" if options.ensemble > 1 else logs
        network, own = train_network(folder, plan, plan.seed + number, place, bar)
        networks.append(network)
        found.append(own)
    epochs, best_epochs, losses = zip(*found, strict=True)
    found = {"epochs": sum(epochs), "best_epoch": list(best_epochs)}
    return networks, found | {"val_loss": sum(losses) / len(losses)}


def train_network(folder, plan, seed, logs, bar=None):
    """Build one network from a seed and fit it; also what `fit_network` gives."""
    options, shape = plan.options, (plan.n_frames, plan.n_features)
    shared = open_trainer(shape, dataclasses.replace(options, seed=0))
    bias = sum(plan.train_clips.values()) / len(plan.train_clips)
    statistics = layer = None
    if options.standardize:
        statistics = measure_statistics(folder, plan.train_clips, *shape)
    keras.utils.set_random_seed(seed)
    network = models.build(options, shape, bias=bias, statistics=statistics)
    shared.start(network)
    if options.standardize:
        layer = network.get_layer("standardize")
    train, validation = (
        SequenceBatches(folder, clips, *shape, options.batch_size, own, layer)
        for clips, own in ((plan.train_clips, seed), (plan.validation_clips, None))
    )
    identity = plan.as_record() | {"seed": seed}
    found = fit_network(shared, train, validation, logs, identity, bar)
    network.set_weights(shared.model.get_weights())
    return network, found


@functools.lru_cache(maxsize=1)
def open_trainer(shape, options):
    """Build and compile what trains all networks of these options, folds included."""
    keras.backend.clear_session()  # of earlier ones
    return Trainer(build_fast(shape, options), options)


def build_fast(shape, options, bias=0.0):
    """Build a network of what makes it learn fast and no file holds."""
    layers = {"layer": fast_lstm.FastLSTM, "drop": fast_lstm.FastDropout}
    if options.activation == "relu":
        layers["activation"] = waking_relu
    return models.build(options, shape, bias=bias, **layers)


def measure_statistics(folder, names, n_frames, n_features):
    """Measure mean and variance of each feature over all frames of clips, (F,) each."""
    total, squares = np.zeros(n_features), np.zeros(n_features)
    for name in names:
        sequence = read_sequence(folder, name, n_frames, n_features).astype(float)
        total += sequence.sum(axis=0)
        squares += (sequence**2).sum(axis=0)
    n = len(names) * n_frames
    variance = squares / n - (total / n) ** 2
    return total / n, motion.bound_variance(variance.astype(np.float32))


class SequenceBatches:
    """Batches of sequences (B, T, F) and scores (B, 1); all are kept if they fit.

    `targets` are clip names and the scores to learn. A seed shuffles the clips, anew
    for each epoch; a `layer` standardizes each sequence as it is read, once.
    """

    def __init__(
        self, folder, targets, n_frames, n_features, batch_size, seed=None, layer=None
    ):
        self.names, self.order = list(targets), np.arange(len(targets))
        self.scores = np.array(list(targets.values()), np.float32)
        self.batch_size, self.seed = batch_size, seed

        def read(name):
            sequence = read_sequence(folder, name, n_frames, n_features)
            if layer is None:
                return sequence
            return keras.ops.convert_to_numpy(layer(sequence[None]))[0]

        is_small = 4 * len(targets) * n_frames * n_features <= MEMORY
        self.read = functools.cache(read) if is_small else read

    def start_epoch(self, epoch):
        """Put the clips in the order of an epoch, whatever was run before."""
        self.order = np.arange(len(self.names))
        if self.seed is not None:
            np.random.default_rng([self.seed, epoch]).shuffle(self.order)

    def __iter__(self):
        for start in range(0, len(self.names), self.batch_size):
            chosen = self.order[start : start + self.batch_size]
            sequences = [self.read(self.names[i]) for i in chosen]
            yield np.stack(sequences), self.scores[chosen][:, None]


class Trainer:
    """A network with its optimizer, compiled once for the trainings of a whole run.

    Compiling takes seconds, as long as a small network trains. So the networks of
    folds and ensembles, uncompiled, lend their weights to this one, one after the
    other. Published: Adam on the mean squared error. See `runs.options.Options`.
    """

    def __init__(self, model, options):
        self.model, self.options = model, options
        self.optimizer = fast_lstm.FastAdam(options.learning_rate)
        self.optimizer.build(model.trainable_variables)
        model.compile(self.optimizer)  # finds also whether XLA knows all of its layers
        compiled = {"jit_compile": model.jit_compile, "autograph": False}
        self.learn = tf.function(self.learn, **compiled)
        self.score = tf.function(self.score, **compiled)

    @property
    def variables(self):
        """Weights, the state of what draws the dropout, and all that Adam keeps."""
        return [*list_state(self.model), *self.optimizer.variables]

    def start(self, model):
        """Begin anew, as a network like this one that was never trained."""
        states = list_state(self.model), list_state(model)
        for mine, fresh in zip(*states, strict=True):
            mine.assign(fresh)
        for variable in self.optimizer.variables:
            variable.assign(keras.ops.zeros_like(variable))
        self.optimizer.learning_rate = self.options.learning_rate

    def learn(self, sequences, targets):
        """Take one step: mean squared and mean absolute error of a batch before it."""
        weights = self.model.trainable_variables
        with tf.GradientTape() as tape:
            errors = self.model(sequences, training=True) - targets
            loss = tf.reduce_mean(tf.square(errors))
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        return loss, tf.reduce_mean(tf.abs(errors))

    def score(self, sequences):
        return self.model(sequences, training=False)

    def run_epoch(self, train, validation):
        """Learn from each batch once: the errors before that, and on validation."""
        rate = float(self.optimizer.learning_rate)
        found = [(*self.learn(x, y), len(y)) for x, y in train]
        *means, sizes = np.array(found, float).T
        loss, mae = np.average(means, axis=1, weights=sizes)
        errors = np.concatenate([self.score(x).numpy() - y for x, y in validation])
        row = {"learning_rate": rate, "loss": loss, "mae": mae}
        row |= {"val_loss": np.square(errors).mean(), "val_mae": np.abs(errors).mean()}
        return {name: float(value) for name, value in row.items()}


def list_state(model):
    return [*model.trainable_variables, *model.non_trainable_variables]


def waking_relu(x):
    """ReLU that is trained as if it were the identity.

    Targets are never negative, so where the output is clipped to 0 the error asks for
    more or for nothing. The true gradient there is 0, and a network whose output is 0
    for all clips, as the published one's often was, could never leave that.
    """
    return x + keras.ops.stop_gradient(keras.ops.relu(x) - x)


class Progress:
    """Keep history, best weights and everything that a training needs to go on.

    One file, `backup.npz`, holds all of it and is replaced whole every few seconds. One
    of a training of another identity is removed. When to stop and to learn more slowly
    follows from the history alone.
    """

    def __init__(self, folder, trainer, identity):
        self.path, self.trainer = Path(folder) / storage.BACKUP, trainer
        self.identity = json.dumps(identity, sort_keys=True)
        self.history, self.best, self.time_of_backup = [], [], time.monotonic()

    @property
    def best_epoch(self):
        return min(range(len(self.history)), key=lambda i: self.history[i]["val_loss"])

    def restore(self):
        """Take up a backup of this training where there is one; else tidy its place."""
        variables, weights = self.trainer.variables, self.trainer.model.weights
        try:
            with np.load(self.path, allow_pickle=False) as stored:
                arrays = [stored[key] for key in stored.files[1:]]
                state = json.loads(str(stored["state"]))
            if state["identity"] != self.identity:
                return storage.clear_logs(self.path.parent)
            shapes = [tuple(each.shape) for each in (*variables, *weights)]
            if [array.shape for array in arrays] != shapes:
                raise ValueError("it holds other arrays")
            self.history, self.best = state["history"], arrays[len(variables) :]
        except FileNotFoundError:
            return storage.clear_logs(self.path.parent)
        except Exception as error:  # zipfile, JSON and numpy fail in many ways
            return caution(
                f"{self.path}: the backup is corrupt ({error}); starting over"
            )
        for variable, array in zip(variables, arrays, strict=False):
            variable.assign(array)
        return None

    def add(self, row):
        """Take up what an epoch came to, and keep its weights if they are the best."""
        self.history.append({"epoch": len(self.history) + 1, **row})
        if self.best_epoch == len(self.history) - 1:
            self.best = copy_arrays(self.trainer.model.weights)

    def back_up(self):
        state = json.dumps({"identity": self.identity, "history": self.history})
        arrays = [*copy_arrays(self.trainer.variables), *self.best]
        named = {f"array_{i}": array for i, array in enumerate(arrays)}
        with storage.replacing(self.path) as temporary:
            np.savez(temporary, state=state, **named)
        self.write_history()
        self.time_of_backup = time.monotonic()

    def write_history(self):
        with storage.replacing(self.path.with_name("history.csv")) as temporary:
            pd.DataFrame(self.history).to_csv(temporary, index=False)


def copy_arrays(variables):
    return [keras.ops.convert_to_numpy(variable) for variable in variables]


def evaluate_losses(losses, options):
    """Evaluate a training by its validation losses, epoch by epoch, as Keras does.

    Published: early stopping, and a lower learning rate on a plateau. Returns whether
    to stop, and whether to learn more slowly, after the last of them.
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


def fit_network(trainer, train, validation, folder, identity, bar=None):
    """Fit a network until the validation loss stops falling; see `evaluate_losses`.

    `trainer` was started, and its model gets the weights of the best epoch; `train` and
    `validation` are `SequenceBatches`; for `folder` and `identity` see `Progress`.
    Gives the number of epochs, the best one (from 1) and its validation loss. Raises
    Problem when the loss is no number or the output is the same for every clip.
    """
    options, progress = trainer.options, Progress(folder, trainer, identity)
    bar = tqdm(total=options.epochs, disable=True) if bar is None else bar
    progress.restore()
    losses = [row["val_loss"] for row in progress.history]
    bar.update(len(losses))
    with open_log(Path(folder)) as log:
        for epoch in range(len(losses), options.epochs):
            if evaluate_losses(losses, options)[0]:
                break
            train.start_epoch(epoch)
            row = trainer.run_epoch(train, validation)
            if not math.isfinite(row["loss"] + row["val_loss"]):
                raise Problem(
                    f"the loss became {row['loss']} in epoch {epoch + 1}. Lower "
                    "--learning-rate, or give --standardize"
                )
            losses.append(row["val_loss"])
            if evaluate_losses(losses, options)[1]:
                slower = row["learning_rate"] * options.plateau_factor
                trainer.optimizer.learning_rate = slower
            log(epoch, row)
            progress.add(row)
            if time.monotonic() - progress.time_of_backup >= BACKUP_SECONDS:
                progress.back_up()
            errors = f"loss {row['loss']:.3g}, validation {row['val_loss']:.3g}"
            bar.set_postfix_str(errors, refresh=False)
            bar.update()
    bar.total -= options.epochs - len(losses)  # the time left is at the present pace
    progress.write_history()
    for variable, array in zip(trainer.model.weights, progress.best, strict=True):
        variable.assign(array)
    check_alive(trainer.score, train)
    best = progress.history[progress.best_epoch]
    return len(losses), best["epoch"], best["val_loss"]


@contextlib.contextmanager
def open_log(folder):
    """Open logs for TensorBoard; gives the function that writes an epoch into them.
    What TensorFlow raises when it cannot write them becomes a Problem."""
    open_part, writers = tf.summary.create_file_writer, []

    def write(epoch, row):
        for name, value in row.items():
            with writers[name.startswith("val_")].as_default(epoch):
                tf.summary.scalar(f"epoch_{name.removeprefix('val_')}", value)

    try:
        writers += [open_part(str(folder / part)) for part in ("train", "validation")]
        yield write
        for writer in writers:
            writer.close()
    except DISK_ERRORS as error:
        reason = error.message.splitlines()[0].rpartition("}} ")[2]
        raise Problem(
            f"could not write the logs, or out of memory: {reason}"
        ) from error


def check_alive(score, batches, n_batches=8):
    """Raise Problem when `score` gives the same to all sequences of batches."""
    scores = copy_arrays(score(x) for x, _ in itertools.islice(batches, n_batches))
    if len(scores := np.concatenate(scores)) > 1 and np.ptp(scores) == 0:
        raise Problem(
            "the network gives the same score to every clip. Lower --learning-rate, "
            "or give --standardize or another --seed"
        )
