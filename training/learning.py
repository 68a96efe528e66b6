"""Learning from batches of sequences: what an epoch computes."""

import math

import numpy as np

from features.sequences import read_sequence
from system.backend import keras, tf
from training import fast_lstm

MEMORY = 2**29  # bytes of sequences to keep; more are read anew in every epoch


class SequenceBatches:
    """Batches of sequences (B, T, F) and scores (B, 1); all are kept if they fit.

    `targets` are clip names and the scores to learn. A seed shuffles the clips, anew
    for each epoch; `prepare` changes each sequence (T, F) as it is read.
    """

    def __init__(
        self, folder, targets, n_frames, n_features, batch_size, seed=None, prepare=None
    ):
        self.folder, self.shape = folder, (n_frames, n_features)
        self.names, self.order = list(targets), np.arange(len(targets))
        self.scores = np.array(list(targets.values()), np.float32)
        self.batch_size, self.seed, self.prepare = batch_size, seed, prepare
        self.is_kept = 4 * len(targets) * n_frames * n_features <= MEMORY
        self.kept = {}

    def start_epoch(self, epoch):
        """Put the clips in the order of an epoch, whatever was run before."""
        self.order = np.arange(len(self.names))
        if self.seed is not None:
            np.random.default_rng([self.seed, epoch]).shuffle(self.order)

    def __len__(self):
        return math.ceil(len(self.names) / self.batch_size)

    def __iter__(self):
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index):
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        sequences = [self.take(self.names[i]) for i in chosen]
        return np.stack(sequences), self.scores[chosen][:, None]

    def take(self, name):
        """Take the sequence of a clip from memory, or else from disk."""
        if name in self.kept:
            return self.kept[name]
        sequence = read_sequence(self.folder, name, *self.shape)
        if self.prepare is not None:
            sequence = self.prepare(sequence)
        if self.is_kept:
            self.kept[name] = sequence
        return sequence


class Trainer:
    """A network with its optimizer, compiled once for the trainings of a whole run.

    Compiling takes seconds, as long as a small network trains. So the networks of
    folds and ensembles, uncompiled, lend their weights to this one, one after the
    other. Published: Adam on the mean squared error. See `runs.options.Options`.
    """

    def __init__(self, model, options):
        self.model, self.options = model, options
        self.optimizer = fast_lstm.FastAdam(
            options.learning_rate, weight_decay=options.weight_decay or None
        )
        self.optimizer.exclude_from_weight_decay(var_names=["bias"])
        self.optimizer.build(model.trainable_variables)
        model.compile(self.optimizer)  # tells also whether XLA knows all of its layers
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

    def run_epoch(self, train, watched):
        """Learn from each batch once; tell the errors in that, and on watched clips."""
        rate = float(self.optimizer.learning_rate)
        found = [(*self.learn(x, y), len(y)) for x, y in train]
        *means, sizes = np.array(found, float).T
        loss, mae = np.average(means, axis=1, weights=sizes)
        errors = np.concatenate([self.score(x).numpy() - y for x, y in watched])
        errors = {
            "val_loss": np.square(errors).mean(),
            "val_mae": np.abs(errors).mean(),
        }
        told = {"learning_rate": rate, "loss": loss, "mae": mae, **errors}
        return {name: float(value) for name, value in told.items()}


def list_state(model):
    return [*model.trainable_variables, *model.non_trainable_variables]


def waking_relu(x):
    """ReLU that is trained as if it were the identity.

    Targets are never negative, so wherever the output is cut to 0 the error asks for
    more or for nothing. The true gradient there is 0, and a network whose output is 0
    for all clips, as the published one's often was, could never leave that.
    """
    return x + keras.ops.stop_gradient(keras.ops.relu(x) - x)
