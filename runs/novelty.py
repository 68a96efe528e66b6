"""Whether a new video is like the training clips of a run, or out of distribution.

`train_reg.py` writes into the record of a run what its clips were like: how long, how
fast, how large, how bright, and where their features point. New videos are compared.

Features are compared by the angle between square roots of means over time, which does
not grow with how much there is to see. How far a clip of a new animal lies from all
others by chance is measured on the training animals: each is held out, and its clips
are measured against the others. The limit is their conformal quantile (Laxhammar &
Falkman 2015, Annals of Mathematics and Artificial Intelligence 74; animals are the
unit, as in `runs.intervals`), so the rate of false alarms is known.
"""

import math
from typing import NamedTuple

import numpy as np

from features import provenance
from runs import intervals, predict
from runs.record import Features, Likeness
from system.terminal import caution

FALSE_ALARMS = 0.05  # of clips of new animals, where there are animals enough
LONGER, SHORTER = 1.5, 0.5  # than the longest, the shortest training clip
OTHER_RATE, OTHER_LIGHT = 1.05, 1.25  # factors beyond the range in training
GRAIN = 1e-4  # of the features in a record
KINDS = {  # fields of a record, and what they are called
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

    @property
    def seconds(self):
        is_known = self.n_frames and self.fps
        return round(self.n_frames / self.fps, 3) if is_known else None


def point(sequence):
    """Find where the features of a sequence (T, F) point: (F,), of length 1."""
    root = np.sqrt(np.maximum(np.mean(sequence, axis=0), 0))
    return root / max(np.linalg.norm(root), 1e-12)


def measure_distances(directions, centres):
    """Measure 1 - cosine of each (M, F) and the nearest of the centres (A, F): (M,)."""
    lengths = np.maximum(np.linalg.norm(centres, axis=1), 1e-12)
    return 1 - (np.asarray(directions) @ centres.T / lengths).max(axis=1)


def describe_features(directions, animals):
    """Describe where clips (N, F) of animals (N,) point; None for under 4 animals."""
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
    limit = intervals.find_width(distances, animals, level)
    return Features(centres.tolist(), round(limit, 6), round(1 - level, 3))


def look_up(folder, names, run):
    """Look up what clips were like when their sequences were extracted: Looks, and the
    digests of their sources where these are known, by name."""
    origins = provenance.read_origins(folder)
    found = {name: origins.get((name, run.n_frames)) for name in names}
    looks = [
        Look(o.n_frames, o.fps, o.size, o.brightness) if o else Look(None)
        for o in found.values()
    ]
    return looks, {name: origin.digest for name, origin in found.items() if origin}


def describe_clips(folder, run):
    """Describe what the clips that a run knows are like: a Likeness."""
    names, ranges = list(run.targets), {}
    looks, digests = look_up(folder, names, run)
    for field in ("n_frames", "fps", "brightness", "seconds"):
        values = [getattr(look, field) for look in looks]
        ranges[field] = None if None in values else (min(values), max(values))
    directions = np.stack(list(map(point, predict.read_sequences(folder, names, run))))
    sizes, seconds = {look.size for look in looks}, [look.seconds for look in looks]
    return Likeness(
        **ranges,
        median_seconds=None if None in seconds else float(np.median(seconds)),
        size=sorted(sizes) if all(sizes) else None,
        digests=digests,
        features=describe_features(directions, list(map(run.animal_of, names))),
    )


def explain_missing(run):
    """Explain in what new videos cannot be compared with a run's clips, if at all."""
    like = vars(run.clips_were)
    missing = [word for field, word in KINDS.items() if like[field] is None]
    return missing and (
        f"the record of run {run.name} does not give the {', '.join(missing)} "
        "of its training clips, so those of new videos cannot be checked"
    )


def list_warnings(run, look, score, sequence):
    """List in what a video of a Look, a score and a sequence (T, F) differs from the
    training clips of a run: a dict of what (a word of `KINDS`, or "score") and how."""
    like = run.clips_were
    length = (look.seconds, like.seconds, "s")
    if None in length:
        length = (look.n_frames, like.n_frames, "frames")
    targets, light = run.targets.values(), (look.brightness, like.brightness, "of 255")
    scale = targets and [min(targets), max(targets)]
    found = {
        "length": compare(*length, SHORTER, LONGER),
        "frame rate": compare(look.fps, like.fps, "a second", 1 / OTHER_RATE),
        "brightness": compare(*light, 1 / OTHER_LIGHT),
        "score": compare(float(score), scale, "", 1),
    }
    if like.size and look.size and look.size not in like.size:
        found["frame size"] = f"{look.size}, in training {', '.join(like.size[:3])}"
    if like.features:
        centres, limit = np.asarray(like.features.centres), like.features.limit
        (distance,) = measure_distances([point(sequence)], centres)
        if distance > limit:
            times = math.ceil(100 * distance / max(limit, 1e-9)) / 100  # never 1.00
            found["features"] = (
                f"differ from those of every training animal ({times:.2f} times the "
                "usual distance)"
            )
    return {kind: text for kind, text in found.items() if text}


def compare(value, limits, unit, lower, upper=None):
    """Describe a value outside a range that is widened by factors, or return None."""
    if value is None or not limits:
        return None
    low, high = limits
    if low * lower <= value <= high * (upper or 1 / lower):
        return None
    there = f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
    return f"{value:.3g} {unit}".strip() + f", in training {there}"


def report_differences(folder, names, scores, run):
    """Caution where clips of a folder differ from the training clips of a run."""
    sequences = predict.read_sequences(folder, names, run)
    looks, _ = look_up(folder, names, run)
    videos = zip(looks, scores, sequences, strict=True)
    report_warnings(run, [list_warnings(run, *video) for video in videos])


def report_warnings(run, warned):
    """Caution how many videos differ from the training clips, and in what. `warned`:
    dicts as of `list_warnings`, one for each video."""
    if not any(warned):
        return
    kinds = [kind for found in warned for kind in found]
    counts = ", ".join(f"{kind} {kinds.count(kind)}" for kind in dict.fromkeys(kinds))
    if "features" in kinds:
        by_chance = run.clips_were.features.false_alarms
        counts += f", of which up to {by_chance:.0%} by chance"
    n = sum(map(bool, warned))
    differ = "differs" if n == 1 else "differ"
    caution(f"{n} of {len(warned)} videos {differ} from the training videos ({counts})")
