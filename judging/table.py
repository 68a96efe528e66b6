"""The table of predictions: each clip with its scores, floors and what is known of it.

A run is a list of parts: each is a checkpoint, its record and the clips it is to score.
A split has one part, a cross-validation one for each fold.
"""

import numpy as np
import pandas as pd

import data
import runs
import scoring
from judging import floors

FLOOR_COLUMNS = {name: f"floor_{name.replace(' ', '_')}" for name in floors.FLOORS}
TOLD_ALL = "left out: it would be told the group, which is what was learned"


def add_target(table, record):
    """Add what the run was trained to say of each clip: expert score, or group.

    Returns
    -------
    pandas.DataFrame
        With `target`; a clip without a group has none where groups are the target.
    """
    if record.get("target") != "group":
        return table.assign(target=table["expert_score"])
    return table.assign(target=label_groups(table["group"], record))


def label_groups(groups, record):
    """Turn groups into 0, healthy, and 1, impaired; nan where there is none.

    Returns
    -------
    (N,) array
    """
    healthy = record.get("control_group", data.CONTROL)
    return np.array([np.nan if g is None else float(g != healthy) for g in groups])


def score_parts(folder, parts, lengths, train_rows=None, controls=()):
    """Score each part with its network, and by each floor.

    Parameters
    ----------
    folder : path
    parts : iterable of (Path, dict, pandas.DataFrame)
        Checkpoint, record, and clips from `data.tabulate_clips`.
    lengths : dict of str to int
        Frames of every clip of `data_file.csv`.
    train_rows : dict, optional
        Scored train rows: they stand in where nobody knows what a run learned from.
    controls : sequence of str

    Returns
    -------
    (pandas.DataFrame, dict, dict)
        The table with network_score, one column a control, run, training_mean, target,
        a column for each floor, and `seen`: how the run knows the clip or its animal,
        or ""; the last record; why floors are not defined.
    """
    wanted = [("network_score", None), *((control, control) for control in controls)]
    scored, reasons, cache = [], {}, {}
    for path, settled, part in parts:
        model, record = runs.read_run(path)
        record = record | settled
        scoring.check_extraction(folder, record)
        names = list(part["clip"])
        scores = {
            column: scoring.score_sequences(
                model, scoring.read_sequences(folder, names, record, control)
            )
            for column, control in wanted
        }
        part = add_target(part.assign(**scores, run=record["run"]), record)
        stand_in = record["train_clips"] is None
        rows = train_rows if stand_in else ()
        part["seen"] = runs.describe_seen(names, part["animal"], record, rows or ())
        train = (train_rows if stand_in else record["train_clips"]) or {}
        if train:
            watched = find_watched(record, names)
            part, missing = add_floors(
                folder, part, record, train, watched, lengths, cache
            )
            reasons |= missing
        else:
            reasons |= dict.fromkeys(FLOOR_COLUMNS, "no train rows")
        scored.append(part)
    table = pd.concat(scored, ignore_index=True)
    known = floors.predict_known_animal(table["target"], table["animal"])
    if record.get("target") == "group":
        reasons["animal known"] = TOLD_ALL
    elif np.isfinite(known).any():
        table[FLOOR_COLUMNS["animal known"]] = known
    else:
        reasons["animal known"] = "no animal has two scored clips"
    return table, record, reasons


def find_watched(record, judged):
    """List the watched clips and targets: none where a judged clip is among them.

    A floor must choose nothing on clips that it is judged on.
    """
    watched = record.get("watched_clips", {})
    return {} if set(watched) & set(judged) else watched


def add_floors(folder, table, record, train, watched, lengths, cache):
    """Add what the simplest predictions say, fitted on the run's own clips.

    Parameters
    ----------
    folder : path
    table : pandas.DataFrame
        Clips that one run has scored.
    record : dict
    train, watched : dict of str to float
        Clip names and targets that the run learned from, and watched.
    lengths : dict of str to int
        See `score_parts`.
    cache : dict
        Filled with the summary of each sequence, so that each is read once.

    Returns
    -------
    (pandas.DataFrame, dict)
        The table with `training_mean` and a column for each floor; why a floor is not
        defined.
    """

    def summarise(names):
        for name in names:
            if name not in cache:
                (sequence,) = scoring.read_sequences(folder, [name], record)
                cache[name] = floors.summarise_sequence(sequence)
        return np.array([cache[name] for name in names])

    def describe(targets):
        pattern = record["group_pattern"]
        return {
            "scores": np.array(list(targets.values()), dtype=float),
            "animals": [runs.animal_in(record, name) for name in targets],
            "groups": [runs.group_in(record, name, pattern) for name in targets],
            "lengths": [lengths.get(name, np.nan) for name in targets],
            "summaries": summarise(targets),
        }

    told = ("group mean",) if record.get("target") == "group" else ()
    wanted = describe(dict.fromkeys(table["clip"], np.nan))
    wanted["groups"] = list(table["group"])
    predictions, reasons = floors.predict_floors(
        describe(train), describe(watched), wanted, leave=told
    )
    reasons |= dict.fromkeys(told, TOLD_ALL)
    columns = {FLOOR_COLUMNS[name]: values for name, values in predictions.items()}
    mean = float(np.mean(list(train.values())))
    return table.assign(training_mean=mean, **columns), reasons


def summarise_clips(folder, table, record):
    """Summarise the sequences of a table's clips; (N, 2F)."""
    read = scoring.read_sequences(folder, list(table["clip"]), record)
    return np.array([floors.summarise_sequence(sequence) for sequence in read])
