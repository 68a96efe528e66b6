"""Score clips blind in the browser; import scores; join the raters' scores.

    python rate.py --rater JB --scale 0:5:0.5
    python rate.py --rater JB --items items.csv
    python rate.py --scores sheet.xlsx --clip-column Video --rater-columns "JB,MK"
    python rate.py --join mean

Reads   data/data_file.csv, the clips; with --scores a spreadsheet or an export
Writes  data/ratings/<rater>.csv after each clip; with --join the scores of the table
Cost    a second or two of computing a clip, while the one before it is looked at

Names, folders, groups and dates stay hidden: the page knows running numbers only. The
order is the rater's own, and a tenth of the clips comes twice, unannounced. Close the
window whenever you like: the same command goes on where you stopped.
"""

import argparse
import os
import sys
import threading
import webbrowser
from pathlib import Path

import data
from rating import importing, ratings, scales, server, session
from runs import state
from system import storage, terminal
from system.tables import count, summarise
from system.terminal import Problem

SCALE = "0:5:0.5"


def choose_clips(folder, task, split):
    """Choose the clips that are to be rated, each once: dict of name to Clip."""
    clips = data.read_clips(folder, task)
    chosen = {clip.name: clip for clip in clips if split in (None, clip.split)}
    if not chosen:
        raise Problem(f"{storage.table_path(folder)} lists no {split} clip")
    return chosen


def choose_items(scale, path, anchors=None):
    """Choose what is asked of a clip: the items of a table, or one score."""
    if path:
        return scales.read_items(path)
    expected = "--scale: expected say 0:5:0.5"
    try:
        values = scales.parse_scale(scale)
        expected = '--anchors: say "0=normal,5=cannot reach"'
        text = scales.describe_anchors(anchors, values) if anchors else ""
    except ValueError as error:
        raise Problem(f"{expected}. {error}") from None
    return [scales.Item("Score", values, text)]


def has_browser():
    """Tell whether a browser can be opened: not in a terminal without a screen."""
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    is_unix = sys.platform not in ("win32", "darwin")
    return bool(screen or os.environ.get("BROWSER") or not is_unix)


def rate(folder, rater, clips, items, open_browser, port=0):
    """Serve the page until the rater stops; return the clips that cannot be shown."""
    work = session.Session(folder, rater, clips, items)
    with server.Server(work, folder, clips, port) as page:
        print(f"rate at {page.url}\n(on this computer only; Ctrl-C stops)", flush=True)
        if open_browser and has_browser():  # a text browser waits for the page
            opening = threading.Thread(target=webbrowser.open, args=[page.url])
            opening.daemon = True
            opening.start()
        page.serve_forever()
    is_open = work.list_next()
    told = "The same command goes on from here" if is_open else "All clips are rated"
    print(f"saved in {work.path}. {told}")
    return sorted(work.broken)


def import_scores(folder, path, clips, clip_column, raters, sheet, where):
    """Write the scores of a table as ratings; return what was not imported."""
    columns = clip_column, raters, sheet, where
    found, problems = importing.read_scores(path, clips.values(), *columns)
    paths = {rater: ratings.ratings_path(folder, rater) for rater in raters}
    earlier = {r: ratings.read_import(p) for r, p in paths.items() if p.is_file()}
    if rater := next((r for r, scores in earlier.items() if scores is None), None):
        raise Problem(
            f"{paths[rater]} is there already, rated in the browser or made by hand. "
            "Move it away, or name the rater otherwise: "
            f'--rater-columns "NAME={raters[rater]}"'
        )
    if not any(found.values()):
        told = f"no clip of {path} is scored. Correct it and give the command again"
        raise Problem(summarise([told, *problems]))
    for rater, target in paths.items():
        scores, told = importing.merge_scores(earlier.get(rater, {}), found[rater])
        if not scores and rater not in earlier:
            print(f"{rater}: no clip is scored, so {target} was not written")
            continue
        rows = [{"clip": c, "score": f"{s:.10g}"} for c, s in scores.items()]
        ratings.write_ratings(target, (), rows)
        n_scored = sum(clip in clips for clip in scores)
        print(f"{rater}: {n_scored} of {count(len(clips), 'clip')} scored, in {target}")
        if rater in earlier:
            print(f"{rater}: {told}")
    return problems


