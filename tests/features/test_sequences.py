import struct

import films
import numpy as np
import pytest

from features import sequences
from system import storage
from system.terminal import Problem

T, F = 4, 8
RECORD = {
    "weights": "random",
    "sha256": "0" * 64,
    "sampling": "stride",
    "n_frames": T,
    "frame_size": 299,
    "precision": "float32",
    "versions": {"keras": "3"},
}


@pytest.fixture
def sequence():
    return np.random.default_rng(0).random((T, F), np.float32)


def put(folder, content, name="rat", suffix=".npy"):
    """Write bytes where the sequence of a clip lies."""
    path = storage.sequence_path(folder, name, T).with_suffix(suffix)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def problem_of(folder, n_features=None):
    with pytest.raises(Problem) as caught:
        sequences.read_sequence(folder, "rat", T, n_features)
    return str(caught.value)


def header(kind="<f4", shape=(T, F)):
    """Write the start of a `.npy` file that may declare anything."""
    text = repr({"descr": kind, "fortran_order": False, "shape": shape}) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_float_arrays_are_read_as_float32(tmp_path, sequence, kind, order):
    path = put(tmp_path, b"")
    np.save(path, np.asarray(sequence, kind, order=order))
    read = sequences.read_sequence(tmp_path, "rat", T, F)
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, sequence, atol=1e-3)


def test_published_text_is_read_and_array_comes_first(tmp_path, sequence):
    path = put(tmp_path, b"", suffix=".txt")
    np.savetxt(path, sequence)
    read = sequences.read_sequence(tmp_path, "rat", T, F)
    np.testing.assert_array_equal(read, sequence)
    sequences.write_sequence(tmp_path, "rat", sequence + 1)
    np.testing.assert_array_equal(
        sequences.read_sequence(tmp_path, "rat", T), sequence + 1
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("suffix", [".npy", ".txt"])
def test_numbers_that_are_none_are_named_with_their_frame(
    tmp_path, sequence, bad, suffix
):
    sequence[2, 5] = bad
    path = put(tmp_path, b"", suffix=suffix)
    (np.save if suffix == ".npy" else np.savetxt)(path, sequence)
    assert f"rat-4-features{suffix}:3: holds NaN or infinity" in problem_of(tmp_path)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((T, F), int),
        np.zeros((T, F), "U3"),
        np.zeros((T, F), [("a", "f4")]),
        np.zeros(T * F, np.float32),
    ],
)
def test_other_kinds_of_arrays_are_refused(tmp_path, array):
    np.save(put(tmp_path, b""), array)
    assert "expected float numbers (T, F). Received: " in problem_of(tmp_path)


@pytest.mark.parametrize(
    ("shape", "n_features"),
    [((T + 1, F), F), ((T, F - 1), F), ((0, F), F), ((T, 0), None)],
)
def test_other_shapes_are_refused_with_both(tmp_path, shape, n_features):
    np.save(put(tmp_path, b""), np.zeros(shape, np.float32))
    text = problem_of(tmp_path, n_features)
    expected = "not a whole" if 0 in shape else f"expected shape ({T}, {F})"
    assert expected in text or f"Received: {shape}" in text


def test_nothing_is_ever_unpickled(tmp_path):
    np.save(put(tmp_path, b""), np.array([[None] * F] * T))
    assert "not a whole .npy file" in problem_of(tmp_path)


@pytest.mark.parametrize(
    "shape",
    [(2**40, F), (10**30, F), (-1, F), ("a", F), None],
)
def test_huge_and_absurd_declared_shapes_are_refused(tmp_path, sequence, shape):
    put(tmp_path, header(shape=shape) + sequence.tobytes())
    assert "not a whole .npy file" in problem_of(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"1 2\n3 x\n", "could not convert string 'x' to float32 at row 1, column 2"),
        (b"1 2\n\n3\n", "number of columns changed from 2 to 1"),
        (b"", "expected shape"),
        (b"# 1 2\n", "could not convert string '#'"),
        (b"1 2\n3 \0\n", "no text of numbers"),
        (b"1 2\n\xff\xfe 3\n", "no text of numbers"),
    ],
)
def test_spoiled_text_is_named(tmp_path, text, words):
    put(tmp_path, text, suffix=".txt")
    assert words in problem_of(tmp_path, 2)


# ---------------------------------------------------------------- extraction.json


@pytest.mark.parametrize(
    "change",
    [
        *({"sampling": "uniform"}, {"n_frames": 5}, {"weights": "imagenet"}),
        *({"more": 1}, {"checksum": None}, {"checksum": "0" * 64}),
    ],
)
def test_record_that_was_edited_is_refused(tmp_path, change):
    sequences.write_extraction(tmp_path, RECORD)
    films.spoil_record(storage.extraction_path(tmp_path), **change)
    with pytest.raises(Problem, match="was edited"):
        sequences.read_extraction(tmp_path)


def test_differences_are_named_in_words():
    other = {**RECORD, "sha256": "1" * 64, "weights": "w.h5", "n_frames": 125}
    differences = sequences.compare_extractions(RECORD, other)
    assert differences == [
        "weights random instead of w.h5",
        "sequence length 4 instead of 125",
    ]
    assert sequences.compare_extractions(RECORD, {**RECORD, "versions": {}}) == []
    one, other = ({**RECORD, "movement": block} for block in ("mixed4", "mixed6"))
    assert sequences.compare_extractions(one, RECORD) == []
    told = "movement in mixed4 instead of mixed6"
    assert sequences.compare_extractions(one, other) == [told]


def test_published_texts_are_not_mixed_with_sequences_made_otherwise(tmp_path):
    path = storage.sequence_path(tmp_path, "clip", 3).with_suffix(".txt")
    path.parent.mkdir()
    np.savetxt(path, np.ones((3, 4)))
    published = sequences.describe_published(3)
    sequences.write_extraction(tmp_path, {**published, "sha256": "abc"})
    assert sequences.read_extraction(tmp_path)["weights"] == "imagenet"
    sequences.write_extraction(tmp_path, {**published, "weights": "random"})
    with pytest.raises(Problem, match="weights random"):
        sequences.read_extraction(tmp_path)
