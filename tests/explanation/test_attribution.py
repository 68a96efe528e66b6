"""Explanations are exact where they can be: checked against Keras and known answers."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from explanation import (
    attribution,
    checks,
    network,
    places,
    summary,
)
from runs import keras2

LEGACY = Path(__file__).parents[1] / "legacy"


def make_network(kind="lstm", n_frames=8, n_features=12, seed=0, **options):
    keras.utils.set_random_seed(seed)
    if kind == "pool":
        return models.build_pool(n_frames, n_features, **options)
    if kind == "motion":
        weights = np.random.default_rng(seed).normal(size=4 * n_features)
        return models.Motion(n_frames, n_features, weights=(weights, 2.0))
    return models.build_lstm(n_frames, n_features, units=10, **options)


def run_test(test, networks, sequences, found, *more):
    """Run a test where the same networks explain all clips."""
    return test([(networks, np.arange(len(sequences)))], sequences, found, *more)


def make_sequences(n=5, n_frames=8, n_features=12, seed=0):
    random = np.random.default_rng(seed)
    return random.gamma(1.0, 1.0, (n, n_frames, n_features)).astype(np.float32)


def make_statistics(n_features=12):
    random = np.random.default_rng(1)
    return random.random(n_features), random.random(n_features) + 0.5


def make_ensemble(n_frames=8):
    return [
        make_network(n_frames=n_frames, seed=s, bias=b) for s, b in enumerate((1, -1))
    ]


def open_all(model):
    """Open a network, or all of a list of members."""
    members = model if isinstance(model, list) else [model]
    return [attribution.open_network(member) for member in members]


NETWORKS = {
    "even": lambda: make_network(),
    "odd": lambda: make_network(n_frames=7),
    "two frames": lambda: make_network(n_frames=2),
    "active": lambda: make_network(bias=2.0),
    "sigmoid": lambda: make_network(gates="sigmoid", activation="linear"),
    "standardized": lambda: make_network(statistics=make_statistics()),
    "pool": lambda: make_network("pool", statistics=make_statistics()),
    "motion": lambda: make_network("motion"),
    "ensemble": make_ensemble,
}


@pytest.fixture(scope="module", params=NETWORKS)
def case(request):
    """The members of a network, its sequences and its explanation."""
    model = NETWORKS[request.param]()
    members, networks = model if isinstance(model, list) else [model], open_all(model)
    sequences = make_sequences(n_frames=networks[0].n_frames)
    return members, sequences, networks, attribution.take_apart(networks, sequences)


def test_steps_and_bias_add_up_to_the_score(case):
    members, sequences, _, found = case
    expected = np.mean([m.predict_on_batch(sequences)[:, 0] for m in members], axis=0)
    assert np.abs(found.scores - expected).max() < 1e-5
    total = found.steps.sum(axis=1) + found.bias
    assert np.allclose(total, found.value, atol=1e-5)


def test_a_score_that_is_cut_is_explained_all_the_same():
    networks = open_all(make_network(bias=-9.0))
    found = attribution.take_apart(networks, make_sequences())
    assert found.is_cut.all() and not found.scores.any()
    assert (found.value < -5).all()
    assert found.whole.gradients.any()


@pytest.mark.parametrize("which", ["whole", "beyond"])
def test_attributions_add_up_to_the_gain(case, which):
    """From the sequence of zeros, and from the mean frame held still."""
    _, sequences, networks, found = case
    means = sequences.mean(axis=1, keepdims=True) * (which == "beyond")
    still = np.broadcast_to(means, sequences.shape).astype(np.float32)
    gain = found.value - network.evaluate(networks, still)
    part = getattr(found, which)
    miss = np.abs(part.features.sum(axis=1) - gain)
    scale = np.maximum(np.abs(gain), np.abs(part.frames).sum(axis=1))
    assert (miss <= 0.01 * scale + 1e-6).all()
    assert np.allclose(part.frames.sum(axis=1), part.features.sum(axis=1))


def test_gradient_is_that_of_keras(case):
    members, sequences, networks, _ = case
    if networks[0].has_closed_form:
        return
    sequences = tf.constant(sequences)
    for part, member in zip(networks, members, strict=True):
        before = keras.Model(member.inputs, member.get_layer("score").input)
        kernel = member.get_layer("score").get_weights()[0]
        with tf.GradientTape() as tape:
            tape.watch(sequences)
            value = before(sequences) @ kernel
        expected = tape.gradient(value, sequences).numpy()
        projected, one = np.asarray(part.project(sequences)), np.ones(1, np.float32)
        found = part.sum_gradients(projected, np.zeros_like(projected), one, one / 2)
        found = np.asarray(part.pull_back(found))
        assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


def test_a_pool_network_is_explained_in_closed_form():
    model, sequences = make_network("pool"), make_sequences()
    found = attribution.take_apart(open_all(model), sequences)
    kernel = model.get_layer("score").get_weights()[0][:, 0]
    expected = sequences * kernel / sequences.shape[1]
    assert np.allclose(found.whole.features, expected.sum(axis=1), atol=1e-6)
    assert np.allclose(found.steps, expected.sum(axis=2), atol=1e-6)
    assert (found.whole.steps == 1).all()


def test_movement_is_explained_exactly_frame_by_frame():
    """Of what a frame adds, its change is that to the frame before."""
    model, sequences = make_network("motion"), make_sequences()
    found = attribution.take_apart(open_all(model), sequences)
    roots, n_frames = np.sqrt(sequences.astype(float)), sequences.shape[1]
    mean, change, jerk, trend = model.get_weights()[0].reshape(4, -1)
    time = np.arange(n_frames) - (n_frames - 1) / 2
    expected = roots @ mean / n_frames
    expected += roots @ trend * time[None] / (time @ time)
    expected[:, 1:] += np.abs(np.diff(roots, axis=1)) @ change / (n_frames - 1)
    expected[:, 1:-1] += np.abs(np.diff(roots, 2, axis=1)) @ jerk / (n_frames - 2)
    assert np.allclose(found.steps, expected, atol=1e-5)
    assert np.allclose(found.whole.frames, expected, atol=1e-5)
    assert max(found.whole.residual.max(), found.beyond.residual.max()) < 1e-5
    part = network.split_movement(open_all(model), sequences[0])
    assert np.allclose(part.sum(axis=(1, 2)), expected[0], atol=1e-5)
    still = np.repeat(sequences[:1, :1], n_frames, axis=1)
    moved = network.split_movement(open_all(model), still[0])[:, 1:3]
    assert not moved.any()


def test_the_published_network_is_explained():
    model = keras2.load_published(LEGACY / "keras-2.0.9-lstm.h5")
    stored = np.load(LEGACY / "keras-2.0.9-lstm.npz")
    sequences = stored["x"].astype(np.float32)
    found = attribution.take_apart(open_all(model), sequences)
    assert np.abs(found.scores - stored["p"].ravel()).max() < 1e-4
    assert found.whole.residual.max() < 0.01


def test_a_change_is_where_the_map_changed_and_adds_up():
    """To what the network knows as change and jerk, of every frame."""
    random = np.random.default_rng(0)
    maps = random.gamma(0.3, 1, (6, 17, 17, 5)).astype(np.float32)
    maps[:, :8] = maps[0, :8]  # the upper half stands still
    maps[3, ..., 2] = maps[2, ..., 2]
    maps[:, ..., 4] = 0  # a feature that nothing excites
    sequence = maps.mean(axis=(1, 2), dtype=float).astype(np.float32)
    weights = random.normal(size=20)
    moving = attribution.open_network(models.Motion(6, 5, weights=(weights, 0)))
    parts = moving.split(sequence[None])[0, :, 1:3].sum(axis=(1, 2))
    beside = [np.clip(np.arange(6) + i, 0, 5) for i in (-1, 0, 1)]
    around = [maps[at].astype(float) for at in beside]
    found = places.spread_changes(moving.find_rates(sequence), *around)
    assert not found[:, :8].any()
    assert np.abs(parts).min() > 1e-3 or not parts[0]
    np.testing.assert_allclose(found.sum(axis=(1, 2)), parts, atol=2e-5)


def test_key_frames_are_the_largest_and_not_neighbours():
    importance = np.zeros(80)
    importance[[10, 11, 40, 70]] = [5, 4.9, -6, 1]
    assert attribution.choose_frames(importance, 3) == [40, 10, 70]
    assert len(attribution.choose_frames(np.zeros(3), 8)) == 3


def test_deletion_confirms_the_explanation():
    model, sequences = make_network(seed=3), make_sequences(12, seed=4)
    networks = open_all(model)
    found = attribution.take_apart(networks, sequences)
    owners = [f"g{i // 2}" for i in range(12)]
    result = run_test(checks.run_deletion_test, networks, sequences, found, owners)
    for name in ("frames that raise", "features that lower"):
        test = result["tests"][name]
        assert test["low"] > 0 and test["n"] == 6
        assert test["verdict"] == "confirmed" and test["p"] < test["p_holm"] < 0.05
    frames, features = -found.beyond.frames, -found.beyond.features  # contradicted
    beyond = found.beyond._replace(frames=frames, features=features)
    turned = found._replace(beyond=beyond)
    result = run_test(checks.run_deletion_test, networks, sequences, turned, owners)
    assert result["tests"]["frames that raise"]["verdict"] == "contradicted"


@pytest.mark.parametrize(
    ("p_values", "verdicts"),
    [
        ((0.001, 0.002, 0.003, 0.004, 0.005), ["confirmed"] * 5),
        ((0.02, 0.02, 0.02, 0.02, 0.02), ["not shown"] * 5),  # alone each would do
        (
            (0.001, None, 0.9, 0.9, 0.9),
            ["confirmed", "not defined"] + ["not shown"] * 3,
        ),
    ],
)
def test_animals_decide_and_five_tests_are_corrected(p_values, verdicts):
    tests = {
        name: {"value": 1.0, "p": p} for name, p in zip("abcde", p_values, strict=True)
    }
    checks.add_verdicts(tests)
    assert [test["verdict"] for test in tests.values()] == verdicts


def test_features_are_not_tested_where_the_mean_frame_is_all_that_counts():
    model, sequences = make_network("pool"), make_sequences(6)
    networks = open_all(model)
    found = attribution.take_apart(networks, sequences)
    result = run_test(
        checks.run_deletion_test, networks, sequences, found, list("abcdef")
    )
    assert "mean frame" in result["tests"]["features that raise"]["reason"]
    assert result["tests"]["frames that raise"]["value"] is not None


def test_permuting_keeps_the_weights_but_not_the_explanation():
    model, sequences = make_network(seed=5), make_sequences(6, seed=6)
    (part,) = open_all(model)
    before, value = model.get_weights(), network.evaluate([part], sequences)
    with network.permuted([part], np.random.default_rng(0)):
        mixed = model.get_weights()
        assert np.abs(network.evaluate([part], sequences) - value).max() > 1e-3
    for one, other, again in zip(before, mixed, model.get_weights(), strict=True):
        assert (np.sort(one, axis=None) == np.sort(other, axis=None)).all()
        assert (one == again).all()
    assert (network.evaluate([part], sequences) == value).all()
    found = attribution.take_apart([part], sequences)
    result = run_test(checks.run_randomisation_test, [part], sequences, found)
    assert abs(result["signed"]) < 0.9
    assert result["relative"].shape == (12,)
    assert result["evaluated"] == ["signed", "frames"]


def test_what_frames_add_to_a_score_of_movement_is_no_matter_of_its_weights():
    """It is alike with permuted weights, so it is not evaluated."""
    sequences = make_sequences(6)
    sequences[:, ::3] *= 3  # moves more into every third frame, and out of it
    model = models.Motion(8, 12, weights=(np.linspace(0.5, 1.5, 48), 0.0))
    networks = open_all(model)
    found = attribution.take_apart(networks, sequences)
    result = run_test(checks.run_randomisation_test, networks, sequences, found)
    assert result["frames"] > summary.TOO_ALIKE > abs(result["signed"])
    assert summary.evaluate_randomisation(result)["rho"] == abs(result["signed"])


def test_interval_is_student_t():
    found = checks.find_interval([1.0, 2.0, 3.0, 4.0], list("abcd"))
    assert found["low"] == pytest.approx(2.5 - 3.18245 * 0.645497, abs=1e-4)
    by_animal = checks.find_interval([1.0, 3.0, 2.0, 5.0, 5.0], list("aabcc"))
    assert (by_animal["value"], by_animal["n"]) == (3.0, 3)
    assert checks.find_interval([1.0, 2.0], list("ab"))["low"] is None
