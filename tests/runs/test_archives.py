"""Scores of movement on disk: plain arrays, and what Keras wrote of earlier runs."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

import models
from runs import archives, predict, store
from system.storage import digest_file, read_json, write_json
from system.terminal import Problem

T, F = 6, 4
TARGETS = (0.5, 9.0)
LEGACY = Path(__file__).parents[1] / "legacy" / "keras-3-motion.keras"


def draw(seed=0):
    random = np.random.default_rng(seed)
    return models.Motion(T, F, "linear", TARGETS, (random.normal(size=4 * F), 2))


def save(path, networks):
    """Save networks as a run of movement."""
    archives.write_plain(path, networks)
    record = {"run": path.stem, "model": "motion", "n_frames": T, "n_features": F}
    options = {"model": "motion", "activation": "linear", "ensemble": len(networks)}
    record |= {"options": options, "extraction": {}, "sha256": digest_file(path)}
    record["train_clips"] = dict(zip("ab", TARGETS, strict=True))
    write_json(path.with_suffix(".json"), record)
    return path


@pytest.mark.parametrize("n_networks", [1, 3])
def test_a_run_comes_back_bit_for_bit(tmp_path, n_networks):
    networks = [draw(seed) for seed in range(n_networks)]
    again, _ = store.read_run(save(tmp_path / "a.keras", networks))
    sequences = np.random.default_rng(1).random((5, T, F), np.float32)
    expected = np.mean([n.predict_on_batch(sequences) for n in networks], axis=0)
    np.testing.assert_array_equal(
        predict.score_sequences(again, sequences), expected[:, 0]
    )
    assert np.ptp(expected) > 0


def test_a_run_that_keras_wrote_is_read_and_scores_as_it_did():
    """Trained and scored by release 0.3.0, with Keras."""
    networks, run = store.read_run(LEGACY)
    with np.load(LEGACY.with_suffix(".npz")) as stored:
        scores = predict.score_sequences(networks, stored["sequences"])
        np.testing.assert_allclose(scores, stored["scores"], rtol=1e-6)
    assert len(set(scores.tolist())) > 5 and run.options.reads == "movement"


def repack(path, **members):
    """Write an archive anew with other members, None for one that is not there."""
    with zipfile.ZipFile(path) as archive:
        before = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (before | members).items():
            if content is not None:
                archive.writestr(name, content)


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


KERNEL = np.ones((4 * F, 1), np.float32)
OTHERS = {
    "objects": (store_array(KERNEL.astype(object), True), "pickle"),
    "text": (store_array(KERNEL.astype(str)), "restore the two files together"),
    "other shape": (store_array(KERNEL[1:]), "restore the two files together"),
    "NaN": (store_array(KERNEL * np.nan), "NaN"),
    "absurd": (store_array(np.ones(10**5, np.float32)), "absurd size"),
    "claimed": (claim((2**40, 1)), "damaged"),
    "no array": (b"\x93NUMPY", "damaged"),
    "pickle": (b"\x80\x04.", "damaged"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_content_is_refused_in_one_line(tmp_path, name):
    path = save(tmp_path / "a.keras", [draw()])
    content, words = OTHERS[name]
    repack(path, **{"arr_0.npy": content})
    check_refusal(path, words)


def test_a_missing_array_is_refused_in_one_line(tmp_path):
    path = save(tmp_path / "a.keras", [draw()])
    repack(path, **{"arr_1.npy": None})
    check_refusal(path, "damaged")


def check_refusal(path, words):
    beside = path.with_suffix(".json")
    write_json(beside, {**read_json(beside), "sha256": digest_file(path)})
    with pytest.raises(Problem) as refusal:
        store.read_run(path)
    assert words in str(refusal.value) and "\n" not in str(refusal.value)
