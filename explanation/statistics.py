"""Intervals and rank correlations, over clips and animals."""

import numpy as np
import pandas as pd
from scipy import stats

ALPHA = 0.05


def find_interval(values, owners):
    """Find the mean over animals (`owners`) of values (N,), 95% limits, p of being 0.

    Of fewer than three animals these are None, with a reason.
    """
    values = pd.Series(np.asarray(values, float)).groupby(np.asarray(owners)).mean()
    value, n = float(values.mean()), len(values)
    if n < 3:
        none = dict.fromkeys(("low", "high", "p"))
        reason = "an interval needs three animals"
        return {"value": value, "n": n, **none, "reason": reason}
    found = stats.ttest_1samp(values, 0)
    low, high = map(float, found.confidence_interval())
    p = float(np.nan_to_num(found.pvalue, nan=1.0))
    return {"value": value, "n": n, "low": low, "high": high, "p": p}


def correlate_ranks(first, second):
    """Compute Spearman's rho, None where it is not defined."""
    first, second = np.ravel(first), np.ravel(second)
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(stats.spearmanr(first, second).statistic)
