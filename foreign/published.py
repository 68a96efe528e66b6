"""Reads the network published in 2019, as Keras 2 wrote it to HDF5.

Today's Keras cannot open such files, or opens them with gates that compute something
else. Here the configuration is read as data, and the weights are taken out array by
array, in a process that may crash. Nothing in the file is executed, links that lead
elsewhere are not followed, and the optimizer's part, two thirds of the bytes, is not
touched.
"""

import itertools
import json
import re
import warnings
from pathlib import Path

import numpy as np

from console import Caution, Problem
from foreign import apart
from foreign.untrusted import (
    follow,
    inspect_array,
    open_hdf5,
    read_array,
    size,
    text,
)

FORM = ["LSTM", "MaxPooling1D", "Flatten", "Dropout", "Dense"]
PUBLISHED_LENGTH = 125  # frames
ACTIVATIONS = (
    *("relu", "linear", "sigmoid", "tanh", "hard_sigmoid"),
    *("softplus", "softsign", "elu", "selu", "exponential"),
)


def reading(path):
    """Read what the published network in an HDF5 file is, and check all of it.

    Parameters
    ----------
    path : path
        Written by Keras 2.0 to 2.3: a whole model or its weights only.

    Returns
    -------
    context manager of (dict, iterator of float32 arrays)
        Settings for `models.build_lstm`, and the weights as Keras orders them.

    Raises
    ------
    Problem
        The file is damaged or holds another network.
    """
    return apart.reading("published:read_network", Path(path))


def read_network(path):
    """Read settings and weights in this process; see `reading`."""
    with open_hdf5(path, path.name) as file:
        group = _weights_group(file)
        version = _version(file, group)
        config = file.attrs.get("model_config")
        if config is not None:
            settings, biases = _settings_from_config(json.loads(text(config)))
        lstm, score = _layers_with_weights(group)
        if config is None:
            settings, biases = _settings_from_shapes(lstm, score, version), (True, True)
        _complete(settings, lstm, score)
        n_bytes = path.stat().st_size
        arrays = [
            array
            for kind, datasets, bias in zip(
                ("LSTM", "Dense"), (lstm, score), biases, strict=True
            )
            for array in _match(kind, datasets, bias, settings, n_bytes)
        ]
    return settings, _read_weights(path, arrays)


def _read_weights(path, arrays):
    """Yield the weights one by one, so that one at a time lies in memory."""
    with open_hdf5(path, path.name) as file:
        for name, shape in arrays:
            yield np.zeros(shape) if name is None else read_array(file[name])


def record_of(path, n_frames, n_features):
    """Make the record of a published run, which came without one.

    Returns
    -------
    dict
        The fields that scripts use; the settings are those of the publication.
    """
    extraction = {
        "weights": "imagenet",
        "sampling": "stride",
        "n_frames": n_frames,
        "frame_size": 299,
    }
    return {
        "run": Path(path).stem,
        "published": True,
        "model": "lstm",
        "n_frames": n_frames,
        "n_features": n_features,
        "extraction": extraction,
        "train_clips": None,
    }


def _names(attributes, key):
    """List of names in an attribute, which Keras cuts in pieces when it is long."""
    if key in attributes:
        pieces = [attributes[key]]
    else:
        numbers = range(len(attributes))
        pieces = [attributes[f"{key}{n}"] for n in numbers if f"{key}{n}" in attributes]
        if not pieces:
            raise Problem(f"found no {key}, so no weights of Keras 2")
    return [text(name) for piece in pieces for name in np.ravel(piece)]


def _weights_group(file):
    if "model_weights" in file:
        return follow(file, "model_weights")
    if "layer_names" in file.attrs or "layer_names0" in file.attrs:
        return file
    raise Problem("found an HDF5 file without the weights of a Keras model")


def _version(file, group):
    version = file.attrs.get("keras_version", group.attrs.get("keras_version", "2.0"))
    found = re.match(r"2\.(\d+)", text(version))
    if not found:
        raise Problem(f"found a model of Keras {text(version)!r}")
    return 2, int(found[1])


def _layers_with_weights(group):
    """Arrays of the LSTM and of the last layer, as Keras ordered them."""
    layers = {}
    for name in _names(group.attrs, "layer_names"):
        layer = follow(group, name)
        weights = _names(layer.attrs, "weight_names")
        if weights:
            layers[name] = [follow(layer, weight) for weight in weights]
    arrays = [array.name for datasets in layers.values() for array in datasets]
    if any(re.search(r"_(W|U|b)(_[icfo])?(:0)?$", array) for array in arrays):
        raise Problem("found a model of Keras 1, which kept each gate on its own")
    if len(layers) != 2:
        raise Problem(
            f"found weights in {len(layers)} layers, where the published network has "
            "them in two, an LSTM and a Dense"
        )
    return layers.values()


def _settings_from_shapes(lstm, score, version):
    """Read sizes off the arrays; the rest is as published."""
    if [len(lstm), len(score)] != [3, 2] or len(lstm[1].shape) != 2:
        raise Problem("found weights that are not those of an LSTM and a Dense")
    # Keras 2.3 changed what an LSTM does unless told otherwise.
    gates = "sigmoid" if version >= (2, 3) else "hard_sigmoid"
    warnings.warn(
        f"the checkpoint holds weights only; taking the published settings, a ReLU "
        f"score and, as was the default of its Keras, {gates} gates",
        Caution,
        stacklevel=4,
    )
    return {
        "n_frames": None,
        "n_features": None,
        "units": size(int(lstm[1].shape[0])),
        "dropout": 0.1,
        "activation": "relu",
        "gates": gates,
    }


