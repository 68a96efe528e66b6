"""Show what a trained network looked at: frames, features, places, movement elements.

    python explain.py --run Reach-lstm
    python explain.py --run Reach-lstm --clip v_RatStrokeApl27_g13_c02
    python explain.py --run g04-features --compare g05-features

Reads   data/data_file.csv, data/sequences/, data/checkpoints/, and frames or videos
Writes  data/figures/<run>/: index.html, CSV tables, PNG and SVG figures; in a folder
        of it where --clip or --split asks for other clips
Cost    about 4 minutes and 3.4 GB for 20 clips of 125 frames and 2,048 units on two
        cores; for small networks little more than the extraction of the key frames.

Everything explains the value before the last activation, so a score that was cut is
explained too.
"""

import difflib
import hashlib
import sys
from pathlib import Path

import data
from features import provenance
from names import labels
from names.matching import match_names
from runs import folds, learned, predict, store
from system import storage, terminal
from system.terminal import Problem

PATTERN = "regular expression that finds the {} in a clip's name; by default the run's"
HELP = {
    "data": "the working folder",
    "run": "name or file of the trained network; the newest by default",
    "clip": "explain this clip; may be given several times",
    "split": "or all clips of these rows of data_file.csv; by default test rows, else "
    "what there is",
    "task": "or of this task; by default that of the run",
    "weights": "where the run's InceptionV3 weights are, if they moved",
    "top": "key frames to show of each clip",
    "space": "in which frames are alike: hidden states of the LSTM, or the features, "
    "each weighted by its importance",
    "elements": "movement elements, that is kinds of frames, to look for",
    "no-places": "leave out where in the frame; with small networks most of the time",
    "animal-pattern": PATTERN.format("animal"),
    "group-pattern": PATTERN.format("group"),
    "control-group": terminal.HEALTHY,
    "compare": "does another run find the same features important? Name one more fold "
    "of a cross-validation to compare all of its folds",
}


def choose_clips(clips, record, split, names):
    """Choose clips by name, in the order given, or those of a split, each once.

    Where neither is given they are test rows, else clips of animals that the run of a
    fold held out, else all that there are. Returns them, which they are in words, and
    which question that is ("" the main one; see `files.figures_folder`).
    """
    known = {clip.name: clip for clip in clips}
    if names:
        match = match_names(names, list(known))
        missing = [name for name in names if name not in match.found]
        if match.doubtful or missing:
            told = f"data_file.csv has no clip {', '.join(missing)}"
            told += "".join(f". {explain_near(name, known)}" for name in missing[:3])
            raise Problem("; ".join(match.doubtful) or told)
        found = dict.fromkeys(match.found[name] for name in names)
        return [known[name] for name in found], "chosen by name", name_question(found)
    rows = learned.choose_clips(clips, record)
    has_test = bool(
        {c.name for c in clips if c.split == "test"} & {c.name for c in rows}
    )
    default = "test" if has_test else "all"
    question = "" if split in (None, default) else split
    if split == "test" and not has_test:
        raise Problem(
            f"data_file.csv has no test row for run {record['run']}. Without --split, "
            "clips that are there are explained; --split train, --split all and --clip "
            "NAME choose them"
        )
    if split in data.SPLITS or (split is None and has_test):
        split = split or "test"
        return (
            learned.choose_clips(clips, record, split),
            f"the {split} split",
            question,
        )
    pattern = record.get("animal_pattern", data.ANIMAL_PATTERN)
    held = [c for c in rows if data.animal_of(c, pattern) in record.get("left_out", ())]
    if split is None and held:
        return held, "clips of the animals that this fold held out", "held-out"
    if split is None:
        terminal.caution(
            "data_file.csv has no test row for this run, so all clips are explained: "
            "NOT A TEST where the network knows them. --split and --clip choose others"
        )
    return rows, "all clips", question


def explain_near(name, known):
    """Name the clips whose names are near to one that is not there."""
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"Near to {name}: {', '.join(near)}" if near else f"Say {min(known)}"


def name_question(names):
    """Name the question that a choice of clips is: the clip, or a digest of them."""
    first, *more = names
    told = f"clip {first}"
    if more or len(told.encode()) > 100:
        digest = hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:8]
        told = f"{len(names)} clips {digest}"
    return told.replace(" ", "-")


