"""Score new videos with a trained network, extraction included.

    python score.py clip.avi other.mp4 --run Reach-lstm
    python score.py folder_of_videos --output scores.csv
    python score.py long_session.mp4 --every 10 --output session.csv
    python score.py study --compare group --pair session --output study.csv

Reads   videos, or folders of videos; data/checkpoints/<run>.keras and <run>.json
Writes  nothing but the table, and with --output a CSV and the figures beside it
Cost    10 to 18 frames a second on two cores: about 10 s for a clip of 125 frames.
"""

import math
import os
from pathlib import Path

import clip_table
import console
import familiar
import files
import frames
import limits
import new_clips
import runs
import scoring
import sources
import tables
from console import Problem

LABELS = ("animal", "group", "session")  # of clips, in a table beside them

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
            below = [path.name for path in place.iterdir() if holds_video(path)]
            if below:
                names = ", ".join(sorted(below)[:10])
                console.caution(f"{place}: videos in its folders are left out: {names}")
            if not found:
                missing.append(f"{place}: no video in this folder")
        elif place.is_file():
            videos.append(place)
        else:
            missing.append(f"{place}: no such file or folder")
    if missing:
        raise Problem("\n".join(missing))
    return list(dict.fromkeys(videos))


def holds_video(place):
    """Tell whether a folder that may be read holds a video."""
    is_open = place.is_dir() and os.access(place, os.R_OK | os.X_OK)
    return is_open and any(map(sources.is_video, place.iterdir()))


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


def read_labels(path):
    """Read the animal, group and session of clips: {clip: {label: str}}."""
    found = {}
    for _, told in tables.read_table(path, ("clip",)).records():
        found[told["clip"]] = {k: told[k] for k in LABELS if told.get(k)}
    return found


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


def tell(table, means, record, level):
    """Print the scores of clips, and the means of animals with several."""
    print(f"network scores of run {record['run']}")
    names = [Path(video).name for video in table["video"]]
    if any(start is not None for start in table["start"]):
        spans = zip(names, table["start"], table["end"], strict=True)
        names = [f"{name} {start:.1f}-{end:.1f} s" for name, start, end in spans]
    width = max(map(len, names), default=0)
    columns = (table[c] for c in new_clips.COLUMNS[5:])
    for name, n_frames, score, low, high, odd in zip(names, *columns, strict=True):
        line = f"  {name:<{width}}  {n_frames:>6} frames  {show(score, low, high)}"
        print(f"{line}  ! {odd}" if odd else line)
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
    return f"{score:8.3f}" + ("" if math.isnan(low) else f"  [{low:.3f}, {high:.3f}]")


def tell_odd(scored, record):
    """Say how many videos are unlike those of the training, and what is not known."""
    if silence := familiar.explain_silence(record):
        console.caution(silence)
    warned = [odd for _, _, odd in scored.values()]
    if any(warned):
        console.caution(familiar.count_kinds(record, warned))


def refuse_odd(scored):
    """Take out what is unlike the training: what is left, and a line for each other."""
    refused = [
        f"{part.video.name}: --strict refuses it, {new_clips.say_odd(odd)}"
        for part, (_, _, odd) in scored.items()
        if odd
    ]
    return {part: found for part, found in scored.items() if not found[2]}, refused


def write(path, table, means):
    """Write the scores of clips, and beside them the means of animals."""
    tables.write_table(path, list(table), zip(*table.values(), strict=True))
    beside = path.with_name(f"{path.stem}-animals{path.suffix}")
    columns = ("animal", "n_clips", "network_score", "low", "high")
    tables.write_table(beside, columns, means)
    print(f"written to {path} and {beside.name}")


def draw_windows(path, table, record):
    """Draw the score of each video over time, beside the table."""
    import figures
    from judging.contrast_figures import draw_windows

    rows = list(zip(*table.values(), strict=True))
    for video in dict.fromkeys(table["video"]):
        own = [row for row in rows if row[2] == video]
        middles = [(row[3] + row[4]) / 2 for row in own]
        figure = draw_windows(
            middles, *zip(*(row[6:9] for row in own), strict=True), Path(video).name
        )
        written = figures.save(
            figure, path.with_name(f"{path.stem}-{Path(video).stem}")
        )
        print(f"written to {written[0]} and .svg")


