"""Show what a trained network uses: frames, features, locations, kinds of frames.

    python explain.py --run Reach-lstm
    python explain.py --run Reach-lstm --folds
    python explain.py --run Reach-lstm --clip v_RatStrokeApl27_g13_c02

Reads   data/data_file.csv, data/sequences/, data/checkpoints/, and frames or videos
Writes  data/figures/<run>/: index.html, CSV tables, PNG and SVG figures; in a folder
        of it where --clip or --split asks for other clips
Cost    about 3 minutes and 2.7 GB for 20 clips of 125 frames and 2,048 units on two
        cores; for small networks little more than the extraction of the key frames.

The value before the last activation is explained, so the explanation also holds where
a score was clipped to the range of the training scores.
"""

import difflib
import hashlib
import sys
from pathlib import Path

import data
from evaluation import questions
from features import provenance
from names.matching import match_names
from runs import learned, predict, state, store
from system import storage, terminal
from system.tables import count
from system.terminal import Problem


def choose_parts(question, run, names, by_folds):
    """Choose clips by name, in the order given, or those of a split, and the networks
    that explain them.

    Without either: test rows, else each clip by the fold that held its animal out, else
    all. Returns parts, (Run, table) each, a description, and the name of their folder,
    which is "" for the default choice (see `storage.figures_folder`).
    """
    named = find_named(question.clips, names) if names else None
    clips = named or learned.choose_clips(question.clips, run)
    folder = name_folder([clip.name for clip in clips]) if named else ""
    has_test = any(clip.split == "test" for clip in clips)
    on_folds = None
    if not question.split and (by_folds or not has_test):
        on_folds = questions.find_folds(question, run)
    if by_folds and not on_folds:
        raise Problem(
            f"run {run.name} has no cross-validation; train_reg.py --folds 5 --final "
            "trains one"
        )
    if on_folds and (parts := on_folds.open_folds(clips)[0]):
        text = "each explained by the network of the fold that never saw its animal"
        return parts, text, folder
    text = "chosen by name"
    if not named:
        clips, text, folder = choose_clips(question, run, clips, has_test)
    return [(run, question.tabulate(run, clips))], text, folder


def choose_clips(question, run, rows, has_test):
    """Choose clips of a run's task (`rows`) by a split, or without one; as above."""
    split = question.split
    if split == "test" and not has_test:
        raise Problem(
            f"data_file.csv has no test row for run {run.name}. Without --split, "
            "clips that are there are explained; --split train, --split all and --clip "
            "NAME choose them"
        )
    folder = "" if split in (None, "test" if has_test else "all") else split
    if split in data.SPLITS or (split is None and has_test):
        split = split or "test"
        chosen = learned.choose_clips(question.clips, run, split)
        return chosen, f"the {split} split", folder
    held = [c for c in rows if data.animal_of(c, run.animal_pattern) in run.held_out]
    if split is None and held:
        return held, "clips of the animals that this fold held out", "held-out"
    if split is None:
        terminal.caution(
            "data_file.csv has no test row for this run, so all clips are explained: "
            "NOT A TEST where the network knows them. --split and --clip choose others"
        )
    return rows, "all clips", folder


def find_named(clips, names):
    """Find clips by their names, each once, in the order of the names."""
    known = {clip.name: clip for clip in clips}
    match = match_names(names, list(known))
    if match.doubtful:
        raise Problem("; ".join(match.doubtful))
    if missing := [name for name in names if name not in match.found]:
        near = difflib.get_close_matches(missing[0], list(known), n=3, cutoff=0.5)
        raise Problem(
            f"data_file.csv has no clip {', '.join(missing)}. "
            f"Did you mean {' or '.join(near) or min(known)}?"
        )
    return [known[name] for name in dict.fromkeys(match.found[n] for n in names)]


def name_folder(names):
    """Name the folder of a choice of clips: the clip, or a digest of several."""
    folder = f"clip-{names[0]}"
    if len(names) > 1 or len(folder.encode()) > 100:
        digest = hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:8]
        folder = f"{len(names)}-clips-{digest}"
    return folder.replace(" ", "-")


def tabulate_parts(folder, parts, run, listed, networks):
    """Open the network of each part, with the rows of its clips; tabulate all."""
    import numpy as np
    import pandas as pd

    from evaluation import predictions

    opened, tables, start, cache = [], [], 0, {}
    for fold, part in parts:
        own = networks if fold.path == run.path else store.load_networks(fold)[0]
        opened.append((own, np.arange(start, start + len(part))))
        start += len(part)
        part, _ = predictions.describe_part(folder, fold, part, listed, cache)
        tables.append(part.assign(expert_score=part["target"]))
    return opened, pd.concat(tables, ignore_index=True)


