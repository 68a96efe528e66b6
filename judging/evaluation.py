"""Scoring clips with the right network: one that never saw their animal.

Builds the table of predictions that `validate.py` judges.
"""

import numpy as np

import runs
from judging import floors

FLOOR_COLUMNS = {name: f"floor_{name.replace(' ', '_')}" for name in floors.FLOORS}


def score_table(folder, table, record, model, controls, train_rows=()):
    """Add the scores that one run gives to every clip of a table.

    `train_rows`, names of clips, stand in where nobody knows what a run has seen.

    Returns
    -------
    pandas.DataFrame
        With `network_score`, one column a control, `run` and `seen`: how the run knows
        the clip or its animal already, or "" where it does not.
    """
    names = list(table["clip"])
    table = table.copy()
    table["network_score"] = runs.score_sequences(
        model, runs.read_sequences(folder, names, record)
    )
    for control in controls:
        table[control] = runs.score_sequences(
            model, runs.read_sequences(folder, names, record, control)
        )
    table["run"] = record["run"]
    table["seen"] = runs.describe_seen(
        table["clip"], table["animal"], record, train_rows
    )
    return table


def add_floors(folder, table, record, train, group_pattern, summaries):
    """Add what the simplest predictions say, fitted on the run's own clips.

    Parameters
    ----------
    folder : path
    table : pandas.DataFrame
        Clips that one run has scored.
    record : dict
    train : dict of str to float
        Clip names and targets that the run has learned from or watched.
    group_pattern : str
    summaries : dict
        Filled with the summary of each sequence, so that each is read once.

    Returns
    -------
    (pandas.DataFrame, dict)
        The table with a column for each floor; why a floor is not defined.
    """

    def summarise(names):
        for name in names:
            if name not in summaries:
                (sequence,) = runs.read_sequences(folder, [name], record)
                summaries[name] = floors.summarise_sequence(sequence)
        return np.stack([summaries[name] for name in names])

    predictions, reasons = floors.predict_floors(
        {
            "scores": np.array(list(train.values())),
            "animals": [runs.animal_in(record, name) for name in train],
            "groups": [runs.group_in(record, name, group_pattern) for name in train],
            "summaries": summarise(train),
        },
        {"groups": list(table["group"]), "summaries": summarise(table["clip"])},
    )
    columns = {FLOOR_COLUMNS[name]: values for name, values in predictions.items()}
    return table.assign(**columns), reasons
