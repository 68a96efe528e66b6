"""Agreement between network scores and expert scores, the animal as the unit.

Pure functions on arrays. Every figure is `{"value", "low", "high"}` with a 95%
interval over animals; where there is none, the value or the limits are None and
"reason" says why. Results contain only what JSON can.
"""

import numpy as np
import pandas as pd
from scipy import optimize, stats

from evaluation.correlation import correlate, rank, refuse_correlation
from evaluation.jackknife import (
    MIN_POINTS,
    Jackknife,
    average_units,
    drop_unscored,
    find_widening,
    is_constant,
    is_crossed,
    not_defined,
)

SCALES = {"mae": "positive", "rmse": "positive", "bias": "plain", "r2": "below one"}
SCALES |= dict.fromkeys(("pearson", "spearman", "ccc", "icc"), "correlation")
SCALES |= {"slope": "plain", "intercept": "plain"}
MIN_GROUP = 3  # animals of either group, for an interval of an AUROC


def compute_icc(ratings):
    """ICC(A,1) (McGraw & Wong 1996) of complete ratings (R, N), and the standard error
    of measurement.
    """
    k, n = ratings.shape
    if n < 2:
        return np.nan, np.nan
    ratings = ratings - ratings.mean()  # sums of squares lose digits far from 0
    raters = n * (ratings.mean(axis=1) ** 2).sum()
    clips = k * (ratings.mean(axis=0) ** 2).sum()
    rater, clip = raters / (k - 1), clips / (n - 1)
    rest = max((ratings**2).sum() - clips - raters, 0) / ((n - 1) * (k - 1))
    with np.errstate(invalid="ignore"):
        icc = (clip - rest) / (clip + (k - 1) * rest + k * (rater - rest) / n)
        return icc, np.sqrt(rest + (rater - rest) / n)


def compute_errors(expert, network, base, shift=0.0):
    """Compute every statistic of agreement of scores (N,): dict of float.

    `base` is the baseline prediction, for R2; `shift` is subtracted from both scores
    before correlations and the line are computed.
    """
    error, n = network - expert, len(expert)
    mse, bias = np.mean(error**2), error.mean()
    x, y = network - shift, expert - shift
    along = x - x.mean()
    slope = along @ y / (along @ along) if np.ptp(x) else np.nan
    covariance = np.mean((expert - expert.mean()) * (network - network.mean()))
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "mae": np.abs(error).mean(),
            "rmse": np.sqrt(mse),
            "bias": bias,
            "spread": np.sqrt(error.var() * n / np.float64(n - 1)),
            "r2": 1 - mse / np.mean((expert - base) ** 2),
            # Lin (1989), variances with N in the denominator
            "ccc": 2 * covariance / (expert.var() + network.var() + bias**2),
            "icc": compute_icc(np.stack([expert, network]))[0],
            "pearson": correlate(x, y),
            "spearman": correlate(rank(x), rank(y)),
            "slope": slope,  # of the line from network to expert
            "intercept": expert.mean() - slope * network.mean(),
        }


def find_reasons(expert, network, base, shift, what):
    """Say of statistics why they are not defined; "" where they may be."""
    if not len(expert):
        return dict.fromkeys((*SCALES, "limits"), f"no {what} with both scores")
    few = f"fewer than {MIN_POINTS} {what}" if len(expert) < MIN_POINTS else ""
    line = refuse_correlation(expert, network, shift, what)
    both = "neither score varies"
    both = few or (both if is_constant(expert) and is_constant(network) else "")
    none = "" if np.isfinite(base).all() else "no training-mean prediction was given"
    found = dict.fromkeys(("pearson", "spearman", "slope", "intercept"), line)
    return found | {"r2": few or none, "ccc": both, "icc": both, "limits": few}


def find_limits(values, jack):
    """Limits of agreement (Bland & Altman 1999), intervals of Zou & Donner (2008)."""
    bias = jack.describe(values["bias"])
    spread = jack.describe(values["spread"], "positive")
    limits = []
    for sign in (-1, 1):
        centre = sign * 1.96 * values["spread"][0]
        value = float(values["bias"][0] + centre)
        if reason := bias.get("reason") or spread.get("reason"):
            limits.append(not_defined(reason, value))
            continue
        low, high = sorted(sign * 1.96 * spread[end] for end in ("low", "high"))
        down = np.hypot(bias["value"] - bias["low"], centre - low)
        up = np.hypot(bias["high"] - bias["value"], high - centre)
        limits.append({"value": value, "low": value - down, "high": value + up})
    return limits


