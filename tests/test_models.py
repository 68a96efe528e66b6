import io
import json
import math
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import models
from runs import archives, store
from runs.options import Options
from runs.predict import score_sequences
from system.storage import digest_file, read_json, write_json
from system.terminal import Problem
from training import motion

T, F = 6, 4
TARGETS = (-9.0, 9.0)  # wider than any score here


def draw(shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def predict(model, sequences):
    return keras.ops.convert_to_numpy(model(sequences))


def save(path, *networks, **options):
    """Save networks as a run, with the options that they were built from."""
    archives.write_networks(path, networks)
    given = {"model": "lstm", "units": 3, "ensemble": len(networks), **options}
    record = {"name": path.stem, "model": given["model"], "n_frames": T}
    record |= {"n_features": F, "options": given, "sha256": digest_file(path)}
    record |= {"extraction": {"weights": "imagenet"}}
    record["train_clips"] = dict(zip("ab", TARGETS, strict=True))
    write_json(path.with_suffix(".json"), record)
    return path


def change_record(path, **changes):
    beside = path.with_suffix(".json")
    write_json(beside, {**read_json(beside), "sha256": digest_file(path), **changes})


@pytest.fixture
def run(tmp_path):
    """A small saved run: its network, and the path of its `.keras` file."""
    model = models.build_lstm(T, F, units=3, bias=2)
    return model, save(tmp_path / "reach-lstm.keras", model)


# ------------------------------------------------------------------------ networks


def test_the_published_network_has_33689601_parameters():
    sizes = [weights.shape for weights in models.build_lstm(4, 5, units=3).weights]
    assert sizes == [(5, 12), (3, 12), (12,), (6, 1), (1,)]
    # 4 gates of 2048 units see 2048 features, 2048 units and a bias; then the score.
    assert 4 * 2048 * (2048 + 2048 + 1) + 125 // 2 * 2048 + 1 == 33_689_601


def test_gates_are_those_of_keras_2():
    x = np.array([-3, -2.5, -1, 0, 1, 2.5, 3], np.float32)
    expected = [0, 0, 0.3, 0.5, 0.7, 1, 1]
    np.testing.assert_allclose(models.hard_sigmoid(x), expected, atol=1e-7)


@pytest.mark.parametrize("build", [models.build_pool, models.build_lstm])
def test_the_score_starts_at_the_bias(build):
    options = {"units": 3} if build is models.build_lstm else {}
    model = build(T, F, bias=2.5, **options)
    np.testing.assert_allclose(predict(model, np.zeros((2, T, F))), 2.5, atol=1e-6)


def test_pool_ignores_the_order_of_frames():
    model = models.build_pool(T, F, bias=1.0)
    sequences = draw((3, T, F))
    backwards = predict(model, sequences[:, ::-1])
    np.testing.assert_allclose(predict(model, sequences), backwards, atol=1e-6)
    kernel, bias = model.get_weights()
    expected = np.maximum(sequences.mean(axis=1) @ kernel + bias, 0)
    np.testing.assert_allclose(backwards, expected, atol=1e-5)


def test_statistics_standardize_and_spare_features_that_hardly_vary():
    mean, variance = np.array([1, 2, 3, 4]), np.array([4, 1, 1e-6, 0])
    statistics = mean, motion.bound_variance(variance)
    model = models.build_pool(T, F, activation="linear", statistics=statistics)
    sequences = draw((3, T, F)) * 5
    standard = (sequences - mean) / np.sqrt([4, 1, 0.01, 1])
    kernel, bias = model.get_weights()[-2:]
    expected = standard.mean(axis=1) @ kernel + bias
    np.testing.assert_allclose(predict(model, sequences), expected, atol=1e-5)
    assert len(model.trainable_weights) == 2


# ---------------------------------------------------------------------- checkpoints


def build(options, seed=0):
    """Build a network of options with drawn weights."""
    random = np.random.default_rng(seed)
    if options.model == "motion":
        weights = random.normal(size=4 * F), 2
        return models.Motion(T, F, options.activation, TARGETS, weights)
    statistics = (draw(F), draw(F, 1) + 0.1) if options.standardize else None
    network = models.build(options, (T, F), bias=2, statistics=statistics)
    network.set_weights([draw(w.shape, seed) for w in network.weights])
    return network


@pytest.mark.parametrize(
    "given",
    [
        {"model": "lstm", "standardize": True},
        {"model": "lstm", "gates": "sigmoid", "ensemble": 3},
        {"model": "pool", "standardize": True, "ensemble": 2},
        {"model": "motion"},
        {"model": "motion", "ensemble": 3, "standardize": True},
    ],
)
def test_a_run_comes_back_bit_for_bit_and_scores_by_the_mean(tmp_path, given):
    options = Options(units=3, activation="linear", **given)
    networks = [build(options, seed) for seed in range(options.ensemble)]
    shapes = [array.shape for array in networks[0].get_weights()]
    assert list(models.list_weights(options, (T, F)).values()) == shapes
    path = save(tmp_path / "a.keras", *networks, **vars(options))
    again, _ = store.read_run(path)
    sequences = draw((4, T, F))
    for one, other in zip(again, networks, strict=True):
        np.testing.assert_array_equal(
            one.predict_on_batch(sequences), other.predict_on_batch(sequences)
        )
    scores = [network.predict_on_batch(sequences)[:, 0] for network in networks]
    expected = np.mean(scores, axis=0)
    np.testing.assert_allclose(score_sequences(again, sequences), expected, rtol=1e-6)
    assert np.ptp(scores) > 0
    if options.model != "motion":
        by_keras = keras.saving.load_model(path)
        np.testing.assert_allclose(predict(by_keras, sequences)[:, 0], expected, 1e-5)
    if options.model == "lstm":
        assert type(again[0].get_layer("lstm")) is keras.layers.LSTM


def check_refusal(read, path, words):
    with pytest.raises(Problem) as refusal:
        read(path)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n_frames": T + 2}, "restore the two files together"),
        ({"options": {"model": "lstm", "units": 4}}, "shape"),
        ({"options": {"model": "lstm", "units": 10**9}}, "shape"),
        ({"options": {"model": "lstm", "units": 10**30}}, "shape"),
        ({"options": {"model": "pool"}}, "shape"),
        ({"options": {"model": "os.system"}}, "no such model"),
        ({"options": {"units": 3, "dropout": math.inf}}, "usable options"),
        ({"options": {"units": 3, "activation": "wat"}}, "describes no network"),
        ({"options": {"units": 3, "gates": "tanh"}}, "describes no network"),
        ({"options": {"units": 3, "standardize": True}}, "damaged"),
        ({"sha256": "0" * 64}, "is not the file"),
    ],
)
def test_an_edited_record_is_refused(run, changes, words):
    _, path = run
    record = read_json(path.with_suffix(".json"))
    path.with_suffix(".json").write_text(json.dumps({**record, **changes}))
    check_refusal(store.read_run, path, words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "missing"),
        ("", "not JSON"),
        ("[1]", "no JSON"),
        ("[" * 30000, "not JSON"),
    ],
)
def test_a_spoiled_record_is_refused(run, text, words):
    _, path = run
    path.with_suffix(".json").unlink()
    if text is not None:
        path.with_suffix(".json").write_text(text)
    check_refusal(store.read_run, path, words)


