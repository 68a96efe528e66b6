"""Score new videos with a trained network, extraction included.

    python score.py clip.avi other.mp4 --run Reach-lstm
    python score.py folder_of_videos --output scores.csv
    python score.py long_session.mp4 --every 10 --output session.csv
    python score.py study --compare group --pair session --output study.csv

Reads   videos, or folders of videos; data/checkpoints/<run>.keras and <run>.json
Writes  data/new/, the features of these videos; with --output a CSV and figures
Cost    10 to 18 frames a second on two cores: about 10 s for a clip of 125 frames.
        Once features are there, another level, table or comparison takes seconds.
"""

import contextlib
import math
from pathlib import Path

import data
from recordings import folders, new_animals
from runs import intervals, new_videos, novelty, predict, state, store
from system import storage, tables, terminal
from system.terminal import Problem
from video import frames


def list_videos(places):
    """List the videos named, and those in the folders named, at any depth."""
    videos, missing = {}, []
    for place in places:
        found = [place]
        if place.is_dir():
            found = folders.pick_videos(folders.list_files(place))
            found = folders.drop_copies(found)
            if not found:
                missing.append(f"{place}: no video in this folder, at any depth")
        elif not place.exists():
            missing.append(f"{place}: no such file or folder")
        videos |= {path.resolve(): path for path in found}
    if missing:
        raise Problem("\n".join(missing))
    return list(videos.values())


def animals_path(output):
    return output.with_name(f"{output.stem}-animals{output.suffix}")


def check_outputs(output, figures, overwrite=False):
    """Refuse to overwrite files that are not earlier output of this command. A figure
    (a path without suffix) counts as such if the table exists, too."""
    if output is None:
        return
    if output.suffix.lower() not in (".csv", ".xlsx"):
        raise Problem(f"--output {output}: expected a name that ends .csv or .xlsx")
    foreign = []
    for path, columns in (
        (output, {"clip", "video", "network_score"}),
        (animals_path(output), {"animal", "n_clips", "network_score"}),
    ):
        with contextlib.suppress(Problem):  # what cannot be read is none of ours
            if not path.exists() or tables.read_table(path, columns).columns:
                continue
        foreign.append(path)
    drawn = [Path(f"{figure}{kind}") for figure in figures for kind in (".png", ".svg")]
    foreign += [path for path in drawn if path.exists() and not output.exists()]
    if foreign and not overwrite:
        names = ", ".join(map(str, foreign))
        raise Problem(
            f"{names}: was not written by --output {output}, so it is not overwritten. "
            "Give another --output, or --overwrite to replace it"
        )


def list_figures(args, clips):
    """List the figures that are drawn, as paths without suffix: {clip: path}."""
    if args.output is None:
        return {}
    drawn = clips if args.every else ["study"] if args.compare or args.pair else []
    return {name: args.output.with_name(f"{args.output.stem}-{name}") for name in drawn}


def choose_view(run, crop, mirror):
    """Choose the view of the new videos that is used, as in training or as given."""
    crops = run.crops
    if crop is None and len(crops) > 1:
        raise Problem(
            f"run {run.name} was trained on clips cropped in {len(crops)} ways "
            f"(for example to {crops[0]}). Choose with --crop x,y,w,h"
        )
    if crop is None and crops:
        crop = crops[0]
        print(f"cropped to {','.join(map(str, crop))}, as the clips in training")
    if run.mirrored and not mirror:
        n = len(run.mirrored)
        terminal.caution(
            f"{n} clips in training were mirrored; these are not: --mirror"
        )
    return frames.View(crop=crop, mirror=mirror)


def print_scores(rows, means, run, level):
    """Print the scores of clips, and the means of animals with several."""
    print(f"network scores of run {run.name}")
    names = [row["clip"] for row in rows]
    if rows[0]["start"] is not None:
        names = [f"{r['clip']} {r['start']:.1f}-{r['end']:.1f} s" for r in rows]
    print_lines(names, rows, "n_frames", "frames")
    if len(means) < len(rows):
        print("means of animals")
        print_lines([row["animal"] for row in means], means, "n_clips", "clips ")
    for text in intervals.list_cautions(run, level):
        terminal.caution(text)
    if not all(math.isnan(row["low"]) for row in rows):
        level = intervals.format_level(intervals.choose_level(run, level))
        print(
            f"[low, high] contains the true score of {level} of new animals, if they "
            f"are like the {intervals.count_animals(run)} held-out animals of this "
            "run"
        )


