"""Score new videos with a trained network, extraction included.

    python score.py clip.avi other.mp4 --run Reach-lstm
    python score.py folder_of_videos --output scores.csv

Reads   videos, or folders of videos; data/checkpoints/<run>.keras and <run>.json
Writes  nothing but the table, and with --output a CSV
Cost    10 to 18 frames a second on two cores: about 10 s for a clip of 125 frames.
"""

import argparse
import functools
from pathlib import Path

import clip_table
import console
import files
import frames
import runs
import sources
import tables
from console import Problem

COLUMNS = ["clip", "video", "n_frames", "network_score"]


def list_videos(places):
    """List the videos named, and those in the folders named."""
    videos, missing = [], []
    for place in places:
        if place.is_dir():
            found = sorted(path for path in place.iterdir() if sources.is_video(path))
            for path in filter(sources.looks_like_video, sorted(place.iterdir())):
                console.caution(sources.explain_left_out(path))
            videos += found
            if not found:
                missing.append(f"{place}: no video in this folder")
        elif place.is_file():
            videos.append(place)
        else:
            missing.append(f"{place}: no such file or folder")
    if missing:
        raise Problem("\n".join(missing))
    return list(dict.fromkeys(videos))


def check_output(path, overwrite=False):
    """Refuse an output that would replace anything but an earlier one."""
    if path is None:
        return
    if path.suffix.lower() != ".csv":
        raise Problem(f"--output {path}: expected a name that ends with .csv")
    if path.exists() and not overwrite:
        with path.open("rb") as file:
            first = file.readline(200).decode(errors="replace").strip()
        if first.split(",") != COLUMNS:
            raise Problem(
                f"--output {path} is no earlier output; --overwrite replaces it"
            )


def choose_view(record, crop, mirror):
    """Choose the part of the new videos that is seen: as in training, or as given.

    Returns
    -------
    frames.View
    """
    crops = record.get("crops", [])
    if crop is None and len(crops) > 1:
        raise Problem(
            f"run {record['run']} was trained on clips cropped in {len(crops)} ways "
            f"(say, to {crops[0]}). Say where to look with --crop x,y,w,h"
        )
    if crop is None and crops:
        crop = crops[0]
        print(f"cropped to {','.join(map(str, crop))}, as the clips in training")
    if record.get("mirrored") and not mirror:
        n = len(record["mirrored"])
        console.caution(f"{n} clips in training were mirrored; these are not: --mirror")
    return frames.View(crop=crop, mirror=mirror)


def score_videos(videos, model, record, extractor, allow_short=False, view=None):
    """Score videos, or the part of them that a `frames.View` tells.

    Returns
    -------
    (list of (Path, int, float), list of str)
        Video, its frames and its network score; what was wrong with the others.
    """
    from tqdm import tqdm

    n_frames, sampling = record["n_frames"], record["extraction"]["sampling"]
    n_available = {}

    def read(video):
        chosen, n_available[video] = frames.read_video(
            *(video, n_frames, sampling, frames.resize_frame),
            *(view or frames.WHOLE, allow_short),
        )
        return chosen

    reads = ((video, functools.partial(read, video)) for video in videos)
    scores, failed = [], []
    with tqdm(total=len(videos), desc="scoring", unit="clip", disable=None) as bar:
        for video, sequence in extractor.stream(reads):
            if isinstance(sequence, Problem):
                failed.append(f"{video.name}: {sequence}")
            else:
                (score,) = runs.score_sequences(model, [sequence])
                scores.append((video, n_available[video], score))
            bar.update()
    return scores, failed


def parse_args(argv):
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=console.HelpFormatter,
    )
    parser.add_argument(
        "videos", nargs="+", type=Path, help="videos, folders of videos"
    )
    parser.add_argument(
        "--run", help="name or file of a run; the newest one by default"
    )
    parser.add_argument(
        "--data", type=Path, default=files.DEFAULT_FOLDER, metavar="DIR"
    )
    parser.add_argument("--output", type=Path, metavar="CSV", help="write a table")
    parser.add_argument(
        "--overwrite", action="store_true", help="let --output replace any .csv"
    )
    parser.add_argument(
        "--weights", help="where the run's InceptionV3 weights are, if they moved"
    )
    parser.add_argument(
        "--crop",
        type=console.checked(clip_table.read_crop, bool, "x,y,w,h in whole pixels"),
        metavar="X,Y,W,H",
        help="look at this region only; by default at the one of the training",
    )
    parser.add_argument("--mirror", action="store_true", help="exchange left and right")
    parser.add_argument(
        "--allow-short",
        action="store_true",
        help="take what is there of a video that was cut short",
    )
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    videos = list_videos(args.videos)
    check_output(args.output, args.overwrite)
    checkpoint = runs.find_run(args.data, args.run)
    model, record = runs.read_run(checkpoint)
    view = choose_view(record, args.crop, args.mirror)
    extractor = runs.open_extractor(record, args.weights)
    scores, failed = score_videos(
        videos, model, record, extractor, args.allow_short, view
    )
    width = max((len(video.name) for video, *_ in scores), default=0)
    print(f"network scores of run {record['run']}")
    for video, n_frames, score in scores:
        print(f"  {video.name:<{width}}  {n_frames:>6} frames  {score:8.3f}")
    if args.output:
        rows = [(video.stem, str(video), n, score) for video, n, score in scores]
        tables.write_table(args.output, COLUMNS, rows)
        print(f"written to {args.output}")
    return console.report_failed(failed, len(videos))


if __name__ == "__main__":
    console.run(main)