# ------------------------------------------------------------------------ refusals


def repack(path, change_config=None, weights=None, compression=0, **members):
    """Write an archive anew with something in it changed; None is not there."""
    with zipfile.ZipFile(path) as archive:
        known = {name: archive.read(name) for name in archive.namelist()}
    known |= {f"{name}.npy": content for name, content in members.items()}
    if change_config:
        config = json.loads(known["config.json"])
        change_config(config)
        known["config.json"] = json.dumps(config).encode()
    if weights:
        file = io.BytesIO(known["model.weights.h5"])
        with h5py.File(file, "r+") as opened:
            weights(opened)
        known["model.weights.h5"] = file.getvalue()
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in known.items():
            if content is not None:
                archive.writestr(name, content)
    change_record(path)


KERNEL = "layers/lstm/cell/vars/0"


def drop_weights(file):
    del file[KERNEL]


def link_out(file):
    del file[KERNEL]
    file[KERNEL] = h5py.ExternalLink("elsewhere.h5", "/x")


def lie_elsewhere(file):
    del file[KERNEL]
    file.create_dataset(KERNEL, (F, 12), "f4", external=[("elsewhere", 0, 999)])


def put_nan(file):
    file[KERNEL][0, 0] = np.nan


def put_objects(file):
    del file[KERNEL]
    file.create_dataset(KERNEL, (F, 12), h5py.string_dtype())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"compression": zipfile.ZIP_DEFLATED}, "packed"),
        ({"weights": link_out}, "leads out"),
        ({"weights": lie_elsewhere}, "another file"),
        ({"weights": put_objects}, "objects"),
        ({"weights": put_nan}, "NaN"),
        ({"weights": drop_weights}, "no array"),
    ],
)
def test_other_weights_of_keras_are_refused_in_one_line(run, changes, words):
    _, path = run
    repack(path, **changes)
    check_refusal(store.read_run, path, words)