def print_lines(names, rows, counted, unit):
    width = max(map(len, names))
    for name, row in zip(names, rows, strict=True):
        low, high, text = row["low"], row["high"], row["warnings"]
        limits = "" if math.isnan(low) else f"  [{low:.3f}, {high:.3f}]"
        warning = f"  ! {text}" if text else ""
        score = f"{row[counted]:>6} {unit}  {row['network_score']:8.3f}"
        print(f"  {name:<{width}}  {score}{limits}{warning}")


def report_trained(trained, clips, run):
    """Caution which scores are no predictions, as the run has seen clips or animals."""
    if run.is_published:
        terminal.caution(
            f"it is unknown which clips and animals {run.name} was trained on: "
            "scores of those are no predictions"
        )
    elif trained:
        terminal.caution(f"no interval for {explain_trained(trained, clips, run)}")


def explain_trained(trained, clips, run):
    first = next(iter(trained))
    way = "Held-out scores of these are given by validate.py --folds, once they are "
    way += "listed and extracted"
    if run.base.name:
        way = "Errors on held-out animals were given when it was recalibrated"
    return (
        f"{len(trained)} of {len(clips)} clips, since the run was trained on them or "
        f"on their animals (for example {first}: {trained[first]}). {way}"
    )


def write(path, rows, means):
    """Write the scores of clips, and beside them the means of animals."""
    for place, found in ((path, rows), (animals_path(path), means)):
        tables.write_table(place, list(found[0]), [row.values() for row in found])
    print(f"written to {path} and {animals_path(path).name}")


def draw_windows(paths, rows):
    """Draw the score of each video over time, beside the table."""
    import pandas as pd

    from evaluation.plots import draw_windows
    from reports import style

    for clip, own in pd.DataFrame(rows).groupby("clip", sort=False):
        middles = (own["start"] + own["end"]) / 2
        figure = draw_windows(
            middles, own["network_score"], own["low"], own["high"], clip
        )
        print(f"written to {style.save(figure, paths[clip])[0]} and .svg")


def parse_args(argv):
    parser = terminal.Parser(__doc__, "VIDEO ... ")
    parser.add_argument(
        "videos", nargs="+", type=Path, help="videos, or folders of videos"
    )
    add = terminal.begin_options(parser)
    add("--run", str, "name or file of a run, or a .zip of share.py (the newest run)")
    add("--task", str, "the newest run of this task, where none is named")
    add("--data", Path, "the working folder", default=storage.DEFAULT_FOLDER)
    text = "write the scores as a table, .csv or .xlsx, with figures beside it"
    add("--output", Path, text, metavar="FILE")
    add("--overwrite", bool, "let --output replace any file")
    add("--weights", str, "where the run's InceptionV3 weights are, if they moved")
    crop = terminal.checked(data.read_crop, bool, "x,y,w,h in whole pixels")
    text = "use only this region, in pixels (by default as in the training)"
    add("--crop", crop, text, metavar="X,Y,W,H")
    add("--mirror", bool, "exchange left and right")
    add("--allow-short", bool, "use what can be read of truncated videos")
    add("--no-cache", bool, "neither take nor keep features of new videos")
    level = terminal.checked(float, lambda x: 0 < x < 1, "a number such as 0.9")
    add("--level", level, "coverage of the intervals, for new animals", default=0.9)
    text = "the animals are not those of the training, although their names are the "
    add("--other-animals", bool, text + "same")
    add("--strict", bool, "refuse videos that differ from the training videos")

    add = terminal.begin_options(parser, "long videos: a score over time")
    text = "time from one window to the next"
    add("--every", terminal.positive_float, text, metavar="SECONDS")
    text = "length of a window (that of the clips of the training)"
    add("--window", terminal.positive_float, text, metavar="SECONDS")

    add = terminal.begin_options(parser, "comparisons of a study")
    add("--compare", ("group",), "compare the animals of groups")
    add("--pair", ("session",), "compare the sessions of each animal")
    add("--control-group", str, terminal.HEALTHY, metavar="NAME")
    add("--sessions", str, terminal.SESSIONS, metavar="A,B")
    text = "table of clip and any of animal, group, session"
    add("--table", Path, text, metavar="CSV")
    add("--animals", Path, terminal.ANIMALS, metavar="TABLE")
    args = parser.parse_args(argv)
    if args.window and not args.every:
        parser.error("--window goes with --every")
    if args.every and (args.compare or args.pair):
        parser.error("--every goes with no --compare or --pair")
    return args


