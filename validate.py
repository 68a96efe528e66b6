"""Judge a run: network score against expert score, on clips and on animals.

    python validate.py --run Reach-lstm
    python validate.py --leave-one-animal-out
    python validate.py --leave-one-animal-out --outcome lesions.csv

Reads   data/data_file.csv, data/sequences/, data/checkpoints/
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
import tables
from console import Problem
from judging import report

# ---------------------------------------------------------------- scoring


def score_split(args, clips):
    """Score the clips of a split with one run.

    Returns
    -------
    (pandas.DataFrame, dict, dict)
        Predictions, the run's record, why floors are not defined.
    """
    from judging import evaluation

    model, record = runs.read_run(runs.find_run(args.data, args.run))
    runs.check_extraction(args.data, record)
    record = settle_patterns(args, record)
    chosen = runs.choose_clips(clips, record, args.split)
    animals = data.list_animals(chosen, record["animal_pattern"])
    table = data.tabulate_clips(chosen, animals, args.group_pattern)
    rows = {clip.name for clip in clips if clip.split == "train"}
    table = evaluation.score_table(
        args.data,
        table,
        record,
        model,
        args.control,
        rows if args.split == "test" else (),
    )
    train = runs.known_clips(record, clips)
    if not train:
        return (
            table,
            record,
            dict.fromkeys(evaluation.FLOOR_COLUMNS, "no train rows"),
        )
    table["training_mean"] = sum(train.values()) / len(train)
    table, reasons = evaluation.add_floors(
        args.data, table, record, train, args.group_pattern, {}
    )
    return table, record, reasons


def settle_patterns(args, record):
    """Take the run's patterns where none are given; returns its record with them."""
    pattern = record.get("animal_pattern", data.ANIMAL_PATTERN)
    record = {**record, "animal_pattern": args.animal_pattern or pattern}
    pattern = record.get("group_pattern", data.GROUP_PATTERN)
    args.group_pattern = args.group_pattern or pattern
    return record


def score_left_out(args, clips, kind):
    """Score each clip with the network that never saw its animal; as `score_split`."""
    import pandas as pd
    from tqdm import tqdm

    from backend import keras
    from judging import evaluation

    found = runs.find_folds(args.data, kind, args.run or "", args.task)
    found = [(path, settle_patterns(args, record)) for path, record in found]
    first = found[0][1]
    clips = runs.choose_clips(clips, first)
    animals = data.list_animals(clips, first["animal_pattern"])
    table = data.tabulate_clips(clips, animals, args.group_pattern)
    parts = runs.assign_folds(found, table)
    scored, reasons, summaries = [], {}, {}
    for path, _, part in tqdm(parts, desc="scoring", unit="fold", disable=None):
        keras.backend.clear_session()
        model, record = runs.read_run(path)
        record = settle_patterns(args, record)
        runs.check_extraction(args.data, record)
        part = evaluation.score_table(args.data, part, record, model, args.control)
        train = runs.known_clips(record, [])
        part["training_mean"] = sum(train.values()) / len(train)
        part, missing = evaluation.add_floors(
            args.data, part, record, train, args.group_pattern, summaries
        )
        scored.append(part)
        reasons |= missing
    record = {**record, "run": args.run or first["task"]}
    return pd.concat(scored, ignore_index=True), record, reasons


def add_target(table, record):
    """Add what the run was trained to say of each clip: expert score, or group."""
    if record.get("target") != "group":
        return table.assign(target=table["expert_score"])
    is_impaired = [float(group != data.CONTROL) for group in table["group"]]
    return table.assign(target=is_impaired)


# ---------------------------------------------------------------- judging


