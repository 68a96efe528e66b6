"""Folding keeps the numbers; precision falls back with a sentence."""

import numpy as np
import pytest

import extractor
import inception
from console import Caution
from inception import keras


def build_network(**of_normalization):
    """Build a small network whose normalization has done some training."""
    layers = keras.layers
    pixels = keras.Input((9, 9, 3))
    x = layers.Conv2D(4, 3, use_bias=False)(pixels)
    x = layers.BatchNormalization(**of_normalization)(x)
    x = layers.Activation("relu")(x)
    y = layers.Conv2D(4, 1)(x)  # as it is, with its bias and without normalization
    return keras.Model(pixels, layers.Concatenate()([x, y]))


@pytest.mark.parametrize("scale", [True, False])
def test_folding_keeps_the_numbers(scale):
    network = build_network(scale=scale, epsilon=1e-2)
    random = np.random.default_rng(0)
    network.set_weights([random.gamma(2, 0.5, w.shape) for w in network.get_weights()])
    pixels = random.normal(size=(2, 9, 9, 3)).astype(np.float32)
    folded = inception.fold_normalization(network)
    kinds = {type(layer) for layer in folded.layers}
    assert keras.layers.BatchNormalization not in kinds
    expected = network.predict_on_batch(pixels)
    np.testing.assert_allclose(
        folded.predict_on_batch(pixels), expected, rtol=1e-5, atol=1e-5
    )
    rough = inception.fold_normalization(network, "bfloat16").predict_on_batch(pixels)
    error = np.linalg.norm(rough.astype(np.float32) - expected)
    assert 0 < error < 0.01 * np.linalg.norm(expected)


@pytest.mark.parametrize(
    ("flags", "words"),
    [("fpu avx2", "no instructions for it"), ("fpu avx512_bf16", "OpenVINO")],
)
def test_bfloat16_falls_back_with_a_sentence(flags, words, tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(f"flags : {flags}\n")
    monkeypatch.setattr(extractor, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(extractor, "find_spec", lambda name: None)
    with pytest.warns(Caution, match=words):
        assert extractor.choose_precision("bfloat16", on_gpu=False) == "float32"


def test_bfloat16_is_taken_where_the_machine_knows_it(tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text("flags : fpu amx_bf16\n")
    monkeypatch.setattr(extractor, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(extractor, "find_spec", lambda name: name == "openvino")
    assert extractor.choose_precision("bfloat16", on_gpu=False) == "bfloat16"
    assert extractor.choose_precision("float32", on_gpu=False) == "float32"
    monkeypatch.setattr(extractor, "CPU_INFO", tmp_path / "gone")
    assert extractor.choose_precision("bfloat16", on_gpu=True) == "bfloat16"