def settle_study(args, clips, run, trained):
    """Settle what is compared with what, see `study.settle`; None where nothing is.

    Where animals allow no comparison, "refused" says why; it is raised at once where no
    scores are to be written.
    """
    lost = [name for name, clip in clips.items() if not clip.animal]
    if args.pair and lost:
        raise Problem(
            f"no animal is known of {len(lost)} of {len(clips)} clips, among them "
            f"{lost[0]}, so no sessions can be paired: give a table with the columns "
            "clip,animal as --table"
        )
    if not (args.compare or args.pair):
        return None
    from evaluation import groups, study

    table = new_animals.tabulate(clips.values(), run)
    try:
        settled = study.settle(
            table, run, args.compare, args.pair, args.control_group, args.sessions
        )
        if trained:
            known = explain_trained(trained, clips, run)
            raise groups.TooFew(f"no comparison with {known}")
    except groups.TooFew as problem:
        if args.output is None:
            raise
        return {"refused": problem}
    if settled["healthy"]:
        print(f"healthy group: {settled['healthy']}")
    if settled["sessions"]:
        print(f"sessions: {' -> '.join(settled['sessions'])}")
    return settled | {"table": table}


def compare(args, rows, run, clips, settled):
    """Compare groups and sessions of new animals; gives 1 where they do not allow it,
    else 0."""
    import pandas as pd

    from evaluation import groups, study

    scored = pd.DataFrame(rows)[["clip", "animal", "network_score"]]
    if lost := [name for name in clips if name not in set(scored["clip"])]:
        gone = {clips[name].animal or name for name in lost} - {*scored["animal"]}
        animals = f"; nothing is left of {', '.join(sorted(gone))}" if gone else ""
        terminal.caution(
            f"the comparison is without {len(lost)} of {len(clips)} clips, which "
            f"failed or were refused: {tables.list_some(lost)}{animals}"
        )
    try:
        if "refused" in settled:
            raise settled["refused"]
        scored = scored.drop(columns="animal").merge(settled["table"], on="clip")
        told = study.report_study(scored, run, settled, args.output, args.level)
    except groups.TooFew as problem:
        terminal.caution(f"scored, but not compared: {problem}")
        return 1
    print(*told, sep="\n")
    return 0


def open_extractor(run, weights):
    import extractor  # TensorFlow starts here

    return extractor.open_for(run, weights)


def score(args, clips, digests, networks, run):
    """Score what suits: list of new_videos.Scored, and an exit code."""
    view = choose_view(run, args.crop, args.mirror)
    weights = predict.settle_weights(run, args.weights)
    folder = None if args.no_cache else args.data
    features = new_videos.Features(
        run, weights, digests, open_extractor, folder, args.allow_short
    )
    if args.every:
        window = args.window or new_videos.window_seconds(run)
        parts, failed = new_videos.list_windows(
            clips, view, window, args.every, args.allow_short
        )
    else:
        parts = [
            new_videos.Part(Path(c.video), view, name) for name, c in clips.items()
        ]
        failed = []
    n_parts = len(parts) + len(failed)
    scored, failures = new_videos.score_parts(parts, networks, features)
    failed += failures
    if text := features.describe():
        print(text)
    if missing := novelty.explain_missing(run):
        terminal.caution(missing)
    novelty.report_warnings(run, [each.warnings for each in scored])
    if args.strict:
        failed += [
            f"{each.part.video.name}: --strict refuses it, {each.explain()}"
            for each in scored
            if each.warnings
        ]
        scored = [each for each in scored if not each.warnings]
    return scored, terminal.report_failed(failed, n_parts)


def main(argv=None):
    args = parse_args(argv)
    clips = new_animals.guess_clips(list_videos(args.videos))
    figures = list_figures(args, clips)
    check_outputs(args.output, figures.values(), args.overwrite)
    in_table = new_animals.read_labels(args.table, clips) if args.table else {}
    networks, run = store.read_run(store.find_run(args.data, args.run, args.task))
    clips = new_animals.label_clips(clips, in_table, run, args.animals)
    if by_name := new_animals.describe_animals(clips, in_table):
        print(by_name)
    digests = new_animals.digest_videos(clips)
    trained = new_animals.find_trained(clips, digests, run, args.other_animals)
    settled = settle_study(args, clips, run, trained)
    scored, code = score(args, clips, digests, networks, run)
    if not scored:
        return code
    rows, means = new_videos.tabulate(scored, run, args.level, clips, trained)
    print_scores(rows, means, run, args.level)
    report_trained(trained, clips, run)
    if args.output:
        write(args.output, rows, means)
    if args.output and args.every:
        draw_windows(figures, rows)
    if settled:
        code = compare(args, rows, run, clips, settled) or code
    if storage.table_path(args.data).is_file():
        print(state.format_state(args.data, args.task))
    return code


if __name__ == "__main__":
    terminal.run(main)
