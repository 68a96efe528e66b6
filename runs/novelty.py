"""Whether a new video is like the clips that a run has learned from.

`train_reg.py` writes into the record of a run what those clips were like: how long, how
fast, how large, how bright, and where their features point. `score.py` compares. A run
of an earlier release tells less, and that is said.

Features are compared by the angle between square roots of means over time, which does
not grow with how much there is to see. How far a clip of a new animal lies from all
others by chance, the training animals tell: each is left out and its clips are measured
against the others. The limit is their conformal quantile (Laxhammar & Falkman 2015,
Annals of Mathematics and Artificial Intelligence 74; animals are the unit, as in
`judging/conformal.py`), so the share of false alarms is known.
"""

from typing import NamedTuple

import numpy as np

from features import provenance
from runs import conformal, predict
from system.terminal import caution

FALSE_ALARMS = 0.05  # of clips of new animals, where there are animals enough
LONGER, SHORTER = 1.5, 0.5  # than the longest, the shortest training clip
OTHER_RATE, OTHER_LIGHT = 1.05, 1.25  # factors beyond the range in training
GRAIN = 1e-4  # of the features in a record
LIKENESS = {
    "n_frames": "length",
    "size": "frame size",
    "fps": "frame rate",
    "brightness": "brightness",
    "features": "features",
}


class Look(NamedTuple):
    """What a clip is like; None or "" where that is not known."""

    n_frames: int
    fps: float | None = None  # frames a second
    size: str = ""  # "640x480", after cropping
    brightness: float | None = None  # mean of its first frame, 0 to 255


def look_up(folder, name, n_frames):
    """Look up what a clip was like when its sequence of T frames was extracted."""
    origin = provenance.read_origins(folder).get((name, n_frames))
    known = origin and Look(origin.n_frames, origin.fps, origin.size, origin.brightness)
    return known or Look(None)


def point(sequence):
    """Find where the features of a sequence (T, F) point: (F,), of length 1."""
    root = np.sqrt(np.maximum(np.mean(sequence, axis=0), 0))
    return root / max(np.linalg.norm(root), 1e-12)


def measure_distances(directions, centres):
    """Measure 1 - cosine of each (M, F) and the nearest of the centres (A, F): (M,)."""
    lengths = np.maximum(np.linalg.norm(centres, axis=1), 1e-12)
    return 1 - (np.asarray(directions) @ centres.T / lengths).max(axis=1)


def describe_features(directions, animals):
    """Describe where clips (N, F) of animals (N,) point; None for under 4 animals.

    Returns
    -------
    dict
        "centres", of the animals, in units of `GRAIN`; "limit", the distance that new
        animals pass by chance in a share of "false_alarms" of their clips, at most.
    """
    names, index = np.unique(animals, return_inverse=True)
    if len(names) < 4:
        return None
    centres = [directions[index == i].mean(axis=0) for i in range(len(names))]
    centres = np.round(np.stack(centres) / GRAIN).astype(int)
    distances = np.empty(len(directions))
    for i in range(len(names)):
        others = np.delete(centres, i, axis=0)
        distances[index == i] = measure_distances(directions[index == i], others)
    level = min(1 - FALSE_ALARMS, len(names) / (len(names) + 1))
    limit = conformal.find_width(distances, animals, level)
    told = {"limit": round(limit, 6), "false_alarms": round(1 - level, 3)}
    return {**told, "centres": centres.tolist()}


def describe_clips(folder, names, animals, record):
    """Describe what the clips `names` (N,) of `animals` (N,) are like.

    Returns
    -------
    dict
        "n_frames", "seconds", "fps", "brightness": [least, most]; "size": list of str;
        "digests": of the source of each clip that tells it, by name; "features": see
        `describe_features`. None for what not every clip tells.
    """
    looks = [look_up(folder, name, record["n_frames"]) for name in names]
    columns = dict(zip(Look._fields, map(list, zip(*looks, strict=True)), strict=True))
    sizes = columns.pop("size")
    columns["seconds"] = [last_seconds(look) for look in looks]
    found = {
        name: None if None in values else [min(values), max(values)]
        for name, values in columns.items()
    }
    sequences = predict.read_sequences(folder, names, record)
    directions = np.stack([point(sequence) for sequence in sequences])
    found["size"] = sorted(set(sizes)) if all(sizes) else None
    known = provenance.read_origins(folder)
    pairs = [(name, known.get((name, record["n_frames"]))) for name in names]
    found["digests"] = {name: origin.digest for name, origin in pairs if origin}
    return {**found, "features": describe_features(directions, animals)}


