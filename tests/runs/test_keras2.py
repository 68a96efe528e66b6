import re
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from checkpoints import (
    configure,
    draw_weights,
    score_by_hand,
    write_checkpoint,
    write_small,
)

from runs import keras2, store
from system import apart
from system.terminal import Caution, Problem

LEGACY = Path(__file__).parents[1] / "legacy"
SIZE = (20, 8, 6)  # T, F, units
GATES, ELSEWHERE = "recurrent_activation", h5py.ExternalLink("other.h5", "/x")


def score(path, sequences):
    return np.array(keras2.load_published(path)(sequences))[:, 0]


def draw_sequences(n_frames, n_features, n_clips=4):
    rng = np.random.default_rng(1)
    return rng.random((n_clips, n_frames, n_features), dtype=np.float32) * 2


@pytest.mark.filterwarnings("ignore::system.terminal.Caution")
@pytest.mark.parametrize("path", sorted(LEGACY.glob("*.h5")), ids=lambda p: p.stem)
def test_scores_are_those_that_old_keras_gave(path):
    then = np.load(path.with_suffix(".npz"))
    np.testing.assert_allclose(score(path, then["x"]), then["p"][:, 0], atol=1e-5)


@pytest.mark.parametrize(
    ("gate", "size"),
    [
        ("hard_sigmoid", (20, 8, 6)),
        ("hard_sigmoid", (21, 3, 8)),
        ("hard_sigmoid", (2, 1, 1)),
        ("sigmoid", (124, 8, 8)),
    ],
)
def test_scores_follow_the_equations(tmp_path, size, gate):
    path = tmp_path / "run.hdf5"
    weights = write_small(path, *size, recurrent_activation=gate)
    sequences = draw_sequences(*size[:2])
    expected = score_by_hand(sequences, weights, gate)
    np.testing.assert_allclose(score(path, sequences), expected, atol=1e-5)
    other = {"sigmoid": "hard_sigmoid", "hard_sigmoid": "sigmoid"}[gate]
    assert abs(expected - score_by_hand(sequences, weights, other)).max() > 1e-4


def as_dict(config):
    body = {"name": "sequential_1", "layers": config["config"]}
    return {**config, "config": body}


def as_functional(config):
    layers = config["config"]
    shape = layers[0]["config"].pop("batch_input_shape")
    first = {"class_name": "InputLayer", "config": {"batch_input_shape": shape}}
    chain = [{**first, "name": "input_1", "inbound_nodes": []}]
    for layer in layers:
        nodes = [[[chain[-1]["name"], 0, 0, {}]]]
        name = layer["config"]["name"]
        chain.append({**layer, "name": name, "inbound_nodes": nodes})
    return {"class_name": "Model", "config": {"name": "model_1", "layers": chain}}


def without_shape(config):
    shape = config["config"][0]["config"].pop("batch_input_shape")
    config = as_dict(config)
    config["config"]["build_input_shape"] = shape
    return config


@pytest.mark.parametrize("change", [as_dict, as_functional, without_shape])
def test_configurations_come_in_several_forms(tmp_path, change):
    weights = draw_weights(*SIZE)
    config = change(configure(*SIZE))
    path = write_checkpoint(tmp_path / "run.h5", config, weights, version="2.2.4")
    sequences = draw_sequences(*SIZE[:2])
    expected = score_by_hand(sequences, weights)
    np.testing.assert_allclose(score(path, sequences), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("version", "gate"), [(b"2.0.0", "hard_sigmoid"), (b"2.3.1", "sigmoid")]
)
def test_weights_alone_mean_the_defaults_of_their_keras(tmp_path, version, gate):
    weights = draw_weights(*SIZE)
    path = write_checkpoint(tmp_path / "run.h5", None, weights, version=version)
    sequences = draw_sequences(*SIZE[:2])
    with pytest.warns(Caution, match=gate):
        scores = score(path, sequences)
    np.testing.assert_allclose(
        scores, score_by_hand(sequences, weights, gate), atol=1e-5
    )


