"""Judge a run: network score against expert score, on clips and on animals.

    python validate.py --run Reach-lstm
    python validate.py --leave-one-animal-out --outcome lesions.csv
    python validate.py --raters data/ratings --margin 0.5

Reads   data/data_file.csv, data/sequences/, data/checkpoints/; tables that are named
Writes  data/predictions/<run>-<split>.csv and .json; data/figures/<run>/
Cost    seconds a network, for small ones; the published one scores 3 clips a second.
"""

import argparse
from pathlib import Path

import console
import data
import files
import origins
import runs
from judging import readers, report

# ---------------------------------------------------------------- which clips


def settle_patterns(args, record):
    """Take the run's patterns where none are given; return its record with them."""
    pattern = record.get("animal_pattern", data.ANIMAL_PATTERN)
    groups = record.get("group_pattern", data.GROUP_PATTERN)
    return {
        **record,
        "animal_pattern": args.animal_pattern or pattern,
        "group_pattern": args.group_pattern or groups,
    }


def tabulate(clips, record):
    """Make the table of clips, with the animals and groups that a record asks for."""
    animals = data.list_animals(clips, record["animal_pattern"])
    return data.tabulate_clips(clips, animals, record["group_pattern"])


def list_split(args, clips):
    """List the one part of a split: a run and the clips that it is to score.

    Returns
    -------
    list of list of (Path, dict, pandas.DataFrame)
    """
    path = runs.find_run(args.data, args.run)
    record = runs.read_record(path) if path.suffix == ".keras" else {}
    record = settle_patterns(args, record)
    return [
        [(path, record, tabulate(runs.choose_clips(clips, record, args.split), record))]
    ]


def list_folds(args, clips, kind):
    """List the parts of a cross-validation, once for each time it was repeated.

    Animals that nobody scored need no network: they are named and left out.

    Returns
    -------
    list of list of (Path, dict, pandas.DataFrame)
    """
    found = runs.find_folds(args.data, kind, args.run or "", args.task)
    found = [(path, settle_patterns(args, record)) for path, record in found]
    first = found[0][1]
    table = tabulate(runs.choose_clips(clips, first), first)
    repeats = {}
    for path, record in found:
        number = (record.get("scheme") or {}).get("repeat", 1)
        repeats.setdefault(number, []).append((path, record))
    parts = []
    for number in sorted(repeats):
        covered = {a for _, record in repeats[number] for a in record["left_out"]}
        scored = set(table["animal"][table["expert_score"].notna()])
        lost = sorted(set(table["animal"]) - covered - scored)
        if lost:
            console.caution(f"no expert has scored {', '.join(lost)}: not judged")
        kept = table[~table["animal"].isin(lost)]
        parts.append(runs.assign_folds(repeats[number], kept))
    return parts


def one_by_one(parts):
    """Yield parts with a progress bar; forget each network before the next."""
    from tqdm import tqdm

    from backend import keras

    for part in tqdm(parts, desc="scoring", unit="network", disable=None):
        keras.backend.clear_session()
        yield part


# ---------------------------------------------------------------- judging


def judge_outcome(table, outcome):
    """Compare how well network and expert scores predict an outcome of the animals."""
    from judging import comparisons

    both = table.dropna(subset=["network_score", "expert_score"])  # the same clips
    means = both.groupby("animal")[["network_score", "expert_score"]].mean()
    lost = sorted(set(outcome) ^ set(means.index))
    if lost:
        console.caution(f"left out, as only one side has them: {', '.join(lost)}")
    means = means[means.index.isin(outcome)].copy()
    means["outcome"] = [outcome[animal] for animal in means.index]
    columns = (means[name] for name in ("outcome", "network_score", "expert_score"))
    return means, comparisons.compare_outcomes(*columns)


def judge_plans(args, table, record):
    """Measure what animals are worth, with the floors on the clips that are judged."""
    from judging import planning
    from judging.table import summarise_clips

    scored = table.dropna(subset=["target"])
    columns = summarise_clips(args.data, scored, record)
    clips = columns, scored["target"].to_numpy(), scored["animal"].to_numpy(str)
    result = {}
    if args.leak_meter:
        result["leak"] = planning.measure_leak(*clips)
    if args.plan:
        result["plan"] = planning.measure_curve(*clips, args.plan)
    return result


