"""Scores of sequences, by a run, made as the run was trained on."""

import itertools
import shlex
from pathlib import Path

import numpy as np

from features import sequences
from names.matching import explain_first
from system import storage
from system.terminal import Problem, caution


def check_extraction(folder, record):
    """See that the sequences were made as those the run was trained on.

    Where they were not, or there are none yet, the Problem says which command makes
    them as the run wants.
    """
    present = sequences.describe_making(folder, record["n_frames"])
    expected = record["extraction"]
    if present is None and not sequences.list_names(folder, record["n_frames"]):
        raise Problem(
            f"{storage.extraction_path(folder).parent} holds no sequences of "
            f"{record['n_frames']} frames yet. {tell_command(folder, record)}"
        )
    if present is None:  # of unknown making; their shape is all there is
        return
    if expected is None:
        caution(
            f"run {record['run']} does not say how its sequences were made: its scores "
            "mean nothing unless those here were made alike"
        )
        return
    if not record.get("published"):
        if wrong := sequences.compare_extractions(present, expected):
            raise Problem(
                f"the sequences of {folder} do not suit run {record['run']}: "
                f"{'; '.join(wrong)}. {tell_command(folder, record, is_other=True)}"
            )
        return
    if present["n_frames"] != expected["n_frames"]:
        raise Problem(
            f"{record['run']} takes sequences of {expected['n_frames']} frames; those "
            f"of {folder} have {present['n_frames']}. "
            f"{tell_command(folder, record, is_other=True)}"
        )
    if (present["weights"], present["sampling"]) != ("imagenet", "stride"):
        caution(
            f"{record['run']} was trained on ImageNet features with stride sampling. "
            f"These are {present['weights']}, {present['sampling']}: the scores mean "
            "nothing unless that is the same"
        )


def tell_command(folder, record, is_other=False):
    """Say which command makes sequences as a run wants them.

    `is_other`: whether there are sequences already that were made otherwise.
    """
    made = record["extraction"] or {}
    if not {"weights", "sampling"} <= made.keys():
        return f"Run {record['run']} does not say how its own were made"
    weights, hint = made["weights"], ""
    if weights not in sequences.NAMED_WEIGHTS and not Path(weights).is_file():
        hint = f", with {Path(weights).name} as FILE: the weights of InceptionV3 that"
        hint += f" it was trained with (sha256 {str(made.get('sha256'))[:12]}...)"
        weights = "FILE"
    words = ["python extract_features.py", f"--weights {shlex.quote(str(weights))}"]
    words += [f"--seq-length {record['n_frames']}", f"--sampling {made['sampling']}"]
    if made.get("precision", "float32") != "float32":
        words.append(f"--precision {made['precision']}")
    if Path(folder) != storage.DEFAULT_FOLDER:
        words.append(f"--data {shlex.quote(str(folder))}")
    also = "" if not is_other else " --overwrite"
    also_told = "" if not is_other else " (or, without it, another --data folder)"
    return f"Make them as it wants: {' '.join(words)}{also}{also_told}{hint}"


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
    random, n_frames = np.random.default_rng(0), record["n_frames"]
    missing = [n for n in names if not sequences.find_sequence(folder, n, n_frames)]
    if missing:
        there = sequences.list_names(folder, n_frames)
        raise Problem(
            f"{len(missing)} of {len(names)} clips have no sequence of {n_frames} "
            f"frames in {storage.extraction_path(folder).parent}: "
            f"{', '.join(missing[:10])}{explain_first(missing, there)}. "
            f"{tell_command(folder, record)}"
        )
    for name in names:
        sequence = sequences.read_sequence(folder, name, n_frames, record["n_features"])
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
