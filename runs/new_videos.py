"""New videos, or windows of them, to a table: scores, intervals and warnings."""

import functools
import itertools
import math
from pathlib import Path
from typing import NamedTuple

from runs import intervals, novelty, predict
from system.terminal import Problem, caution
from video import frames
from video.reader import open_reel

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


def list_parts(guessed, view, window=None, every=None, allow_short=False):
    """List what is to be scored, whole videos or windows: list of Part.

    Then what was wrong with videos that have no window.
    """
    videos = {name: Path(clip.video) for name, clip in guessed.items()}
    if not every:
        return [Part(video, view, name) for name, video in videos.items()], []
    parts, failed, seen, there = [], [], 0, 0
    for name, video in videos.items():
        try:
            own, n_frames = list_windows(name, video, view, window, every, allow_short)
        except Problem as problem:
            failed.append(str(problem))
            continue
        parts += own
        there += n_frames / own[0].rate
        frames_seen = {f for p in own for f in range(p.view.start, p.view.end)}
        seen += len(frames_seen) / own[0].rate
    if there and 1 - seen / there >= 0.01:
        caution(
            f"{1 - seen / there:.0%} of the film is not seen: a window of {window:.4g} "
            f"s every {every:.4g} s"
        )
    return parts, failed


def list_windows(name, video, view, length, every, allow_short):
    """List windows of `length` seconds, one `every` so many: list of Part, frames."""
    reel = open_reel(video, allow_short)
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
    return parts, reel.n_frames


def window_seconds(run):
    """Find how long the clips of a run were: the length of a window of a long video."""
    if not run.clips_were.seconds:
        raise Problem(
            f"the record of run {run.name} does not give the seconds that its "
            "clips lasted: give the length of a window with --window SECONDS"
        )
    return math.sqrt(math.prod(run.clips_were.seconds))


def score_parts(parts, networks, run, kept, open_extractor, allow_short=False):
    """Score parts of new videos: list of Scored, and what was wrong with the others.

    `kept` are features of earlier calls, `open_extractor` is called where some are
    lacking; `allow_short` takes what is there of a video that is truncated.
    """
    from tqdm import tqdm

    failed, scored, size = [], [], min(BATCH_SIZE, len(parts))
    gathered = gather(parts, run, kept, open_extractor, allow_short, failed)
    how = {"total": len(parts), "desc": "scoring", "unit": "clip", "disable": None}
    found = iter(tqdm(gathered, **how))
    while batch := list(itertools.islice(found, size)):
        scores = predict.score_sequences(networks, [each[1] for each in batch], size)
        for (part, sequence, look), score in zip(batch, scores.tolist(), strict=True):
            warnings = novelty.list_warnings(run, look, score, sequence)
            scored.append(Scored(part, look.n_frames, score, warnings))
    return scored, failed


def gather(parts, run, kept, open_extractor, allow_short, failed):
    """Gather parts with their sequences and looks, in order, kept ones and new ones.

    What is wrong with others is noted in `failed`.
    """
    looks = {}

    def extract(some):
        reads = ((p, functools.partial(read, looks, run, allow_short, p)) for p in some)
        return open_extractor().stream(reads)

    there = set(filter(kept.has, parts))
    new = iter(())
    if todo := [part for part in parts if part not in there]:
        new = extract(todo)
    for part in parts:
        found = kept.read(part) if part in there else None
        if found is None:  # a damaged one, too
            ((_, sequence),) = [next(new)] if part not in there else extract([part])
            if isinstance(sequence, Problem):
                failed.append(f"{part.video.name}: {sequence}")
                continue
            found = sequence, *looks.pop(part)
            kept.write(part, *found)
        sequence, look, notes = found
        for note in notes:
            caution(f"{part.video.name}: {note}")
        yield part, sequence, look


def read(looks, run, allow_short, part):
    """Read the frames of a part that make its sequence, and note what it is like."""
    resizer, reel = frames.Resizer(), open_reel(part.video, allow_short)
    sampling = run.extraction["sampling"]
    chosen, n_available = frames.read_reel(
        reel, run.n_frames, sampling, resizer, part.view
    )
    size = resizer.size + (f" of {reel.size}" if part.view.crop else "")
    look = novelty.Look(n_available, reel.rate, size, resizer.brightness)
    looks[part] = look, reel.list_notes()
    return chosen


def tabulate(scored, run, level, labels, trained):
    """Make the tables of what was scored, and of the means of animals' clips.

    `labels` are those of `new_animals.label_clips`; clips that are `trained`, see
    `new_animals.find_trained`, get no interval. Both are dicts of lists; of windows
    that overlap the ones that fit count.
    """
    no_skill = intervals.explain_no_skill(run) and NO_SKILL
    rows, of_animal, means = [], {}, []

    def describe(score, n_clips, known, *warnings):
        """Describe a score, without an interval where the run knows clip or animal."""
        low = high = math.nan
        if not known:
            found = intervals.find_intervals(run, [score], n_clips, level)
            low, high = found[0].tolist()
        text = "; ".join(filter(None, (known, no_skill, *warnings)))
        return {"network_score": score, "low": low, "high": high, "warnings": text}

    for each in scored:
        part, known = each.part, trained.get(each.part.clip)
        animal = labels[part.clip]["animal"] or part.clip
        where = {"clip": part.clip, "animal": animal, "video": str(part.video)}
        times = {"start": part.view.start, "end": part.view.end}  # seconds, as below
        where |= {k: n / part.rate if part.rate else None for k, n in times.items()}
        found = describe(each.score, 1, known, format_warnings(each.warnings))
        rows.append({**where, "n_frames": each.n_frames, **found})
        of_animal.setdefault(animal, []).append((each.score, part.is_apart, known))
    for animal, own in of_animal.items():
        scores, apart, known = zip(*own, strict=True)
        n_clips, known = sum(apart), next(filter(None, known), None)
        found = describe(sum(scores) / len(scores), n_clips, known)
        means.append({"animal": animal, "n_clips": n_clips, **found})
    tables = rows, means
    return tuple({name: [row[name] for row in t] for name in t[0]} for t in tables)


def format_warnings(warnings):
    return "; ".join(f"{kind} {how}" for kind, how in warnings.items())
