import hashlib
import io
import json
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import models
import runs
from console import Problem

T, F = 6, 4


def draw(shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def predict(model, sequences):
    return model.predict(sequences, verbose=0)


@pytest.fixture
def run(tmp_path):
    """A small saved run: its network, and the path of its `.keras` file."""
    model = models.build_lstm(T, F, units=3, bias=2)
    path = tmp_path / "reach-lstm.keras"
    model.save(path)
    return model, path


def write_record(path, **changes):
    record = {
        "run": path.stem,
        "model": "lstm",
        "n_frames": T,
        "n_features": F,
        "extraction": {"weights": "imagenet"},
        "train_clips": {"v_a_g01_c01": 2.5},
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        **changes,
    }
    path.with_suffix(".json").write_text(json.dumps(record))
    return record


# ------------------------------------------------------------------------ networks


def test_the_published_network_has_33689601_parameters():
    sizes = [weights.shape for weights in models.build_lstm(4, 5, units=3).weights]
    assert sizes == [(5, 12), (3, 12), (12,), (6, 1), (1,)]
    # 4 gates of 2048 units see 2048 features, 2048 units and a bias; then the score.
    assert 4 * 2048 * (2048 + 2048 + 1) + 125 // 2 * 2048 + 1 == 33_689_601


@pytest.mark.thorough
def test_the_default_network_has_33689601_parameters():
    assert models.build_lstm(125).count_params() == 33_689_601


def test_gates_are_those_of_keras_2():
    x = np.array([-3, -2.5, -1, 0, 1, 2.5, 3], np.float32)
    expected = [0, 0, 0.3, 0.5, 0.7, 1, 1]
    np.testing.assert_allclose(models.hard_sigmoid(x), expected, atol=1e-7)


def test_gates_change_the_scores():
    scores = []
    for gates in models.GATES:
        keras.utils.set_random_seed(0)
        model = models.build_lstm(T, F, units=3, gates=gates, activation="linear")
        scores.append(predict(model, draw((2, T, F))))
    assert abs(scores[0] - scores[1]).max() > 1e-4
    with pytest.raises(ValueError, match="gates"):
        models.build_lstm(T, F, units=3, gates="tanh")


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


def test_movement_is_what_its_formulas_say():
    """Mean, change, jerk and trend of the roots, from a clip done by hand."""
    sequence = np.array([[0, 1], [4, 1], [1, 1], [9, 1]], np.float32)  # roots 0 2 1 3
    found = np.asarray(models.Movement()(sequence[None]))[0].reshape(4, 2)
    expected = [[1.5, 1], [5 / 3, 0], [3, 0], [0.8, 0]]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_movement_needs_the_order_of_frames_and_mirrors_in_its_trend():
    sequences = np.abs(draw((3, T, F)))
    forth, back = (
        np.asarray(models.Movement()(x)).reshape(3, 4, F)
        for x in (sequences, sequences[:, ::-1])
    )
    np.testing.assert_allclose(forth[:, :3], back[:, :3], atol=1e-5)
    np.testing.assert_allclose(forth[:, 3], -back[:, 3], atol=1e-5)
    with pytest.raises(ValueError, match="3 frames"):
        models.build_motion(2, F)


def test_statistics_standardize_and_spare_features_that_hardly_vary():
    mean, variance = np.array([1, 2, 3, 4]), np.array([4, 1, 1e-6, 0])
    model = models.build_pool(T, F, activation="linear", statistics=(mean, variance))
    sequences = draw((3, T, F)) * 5
    standard = (sequences - mean) / np.sqrt([4, 1, 0.01, 1])
    kernel, bias = model.get_weights()[-2:]
    expected = standard.mean(axis=1) @ kernel + bias
    np.testing.assert_allclose(predict(model, sequences), expected, atol=1e-5)
    assert len(model.trainable_weights) == 2


def test_the_layer_can_be_swapped_and_keeps_its_weights():
    class Mine(keras.layers.LSTM):
        pass

    mine = models.build_lstm(T, F, units=3, layer=Mine)
    assert isinstance(mine.get_layer("lstm"), Mine)
    plain = models.build_lstm(T, F, units=3)
    plain.set_weights(mine.get_weights())
    sequences = draw((2, T, F))
    np.testing.assert_array_equal(predict(mine, sequences), predict(plain, sequences))


def test_an_ensemble_gives_the_mean(tmp_path):
    statistics = (np.ones(F), np.ones(F))
    members = [
        models.build_lstm(T, F, units=3, bias=1),
        models.build_lstm(T, F, units=2, bias=2, statistics=statistics),
        models.build_pool(T, F, bias=3),
        models.build_motion(T, F, weights=(np.arange(4 * F), 0.5)),
    ]
    ensemble = models.build_ensemble(members)
    sequences = draw((4, T, F))
    expected = np.mean([predict(member, sequences) for member in members], axis=0)
    np.testing.assert_allclose(predict(ensemble, sequences), expected, atol=1e-5)
    ensemble.save(tmp_path / "all.keras")
    again = models.load_checkpoint(tmp_path / "all.keras")
    np.testing.assert_array_equal(
        predict(again, sequences), predict(ensemble, sequences)
    )
    second = again.get_layer("member_1")
    expected = predict(members[1], sequences)
    np.testing.assert_array_equal(predict(second, sequences), expected)


def test_an_ensemble_needs_members_that_fit():
    one = models.build_pool(T, F)
    alone = models.build_ensemble([one])
    sequences = draw((2, T, F))
    np.testing.assert_array_equal(predict(alone, sequences), predict(one, sequences))
    for members in ([], [one, one], [one, models.build_pool(T + 1, F)]):
        with pytest.raises(ValueError, match="member"):
            models.build_ensemble(members)


# ---------------------------------------------------------------------- checkpoints


@pytest.mark.parametrize("gates", models.GATES)
def test_a_trained_run_comes_back_bit_for_bit(tmp_path, gates):
    statistics = (draw(F), draw(F) + 0.1)
    model = models.build_lstm(T, F, units=3, gates=gates, bias=2, statistics=statistics)
    model.compile("adam", "mse")
    sequences = draw((8, T, F))
    model.fit(sequences, np.arange(8), verbose=0)
    model.save(tmp_path / "a.keras")
    again = models.load_checkpoint(tmp_path / "a.keras")
    np.testing.assert_array_equal(predict(again, sequences), predict(model, sequences))
    assert type(again.get_layer("lstm")) is keras.layers.LSTM
    assert not again.compiled


def test_a_run_is_read_with_its_record(run):
    model, path = run
    written = write_record(path)
    again, record = runs.read_run(path)
    assert record == written
    sequences = draw((2, T, F))
    np.testing.assert_array_equal(predict(again, sequences), predict(model, sequences))


def check_refusal(read, path, words):
    with pytest.raises(Problem) as refusal:
        read(path)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n_frames": T + 1}, "its record says"),
        ({"n_frames": "6"}, "n_frames"),
        ({"n_features": None}, "n_features"),
        ({"sha256": "0" * 64}, "is not the file"),
        ({"train_clips": [1]}, "train_clips"),
        ({"extraction": None}, "extraction"),
    ],
)
def test_an_edited_record_is_refused(run, changes, words):
    _, path = run
    write_record(path, **changes)
    check_refusal(runs.read_run, path, words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "missing"),
        ("", "not JSON"),
        ("[1]", "lacks"),
        ("{", "not JSON"),
        ("[" * 30000, "not JSON"),
    ],
)
def test_a_spoiled_record_is_refused(run, text, words):
    _, path = run
    if text is not None:
        path.with_suffix(".json").write_text(text)
    check_refusal(runs.read_run, path, words)


