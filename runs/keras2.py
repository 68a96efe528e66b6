"""Reads the network published in 2019, as Keras 2 wrote it to HDF5.

Today's Keras cannot open such files, or opens them with gates that compute something
else. Here the configuration is read as data, and the weights are taken out array by
array, in a process that may crash. Nothing in the file is executed, links out of it are
not followed, and the optimizer's state, two thirds of the bytes, is not read.
"""

import itertools
import json
import re
from pathlib import Path

import numpy as np

import models
from features.sequences import describe_published
from runs.options import Options
from runs.record import Run
from system import apart
from system.terminal import Problem, caution
from system.untrusted import check_array, follow, open_hdf5, read_array, size, text

FORM = ["LSTM", "MaxPooling1D", "Flatten", "Dropout", "Dense"]
PUBLISHED_LENGTH = 125  # frames
ACTIVATIONS = (
    *("relu", "linear", "sigmoid", "tanh", "hard_sigmoid", "softplus", "softsign"),
    *("elu", "selu", "exponential"),
)
OPTIONS = (  # layer, option, what Keras takes without it, what is possible here
    ("LSTM", "return_sequences", False, (True,)),
    ("LSTM", "go_backwards", False, (False,)),
    ("LSTM", "stateful", False, (False,)),
    ("LSTM", "return_state", False, (False,)),
    ("LSTM", "activation", "tanh", ("tanh",)),
    ("LSTM", "recurrent_activation", "hard_sigmoid", models.GATES),
    ("MaxPooling1D", "pool_size", 2, (2, [2])),
    ("MaxPooling1D", "strides", None, (None, 2, [2])),
    ("MaxPooling1D", "padding", "valid", ("valid",)),
    ("MaxPooling1D", "data_format", "channels_last", ("channels_last",)),
    ("Dense", "units", None, (1,)),
    ("Dense", "activation", "linear", ACTIVATIONS),
)


def read_apart(path):
    """Read the network in an HDF5 file of Keras 2.0 to 2.3: a model, or weights only.

    What is found are settings for `models.build_lstm`, and the arrays are the weights
    as Keras orders them, all of them checked; see `apart.read`.
    """
    return apart.read("runs.keras2:read_network", Path(path))


