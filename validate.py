"""Evaluate a run: network score against expert score, on clips and on animals.

    python validate.py --run Reach-lstm
    python validate.py --compare group --pair session
    python validate.py --leave-one-animal-out --outcome lesions.csv
    python validate.py --raters data/ratings --margin 0.5
    python validate.py --run R.zip --recalibrate

Reads   data/data_file.csv, data/sequences/, data/checkpoints/; tables that are named
Writes  data/predictions/<run>-<split>.csv and .json, <run>-animals.csv;
        data/figures/<run>/: report.html, results.txt for a paper, figures;
        with --recalibrate a new run in data/checkpoints/ and nothing else
Cost    seconds a network, for small ones; the published one scores 3 clips a second.
"""

import dataclasses
from pathlib import Path

import data
from evaluation import questions
from features import provenance, sequences
from names import labels, sessions
from names.matching import explain_first, form_of_animal, match_names
from rating import reading
from runs import folds, learned, novelty, state, store
from runs.record import Likeness
from system import storage, terminal
from system.tables import count
from system.terminal import Problem

# ---------------------------------------------------------------- which clips


def settle_patterns(args, run):
    """Put the patterns that are given in the place of a run's."""
    given = {name: getattr(args, name) for name in ("animal_pattern", "group_pattern")}
    return dataclasses.replace(run, **{name: p for name, p in given.items() if p})


def tabulate(args, clips, run, split=None):
    """Tabulate the clips that a run can score, with the animals and groups that it asks
    for; with --skip-missing only those that have sequences."""
    chosen = learned.choose_clips(clips, run, split)
    if args.skip_missing:
        wanted = run.n_frames, run.options.reads
        chosen = sequences.omit_missing(args.data, chosen, *wanted)
    animals = data.list_animals(chosen, run.animal_pattern)
    return data.tabulate_clips(chosen, animals, run.group_pattern)


def list_repeats(args, clips):
    """List the networks and the clips that each is to score: lists of (Run, table), one
    for each time that a cross-validation was repeated, one for a split.
    """
    if args.split in data.SPLITS:
        run = store.open_run(store.find_run(args.data, args.run, args.task))
        run = learned.note_owners(settle_patterns(args, run), clips)
        return [[(run, tabulate(args, clips, run, args.split))]]
    found = folds.find_folds(args.data, args.split, args.run, args.task)
    repeats = [
        [settle_patterns(args, run) for run in networks]
        for networks in folds.split_repeats(found)
    ]
    first, parts = repeats[0][0], []
    table = tabulate(args, clips, first)
    n_scores = table.groupby("animal")["expert_score"].count()
    unscored = set(n_scores.index[n_scores == 0])
    for networks in repeats:
        lost = unscored - {animal for run in networks for animal in run.held_out}
        if lost:
            named = ", ".join(sorted(lost))
            terminal.caution(f"no expert has scored {named}: not evaluated")
        kept = table[~table["animal"].isin(lost)]
        parts.append(folds.split_table(networks, kept, may_be_new=True))
    return parts


def settle_groups(args, clips, repeats):
    """Settle which group is healthy, before anything is read: the parts again."""
    first = repeats[0][0][0]
    own = [clip for clip in clips if first.task in (None, clip.task)]
    named = [data.group_of(clip, first.group_pattern) for clip in own]
    named += [g for parts in repeats for _, table in parts for g in table["group"]]
    settled = [
        [(labels.settle_healthy(r, named, args.control_group), t) for r, t in parts]
        for parts in repeats
    ]
    healthy = settled[0][0][0].control_group
    without = "without it figures of impaired and healthy animals are not there"
    labels.ask_healthy(named, healthy, without)
    if healthy:
        print(f"healthy group: {healthy}")
    return settled


