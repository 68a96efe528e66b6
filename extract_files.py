"""Slice videos into JPEG frames and write the rows that `data_file.csv` needs.

    python extract_files.py --append
    python extract_files.py --split test --task Reach --append

Reads   data/<split>/<task>/<clip>.avi (or mp4, mov, mkv, mpg, webm, m4v)
Writes  data/<split>/<task>/<clip>-0001.jpg, ...; with --append, rows of data_file.csv
Cost    about 200 frames a second; a clip of 251 small frames takes 3 MB.

Slicing is optional: extract_features.py reads videos as they are.
"""

import argparse
from pathlib import Path

import console
import data
import frames
import manifest
from console import Problem

JPEG_QUALITY = 95


def find_videos(folder, split=None, task=None):
    """List (split, task, path) of the videos in the published layout."""
    found = [
        (one_split, path.parent.name, path)
        for one_split in manifest.SPLITS
        for path in sorted((Path(folder) / one_split).glob("*/*"))
        if path.suffix.lower() in frames.VIDEO_SUFFIXES and path.name[0] != "."
    ]
    chosen = [v for v in found if split in (None, v[0]) and task in (None, v[1])]
    if not chosen:
        raise Problem(f"no video in {folder}/<split>/<task>/. Expected say train/Reach")
    return chosen


def slice_video(path):
    """Write the frames of a video beside it, `<clip>-0001.jpg` and so on.

    The frames get their names only once the whole video has been decoded.

    Returns
    -------
    int
        Frames written.
    """
    from PIL import Image

    images, temporaries = frames.list_images(path.parent, path.stem), []
    if images:
        return len(images)
    try:
        for frame in frames.iterate_video(path):
            number = len(temporaries) + 1
            part = path.with_name(f"{data.TEMPORARY}{path.stem}-{number:04d}.jpg")
            temporaries.append(part)
            Image.fromarray(frames.to_rgb(frame)).save(part, quality=JPEG_QUALITY)
        for part in temporaries:
            part.replace(part.with_name(part.name.removeprefix(data.TEMPORARY)))
    finally:
        for part in temporaries:
            part.unlink(missing_ok=True)
    return len(temporaries)


def format_row(split, task, path, n_frames):
    """Write a row of `data_file.csv` with an empty score, checking the names."""
    for what, name in (("task", task), ("clip", path.stem)):
        if fault := manifest.find_name_fault(name) or ("," in name and "has a comma"):
            raise Problem(f"{what} {name!r} {fault}. Rename it")
    return f"{split},{task},{path.stem},{n_frames},"


def append_rows(folder, rows):
    """Add rows to `data_file.csv`; a clip that is listed already keeps its row."""
    path = Path(folder) / "data_file.csv"
    text = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    lines = [line for line in manifest.LINE_END.split(text) if line.strip()]
    listed = {tuple(f.strip() for f in line.split(",")[:3]) for line in lines}
    new = [row for row in rows if tuple(row.split(",")[:3]) not in listed]
    with data.replacing(path) as temporary:
        temporary.write_text("\n".join([*lines, *new]) + "\n", encoding="utf-8")
    return len(new)


def parse_args(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=data.DEFAULT_FOLDER, metavar="DIR")
    parser.add_argument("--split", choices=manifest.SPLITS, help="only this split")
    parser.add_argument("--task", help="only this task")
    parser.add_argument(
        "--append", action="store_true", help="add the rows to data_file.csv"
    )
    parser.add_argument(
        "--rows-only", action="store_true", help="count frames, write no JPEG"
    )
    return parser.parse_args(argv)


def main(argv=None):
    from tqdm import tqdm

    args = parse_args(argv)
    videos = find_videos(args.data, args.split, args.task)
    rows, failed = [], []
    for split, task, path in tqdm(videos, desc="slicing", unit="clip", disable=None):
        try:
            if args.rows_only:
                n_frames = sum(1 for _ in frames.iterate_video(path))
            else:
                n_frames = slice_video(path)
            rows.append(format_row(split, task, path, n_frames))
        except Problem as problem:
            failed.append(str(problem))
    if args.append:
        n_new = append_rows(args.data, rows)
        print(
            f"{n_new} rows added to {args.data / 'data_file.csv'}; fill in the scores"
        )
        print("(train rows need one; test rows may stay without)")
    else:
        print("\n".join(rows))
    return console.report_failed(failed, len(videos))


if __name__ == "__main__":
    console.run(main)