def read_network(path):
    """Read settings and weights in this process; see `read_apart`."""
    n_bytes = path.stat().st_size
    with open_hdf5(path, path.name) as file:
        group = follow(file, "model_weights") if "model_weights" in file else file
        if not {"layer_names", "layer_names0"} & set(group.attrs):
            raise Problem("found an HDF5 file without the weights of a Keras model")
        version = file.attrs.get("keras_version", group.attrs.get("keras_version"))
        found = re.match(r"2\.(\d+)", text(version or "2.0"))
        if not found:
            raise Problem(f"found a model of Keras {text(version)!r}")
        config, shape = file.attrs.get("model_config"), None
        if config is not None:
            layers, shape = read_config(json.loads(text(config)))
        lstm, score = list_weights(group)
        if config is None:
            layers = guess_layers(lstm, score, int(found[1]))
        settings = settle(layers, shape, lstm, score)
        features, units = settings["n_features"], settings["units"]
        width = 4 * units  # gates in the order input, forget, cell, output, then as now
        shapes = [(features, width), (units, width), (width,)]
        arrays = match("LSTM", lstm, shapes, layers, n_bytes)
        shapes = [(settings["n_frames"] // 2 * units, 1), (1,)]
        arrays += match("Dense", score, shapes, layers, n_bytes)
        yield settings
        for array in arrays:  # one at a time lies in memory
            yield array if isinstance(array, np.ndarray) else read_array(array)


def load_published(path):
    """Load the network published in 2019."""
    settings, arrays = read_apart(path)
    model = models.build_lstm(**settings, layer=models.blank_lstm)
    models.assign(model, arrays)
    return model


def describe_run(path):
    """Describe the published run, which came without a record: what is known of it."""
    return Run(
        name=path.stem,
        model="lstm",
        n_frames=PUBLISHED_LENGTH,
        n_features=2048,
        options=Options(),
        extraction=describe_published(PUBLISHED_LENGTH),
        train_clips=None,
        sha256="",
        path=path,
    )


def list_names(attributes, key):
    """List the names in an attribute, which Keras cuts in pieces when it is long."""
    keys = [key] if key in attributes else [f"{key}{n}" for n in range(len(attributes))]
    if not (pieces := [attributes[k] for k in keys if k in attributes]):
        raise Problem(f"found no {key}, so no weights of Keras 2")
    return [text(name) for piece in pieces for name in np.ravel(piece)]


def list_weights(group):
    """List the arrays of the LSTM and of the last layer, as Keras ordered them."""
    layers = {}
    for name in list_names(group.attrs, "layer_names"):
        layer = follow(group, name)
        if weights := list_names(layer.attrs, "weight_names"):
            layers[name] = [follow(layer, weight) for weight in weights]
    arrays = [array.name for datasets in layers.values() for array in datasets]
    if any(re.search(r"_(W|U|b)(_[icfo])?(:0)?$", array) for array in arrays):
        raise Problem("found a model of Keras 1, which kept each gate apart")
    if len(layers) != 2:
        raise Problem(
            f"found weights in {len(layers)} layers, where the published network has "
            "them in two, an LSTM and a Dense"
        )
    return layers.values()


def guess_layers(lstm, score, minor):
    """Guess the options of the layers, of weights alone: as published."""
    if [len(lstm), len(score)] != [3, 2] or len(lstm[1].shape) != 2:
        raise Problem("found weights that are not those of an LSTM and a Dense")
    # Keras 2.3 changed what an LSTM does unless told otherwise.
    gates = "sigmoid" if minor >= 3 else "hard_sigmoid"
    caution(
        f"the checkpoint holds weights only; taking the published settings, a ReLU "
        f"score and, as was the default of its Keras, {gates} gates"
    )
    units = int(lstm[1].shape[0])
    lstm = {"units": units, "dropout": 0.1, "recurrent_activation": gates}
    return {"LSTM": lstm, "Dense": {"activation": "relu"}}


def read_config(config):
    """Read the options of each layer, and the shape of the input or None; refuse by
    name what differs."""
    layers, shape = list_layers(config)
    kinds = [kind for kind, _ in layers]
    if kinds not in (FORM, [kind for kind in FORM if kind != "Dropout"]):
        raise Problem(
            f"found {' -> '.join(kinds)}, where the published network is "
            f"{' -> '.join(FORM)}"
        )
    layers, wrong = dict(layers), []
    for kind, name, default, allowed in OPTIONS:
        if (value := layers[kind].get(name, default)) not in allowed:
            must = " or ".join(map(repr, allowed))
            wrong.append(f"{kind} {name} {value!r} (must be {must})")
    if wrong:
        raise Problem(f"found {'; '.join(wrong)}")
    return layers, shape


def list_layers(config):
    """List (class, options) from input to output, and the shape of the input."""
    kind, body = config["class_name"], config["config"]
    if kind not in ("Sequential", "Model", "Functional"):
        raise Problem(f"found a model of the class {kind}")
    entries = body if isinstance(body, list) else body["layers"]
    for before, entry in itertools.pairwise(entries if kind != "Sequential" else ()):
        if [node[0][0] for node in entry["inbound_nodes"]] != [before["name"]]:
            raise Problem("found a model whose layers are no single chain")
    layers = [(entry["class_name"], entry["config"]) for entry in entries]
    first = layers[0][1]
    shape = first.get("batch_input_shape", first.get("batch_shape"))
    if shape is None and isinstance(body, dict):
        shape = body.get("build_input_shape")
    return layers[layers[0][0] == "InputLayer" :], shape


def settle(layers, shape, lstm, score):
    """Settle what `models.build_lstm` takes: by the configuration, and by the arrays
    where that leaves sizes open."""
    options, units = layers["LSTM"], size(layers["LSTM"]["units"])
    _, n_frames, n_features = shape or (None, None, None)
    if not n_frames:
        # Pooling drops the last frame of an uneven number, so the weights fit both.
        n_pooled = int(score[0].shape[0]) // units
        n_frames = 2 * size(n_pooled)
        if n_pooled == PUBLISHED_LENGTH // 2:
            n_frames = PUBLISHED_LENGTH
        else:
            caution(
                f"the checkpoint does not hold how many frames it takes: {n_frames} or "
                f"{n_frames + 1}; using {n_frames}"
            )
    return {
        "n_frames": size(n_frames),
        "n_features": size(n_features or int(lstm[0].shape[0])),
        "units": units,
        "dropout": min(max(float(options.get("dropout", 0)), 0.0), 0.999),
        "activation": layers["Dense"].get("activation", "linear"),
        "gates": options.get("recurrent_activation", "hard_sigmoid"),
    }


def match(kind, datasets, shapes, layers, n_bytes):
    """Check arrays against the shapes that the settings mean; add a bias of zeros."""
    bias = layers[kind].get("use_bias", True)
    if len(datasets) != len(shapes) - (not bias):
        raise Problem(f"found {len(datasets)} arrays for the {kind}")
    for dataset, shape in zip(datasets, shapes, strict=False):
        check_array(dataset, shape, n_bytes, "the configuration means {}")
    return datasets if bias else [*datasets, np.zeros(shapes[-1], np.float32)]