def settle_comparison(args, parts):
    """Settle what is compared, before anything is scored; None where none is asked for.

    Scores that the network was taught are refused.
    """
    if not (args.compare or args.pair):
        return None
    import pandas as pd

    from evaluation import study

    table = pd.concat([table for _, table in parts], ignore_index=True)
    run = parts[0][0]
    is_own = args.split == "train" and not (run.received or run.is_published)
    if is_own or run.target == "group":
        known = "its own training clips" if is_own else "groups"
        raise Problem(
            f"no comparison: this run was trained on {known}, so it would find what it "
            "was taught. Compare with --folds, and a run trained on scores"
        )
    asked = args.compare, args.pair, args.control_group, args.sessions
    settled = study.settle(table, run, *asked)
    if settled["sessions"]:
        print(f"sessions: {sessions.show_order(settled['sessions'])}")
    return settled


# ---------------------------------------------------------------- evaluation


def evaluate_outcome(table, outcome):
    """Compare how well network and expert scores predict an outcome of the animals."""
    from evaluation import comparisons

    both = table.dropna(subset=["network_score", "expert_score"])  # the same clips
    means = both.groupby("animal")[["network_score", "expert_score"]].mean()
    outcome = reading.fit_names(outcome, means.index, form_of_animal)
    if lost := sorted(set(outcome) ^ set(means.index)):
        near = explain_first(set(outcome) - set(means.index), means.index)
        named = ", ".join(lost) + near
        terminal.caution(f"omitted, as only one side has them: {named}")
    means = means[means.index.isin(outcome)]
    means.insert(0, "outcome", means.index.map(outcome))
    return comparisons.compare_outcomes(*means.to_numpy().T)


def measure_plan(args, table, run, result):
    """Measure what more animals are worth, on the clips that are evaluated."""
    from evaluation import learning_curve
    from evaluation.predictions import summarise_clips
    from training import motion, train

    scored = table.dropna(subset=["target"])
    names, n_frames = list(scored["clip"]), run.n_frames
    lacking = sequences.explain_missing(args.data, names, n_frames, "movement")
    kind = run.options.reads if lacking else "movement"
    clips = (
        train.measure_movement(args.data, names, n_frames, None, kind),
        summarise_clips(args.data, names, run),
        scored["target"].to_numpy(float),
        scored["animal"].to_numpy(str),
    )
    is_clipped = run.options.activation == "relu"
    plan = learning_curve.measure_curve(clips, args.plan, motion.fit, is_clipped)
    known = {run.animal_of(name) for name in run.train_clips or ()}
    mae = result["agreement"]["clips"]["mae"]
    return plan | {"network": {"n_animals": len(known), "mae": mae}}


def evaluate_raters(args, table, run, second_rater, ratings):
    """Evaluate raters, and beside them the network where it learned their scale."""
    from evaluation import raters

    if second_rater:
        expert = table.dropna(subset=["expert_score"])
        first = dict(zip(expert["clip"], expert["expert_score"], strict=True))
        ratings = {"data_file.csv": [first], args.second_rater.stem: [second_rater]}
    animals, network = table["animal"].to_numpy(str), table["network_score"]
    if run.target == "group":
        network = None  # from 0 to 1, where raters give points
    spread = reading.spread_ratings(ratings, list(table["clip"]))
    return raters.evaluate_raters(*spread, animals, network, args.margin)


def evaluate_raters_alone(args, ratings):
    """Evaluate raters where there is no network yet; print it."""
    from evaluation import raters, report_tables, verdict

    names = sorted({name for rounds in ratings.values() for r in rounds for name in r})
    known = {}
    if storage.table_path(args.data).is_file():
        known = {clip.name: clip for clip in data.read_clips(args.data, args.task)}
    own = match_names(names, list(known)).found
    pattern = args.animal_pattern or data.ANIMAL_PATTERN
    animals = [data.animal_of(known.get(own.get(n), n), pattern) for n in names]
    result = raters.evaluate_raters(*reading.spread_ratings(ratings, names), animals)
    lines = verdict.format_tables({"raters": report_tables.list_raters(result)})
    print(*lines, sep="\n")
    path = storage.predictions_path(args.data, "raters", "ratings", ".json")
    storage.write_json(path, result)
    print(f"\nwritten to {path}")


# ---------------------------------------------------------------- the script


