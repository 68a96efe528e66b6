"""Sequences, the features (T, F) of clips on disk, and the record of their making."""

import hashlib
import json
from pathlib import Path

import numpy as np

from features import provenance
from names.matching import explain_first
from system.storage import (
    extraction_path,
    read_json,
    replacing,
    sequence_path,
    write_json,
)
from system.tables import list_some
from system.terminal import Problem, caution, list_versions

# Both kinds are made in one pass: features of the last block, as published, and of a
# middle block, in which movement is read.
KINDS = {"features": "sequence", "movement": "movement sequence"}  # in words
NAMED_WEIGHTS = ("imagenet", "random")  # all others are files
SETTINGS = {  # of an extraction, in words; the weights come on top
    "sampling": "sampling",
    "n_frames": "sequence length",
    "frame_size": "frame size",
    "precision": "precision",
}
PROGRAMS = ("av", "ffmpeg", "pillow", "tensorflow", "keras")


def write_sequence(folder, clip_name, sequence, kind="features"):
    """Write features (T, F) of a clip as float32."""
    with replacing(sequence_path(folder, clip_name, len(sequence), kind)) as temporary:
        np.save(temporary, np.asarray(sequence, np.float32))


def find_sequence(folder, clip_name, n_frames, kind="features"):
    """Find the sequence of a clip: `.npy`, or the published `.txt`; else None."""
    path = sequence_path(folder, clip_name, n_frames, kind)
    return next((p for p in (path, path.with_suffix(".txt")) if p.is_file()), None)


def list_names(folder, n_frames, kind="features"):
    """Name the clips that have a sequence: list of str."""
    place, end = sequence_path(folder, "", n_frames).parent, f"-{n_frames}-{kind}"
    return sorted({path.stem.removesuffix(end) for path in place.glob(f"*{end}.*")})


def list_files(folder, suffix=".*"):
    """List the files of sequences of a folder, of all kinds and lengths."""
    return sorted(
        path
        for kind in KINDS
        for path in extraction_path(folder).parent.glob(f"[!.]*-{kind}{suffix}")
    )


def explain_missing(folder, names, n_frames, kind):
    """Explain which of some clips have no sequence, with what may be meant; or ""."""
    names = dict.fromkeys(names)
    missing = [n for n in names if not find_sequence(folder, n, n_frames, kind)]
    if not missing:
        return ""
    near = explain_first(missing, list_names(folder, n_frames, kind))
    return (
        f"{len(missing)} of {len(names)} clips have no {KINDS[kind]} of {n_frames} "
        f"frames in {extraction_path(folder).parent}: "
        f"{list_some(sorted(missing), 20)}{near}"
    )


def omit_missing(folder, clips, n_frames, kind):
    """List the clips that have a sequence, and caution which have none."""
    names = [clip.name for clip in clips]
    if lacking := explain_missing(folder, names, n_frames, kind):
        caution(f"{lacking}; these are omitted")
    found = [c for c in clips if find_sequence(folder, c.name, n_frames, kind)]
    if not found:
        raise Problem("no clip is left. Make the sequences with extract_features.py")
    return found


def read_sequence(folder, clip_name, n_frames, n_features=None, kind="features"):
    """Read the features of a clip: float32, (T, F).

    Raises Problem when there is no sequence, or it is not finite numbers of `n_frames`
    and, where that is given, `n_features`.
    """
    path = find_sequence(folder, clip_name, n_frames, kind)
    if path is None:
        lacking = explain_missing(folder, [clip_name], n_frames, kind)
        raise Problem(f"{lacking}. Make it with extract_features.py")
    is_text = path.suffix == ".txt"
    stored = read_text_sequence(path, n_frames + 1) if is_text else open_array(path)
    found = stored.shape
    if found != (n_frames, n_features or found[-1]) or not stored.size:
        expected = f"({n_frames}, {n_features or 'F'})"
        raise Problem(f"{path}: expected shape {expected}. Received: {found}")
    sequence = np.array(stored, np.float32)
    if not np.isfinite(sequence).all():
        line = int(np.argmax(~np.isfinite(sequence).all(axis=1))) + 1
        raise Problem(f"{path}:{line}: holds NaN or infinity; extract the clip again")
    if not is_text:
        provenance.check_sequence(folder, path, clip_name, sequence, kind)
    return sequence


def open_array(path):
    """Open a float array of two axes in `.npy`, read once its shape is known."""
    try:
        stored = np.lib.format.open_memmap(path, mode="r")  # knows no pickle
    except Exception as error:  # a corrupt header makes numpy raise many kinds
        raise Problem(f"{path} is not a whole .npy file ({error})") from None
    if stored.dtype.kind != "f" or stored.ndim != 2:
        found = f"{stored.dtype} {stored.shape}"
        raise Problem(f"{path}: expected float numbers (T, F). Received: {found}")
    return stored