def test_missing_biases_count_as_zero(tmp_path):
    weights = draw_weights(*SIZE)
    sequences = draw_sequences(*SIZE[:2])
    config = configure(*SIZE, use_bias=False)
    config["config"][-1]["config"]["use_bias"] = False
    bare = {"lstm_1": weights["lstm_1"][:2], "dense_1": weights["dense_1"][:1]}
    path = write_checkpoint(tmp_path / "run.h5", config, bare)
    weights["lstm_1"][2] *= 0
    weights["dense_1"][1] *= 0
    expected = score_by_hand(sequences, weights)
    np.testing.assert_allclose(score(path, sequences), expected, atol=1e-5)


def test_long_lists_of_names_come_in_pieces(tmp_path):
    path = tmp_path / "run.h5"
    write_small(path)
    with h5py.File(path, "r+") as file:
        attributes = file["model_weights"].attrs
        names = attributes["layer_names"]
        del attributes["layer_names"]
        attributes["layer_names0"], attributes["layer_names1"] = names[:2], names[2:]
    assert keras2.load_published(path).input_shape == (None, 20, 8)


def test_the_optimizer_is_not_looked_at(tmp_path):
    path = tmp_path / "run.h5"
    write_small(path)
    with h5py.File(path, "r+") as file:
        file["optimizer_weights/x"] = h5py.ExternalLink("elsewhere.h5", "/x")
        file.attrs["training_config"] = b"\xff not JSON"
    assert keras2.load_published(path).count_params() == 421


def test_a_published_run_has_a_record(tmp_path):
    path = tmp_path / "g04-features.hdf5"
    write_small(path)
    _, run = store.read_run(path)
    assert run.name == "g04-features" and run.is_published
    assert run.extraction["sampling"] == "stride"
    assert (run.n_frames, run.n_features) == (run.extraction["n_frames"], 8) == (20, 8)


# ------------------------------------------------------------------------ refusals


def change_config(change):
    def write(path):
        config = configure(*SIZE)
        change(config["config"])
        write_checkpoint(path, config, draw_weights(*SIZE))

    return write


def set_option(layer, name, value):
    return change_config(lambda layers: layers[layer]["config"].update({name: value}))


def change_file(change):
    def write(path):
        write_small(path)
        with h5py.File(path, "r+") as file:
            change(file)

    return write


def replace_kernel(make):
    def change(file):
        layer = file["model_weights/lstm_1/lstm_1"]
        del layer["kernel:0"]
        make(layer)

    return change_file(change)


def declare_huge(layer):
    layer.create_dataset("kernel:0", (8, 24 * 2**30), "f4", chunks=(1, 1024))


def hold_objects(layer):
    kind = h5py.vlen_dtype(np.float32)
    layer.create_dataset("kernel:0", (8, 24), kind)


def lie_elsewhere(layer):
    outside = [("/etc/hostname", 0, 8 * 24 * 4)]
    layer.create_dataset("kernel:0", (8, 24), "f4", external=outside)


def link_to(target):
    return lambda layer: layer.__setitem__("kernel:0", target)


def write_keras_1(path):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"lstm_1"]
        layer = file.create_group("lstm_1")
        layer.attrs["weight_names"] = [b"lstm_1_W_i", b"lstm_1_U_i", b"lstm_1_b_i"]
        for name in layer.attrs["weight_names"]:
            layer[name] = np.zeros(3)


def write_lambda(path):
    config = configure(*SIZE)
    config["config"].insert(1, {"class_name": "Lambda", "config": {"name": "x"}})
    write_checkpoint(path, config, draw_weights(*SIZE))


def write_nan(path):
    weights = draw_weights(*SIZE)
    weights["lstm_1"][1][0, 0] = np.nan
    write_checkpoint(path, configure(*SIZE), weights)


