"""New videos, or parts of them, to a table: scores, intervals and warnings."""

import functools
import itertools
import math
from pathlib import Path
from typing import NamedTuple

import data
import familiar
import frames
import limits
import scoring
from console import Problem
from video.reels import open_reel

BATCH_SIZE = 8  # sequences a pass
COLUMNS = ("clip", "animal", "video", "start", "end")  # start and end in seconds
COLUMNS += ("n_frames", "network_score", "low", "high", "warnings")


class Part(NamedTuple):
    """A new video, or what a view shows of it, in frames."""

    video: Path
    view: frames.View
    rate: float | None = None  # frames a second, where the part has a start and an end


def cut_windows(video, view, length, every, allow_short=False):
    """List windows of `length` seconds, one `every` so many seconds: list of Part."""
    reel = open_reel(video, allow_short)
    if not reel.rate:
        raise Problem(f"{video}: its frame rate is not known, so it has no seconds")
    size, step = round(length * reel.rate), max(round(every * reel.rate), 1)
    if size > reel.n_frames:
        lasts = reel.n_frames / reel.rate
        raise Problem(f"{video}: lasts {lasts:.2f} s, a window {length:.2f} s")
    starts = range(0, reel.n_frames - size + 1, step)
    views = (view._replace(start=start, end=start + size) for start in starts)
    return [Part(video, each, reel.rate) for each in views]


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
        What each is like, its score, and its warnings as of `familiar.list_warnings`.
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
        told = scoring.score_sequences(model, found, size).tolist()
        for (part, sequence), score in zip(batch, told, strict=True):
            odd = familiar.list_warnings(record, looks[part], score, sequence)
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
    looks[part] = familiar.Look(n_available, rate, resizer.size, resizer.brightness)
    return chosen


def tabulate(scored, record, level, labels):
    """Make the table of what was scored, and of the means of animals' clips.

    `labels` tell the animal of clips whose names do not: {clip: {"animal": str}}.

    Returns
    -------
    dict of str to list
        See `COLUMNS`; start and end are seconds, None for whole videos.
    list of (str, int, float, float, float)
        Animal, its clips, mean score, low and high.
    """
    pattern = record.get("animal_pattern", data.ANIMAL_PATTERN)
    names = [part.video.stem for part in scored]
    animals = [
        labels.get(name, {}).get("animal") or data.animal_of(name, pattern)
        for name in names
    ]
    scores = [score for _, score, _ in scored.values()]
    low, high = limits.find_intervals(record, scores, level=level).T.tolist()
    times = [
        (part.view.start / part.rate, part.view.end / part.rate)
        if part.rate
        else (None, None)
        for part in scored
    ]
    columns = (
        names,
        animals,
        [str(part.video) for part in scored],
        *map(list, zip(*times, strict=True)),
        [look.n_frames for look, _, _ in scored.values()],
        *(scores, low, high),
        [say_odd(odd) for _, _, odd in scored.values()],
    )
    means = limits.average_animals(animals, scores, record, level)
    return dict(zip(COLUMNS, columns, strict=True)), means


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
