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
        {"return_sequences": False},
        {"return_state": True},
        {"use_bias": False},
        {"activation": "softsign", "recurrent_activation": "hard_sigmoid"},
        {"go_backwards": True},
        {"unroll": True},
        {"dropout": 0.3, "recurrent_dropout": 0.3},
        {"implementation": 1},
    ],
    ids=str,
)
def test_every_option_gives_the_numbers_of_keras(options):
    plain, fast = make_pair(4, 3, 5, dtype="float64", **options)
    x = make_sequences(2, 5, 3)
    for training in (False, True):
        found = differentiate(fast, x, training)
        assert_equal(found, differentiate(plain, x, training))


def test_a_mask_is_respected():
    plain, fast = make_pair(4, 3, dtype="float64")
    x = make_sequences(2, 5, 3)
    mask = np.array([[True] * 5, [True] * 3 + [False] * 2])
    found = differentiate(fast, x, mask=mask)
    assert_equal(found, differentiate(plain, x, mask=mask))


def test_mixed_precision_is_left_to_keras():
    plain, fast = make_pair(4, 3, dtype="mixed_bfloat16")
    x = make_sequences(2, 5, 3, dtype="float32")
    assert not fast.is_covered()
    found, expected = (keras.ops.cast(f(x), "float32").numpy() for f in (fast, plain))
    assert np.array_equal(found, expected)


def train(layer, optimizer, jit_compile=False):
    keras.utils.set_random_seed(11)
    model = build_lstm(9, 6, units=5, dropout=0.2, bias=2.0, layer=layer)
    model.compile(optimizer(1e-2, weight_decay=0.1), "mse", jit_compile=jit_compile)
    x, y = make_sequences(7, 9, 6, dtype="float32"), np.arange(7.0)[:, None] / 2
    model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0)
    return model, x


def test_training_goes_as_with_keras_and_loads_without_us(tmp_path):
    """7 clips in batches of 4: the last batch has another size."""
    fast, x = train(FastLSTM, FastAdam)
    plain, _ = train(keras.layers.LSTM, keras.optimizers.Adam)
    weights = (model.get_weights() for model in (fast, plain))
    for found, expected in zip(*weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    plain.set_weights(fast.get_weights())
    plain.save(tmp_path / "run.keras")
    loaded = keras.saving.load_model(tmp_path / "run.keras")
    assert type(loaded.get_layer("lstm")) is keras.layers.LSTM
    np.testing.assert_allclose(loaded(x), fast(x), rtol=1e-5, atol=1e-6)


@pytest.mark.thorough
def test_whole_step_compiles_too_with_the_same_bytes_for_a_seed():
    first, _ = train(FastLSTM, keras.optimizers.Adam, jit_compile=True)
    second, _ = train(FastLSTM, keras.optimizers.Adam, jit_compile=True)
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        assert np.array_equal(one, other)