def last_seconds(look):
    return round(look.n_frames / look.fps, 3) if look.n_frames and look.fps else None


# ---------------------------------------------------------------- new videos


def explain_silence(record):
    """Say in what new videos cannot be compared with a run's clips, or return None."""
    like = record.get("clips_were") or {}
    missing = [word for key, word in LIKENESS.items() if like.get(key) is None]
    return missing and (
        f"run {record['run']} does not tell what its clips were like in "
        f"{', '.join(missing)}: new videos are not compared in that"
    )


def list_warnings(record, look, score, sequence):
    """List in what a video is unlike the clips that a run has learned from.

    Parameters
    ----------
    record : dict
        Of the run.
    look : Look
    score : float
        Network score.
    sequence : float32, (T, F)

    Returns
    -------
    dict of str to str
        What is odd (a word of `LIKENESS`, or "score"), and how.
    """
    like = record.get("clips_were") or {}
    seconds = last_seconds(look)
    length = (seconds, like.get("seconds"), "s")
    if None in length:
        length = (look.n_frames, like.get("n_frames"), "frames")
    targets = [*(record["train_clips"] or {}).values()]
    targets += (record.get("watched_clips") or {}).values()
    scale = [min(targets), max(targets)] if targets else None
    found = {
        "length": compare(*length, SHORTER, LONGER),
        "frame rate": compare(look.fps, like.get("fps"), "a second", 1 / OTHER_RATE),
        "brightness": compare(
            look.brightness, like.get("brightness"), "of 255", 1 / OTHER_LIGHT
        ),
        "score": compare(float(score), scale, "", 1),
    }
    if like.get("size") and look.size and look.size not in like["size"]:
        found["frame size"] = f"{look.size}, in training {', '.join(like['size'][:3])}"
    if features := like.get("features"):
        centres = np.asarray(features["centres"])
        (distance,) = measure_distances([point(sequence)], centres)
        if distance > features["limit"]:
            times = f"{distance / max(features['limit'], 1e-9):.1f} times as far"
            found["features"] = f"{times} from any animal as new ones usually are"
    return {kind: text for kind, text in found.items() if text}


def tell_differences(folder, names, scores, record):
    """Caution where clips of a folder are unlike those that a run learned from."""
    sequences = predict.read_sequences(folder, names, record)
    looks = [look_up(folder, name, record["n_frames"]) for name in names]
    known = zip(looks, scores, sequences, strict=True)
    warned = [list_warnings(record, *each) for each in known]
    if any(warned):
        caution(count_kinds(record, warned))


def compare(value, known, unit, lower, upper=None):
    """Say that a value lies outside a range widened by factors, or return None."""
    if value is None or not known:
        return None
    low, high = known
    if low * lower <= value <= high * (upper or 1 / lower):
        return None
    there = f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
    return f"{value:.3g} {unit}".strip() + f", in training {there}"


def count_kinds(record, warned):
    """Say in a line how many of the videos are unlike the training clips, by kind.

    `warned`: dicts as of `list_warnings`, one for each video.
    """
    kinds = [kind for found in warned for kind in found]
    told = ", ".join(f"{kind} {kinds.count(kind)}" for kind in dict.fromkeys(kinds))
    features = (record.get("clips_were") or {}).get("features")
    alarms = (
        f" (features: up to {features['false_alarms']:.0%} of new animals' clips by "
        "chance)"
        if features and "features" in kinds
        else ""
    )
    n_odd = sum(map(bool, warned))
    return (
        f"{n_odd} of {len(warned)} are unlike what the run learned from: {told}{alarms}"
    )
