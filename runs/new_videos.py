"""New videos, or windows of them, to scores with intervals and warnings.

Features of new videos are kept, so that another question of them is answered at once:
`new/<key>.npz` in the working folder holds the sequence of a video, or of a window of
it, and what the video is like. The key is a digest of all that they depend on: bytes
and kind of the file, the part that is seen, how the sequences of a run are made, and
the versions of programs.
"""

import functools
import hashlib
import itertools
import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from features import sequences
from runs import intervals, novelty, predict
from system import storage
from system.terminal import Problem, caution
from video import frames

BATCH_SIZE = 8  # sequences a pass
NO_SKILL = "run not better than the mean on held-out animals"


class Part(NamedTuple):
    """A new video, or a window of one, in frames."""

    video: Path
    view: frames.View
    clip: str  # its name, which no other video has
    rate: float | None = None  # frames a second, where the part has a start and an end
    is_apart: bool = True  # overlaps no earlier part that is apart


class Scored(NamedTuple):
    """A part with its score, and in what it differs from the training clips."""

    part: Part
    n_frames: int
    score: float
    warnings: dict  # as of `novelty.list_warnings`

    def explain(self):
        return "; ".join(f"{kind} {how}" for kind, how in self.warnings.items())


# ---------------------------------------------------------------- parts


def list_windows(clips, view, length, every, allow_short=False):
    """List windows of `length` seconds of all videos, one `every` so many seconds. Then
    what was wrong with videos that have no window."""
    parts, failed, seen, there = [], [], 0, 0
    for name, clip in clips.items():
        try:
            reel = frames.open_reel(Path(clip.video), allow_short)
            own = cut_windows(name, Path(clip.video), reel, view, length, every)
        except Problem as problem:
            failed.append(str(problem))
            continue
        parts += own
        there += reel.n_frames / reel.rate
        frames_seen = {f for p in own for f in range(p.view.start, p.view.end)}
        seen += len(frames_seen) / reel.rate
    if there and 1 - seen / there >= 0.01:
        caution(
            f"{1 - seen / there:.0%} of the film is not seen: a window of {length:.4g} "
            f"s every {every:.4g} s"
        )
    return parts, failed


def cut_windows(name, video, reel, view, length, every):
    """List the windows of one video: list of Part."""
    if not reel.rate:
        raise Problem(f"{video}: its frame rate is unknown, so it has no seconds")
    size, step = round(length * reel.rate), max(round(every * reel.rate), 1)
    if size > reel.n_frames:
        lasts = reel.n_frames / reel.rate
        raise Problem(f"{video}: lasts {lasts:.2f} s, a window {length:.2f} s")
    parts, end = [], 0
    for start in range(0, reel.n_frames - size + 1, step):
        own = view._replace(start=start, end=start + size)
        parts.append(Part(video, own, name, reel.rate, is_apart=start >= end))
        end = start + size if start >= end else end
    return parts


def window_seconds(run):
    """Find how long the median clip of a run was: the length of a window of a long
    video."""
    if not run.clips_were.median_seconds:
        raise Problem(
            f"the record of run {run.name} does not give the seconds that its "
            "clips lasted: give the length of a window with --window SECONDS"
        )
    return run.clips_were.median_seconds


# ---------------------------------------------------------------- features


