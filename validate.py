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
from features import provenance
from rating import reading
from runs import learned, novelty, state
from runs.record import Likeness, describe_shares
from system import storage, terminal
from system.terminal import Problem


def ask(args):
    """Read the clips, and put into one Question what the options ask."""
    clips = data.read_clips(args.data, args.task)
    if args.animals:
        from recordings import animals

        pattern = args.animal_pattern or data.ANIMAL_PATTERN
        clips = animals.relabel(clips, args.animals, pattern)
    provenance.refuse_changed(args.data, clips)
    kind = "leave-one-animal-out" if args.leave_one_animal_out else args.split
    return questions.Question(
        folder=args.data,
        clips=clips,
        run=args.run,
        task=args.task,
        split="folds" if args.folds else kind,
        animal_pattern=args.animal_pattern,
        group_pattern=args.group_pattern,
        control_group=args.control_group,
        skip_missing=args.skip_missing,
    )


def settle_comparison(args, split, parts):
    """Settle what is compared, before anything is scored; None where none is asked for.

    Scores that the network was taught are refused.
    """
    if not (args.compare or args.pair):
        return None
    import pandas as pd

    from evaluation import study

    table = pd.concat([table for _, table in parts], ignore_index=True)
    run = parts[0][0]
    is_own = split == "train" and not (run.received or run.is_published)
    if is_own or run.target == "group":
        known = "its own training clips" if is_own else "groups"
        raise Problem(
            f"no comparison: this run was trained on {known}, so it would find what it "
            "was taught. Compare with --folds, and a run trained on scores"
        )
    settled = study.settle(
        table, run, args.compare, args.pair, args.control_group, args.sessions
    )
    if settled["sessions"]:
        print(f"sessions: {' -> '.join(settled['sessions'])}")
    return settled


def score(question, repeats, controls):
    """Score the parts of each repeat of a cross-validation, or of a split: the last run
    of the first repeat, results and tables."""
    from evaluation import evaluate
    from evaluation.predictions import score_parts

    runs, results, tables = [], [], []
    for parts in repeats:
        table, run, reasons = score_parts(
            question.folder, parts, question.clips, controls
        )
        result = evaluate.evaluate(table, run, reasons, controls)
        result["networks"] = [len(each.targets) for each, _ in parts]
        result["shares"] = describe_shares([each for each, _ in parts])
        results.append(result)
        runs.append(run)
        tables.append(table)
    return runs[0], results, tables


def recalibrate(question, name):
    """Fit a run to the scores given here: a new run, and what it gained."""
    from evaluation import recalibration

    run = question.open_run()
    clips = learned.choose_clips(question.clips, run)
    table = question.tabulate(run, clips)
    table = recalibration.choose_clips(question.folder, table, run)
    name = name or f"{run.name}-recalibrated"
    found = recalibration.recalibrate(question.folder, run, table, question.clips, name)
    lines, better = recalibration.describe_gain(run, table, *found)
    way = f"score.py NEW_VIDEOS --run {better}"
    print(*lines, f"next: {state.write_command(question.folder, way)}", sep="\n")


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
    text = "lines of clip,score by a second expert, or a folder of <rater>.csv: how "
    text += "well do raters agree, and the network with them, if there is one?"
    add("--raters", Path, text, metavar="CSV")
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
    alone = args.recalibrate is not None
    if alone and (asks_network(args) or args.raters or not args.run):
        parser.error("--recalibrate goes with --run R, and with no further question")
    if args.margin is not None and not args.raters:
        parser.error("--margin needs --raters")
    if args.sessions and not args.pair:
        parser.error("--sessions goes with --pair session")
    return args


def asks_network(args):
    """Check whether the options ask for what only a network can answer."""
    names = "split", "folds", "leave_one_animal_out", "outcome", "plan"
    names += "compare", "pair", "control"
    return any(getattr(args, name) for name in names)


def evaluate_run(args, question, outcome, ratings):
    """Evaluate what is asked, and write the report of it."""
    question, note = questions.settle(question)
    if note:
        print(note)
    split, is_folds = question.split, question.split not in data.SPLITS
    repeats = question.open_folds() if is_folds else [question.open_split()]
    if healthy := question.settle_healthy(repeats[0][0][0]):
        print(f"healthy group: {healthy}")
    settled = settle_comparison(args, split, repeats[0])
    runs = [run for parts in repeats for run, _ in parts]
    learned.caution_edited(runs, question.clips, question.folder)
    run, results, tables = score(question, repeats, args.control)
    from evaluation import evaluate, further, learning_curve, report

    result, table = results[0], tables[0]
    if is_folds:
        run = dataclasses.replace(run, name=run.scheme.prefix)
    elif run.clips_were != Likeness():
        names, scores = list(table["clip"]), list(table["network_score"])
        novelty.report_differences(args.data, names, scores, run)
    if len(results) > 1:
        result["repeats"] = evaluate.spread_repeats(results)
        table = evaluate.add_spread(tables)
    if settled:
        result["comparison"] = evaluate.compare(table, settled)
    if outcome:
        result["outcome"] = further.evaluate_outcome(table, outcome, args.outcome)
    if args.plan:
        mae = result["agreement"]["clips"]["mae"]
        result["plan"] = learning_curve.measure_plan(
            args.data, table, run, args.plan, mae
        )
    if ratings:
        result["raters"] = further.evaluate_raters(table, run, ratings, args.margin)
    lines = report.publish(
        args.data, split, question.clips, table, run, result, vars(args)
    )
    print(*lines, state.format_state(args.data, args.task), sep="\n")


def main(argv=None):
    args = parse_args(argv)
    if args.status:
        return print(state.format_state(args.data, args.task))
    from evaluation import further

    outcome = args.outcome and reading.read_pairs(args.outcome, ("animal", "value"))
    ratings = args.raters and further.read_ratings(args.raters)
    try:
        question = ask(args)
        if args.recalibrate is not None:
            return recalibrate(question, args.recalibrate)
        return evaluate_run(args, question, outcome, ratings)
    except Problem as problem:
        if not ratings or args.run or asks_network(args):
            raise
        terminal.caution(f"no run can be evaluated here, only raters alone: {problem}")
        pattern = args.animal_pattern or data.ANIMAL_PATTERN
        lines = further.evaluate_raters_alone(args.data, args.task, ratings, pattern)
        return print(*lines, sep="\n")


if __name__ == "__main__":
    terminal.run(main)
