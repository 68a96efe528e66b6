"""New videos, or parts of them, to a table: scores, intervals and warnings."""

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
COLUMNS = ("clip", "animal", "video", "start", "end")  # start and end in seconds
COLUMNS += ("n_frames", "network_score", "low", "high", "warnings")
NO_SKILL = "run not better than the mean on animals held out"


class Part(NamedTuple):
    """A new video, or what a view shows of it, in frames."""

    video: Path
    view: frames.View
    clip: str  # its name, which no other video has
    rate: float | None = None  # frames a second, where the part has a start and an end
    is_apart: bool = True  # from the parts before it that are


# ---------------------------------------------------------------- windows


def list_parts(guessed, view, window=None, every=None, allow_short=False):
    """List what is to be scored: whole videos, or windows of them.

    Returns
    -------
    list of Part
    list of str
        What was wrong with videos that have no window.
    """
    videos = {name: Path(clip.video) for name, clip in guessed.items()}
    if not every:
        return [Part(video, view, name) for name, video in videos.items()], []
    parts, failed, seen, there = [], [], 0, 0
    for name, video in videos.items():
        try:
            own, n_frames = cut_windows(name, video, view, window, every, allow_short)
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


def cut_windows(name, video, view, length, every, allow_short=False):
    """List windows of `length` seconds, one `every` so many seconds.

    Returns
    -------
    list of Part
    int
        How many frames the video has.
    """
    reel = open_reel(video, allow_short)
    if not reel.rate:
        raise Problem(f"{video}: its frame rate is not known, so it has no seconds")
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


# ---------------------------------------------------------------- scores


def score_parts(parts, model, record, extractor, allow_short=False):
    """Score parts of new videos.

    Parameters
    ----------
    parts : list of Part
    model : keras.Model
    record : dict
        Of the run.
    extractor : extractor.Extractor
    allow_short : bool
        Take what is there of a video that was cut short.

    Returns
    -------
    dict of Part to (familiar.Look, float, dict)
        What each is like, its score, and its warnings as of `novelty.list_warnings`.
    list of str
        What was wrong with the others.
    """
    from tqdm import tqdm

    looks, failed, scored = {}, [], {}
    reads = ((p, functools.partial(read, looks, record, allow_short, p)) for p in parts)

    def extract():
        with tqdm(total=len(parts), desc="scoring", unit="clip", disable=None) as bar:
            for part, sequence in extractor.stream(reads):
                if isinstance(sequence, Problem):
                    failed.append(f"{part.video.name}: {sequence}")
                else:
                    yield part, sequence
                bar.update()

    extracted, size = extract(), min(BATCH_SIZE, len(parts))
    while batch := list(itertools.islice(extracted, size)):
        found = [sequence for _, sequence in batch]
        told = predict.score_sequences(model, found, size).tolist()
        for (part, sequence), score in zip(batch, told, strict=True):
            odd = novelty.list_warnings(record, looks[part], score, sequence)
            scored[part] = (looks[part], score, odd)
    return scored, failed


def read(looks, record, allow_short, part):
    """Read the frames of a part that make its sequence, and note what it is like."""
    n_frames, sampling = record["n_frames"], record["extraction"]["sampling"]
    resizer = frames.Resizer()
    chosen, n_available = frames.read_video(
        part.video, n_frames, sampling, resizer, part.view, allow_short
    )
    rate = part.rate or open_reel(part.video, allow_short).rate
    looks[part] = novelty.Look(n_available, rate, resizer.size, resizer.brightness)
    return chosen


def tabulate(scored, record, level, labels, trained=None):
    """Make the table of what was scored, and of the means of animals' clips.

    Parameters
    ----------
    scored : dict
        See `score_parts`.
    record : dict
    level : float
    labels : dict
        See `new_animals.label_clips`.
    trained : dict of str to str, optional
        See `new_animals.find_trained`: clips that get no interval.

    Returns
    -------
    dict of str to list
        See `COLUMNS`; start and end are seconds, None for whole videos.
    list of (str, int, float, float, float, str)
        Animal, its clips that do not overlap, mean score, low, high and warnings.
    """
    trained = trained or {}
    no_skill = intervals.explain_no_skill(record) and NO_SKILL
    rows, of_animal = [], {}
    for part, (look, score, odd) in scored.items():
        animal, known = labels[part.clip]["animal"] or part.clip, trained.get(part.clip)
        times = (None, None)
        if part.rate:
            times = part.view.start / part.rate, part.view.end / part.rate
        limit = find_limits(record, score, 1, level, known)
        told = "; ".join(filter(None, [known, no_skill, say_odd(odd)]))
        row = (part.clip, animal, str(part.video), *times, look.n_frames)
        rows.append((*row, score, *limit, told))
        of_animal.setdefault(animal, []).append((score, part.is_apart, known))
    means = []
    for animal, own in of_animal.items():
        scores, apart, known = zip(*own, strict=True)
        n_clips, mean = sum(apart), sum(scores) / len(scores)
        known = next(filter(None, known), None)
        limit = find_limits(record, mean, n_clips, level, known)
        told = "; ".join(filter(None, [known, no_skill]))
        means.append((animal, n_clips, mean, *limit, told))
    columns = map(list, zip(*rows, strict=True))
    return dict(zip(COLUMNS, columns, strict=True)), means


def find_limits(record, score, n_clips, level, known):
    """Find low and high of a score, NaN where the run knows the clip or animal."""
    if known:
        return math.nan, math.nan
    return intervals.find_intervals(record, [score], n_clips, level)[0].tolist()


def say_odd(odd):
    return "; ".join(f"{kind} {how}" for kind, how in odd.items())


def window_seconds(record):
    """Tell how long the clips of a run were: what a window of a long video must be."""
    seconds = (record.get("clips_were") or {}).get("seconds")
    if not seconds:
        raise Problem(
            f"run {record['run']} does not tell how many seconds its clips lasted: say "
            "how long a window is with --window SECONDS"
        )
    return math.sqrt(seconds[0] * seconds[1])