def judge(table, record, reasons, args):
    """Compute every figure of the report.

    Returns
    -------
    dict
        What JSON can hold; see `measure_agreement` and the others that are called.
    """
    import numpy as np

    from judging import agreement, comparisons, evaluation

    animals, expert = table["animal"].to_numpy(), table["target"].to_numpy(float)
    network = table["network_score"].to_numpy(float)
    means = table.get("training_mean")
    result = {
        "agreement": agreement.measure_agreement(expert, network, animals, means),
        "permutation": agreement.permutation_test(expert, network, animals),
        "floors": dict(reasons),
    }
    for name, column in evaluation.FLOOR_COLUMNS.items():
        if column in table:
            floor = table[column].to_numpy(float)
            change = comparisons.paired_change(
                network - expert, floor - expert, animals
            )
            result["floors"][name] = {
                **agreement.measure_agreement(expert, floor, animals, means),
                "saved": change["change"],
            }
    labels = find_labels(table)
    if labels is not None:
        result["separation"] = comparisons.separation(labels, network, animals)
        for name, column in evaluation.FLOOR_COLUMNS.items():
            if column in table and name != "training mean":
                result.setdefault("floor_separation", {})[name] = (
                    comparisons.separation(
                        labels, table[column].to_numpy(float), animals
                    )
                )
    severity = table["expert_score"].to_numpy(float)
    if record.get("target") == "group" and np.isfinite(severity).any():
        result["severity"] = comparisons.within_group_correlation(
            severity, network, animals, table["target"].to_numpy() == 1
        )
    for control in args.control:
        result.setdefault("controls", {})[control] = comparisons.paired_change(
            network - expert, table[control].to_numpy(float) - expert, animals
        )
    return result


def find_labels(table):
    """Find 0/1 labels to separate: the target if it is such, the group, or None."""
    import numpy as np

    scored = table["target"].dropna()
    if len(scored) and set(scored) <= {0.0, 1.0}:
        return table["target"].to_numpy(float)
    if table["group"].notna().all() and table["group"].nunique() > 1:
        return np.array([float(group != data.CONTROL) for group in table["group"]])
    return None


def judge_outcome(table, outcome):
    """Compare how well network and expert scores predict an outcome of the animals."""
    from judging import comparisons

    means = table.groupby("animal")[["network_score", "expert_score"]].mean()
    lost = sorted(set(outcome) ^ set(means.index))
    if lost:
        console.caution(f"left out, as only one side has them: {', '.join(lost)}")
    means = means[means.index.isin(outcome)]
    means["outcome"] = [outcome[animal] for animal in means.index]
    columns = (means[name] for name in ("outcome", "network_score", "expert_score"))
    return means, comparisons.compare_outcomes(*columns)


def judge_second_rater(table, scores):
    """Compare network and first expert with a second expert's scores of the clips."""
    import numpy as np

    from judging import agreement, comparisons

    if unknown := sorted(set(scores) - set(table["clip"])):
        console.caution(f"not among the clips scored here: {', '.join(unknown[:10])}")
    second = np.array([scores.get(clip, np.nan) for clip in table["clip"]])
    columns = table["expert_score"], second, table["network_score"], table["animal"]
    first, _, network, animals = (np.asarray(column) for column in columns)
    return {
        "raters": agreement.measure_agreement(first, second, animals),
        "network_against_second": agreement.measure_agreement(second, network, animals),
        "comparison": comparisons.compare_raters(first, second, network, animals),
    }


def read_pairs(path, columns):
    """Read a table of a name and a number, with or without a header line.

    Returns
    -------
    dict of str to float
    """
    wanted = columns.split(",")
    table = tables.read_table(path, wanted)
    table = table if table.columns else table._replace(columns=wanted)
    pairs, problems = {}, []
    for line, record in table.records():
        name, text = (record[column] for column in wanted)
        try:
            value = tables.parse_number(text, table.decimal)
        except ValueError as error:
            problems.append(f"{path}:{line}: expected {columns}: {error}")
            continue
        if name in pairs:
            problems.append(f"{path}:{line}: {name} stands there twice")
        pairs[name] = value
    if problems:
        raise Problem(data.summarise(problems))
    if not pairs:
        raise Problem(f"{path} is empty. Expected lines of {columns}")
    return pairs


# ---------------------------------------------------------------- reporting


def tell_independence(table, record):
    """Say in words how far the figures are a test.

    Returns
    -------
    str
    """
    known = table["seen"][table["seen"] != ""]
    if known.empty:
        return "the network never saw these animals"
    if (known == "unknown").all():
        return (
            "no test is claimed: nobody knows which clips this network was trained on"
        )
    kinds = ", ".join(f"{count} {how}" for how, count in known.value_counts().items())
    return f"RESUBSTITUTION, no test: {kinds}, of {len(table)} clips"


