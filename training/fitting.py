"""Fits one network of Keras on the sequences of a plan; see `training.trainer`."""

import dataclasses
import functools

import numpy as np

import models
from features.sequences import read_sequence
from system.backend import keras
from training import fast_lstm, motion, trainer


def train_network(folder, plan, options, shape, seed, logs, identity, bar=None):
    """Build and fit one network from a seed, for sequences of shape (T, F).

    Gives it, free of anything used only for speed, and what `trainer.fit_network`
    tells, which takes the rest.
    """
    shared = open_trainer(shape, dataclasses.replace(options, seed=0))
    bias = sum(plan.train.values()) / len(plan.train)
    statistics = prepare = None
    if options.standardize:
        statistics = measure_statistics(folder, plan.train, *shape)
    keras.utils.set_random_seed(seed)
    network = build_network(shape, options, bias, statistics)
    shared.start(network)
    if options.standardize:  # what is constant needs no computing in every batch
        prepare = functools.partial(standardize, network.get_layer("standardize"))
    train, validation = (
        trainer.SequenceBatches(folder, clips, *shape, options.batch_size, own, prepare)
        for clips, own in ((plan.train, seed), (plan.validation, None))
    )
    result = trainer.fit_network(shared, train, validation, logs, identity, bar)
    network.set_weights(shared.model.get_weights())
    return network, result


@functools.lru_cache(maxsize=1)
def open_trainer(shape, options):
    """Build and compile what trains all networks of these options, folds included."""
    keras.backend.clear_session()  # of earlier ones
    return trainer.Trainer(build_network(shape, options, 0, None, True), options)


def standardize(layer, sequence):
    return keras.ops.convert_to_numpy(layer(sequence[None]))[0]


def build_network(shape, options, bias, statistics, to_train=False):
    """Build a network, `to_train` with what makes it learn fast and no file holds."""
    if not to_train:
        return models.build(options, shape, bias, statistics)
    activation = trainer.waking_relu if options.activation == "relu" else None
    layers = {"layer": fast_lstm.FastLSTM, "drop": fast_lstm.FastDropout}
    return models.build(options, shape, bias, statistics, activation, **layers)


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