def gather(args):
    """Take values of clips apart: the study, why it has no places, and which clips."""
    import numpy as np

    from evaluation.predictions import add_target
    from explanation import pipeline, places

    model, record = store.read_run(store.find_run(args.data, args.run, args.task))
    predict.check_extraction(args.data, record)
    listed = data.read_clips(args.data, args.task)
    provenance.refuse_changed(args.data, listed)
    clips, chosen, question = choose_clips(listed, record, args.split, args.clip)
    animal = args.animal_pattern or record.get("animal_pattern", data.ANIMAL_PATTERN)
    group = args.group_pattern or record.get("group_pattern", data.GROUP_PATTERN)
    record = learned.note_owners({**record, "animal_pattern": animal}, listed)
    table = data.tabulate_clips(clips, data.list_animals(clips, animal), group)
    named = [data.group_of(clip, group) for clip in listed] + list(table["group"])
    record = labels.settle_healthy(record, named, args.control_group)
    without = "colours of groups follow their names"
    labels.tell_healthy(table["group"], record["control_group"], without)
    table["seen"] = learned.describe_seen(table["clip"], table["animal"], record)
    table["expert_score"] = add_target(table, record)["target"]
    sequences = list(predict.read_sequences(args.data, table["clip"], record))
    extractor, reason = None, "--no-places was given" if args.no_places else ""
    try:
        extractor = None if reason else predict.open_extractor(record, args.weights)
    except Problem as problem:
        reason = str(problem)
    pictures = places.Pictures(args.data, clips, record, extractor)
    folder = storage.figures_folder(args.data, record["run"], question)
    opened = folder, model, record, table, np.stack(sequences), pictures
    return pipeline.open_study(*opened), reason, chosen


def find_others(folder, run, task, names):
    """Find the checkpoints to compare with, before anything expensive starts."""
    own = store.find_run(folder, run, task)
    paths = [store.find_run(folder, name) for name in names]
    for path in paths:
        if name_run(path) == name_run(own):
            raise Problem(
                f"--compare needs another run than the one explained. Received: {path}"
            )
    return paths


def name_run(path):
    """Name the run of a checkpoint, as its record does, wherever the file lies."""
    path = path.resolve()
    beside = path.with_suffix(".json")
    return storage.read_json(beside).get("run") if beside.is_file() else path.stem


def compare_runs(folder, study, paths):
    """Compare with other runs on the same clips; two folds bring in all folds."""
    from explanation import attribution, network, pipeline

    _, other = store.read_run(paths[0])
    if are_folds := folds.are_of_one(study.record, other):
        found = folds.find_beside(folder, study.record)
        paths = [*paths, *(path for path, _ in found if path not in paths)]
    importances = {}
    for model, record in map(store.read_run, paths):
        if record["run"] == study.record["run"]:
            continue
        predict.check_extraction(folder, record)
        if model.input_shape[1:] != study.sequences.shape[1:]:
            raise Problem(
                f"{record['run']} takes sequences {model.input_shape[1:]}; those here "
                f"are {study.sequences.shape[1:]}"
            )
        parts = attribution.take_apart(network.open_networks(model), study.sequences)
        importances[record["run"]] = parts.importance
    return pipeline.compare(study, importances, are_folds)


def parse_args(argv):
    parser = terminal.Parser(__doc__)

    def add(name, **kind):
        parser.add_argument(f"--{name}", help=HELP[name], **kind)

    number, pattern = terminal.positive_int, terminal.pattern
    add("data", type=Path, default=storage.DEFAULT_FOLDER, metavar="DIR")
    add("run")
    add("clip", action="append", metavar="NAME")
    add("split", choices=(*data.SPLITS, "all"))
    add("task")
    add("weights", metavar="FILE")
    add("top", type=number, default=8, metavar="N")
    add("space", choices=("hidden", "features"), default="hidden")
    add("elements", type=number, default=6, metavar="N")
    add("no-places", action="store_true")
    add("animal-pattern", type=pattern, metavar="RE")
    add("group-pattern", type=pattern, metavar="RE")
    add("control-group", metavar="NAME")
    add("compare", action="append", metavar="OTHER_RUN")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    others = find_others(args.data, args.run, args.task, args.compare or ())
    from explanation import clips, pipeline
    from reports import page

    study, reason, chosen = gather(args)
    found = {"summary": pipeline.write_parts(study), "reason": reason}
    found["clips"] = clips.show_clips(study, args.top)
    found["deletion"], found["shuffling"], relative = pipeline.check(study)
    found["features"] = pipeline.rank_features(study, relative)
    space, elements = pipeline.map_space(study, args.space, args.elements)
    found |= {"space": space, "elements": elements}
    found["comparison"] = compare_runs(args.data, study, others) if others else None
    context = pipeline.describe(study, found, chosen)
    if context["reason"]:
        print(f"no places and key frames: {context['reason']}", file=sys.stderr)
    if n_inexact := context["summary"]["n_inexact"]:
        terminal.caution(
            f"of {n_inexact} of {len(study.table)} clips the attributions miss by more "
            f"than 1%, in spite of a path of {context['summary']['path_steps']} steps: "
            "clips.csv tells of which"
        )
    pipeline.write_results(study, context, vars(args))
    page.write(study.folder / "index.html", "explanation.html", **context)
    print(page.render("explanation.txt", **context).strip("\n"))
    print(f"\npage: {study.folder / 'index.html'}")


if __name__ == "__main__":
    terminal.run(main)
