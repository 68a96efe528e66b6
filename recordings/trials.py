"""Trials in recordings: a table of starts and ends, and proposals for it."""

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

import data
from names.matching import explain_first
from recordings import discover, folders
from system import tables
from system.tables import count, list_some, read_table, summarise, write_table
from system.terminal import Problem, caution
from video import decoder, frames, pixels

COLUMNS = ("video", "start", "end")
NO_RATE = (
    "has no frame rate, so times in seconds cannot be used: give it in a column fps, "
    "or count frames, and save trials as files, with --times frames --save-as jpg"
)
ROWS = 4  # pixels; every fourth row tells of movement
N_BLOCKS, N_LARGEST = 16, 5  # along each side of the picture; that change most
SMOOTH, GAP, SHORTEST, MARGIN = 0.2, 0.5, 0.5, 0.25  # seconds
LAG, LEAST_NOISE = 0.1, 0.5  # seconds; grey of 255, of films without noise
ABOVE, LEAST_ABOVE = 8.0, 2.0  # spreads of a resting picture; times the noise


def read_trials(path, folder, split=None, task=None, **how):
    """Read a table of trials: `video,start,end` and any column that clips have.

    The videos lie in `folder` at any depth. `split` and `task` are those of trials of
    which the table tells none; for `how` see `read_trial`. Returns a Clip each, with
    its number of frames; raises Problem with every line that is wrong.
    """
    table = read_table(path, COLUMNS, optional=data.READERS)
    videos, known = folders.find_videos(folder), defaultdict(list)
    guesses = discover.guess_clips(folder, videos, split, task)
    for video, guess in zip(videos, guesses, strict=True):
        for name in {video.name, video.stem, video.relative_to(folder).as_posix()}:
            known[tables.fold(name)].append(guess)
    clips, problems, counts = {}, [], Counter()
    for line, record in table.records():
        try:
            clip = read_trial(record, known, counts, table.decimal, **how)
            if clips.setdefault(tables.fold(clip.name), clip) is not clip:
                raise ValueError(f"two trials are called {clip.name}")
        except (ValueError, Problem) as error:
            problems.append(f"{path}:{line}: {error}")
    if problems or not clips:
        raise Problem(summarise(problems) or f"{path} lists no trial")
    parts = defaultdict(list)
    for clip in clips.values():
        parts[clip.video, clip.start, clip.end, clip.crop].append(clip.name)
    if twice := [" and ".join(names) for names in parts.values() if len(names) > 1]:
        caution(f"{path}: one trial under two names: {list_some(twice)}. Keep one")
    if short := [clip.name for clip in clips.values() if clip.n_frames < 3]:
        caution(
            f"{path}: {count(len(short), 'trial')} of one or two frames: "
            f"{list_some(short)}. Are the times seconds?"
        )
    return list(clips.values())


def read_trial(
    record, known, counts, decimal, in_frames=False, as_files=False, allow_short=False
):
    """Make the clip of one trial. Raises ValueError or Problem.

    `in_frames`: start and end are frame numbers from 0, else see `frames.find_view`;
    `as_files`: the trial becomes a file, for which no rate is needed.
    """
    if not (name := record["video"].replace("\\", "/")):
        raise ValueError("the column video is empty: write the name of the recording")
    found = known.get(tables.fold(name)) or known.get(tables.fold(Path(name).name))
    if not found or len(found) > 1:
        what = "no video" if not found else f"{len(found)} videos"
        stems = {Path(clip.video).stem for clips in known.values() for clip in clips}
        near = "" if found else explain_first({Path(name).name, Path(name).stem}, stems)
        asked = f"{record['video']!r}{near}"
        raise ValueError(f"{what} called {asked}. Give its folder, too")
    (guess,) = found
    counts[guess.name] += 1
    reel = frames.open_reel(guess.video, allow_short)
    told = {column: text for column, text in record.items() if text}
    # A stack of pages tells no rate: its trials are files, not rows that tell seconds.
    rate = reel.rate or (1 if in_frames and as_files else None)
    rate = data.read_rate(told["fps"], decimal) if "fps" in told else rate
    if rate is None and (told.get("start") or told.get("end")):
        raise ValueError(f"{Path(guess.video).name} {NO_RATE}")
    for column in {"start", "end"} & {*told} if in_frames else ():
        if not told[column].isdecimal():
            raise ValueError(f"expected a frame number. Received: {told[column]!r}")
        time = tables.write_field(int(told[column]) / rate)
        told[column] = time.replace(".", decimal)
    guessed = {"clip": f"{guess.name}_t{counts[guess.name]:02d}"}
    labels = ("split", "task", *data.LABELS)
    guessed |= {column: getattr(guess, column) or "" for column in labels}
    told = guessed | told | {"video": guess.video, "n_frames": "1"}
    clip = data.make_clip(told, decimal)
    view = frames.find_view(clip, reel.n_frames, rate)
    return clip._replace(n_frames=view.end - view.start)


