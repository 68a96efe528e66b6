"""Loads the networks of a run from a `.keras` file, of any origin.

Keras would rebuild whatever classes the configuration in an archive names, with the
sizes it names. Here a network is built from the run's record, by sizes that were
compared with the file, which gives nothing but numbers: weights by their names, and
what features are standardized by. Weights of movement are plain arrays of numpy, which
need neither Keras nor HDF5; those of an earlier release lie where Keras has them.
"""

import io
import itertools
import json
from pathlib import Path

import numpy as np

import models
from system import apart, backend, untrusted
from system.terminal import Problem

PLAIN = "arr_0.npy"  # the first plain array, as numpy numbers them
CONFIGURATION = "config.json"
LARGEST_LAYERS = 2**18  # bytes of a configuration, beside its statistics
LARGEST_NUMBER = 32  # bytes, with sign, exponent and comma
LARGEST_HEADER = 2**12  # bytes of a plain array
MEANT = "the record means {}; restore the two files together"


def load_run(run):
    """Build the networks of a Run and give them the weights in its file.

    Nothing in the `.keras` file is executed. Raises Problem when the file is missing,
    damaged, of another kind, or holds other networks.
    """
    if (kind := untrusted.kind_of(run.path)) != "zip":
        raise Problem(
            f"{run.path.name} is no checkpoint: found {kind}. {untrusted.SUPPORTED}"
        )
    shape, members, wanted = (run.n_frames, run.n_features), run.list_members(), []
    for options in members:
        standardizes = options.standardize and options.model != "motion"
        weights = models.list_weights(options, shape)
        wanted.append((weights, run.n_features * standardizes))
    networks, arrays = [], iter(read(run.path, wanted))
    if any(options.model != "motion" for options in members):
        backend.keras.backend.clear_session()  # of earlier networks, fold after fold
    for options, (weights, n_standardized) in zip(members, wanted, strict=True):
        statistics = [next(arrays), next(arrays)] if n_standardized else None
        own = itertools.islice(arrays, len(weights))
        if options.model == "motion":
            targets = list(run.train_clips.values())
            network = models.Motion(*shape, options.activation, targets, list(own))
        else:
            network = models.build(
                options, shape, statistics=statistics, layer=models.blank_lstm
            )
            models.assign(network, own)
        networks.append(network)
    return networks


def write_plain(path, networks):
    """Write the weights of networks as plain arrays, one after the other."""
    arrays = itertools.chain(*(network.get_weights() for network in networks))
    with path.open("wb") as file:
        np.savez(file, *arrays)


def read(path, members):
    """Read the weights of a run, of an ensemble member by member: list of arrays.

    `members`: of each network the shape of each array, by its name within the member,
    and how many features it standardizes, or 0. Where it does, mean and variance (F,)
    come before its weights.
    """
    with untrusted.open_archive(path) as archive:
        if PLAIN in archive.namelist():
            shapes = itertools.chain(*(shapes.values() for shapes, _ in members))
            return [read_plain(archive, *each) for each in enumerate(shapes)]
    return apart.read("runs.archives:read_weights", Path(path), members)[1]


def read_plain(archive, number, shape):
    """Read a plain array of finite numbers of a shape."""
    name = f"arr_{number}.npy"
    content = untrusted.read_member(
        archive, name, 4 * int(np.prod(shape)) + LARGEST_HEADER
    )
    array = np.lib.format.read_array(io.BytesIO(content))  # knows no pickle
    if (array.shape, array.dtype) != (shape, np.float32):
        found = f"{array.dtype} {array.shape}"
        raise Problem(f"{name} holds {found}, where {MEANT.format(shape)}")
    if not np.isfinite(array).all():
        raise Problem(f"{name} holds weights that are NaN or infinite")
    return array


def read_weights(path, members):
    """Read weights that Keras wrote, in this process; see `read`."""
    n_bytes, n_members = path.stat().st_size, len(members)
    with untrusted.open_archive(path) as archive:
        statistics = [()] * n_members
        if n_standardized := sum(features for _, features in members):
            largest = LARGEST_LAYERS + 2 * n_standardized * LARGEST_NUMBER
            config = json.loads(untrusted.read_member(archive, CONFIGURATION, largest))
            statistics = [
                read_statistics(config, place, n_members, features) if features else ()
                for place, (_, features) in enumerate(members)
            ]
        content = io.BytesIO(untrusted.read_member(archive, untrusted.WEIGHTS, n_bytes))
    with untrusted.open_hdf5(content, path.name) as file:
        found = []
        for place, (shapes, _) in enumerate(members):  # a missing one ends it
            member = f"layers/functional{f'_{place}' if place else ''}/"
            start = f"{member if n_members > 1 else ''}layers/"  # as Keras names them
            found.append([untrusted.follow(file, start + name) for name in shapes])
            for array, shape in zip(found[-1], shapes.values(), strict=True):
                untrusted.check_array(array, tuple(shape), n_bytes, MEANT)
        yield None
        for of_member, arrays in zip(statistics, found, strict=True):
            yield from of_member
            yield from map(untrusted.read_array, arrays)


def read_statistics(config, place, n_members, n_features):
    """Read by what mean and variance (F,) a network standardizes its features."""
    layers = {layer["name"]: layer["config"] for layer in config["config"]["layers"]}
    if n_members > 1:
        members = layers[f"member_{place}"]["layers"]
        layers = {layer["name"]: layer["config"] for layer in members}
    found = layers["standardize"]
    mean, variance = (np.asarray(found[key], float) for key in ("mean", "variance"))
    is_sound = np.isfinite(mean).all() and (variance >= 0).all()
    if not (mean.shape == variance.shape == (n_features,)) or not is_sound:
        raise Problem(f"does not standardize {n_features} features by finite numbers")
    return mean, variance
