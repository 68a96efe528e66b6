"""Explanations are exact where they can be: checked against Keras and known answers."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from explaining import checks, explanation, members

LEGACY = Path(__file__).parent / "legacy"


def make_network(kind="lstm", n_frames=8, n_features=12, seed=0, **options):
    keras.utils.set_random_seed(seed)
    if kind == "pool":
        return models.build_pool(n_frames, n_features, **options)
    return models.build_lstm(n_frames, n_features, units=10, **options)


def make_sequences(n=5, n_frames=8, n_features=12, seed=0):
    random = np.random.default_rng(seed)
    return random.gamma(1.0, 1.0, (n, n_frames, n_features)).astype(np.float32)


def make_statistics(n_features=12):
    random = np.random.default_rng(1)
    return random.random(n_features), random.random(n_features) + 0.5


def make_ensemble(n_frames=8):
    parts = [
        make_network(n_frames=n_frames, seed=s, bias=b) for s, b in enumerate((1, -1))
    ]
    return models.build_ensemble(parts)


NETWORKS = {
    "even": lambda: make_network(),
    "odd": lambda: make_network(n_frames=7),
    "two frames": lambda: make_network(n_frames=2),
    "active": lambda: make_network(bias=2.0),
    "sigmoid": lambda: make_network(gates="sigmoid", activation="linear"),
    "standardized": lambda: make_network(statistics=make_statistics()),
    "pool": lambda: make_network("pool", statistics=make_statistics()),
    "ensemble": make_ensemble,
}


@pytest.fixture(scope="module", params=NETWORKS)
def case(request):
    """A network, its sequences and its explanation."""
    network = NETWORKS[request.param]()
    sequences = make_sequences(n_frames=network.input_shape[1])
    parts = members.open_members(network)
    return network, sequences, parts, explanation.explain(parts, sequences)


def test_shares_and_bias_add_up_to_the_score(case):
    network, sequences, _, found = case
    expected = network.predict_on_batch(sequences)[:, 0]
    assert np.abs(found.scores - expected).max() < 1e-5
    assert np.allclose(found.shares.sum(axis=1) + found.bias, found.value, atol=1e-6)


def test_a_clipped_score_is_explained_before_the_clip():
    parts = members.open_members(make_network(bias=-9.0))
    found = explanation.explain(parts, make_sequences())
    assert found.clipped.all() and not found.scores.any()
    assert (found.value < -5).all()
    assert found.attribution.gradients.any()


def test_attributions_add_up_to_the_gain_from_zero(case):
    _, sequences, parts, found = case
    gain = found.value - members.evaluate(parts, np.zeros_like(sequences))
    miss = np.abs(found.features.sum(axis=1) - gain)
    assert (miss <= 0.01 * np.abs(gain) + 1e-6).all()
    assert np.allclose(found.frames.sum(axis=1), found.features.sum(axis=1))
    away = sequences - sequences.mean(axis=1, keepdims=True)
    beyond = (away * found.attribution.gradients).sum(axis=2, dtype=float)
    assert np.allclose(found.beyond, beyond, atol=1e-6)


def test_gradient_is_that_of_keras(case):
    network, sequences, parts, _ = case
    sequences = tf.constant(sequences)
    nested = [layer for layer in network.layers if layer.name.startswith("member")]
    for part, model in zip(parts, nested or [network], strict=True):
        before = keras.Model(model.inputs, model.get_layer("score").input)
        kernel = model.get_layer("score").get_weights()[0]
        with tf.GradientTape() as tape:
            tape.watch(sequences)
            value = before(sequences) @ kernel
        expected = tape.gradient(value, sequences).numpy()
        _, gradient = part.gradient(part.project(sequences))
        found = np.asarray(part.pull_back(gradient))
        assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


def test_a_pool_network_is_explained_in_closed_form():
    network, sequences = make_network("pool"), make_sequences()
    found = explanation.explain(members.open_members(network), sequences)
    kernel = network.get_layer("score").get_weights()[0][:, 0]
    expected = sequences * kernel / sequences.shape[1]
    assert np.allclose(found.features, expected.sum(axis=1), atol=1e-6)
    assert np.allclose(found.shares, expected.sum(axis=2), atol=1e-6)
    assert (found.attribution.steps == explanation.FIRST_STEPS).all()


def test_the_unpaired_last_frame_has_no_part_in_the_score():
    network, sequences = make_network(n_frames=7), make_sequences(n_frames=7)
    found = explanation.explain(members.open_members(network), sequences)
    assert found.shares.shape[1] == 3
    assert not found.attribution.gradients[:, 6].any()


def test_the_published_network_is_explained():
    network = models.load_checkpoint(LEGACY / "keras-2.0.9-lstm.h5")
    stored = np.load(LEGACY / "keras-2.0.9-lstm.npz")
    sequences = stored["x"].astype(np.float32)
    found = explanation.explain(members.open_members(network), sequences)
    assert np.abs(found.scores - stored["p"].ravel()).max() < 1e-4
    assert found.attribution.residual.max() < 0.01


def test_other_networks_are_refused():
    inputs = keras.Input((4, 3))
    network = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(inputs)))
    with pytest.raises(members.Problem, match="only lstm and pool"):
        members.open_members(network)


def test_places_add_up_to_the_frame():
    random = np.random.default_rng(0)
    maps, gradients = random.random((3, 8, 8, 12)), random.normal(size=(3, 12))
    places = explanation.share_places(gradients, maps)
    expected = (maps.mean(axis=(1, 2)) * gradients).sum(axis=1)
    assert np.allclose(places.sum(axis=(1, 2)), expected)


def test_one_bright_place_gets_everything():
    maps = np.zeros((1, 8, 8, 2))
    maps[0, 5, 2, 1] = 64.0
    places = explanation.share_places(np.array([[9.0, -3.0]]), maps)
    assert places[0, 5, 2] == -3.0
    assert np.count_nonzero(places) == 1


def test_key_frames_are_the_largest_and_not_neighbours():
    importance = np.zeros(80)
    importance[[10, 11, 40, 70]] = [5, 4.9, -6, 1]
    assert explanation.choose_frames(importance, 3) == [40, 10, 70]
    assert len(explanation.choose_frames(np.zeros(3), 8)) == 3


# ---------------------------------------------------------------- checks


def test_deletion_finds_that_the_network_obeys():
    network, sequences = make_network(seed=3), make_sequences(12, seed=4)
    parts = members.open_members(network)
    found = explanation.explain(parts, sequences)
    owners = [f"g{i // 2}" for i in range(12)]
    result = checks.check_deletion(parts, sequences, found, owners)
    for name in ("frames that raise", "features that lower"):
        assert result[name]["clips"]["low"] > 0
        assert result[name]["animals"]["n"] == 6
    gradients = -found.attribution.gradients  # a map that the network defies
    turned = found._replace(attribution=found.attribution._replace(gradients=gradients))
    result = checks.check_deletion(parts, sequences, turned, owners)
    assert result["frames that raise"]["clips"]["high"] < 0


def test_shuffling_keeps_the_weights_but_not_the_explanation():
    network, sequences = make_network(seed=5), make_sequences(6, seed=6)
    (part,) = members.open_members(network)
    mixed = part.shuffle(np.random.default_rng(0))
    for before, after in zip(part.weights, mixed.weights, strict=True):
        assert (np.sort(before, axis=None) == np.sort(after, axis=None)).all()
    values = [members.evaluate([p], sequences) for p in (part, mixed)]
    assert np.abs(values[0] - values[1]).max() > 1e-3
    found = explanation.explain([part], sequences)
    result = checks.check_shuffling([part], sequences, found)
    assert abs(result["signed"]) < 0.9
    assert result["relative"].shape == (12,)


def test_interval_is_student_t():
    found = checks.find_interval([1.0, 2.0, 3.0, 4.0])
    assert found["low"] == pytest.approx(2.5 - 3.18245 * 0.645497, abs=1e-4)
    by_animal = checks.find_interval([1.0, 3.0, 2.0, 5.0, 5.0], list("aabcc"))
    assert (by_animal["value"], by_animal["n"]) == (3.0, 3)
    assert checks.find_interval([1.0, 2.0])["low"] is None


def test_a_patch_covers_every_place_and_the_rest_stays():
    frame = np.full((80, 160, 3), 255, np.uint8)
    covered = checks.occlude(frame)
    assert len(covered) == 64
    patch = covered[3 * 8 + 5][..., 0] == checks.GREY
    rows, columns = np.flatnonzero(patch.any(1)), np.flatnonzero(patch.any(0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (25, 44, 90, 129)
    assert (frame == 255).all()


def test_occlusion_finds_the_place_that_the_network_reads():
    class Corner:
        """One feature: how bright the place in row 2, column 6 is."""

        def __call__(self, frames):
            return np.array(
                [[f[20:30, 60:70].mean() / 255] for f in frames], np.float32
            )

    network = make_network("pool", n_frames=3, n_features=1, bias=1.0)
    network.get_layer("score").set_weights([np.ones((1, 1)), np.zeros(1)])
    frame = np.full((80, 80, 3), 255, np.uint8)
    sequence = np.ones((3, 1), np.float32)
    lost, features = checks.measure_occlusion(
        members.open_members(network), Corner(), sequence, frame, 1
    )
    assert np.unravel_index(lost.argmax(), lost.shape) == (2, 6)
    assert lost[2, 6] == pytest.approx((1 - checks.GREY / 255) / 3, abs=1e-3)
    assert not lost[5:].any()
    assert np.allclose((1 - features[:, 0]) / 3, lost.ravel(), atol=1e-6)