def change_statistics(**changes):
    return lambda config: config["config"]["layers"][1]["config"].update(changes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda config: config["config"]["layers"].pop(1), "damaged"),
        (change_statistics(mean=[1.0] * 5), "does not standardize 4"),
        (change_statistics(mean=["a"] * 4), "damaged"),
        (change_statistics(mean=[math.nan] * 4), "does not standardize"),
        (change_statistics(variance=[-1.0] * 4), "does not standardize"),
        (change_statistics(mean=[0.0] * 10**6), "absurd size"),
    ],
)
def test_other_statistics_are_refused_in_one_line(tmp_path, change, words):
    options = {"model": "pool", "standardize": True}
    path = save(tmp_path / "a.keras", build(Options(**options)), **options)
    repack(path, change_config=change)
    check_refusal(store.read_run, path, words)


def store_array(array, allow_pickle=False):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=allow_pickle)
    return file.getvalue()


def claim(shape):
    """Write the header of a large array that is not there."""
    file = io.BytesIO()
    header = {"shape": shape, "fortran_order": False, "descr": "<f4"}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


PLAIN = np.ones((4 * F, 1), np.float32)  # of movement


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (store_array(PLAIN.astype(object), True), "pickle"),
        (store_array(PLAIN.astype("U1")), "restore the two files together"),
        (store_array(PLAIN[1:]), "restore the two files together"),
        (store_array(PLAIN * np.nan), "NaN"),
        (store_array(np.ones(10**5, np.float32)), "absurd size"),
        (claim((2**40, 1)), "damaged"),
        (b"\x93NUMPY", "damaged"),
        (b"\x80\x04.", "damaged"),
        (None, "damaged"),
    ],
)
def test_other_plain_arrays_are_refused_in_one_line(tmp_path, content, words):
    options = {"model": "motion"}
    path = save(tmp_path / "a.keras", build(Options(**options)), **options)
    repack(path, arr_0=content)
    check_refusal(store.read_run, path, words)


def test_a_lambda_of_keras_is_never_run(tmp_path):
    witness = str(tmp_path / "ran")
    inputs = keras.Input((T, F))
    outputs = keras.layers.Lambda(lambda x: open(witness, "w") and x)(inputs)  # noqa: PTH123, SIM115
    model = keras.Model(inputs, outputs)
    Path(witness).unlink()
    path = save(tmp_path / "a.keras", build(Options(units=3)))
    model.save(path)
    change_record(path)
    check_refusal(store.read_run, path, "no array")
    assert not Path(witness).exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\n<html>", "web page"),
        (b"\x80\x04\x95", "pickled"),
        (b"\x93NUMPY", "NUMPY"),
        (b"PK\x03\x04", "damaged"),
        (b"\x89HDF\r\n\x1a\n", "damaged"),
    ],
)
def test_other_content_is_named(run, content, words):
    _, path = run
    path.write_bytes(content)
    change_record(path)
    check_refusal(store.read_run, path, words)


@pytest.mark.parametrize("part", [0.01, 0.4, 0.95, 0.999])
def test_an_archive_cut_anywhere_is_refused(run, part):
    _, path = run
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    change_record(path)
    check_refusal(store.read_run, path, "damaged")
