"""Scores of sequences by a run, made as those that it was trained on."""

import itertools
import shlex
from pathlib import Path

import numpy as np

from features import sequences
from runs import state
from system import storage
from system.terminal import Problem, caution


def check_extraction(folder, run):
    """See that the sequences were made as those the run was trained on; the Problem
    names the command that makes them."""
    n_frames, expected, kind = run.n_frames, run.extraction, run.options.reads
    present = sequences.describe_making(folder, n_frames)
    if present is None:
        if not sequences.list_names(folder, n_frames, kind):
            raise Problem(
                f"{storage.extraction_path(folder).parent} holds no "
                f"{sequences.KINDS[kind]}s of {n_frames} frames yet. "
                f"{suggest_command(folder, run)}"
            )
        return  # it is unknown how they were made; their shape is all there is
    if expected is None:
        caution(
            f"the record of run {run.name} does not give how its sequences were made: "
            "its scores mean something only if those here were made in the same way"
        )
    elif not run.is_published:
        if wrong := sequences.compare_extractions(present, expected):
            raise Problem(
                f"the sequences of {folder} do not suit run {run.name}: "
                f"{'; '.join(wrong)}. {suggest_command(folder, run, is_other=True)}"
            )
        sequences.warn_of_programs(
            "the sequences that the run learned from",
            expected.get("versions", {}),
            present.get("versions", {}),
        )
    elif present["n_frames"] != expected["n_frames"]:
        raise Problem(
            f"{run.name} takes sequences of {expected['n_frames']} frames; those of "
            f"{folder} have {present['n_frames']}. "
            f"{suggest_command(folder, run, is_other=True)}"
        )
    elif (present["weights"], present["sampling"]) != ("imagenet", "stride"):
        caution(
            f"{run.name} was trained on ImageNet features with stride sampling. These "
            f"are {present['weights']}, {present['sampling']}: the scores mean nothing "
            "unless that is the same"
        )


def suggest_command(folder, run, is_other=False):
    """Write the command that makes sequences as those of a run; `is_other`: there are
    some already that were made in another way."""
    made = run.extraction or {}
    if not {"weights", "sampling"} <= made.keys():
        return f"It is unknown how those of run {run.name} were made"
    weights, hint = made["weights"], ""
    if weights not in sequences.NAMED_WEIGHTS and not Path(weights).is_file():
        hint = (
            f", with {Path(weights).name} as FILE: the weights of InceptionV3 that it "
            f"was trained with (sha256 {str(made.get('sha256'))[:12]}...)"
        )
        weights = "FILE"
    way = f"extract_features.py --weights {shlex.quote(weights)} --seq-length "
    way += f"{run.n_frames} --sampling {made['sampling']}"
    if made.get("precision", "float32") != "float32":
        way += f" --precision {made['precision']}"
    command = state.write_command(Path(folder), way)
    if is_other:
        command += " --overwrite (or, without it, another --data folder)"
    return f"Make them with: {command}{hint}"


def settle_weights(run, weights=None):
    """Settle with which weights of InceptionV3 new videos are seen: a name or a file,
    which is `weights` if it is not where it was."""
    made = run.extraction
    if not made or not {"weights", "sampling"} <= made.keys():
        raise Problem(
            f"it is unknown how the sequences of run {run.name} were made, so new "
            "videos cannot be processed in the same way"
        )
    wanted = weights or made["weights"]
    if run.is_published and wanted != "imagenet":
        caution("the published network expects ImageNet weights")
    if wanted == "random":
        caution("features come from an untrained network: use them for trials only")
    sequences.warn_of_programs(
        "the sequences that the run learned from", made.get("versions", {})
    )
    return wanted


def require_sequences(folder, names, run):
    """Refuse clips without a sequence for a run, with the command that makes it."""
    lacking = sequences.explain_missing(folder, names, run.n_frames, run.options.reads)
    if lacking:
        raise Problem(
            f"{lacking}. {suggest_command(folder, run)}; --skip-missing omits them"
        )


def read_sequences(folder, names, run, control=None):
    """Read the sequences (T, F) of clips for a run, one after the other.

    A `control` changes them: "shuffled-frames" destroys the order of frames,
    "first-frame" repeats the first one.
    """
    random = np.random.default_rng(0)
    require_sequences(folder, names, run)
    for name in names:
        sequence = sequences.read_sequence(
            folder, name, run.n_frames, run.n_features, run.options.reads
        )
        if control == "shuffled-frames":
            sequence = random.permutation(sequence)
        elif control == "first-frame":
            sequence = np.repeat(sequence[:1], len(sequence), axis=0)
        yield sequence


def score_sequences(networks, sequences, batch_size=8):
    """Score sequences (T, F) by the mean of networks: float64 (N,)."""
    found = score_members(networks, sequences, batch_size)
    return found.mean(axis=0).astype(float)


def score_members(networks, sequences, batch_size=8):
    """Score sequences (T, F), read one after the other, in batches: (M, N)."""
    found, iterator = [np.empty((len(networks), 0), np.float32)], iter(sequences)
    while batch := list(itertools.islice(iterator, batch_size)):
        batch = np.stack(batch)
        found.append([np.asarray(n.predict_on_batch(batch))[:, 0] for n in networks])
    return np.concatenate(found, axis=1)
