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
from pathlib import Path

import data
from recordings import discover
from runs import intervals, new_animals, new_videos, novelty, predict, store
from system import storage, tables, terminal
from system.terminal import Problem
from video import frames

ANIMAL_COLUMNS = ("animal", "n_clips", "network_score", "low", "high", "warnings")


def list_videos(places):
    """List the videos named, and those in the folders named, at any depth."""
    videos, missing = {}, []
    for place in places:
        found = [place]
        if place.is_dir() and not (
            found := discover.pick_videos(discover.list_files(place))
        ):
            missing.append(f"{place}: no video in this folder, at any depth")
        elif not place.exists():
            missing.append(f"{place}: no such file or folder")
        videos |= {path.resolve(): path for path in found}
    if missing:
        raise Problem("\n".join(missing))
    return list(videos.values())


# ---------------------------------------------------------------- outputs


def list_tables(output):
    """List the tables that are written, and the columns that tell them from others."""
    beside = output.with_name(f"{output.stem}-animals{output.suffix}")
    return {output: {"clip", "video", "network_score"}, beside: {*ANIMAL_COLUMNS[:5]}}


def check_outputs(output, figures, overwrite=False):
    """Refuse outputs that would replace anything but an earlier one.

    `figures`: paths without suffix. A figure is an earlier output where the table is
    there, too.
    """
    if output is None:
        return
    if output.suffix.lower() != ".csv":
        raise Problem(f"--output {output}: expected a name that ends with .csv")
    foreign = []
    for path, columns in list_tables(output).items():
        if path.exists():
            with path.open("rb") as file:
                first = file.readline(200).decode(errors="replace").strip()
            if not columns <= set(first.split(",")):
                foreign.append(path)
    drawn = [Path(f"{figure}{kind}") for figure in figures for kind in (".png", ".svg")]
    foreign += [path for path in drawn if path.exists() and not output.exists()]
    if foreign and not overwrite:
        names = ", ".join(map(str, foreign))
        raise Problem(
            f"{names}: no earlier output of --output {output}, so it would be lost. "
            "Give another --output, or --overwrite to replace it"
        )


def list_figures(args, clips):
    """List the figures that are drawn, as paths without suffix: {clip: path}."""
    if args.output is None:
        return {}
    beside = args.output.with_name
    if args.every:
        return {name: beside(f"{args.output.stem}-{name}") for name in clips}
    compared = ["study"] if args.compare or args.pair else []
    return {what: beside(f"{args.output.stem}-{what}") for what in compared}


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
        terminal.caution(
            f"{n} clips in training were mirrored; these are not: --mirror"
        )
    return frames.View(crop=crop, mirror=mirror)


def tell(table, means, record, level):
    """Print the scores of clips, and the means of animals with several."""
    print(f"network scores of run {record['run']}")
    names = list(table["clip"])
    if any(start is not None for start in table["start"]):
        spans = zip(names, table["start"], table["end"], strict=True)
        names = [f"{name} {start:.1f}-{end:.1f} s" for name, start, end in spans]
    width = max(map(len, names), default=0)
    columns = (table[c] for c in new_videos.COLUMNS[5:])
    for name, n_frames, score, low, high, odd in zip(names, *columns, strict=True):
        line = f"  {name:<{width}}  {n_frames:>6} frames  {show(score, low, high)}"
        print(f"{line}  ! {odd}" if odd else line)
    if len(means) < len(names):
        print("means of animals")
        width = max(len(animal) for animal, *_ in means)
        for animal, n_clips, *figures, odd in means:
            line = f"  {animal:<{width}}  {n_clips:>6} clips   {show(*figures)}"
            print(f"{line}  ! {odd}" if odd else line)
    for text in intervals.list_cautions(record, level):
        terminal.caution(text)
    if all(map(math.isnan, table["low"])):
        return
    level = intervals.format_level(intervals.choose_level(record, level))
    print(
        f"[low, high] holds the true score of {level} of new animals, if they are "
        f"like the {intervals.count_animals(record)} that networks of this run scored "
        "without having seen them"
    )