def parse_args(argv):
    parser = terminal.Parser(__doc__)
    points = {"kind": terminal.positive_float, "metavar": "POINTS"}
    add = terminal.begin_options(parser, "what to evaluate")
    add("--data", Path, "working folder", default=storage.DEFAULT_FOLDER, metavar="DIR")
    add("--run", str, "name or file of a run; by default the newest")
    add("--task", str, "task to evaluate; by default that of the run")
    text = "rows of data_file.csv to evaluate; by default test rows that are new to "
    add("--split", data.SPLITS, text + "the run, or else its folds")
    text = "each clip by the network that never saw its animal"
    add("--leave-one-animal-out", bool, text)
    add("--folds", bool, "the same after train_reg.py --folds K, repeats included")
    for what in ("animal", "group"):
        text = f"regular expression: the {what} in a clip's name; the run's own if none"
        add(f"--{what}-pattern", terminal.pattern, text, metavar="RE")
    add("--control-group", str, terminal.HEALTHY, metavar="NAME")
    add("--animals", Path, terminal.ANIMALS, metavar="TABLE")
    add("--skip-missing", bool, "omit the clips that have no sequence")
    add("--sessions", str, terminal.SESSIONS, metavar="A,B")
    add("--full", bool, "print all tables; the page has them anyway")
    add("--status", bool, "print only the state of the study, and the next command")
    add = terminal.begin_options(parser, "further questions")
    add("--compare", ("group",), "compare groups, by scores of held-out animals")
    add("--pair", ("session",), "compare the sessions of each animal")
    text = "lines of animal,value, such as a lesion: which score predicts it better?"
    add("--outcome", Path, text, metavar="CSV")
    add("--second-rater", Path, "lines of clip,score by another expert", metavar="CSV")
    text = "folder of <rater>.csv, lines of clip,score: how well do raters agree, and "
    text += "the network with them, if there is one?"
    add("--raters", Path, text, metavar="DIR")
    add("--raters-alone", bool, "evaluate the raters of --raters and no network")
    text = "non-inferiority margin: disagreement beyond that among raters"
    add("--margin", text=text, **points)
    add("--plan", text="animals that a mean error of so many points takes", **points)
    text = "score again without the order of frames: shuffled, or the first repeated"
    choices = ("shuffled-frames", "first-frame")
    add("--control", choices, text, action="append", default=[])
    text = "fit a run of another lab to scores given here, by slope and offset; writes "
    text += "a new run, by default <run>-recalibrated"
    add("--recalibrate", str, text, nargs="?", const="", metavar="NAME")
    args = parser.parse_args(argv)
    rated = args.raters or args.second_rater
    if args.recalibrate is not None and (asks_network(args) or rated or not args.run):
        parser.error("--recalibrate goes with --run R, and with no further question")
    if args.margin is not None and not rated:
        parser.error("--margin needs --raters or --second-rater")
    if args.raters_alone and (not args.raters or args.run or asks_network(args)):
        parser.error("--raters-alone goes with --raters, and names no network")
    if args.sessions and not args.pair:
        parser.error("--sessions goes with --pair session")
    if args.raters and args.second_rater:
        parser.error("give --raters or --second-rater, not both")
    return args


def score(args):
    """Score what is to be evaluated: clips, the last run of the first repeat, results,
    tables, and what is compared."""
    clips = data.read_clips(args.data, args.task)
    if args.animals:
        from recordings import animals

        pattern = args.animal_pattern or data.ANIMAL_PATTERN
        clips = animals.relabel(clips, args.animals, pattern)
    provenance.refuse_changed(args.data, clips)
    if note := questions.settle(args, clips):
        print(note)
    repeats = settle_groups(args, clips, list_repeats(args, clips))
    settled = settle_comparison(args, repeats[0])
    learned.caution_edited([run for parts in repeats for run, _ in parts], clips)
    from evaluation import evaluate
    from evaluation.predictions import score_parts

    lengths = {clip.name: clip.n_frames for clip in clips}
    rows = {c.name: c.score for c in clips if c.split == "train" and c.is_scored}
    runs, results, tables = [], [], []
    for parts in repeats:
        table, run, reasons = score_parts(args.data, parts, lengths, rows, args.control)
        result = evaluate.evaluate(table, run, reasons, args.control)
        result["networks"] = [len(each.targets) for each, _ in parts]
        results.append(result)
        runs.append(run)
        tables.append(table)
    return clips, runs[0], results, tables, settled


