"""What each sequence was made of: its source files and a checksum, in one table.

`sequences/sources.csv` gains a line for each clip just before its sequences are
written; the last line of a clip counts, and one that a kill cut short is passed over.
Published text sequences have no line, and nothing is said of them.
"""

import collections
import csv
import functools
import hashlib
import statistics
import zlib
from typing import NamedTuple

import numpy as np

from system import storage
from system.tables import format_rows, unguard, write_field, write_table
from system.terminal import Problem, caution
from video import frames
from video.find import find_replaced, find_source

SMALL = 2**24  # bytes; of larger files the digest takes beginning, middle and end
PART = 2**20  # bytes of each
MAX_DEVIATION = 1.25  # of the time between two frames of a sequence, as a factor


class Origin(NamedTuple):
    """One line of the table."""

    clip: str
    length: int = 0  # T, frames of the sequence
    movement: str = "none"  # checksum of the movement sequence
    source: str = ""  # file name, of images that of the first
    bytes: int = 0
    modified: int = 0  # seconds since 1970
    digest: str = ""
    n_frames: int = 0
    fps: float | None = None
    view: str = ""  # the part of the source that is seen; see `describe_view`
    size: str = ""  # of its frames, "640x480"; after cropping "320x240 of 640x480"
    brightness: float | None = None  # mean of its first frame, 0 to 255
    checksum: str = "none"  # of the sequence of features


TYPES = (str, int, str, str, int, int, str, int, float, str, str, float, str)
CHECKSUMS = {"features": "checksum", "movement": "movement"}  # fields of each kind


def describe_origin(folder, clip):
    """Describe the source of a clip, an Origin without length and checksums yet."""
    paths, size, changed = look_up(folder, clip)
    digest = digest_source(paths)
    reel, view = frames.open_clip(folder, clip, allow_short=True)
    return Origin(
        clip.name,
        source=paths[0].name,
        bytes=size,
        modified=changed,
        digest=digest,
        n_frames=view.end - view.start,
        fps=clip.fps or reel.rate,
        view=describe_view(clip),
        size=f"of {reel.size}" if clip.crop else "",
    )


def read_clip(folder, clip, extraction):
    """Read the frames of a clip that make its sequence, as the record of an extraction
    says: a list of uint8 (299, 299, 3), and an Origin without length and checksums."""
    resizer, allow_short = frames.Resizer(), extraction.get("allow_short", False)
    how = extraction["n_frames"], extraction["sampling"], resizer, allow_short
    try:
        origin = describe_origin(folder, clip)
        read = frames.read_frames(folder, clip, *how)
    except OSError as error:
        raise Problem(f"not readable: {error.strerror} ({error.filename})") from None
    size = f"{resizer.size} {origin.size}".strip()
    return read, origin._replace(size=size, brightness=resizer.brightness)


def look_up(folder, clip):
    """Find the files of a clip: their paths, bytes in all, and their latest change."""
    paths = find_source(folder, clip)
    stats = [path.stat() for path in paths]
    return paths, sum(s.st_size for s in stats), max(int(s.st_mtime) for s in stats)


def describe_view(clip):
    """Put into words which part of its source a clip is; "" for all of it."""
    parts = []
    if clip.start is not None or clip.end is not None:
        start, end = write_field(clip.start) or "0", write_field(clip.end) or "end"
        parts.append(f"{start} to {end} s")
    if clip.crop:
        parts.append("crop " + " ".join(map(str, clip.crop)))
    if clip.fps:
        parts.append(f"{clip.fps:g} frames a second")
    return ", ".join([*parts, *(["mirrored"] if clip.mirror else [])])


