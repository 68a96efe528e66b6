"""Intervals, rank correlations and corrected p values, over clips and animals."""

import numpy as np
from scipy import stats

ALPHA = 0.05


def find_interval(values, owners=None):
    """Find the mean of values (N,), its 95% interval and p of being 0 (Student's t).

    Dict of value, low, high, p (two-sided) and n; of fewer than three low, high and p
    are None, with a reason. Given `owners`, (N,) animals, of the animals' means.
    """
    values = np.asarray(values, float)
    if owners is not None:
        owners = np.asarray(owners)
        values = np.array([values[owners == name].mean() for name in np.unique(owners)])
    value, n = float(values.mean()), len(values)
    if n < 3:
        reason = f"an interval needs three {'clips' if owners is None else 'animals'}"
        none = dict.fromkeys(("low", "high", "p"))
        return {"value": value, "n": n, **none, "reason": reason}
    error = stats.sem(values)
    half = float(stats.t.ppf(0.975, n - 1) * error)
    t = abs(value) / error if error else np.inf * abs(value)
    p = float(np.nan_to_num(2 * stats.t.sf(t, n - 1), nan=1.0))
    return {"value": value, "n": n, "low": value - half, "high": value + half, "p": p}


def correlate_ranks(first, second):
    """Compute Spearman's rho, None where it is not defined."""
    first, second = np.ravel(first), np.ravel(second)
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(stats.spearmanr(first, second).statistic)


def correct_holm(p_values):
    """Correct p values for their number (Holm 1979); NaN stays."""
    p_values = np.asarray(p_values, float)
    order = np.argsort(p_values, kind="stable")  # NaN last
    factors = np.count_nonzero(~np.isnan(p_values)) - np.arange(len(order))
    corrected = np.full(len(order), np.nan)
    corrected[order] = np.minimum(1, np.maximum.accumulate(p_values[order] * factors))
    return corrected