def show(score, low, high):
    return f"{score:8.3f}" + ("" if math.isnan(low) else f"  [{low:.3f}, {high:.3f}]")


def tell_odd(scored, record):
    """Say how many videos are unlike those of the training, and what is not known."""
    if missing := novelty.explain_missing(record):
        terminal.caution(missing)
    novelty.report_warnings(record, [found[2] for found in scored.values()])


def tell_trained(trained, clips, record):
    """Say which scores are no predictions, since the run has seen clips or animals."""
    if record["train_clips"] is None:
        terminal.caution(
            f"it is unknown which clips and animals {record['run']} was trained on: "
            "scores of those are no predictions"
        )
    elif trained:
        terminal.caution(f"no interval for {explain_trained(trained, clips)}")


def explain_trained(trained, clips):
    first = next(iter(trained))
    return (
        f"{len(trained)} of {len(clips)} clips, since the run was trained on them or "
        f"on their animals (say, {first}: {trained[first]}). For these, validate.py "
        "--folds gives held-out predictions, by networks that never saw the animal"
    )


def refuse_odd(scored):
    """Take out what is unlike the training: what is left, and a line for each other."""
    refused = [
        f"{part.video.name}: --strict refuses it, {new_videos.say_odd(odd)}"
        for part, (_, _, odd) in scored.items()
        if odd
    ]
    return {part: found for part, found in scored.items() if not found[2]}, refused


def write(path, table, means):
    """Write the scores of clips, and beside them the means of animals."""
    tables.write_table(path, list(table), zip(*table.values(), strict=True))
    _, beside = list_tables(path)
    tables.write_table(beside, ANIMAL_COLUMNS, means)
    print(f"written to {path} and {beside.name}")


def draw_windows(paths, table):
    """Draw the score of each video over time, beside the table."""
    from evaluation.contrast_figures import draw_windows
    from reports import style

    rows = list(zip(*table.values(), strict=True))
    for clip in dict.fromkeys(table["clip"]):
        own = [row for row in rows if row[0] == clip]
        middles = [(row[3] + row[4]) / 2 for row in own]
        scores = zip(*(row[6:9] for row in own), strict=True)
        figure = draw_windows(middles, *scores, clip)
        written = style.save(figure, paths[clip])
        print(f"written to {written[0]} and .svg")


def parse_args(argv):
    parser = terminal.Parser(__doc__, "VIDEO ... ")
    parser.add_argument(
        "videos", nargs="+", type=Path, help="videos, folders of videos"
    )
    add = terminal.begin_options(parser)
    add("--run", str, "name or file of a run, or a .zip of share.py (the newest run)")
    add("--task", str, "the newest run of this task, where none is named")
    add("--data", Path, "the working folder", default=storage.DEFAULT_FOLDER)
    add("--output", Path, "write a table", metavar="CSV")
    add("--overwrite", bool, "let --output replace any .csv")
    add("--weights", str, "where the run's InceptionV3 weights are, if they moved")
    crop = terminal.checked(data.read_crop, bool, "x,y,w,h in whole pixels")
    where = "look at this region only, in pixels (that of the training)"
    add("--crop", crop, where, metavar="X,Y,W,H")
    add("--mirror", bool, "exchange left and right")
    add("--allow-short", bool, "take what is there of a video that was cut short")
    share = "share of new animals whose true score lies within the interval"
    level = terminal.checked(float, lambda x: 0 < x < 1, "a number such as 0.9")
    add("--level", level, share, default=0.9)
    text = "the animals are others than those of the training, although named alike"
    add("--other-animals", bool, text)
    strict = "refuse videos that are unlike those that the run has learned from"
    add("--strict", bool, strict)

    add = terminal.begin_options(parser, "long videos: a score over time")
    every = "begin a window every so many seconds"
    add("--every", terminal.positive_float, every, metavar="SECONDS")
    window = "how long a window is (as the clips of the training)"
    add("--window", terminal.positive_float, window, metavar="SECONDS")

    add = terminal.begin_options(parser, "what a study finds")
    add("--compare", ("group",), "compare the animals of groups")
    add("--pair", ("session",), "compare the sessions of each animal")
    add("--control-group", str, terminal.HEALTHY, metavar="NAME")
    add("--sessions", str, terminal.SESSIONS, metavar="A,B")
    source = "columns clip and any of animal, group, session, where names do not tell"
    add("--table", Path, source, metavar="CSV")
    args = parser.parse_args(argv)
    if args.window and not args.every:
        parser.error("--window goes with --every")
    if args.every and (args.compare or args.pair):
        parser.error("--every goes with no --compare or --pair")
    return args


