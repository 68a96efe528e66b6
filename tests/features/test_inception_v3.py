"""The network is Keras's, its normalizations folded; weights come from any file."""

import hashlib

import h5py
import numpy as np
import pytest

import extractor
from features import inception_v3
from system.backend import keras
from system.terminal import Caution, Problem

MADE = {"conv2d": keras.layers.Conv2D, "norm": keras.layers.BatchNormalization}


@pytest.fixture(scope="module")
def trained():
    """InceptionV3, drawn from a seed, whose normalizations have done some training."""
    keras.utils.set_random_seed(inception_v3.RANDOM_SEED)
    network = keras.applications.InceptionV3(
        include_top=False, weights=None, input_shape=(299, 299, 3)
    )
    random = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, MADE["norm"]):
            shapes = [w.shape for w in layer.get_weights()]
            layer.set_weights([random.gamma(9, 0.1, shape) for shape in shapes])
    return network


@pytest.fixture(scope="module")
def parts(trained):
    """Its weights in the order of their making."""
    found = []
    for kind in MADE.values():
        layers = [x for x in trained.layers if isinstance(x, kind)]
        layers.sort(key=lambda x: (len(x.name), x.name))
        found.append([layer.get_weights() for layer in layers])
    return [[*convolution, *rest] for convolution, rest in zip(*found, strict=True)]


def shapes_of(parts):
    return [part[0].shape for part in parts]


@pytest.fixture(scope="module")
def saved(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "own.weights.h5"
    trained.save_weights(path)
    return path


def test_the_network_and_its_digest_are_those_of_keras(trained, saved):
    network, digest = inception_v3.build(saved)
    kinds = {type(layer) for layer in network.layers}
    assert MADE["norm"] not in kinds
    pixels = np.random.default_rng(1).integers(0, 256, (2, 299, 299, 3), np.uint8)
    middle = [trained.get_layer(name).output for name in ("mixed4", "mixed6")]
    middle = keras.layers.Concatenate()(middle)
    both = [trained.output, middle]
    both = keras.Model(trained.input, both)
    preprocess = keras.applications.inception_v3.preprocess_input
    expected = both.predict_on_batch(preprocess(pixels.astype(np.float32)))
    found = network.predict_on_batch(pixels)
    for kind, wanted in zip(("features", "movement"), expected, strict=True):
        assert found[kind].shape == wanted.shape and found[kind].dtype == np.float32
        np.testing.assert_allclose(
            found[kind], wanted, rtol=1e-4, atol=1e-5 * wanted.max()
        )
    content = b"".join(w.astype("<f4").tobytes() for w in trained.get_weights())
    assert digest == hashlib.sha256(content).hexdigest()


def test_random_weights_are_drawn_as_keras_does(parts):
    found = inception_v3.read_parts("random", shapes_of(parts))
    for (kernel, *norm), (expected, *_) in zip(found, parts, strict=True):
        np.testing.assert_array_equal(kernel, expected)
        assert [np.unique(array) for array in norm] == [0, 0, 1]


@pytest.mark.parametrize("name", ["own.weights.h5", "a.h5", "a.keras", "top.h5"])
def test_weights_come_from_any_file_of_keras(trained, parts, saved, tmp_path, name):
    path = saved if name == saved.name else tmp_path / name
    if name == "top.h5":  # a whole model that was trained on
        top = keras.layers.GlobalAveragePooling2D()(trained.output)
        whole = keras.Model(trained.input, keras.layers.Dense(2)(top))
        whole.compile("adam", "mse")
        whole.save(path)
    elif path != saved:
        trained.save(path)
    found = inception_v3.read_parts(path, shapes_of(parts))
    for one, other in zip(found, parts, strict=True):
        for array, expected in zip(one, other, strict=True):
            np.testing.assert_array_equal(array, expected)


def test_files_that_hold_other_weights_are_refused(parts, saved, tmp_path):
    with pytest.raises(Problem, match=r"gone\.h5: no such file"):
        inception_v3.build(tmp_path / "gone.h5")
    path = tmp_path / "a.h5"
    for content in (b"no weights", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n" + bytes(99)):
        path.write_bytes(content)
        with pytest.raises(Problem, match=r"a\.h5 "):
            inception_v3.read_parts(path, shapes_of(parts))
    path.write_bytes(saved.read_bytes())
    with h5py.File(path, "a") as file:
        del file["layers/conv2d_7"]
    with pytest.raises(Problem, match="93 of 94 layers conv2d"):
        inception_v3.read_parts(path, shapes_of(parts))
    path.write_bytes(saved.read_bytes())
    with h5py.File(path, "a") as file:
        del file["layers/conv2d_7/vars/0"]
        file["layers/conv2d_7/vars/0"] = np.zeros((1, 1, 5, 7), np.float32)
    with pytest.raises(Problem, match="convolution 10: expected"):
        inception_v3.read_parts(path, shapes_of(parts))


def test_imagenet_is_fetched_as_keras_does(parts, saved, monkeypatch):
    asked = []

    def get_file(*what, **how):
        asked.append((what, how))
        return str(saved)

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    found = inception_v3.read_parts("imagenet", shapes_of(parts))
    np.testing.assert_array_equal(found[0][0], parts[0][0])
    from keras.src.applications import inception_v3 as published

    ((_, place), how), *_ = asked
    assert place == published.WEIGHTS_PATH_NO_TOP and how["cache_subdir"] == "models"

    def fail(*what, **how):
        raise OSError("no network")

    monkeypatch.setattr(keras.utils, "get_file", fail)
    with pytest.raises(Problem, match="Without internet give --weights FILE"):
        inception_v3.read_parts("imagenet", shapes_of(parts))


def test_bfloat16_is_rough_and_not_for_processors(parts, monkeypatch):
    rough, _ = inception_v3.build_maps("bfloat16")
    assert rough.layers[-2].compute_dtype == "bfloat16"
    monkeypatch.setattr(inception_v3, "build", lambda *kind: (rough, str(kind)))
    monkeypatch.setattr(keras.distribution, "list_devices", lambda kind: [])
    with pytest.warns(Caution, match="brings nothing on a processor"):
        record = extractor.Extractor("random", precision="bfloat16").record
    assert record["precision"] == "float32" and "float32" in record["sha256"]
    monkeypatch.setattr(keras.distribution, "list_devices", lambda kind: ["gpu:0"])
    assert extractor.Extractor(precision="bfloat16").record["precision"] == "bfloat16"