def test_a_missing_run_is_a_problem(tmp_path):
    check_refusal(runs.read_run, tmp_path / "a.keras", "does not exist")
    check_refusal(models.load_checkpoint, tmp_path, "does not exist")


# ------------------------------------------------------------------------ refusals


def repack(path, change_config=None, change_members=None, weights=None, **packing):
    """Write an archive anew with something in it changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if change_config:
        config = json.loads(members["config.json"])
        change_config(config)
        members["config.json"] = json.dumps(config).encode()
    if weights:
        file = io.BytesIO(members["model.weights.h5"])
        with h5py.File(file, "r+") as opened:
            weights(opened)
        members["model.weights.h5"] = file.getvalue()
    members.update(change_members or {})
    with zipfile.ZipFile(path, "w", **packing) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def layers_of(config):
    return {layer["class_name"]: layer for layer in config["config"]["layers"]}


def replace_class(old, **new):
    return {"change_config": lambda config: layers_of(config)[old].update(new)}


def set_option(kind, **options):
    def change(config):
        layers_of(config)[kind]["config"].update(options)

    return {"change_config": change}


def foreign_function(config):
    gates = {"module": "os", "class_name": "function", "config": "system"}
    layers_of(config)["LSTM"]["config"]["recurrent_activation"] = gates


def link_out(file):
    name = next(name for name in ("layers/lstm/cell/vars/0",) if name in file)
    del file[name]
    file[name] = h5py.ExternalLink("elsewhere.h5", "/x")


def put_nan(file):
    file["layers/lstm/cell/vars/0"][0, 0] = np.nan


def drop_weights(file):
    del file["layers/lstm/cell/vars/0"]


SPOILED = {
    "Lambda": (replace_class("Flatten", class_name="Lambda"), "'Lambda'"),
    "foreign class": (
        replace_class("Dense", module="os", class_name="system"),
        "'system' of 'os'",
    ),
    "registered class": (
        replace_class("Dense", registered_name="mine>Dense"),
        "nothing of it was run",
    ),
    "foreign function": ({"change_config": foreign_function}, "'function' of 'os'"),
    "another network": (
        {"change_config": lambda config: config["config"]["layers"].pop(2)},
        "another network",
    ),
    "Sequential": (
        {"change_config": lambda config: config.update(class_name="Sequential")},
        "Sequential",
    ),
    "two scores": (set_option("Dense", units=2), "more than one score"),
    "huge LSTM": (set_option("LSTM", units=10**9), "parameters"),
    "huge input": (set_option("InputLayer", batch_shape=[None, T, 10**9]), "param"),
    "long input": (set_option("InputLayer", batch_shape=[None, 10**9, F]), "param"),
    "any length": (set_option("InputLayer", batch_shape=[None, None, F]), "whole"),
    "other units": (set_option("LSTM", units=2), "cannot be loaded"),
    "no such activation": (set_option("Dense", activation="wat"), "cannot be loaded"),
    "way out": ({"change_members": {"../../x": b"x"}}, "must hold"),
    "assets": ({"change_members": {"assets/x": b"x"}}, "must hold"),
    "no JSON": ({"change_members": {"config.json": b"{"}}, "damaged"),
    "a list": ({"change_members": {"config.json": b"[]"}}, "damaged"),
    "deep JSON": ({"change_members": {"config.json": b"[" * 30000}}, "damaged"),
    "pickled weights": (
        {"change_members": {"model.weights.h5": b"\x80\x04." * 999}},
        "damaged",
    ),
    "packed": ({"compression": zipfile.ZIP_DEFLATED}, "packed"),
    "link out": ({"weights": link_out}, "leads out"),
    "NaN": ({"weights": put_nan}, "NaN"),
    "no weights": ({"weights": drop_weights}, "cannot be loaded"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_other_archives_are_refused_in_one_line(run, name):
    _, path = run
    changes, words = SPOILED[name]
    repack(path, **changes)
    check_refusal(models.load_checkpoint, path, words)


def test_a_lambda_is_never_run(tmp_path):
    witness = str(tmp_path / "ran")
    inputs = keras.Input((T, F))
    outputs = keras.layers.Lambda(lambda x: open(witness, "w") and x)(inputs)  # noqa: PTH123, SIM115
    model = keras.Model(inputs, outputs)
    Path(witness).unlink()
    model.save(tmp_path / "a.keras")
    check_refusal(models.load_checkpoint, tmp_path / "a.keras", "Lambda")
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
@pytest.mark.parametrize("suffix", [".keras", ".hdf5"])
def test_other_content_is_named(tmp_path, content, words, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    if content.startswith(b"PK") and suffix == ".hdf5":
        words = "rename"
    check_refusal(models.load_checkpoint, path, words)


@pytest.mark.parametrize("part", [0.001, 0.1, 0.4, 0.7, 0.95, 0.999])
def test_an_archive_cut_anywhere_is_refused(run, part):
    _, path = run
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    check_refusal(models.load_checkpoint, path, "damaged")