def set_attribute(**attributes):
    return change_file(lambda file: file.attrs.update(attributes))


CORRUPT = {
    "gates": (set_option(0, GATES, "relu"), GATES),
    "activation": (set_option(0, "activation", "relu"), "LSTM activation 'relu'"),
    "last output": (set_option(0, "return_sequences", False), "return_sequences"),
    "pool of 3": (set_option(1, "pool_size", [3]), "pool_size"),
    "two scores": (set_option(4, "units", 2), "Dense units 2"),
    "softmax": (set_option(4, "activation", "softmax"), "softmax"),
    "other units": (set_option(0, "units", 7), "shape"),
    "negative units": (set_option(0, "units", -6), "whole number"),
    "other length": (set_option(0, "batch_input_shape", [None, 40, 8]), "shape"),
    "Lambda": (write_lambda, "found LSTM -> Lambda"),
    "NaN": (write_nan, "NaN"),
    "Keras 1": (write_keras_1, "Keras 1"),
    "Keras 1 by version": (set_attribute(keras_version=b"1.2.2"), "Keras '1.2.2'"),
    "Keras 3": (set_attribute(keras_version="3.4.0"), "Keras '3.4.0'"),
    "config is no JSON": (set_attribute(model_config=b'{"class_name": '), "damaged"),
    "no weights": (
        change_file(lambda f: f.pop("model_weights")),
        "without the weights",
    ),
    "no kernel": (replace_kernel(lambda layer: None), "no array"),
    "huge kernel": (replace_kernel(declare_huge), "shape"),
    "objects": (replace_kernel(hold_objects), "objects"),
    "external storage": (replace_kernel(lie_elsewhere), "another file"),
    "external link": (replace_kernel(link_to(ELSEWHERE)), "leads out"),
}


@pytest.mark.parametrize("name", CORRUPT)
def test_other_files_are_refused_in_one_line(tmp_path, name):
    write, words = CORRUPT[name]
    path = tmp_path / "g04-features.hdf5"
    write(path)
    with pytest.raises(Problem) as refusal:
        keras2.load_published(path)
    text = str(refusal.value)
    assert words in text and "g04-features.hdf5" in text
    assert "\n" not in text


@pytest.mark.parametrize("part", [0, 0.01, 0.3, 0.9999])
def test_a_file_cut_anywhere_is_refused_in_one_line(tmp_path, part):
    path = tmp_path / "run.hdf5"
    write_small(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(Problem) as refusal:
        keras2.load_published(path)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("reader", ["apart:die", "no:such"])
def test_a_reader_that_dies_is_a_problem(tmp_path, reader):
    with pytest.raises(Problem, match="is damaged: the HDF5 library"):
        apart.read(reader, tmp_path / "run.hdf5")


# ---------------------------------------------------------------------- full size


def memory(field):
    """Resident memory of this process, in MB; None where the system keeps silent."""
    status = Path("/proc/self/status")
    found = status.exists() and re.search(rf"{field}:\s+(\d+)", status.read_text())
    return int(found[1]) / 1024 if found else None


@pytest.mark.thorough
def test_the_full_size_loads_fast_and_lean(tmp_path):
    size = (125, 2048, 2048)
    path = tmp_path / "g04-features.hdf5"
    weights = draw_weights(*size)
    write_checkpoint(path, configure(*size), weights, optimizer=True)
    assert path.stat().st_size > 400e6
    del weights
    keras2.load_published(LEGACY / "keras-2.0.9-lstm.h5")
    reset = Path("/proc/self/clear_refs")
    if reset.exists():
        reset.write_text("5")  # starts the peak anew
    before = memory("VmRSS")
    start = time.perf_counter()
    model = keras2.load_published(path)
    assert time.perf_counter() - start < 30
    assert model.count_params() == 33_689_601
    if before is not None:
        assert memory("VmHWM") - before < 3 * 135
