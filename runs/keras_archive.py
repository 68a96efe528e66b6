"""Reads the weights of a `.keras` file as arrays, of any origin.

Keras would rebuild whatever classes the configuration in an archive names, with the
sizes it names. Here the network is built from the run's record, and the file gives
nothing but numbers: weights by their names, and what features are standardized by.
"""

import io
import json
from pathlib import Path

import numpy as np

from system import apart
from system.terminal import Problem
from system.untrusted import (
    WEIGHTS,
    check_array,
    follow,
    open_archive,
    open_hdf5,
    read_array,
    read_member,
)

CONFIGURATION = "config.json"
LARGEST_LAYERS = 2**18  # bytes of a configuration, beside its statistics
LARGEST_NUMBER = 32  # bytes, with sign, exponent and comma
MEANT = "the record means {}; restore the two files together"


def read_apart(path, members):
    """Read the weights of a run, of an ensemble member by member; see `apart.read`.

    `members`: of each network the shape of each array, by its name within the member,
    and how many features it standardizes, or 0. Where it does, mean and variance (F,)
    come before its weights.
    """
    return apart.read("runs.keras_archive:read_weights", Path(path), members)


def read_weights(path, members):
    """Read weights in this process; see `read_apart`."""
    n_bytes, n_members = path.stat().st_size, len(members)
    with open_archive(path) as archive:
        statistics = [()] * n_members
        if n_standardized := sum(features for _, features in members):
            largest = LARGEST_LAYERS + 2 * n_standardized * LARGEST_NUMBER
            config = json.loads(read_member(archive, CONFIGURATION, largest))
            statistics = [
                read_statistics(config, place, n_members, features) if features else ()
                for place, (_, features) in enumerate(members)
            ]
        content = io.BytesIO(read_member(archive, WEIGHTS, n_bytes))
    with open_hdf5(content, path.name) as file:
        found = []
        for place, (shapes, _) in enumerate(members):  # a missing one ends it
            member = f"layers/functional{f'_{place}' if place else ''}/"
            start = f"{member if n_members > 1 else ''}layers/"  # as Keras names them
            found.append([follow(file, start + name) for name in shapes])
            for array, shape in zip(found[-1], shapes.values(), strict=True):
                check_array(array, tuple(shape), n_bytes, MEANT)
        yield None
        for of_member, arrays in zip(statistics, found, strict=True):
            yield from of_member
            yield from map(read_array, arrays)


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