def parse_args(argv):
    parser = console.Parser(__doc__, "VIDEO ... ")
    parser.add_argument(
        "videos", nargs="+", type=Path, help="videos, folders of videos"
    )
    add = console.begin_options(parser)
    add("--run", str, "name or file of a run, or a .zip of share.py (the newest run)")
    add("--task", str, "the newest run of this task, where none is named")
    add("--data", Path, "the working folder", default=files.DEFAULT_FOLDER)
    add("--output", Path, "write a table", metavar="CSV")
    add("--overwrite", bool, "let --output replace any .csv")
    add("--weights", str, "where the run's InceptionV3 weights are, if they moved")
    crop = console.checked(clip_table.read_crop, bool, "x,y,w,h in whole pixels")
    where = "look at this region only, in pixels (that of the training)"
    add("--crop", crop, where, metavar="X,Y,W,H")
    add("--mirror", bool, "exchange left and right")
    add("--allow-short", bool, "take what is there of a video that was cut short")
    share = "share of new animals whose true score lies within the interval"
    add("--level", console.fraction, share, default=0.9)
    strict = "refuse videos that are unlike those that the run has learned from"
    add("--strict", bool, strict)

    add = console.begin_options(parser, "long videos: a score over time")
    every = "begin a window every so many seconds"
    add("--every", console.positive_float, every, metavar="SECONDS")
    window = "how long a window is (as the clips of the training)"
    add("--window", console.positive_float, window, metavar="SECONDS")

    add = console.begin_options(parser, "what a study finds")
    add("--compare", ("group",), "compare the animals of groups")
    add("--pair", ("session",), "compare the sessions of each animal")
    source = "columns clip and any of animal, group, session, where names do not tell"
    add("--table", Path, source, metavar="CSV")
    args = parser.parse_args(argv)
    if args.window and not args.every:
        parser.error("--window goes with --every")
    if args.every and (args.compare or args.pair):
        parser.error("--every goes with no --compare or --pair")
    return args


def list_parts(args, videos, record, view):
    """List what is to be scored: whole videos, or windows of them."""
    if not args.every:
        return [new_clips.Part(video, view) for video in videos], []
    length, parts, failed = args.window or new_clips.window_seconds(record), [], []
    for video in videos:
        try:
            parts += new_clips.cut_windows(
                video, view, length, args.every, args.allow_short
            )
        except Problem as problem:
            failed.append(str(problem))
    return parts, failed


def main(argv=None):
    args = parse_args(argv)
    videos = list_videos(args.videos)
    check_output(args.output, args.overwrite)
    labels = read_labels(args.table) if args.table else {}
    checkpoint = runs.find_run(args.data, args.run, args.task)
    model, record = runs.read_run(checkpoint)
    view = choose_view(record, args.crop, args.mirror)
    wanted = (bool(args.compare), bool(args.pair))
    if any(wanted):
        import contrasting

        names = [video.stem for video in videos]
        contrasting.refuse_unlabelled(names, record, labels, *wanted)
    parts, failed = list_parts(args, videos, record, view)
    extractor = scoring.open_extractor(record, args.weights)
    scored, failures = new_clips.score_parts(
        parts, model, record, extractor, args.allow_short
    )
    failed += failures
    tell_odd(scored, record)
    if args.strict:
        scored, refused = refuse_odd(scored)
        failed += refused
    if scored:
        table, means = new_clips.tabulate(scored, record, args.level, labels)
        tell(table, means, record, args.level)
        if args.output:
            write(args.output, table, means)
        if args.output and args.every:
            draw_windows(args.output, table, record)
        if any(wanted):
            contrasting.tell_study(table, record, labels, *wanted, args.output)
    return console.report_failed(failed, len(videos))


if __name__ == "__main__":
    console.run(main)