def draw(table, record, args):
    """Draw every figure that the table allows.

    Returns
    -------
    Path
        Their folder.
    """
    import pandas as pd

    import figures
    from judging import figures as drawings
    from judging import timelines

    folder = files.figures_folder(args.data, record["run"])
    columns = [table[name] for name in ("target", "network_score", "animal")]
    groups = list(table["group"]) if table["group"].notna().any() else None
    title = f"{record['run']}, {args.split}"
    figures.save(drawings.draw_agreement(*columns, groups, title), folder / "agreement")
    figures.save(
        drawings.draw_bland_altman(*columns, groups, title), folder / "bland_altman"
    )
    dates = [data.date_of(name) for name in table["clip"]]
    if len(set(dates) - {None}) > 1:
        figure = timelines.draw_dates(*columns[1:], dates, groups, title)
        figures.save(figure, folder / "dates")
    logs = files.logs_folder(args.data, record["run"])
    for path in sorted(logs.glob("**/history.csv")):
        figure = timelines.draw_learning_curves(pd.read_csv(path), title)
        member = "" if path.parent == logs else f"_{path.parent.name}"
        figures.save(figure, folder / f"learning_curves{member}")
    return folder


# ---------------------------------------------------------------- the script


def parse_args(argv):
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=console.HelpFormatter
    )
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
    what.add_argument("--folds", action="store_true", help="the same for --folds K")
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
        "--control",
        action="append",
        default=[],
        choices=("shuffled-frames", "first-frame"),
        help="score again with the order of frames destroyed",
    )
    how.add_argument(
        "--animal-pattern",
        type=console.pattern,
        metavar="RE",
        help="finds the animal in a clip name; the run's own by default",
    )
    how.add_argument(
        "--group-pattern",
        type=console.pattern,
        metavar="RE",
        help="finds the group in a clip name; the run's own by default",
    )
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    kind = "folds" if args.folds else "leave-one-animal-out"
    clips = data.read_clips(args.data, args.task)
    origins.refuse_changed(args.data, clips)
    outcome = read_pairs(args.outcome, "animal,value") if args.outcome else None
    second_rater = (
        read_pairs(args.second_rater, "clip,score") if args.second_rater else None
    )

    if args.folds or args.leave_one_animal_out:
        args.split = kind
        table, record, reasons = score_left_out(args, clips, kind)
    else:
        table, record, reasons = score_split(args, clips)
    table = add_target(table, record)
    publish(args, table, record, reasons, outcome, second_rater)


def publish(args, table, record, reasons, outcome=None, second_rater=None):
    """Judge a table of predictions; print, draw and write what was found."""
    independence = tell_independence(table, record)
    print(f"run {record['run']}, {args.split}: {independence}")
    result = judge(table, record, reasons, args)
    if outcome:
        means, result["outcome"] = judge_outcome(table, outcome)
    if second_rater:
        result["second_rater"] = judge_second_rater(table, second_rater)
    report.tell_agreement(result)
    report.tell_more(result)
    folder = draw(table, record, args)
    if outcome:
        import figures
        from judging import figures as drawings

        columns = (means[c] for c in ("outcome", "network_score", "expert_score"))
        figures.save(drawings.draw_outcome(*columns), folder / "outcome")
    path = files.predictions_path(args.data, record["run"], args.split)
    with files.replacing(path) as temporary:
        table.drop(columns="target").to_csv(temporary, index=False)
    inputs = {"data_file.csv": files.digest_file(args.data / "data_file.csv")}
    if files.extraction_path(args.data).is_file():
        inputs["extraction.json"] = files.digest_file(files.extraction_path(args.data))
    files.write_json(
        path.with_suffix(".json"),
        {
            "run": record["run"],
            "split": args.split,
            "independence": independence,
            **result,
            "options": {k: str(v) for k, v in vars(args).items()},
            "run_record": record,
            "inputs": inputs,
            "versions": console.list_versions(),
        },
    )
    print(f"\npredictions: {path}\nfigures:     {folder}")


if __name__ == "__main__":
    console.run(main)
