"""Loads the network of a run, of which the file gives nothing but numbers.

The network is built from sizes that were compared with the file, so that nothing that
stands in a file of others is executed.
"""

import functools
import itertools

import models
from runs import archives, keras2
from system import backend, untrusted
from system.terminal import Problem


def load_run(run):
    """Build the networks of a Run and give them the weights in its file.

    Nothing in the `.keras` file is executed. Raises Problem when the file is missing,
    damaged, of another kind, or holds other networks.
    """
    if (kind := untrusted.kind_of(run.path)) != "zip":
        raise Problem(
            f"{run.path.name} is no checkpoint: found {kind}. {untrusted.SUPPORTED}"
        )
    shape, wanted = (run.n_frames, run.n_features), []
    members = run.members or [run.options] * run.options.ensemble
    for options in members:
        standardizes = options.standardize and options.model != "motion"
        weights = models.list_weights(options, shape)
        wanted.append((weights, shape[1] if standardizes else 0))
    networks, arrays = [], iter(archives.read(run.path, wanted))
    targets = list(run.train_clips.values())
    if any(options.model != "motion" for options in members):
        backend.keras.backend.clear_session()  # of earlier networks, fold after fold
    for options, (weights, n_standardized) in zip(members, wanted, strict=True):
        statistics = [next(arrays), next(arrays)] if n_standardized else None
        own = itertools.islice(arrays, len(weights))
        if options.model == "motion":
            network = models.Motion(*shape, options.activation, targets, list(own))
        else:
            network = models.build(options, shape, statistics=statistics, **blank())
            models.assign(network, own)
        networks.append(network)
    return networks


def load_published(path):
    """Load the network published in 2019 from HDF5 of Keras 2; see `runs.keras2`."""
    settings, arrays = keras2.read_apart(path)
    model = models.build_lstm(**settings, **blank())
    models.assign(model, arrays)
    return model


def blank():
    """An orthogonal start of 2048 x 8192 takes longer than all of the reading."""
    zeros = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}
    return {"layer": functools.partial(backend.keras.layers.LSTM, **zeros)}
