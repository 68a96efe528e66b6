"""What a study finds: scores of groups of animals, and of sessions, compared.

The animal is the unit: its clips, of a session, count with their mean, so numbers of
clips do not matter and no mixed model is needed. Intervals are Welch's for groups and
Student's for changes; effect sizes are Hedges's g, corrected for few animals (Hedges
1981, Journal of Educational Statistics 6); p values come from permutations of animals
or, of changes, of their signs, and are exact where all can be listed. Predictions of a
cross-validation depend on one another, as two networks learn from each other's animals.
Where the expert's scores differ between groups, chance likeness of two animals of a
group counts twice, so a difference of groups varies more than permutations tell.
Statistics and standard errors of groups are then widened by `FOLDED`, which simulations
gave: `benchmarks/study.py` measures size and coverage.
"""

import math
import re

import numpy as np
import pandas as pd
from scipy import stats

from evaluation.jackknife import is_crossed
from system.terminal import Problem

MOST_PERMUTATIONS = 20_000  # all are listed up to here, else drawn
FOLDED = 1.1  # without it p <= 0.05 in 7.6% of simulated studies without an effect
MEASURED = {"network": "network_score", "expert": "expert_score"}

# ---------------------------------------------------------------- statistics


def permute(samples, statistic, how="independent", alternative="two-sided", widen=1.0):
    """Find p of a statistic of (A,) or (A, K) samples by permutation.

    The true statistic is divided by `widen` first.
    """
    found = stats.permutation_test(
        samples,
        statistic,
        permutation_type=how,
        vectorized=True,
        n_resamples=MOST_PERMUTATIONS,
        batch=2000,
        alternative=alternative,
        rng=np.random.default_rng(0),
    )
    if widen == 1:
        return found.pvalue
    null, true = np.abs(found.null_distribution), abs(found.statistic) / widen
    return float((np.sum(null >= true * (1 - 1e-9)) + 1) / (len(null) + 1))


def compare_groups(first, second, widen=1.0):
    """Compare means of other animals (Series), second minus first; see `describe`."""
    if both := sorted(set(first.index) & set(second.index)):
        raise Problem(f"{', '.join(both)} is in both groups: compare it with --pair")
    x, y = second.to_numpy(float), first.to_numpy(float)
    freedom = len(x) + len(y) - 2
    pooled = (x.var(ddof=1) * (len(x) - 1) + y.var(ddof=1) * (len(y) - 1)) / freedom
    p = permute(
        (x, y),
        lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
        widen=widen,
    )
    least = 2 / math.comb(len(x) + len(y), len(x))
    deviation = math.sqrt(pooled)
    ends = deviation and stats.ttest_ind(x, y, equal_var=False).confidence_interval()
    middle = x.mean() - y.mean()
    ends = ends and [middle + widen * (end - middle) for end in ends]
    return describe(y, x, ends, deviation, freedom, p, least)


def compare_pairs(before, after):
    """Compare two sessions of the animals that are in both, after minus before.

    The effect is in standard deviations of the changes.
    """
    both = before.index.intersection(after.index)
    x, y = after[both].to_numpy(float), before[both].to_numpy(float)
    change, n = x - y, len(both)
    p = permute((x, y), lambda a, b, axis: (a - b).mean(axis=axis), "samples")
    deviation = change.std(ddof=1)
    if deviation < 1e-9 * np.abs(change).max():
        deviation = 0
    ends = deviation and stats.ttest_1samp(change, 0).confidence_interval()
    return describe(y, x, ends, deviation, n - 1, p, 2 / 2**n)


def describe(first, second, ends, deviation, freedom, p, least):
    """Gather "n", "means", "difference" with its 95% "interval", "effect" (Hedges's g,
    None of too few animals), "p", and "least_p", the smallest that so few allow.
    """
    difference = float(second.mean() - first.mean())
    ends = ends or (difference, difference)  # animals are all alike
    corrected = 1 - 3 / (4 * freedom - 1)
    is_defined = deviation > 0 and freedom > 2
    return {
        "n": [len(first), len(second)],
        "means": [float(first.mean()), float(second.mean())],
        "difference": difference,
        "interval": [float(end) for end in ends],
        "effect": corrected * difference / deviation if is_defined else None,
        "p": p,
        "least_p": max(least, 1 / (MOST_PERMUTATIONS + 1)),
    }


