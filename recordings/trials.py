"""Trials in recordings: a table of starts and ends, and proposals for it."""

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

import data
from names.matching import explain_first
from recordings import discover, folders, listing
from system import tables
from system.tables import count, read_table, summarise, write_table
from system.terminal import Problem, caution
from video import frames

COLUMNS = ("video", "start", "end")
NO_RATE = (
    "tells no frame rate, so a row cannot tell seconds in it: give it in a column fps, "
    "or count frames, and save trials as files, with --times frames --save-as jpg"
)
STEP = 4  # pixels; every fourth one tells of movement
SMOOTH, GAP, SHORTEST, MARGIN = 0.2, 0.5, 0.5, 0.25  # seconds
ABOVE, LEAST = 6.0, 0.4  # spreads of a resting picture; grey of 255


def read_trials(
    path,
    folder=None,
    in_frames=False,
    as_files=False,
    split=None,
    task=None,
    allow_short=False,
):
    """Read a table of trials: `video,start,end` and any column that clips have.

    The videos lie in `folder` at any depth, by default beside the table. `in_frames`:
    starts and ends are frame numbers from 0; `as_files`: they become files, for which
    no rate is needed. See `frames.find_view` for what a time means. `split` and `task`
    are those of trials of which the table tells none. Returns a Clip each, with its
    number of frames; raises Problem with every line that is wrong.
    """
    table = read_table(path, COLUMNS)
    records, folder = table.records(), Path(folder or Path(path).parent)
    videos, known = folders.find_videos(folder), defaultdict(list)
    guesses = discover.guess_clips(folder, videos, split, task)
    for video, guess in zip(videos, guesses, strict=True):
        for name in {video.name, video.stem, video.relative_to(folder).as_posix()}:
            known[discover.fold(name)].append(guess)
    clips, problems, counts = {}, [], Counter()
    for line, record in records:
        try:
            how = table.decimal, in_frames, as_files, allow_short
            clip = read_trial(record, known, counts, *how)
            if clips.setdefault(discover.fold(clip.name), clip) is not clip:
                raise ValueError(f"two trials are called {clip.name}")
        except (ValueError, Problem) as error:
            problems.append(f"{path}:{line}: {error}")
    if problems or not clips:
        raise Problem(summarise(problems) or f"{path} lists no trial")
    if short := [clip.name for clip in clips.values() if clip.n_frames < 3]:
        caution(
            f"{path}: {count(len(short), 'trial')} of one or two frames: "
            f"{folders.list_some(short)}. Are the times seconds?"
        )
    return list(clips.values())


def read_trial(record, known, counts, decimal, in_frames, as_files, allow_short):
    """Make the clip of one trial. Raises ValueError or Problem."""
    name = record["video"].replace("\\", "/")
    found = known.get(discover.fold(name)) or known.get(discover.fold(Path(name).name))
    if not found or len(found) > 1:
        what = "no video" if not found else f"{len(found)} videos"
        stems = {Path(clip.video).stem for clips in known.values() for clip in clips}
        near = "" if found else explain_first({Path(name).name, Path(name).stem}, stems)
        told = f"{what} called {record['video']!r}{near}. Give its folder, too"
        raise ValueError(told)
    guess = found[0]
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
    labels = ("split", "task", "animal", "group", "session")
    guessed |= {column: getattr(guess, column) or "" for column in labels}
    told = guessed | told | {"video": guess.video, "n_frames": "1"}
    clip = data.make_clip(told, decimal)
    view = frames.find_view(clip, reel.n_frames, rate)
    start, end = view.find_range(reel.n_frames)
    return clip._replace(n_frames=end - start)


# ---------------------------------------------------------------- proposals


def measure_movement(reel, crop=None):
    """Measure how much the picture, or a region of it, changes from frame to frame.

    Returns the mean absolute change of grey, 0 to 255: float32, (N,), the first 0.
    """
    view, before = frames.View(crop=crop), None
    changes = np.zeros(reel.n_frames, np.float32)
    for number, picture in enumerate(reel.iterate()):
        grey = view.apply(picture)[::STEP, ::STEP].mean(axis=2)
        if before is not None:
            changes[number] = np.abs(grey - before).mean()
        before = grey
    return changes


def find_trials(changes, rate):
    """Propose trials: stretches in which more moves than in a resting picture.

    Rest is the quieter half of the recording: a trial begins where the smoothed change
    (N,) exceeds its median by `ABOVE` times its spread, and by `LEAST`. `rate`: frames
    a second. Returns a list of (first frame, the one after the last).
    """
    width = max(1, round(SMOOTH * rate))
    smooth = np.convolve(changes, np.ones(width) / width, "same")
    quiet = np.sort(smooth)[: max(2, len(smooth) // 2)]
    middle = np.median(quiet)
    spread = 1.4826 * np.median(np.abs(quiet - middle))
    moves = smooth > middle + max(ABOVE * spread, LEAST)
    edges = np.flatnonzero(np.diff([0, *moves, 0]))
    merged = []
    for start, end in edges.reshape(-1, 2).tolist():
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
    columns, rows = (*COLUMNS, "clip", "animal", "group", "session"), []
    for clip in clips:
        place = discover.place_in(folder, clip.video)
        fields = listing.list_fields(clip._replace(video=place), columns)
        rows.append([place, round(clip.start, 6), round(clip.end, 6), *fields[3:]])
    write_table(path, columns, rows)
