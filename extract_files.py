"""Slice videos into JPEG frames and write the rows that `data_file.csv` needs.

    python extract_files.py --append
    python extract_files.py --split test --task Reach --append

Reads   data/<split>/<task>/<clip>.avi (or mp4, mov, mkv, wmv, mts, tif, ...)
Writes  data/<split>/<task>/<clip>-0001.jpg, ...; with --append, rows of data_file.csv
Cost    about 200 frames a second; a clip of 251 small frames takes 3 MB.

Slicing is optional: extract_features.py reads videos as they are.
"""

import argparse
import contextlib
import csv
import math
import sys
import unicodedata
from pathlib import Path

import numpy as np

import clip_table
import console
import data
import files
import frames
import sources
from console import Problem
from sources import IMAGE_SUFFIXES

JPEG_QUALITY = 95


def find_videos(folder, split=None, task=None):
    """List (split, task, path) of the videos in the published layout.

    What looks like a video and is left out, by its kind or its place, is named.
    """
    found = [
        (one_split, path.parent.name, path)
        for one_split in data.SPLITS
        for path in sorted((Path(folder) / one_split).glob("*/*"))
        if split in (None, one_split) and task in (None, path.parent.name)
    ]
    for path in (path for *_, path in found if sources.looks_like_video(path)):
        console.caution(f"left out: {sources.explain_left_out(path)}")
    others = [p for *_, p in found if sources.suffix_of(p) not in IMAGE_SUFFIXES]
    folders = [path for path in others if path.is_dir()]
    deep = [p for f in folders for p in sorted(f.rglob("*")) if sources.is_video(p)]
    if deep:
        console.caution(
            f"{len(deep)} videos lie too deep and are left out, say {deep[0]}: "
            f"expected {folder}/<split>/<task>/<clip>.avi"
        )
    chosen = [video for video in found if sources.is_video(video[2])]
    chosen = [v for v in chosen if v[2] in sources.list_videos(v[2].parent, v[2].stem)]
    if not chosen:
        raise Problem(f"no video in {folder}/<split>/<task>/. Expected say train/Reach")
    return chosen


def slice_video(path, allow_short=False):
    """Write the frames of a video beside it, `<clip>-0001.jpg` and so on.

    The frames get their names only once the whole video has been decoded. As long as
    one has none, the clip counts as unfinished and is sliced again.

    Returns
    -------
    int
        Frames written.
    """
    from PIL import Image

    leftovers = sources.list_unfinished(path.parent, path.stem)
    images = sources.list_images(path.parent, path.stem)
    if images and not leftovers:
        return len(images)
    temporaries, reel = [], frames.open_reel(path, allow_short)
    try:
        for number, picture in enumerate(reel.iterate(), start=1):
            part = path.with_name(f"{files.TEMPORARY}{path.stem}-{number:04d}.jpg")
            temporaries.append(part)
            Image.fromarray(np.ascontiguousarray(picture)).save(
                part, quality=JPEG_QUALITY
            )
        for part in temporaries:
            part.replace(part.with_name(part.name.removeprefix(files.TEMPORARY)))
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"could not write the frames of {path}: {reason}") from error
    finally:
        for part in {*temporaries, *leftovers}:
            with contextlib.suppress(OSError):
                part.unlink()
    tell_notes(path, reel)
    return len(temporaries)


def count_frames(path, allow_short=False):
    """Count the frames of a video; all of them must be readable."""
    reel = frames.open_reel(path, allow_short)
    reel.check()
    tell_notes(path, reel)
    return reel.n_frames


def tell_notes(path, reel):
    for note in reel.list_notes():
        console.caution(f"{path.name}: {note}")


def check_names(videos):
    """Find the videos that cannot become a row of `data_file.csv`.

    Returns
    -------
    dict of Path to str
        What is wrong with them.
    """
    faults, seen, names = {}, {}, {}
    for split, task, path in videos:
        for what, name in (("task", task), ("clip", path.stem)):
            if fault := files.find_name_fault(name):
                faults[path] = f"{what} {name!r} {fault}. Rename it"
        name = unicodedata.normalize("NFC", path.stem)
        first = seen.setdefault((split, task, name), path)
        if first != path:
            faults[path] = f"two videos of one clip: {first} and {path.name}"
        first = names.setdefault(name, path)
        if first.parent != path.parent and not files.is_same(first, path):
            faults[path] = (
                f"{path} is another video than {first}, and a clip is known by its "
                "name alone. Rename one"
            )
    return faults


def parse_args(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, default=files.DEFAULT_FOLDER, metavar="DIR"
    )
    parser.add_argument("--split", choices=data.SPLITS, help="only this split")
    parser.add_argument("--task", help="only this task")
    parser.add_argument(
        "--append", action="store_true", help="add the rows to data_file.csv"
    )
    parser.add_argument(
        "--rows-only", action="store_true", help="count frames, write no JPEG"
    )
    parser.add_argument(
        "--allow-short",
        action="store_true",
        help="take what is there of videos that were cut short",
    )
    return parser.parse_args(argv)


def main(argv=None):
    from tqdm import tqdm

    args = parse_args(argv)
    videos = find_videos(args.data, args.split, args.task)
    if args.append:
        clip_table.append_clips(args.data, [])  # what is wrong is said before the work
    faults = check_names(videos)
    rows, failed = [], list(faults.values())
    take = count_frames if args.rows_only else slice_video
    sound = [video for video in videos if video[2] not in faults]
    for split, task, path in tqdm(sound, desc="slicing", unit="clip", disable=None):
        try:
            n_frames = take(path, args.allow_short)
            rows.append(data.Clip(split, task, path.stem, n_frames, math.nan))
        except Problem as problem:
            failed.append(str(problem))
    if args.append:
        n_new = clip_table.append_clips(args.data, rows)
        path = files.table_path(args.data)
        print(f"{n_new} rows added to {path}; fill in the scores")
        print("(train rows need one; test rows may stay without)")
    else:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows(
            clip_table.list_fields(row, clip_table.COLUMNS) for row in rows
        )
    return console.report_failed(failed, len(videos))


if __name__ == "__main__":
    console.run(main)