def compare_all(samples, widen=1.0):
    """Compare three or more groups at once: F with p by permutation of animals."""
    f = stats.f_oneway(*samples).statistic
    if not np.isfinite(f):
        return None
    p = permute(
        samples,
        lambda *s, axis: stats.f_oneway(*s, axis=axis).statistic,
        alternative="greater",
        widen=widen**2,
    )
    return {"f": float(f), "n": [len(s) for s in samples], "p": p}


def find_trend(doses, scores, widen=1.0):
    """Find the slope of scores (A,) over doses (A,), with p by permutation."""
    line = stats.linregress(doses, scores)
    half = stats.t.ppf(0.975, len(scores) - 2) * line.stderr * widen
    doses = doses - doses.mean()
    p = permute(
        (scores,),
        lambda s, axis: (s * doses).sum(axis=axis),
        "pairings",
        widen=widen,
    )
    slope = float(line.slope)
    return {"slope": slope, "interval": [slope - half, slope + half], "p": p}


def find_changing(table, values):
    """Find the mean slope within animals over numbered sessions, and its p."""
    slopes = [
        stats.linregress(own["session"].map(values), own["score"]).slope
        for _, own in table.groupby("animal")
        if own["session"].nunique() > 1
    ]
    if len(slopes) < 2:
        return None
    nil = pd.Series(np.zeros(len(slopes)))
    found = compare_pairs(nil, pd.Series(slopes))
    return {"slope": found["difference"], **{k: found[k] for k in ("interval", "p")}}


def correct_holm(p_values):
    """Correct p values for their number (Holm 1979, Scand. J. Statistics 6).

    NaN stays, and counts for none.
    """
    p, order = np.asarray(p_values, float), np.argsort(p_values)  # NaN last
    steps = p[order] * (np.isfinite(p).sum() - np.arange(len(p)))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected.tolist()


def read_doses(names):
    """Read labels that differ in one number, as 0 mg and 5 mg do; None for others."""
    found = [re.fullmatch(r"(\D*?)(-?\d+(?:\.\d+)?)(\D*)", str(n)) for n in names]
    if len(found) < 3 or not all(found):
        return None
    if len({(f[1].strip().casefold(), f[3].strip().casefold()) for f in found}) > 1:
        return None
    return {name: float(f[2]) for name, f in zip(names, found, strict=True)}


# ---------------------------------------------------------------- of a table


def check_sizes(table, settled):
    """Raise Problem where a side of a comparison has too few animals."""
    if len(settled["groups"]) == 1 or len(settled["sessions"]) == 1:
        only = (settled["groups"] + settled["sessions"])[0]
        raise Problem(f"a comparison needs two groups or sessions. Received: {only}")
    first, *later = settled["sessions"] or [None]
    for group in settled["groups"] or [None]:
        own = table if group is None else table[table["group"] == group]
        by_day = own.groupby("session")["animal"].agg(set).to_dict() if later else {}
        where = f" in {group}" if group else ""
        sizes = {
            f"animals with both {first} and {day}{where}": len(
                by_day.get(first, set()) & by_day.get(day, set())
            )
            for day in later
        }
        sizes = sizes or {f"animals in {group}": own["animal"].nunique()}
        for what, n in sizes.items():
            if n < 2:
                raise Problem(f"a comparison needs two or more {what}. Received: {n}")


