"""Show what a trained network looked at: frames, features, places, movement elements.

    python explain.py --run Reach-lstm
    python explain.py --run Reach-lstm --clip v_RatStrokeApl27_g13_c02 --video
    python explain.py --run g04-features --compare g05-features --occlusion

Reads   data/data_file.csv, data/sequences/, data/checkpoints/, and frames or videos
Writes  data/figures/<run>/: index.html, CSV tables, PNG and SVG figures, films
Cost    about 5 minutes and 3.4 GB for 20 clips of 125 frames and 2,048 units on two
        cores; for small networks little more than the extraction of the key frames.

Everything explains the value before the last ReLU, so a score that was cut to 0 is
explained too.
"""

import argparse
import sys
from pathlib import Path

import console
import data
import files
import origins
import runs
import scoring
from console import Problem

# ---------------------------------------------------------------- gathering


def choose_clips(clips, record, split, names):
    """Choose clips by name, in the order given, or those of a split, each once."""
    known = {clip.name: clip for clip in clips}
    if names:
        if missing := [name for name in names if name not in known]:
            raise Problem(f"data_file.csv has no clip {', '.join(missing)}")
        return [known[name] for name in dict.fromkeys(names)]
    return runs.choose_clips(clips, record, None if split == "all" else split)


def open_pictures(folder, clips, record, weights, with_places):
    """Open what shows frames; without an extractor there are no places.

    Returns
    -------
    (Pictures, str)
        And why there are no places, or "".
    """
    import frames
    from explaining.places import Pictures

    extractor, reason = None, ""
    for clip in clips:  # one with pictures is enough to open the extractor for
        try:
            frames.find_source(folder, clip)
            reason = ""
            break
        except Problem as problem:
            reason = reason or str(problem)
    if not with_places:
        reason = "--no-places was given"
    elif not reason:
        try:
            extractor = scoring.open_extractor(record, weights)
        except Problem as problem:
            reason = str(problem)
    return Pictures(folder, clips, record, extractor), reason


def gather(args):
    """Read a run and its clips, and take their values apart.

    Returns
    -------
    (Study, str)
        And why there are no places, or "".
    """
    import numpy as np

    from explaining import steps

    model, record = runs.read_run(runs.find_run(args.data, args.run))
    scoring.check_extraction(args.data, record)
    clips = data.read_clips(args.data, args.task)
    origins.refuse_changed(args.data, clips)
    clips = choose_clips(clips, record, args.split, args.clip)
    pattern = args.animal_pattern or record.get("animal_pattern", data.ANIMAL_PATTERN)
    record = {**record, "animal_pattern": pattern}
    group_pattern = args.group_pattern or record.get(
        "group_pattern", data.GROUP_PATTERN
    )
    table = data.tabulate_clips(clips, data.list_animals(clips, pattern), group_pattern)
    seen = runs.describe_seen(table["clip"], table["animal"], record)
    table = table.assign(seen=seen)
    sequences = np.stack(list(scoring.read_sequences(args.data, table["clip"], record)))
    pictures, reason = open_pictures(
        args.data, clips, record, args.weights, not args.no_places
    )
    folder = files.figures_folder(args.data, record["run"])
    study = steps.open_study(folder, model, record, table, sequences, pictures)
    return study, reason


# ---------------------------------------------------------------- other networks


def find_others(folder, run, names):
    """Find the checkpoints to compare with, before anything expensive starts."""
    own = runs.find_run(folder, run)
    paths = [runs.find_run(folder, name) for name in names]
    for path in paths:
        if path.resolve() == own.resolve() or name_run(path) == name_run(own):
            raise Problem(
                f"--compare needs another run than the one explained. Received: {path}"
            )
    return paths


def name_run(path):
    """Name the run of a checkpoint, as its record does, wherever the file lies."""
    beside = path.with_suffix(".json")
    return files.read_json(beside).get("run") if beside.is_file() else path.stem


