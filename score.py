"""Score new videos with a trained network, extraction included.

    python score.py clip.avi other.mp4 --run Reach-lstm
    python score.py folder_of_videos --output scores.csv

Reads   videos, or folders of videos; data/checkpoints/<run>.keras and <run>.json
Writes  nothing but the table, and with --output a CSV
Cost    10 to 18 frames a second on two cores: about 10 s for a clip of 125 frames.
"""

import argparse
import functools
import itertools
from pathlib import Path

import numpy as np

import clip_table
import console
import data
import files
import frames
import limits
import runs
import scoring
import sources
import tables
from console import Problem

BATCH_SIZE = 8  # sequences a pass


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
        if not {"clip", "video", "network_score"} <= set(first.split(",")):
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


def score_videos(
    videos, networks, record, extractor, allow_short=False, view=frames.WHOLE
):
    """Score videos, or the part of them that a view tells.

    Parameters
    ----------
    videos : list of Path
    networks : list of keras.Model, (1 + K,)
        The run's own, then those of its cross-validation.
    record : dict
        Of the run.
    extractor : extractor.Extractor
    allow_short : bool
        Take what is there of a video that was cut short.
    view : frames.View

    Returns
    -------
    (dict of Path to (int, float64 (1 + K,)), list of str)
        Frames of each video and its scores; what was wrong with the others.
    """
    from tqdm import tqdm

    n_frames, sampling = record["n_frames"], record["extraction"]["sampling"]
    n_available, failed, size = {}, [], min(BATCH_SIZE, len(videos))

    def read(video):
        chosen, n_available[video] = frames.read_video(
            *(video, n_frames, sampling, frames.resize_frame, view, allow_short)
        )
        return chosen

    def extract():
        reads = ((video, functools.partial(read, video)) for video in videos)
        with tqdm(total=len(videos), desc="scoring", unit="clip", disable=None) as bar:
            for video, sequence in extractor.stream(reads):
                if isinstance(sequence, Problem):
                    failed.append(f"{video.name}: {sequence}")
                else:
                    yield video, sequence
                bar.update()

    scored, extracted = {}, extract()
    while batch := list(itertools.islice(extracted, size)):
        names, sequences = zip(*batch, strict=True)
        told = [scoring.score_sequences(each, sequences, size) for each in networks]
        for name, scores in zip(names, np.stack(told, axis=1), strict=True):
            scored[name] = (n_available[name], scores)
    return scored, failed


def tabulate(scored, record, level):
    """Make the table of scores with their intervals, as columns of lists."""
    pattern = record.get("animal_pattern", data.ANIMAL_PATTERN)
    animals = [data.animal_of(v.stem, pattern) for v in scored]
    scores = np.array([scores for _, scores in scored.values()])
    intervals = limits.find_intervals(record, scores, level=level)
    return {
        "clip": [video.stem for video in scored],
        "animal": animals,
        "video": [str(video) for video in scored],
        "n_frames": [n for n, _ in scored.values()],
        "network_score": scores[:, 0],
        "low": intervals[:, 0],
        "high": intervals[:, 1],
    }


def tell(table, means, record, level):
    """Print the scores of clips, and the means of animals with several."""
    print(f"network scores of run {record['run']}")
    names = [Path(video).name for video in table["video"]]
    width = max(map(len, names), default=0)
    columns = (table[c] for c in ("n_frames", "network_score", "low", "high"))
    for name, n_frames, *figures in zip(names, *columns, strict=True):
        print(f"  {name:<{width}}  {n_frames:>6} frames  {show(*figures)}")
    if any(n_clips > 1 for _, n_clips, *_ in means):
        print("means of animals")
        width = max(len(animal) for animal, *_ in means)
        for animal, n_clips, *figures in means:
            print(f"  {animal:<{width}}  {n_clips:>6} clips   {show(*figures)}")
    if silence := limits.explain_silence(record, level):
        return console.caution(silence)
    print(
        f"[low, high] holds the true score of {level:.0%} of new animals, if they are "
        f"like the {limits.count_animals(record)} that networks of this run scored "
        "without having seen them"
    )


def show(score, low, high):
    return f"{score:8.3f}" + ("" if np.isnan(low) else f"  [{low:.3f}, {high:.3f}]")


def write(path, table, means):
    """Write the scores of clips, and beside them the means of animals."""
    rows = zip(*table.values(), strict=True)
    tables.write_table(path, list(table), map(blank, rows))
    beside = path.with_name(f"{path.stem}-animals{path.suffix}")
    columns = ("animal", "n_clips", "network_score", "low", "high")
    tables.write_table(beside, columns, map(blank, means))
    print(f"written to {path} and {beside.name}")


def blank(row):
    return [None if value != value else value for value in row]


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
    parser.add_argument(
        "--level",
        type=console.fraction,
        default=0.9,
        help="share of new animals whose true score lies within the interval",
    )
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    videos = list_videos(args.videos)
    check_output(args.output, args.overwrite)
    checkpoint = runs.find_run(args.data, args.run)
    model, record = runs.read_run(checkpoint)
    view = choose_view(record, args.crop, args.mirror)
    extractor = scoring.open_extractor(record, args.weights)
    networks = [model, *limits.open_networks(checkpoint, record)]
    scored, failed = score_videos(
        videos, networks, record, extractor, args.allow_short, view
    )
    if scored:
        table = tabulate(scored, record, args.level)
        scores = np.array([scores for _, scores in scored.values()])
        means = limits.average_animals(table["animal"], scores, record, args.level)
        tell(table, means, record, args.level)
        if args.output:
            write(args.output, table, means)
    return console.report_failed(failed, len(videos))


if __name__ == "__main__":
    console.run(main)
