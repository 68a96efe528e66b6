"""What `validate.py` computes: every figure of a table of predictions.

The table is that of `judging/table.py`: clip, animal, group, target, network_score,
training_mean, one column for each floor and each control; session where it is known.
"""

import numpy as np
import pandas as pd

import data
from evaluation import calibration, comparisons, raters
from evaluation.agreement import measure_agreement
from evaluation.correlation import correlate_scores, permutation_test
from evaluation.jackknife import find_widening, is_crossed
from evaluation.predictions import FLOOR_COLUMNS, label_groups
from evaluation.separation import separate
from names.labels import find_healthy
from names.sessions import find_order

HEADLINES = ("mae", "r2", "pearson_centred")  # of clips, what repeats are compared in


def judge(table, record, reasons=None, controls=(), order=None):
    """Compute every figure that a table of predictions allows.

    `reasons` say why floors are not defined; `order` lists the sessions from first to
    last, by default as their labels tell it. Dict of "agreement", "calibration",
    "permutation", "floors", "errors"; where the table allows, "within_groups",
    "separation", "severity", "sessions", "controls".
    """
    if "control_group" not in record:
        record = record | {"control_group": find_healthy(table["group"])}
    columns = columns_of(table)
    expert, network, animals, means = columns
    known = "session" in table and table["session"].notna().all()
    sessions = table["session"].to_numpy() if known else None
    if known and table["session"].nunique() < 2:
        sessions = None
    beyond = expert if means is None else expert - means

    def change(column):
        error, widen = table[column].to_numpy(float) - expert, find_widening(means)
        return comparisons.paired_change(network - expert, error, animals, widen=widen)

    result = {
        "target": record.get("target", "score"),
        "crossed": is_crossed(means),
        "agreement": measure_agreement(*columns, sessions),
        "calibration": calibration.calibrate(*columns),
        "permutation": permutation_test(beyond, network, animals, means),
        "floors": {},
        "errors": tabulate(table),
    }
    for name, column in FLOOR_COLUMNS.items():
        floor = {"reason": reasons[name]} if reasons and name in reasons else {}
        if column in table:  # with a reason where some folds lack it
            values = table[column].to_numpy(float)
            floor |= measure_agreement(expert, values, animals, means)
            floor["saved"] = change(column)["change"]
        if floor:
            result["floors"][name] = floor
    result |= judge_groups(table, record)
    if "session" in table and table["session"].nunique() > 1:
        labels = table["session"]
        order = order or find_order(labels.dropna())
        result["sessions"] = comparisons.compare_sessions(*columns[:3], labels, order)
    if controls:
        result["controls"] = {control: change(control) for control in controls}
    return result


def columns_of(table):
    """Take target, network score, animal and training mean (or None) from a table."""
    means = table["training_mean"].to_numpy(float) if "training_mean" in table else None
    scores = (table[name].to_numpy(float) for name in ("target", "network_score"))
    return *scores, table["animal"].to_numpy(str), means


def judge_groups(table, record):
    """Judge how the scores tell groups apart, and what they say within them."""
    _, network, animals, means = columns_of(table)
    result, labels = {}, find_labels(table, record)
    if table["group"].nunique() > 1:
        result["healthy_group"] = record.get("control_group")
    if labels is not None:
        result["separation"] = separate(labels, network, animals, means)
        result["separation_raw"] = separate(labels, network, animals)
        result["floor_separation"] = {
            name: separate(labels, table[column].to_numpy(float), animals, means)
            for name, column in FLOOR_COLUMNS.items()
            if column in table and name not in ("training mean", "animal known")
        }
    grouped = table["group"].notna().to_numpy()
    severity = table["expert_score"].to_numpy(float)
    if len(set(table["group"][grouped])) < 2 or not np.isfinite(severity).any():
        return result
    if record.get("target") != "group" and means is not None:
        severity = severity - means  # of one unit with the network's scores

    def take(rows):
        base = None if means is None else means[rows]
        return severity[rows], network[rows], animals[rows], base

    result["severity"] = {"all": correlate_scores(*take(slice(None)))}
    if record.get("control_group"):
        impaired = label_groups(table["group"], record) == 1
        result["severity"]["impaired"] = correlate_scores(*take(impaired))
    group = table["group"][grouped].to_numpy(str)
    result["within_groups"] = {
        "correlation": correlate_scores(*take(grouped), group),
        "permutation": permutation_test(*take(grouped), group),
    }
    return result


def find_labels(table, record):
    """Find 0/1 labels to separate: the target if it is such, the group, or None."""
    if set(table["target"].dropna()) == {0.0, 1.0}:
        return table["target"].to_numpy(float)
    labels = label_groups(table["group"], record)
    return labels if len(set(labels[np.isfinite(labels)])) == 2 else None


def tabulate(table):
    """Tabulate errors by all that is known of a clip."""
    target, dates = table["target"], map(data.date_of, table["clip"])
    dates = [date and f"{date[0]:02d}-{date[1]:02d}" for date in dates]
    known = table.assign(date=pd.Series(dates, dtype=object, index=table.index))
    known["severity"] = target if target.nunique() <= 6 else target.round()
    if "session" in known and known["session"].equals(known["date"]):
        known = known.drop(columns="session")
    return {
        by: calibration.tabulate_errors(known, by)
        for by in ("group", "severity", "animal", "session", "date")
        if by in known and known[by].nunique() > 1
    }


def judge_raters(ratings, rounds, animals, network=None, margin=None):
    """Judge raters by themselves, and the network (N,) beside them, if on their scale.

    `ratings` are the scores (N,) of each rater, nan where there is none; `rounds` both
    scores (2, N) of those who scored twice. Dict of "inter" (`raters.compare_ratings`),
    "intra" (the same of each rater against himself), "each" (`raters.judge_each`) and
    "network" (`raters.compare_network`, which takes the margin).
    """
    names, given = list(ratings), np.array(list(ratings.values()), dtype=float)
    animals = np.asarray(animals)
    intra = {n: raters.compare_ratings(both, animals) for n, both in rounds.items()}
    result = {"inter": raters.compare_ratings(given, animals), "intra": intra}
    if len(names) > 1:
        result["each"] = raters.judge_each(given, names, network, animals)
        if network is not None:
            result["network"] = raters.compare_network(given, network, animals, margin)
    return result


def spread_repeats(results):
    """Say how far figures of repeated cross-validations lie apart, each with other
    seeds and folds: by figure "mean", "sd", "lowest", "highest", "n".
    """
    rows = []
    for each in results:
        row = {name: each["agreement"]["clips"][name] for name in HEADLINES}
        row["saved"] = each["floors"].get("training mean", {}).get("saved")
        rows.append({k: figure["value"] for k, figure in row.items() if figure})
    table = pd.DataFrame(rows, dtype=float)
    table = table.loc[:, table.notna().sum() > 1]
    found = table.agg(["mean", "std", "min", "max", "count"])
    found.index = "mean", "sd", "lowest", "highest", "n"
    return {k: {**row, "n": int(row["n"])} for k, row in found.to_dict().items()}