class Features:
    """Features of new videos, by the extractor of a run or as they were kept.

    `digests` are of the videos, by clip; `open_extractor` takes run and weights, and is
    called when a video is new; without a folder nothing is kept; `allow_short` takes
    what is there of a video that is truncated.
    """

    def __init__(
        self, run, weights, digests, open_extractor, folder=None, allow_short=False
    ):
        self.run, self.weights, self.digests = run, weights, digests
        self.open_extractor = open_extractor
        self.place, self.allow_short = folder and Path(folder) / "new", allow_short
        self.n_read, self.n_written, self.looks = 0, 0, {}
        made = run.extraction
        if not made.get("sha256") and Path(weights).is_file():
            weights = storage.digest_file(weights)
        self.settings = {
            "weights": made.get("sha256") or weights,
            "sequence": (run.options.reads, run.n_frames, made["sampling"]),
            "precision": made.get("precision"),
            "movement": made.get("movement"),
            "allow_short": allow_short,
            "versions": sequences.describe_programs(),
        }

    @functools.cached_property
    def extractor(self):
        return self.open_extractor(self.run, self.weights)

    def find(self, part):
        """Find where a part is kept, or None where it cannot be."""
        digest = self.digests[part.clip]
        if not (self.place and digest):
            return None
        seen = {"video": digest, "kind": part.video.suffix.lower(), "view": part.view}
        key = json.dumps(self.settings | seen, sort_keys=True)
        return self.place / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"

    def read_kept(self, path):
        """Read the sequence (T, F), the `Look` and notes of a part; None if damaged."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                sequence, known = stored["sequence"], json.loads(str(stored["known"]))
        except Exception:  # zipfile, JSON and numpy fail in many ways
            return None
        self.n_read += 1
        return sequence, novelty.Look(*known["look"]), known["notes"]

    def keep(self, path, sequence, look, notes):
        """Keep what was extracted; where that is not possible it is said once."""
        known = json.dumps({"look": look, "notes": notes})
        try:
            with storage.replacing(path) as temporary:
                np.savez(temporary, sequence=sequence, known=known)
            self.n_written += 1
        except Problem as problem:
            caution(f"the features of new videos are not kept: {problem}")
            self.place = None

    def describe(self):
        """Describe what was read and written, and the size of all; "" where nothing."""
        if not (self.place and (self.n_read or self.n_written)):
            return ""
        n_bytes = sum(path.stat().st_size for path in self.place.glob("[!.]*.npz"))
        return (
            f"features: {self.n_written} extracted and {self.n_read} found in "
            f"{self.place}, which holds {n_bytes / 1e6:.1f} MB and may be deleted; "
            "--no-cache keeps none"
        )

    def read(self, part):
        """Read the frames of a part that make its sequence; note what it is like."""
        resizer, reel = frames.Resizer(), frames.open_reel(part.video, self.allow_short)
        sampling = self.run.extraction["sampling"]
        chosen, n_available = frames.read_reel(
            reel, self.run.n_frames, sampling, resizer, part.view
        )
        size = resizer.size + (f" of {reel.size}" if part.view.crop else "")
        look = novelty.Look(n_available, reel.rate, size, resizer.brightness)
        self.looks[part] = look, reel.list_notes()
        return chosen

    def extract(self, parts):
        reads = ((part, functools.partial(self.read, part)) for part in parts)
        return (sequence for _, sequence in self.extractor.stream(reads))

    def gather(self, parts, failed):
        """Gather parts with sequence and look, in order; notes what `failed`."""
        paths = {part: self.find(part) for part in parts}
        there = {part for part, path in paths.items() if path and path.is_file()}
        todo = [part for part in parts if part not in there]
        new = self.extract(todo) if todo else iter(())
        for part in parts:
            found = self.read_kept(paths[part]) if part in there else None
            if found is None:  # a damaged one, too
                sequence = next(self.extract([part]) if part in there else new)
                if isinstance(sequence, Problem):
                    failed.append(f"{part.video.name}: {sequence}")
                    continue
                found = sequence, *self.looks.pop(part)
                if paths[part] and self.place:
                    self.keep(paths[part], *found)
            sequence, look, notes = found
            for note in notes:
                caution(f"{part.video.name}: {note}")
            yield part, sequence, look


def score_parts(parts, networks, features):
    """Score parts of new videos: list of Scored, and what was wrong with the others."""
    from tqdm import tqdm

    run, failed, scored, size = features.run, [], [], min(BATCH_SIZE, len(parts))
    how = {"total": len(parts), "desc": "scoring", "unit": "clip", "disable": None}
    found = iter(tqdm(features.gather(parts, failed), **how))
    while batch := list(itertools.islice(found, size)):
        scores = predict.score_sequences(networks, [each[1] for each in batch], size)
        for (part, sequence, look), score in zip(batch, scores.tolist(), strict=True):
            warnings = novelty.list_warnings(run, look, score, sequence)
            scored.append(Scored(part, look.n_frames, score, warnings))
    return scored, failed


# ---------------------------------------------------------------- tables


def tabulate(scored, run, level, clips, trained):
    """Make the rows of what was scored, and of the means of animals: lists of dict.

    `clips` that are `trained`, see `new_animals`, get no interval; of windows that
    overlap the ones that fit count.
    """
    rows, of_animal, means = [], {}, []
    for each in scored:
        part, known = each.part, trained.get(each.part.clip)
        animal = clips[part.clip].animal or part.clip
        where = {"clip": part.clip, "animal": animal, "video": str(part.video)}
        times = {"start": part.view.start, "end": part.view.end}  # seconds, as below
        where |= {k: n / part.rate if part.rate else None for k, n in times.items()}
        found = describe_score(run, level, each.score, 1, known, each.explain())
        rows.append({**where, "n_frames": each.n_frames, **found})
        of_animal.setdefault(animal, []).append((each.score, part.is_apart, known))
    for animal, own in of_animal.items():
        scores, apart, known = zip(*own, strict=True)
        n_clips, known = sum(apart), next(filter(None, known), None)
        found = describe_score(run, level, sum(scores) / len(scores), n_clips, known)
        means.append({"animal": animal, "n_clips": n_clips, **found})
    return rows, means


def describe_score(run, level, score, n_clips, known, *warnings):
    """Describe a score, without an interval where the run knows clip or animal."""
    low = high = math.nan
    if not known:
        low, high = intervals.find_intervals(run, [score], n_clips, level)[0].tolist()
    no_skill = intervals.explain_no_skill(run) and NO_SKILL
    text = "; ".join(filter(None, (known, no_skill, *warnings)))
    return {"network_score": score, "low": low, "high": high, "warnings": text}