def judge_raters(args, table, record, second_rater, ratings):
    """Judge raters, and the network beside them where it learned their scale."""
    from judging import study

    if second_rater:
        expert = table["expert_score"].dropna()
        first = dict(zip(table["clip"][expert.index], expert, strict=True))
        ratings = {"data_file.csv": [first], args.second_rater.stem: [second_rater]}
    first, twice = readers.spread_ratings(ratings, list(table["clip"]))
    network = table["network_score"].to_numpy(float)
    if record.get("target") == "group":
        network = None  # from 0 to 1, where raters give points
    return study.judge_raters(
        first, twice, table["animal"].to_numpy(str), network, args.margin
    )


def judge_raters_alone(args, ratings):
    """Judge raters where there is no network yet; print it."""
    from judging import study

    names = sorted({name for rounds in ratings.values() for r in rounds for name in r})
    pattern = args.animal_pattern or data.ANIMAL_PATTERN
    known = {}
    if files.table_path(args.data).is_file():
        clips = data.read_clips(args.data, args.task, need_scores=False)
        known = {clip.name: clip for clip in clips}
    animals = [data.animal_of(known.get(name, name), pattern) for name in names]
    result = study.judge_raters(*readers.spread_ratings(ratings, names), animals)
    report.tell_raters(result)
    path = files.predictions_path(args.data, "raters", "ratings", ".json")
    files.write_json(path, result)
    print(f"\nwritten to {path}")


# ---------------------------------------------------------------- reporting


def tell_independence(table):
    """Say in words how far the figures are a test.

    Returns
    -------
    str
        Empty where no network knew the animal that it scored.
    """
    known = table["seen"][table["seen"] != ""]
    if known.empty:
        return ""
    if (known == "unknown").all():
        return "nobody knows which clips this network was trained on"
    kinds = ", ".join(f"{count} {how}" for how, count in known.value_counts().items())
    return f"{kinds}, of {len(table)} clips"


def draw(table, record, args, independence, means=None):
    """Draw every figure that the table allows; return their folder, and the PNGs."""
    import pandas as pd

    import figures
    from judging import figures as drawings
    from judging import timelines

    folder = files.figures_folder(args.data, record["run"])
    columns = [table[name] for name in ("target", "network_score", "animal")]
    groups = list(table["group"]) if table["group"].notna().any() else None
    status = "NOT A TEST" if independence else "animals never seen"
    title = f"{record['run']}, {args.split}: {status}"
    drawn = {
        "agreement": drawings.draw_agreement(*columns, groups, title),
        "bland_altman": drawings.draw_bland_altman(*columns, groups, title),
    }
    dates = [data.date_of(name) for name in table["clip"]]
    if len(set(dates) - {None}) > 1:
        drawn["dates"] = timelines.draw_dates(*columns[1:], dates, groups, title)
    if means is not None:
        names = ("outcome", "network_score", "expert_score")
        drawn["outcome"] = drawings.draw_outcome(*(means[n] for n in names), title)
    logs = files.logs_folder(args.data, record["run"])
    for path in sorted(logs.glob("**/history.csv")):
        member = "" if path.parent == logs else f"_{path.parent.name}"
        try:
            figure = timelines.draw_learning_curves(pd.read_csv(path), record["run"])
        except (ValueError, KeyError, TypeError, OSError) as error:
            console.caution(f"{path} is spoiled, so not drawn: {error}")
            continue
        drawn[f"learning_curves{member}"] = figure
    paths = [figures.save(figure, folder / name)[0] for name, figure in drawn.items()]
    return folder, paths


def publish(args, table, record, result, independence, means):
    """Print, write and draw what was found, once all of it is computed."""
    is_test = not independence
    result["verdict"] = report.tell_verdict(result, is_test)
    print(f"run {record['run']}, {args.split}")
    if independence:
        print(f"NOT A TEST: {independence}")
    print("\n" + "\n".join(result["verdict"]))
    report.tell_agreement(result)
    report.tell_more(result, record.get("model"))
    if "candidates" in result:
        report.tell_choices(result["candidates"])
    path = files.predictions_path(args.data, record["run"], args.split)
    inputs = {"data_file.csv": files.digest_file(args.data / "data_file.csv")}
    if files.extraction_path(args.data).is_file():
        inputs["extraction.json"] = files.digest_file(files.extraction_path(args.data))
    content = {
        "run": record["run"],
        "split": args.split,
        "independence": independence or "the network never saw these animals",
        **result,
        "options": {k: str(v) for k, v in vars(args).items()},
        "run_record": record,
        "inputs": inputs,
        "versions": console.list_versions(),
    }
    files.write_json(path.with_suffix(".json"), content)
    with files.replacing(path) as temporary:
        table.drop(columns="target").to_csv(temporary, index=False)
    folder, drawn = draw(table, record, args, independence, means)
    from judging import sheet

    page = folder / "report.html"
    told = (args.split, independence, content["versions"], drawn)
    sheet.write_page(page, table, result, record, *told)
    print(f"\npredictions: {path}\nfigures:     {folder}\npage:        {page}")