def asks_network(args):
    """Check whether the options ask for what only a network can answer."""
    names = "split", "folds", "leave_one_animal_out", "outcome", "plan"
    names += "compare", "pair", "control"
    return any(getattr(args, name) for name in names)


def recalibrate(args):
    """Fit a run to the scores given here: a new run, and what it gained."""
    from evaluation.comparisons import paired_change
    from evaluation.jackknife import CROSSED
    from evaluation.report_tables import show
    from runs import intervals, recalibration

    clips = data.read_clips(args.data, args.task)
    provenance.refuse_changed(args.data, clips)
    run = store.open_run(store.find_run(args.data, args.run, args.task))
    run = learned.note_owners(settle_patterns(args, run), clips)
    table = tabulate(args, clips, run)
    table = recalibration.choose_clips(args.data, table, run)
    name = args.recalibrate or f"{run.name}-recalibrated"
    new, *scores = recalibration.recalibrate(args.data, run, table, clips, name)
    errors = [each - table["expert_score"].to_numpy() for each in scores]
    found = paired_change(*errors, table["animal"].to_numpy(str), CROSSED)
    change = found["change"]
    print(
        f"{count(found['n_clips'], 'clip')} of {count(found['n_animals'], 'animal')} "
        f"that {run.name} never saw: expert = {new.base.slope:.3g} x network "
        f"{new.base.offset:+.3g}\nMAE over clips: {run.name} as it is "
        f"{show(found['before'], 2)}; recalibrated, each animal by the line of all "
        f"others, {show(found['after'], 2)}; change {show(change, 2)}"
    )
    if change["value"] >= 0:
        terminal.caution(f"that is no gain: use {run.name} as it is")
    elif change["high"] is None or change["high"] > 0:
        few = "so few animals do not show that this is a gain on others, too"
        terminal.caution(few)
    for text in intervals.list_cautions(new, intervals.LEVEL):
        terminal.caution(text)
    print(f"run {name}: {intervals.describe_errors(new)}; {run.name} stays as it is")
    print(state.format_next(args.data, f"score.py NEW_VIDEOS --run {name}"))


def main(argv=None):
    args = parse_args(argv)
    if args.status:
        return print(state.format_state(args.data, args.task))
    if args.recalibrate is not None:
        return recalibrate(args)
    ratings = reading.read_raters(args.raters) if args.raters else None
    if args.raters_alone:
        return evaluate_raters_alone(args, ratings)
    pairs = reading.read_pairs
    outcome = args.outcome and pairs(args.outcome, ("animal", "value"))
    second = args.second_rater and pairs(args.second_rater, ("clip", "score"))
    try:
        clips, run, results, tables, settled = score(args)
    except Problem as problem:
        if not ratings or args.run or asks_network(args):
            raise
        terminal.caution(f"no run can be evaluated here, only raters alone: {problem}")
        return evaluate_raters_alone(args, ratings)
    from evaluation import evaluate, report

    result, table = results[0], tables[0]
    if args.split in data.SPLITS and run.clips_were != Likeness():
        names, scores = list(table["clip"]), list(table["network_score"])
        novelty.report_differences(args.data, names, scores, run)
    if args.split not in data.SPLITS:
        run = dataclasses.replace(run, name=run.scheme.prefix)
    if len(results) > 1:
        result["repeats"] = evaluate.spread_repeats(results)
        table = evaluate.add_spread(tables)
    if settled:
        result["comparison"] = evaluate.compare(table, settled)
    if outcome:
        result["outcome"] = evaluate_outcome(table, outcome)
    if args.plan:
        result["plan"] = measure_plan(args, table, run, result)
    if second or ratings:
        result["raters"] = evaluate_raters(args, table, run, second, ratings)
    lines = report.publish(args.data, args.split, clips, table, run, result, vars(args))
    print(*lines, state.format_state(args.data, args.task), sep="\n")


if __name__ == "__main__":
    terminal.run(main)