def digest_source(paths):
    """Compute the sha256 of files, of large ones that of three parts and the size."""
    digest = hashlib.sha256()
    for path in paths:
        size = path.stat().st_size
        with path.open("rb") as file:
            if size <= SMALL:
                digest.update(file.read())
                continue
            digest.update(str(size).encode())
            for start in (0, size // 2, size - PART):
                file.seek(start)
                digest.update(file.read(PART))
    return digest.hexdigest()


def compute_checksum(sequence):
    """Compute a checksum of a sequence (T, F), float32, as hexadecimal digits."""
    return f"{zlib.crc32(np.ascontiguousarray(sequence, np.float32)):08x}"


def note_origin(folder, origin, made):
    """Add the line of sequences (T, F), by kind, that are about to be written.

    Where a kind is not made, what is known of it stays.
    """
    path = storage.sources_path(folder)
    length = len(next(iter(made.values())))
    known = {} if len(made) == len(CHECKSUMS) else read_origins(folder)
    before = known.get((origin.clip, length), origin)
    checksums = {field: getattr(before, field) for field in CHECKSUMS.values()}
    checksums |= {CHECKSUMS[kind]: compute_checksum(made[kind]) for kind in made}
    origin = origin._replace(length=length, **checksums)
    with path.open("a+b") as file:
        size = file.seek(0, 2)
        file.seek(max(size - 1, 0))
        lead = b"" if file.read() in (b"", b"\n") else b"\n"
        rows = [origin] if size else [Origin._fields, origin]
        file.write(lead + format_rows(rows).encode())


def tidy_origins(folder):
    """Sort the table and leave each clip its last line."""
    if origins := read_origins(folder):
        rows = [origins[key] for key in sorted(origins)]
        write_table(storage.sources_path(folder), Origin._fields, rows)


def read_origins(folder):
    """Read the table: {(clip name, T): Origin}, empty where there is none."""
    path = storage.sources_path(folder)
    try:
        stat = path.stat()
    except OSError:
        return {}
    return parse_origins(path, stat.st_mtime_ns, stat.st_size)


def list_digests(folder):
    """List the digests of the sources of clips, by clip name."""
    return {origin.clip: origin.digest for origin in read_origins(folder).values()}


def list_checksums(folder, n_frames, kind):
    """List the checksums of sequences of T frames and a kind, by clip name."""
    field, origins = CHECKSUMS[kind], read_origins(folder)
    return {
        name: getattr(o, field) for (name, t), o in origins.items() if t == n_frames
    }


def read_field(read, text):
    return read(text) if text or read is str else None


@functools.lru_cache(maxsize=4)
def parse_origins(path, _changed, _size):
    found = {}
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        for row in csv.reader(file):
            row = [unguard(field) for field in row]
            is_whole = row and (row[-1] == "none" or len(row[-1]) == 8)
            if len(row) != len(Origin._fields) or not is_whole:
                continue  # cut short
            try:
                found[row[0], int(row[1])] = Origin(*map(read_field, TYPES, row))
            except ValueError:
                continue  # the header
    return found


VERIFIED = set()  # sequences: path, time and bytes; each is checked once a process


def check_sequence(folder, path, clip_name, sequence, kind):
    """Raise Problem where a sequence on disk is not the one that was written."""
    origin, stat = read_origins(folder).get((clip_name, len(sequence))), path.stat()
    known = getattr(origin, CHECKSUMS[kind]) if origin else "none"
    key = (path, stat.st_mtime_ns, stat.st_size, known)
    if key in VERIFIED:
        return
    if known not in ("none", compute_checksum(sequence)):
        raise Problem(
            f"{path} is not what was extracted: its checksum differs from that in "
            f"{storage.sources_path(folder).name}. extract_features.py makes it anew"
        )
    VERIFIED.add(key)


def find_changed(folder, clips, length=None):
    """Name the clips whose source is no longer what their sequences were made of.

    `length` is T of the sequences, by default any. A source that is gone counts as
    unchanged: sequences may travel alone.
    """
    changed, once = [], {clip.name: clip for clip in clips}
    for (name, frames_there), origin in read_origins(folder).items():
        clip = once.get(name)
        if clip is None or length not in (None, frames_there):
            continue
        is_same = describe_view(clip) == origin.view  # no other start, crop, ...
        if is_same:
            try:
                paths, *found = look_up(folder, clip)
            except (Problem, OSError):
                continue
            is_kept = found == [origin.bytes, origin.modified] or (
                found[0] == origin.bytes and digest_source(paths) == origin.digest
            )
            is_same = is_kept and not find_replaced(paths, clip.name)
        if not is_same:
            changed.append(clip.name)
    return changed


def refuse_changed(folder, clips):
    """Raise Problem where clips have changed since their sequences were made."""
    if changed := sorted(set(find_changed(folder, clips))):
        raise Problem(
            f"{len(changed)} clips have changed since their sequences were made: "
            f"{', '.join(changed[:20])}. Give extract_features.py again"
        )


def describe_pace(folder, names, extraction):
    """Find the seconds from one frame of a sequence to the next, 0 if unknown, and the
    share of clips and a sentence of those in which time runs at another pace, 0 and "".

    `extraction` is as of `sequences.read_extraction`.
    """
    length, origins = (extraction or {}).get("n_frames"), read_origins(folder)
    steps = {}
    for name in names:
        origin = origins.get((name, length))
        if origin and origin.fps:
            steps[name] = frames.measure_interval(
                origin.n_frames, length, extraction["sampling"], origin.fps
            )
    usual = statistics.median(steps.values()) if steps else 0
    deviating = [
        f"{name} {1000 * step:.0f} ms"
        for name, step in steps.items()
        if not usual / MAX_DEVIATION <= step <= usual * MAX_DEVIATION
    ]
    if not deviating:
        return usual, 0, ""
    return (
        usual,
        len(deviating) / len(steps),
        f"{len(deviating)} of {len(steps)} clips have another time between frames "
        f"({', '.join(deviating[:10])}; usually {1000 * usual:.0f} ms): the same "
        "movement looks faster or slower there",
    )


def report_pace(folder, names, extraction):
    """Name clips in which time runs at another pace, and several sizes of frames; give
    the usual seconds from one frame to the next."""
    length, origins = (extraction or {}).get("n_frames"), read_origins(folder)
    sizes = collections.defaultdict(list)
    for name in names:
        origin = origins.get((name, length))
        if origin and origin.size:
            sizes[origin.size].append(name)
    if len(sizes) > 1:
        told = sorted(sizes.items(), key=lambda pair: -len(pair[1]))
        told = [f"{size} in {len(own)}, as {own[0]}" for size, own in told[:5]]
        caution(f"frames of {len(sizes)} sizes ({'; '.join(told)}): another camera?")
    usual, _, text = describe_pace(folder, names, extraction)
    if text:
        caution(text)
    return usual
