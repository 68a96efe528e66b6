"""The weights of a run, `<run>.keras`: a file of Keras, or plain arrays of movement.

Keras would rebuild whatever classes the configuration in a file names. Here a network
is built from the run's record, and the file gives nothing but numbers, of the sizes
that the record means: weights by their names, and what features are standardized by.
"""

import io
import json

import numpy as np

import models
from system import apart, backend, untrusted
from system.terminal import Problem

CONFIGURATION = "config.json"
LARGEST_LAYERS = 2**18  # bytes of a configuration, beside its statistics
LARGEST_NUMBER = 32  # bytes, with sign, exponent and comma
LARGEST_HEADER = 2**12  # bytes of a plain array
MEANT = "the record means {}; restore the two files together"


def write_networks(path, networks):
    """Write networks: of movement as plain arrays, all others as Keras opens them."""
    if isinstance(networks[0], models.Motion):
        arrays = [array for network in networks for array in network.get_weights()]
        with path.open("wb") as file:
            np.savez(file, *arrays)
    else:
        models.join(networks).save(path)


def load_run(run):
    """Build the networks of a Run and give them the weights in its file.

    Raises Problem when the file is missing, damaged, of another kind, or holds other
    networks.
    """
    if (kind := untrusted.kind_of(run.path)) != "zip":
        raise Problem(
            f"{run.path.name} is no checkpoint: found {kind}. {untrusted.SUPPORTED}"
        )
    shape, n_networks = (run.n_frames, run.n_features), run.options.ensemble
    shapes = models.list_weights(run.options, shape)
    if run.model == "motion":
        arrays = read_plain(run.path, list(shapes.values()) * n_networks)
    else:
        n_standardized = run.options.standardize * run.n_features
        wanted = shapes, n_networks, n_standardized
        _, arrays = apart.read("runs.archives:read_weights", run.path, *wanted)
        backend.keras.backend.clear_session()  # of earlier networks, fold after fold
    size, targets = len(arrays) // n_networks, (run.train_clips or {}).values()
    parts = [arrays[start : start + size] for start in range(0, len(arrays), size)]
    return [models.restore(run.options, shape, targets, part) for part in parts]


def read_plain(path, shapes):
    """Read plain arrays of finite numbers of these shapes: list of arrays."""
    arrays = []
    with untrusted.open_archive(path) as archive:
        for number, shape in enumerate(shapes):
            name = f"arr_{number}.npy"  # as numpy names them
            largest = 4 * int(np.prod(shape)) + LARGEST_HEADER
            content = untrusted.read_member(archive, name, largest)
            array = np.lib.format.read_array(io.BytesIO(content))  # knows no pickle
            if (array.shape, array.dtype) != (shape, np.float32):
                found = f"{array.dtype} {array.shape}"
                raise Problem(f"{name} holds {found}, where {MEANT.format(shape)}")
            if not np.isfinite(array).all():
                raise Problem(f"{name} holds weights that are NaN or infinite")
            arrays.append(array)
    return arrays


def read_weights(path, shapes, n_networks, n_standardized):
    """Read the weights that Keras wrote, network after network, in this process.

    `shapes` are those of a network's arrays by name. Where it standardizes features,
    mean and variance (F,) of that number come before its weights.
    """
    n_bytes, config = path.stat().st_size, None
    with untrusted.open_archive(path) as archive:
        if n_standardized:
            numbers = 2 * n_standardized * n_networks * LARGEST_NUMBER
            largest = LARGEST_LAYERS + numbers
            config = json.loads(untrusted.read_member(archive, CONFIGURATION, largest))
        content = io.BytesIO(untrusted.read_member(archive, untrusted.WEIGHTS, n_bytes))
        yield None
        for place in range(n_networks):
            if config:
                yield from read_statistics(config, place, n_networks, n_standardized)
            member = f"layers/functional{f'_{place}' if place else ''}/"
            start = f"{member if n_networks > 1 else ''}layers/"  # as Keras names them
            with untrusted.open_hdf5(content, path.name) as file:
                for name, shape in shapes.items():
                    array = untrusted.follow(file, start + name)
                    untrusted.check_array(array, tuple(shape), n_bytes, MEANT)
                    yield untrusted.read_array(array)


def read_statistics(config, place, n_networks, n_features):
    """Read by what mean and variance (F,) a network standardizes its features."""
    layers = {layer["name"]: layer["config"] for layer in config["config"]["layers"]}
    if n_networks > 1:
        members = layers[f"member_{place}"]["layers"]
        layers = {layer["name"]: layer["config"] for layer in members}
    found = layers["standardize"]
    mean, variance = (np.asarray(found[key], float) for key in ("mean", "variance"))
    is_sound = np.isfinite(mean).all() and (variance >= 0).all()
    if not (mean.shape == variance.shape == (n_features,)) or not is_sound:
        raise Problem(f"does not standardize {n_features} features by finite numbers")
    return mean, variance
