"""`lstm.FastLSTM` against `keras.layers.LSTM`: same numbers, forward and back."""

import numpy as np
import pytest

from models import build_lstm, hard_sigmoid
from training.fast_lstm import FastAdam, FastLSTM, keras, tf

GATES = {"hard_sigmoid": hard_sigmoid, "sigmoid": "sigmoid"}

on_cpu = pytest.mark.skipif(
    bool(tf.config.list_physical_devices("GPU")), reason="a GPU keeps Keras's own LSTM"
)


def make_pair(units, n_features, n_frames=None, **options):
    """Both layers with the same random weights; large ones, so that gates saturate."""
    random = np.random.default_rng(7)
    options = {"return_sequences": True, "seed": 5, **options}
    layers = keras.layers.LSTM(units, **options), FastLSTM(units, **options)
    for layer in layers:
        layer.build((None, n_frames, n_features))
    weights = [random.normal(0, 1.2, w.shape) for w in layers[0].get_weights()]
    for layer in layers:
        layer.set_weights(weights)
    return layers


def make_sequences(*shape, dtype="float64"):
    return np.random.default_rng(3).normal(0, 1, shape).astype(dtype)


def differentiate(layer, sequences, training=False, **arguments):
    """Outputs, and gradients by input and weights of a loss that weighs each output."""
    x = tf.constant(sequences)
    weights = layer.trainable_variables
    with tf.GradientTape() as tape:
        tape.watch(x)
        results = tf.nest.flatten(layer(x, training=training, **arguments))
        loss = 0.0
        for result in results:
            share = make_sequences(*result.shape, dtype=result.dtype.name)
            loss += tf.reduce_sum(result * share + result**2)
    gradients = tape.gradient(loss, [x, *(w.value for w in weights)])
    return [array.numpy() for array in [*results, *gradients]]


def assert_equal(found, expected, rtol=1e-9):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape and one.dtype == other.dtype
        np.testing.assert_allclose(
            one, other, rtol=rtol, atol=rtol * np.abs(other).max()
        )


@pytest.mark.parametrize(
    ("gates", "size"),
    [
        ("hard_sigmoid", (3, 7, 5, 4)),
        ("sigmoid", (1, 6, 1, 2)),
        ("hard_sigmoid", (2, 1, 3, 1)),
    ],
)
def test_outputs_and_gradients_are_those_of_keras(gates, size):
    batch, steps, n_features, units = size
    plain, fast = make_pair(
        units, n_features, recurrent_activation=GATES[gates], dtype="float64"
    )
    x = make_sequences(batch, steps, n_features)
    assert fast.is_covered() or tf.config.list_physical_devices("GPU")
    assert_equal(differentiate(fast, x), differentiate(plain, x))


@on_cpu
def test_float32_agrees_to_rounding():
    plain, fast = make_pair(6, 5, recurrent_activation=hard_sigmoid)
    x = make_sequences(4, 20, 5, dtype="float32")
    assert_equal(differentiate(fast, x), differentiate(plain, x), rtol=2e-5)


@on_cpu
def test_fast_path_is_taken_by_default(monkeypatch):
    monkeypatch.setattr(keras.layers.LSTM, "inner_loop", None)
    _, fast = make_pair(4, 3)
    assert fast(make_sequences(2, 5, 3)).shape == (2, 5, 4)


def test_dropout_draws_the_masks_of_keras():
    plain, fast = make_pair(4, 5, dropout=0.4, dtype="float64")
    x = make_sequences(3, 6, 5)
    for _ in range(3):  # another mask each time, the same for both
        found = differentiate(fast, x, training=True)
        assert_equal(found, differentiate(plain, x, training=True))
    assert not np.allclose(found[0], differentiate(fast, x)[0])


@pytest.mark.parametrize(
    "options",
    [
        {"use_bias": False},
        {"activation": "softsign", "recurrent_activation": "hard_sigmoid"},
        {"go_backwards": True},
        {"dropout": 0.3, "recurrent_dropout": 0.3},
    ],
    ids=str,
)
def test_every_option_gives_the_numbers_of_keras(options):
    plain, fast = make_pair(4, 3, 5, dtype="float64", **options)
    x = make_sequences(2, 5, 3)
    for training in (False, True):
        found = differentiate(fast, x, training)
        assert_equal(found, differentiate(plain, x, training))


def train(layer, optimizer):
    keras.utils.set_random_seed(11)
    model = build_lstm(9, 6, units=5, dropout=0.2, bias=2.0, layer=layer)
    model.compile(optimizer(1e-2), "mse", jit_compile=False)
    x, y = make_sequences(7, 9, 6, dtype="float32"), np.arange(7.0)[:, None] / 2
    model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0)
    return model


def test_training_goes_as_with_keras():
    """7 clips in batches of 4: the last batch has another size."""
    fast = train(FastLSTM, FastAdam)
    plain = train(keras.layers.LSTM, keras.optimizers.Adam)
    weights = (model.get_weights() for model in (fast, plain))
    for found, expected in zip(*weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