def join_raters(folder, raters, how, overwrite):
    """Join the raters' scores in the table of clips and tell how far they agree."""
    from rating import joining  # which loads pandas

    said = joining.read_raters(folder, raters)
    table = joining.tabulate(said)
    remedy = " If so, correct the sheet, import it and join again"
    for rater in table:
        scales.warn_of_far(table[rater].dropna().to_dict(), rater, remedy)
    scales.warn_of_scales(table)
    scores, told = joining.join(table, how)
    print(*joining.describe(said), *told, sep="\n")
    print(*joining.write_scores(folder, scores, how, said, overwrite), sep="\n")


def split_list(text):
    return [part.strip() for part in text.split(",")]


def split_raters(text):
    """Read `JB=Rater JB,MK`: the raters and the columns that hold their scores."""
    parts = [part.rpartition("=") for part in split_list(text)]
    return {(rater or column).strip(): column.strip() for rater, _, column in parts}


def split_where(text):
    """Read `Behavior=Score`."""
    column, sign, value = text.partition("=")
    if not sign:
        raise argparse.ArgumentTypeError(f"expected COLUMN=VALUE. Received: {text!r}")
    return column.strip(), value.strip()


def parse_args(argv):
    parser = terminal.Parser(__doc__)
    add = terminal.begin_options(parser)
    add("--data", Path, "working folder", default=storage.DEFAULT_FOLDER)
    add("--task", str, "only this task")
    add("--split", data.SPLITS, "only this split")
    add = terminal.begin_options(parser, "rate in the browser")
    add("--rater", str, "name of the rater", metavar="NAME")
    add("--scale", str, "lowest and highest score, step; by default 0:5:0.5")
    text = 'meaning of values, shown to the rater: "0=normal,5=cannot reach"'
    add("--anchors", str, text, metavar="TEXT")
    text = "table of item,scale: several questions, whose scores are summed"
    add("--items", Path, text, metavar="CSV")
    text = "port of the page, as for an SSH tunnel (ssh -L PORT:127.0.0.1:PORT)"
    add("--port", int, text, default=0, metavar="PORT")
    add("--no-browser", bool, "print the address, and open no browser")
    add = terminal.begin_options(parser, "import scores")
    add("--scores", Path, "table of scores, .csv or .xlsx", metavar="FILE")
    add("--sheet", str, "sheet of the workbook, if it has several")
    text = "column that names the clips"
    add("--clip-column", str, text, default="clip", metavar="NAME")
    text = "columns of scores; NAME=COLUMN gives the rater another name"
    add("--rater-columns", split_raters, text, metavar="A,B")
    text = "import only these rows, as Behavior=Score in an export of BORIS"
    add("--where", split_where, text, metavar="COLUMN=VALUE")
    add = terminal.begin_options(parser, "join raters")
    text = "write the mean or median of the raters as the score of a clip; adjusted: "
    text += "the mean without the differences in level between raters"
    add("--join", ("mean", "median", "adjusted"), text)
    add("--raters", split_list, "join only these raters", metavar="A,B")
    add("--overwrite", bool, "replace scores that are in the table")
    args = parser.parse_args(argv)
    if bool(args.rater) == bool(args.scores or args.join):
        parser.error("expected either --rater, or --scores, --join or both")
    if args.scale and not args.rater:
        parser.error("--scale goes with --rater; imported scores are taken as they are")
    if bool(args.scores) != bool(args.rater_columns):
        parser.error("--scores and --rater-columns go together")
    return args


def main(argv=None):
    args = parse_args(argv)
    omitted = []
    if not args.join or args.scores:
        clips = choose_clips(args.data, args.task, args.split)
    if args.rater:
        items = choose_items(args.scale or SCALE, args.items, args.anchors)
        omitted = rate(
            args.data, args.rater, clips, items, not args.no_browser, args.port
        )
    if args.scores:
        columns = args.clip_column, args.rater_columns, args.sheet, args.where
        omitted = import_scores(args.data, args.scores, clips, *columns)
    if args.join:
        join_raters(args.data, args.raters, args.join, args.overwrite)
    if omitted:
        was = "was" if len(omitted) == 1 else "were"
        told = f"{len(omitted)} {was} not imported or not shown:"
        print(told, *omitted, sep="\n  ", file=sys.stderr)
    if storage.table_path(args.data).is_file():
        print(state.format_state(args.data, args.task))
    return int(bool(omitted))


if __name__ == "__main__":
    terminal.run(main)
