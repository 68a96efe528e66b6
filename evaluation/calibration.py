"""Do scores say what they mean: calibration, and where the errors are."""

import numpy as np

from evaluation import jackknife
from evaluation.correlation import center


def find_slope(x, y, weights):
    x, y = center(x, weights), center(y, weights)
    squares = (weights * x**2).sum(axis=1)
    flat = squares <= 1e-12 * np.max(x**2, initial=0)
    products = (weights * x * y).sum(axis=1)
    return np.where(flat, np.nan, products / np.where(flat, 1, squares))


def calibrate(expert, network, animals, training_mean=None):
    """Find the line from network scores (N,) to expert scores, over clips.

    The training mean (N,) is taken from both before; see the head of `correlation.py`.

    Returns
    -------
    dict
        "slope": by how much the expert's scores differ where the network's differ by 1;
        below 1 the network's are too far apart. "intercept": what the expert gives
        where the network says 0. "trend": slope of the difference on the mean of both
        scores (Bland & Altman 1999), below 0 where high scores are underrated.
    """
    base = np.zeros(len(animals)) if training_mean is None else training_mean
    kept, expert, network, base = jackknife.drop_unscored(
        animals, expert, network, base
    )
    keys = ("slope", "intercept", "trend")
    if len(kept) < jackknife.MIN_POINTS:
        return dict.fromkeys(
            keys, jackknife.not_defined(f"fewer than {jackknife.MIN_POINTS} clips")
        )
    if jackknife.is_constant(network - base, np.max(np.abs(network))):
        return dict.fromkeys(
            keys, jackknife.not_defined("the network scores do not vary")
        )
    jack = jackknife.Jackknife(
        jackknife.index_animals(kept)[1], jackknife.find_widening(base)
    )
    slope = find_slope(network - base, expert - base, jack.weights)
    intercept = jack.average(expert) - slope * jack.average(network)
    both = (expert + network) / 2 - base
    trend = find_slope(both, network - expert, jack.weights)
    found = zip(keys, (slope, intercept, trend), strict=True)
    return {key: jack.describe(values) for key, values in found}


def tabulate_errors(table, by):
    """Average the errors of a table (target, network_score, animal) by a column.

    List of dict of "name", "n_clips", "n_animals", "mae", "bias"; by name.
    """
    kept = table.dropna(subset=["target", "network_score", by])
    bias = kept["network_score"] - kept["target"]
    return [
        {
            "name": str(name),
            "n_clips": len(rows),
            "n_animals": rows["animal"].nunique(),
            "mae": float(rows["bias"].abs().mean()),
            "bias": float(rows["bias"].mean()),
        }
        for name, rows in kept.assign(bias=bias).groupby(by)
    ]