def compare(args, table, record, clips, labels, trained, settled):
    """Compare groups and sessions of new animals, where that is asked for."""
    from evaluation import groups

    if any(name in trained for name in table["clip"]):
        raise Problem(f"no comparison with {explain_trained(trained, clips)}")
    if lost := [name for name in clips if name not in table["clip"]]:
        gone = {labels[name]["animal"] or name for name in lost} - {*table["animal"]}
        animals = f"; nothing is left of {', '.join(sorted(gone))}" if gone else ""
        terminal.caution(
            f"the comparison is without {len(lost)} of {len(clips)} clips, which "
            f"failed or were refused: {new_animals.list_some(lost)}{animals}"
        )
    groups.tell_study(table, record, settled, args.output, args.level)


def open_run(args, clips, told):
    """Open a run and see that it suits: its network, record, view, labels and what is
    compared (see `contrasting.settle`, or None).
    """
    model, record = store.read_run(store.find_run(args.data, args.run, args.task))
    view = choose_view(record, args.crop, args.mirror)
    labels = new_animals.label_clips(clips, told, record)
    if args.pair and (lost := new_animals.list_nameless(labels)):
        raise Problem(
            f"{len(lost)} of {len(clips)} clips tell no animal, among them {lost[0]}, "
            "so no sessions can be paired: give a table with the columns clip,animal "
            "as --table"
        )
    settled = None
    if args.compare or args.pair:
        from evaluation import groups

        wanted = bool(args.compare), bool(args.pair)
        wanted += (args.control_group, args.sessions)
        settled = groups.settle(list(clips), record, labels, *wanted)
    new_animals.tell_animals(labels, told)
    return model, record, view, labels, settled


def main(argv=None):
    args = parse_args(argv)
    clips = new_animals.guess_clips(list_videos(args.videos))
    figures = list_figures(args, clips)
    check_outputs(args.output, figures.values(), args.overwrite)
    told = new_animals.read_labels(args.table, clips) if args.table else {}
    model, record, view, labels, settled = open_run(args, clips, told)
    digests = new_animals.digest_videos(clips)
    new_animals.tell_copies(digests)
    others = args.other_animals
    trained = new_animals.find_trained(clips, digests, labels, record, others)
    window = args.every and (args.window or new_videos.window_seconds(record))
    parts, failed = new_videos.list_parts(
        clips, view, window, args.every, args.allow_short
    )
    n_parts = len(parts) + len(failed)
    extractor = predict.open_extractor(record, args.weights)
    scored, failures = new_videos.score_parts(
        parts, model, record, extractor, args.allow_short
    )
    failed += failures
    tell_odd(scored, record)
    if args.strict:
        scored, refused = refuse_odd(scored)
        failed += refused
    code = terminal.report_failed(failed, n_parts)
    if not scored:
        return code
    table, means = new_videos.tabulate(scored, record, args.level, labels, trained)
    tell(table, means, record, args.level)
    tell_trained(trained, clips, record)
    if args.output:
        write(args.output, table, means)
    if args.output and args.every:
        draw_windows(figures, table)
    if args.compare or args.pair:
        compare(args, table, record, clips, labels, trained, settled)
    return code


if __name__ == "__main__":
    terminal.run(main)