def read_text_sequence(path, max_rows):
    """Read a published sequence, text written by `numpy.savetxt`."""
    try:
        return np.loadtxt(path, np.float32, comments=None, ndmin=2, max_rows=max_rows)
    except ValueError as error:
        raise Problem(f"{path} is no text of numbers, (T, F): {error}") from None


# ---------------------------------------------------------------- extraction record


def check_weights(weights):
    """Name weights of InceptionV3, a file so that it is found from any folder."""
    if weights in NAMED_WEIGHTS:
        return weights
    if not Path(weights).is_file():
        raise Problem(
            f"{weights}: no such file of InceptionV3 weights. Give it with --weights, "
            "or imagenet, or random"
        )
    return str(Path(weights).resolve())


def write_extraction(folder, record):
    """Write how the sequences of a folder were made, with a checksum against edits."""
    write_json(extraction_path(folder), {**record, "checksum": checksum(record)})


def read_extraction(folder):
    """Read how the sequences of a folder were made; None where nothing is recorded."""
    path = extraction_path(folder)
    if not path.is_file():
        return None
    record = read_json(path)
    if record.pop("checksum", None) != checksum(record):
        raise Problem(
            f"{path} was edited, so it is unknown how its sequences were made. "
            "Restore it, or extract again with --overwrite"
        )
    check_texts(folder, record)
    return record


def describe_published(n_frames):
    """Describe how the published text sequences were made, as far as it is known."""
    known = {"weights": "imagenet", "sha256": None, "sampling": "stride"}
    return {**known, "n_frames": n_frames, "frame_size": 299, "precision": "float32"}


def describe_making(folder, n_frames=None):
    """Tell how the sequences of a folder were made, published text ones too, or None.

    `n_frames` is T of the sequences that are meant, where texts of several T are there.
    """
    recorded = read_extraction(folder)
    place = extraction_path(folder).parent
    if recorded is not None or list_files(folder, ".npy"):
        return recorded
    names = [path.stem.split("-") for path in place.glob("[!.]*-features.txt")]
    lengths = [int(parts[-2]) for parts in names if parts[-2].isdecimal()]
    if not lengths:
        return None
    usual = max(sorted(set(lengths)), key=lengths.count)
    return describe_published(n_frames if n_frames in lengths else usual)


def check_texts(folder, record):
    """Refuse published text sequences beside others that were not made like them."""
    text = next(extraction_path(folder).parent.glob("[!.]*-features.txt"), None)
    published = describe_published(record.get("n_frames"))
    if text and (differences := compare_extractions(record, published)):
        raise Problem(
            f"{text} is a published sequence, and those beside it have other settings: "
            f"{'; '.join(differences)}. Move one kind to another --data folder"
        )


def checksum(record):
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def compare_extractions(here, there):
    """List the settings in which two extraction records differ, in words.

    The sha256 of the published weights is unknown; there the name decides.
    """
    differences = []
    decides = "sha256" if here.get("sha256") and there.get("sha256") else "weights"
    if here.get(decides) != there.get(decides):
        names = [record.get("weights") for record in (here, there)]
        if names[0] == names[1]:  # two files of one name
            names = [f"{r.get('weights')} ({r['sha256'][:8]})" for r in (here, there)]
        differences.append(f"weights {names[0]} instead of {names[1]}")
    blocks = [record.get("movement") for record in (here, there)]
    if all(blocks) and blocks[0] != blocks[1]:
        differences.append(f"movement in {blocks[0]} instead of {blocks[1]}")
    return differences + [
        f"{words} {here.get(key)} instead of {there.get(key)}"
        for key, words in SETTINGS.items()
        if here.get(key) != there.get(key)
    ]


def describe_programs():
    """Tell the versions that a sequence made here depends on, FFmpeg's too."""
    import av

    return {**list_versions(), "ffmpeg": av.ffmpeg_version_info}


def warn_of_programs(whose, theirs, ours=None):
    """Caution where programs that decide pixels and features had another version.

    `theirs` and `ours`, by default those here, are versions by program, as far as they
    are known. They differ where the first two numbers do.
    """
    ours = describe_programs() if ours is None else ours
    pairs = [(name, ours.get(name), theirs.get(name)) for name in PROGRAMS]
    told = [
        f"{name} {their}, here {our}"
        for name, our, their in pairs
        if our and their and our.split(".")[:2] != their.split(".")[:2]
    ]
    if told:
        caution(
            f"{whose} were made with other versions ({'; '.join(told)}), which may "
            "decode pixels or compute features in slightly other ways. Where small "
            "differences count, make all with one version"
        )