# ---------------------------------------------------------------- proposals


def measure_movement(reel, crop=None):
    """Measure how much moves in a video, or in a region of it, at each frame.

    The picture is divided into blocks, and the light of all of them is made alike. The
    mean of each over `LAG` before a frame is compared with that after it, and divided
    by the noise of the film. Returns the mean of the blocks that change most: (N,).
    """
    view, lag = frames.View(crop=crop), max(1, round(LAG * reel.rate))
    found = np.zeros(reel.n_frames, np.float32)
    places, blocks = [], []
    for place, picture in decoder.iterate(reel.film):
        places.append(place)
        blocks.append(average_blocks(picture, view))
    shown = np.searchsorted(reel.numbers[places], np.arange(len(found)), "right") - 1
    blocks = np.stack(blocks)[np.maximum(shown, 0)]
    if len(blocks) <= 2 * lag:
        return found
    usual = np.median(blocks[:: max(1, len(blocks) // 1000)], axis=0) + 1
    blocks /= np.median(blocks / usual, axis=1, keepdims=True) + 1e-6
    means = sum(blocks[n : len(blocks) - lag + n + 1] for n in range(lag)) / lag
    changes = np.abs(means[lag:] - means[:-lag])
    noise = np.quantile(changes, 0.25, axis=0) / 0.319  # as of normal noise
    changes /= np.maximum(noise, max(np.median(noise), LEAST_NOISE))
    largest = np.sort(changes, axis=1)[:, -N_LARGEST:]
    found[lag : lag + len(changes)] = largest.mean(axis=1)
    return found


def average_blocks(picture, view):
    """Average the grey of each block of a decoded picture: float32 (blocks,)."""
    grey = view.apply(pixels.to_grey(picture))[..., 0]
    grey = grey[:: max(1, min(ROWS, len(grey) // (2 * N_BLOCKS)))]
    numbers = [min(N_BLOCKS, n) for n in grey.shape]
    edges = [np.arange(m) * n // m for m, n in zip(numbers, grey.shape, strict=True)]
    sizes = [np.diff(own, append=n) for own, n in zip(edges, grey.shape, strict=True)]
    sums = np.add.reduceat(grey, edges[1], axis=1, dtype=np.uint32)
    sums = np.add.reduceat(sums, edges[0], axis=0)
    return (sums / np.outer(*sizes)).ravel().astype(np.float32)


def find_moving(changes, rate):
    """Find the frames in which more moves than in a resting picture: bool (N,).

    Rest is the quieter half of the recording: movement is where the change (N,), of
    which single frames do not count, exceeds its median by `ABOVE` times its spread.
    """
    from scipy.ndimage import median_filter

    width = max(1, round(SMOOTH * rate)) // 2 * 2 + 1
    smooth = median_filter(changes, width, mode="nearest")
    quiet = np.sort(smooth)[: max(2, len(smooth) // 2)]
    middle = np.median(quiet)
    spread = 1.4826 * np.median(np.abs(quiet - middle))
    return smooth > middle + max(ABOVE * spread, LEAST_ABOVE)


def list_ranges(chosen):
    """List the ranges of frames that are chosen (N,): first, and after the last."""
    return np.flatnonzero(np.diff([0, *chosen, 0])).reshape(-1, 2).tolist()


def find_trials(changes, rate):
    """Propose trials: stretches in which something moves; see `find_moving`.

    `changes` (N,) as of `measure_movement`, `rate` in frames a second. Returns a list
    of (first frame, the one after the last).
    """
    merged = []
    for start, end in list_ranges(find_moving(changes, rate)):
        if merged and start - merged[-1][1] < GAP * rate:
            start, _ = merged.pop()
        merged.append([start, end])
    margin, n = round(MARGIN * rate), len(changes)
    long = [(start, end) for start, end in merged if end - start >= SHORTEST * rate]
    return [(max(0, start - margin), min(n, end + margin)) for start, end in long]


def propose(clips, crop=None):
    """Propose the trials of recordings: yields a Clip each, with start and end."""
    for clip in clips:
        reel = frames.open_reel(clip.video)
        if not reel.rate:
            raise Problem(f"{clip.video} tells no frame rate, so no times")
        found = find_trials(measure_movement(reel, crop or clip.crop), reel.rate)
        for number, (start, end) in enumerate(found, start=1):
            times = {"start": start / reel.rate, "end": end / reel.rate}
            name = f"{clip.name}_t{number:02d}"
            yield clip._replace(name=name, n_frames=end - start, **times)


def write_trials(path, clips, folder):
    """Write proposals as `read_trials` reads them."""
    rows = []
    for clip in clips:
        times = round(clip.start, 6), round(clip.end, 6)
        labels = clip.name, clip.animal, clip.group, clip.session
        rows.append((discover.place_in(folder, clip.video), *times, *labels))
    write_table(path, (*COLUMNS, "clip", *data.LABELS), rows)