def compare_runs(folder, study, paths):
    """Compare with other runs on the same clips; two folds bring in all folds."""
    from explaining import attribution, network, steps

    _, other = runs.read_run(paths[0])
    scheme, theirs = (record.get("scheme") or {} for record in (study.record, other))
    same = [(s.get("kind"), s.get("prefix")) for s in (scheme, theirs)]
    are_folds = bool(scheme) and same[0] == same[1]
    if are_folds:
        found = runs.find_folds(folder, *same[0], study.record["task"])
        paths = [*paths, *(path for path, _ in found if path not in paths)]
    importances = {}
    for path in paths:
        model, record = runs.read_run(path)
        if record["run"] == study.record["run"]:
            continue
        scoring.check_extraction(folder, record)
        if model.input_shape[1:] != study.sequences.shape[1:]:
            raise Problem(
                f"{record['run']} takes sequences {model.input_shape[1:]}; those here "
                f"are {study.sequences.shape[1:]}"
            )
        parts = attribution.take_apart(network.open_networks(model), study.sequences)
        importances[record["run"]] = parts.importance
    return steps.compare(study, importances, are_folds)


# ---------------------------------------------------------------- the script


def parse_args(argv):
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=console.HelpFormatter,
    )
    what = parser.add_argument_group("what")
    what.add_argument("--data", type=Path, default=files.DEFAULT_FOLDER, metavar="DIR")
    what.add_argument("--run", help="name or file of a run; the newest one by default")
    what.add_argument("--clip", action="append", metavar="NAME", help="only this clip")
    what.add_argument("--split", choices=(*data.SPLITS, "all"), default="test")
    what.add_argument("--task", help="only this task; the run's own by default")
    what.add_argument(
        "--weights", help="where the run's InceptionV3 weights are, if they moved"
    )
    how = parser.add_argument_group("how")
    number = console.positive_int
    how.add_argument("--top", type=number, default=8, help="key frames of a clip")
    how.add_argument(
        "--space",
        choices=("hidden", "features"),
        default="hidden",
        help="of frames: the LSTM's hidden states, or features by their importance",
    )
    how.add_argument(
        "--elements", type=number, default=6, help="movement elements to look for"
    )
    how.add_argument("--no-places", action="store_true", help="skip the extraction")
    for name in ("animal", "group"):
        how.add_argument(
            f"--{name}-pattern",
            type=console.pattern,
            metavar="RE",
            help=f"finds the {name} in a clip name; the run's own by default",
        )
    more = parser.add_argument_group("more")
    more.add_argument(
        "--compare",
        action="append",
        default=[],
        metavar="OTHER_RUN",
        help="importance of the features in another run; of two folds, in all folds",
    )
    more.add_argument(
        "--occlusion",
        action="store_true",
        help="check places by covering them: 64 extractions a frame",
    )
    more.add_argument(
        "--video", action="store_true", help="film each --clip, else the highest score"
    )
    return parser.parse_args(argv)


def warn(context):
    """Say on the terminal what is missing, and what is not as exact as it should be."""
    if context["reason"]:
        print(f"no places and key frames: {context['reason']}", file=sys.stderr)
    summary = context["summary"]
    if n_inexact := summary["n_inexact"]:
        console.caution(
            f"of {n_inexact} of {summary['n_clips']} clips the attributions miss by "
            f"more than 1%, in spite of {summary['path_steps']} steps of the path: "
            "clips.csv tells of which"
        )


def main(argv=None):
    args = parse_args(argv)
    others = find_others(args.data, args.run, args.compare)
    from explaining import clips, steps
    from pages import page

    study, reason = gather(args)
    found = {"summary": steps.write_parts(study), "reason": reason}
    highest = study.table["clip"][study.table["network_score"].argmax()]
    filmed = (args.clip or [highest]) if args.video else ()
    found["clips"] = clips.show_clips(study, args.top, filmed)
    found["occlusion"] = (
        clips.occlude(study, found["clips"]) if args.occlusion else None
    )
    found["deletion"], found["shuffling"], relative = steps.check(study)
    found["features"] = steps.rank_features(study, relative)
    found["space"], found["elements"] = steps.map_space(
        study, args.space, args.elements
    )
    found["comparison"] = compare_runs(args.data, study, others) if others else None
    chosen = {"all": "all clips"}.get(args.split, f"the {args.split} split")
    context = steps.describe(study, found, "chosen by name" if args.clip else chosen)
    warn(context)
    steps.write_results(study, context, vars(args))
    page.write(study.folder / "index.html", "explanation.html", **context)
    print(page.render("explanation.txt", **context))
    print(f"\npage: {study.folder / 'index.html'}")


if __name__ == "__main__":
    console.run(main)