def gather(args):
    """Take values of clips apart: the study, why it has no places, which clips, and how
    well the network scores them."""
    import numpy as np

    from explanation import pipeline, places

    clips = data.read_clips(args.data, args.task)
    provenance.refuse_changed(args.data, clips)
    question = questions.Question(
        folder=args.data,
        clips=clips,
        run=args.run,
        task=args.task,
        split=args.split,
        control_group=args.control_group,
        skip_missing=args.skip_missing,
    )
    networks, run = store.load_networks(question.open_run())
    predict.check_extraction(args.data, run)
    parts, chosen, name = choose_parts(question, run, args.clip, args.folds)
    if healthy := question.settle_healthy(run):
        print(f"healthy group: {healthy}")
    for _, rows in parts:
        predict.require_sequences(args.data, list(rows["clip"]), run)
    opened, table = tabulate_parts(args.data, parts, run, clips, networks)
    sequences = list(predict.read_sequences(args.data, table["clip"], run))
    extractor, reason = None, "--no-places was given" if args.no_places else ""
    try:
        if not reason:
            from extractor import open_for

            extractor = open_for(run, predict.settle_weights(run, args.weights))
    except Problem as problem:
        reason = str(problem)
    known = {clip.name: clip for clip in clips}
    explained = [known[name] for name in table["clip"]]
    pictures = places.Pictures(args.data, explained, run, extractor)
    folder = storage.figures_folder(args.data, run.name, name)
    study = pipeline.open_study(
        folder, opened, run, table, np.stack(sequences), pictures
    )
    return study, reason, chosen, describe_skill(args, study.table, run)


def describe_skill(args, table, run):
    """Describe how well a run scores; see `describe_verdict`. Clips that were chosen by
    name, or that it knows, say nothing of that: the last validation does, if there."""
    from evaluation import evaluate, verdict
    from evaluation.report import LEVELS, explain_known

    known, of = explain_known(table), ""
    if known or args.clip:
        verb = "was" if len(table) == 1 else "were"
        why = known or f"the {count(len(table), 'clip')} below {verb} chosen by name"
        why = f"{why[0].upper()}{why[1:]}, which is no test of the run"
        found = questions.read_validation(args.data, run)
        if found and found["label"] in LEVELS:
            of = " by its last validation, on all its clips"
            found["verdict"].append(f"{why}.")
        else:
            way = state.write_command(args.data, f"validate.py --run {run.name}")
            text = f"{why}. To see how well the run scores, give: {way}"
            found = {"label": verdict.NO_TEST, "than": "", "verdict": [text]}
    else:
        found = verdict.describe_verdict(evaluate.evaluate(table, run))
    return found | {"of": of, "level": LEVELS[found["label"]]}


def parse_args(argv):
    parser = terminal.Parser(__doc__)
    add = terminal.begin_options(parser)
    default = storage.DEFAULT_FOLDER
    add("--data", Path, "the working folder", default=default, metavar="DIR")
    add("--run", str, "name or file of the trained network; the newest by default")
    add("--task", str, "explain clips of this task; by default that of the run")
    add("--weights", str, "file of the run's InceptionV3 weights, if it was moved")
    add("--skip-missing", bool, "omit the clips that have no sequence")
    add("--clip", str, "explain this clip; can be given several times", action="append")
    splits = "explain all clips of these rows; by default test rows, else by folds, "
    splits += "else all rows"
    add("--split", (*data.SPLITS, "all"), splits)
    add("--folds", bool, "each clip by the network that never saw its animal")
    text = "number of key frames to show of each clip"
    add("--top", terminal.positive_int, text, default=8)
    text = "number of kinds of frames to look for"
    add("--elements", terminal.positive_int, text, default=6)
    text = "leave out the locations in frames, usually the slowest step"
    add("--no-places", bool, text)
    add("--control-group", str, terminal.HEALTHY, metavar="NAME")
    args = parser.parse_args(argv)
    if args.folds and args.split:
        parser.error("--folds chooses the clips itself: leave --split away")
    return args


def main(argv=None):
    args = parse_args(argv)
    from explanation import clips, pipeline
    from reports import page

    study, reason, chosen, skill = gather(args)
    found = {"summary": pipeline.write_parts(study), "reason": reason, "skill": skill}
    found["clips"] = clips.show_clips(study, args.top)
    found["deletion"], found["randomisation"], relative = pipeline.check(study)
    found["features"] = pipeline.rank_features(study, relative)
    found["space"], found["elements"] = pipeline.map_space(study, args.elements)
    context = pipeline.describe(study, found, chosen)
    if context["reason"]:
        print(f"no locations and key frames: {context['reason']}", file=sys.stderr)
    pipeline.write_results(study, context, vars(args))
    page.write(study.folder / "index.html", "explanation.html", **context)
    print(page.render("explanation.txt", **context).strip("\n"))
    print(f"\npage: {study.folder / 'index.html'}")
    print(state.format_state(args.data, args.task))


if __name__ == "__main__":
    terminal.run(main)
