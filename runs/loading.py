"""Loads the network of a run, of which the file gives nothing but numbers.

The network is built from sizes that were compared with the file, so that nothing that
stands in a file of others is executed.
"""

import functools
import itertools

import models
from runs import keras2, keras_archive
from system import untrusted
from system.backend import keras
from system.terminal import Problem

# An orthogonal start of 2048 x 8192 takes longer than all of the reading.
BLANK_LSTM = functools.partial(
    keras.layers.LSTM, kernel_initializer="zeros", recurrent_initializer="zeros"
)


def load_run(path, members, shape, targets=()):
    """Build the network of a run and give it the weights in its file.

    Nothing in the `.keras` file is executed. The record tells the options of each
    member, T and F, and the targets of the clips that it was trained on. Raises Problem
    when the file is missing, damaged, of another kind, or holds another network.
    """
    if (kind := untrusted.kind_of(path)) != "zip":
        raise Problem(
            f"{path.name} is no checkpoint: found {kind}. {untrusted.SUPPORTED}"
        )
    wanted = []
    for options in members:
        standardizes = options.standardize and options.model != "motion"
        weights = models.list_weights(options, shape)
        wanted.append((weights, shape[1] if standardizes else 0))
    networks, arrays = [], iter(keras_archive.read_apart(path, wanted)[1])
    for options, (weights, n_standardized) in zip(members, wanted, strict=True):
        statistics = [next(arrays), next(arrays)] if n_standardized else None
        network = models.build(
            options, shape, statistics=statistics, targets=targets, layer=BLANK_LSTM
        )
        models.assign(network, itertools.islice(arrays, len(weights)))
        networks.append(network)
    return models.build_ensemble(networks)


def load_published(path):
    """Load the network published in 2019 from HDF5 of Keras 2; see `runs.keras2`."""
    settings, arrays = keras2.read_apart(path)
    model = models.build_lstm(**settings, layer=BLANK_LSTM)
    models.assign(model, arrays)
    return model