# ---------------------------------------------------------------- the script


def parse_args(argv):
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=console.HelpFormatter,
    )
    add_what(parser)
    add_questions(parser)
    args = parser.parse_args(argv)
    if args.margin is not None and not (args.raters or args.second_rater):
        parser.error("--margin needs --raters or --second-rater")
    if args.raters and args.second_rater:
        parser.error("give --raters or --second-rater, not both")
    return args


def add_what(parser):
    """Add the options of what to judge."""
    what = parser.add_argument_group("what")
    what.add_argument("--data", type=Path, default=files.DEFAULT_FOLDER, metavar="DIR")
    what.add_argument("--run", help="name or file of a run; the newest one by default")
    what.add_argument("--task", help="only this task; the run's own by default")
    what.add_argument("--split", choices=data.SPLITS, default="test")
    what.add_argument(
        "--leave-one-animal-out",
        action="store_true",
        help="each clip by the network that left its animal out",
    )
    what.add_argument(
        "--folds", action="store_true", help="the same for --folds K, repeats included"
    )
    what.add_argument(
        "--animal-pattern",
        type=console.pattern,
        metavar="RE",
        help="finds the animal in a clip name; the run's own by default",
    )
    what.add_argument(
        "--group-pattern",
        type=console.pattern,
        metavar="RE",
        help="finds the group in a clip name; the run's own by default",
    )


def add_questions(parser):
    """Add the options of what else to ask."""
    how = parser.add_argument_group("questions")
    how.add_argument(
        "--outcome",
        type=Path,
        metavar="CSV",
        help="animal,value: which score predicts it better?",
    )
    how.add_argument(
        "--second-rater", type=Path, metavar="CSV", help="clip,score of another expert"
    )
    how.add_argument(
        "--raters",
        type=Path,
        metavar="DIR",
        help="<rater>.csv of clip,score each: how well do they agree, and the network "
        "with them? Needs no network",
    )
    how.add_argument(
        "--margin",
        type=console.positive_float,
        metavar="POINTS",
        help="named beforehand: so much more disagreement than among raters is no harm",
    )
    how.add_argument(
        "--leak-meter",
        action="store_true",
        help="errors of ridge regression with animals known beside animals held out",
    )
    how.add_argument(
        "--plan",
        type=console.positive_float,
        metavar="ERROR",
        help="how many animals would an error of so many points take?",
    )
    how.add_argument(
        "--control",
        action="append",
        default=[],
        choices=("shuffled-frames", "first-frame"),
        help="score again with the order of frames destroyed",
    )


def main(argv=None):
    args = parse_args(argv)
    ratings = readers.read_raters(args.raters) if args.raters else None
    if ratings and not list((args.data / "checkpoints").glob("[!.]*")):
        return judge_raters_alone(args, ratings)
    clips = data.read_clips(args.data, args.task)
    origins.refuse_changed(args.data, clips)
    outcome = (
        readers.read_pairs(args.outcome, ("animal", "value")) if args.outcome else None
    )
    second = args.second_rater and readers.read_pairs(
        args.second_rater, ("clip", "score")
    )
    if args.folds or args.leave_one_animal_out:
        args.split = "folds" if args.folds else "leave-one-animal-out"
        repeats = list_folds(args, clips, args.split)
    else:
        repeats = list_split(args, clips)
    from judging import study
    from judging.table import score_parts

    lengths = {clip.name: clip.n_frames for clip in clips}
    rows = {c.name: c.score for c in clips if c.split == "train" and c.is_scored}
    results, tables = [], []
    for parts in repeats:
        table, record, reasons = score_parts(
            args.data, one_by_one(parts), lengths, rows, args.control
        )
        results.append(study.judge(table, record, reasons, args.control))
        tables.append(table)
    if args.split not in data.SPLITS:
        record = {**record, "run": args.run or record["task"]}
    result, table, means = results[0], tables[0], None
    known = [record for parts in repeats for _, record, _ in parts]
    if fared := report.count_choices([each.get("choice") for each in known]):
        result["candidates"] = fared
    if len(results) > 1:
        result["repeats"] = study.spread_repeats(results)
    if outcome:
        means, result["outcome"] = judge_outcome(table, outcome)
    if args.leak_meter or args.plan:
        result |= judge_plans(args, table, record)
    if second or ratings:
        result["raters"] = judge_raters(args, table, record, second, ratings)
    publish(args, table, record, result, tell_independence(table), means)
    return 0


if __name__ == "__main__":
    console.run(main)
