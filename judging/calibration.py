"""Do scores say what they mean: calibration, and where the errors are."""

import numpy as np
import pandas as pd

from judging.correlation import CROSSED, MIN_POINTS, center, is_constant, is_crossed
from judging.resampling import (
    count_effective,
    describe,
    drop_unscored,
    index_animals,
    not_defined,
    weigh,
)

KINDS = ("group", "severity", "animal", "date")


def _find_slope(x, y, weights):
    x, y = center(x, weights), center(y, weights)
    squares = (weights * x**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(
            squares > 1e-12 * np.max(x**2, initial=0),
            (weights * x * y).sum(axis=1) / squares,
            np.nan,
        )


def calibrate(expert, network, animals, training_mean=None):
    """Find the line from network scores to expert scores, over clips.

    Parameters
    ----------
    expert, network : (N,) array
        A clip without either is left out.
    animals : (N,) array of str
    training_mean : (N,) array, optional
        Taken from both before the slope is found; see the head of `correlation.py`.

    Returns
    -------
    dict
        "slope": by how much the expert's scores differ where the network's differ by
        1; below 1 the network's scores are too far apart, above 1 too close together.
        "intercept": what the expert gives where the network says 0. "trend": slope of
        the difference on the mean of both scores (Bland & Altman 1999), below 0 where
        high scores are underrated and low ones overrated.
    """
    base = np.zeros(len(animals)) if training_mean is None else training_mean
    kept, expert, network, base = drop_unscored(animals, expert, network, base)
    keys = ("slope", "intercept", "trend")
    if len(kept) < MIN_POINTS:
        return dict.fromkeys(keys, not_defined(f"fewer than {MIN_POINTS} clips"))
    if is_constant(network - base, np.max(np.abs(network))):
        return dict.fromkeys(keys, not_defined("the network scores do not vary"))
    _, index = index_animals(kept)
    weights, effective = weigh(index), count_effective(index)
    widen = CROSSED if is_crossed(base) else 1
    slope = _find_slope(network - base, expert - base, weights)
    total = np.maximum(weights.sum(axis=1), 1e-300)
    intercept = (weights @ expert) / total - slope * (weights @ network) / total
    both = (expert + network) / 2 - base
    trend = _find_slope(both, network - expert, weights)
    found = zip(keys, (slope, intercept, trend), strict=True)
    return {key: describe(values, effective, "plain", widen) for key, values in found}


def tabulate_errors(table, by):
    """Average errors by group, severity, animal or date.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns target, network_score, animal and what `by` names.
    by : str

    Returns
    -------
    list of dict
        "name", "n_clips", "n_animals", "mae", "bias" of each, in the order of names.
    """
    kept = table.dropna(subset=["target", "network_score", by])
    error = kept["network_score"] - kept["target"]
    rows = pd.DataFrame(
        {
            "name": kept[by],
            "animal": kept["animal"],
            "mae": error.abs(),
            "bias": error,
        }
    )
    found = rows.groupby("name").agg(
        n_clips=("mae", "size"),
        n_animals=("animal", "nunique"),
        mae=("mae", "mean"),
        bias=("bias", "mean"),
    )
    return [
        {"name": str(name), **row}
        for name, row in found.astype(object).to_dict("index").items()
    ]