def _settings_from_config(config):
    """Translate the configuration of the whole model."""
    layers, shape = _chain(config)
    kinds = [kind for kind, _ in layers]
    if kinds not in (FORM, [kind for kind in FORM if kind != "Dropout"]):
        raise Problem(
            f"found {' -> '.join(kinds)}, where the published network is "
            f"{' -> '.join(FORM)}"
        )
    options = dict(layers)
    lstm, score = options["LSTM"], options["Dense"]
    _check_options(lstm, options["MaxPooling1D"], score)
    _, n_frames, n_features = shape or (None, None, None)
    settings = {
        "n_frames": n_frames and size(n_frames),
        "n_features": n_features and size(n_features),
        "units": size(lstm["units"]),
        "dropout": min(max(float(lstm.get("dropout", 0)), 0.0), 0.999),
        "activation": score.get("activation", "linear"),
        "gates": lstm.get("recurrent_activation", "hard_sigmoid"),
    }
    return settings, (lstm.get("use_bias", True), score.get("use_bias", True))


def _chain(config):
    """Layers as (class, options) from input to output, and the shape of the input."""
    kind, body = config["class_name"], config["config"]
    if kind not in ("Sequential", "Model", "Functional"):
        raise Problem(f"found a model of the class {kind}")
    entries = body if isinstance(body, list) else body["layers"]
    if kind != "Sequential":
        for before, entry in itertools.pairwise(entries):
            if [node[0][0] for node in entry["inbound_nodes"]] != [before["name"]]:
                raise Problem("found a model whose layers are no single chain")
    layers = [(entry["class_name"], entry["config"]) for entry in entries]
    first = layers[0][1]
    shape = first.get("batch_input_shape", first.get("batch_shape"))
    if shape is None and isinstance(body, dict):
        shape = body.get("build_input_shape")
    return layers[layers[0][0] == "InputLayer" :], shape


def _check_options(lstm, pool, score):
    """Refuse by name what the network of today does not do."""

    def single(value):
        return value[0] if isinstance(value, list) and len(value) == 1 else value

    found = {
        "LSTM return_sequences": (lstm.get("return_sequences", False), [True]),
        "LSTM go_backwards": (lstm.get("go_backwards", False), [False]),
        "LSTM stateful": (lstm.get("stateful", False), [False]),
        "LSTM return_state": (lstm.get("return_state", False), [False]),
        "LSTM activation": (lstm.get("activation", "tanh"), ["tanh"]),
        "LSTM recurrent_activation": (
            lstm.get("recurrent_activation", "hard_sigmoid"),
            ["hard_sigmoid", "sigmoid"],
        ),
        "MaxPooling1D pool_size": (
            single(pool.get("pool_size", pool.get("pool_length", 2))),
            [2],
        ),
        "MaxPooling1D strides": (
            single(pool.get("strides", pool.get("stride"))),
            [None, 2],
        ),
        "MaxPooling1D padding": (
            pool.get("padding", pool.get("border_mode", "valid")),
            ["valid"],
        ),
        "MaxPooling1D data_format": (
            pool.get("data_format", "channels_last"),
            ["channels_last"],
        ),
        "Dense units": (score.get("units"), [1]),
        "Dense activation": (score.get("activation", "linear"), [*ACTIVATIONS]),
    }
    wrong = [
        f"{name} {value!r} (must be {' or '.join(map(repr, allowed))})"
        for name, (value, allowed) in found.items()
        if value not in allowed
    ]
    if wrong:
        raise Problem(f"found {'; '.join(wrong)}")


def _complete(settings, lstm, score):
    """Fill in from the arrays what the configuration leaves open."""
    if settings["n_features"] is None:
        settings["n_features"] = size(int(lstm[0].shape[0]))
    if settings["n_frames"] is not None:
        return
    n_pooled = int(score[0].shape[0]) // settings["units"]
    # Pooling drops the last of an odd number of frames, so the weights fit both.
    settings["n_frames"] = size(n_pooled) * 2
    if n_pooled == PUBLISHED_LENGTH // 2:
        settings["n_frames"] = PUBLISHED_LENGTH
    else:
        warnings.warn(
            f"the checkpoint does not say how many frames it takes: {2 * n_pooled} or "
            f"{2 * n_pooled + 1}; using {2 * n_pooled}",
            Caution,
            stacklevel=4,
        )


def _match(kind, datasets, bias, settings, n_bytes):
    """Pair arrays with the shapes that the settings mean."""
    units = settings["units"]
    if kind == "LSTM":
        width = 4 * units  # gates in the order input, forget, cell, output, then as now
        expected = [(settings["n_features"], width), (units, width), (width,)]
    else:
        expected = [(settings["n_frames"] // 2 * units, 1), (1,)]
    if len(datasets) != len(expected) - (not bias):
        raise Problem(f"found {len(datasets)} arrays for the {kind}")
    for dataset, shape in zip(datasets, expected, strict=False):
        if dataset.shape != shape:
            raise Problem(
                f"{dataset.name} has the shape {dataset.shape}, where the "
                f"configuration means {shape}"
            )
        inspect_array(dataset, n_bytes)
    names = [dataset.name for dataset in datasets] + [None] * (not bias)
    return list(zip(names, expected, strict=True))
