"""What `validate.py` computes: every figure of a table of predictions.

The table is that of `predictions.py`: clip, animal, group, target, network_score,
training_mean, one column for each baseline and each control; session where it is known.
"""

import numpy as np
import pandas as pd

import data
from evaluation import agreement, comparisons, groups
from evaluation.correlation import permutation_test
from evaluation.jackknife import find_widening, is_crossed
from evaluation.predictions import BASELINE_COLUMNS, adjust_scores, label_groups
from system.terminal import Problem

N_WORST = 8  # clips
HEADLINES = ("mae", "r2", "pearson")  # of clips, what repeats are compared in


def evaluate(table, run, reasons=(), controls=()):
    """Compute every figure that a table of predictions allows.

    `reasons` say why baselines are not defined. Dict of "agreement",
    "permutation", "baselines", "errors", "worst"; where the table allows, "separation",
    "severity", "controls".
    """
    expert, network = (table[k].to_numpy(float) for k in ("target", "network_score"))
    animals, means = table["animal"].to_numpy(str), table.get("training_mean")
    means = None if means is None else means.to_numpy(float)

    def change(column):
        error, widen = table[column].to_numpy(float) - expert, find_widening(means)
        return comparisons.paired_change(network - expert, error, animals, widen)

    result = {
        "target": run.target,
        "crossed": is_crossed(means),
        "agreement": agreement.measure_agreement(expert, network, animals, means),
        "permutation": permutation_test(
            expert if means is None else expert - means, network, animals, means
        ),
        "baselines": {},
        "errors": tabulate(table),
        "worst": find_worst(table),
    }
    labels = None if has_sessions(table) else find_labels(table, run)
    for name, column in BASELINE_COLUMNS.items():
        found = {"reason": reasons[name]} if name in reasons else {}
        if column in table:  # with a reason where some folds lack it
            values = table[column].to_numpy(float)
            found |= agreement.measure_agreement(expert, values, animals, means)
            found["reduction"] = change(column)["change"]
            if labels is not None:
                own = agreement.separate(labels, values, animals, means)
                found["separation"] = own
        if found:
            result["baselines"][name] = found
    if table["group"].nunique() > 1:
        result["healthy_group"] = run.control_group
        result |= follow_severity(table, run, means)
    if labels is not None:
        result["separation"] = agreement.separate(labels, network, animals, means)
    if controls:
        result["controls"] = {control: change(control) for control in controls}
    return result


def follow_severity(table, run, means):
    """Correlate scores with the expert's, over all animals and the impaired alone."""
    expert, network = (table[k] for k in ("expert_score", "network_score"))
    if expert.isna().all():
        return {}
    if means is not None:
        network = network - means
        if run.target != "group":  # of one unit with the network's scores
            expert = expert - means
    chosen = {"all": np.full(len(table), True)}
    if run.control_group:
        chosen["impaired"] = label_groups(table["group"], run.control_group) == 1
    found = {}
    for name, rows in chosen.items():
        columns = expert[rows], network[rows], table["animal"][rows]
        own = agreement.measure_agreement(*columns, widen=find_widening(means))
        found[name] = {key: own["animals"][key] for key in ("n", "pearson")}
    return {"severity": found}


def has_sessions(table):
    """Say whether most animals have several sessions: before a lesion, animals of both
    groups are healthy, so groups are to be compared session by session.
    """
    if "session" not in table:
        return False
    n_sessions = table[table["session"] != ""].groupby("animal")["session"].nunique()
    return (n_sessions > 1).sum() > table["animal"].nunique() / 2


def find_labels(table, run):
    """Find 0/1 labels to separate: the target if it is such, the group, or None."""
    if set(table["target"].dropna()) == {0.0, 1.0}:
        return table["target"].to_numpy(float)
    labels = label_groups(table["group"], run.control_group)
    return labels if len(set(labels[np.isfinite(labels)])) == 2 else None


def tabulate(table):
    """Tabulate errors by all that is known of a clip."""
    dates = [data.session_of(clip) for clip in table["clip"]]
    known = table.assign(date=pd.Series(dates, dtype=object, index=table.index))
    known["severity, rounded"] = np.floor(table["target"] + 0.5)
    if "session" in known and known["session"].equals(known["date"]):
        known = known.drop(columns="session")
    return {
        by: agreement.tabulate_errors(known, by)
        for by in ("group", "severity, rounded", "animal", "session", "date")
        if by in known and known[by].nunique() > 1
    }


def find_worst(table):
    """Find the clips with the largest errors, the largest first: list of dict."""
    scored = table.assign(error=table["network_score"] - table["target"])
    worst = scored.dropna(subset=["error"]).sort_values("error", key=abs).tail(N_WORST)
    columns = ["clip", "animal", "target", "network_score", "error"]
    return worst[columns][::-1].to_dict("records")


def compare(table, settled):
    """Compare groups and sessions by held-out scores alone; see `groups.compare`."""
    if known := (table["seen"] != "").sum():
        raise Problem(
            f"no comparison: the network was trained on {known} of these clips or on "
            "their animals, or it is unknown whether it was. Compare with --folds"
        )
    adjusted = adjust_scores(table)
    found = groups.compare(table.assign(network_score=adjusted), settled)
    return found | {"adjusted": not adjusted.equals(table["network_score"])}


def add_spread(tables):
    """Add how far the networks of repeats differ on each clip, to the first table."""
    scores = pd.concat(tables).groupby("clip")["network_score"]
    return tables[0].assign(network_sd=tables[0]["clip"].map(scores.std()))


def spread_repeats(results):
    """Describe how far figures of repeated cross-validations lie apart, by name."""
    rows = []
    for each in results:
        row = {name: each["agreement"]["clips"][name] for name in HEADLINES}
        row["reduction"] = each["baselines"].get("training mean", {}).get("reduction")
        rows.append({k: figure["value"] for k, figure in row.items() if figure})
    table = pd.DataFrame(rows, dtype=float)
    table = table.loc[:, table.notna().sum() > 1]
    found = table.agg(["mean", "std", "min", "max", "count"])
    found.index = "mean", "sd", "lowest", "highest", "n"
    return {k: {**row, "n": int(row["n"])} for k, row in found.to_dict().items()}
