"""What `validate.py` computes: every figure of a table of predictions.

The table is that of `judging/table.py`: clip, animal, group, target, network_score,
training_mean, one column for each floor and each control; session where it is known.
"""

import numpy as np

from judging import calibration, comparisons, raters
from judging.agreement import measure_agreement
from judging.correlation import (
    CROSSED,
    correlate_scores,
    is_crossed,
    permutation_test,
)
from judging.separation import separate
from judging.table import FLOOR_COLUMNS, label_groups

HEADLINES = ("mae", "r2", "pearson_centred")  # of clips, what repeats are compared in


def judge(table, record, reasons=None, controls=()):
    """Compute every figure that a table of predictions allows.

    Parameters
    ----------
    table : pandas.DataFrame
    record : dict
        Of the run.
    reasons : dict of str, optional
        Why floors are not defined.
    controls : sequence of str

    Returns
    -------
    dict
        "agreement", "calibration", "permutation", "floors"; where the table allows,
        "within_groups", "separation", "severity", "sessions", "controls"; "errors".
    """
    animals, expert, network = _columns(table, "animal", "target", "network_score")
    means = table["training_mean"].to_numpy(float) if "training_mean" in table else None
    sessions = table["session"].to_numpy() if _is_known(table, "session") else None
    widen = CROSSED if is_crossed(means) else 1
    beyond = expert if means is None else expert - means
    result = {
        "target": record.get("target", "score"),
        "crossed": is_crossed(means),
        "agreement": measure_agreement(expert, network, animals, means, sessions),
        "calibration": calibration.calibrate(expert, network, animals, means),
        "permutation": permutation_test(beyond, network, animals, means),
        "floors": _judge_floors(table, reasons or {}, means, widen),
        "errors": _tabulate(table),
    }
    result |= _judge_groups(table, record, means)
    if sessions is not None:
        change = comparisons.compare_sessions(expert, network, animals, sessions)
        result["sessions"] = change
    for control in controls:
        result.setdefault("controls", {})[control] = comparisons.paired_change(
            network - expert,
            table[control].to_numpy(float) - expert,
            animals,
            widen=widen,
        )
    return result


def _columns(table, *names):
    return [table[name].to_numpy(str if name == "animal" else float) for name in names]


def _is_known(table, name):
    return name in table and table[name].notna().all() and table[name].nunique() > 1


def _judge_floors(table, reasons, means, widen):
    """Judge each floor beside the network, on the clips that it predicts."""
    animals, expert, network = _columns(table, "animal", "target", "network_score")
    floors = {}
    for name, column in FLOOR_COLUMNS.items():
        if column not in table:
            if name in reasons:
                floors[name] = {"reason": reasons[name]}
            continue
        floor = table[column].to_numpy(float)
        change = comparisons.paired_change(
            network - expert, floor - expert, animals, widen=widen
        )
        floors[name] = {
            **measure_agreement(expert, floor, animals, means),
            "saved": change["change"],
        }
        if name in reasons:  # in some folds
            floors[name]["reason"] = reasons[name]
    return floors


def _judge_groups(table, record, means):
    """Judge how the scores tell groups apart, and what they say within them."""
    animals, network = _columns(table, "animal", "network_score")
    result = {}
    labels = find_labels(table, record)
    if labels is not None:
        result["separation"] = separate(labels, network, animals, means)
        result["separation_raw"] = separate(labels, network, animals)
        result["floor_separation"] = {
            name: separate(labels, table[column].to_numpy(float), animals, means)
            for name, column in FLOOR_COLUMNS.items()
            if column in table and name not in ("training mean", "animal known")
        }
    grouped = table["group"].notna().to_numpy()
    impaired = label_groups(table["group"], record) == 1
    severity = table["expert_score"].to_numpy(float)
    if len(set(table["group"][grouped])) < 2 or not np.isfinite(severity).any():
        return result
    if record.get("target") != "group" and means is not None:
        severity = severity - means  # of one unit with the network's scores
    result["severity"] = {
        name: correlate_scores(
            severity[chosen],
            network[chosen],
            animals[chosen],
            None if means is None else means[chosen],
        )
        for name, chosen in (("all", np.full(len(table), True)), ("impaired", impaired))
    }
    base = None if means is None else means[grouped]
    group = table["group"][grouped].to_numpy(str)
    sides = severity[grouped], network[grouped], animals[grouped]
    result["within_groups"] = {
        "correlation": correlate_scores(*sides, base, group),
        "permutation": permutation_test(*sides, base, group),
    }
    return result


def find_labels(table, record):
    """Find 0/1 labels to separate: the target if it is such, the group, or None."""
    scored = table["target"].dropna()
    if len(scored) and set(scored) == {0.0, 1.0}:
        return table["target"].to_numpy(float)
    labels = label_groups(table["group"], record)
    return labels if len(set(labels[np.isfinite(labels)])) == 2 else None


def _tabulate(table):
    """Tabulate errors by all that is known of a clip."""
    target = table["target"]
    known = table.assign(severity=target if target.nunique() <= 6 else target.round())
    return {
        by: calibration.tabulate_errors(known, by)
        for by in ("group", "severity", "animal", "session")
        if by in known and known[by].nunique() > 1
    }


def judge_raters(ratings, rounds, animals, network=None, margin=None):
    """Judge raters by themselves, and the network beside them.

    Parameters
    ----------
    ratings : dict of str to (N,) array
        The scores of each rater; nan where there is none.
    rounds : dict of str to (2, N) array
        The first and second scores of each rater that scored clips twice.
    animals : (N,) array of str
    network : (N,) array, optional
        On the scale of the raters.
    margin : float, optional

    Returns
    -------
    dict
        "inter", as `raters.compare_ratings`; "intra", the same of each rater against
        himself; "each", as `raters.judge_each`; "network", as
        `raters.compare_network`.
    """
    names, given = list(ratings), np.array(list(ratings.values()), dtype=float)
    animals = np.asarray(animals)
    result = {
        "inter": raters.compare_ratings(given, animals),
        "intra": {
            name: raters.compare_ratings(both, animals) for name, both in rounds.items()
        },
    }
    if len(names) > 1:
        result["each"] = raters.judge_each(given, names, network, animals)
        if network is not None:
            result["network"] = raters.compare_network(given, network, animals, margin)
    return result


def spread_repeats(results):
    """Say how far the figures of repeated cross-validations lie apart.

    Parameters
    ----------
    results : list of dict
        From `judge`, each with other seeds and other folds.

    Returns
    -------
    dict
        By figure, "mean", "sd", "lowest", "highest" and "n".
    """
    figures = {
        name: [r["agreement"]["clips"][name]["value"] for r in results]
        for name in HEADLINES
    }
    figures["saved"] = [
        r["floors"].get("training mean", {}).get("saved", {}).get("value")
        for r in results
    ]
    found = {}
    for name, values in figures.items():
        values = [value for value in values if value is not None]
        if len(values) > 1:
            found[name] = {
                "mean": float(np.mean(values)),
                "sd": float(np.std(values, ddof=1)),
                "lowest": min(values),
                "highest": max(values),
                "n": len(values),
            }
    return found
