"""Scores of sequences, by a run, made as the run was trained on."""

import itertools
from pathlib import Path

import numpy as np

import sequences
from console import Problem, caution


def check_extraction(folder, record):
    """See that the sequences were made as those the run was trained on."""
    present = sequences.read_extraction(folder)
    if present is None:  # published text sequences; their shape is all there is
        return
    if not record.get("published"):
        wrong = sequences.compare_extractions(present, record["extraction"] or {})
        if wrong:
            raise Problem(
                f"the sequences of {folder} do not suit run {record['run']}: "
                f"{'; '.join(wrong)}"
            )
        return
    expected = record["extraction"]
    if present["n_frames"] != expected["n_frames"]:
        raise Problem(
            f"{record['run']} takes sequences of {expected['n_frames']} frames; those "
            f"of {folder} have {present['n_frames']}"
        )
    if (present["weights"], present["sampling"]) != ("imagenet", "stride"):
        caution(
            f"{record['run']} was trained on ImageNet features with stride sampling. "
            f"These are {present['weights']}, {present['sampling']}: the scores mean "
            "nothing unless that is the same"
        )


def open_extractor(record, weights=None):
    """Open the `extractor.Extractor` that a run was trained with.

    `weights` says where the weights of InceptionV3 are, if not where they were.
    """
    from extractor import Extractor

    made = record["extraction"]
    if not made or not {"weights", "sampling"} <= made.keys():
        raise Problem(
            f"run {record['run']} was trained on sequences of unknown making, so new "
            "videos cannot be treated alike"
        )
    wanted = weights or made["weights"]
    if wanted not in sequences.NAMED_WEIGHTS and not Path(wanted).is_file():
        raise Problem(f"the run's weights {wanted} are gone; say where with --weights")
    extractor = Extractor(wanted, precision=made.get("precision", "float32"))
    if made.get("sha256") not in (None, extractor.record["sha256"]):
        raise Problem(
            f"--weights {wanted} are not those of run {record['run']}, which took "
            f"{made['weights']}"
        )
    if record.get("published") and wanted != "imagenet":
        caution("the published network expects ImageNet weights")
    if wanted == "random":
        caution("features come from an untrained network: good for trying out")
    return extractor


def read_sequences(folder, names, record, control=None):
    """Yield the sequences of clips, changed as a control asks.

    Parameters
    ----------
    folder : path
    names : sequence of str
    record : dict
        Of the run; gives T and F.
    control : {"shuffled-frames", "first-frame"}, optional
        Destroys the order of frames, or repeats the first one.

    Yields
    ------
    float32, (T, F)
    """
    random = np.random.default_rng(0)
    for name in names:
        sequence = sequences.read_sequence(
            folder, name, record["n_frames"], record["n_features"]
        )
        if control == "shuffled-frames":
            sequence = random.permutation(sequence)
        elif control == "first-frame":
            sequence = np.repeat(sequence[:1], len(sequence), axis=0)
        yield sequence


def score_sequences(model, sequences, batch_size=8):
    """Score sequences (T, F), read one after the other, in batches: float64 (N,)."""
    scores, iterator = [], iter(sequences)
    while batch := list(itertools.islice(iterator, batch_size)):
        scores.extend(np.asarray(model.predict_on_batch(np.stack(batch)))[:, 0])
    return np.asarray(scores, float)