def describe_unit(columns, owner, widen, what):
    """Describe the agreement of expert and network over clips, or over animals."""
    jack = Jackknife(owner, widen)
    values = jack.repeat(compute_errors, *columns)
    reasons, result = find_reasons(*columns, what), {"n": len(owner)}
    for name, scale in SCALES.items():
        why = reasons.get(name)
        result[name] = not_defined(why) if why else jack.describe(values[name], scale)
    why = reasons["limits"]
    limits = [not_defined(why)] * 2 if why else find_limits(values, jack)
    return result | dict(zip(("lower_limit", "upper_limit"), limits, strict=True))


def measure_agreement(expert, network, animals, training_mean=None, widen=None):
    """Compare network scores (N,) with expert scores, or one expert with another.

    A clip without either score is omitted; animals are compared by their means. The
    training mean is that of the clips that each clip's network was trained on; where
    networks differ in it, correlations are centred, see `correlation.py`, and `widen`,
    the factor of standard errors, is above 1. Dict of "clips" and "animals", each with
    "n" and figures (`SCALES` and the 95% limits of agreement), and of the number of
    clips "unscored".
    """
    base = np.nan if training_mean is None else np.asarray(training_mean, dtype=float)
    base = np.broadcast_to(base, np.shape(expert))
    columns = np.array([expert, network, base], dtype=float)
    scored = np.isfinite(columns[:2]).all(axis=0)
    columns = columns[:, scored]
    shift = columns[2] if is_crossed(columns[2]) else np.zeros(len(columns[2]))
    columns = [*columns, shift]
    widen = widen or find_widening(columns[2])
    owner = np.unique(np.asarray(animals)[scored], return_inverse=True)[1]
    means = [average_units(values, owner) for values in columns]
    return {
        "clips": describe_unit(columns, owner, widen, "clips"),
        "animals": describe_unit(means, np.arange(len(means[0])), widen, "animals"),
        "unscored": len(scored) - len(owner),
    }


def tabulate_errors(table, by):
    """Average the errors of a table by a column: list of dict, by "name"."""
    kept = table.dropna(subset=["target", "network_score", by])
    bias = kept["network_score"] - kept["target"]
    found = kept.assign(n_clips=kept["target"], mae=bias.abs(), bias=bias).groupby(by)
    how = {"n_clips": "size", "animal": "nunique", "mae": "mean", "bias": "mean"}
    found = found.agg(how).rename(columns={"animal": "n_animals"})
    return found.rename_axis("name").rename(str).reset_index().to_dict("records")


def newcombe_interval(auroc, n_healthy, n_impaired, widen=1.0):
    """Find the 95% interval of an AUROC: method 5 of Newcombe (2006, Stat Med 25)."""
    star = (n_healthy + n_impaired) / 2 - 1
    z = stats.norm.ppf(0.975) * widen

    def miss(area):
        spread = 1 + star * ((1 - area) / (2 - area) + area / (1 + area))
        variance = area * (1 - area) * spread / (n_healthy * n_impaired)
        return (area - auroc) ** 2 - z**2 * variance

    edge = 1e-9  # at 0 and 1 the distance is 0
    low = optimize.brentq(miss, 0, min(auroc, 1 - edge)) if auroc > 0 else 0.0
    high = optimize.brentq(miss, max(auroc, edge), 1) if auroc < 1 else 1.0
    return float(low), float(high)


def separate(labels, scores, animals, training_mean=None):
    """Measure how well scores (N,) separate impaired from healthy, labels 1 and 0.

    The training mean is subtracted from the scores. Dict of "clips" and "animals", each
    with "n" and "auroc". The interval over clips is that of so many animals.
    """
    base = 0 if training_mean is None else np.asarray(training_mean, dtype=float)
    scores = np.asarray(scores, dtype=float) - base
    names, labels, scores = drop_unscored(animals, labels, scores)
    clips = pd.DataFrame({"animal": names, "label": labels, "score": scores})
    means = clips.groupby(["animal", "label"], as_index=False)["score"].mean()
    sides = [Jackknife(names[labels == label]) for label in (0, 1)]
    counts, widen = [side.n_animals for side in sides], find_widening(training_mean)
    weights = [side.effective for side in sides]
    return {
        "clips": {"n": len(clips), "auroc": find_auroc(clips, counts, weights, widen)},
        "animals": {"n": len(means), "auroc": find_auroc(means, counts, counts, widen)},
    }


def find_auroc(table, n_animals, weights, widen):
    """Find the area under the ROC curve of a table; the weights are the effective
    numbers of healthy and impaired animals.
    """
    if not min(n_animals):
        return not_defined("only one group has scores")
    healthy, impaired = (table["score"][table["label"] == k].to_numpy() for k in (0, 1))
    area = float(np.sign(impaired[:, None] - healthy).mean() + 1) / 2
    if min(n_animals) < MIN_GROUP:
        reason = f"no interval: fewer than {MIN_GROUP} animals in a group"
        return not_defined(reason, area)
    low, high = newcombe_interval(area, *weights, widen)
    return {"value": area, "low": low, "high": high}