def compare(table, settled):
    """Compare what was settled (see `study.settle`), of each score in a table.

    The table has animal, group, session, network_score, and expert_score if known,
    which may be of fewer clips. Dict
    of "means": {column: {animal: network score}} and "expert_means"; "columns": the
    group of each column; "pairs" of columns that are joined; "found": list of dict of
    "name", "first", "second", "measured", and a result of "network" and "expert"; "all"
    and "trend" of three groups or doses; "healthy", "sessions", "groups".
    """
    if settled["groups"]:
        table = table[table["group"].isin(settled["groups"])]
    if settled["sessions"]:
        table = table[table["session"].isin(settled["sessions"])]
    sides = {}
    for who, column in MEASURED.items():
        own = table.dropna(subset=[column]) if column in table else table[:0]
        try:
            check_sizes(own, settled)
        except Problem:  # experts need not have scored a session, or anything
            if who == "network":
                raise
            continue
        sides[who] = compare_one(own, column, settled)
    network = sides["network"]
    found = [
        dict(zip(("name", "first", "second", "measured"), told, strict=True))
        | {who: side["found"][place][-1] for who, side in sides.items()}
        for place, (*told, _) in enumerate(network["found"])
    ]
    for who in sides:
        corrected = correct_holm([each[who]["p"] for each in found])
        for each, p in zip(found, corrected, strict=True):
            each[who]["p_holm"] = p
    result = {key: network[key] for key in ("means", "columns", "pairs")}
    result |= {key: settled[key] for key in ("healthy", "sessions", "groups")}
    if "expert" in sides:
        result["expert_means"] = sides["expert"]["means"]
    for key in ("all", "trend"):
        each = {who: side[key] for who, side in sides.items() if side.get(key)}
        result |= {key: each} if each else {}
    return result | {"found": found}


def compare_one(table, column, settled):
    """Compare one score, see `compare`."""
    table, widen = table.assign(score=table[column]), 1.0
    if column == MEASURED["network"] and "training_mean" in table:
        widen = FOLDED if is_crossed(table["training_mean"]) else 1.0
    if settled["sessions"]:
        return compare_changes(table, settled, widen)
    own = table.groupby(["group", "animal"])["score"].mean()
    means = {group: own[group] for group in settled["groups"]}
    reference, *others = settled["groups"]
    result = {"means": {g: v.to_dict() for g, v in means.items()}, "pairs": []}
    result["columns"] = {group: group for group in means}
    result["found"] = [
        (
            *(f"{g} - {reference}", reference, g, ""),
            compare_groups(means[reference], means[g], widen),
        )
        for g in others
    ]
    if len(means) > 2:
        result["all"] = compare_all([v.to_numpy() for v in means.values()], widen)
    if doses := read_doses(settled["groups"]):
        every = pd.concat([pd.Series(doses[g], v.index) for g, v in means.items()])
        values = np.concatenate([v.to_numpy() for v in means.values()])
        result["trend"] = find_trend(every.to_numpy(), values, widen)
    return result


def compare_changes(table, settled, widen):
    """Compare groups in each session, sessions in each group, and groups' changes.

    Each later session is compared with the first.
    """
    first, *later = settled["sessions"]
    groups = settled["groups"] or [""]
    if not settled["groups"]:
        table = table.assign(group="")
    own = table.groupby(["group", "session", "animal"])["score"].mean()
    name = {(g, d): f"{g}, {d}" if g else d for g in groups for d in (first, *later)}
    result = {"means": {}, "columns": {}, "pairs": []}
    result["found"] = [
        (
            *(f"{day}: {g} - {groups[0]}", name[groups[0], day], name[g, day], ""),
            compare_groups(own[groups[0], day], own[g, day], widen),
        )
        for g in groups[1:]
        for day in settled["sessions"]
    ]
    for (group, day), title in name.items():
        result["means"][title] = own[group].get(day, pd.Series(dtype=float)).to_dict()
        result["columns"][title] = group or title
        if day != first:
            start = name[group, first]
            result["pairs"].append((start, title))
            both = compare_pairs(own[group, first], own[group, day])
            difference = f"{group}: {day} - {first}" if group else f"{day} - {first}"
            result["found"].append((difference, start, title, "", both))
    for day in later:
        changes = {g: (own[g, day] - own[g, first]).dropna() for g in groups}
        measured = f"changes from {first} to {day}"
        result["found"] += [
            (
                *(f"{day} - {first}: {g} - {groups[0]}", groups[0], g, measured),
                compare_groups(changes[groups[0]], changes[g]),
            )
            for g in groups[1:]
        ]
    if values := read_doses(settled["sessions"]):
        result["trend"] = find_changing(table, values)
    return result
