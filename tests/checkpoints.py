"""Checkpoints in the layout of Keras 2, and the scores they mean, without any Keras."""

import json

import h5py
import numpy as np

LAYERS = ("lstm_1", "max_pooling1d_1", "flatten_1", "dropout_1", "dense_1")


def configure(n_frames, n_features, units, **options):
    """Configuration of the published network as Keras 2.0 wrote it."""
    lstm = {
        "name": "lstm_1",
        "batch_input_shape": [None, n_frames, n_features],
        "return_sequences": True,
        "go_backwards": False,
        "stateful": False,
        "units": units,
        "activation": "tanh",
        "recurrent_activation": "hard_sigmoid",
        "use_bias": True,
        "dropout": 0.1,
    }
    pool = {"name": LAYERS[1], "strides": [2], "pool_size": [2], "padding": "valid"}
    dense = {"name": "dense_1", "units": 1, "activation": "relu", "use_bias": True}
    layers = [
        {"class_name": "LSTM", "config": {**lstm, **options}},
        {"class_name": "MaxPooling1D", "config": pool},
        {"class_name": "Flatten", "config": {"name": "flatten_1"}},
        {"class_name": "Dropout", "config": {"name": "dropout_1", "rate": 0.1}},
        {"class_name": "Dense", "config": dense},
    ]
    return {"class_name": "Sequential", "config": layers}


def draw_weights(n_frames, n_features, units, seed=0):
    """Arrays of the LSTM and of the last layer; scores around 2, gates well used."""
    rng = np.random.default_rng(seed)

    def draw(*shape, scale=1.0):
        return rng.standard_normal(shape, dtype=np.float32) * np.float32(scale)

    lstm = [
        draw(n_features, 4 * units, scale=1.5 / n_features**0.5),
        draw(units, 4 * units, scale=1 / units**0.5),
        draw(4 * units, scale=0.5),
    ]
    n_inputs = n_frames // 2 * units
    dense = [draw(n_inputs, 1, scale=1 / n_inputs**0.5), np.full(1, 2, np.float32)]
    return {"lstm_1": lstm, "dense_1": dense}


def write_checkpoint(path, config, weights, *, version=b"2.0.9", optimizer=False):
    """Write a file of Keras 2: a whole model, or without `config` its weights."""
    with h5py.File(path, "w") as file:
        group = file
        if config is not None:
            file.attrs["model_config"] = json.dumps(config).encode()
            group = file.create_group("model_weights")
        for each in {file, group}:
            each.attrs["keras_version"] = version
            each.attrs["backend"] = b"tensorflow"
        group.attrs["layer_names"] = [name.encode() for name in LAYERS]
        slots = file.create_group("optimizer_weights") if optimizer else None
        for layer in LAYERS:
            names = [
                f"{layer}/{name}:0" if layer == "lstm_1" else f"{layer}/{name}"
                for name in ("kernel", "recurrent_kernel", "bias")
                if layer == "lstm_1" or name != "recurrent_kernel"
            ]
            arrays = weights.get(layer, [])
            names = names[: len(arrays)]
            group.create_group(layer).attrs["weight_names"] = [
                name.encode() for name in names
            ]
            for name, values in zip(names, arrays, strict=True):
                group[layer][name] = values
                for slot in ("m", "v") if optimizer else ():
                    slots[f"{name}/{slot}"] = values
    return path


def write_small(path, n_frames=20, n_features=8, units=6, **options):
    """Write a small whole checkpoint of the published form; returns its weights."""
    weights = draw_weights(n_frames, n_features, units)
    write_checkpoint(path, configure(n_frames, n_features, units, **options), weights)
    return weights


def score_by_hand(sequences, weights, gate="hard_sigmoid"):
    """Score sequences (B, T, F) from the equations of the LSTM, in float64: (B,)."""
    kernel, recurrent, bias = (np.asarray(w, float) for w in weights["lstm_1"])
    last, last_bias = (np.asarray(w, float) for w in weights["dense_1"])
    squash = {
        "hard_sigmoid": lambda z: np.clip(0.2 * z + 0.5, 0, 1),
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    }[gate]
    units = len(recurrent)
    scores = []
    for sequence in np.asarray(sequences, float):
        output = cell = np.zeros(units)
        outputs = []
        for frame in sequence:
            z = frame @ kernel + output @ recurrent + bias
            let_in, keep, new, show = z.reshape(4, units)
            cell = squash(keep) * cell + squash(let_in) * np.tanh(new)
            output = squash(show) * np.tanh(cell)
            outputs.append(output)
        pairs = len(outputs) // 2
        pooled = np.reshape(outputs[: 2 * pairs], (pairs, 2, units)).max(axis=1)
        scores.append(max(0.0, (pooled.ravel() @ last + last_bias).item()))
    return np.array(scores)
