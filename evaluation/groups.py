"""What a study finds: scores of groups of animals, and of sessions, compared.

The animal is the unit: its clips, of a session, count with their mean. Intervals are
Welch's for groups and Student's for changes; effect sizes are Hedges's g (Hedges 1981);
p values come from permutations of animals or, of changes, of their signs, and are exact
where all can be listed. Two networks of a cross-validation learn from each other's
animals, so if two animals of a group happen to be alike, that counts twice. Statistics
and standard errors of groups are then widened by `FOLDED`, which simulations gave:
`benchmarks/study.py` measures size and coverage.
"""

import itertools
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
CONTRAST = ("name", "first", "second", "measured")


def permute(samples, statistic, how="independent", alternative="two-sided", widen=1.0):
    """Find p of a statistic of (A,) samples, divided by `widen`, by permutation:
    two-sided, twice the smaller tail."""
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
    null, true = found.null_distribution, found.statistic / widen
    extra = int(len(null) == MOST_PERMUTATIONS)  # the true one, where null is drawn
    near = 1e-9 * abs(true)
    tails = np.sum(null >= true - near), np.sum(null <= true + near)
    upper, lower = (float((n + extra) / (len(null) + extra)) for n in tails)
    return upper if alternative == "greater" else min(1.0, 2 * upper, 2 * lower)


def subtract_means(first, second, axis):
    return first.mean(axis=axis) - second.mean(axis=axis)


def compare_groups(first, second, widen=1.0):
    """Compare means of other animals (Series), second minus first; see `describe`.

    None where a side has fewer than two.
    """
    if both := sorted(set(first.index) & set(second.index)):
        told = f"animals in both groups: {', '.join(both)}"
        raise Problem(f"{told}. Correct the column group")
    x, y = second.to_numpy(float), first.to_numpy(float)
    if min(len(x), len(y)) < 2:
        return None
    freedom = len(x) + len(y) - 2
    pooled = (x.var(ddof=1) * (len(x) - 1) + y.var(ddof=1) * (len(y) - 1)) / freedom
    test = stats.ttest_ind(x, y, equal_var=False) if pooled else None
    p = permute((x, y), subtract_means, widen=widen)
    least = 2 / math.comb(len(x) + len(y), len(x))
    return describe(y, x, test, widen, math.sqrt(pooled), freedom, p, least)


def compare_pairs(before, after):
    """Compare two sessions of the animals that are in both, after minus before.

    The effect is in standard deviations of the changes. None of fewer than two.
    """
    both = before.index.intersection(after.index)
    x, y = after[both].to_numpy(float), before[both].to_numpy(float)
    change, n = x - y, len(both)
    if n < 2:
        return None
    deviation = change.std(ddof=1)
    if deviation < 1e-9 * np.abs(change).max():
        deviation = 0
    test = stats.ttest_1samp(change, 0) if deviation else None
    p = permute((x, y), subtract_means, "samples")
    return describe(y, x, test, 1, deviation, n - 1, p, 2 / 2**n)


def describe(first, second, test, widen, deviation, freedom, p, least):
    """Gather "n", "means", "difference" with its 95% "interval" by a test of scipy, or
    None; "effect" (Hedges's g); "p"; and "least_p", the smallest possible.
    """
    difference = float(second.mean() - first.mean())
    ends = test.confidence_interval() if test else (difference, difference)
    corrected = 1 - 3 / (4 * freedom - 1)
    is_defined = deviation > 0 and freedom > 2
    return {
        "n": [len(first), len(second)],
        "means": [float(first.mean()), float(second.mean())],
        "difference": difference,
        "interval": [float(difference + widen * (end - difference)) for end in ends],
        "effect": corrected * difference / deviation if is_defined else None,
        "p": p,
        "least_p": max(least, 1 / (MOST_PERMUTATIONS + 1)),
    }


def compare_all(samples, widen=1.0):
    """Compare three or more groups at once: F with p by permutation of animals."""

    def find_f(*samples, axis=0):
        return stats.f_oneway(*samples, axis=axis).statistic

    f = find_f(*samples)
    if not np.isfinite(f):
        return None
    p = permute(samples, find_f, alternative="greater", widen=widen**2)
    return {"f": float(f), "n": [len(s) for s in samples], "p": p}


def find_trend(doses, scores, widen=1.0):
    """Find the slope of scores (A,) over doses (A,), with p by permutation."""
    line = stats.linregress(doses, scores)
    half = stats.t.ppf(0.975, len(scores) - 2) * line.stderr * widen
    doses, slope = doses - doses.mean(), float(line.slope)

    def agree(scores, axis):
        return (scores * doses).sum(axis=axis)

    p = permute((scores,), agree, "pairings", widen=widen)
    return {"slope": slope, "interval": [slope - half, slope + half], "p": p}


def find_changing(table, values):
    """Find the mean slope within animals over numbered sessions, and its p."""
    means = table.groupby(["animal", "session"])["score"].mean().reset_index()
    slopes = [
        stats.linregress(own["session"].map(values), own["score"]).slope
        for _, own in means.groupby("animal")
        if len(own) > 1
    ]
    if len(slopes) < 2:
        return None
    nil = pd.Series(np.zeros(len(slopes)))
    found = compare_pairs(nil, pd.Series(slopes))
    return {"slope": found["difference"], **{k: found[k] for k in ("interval", "p")}}


def correct_holm(p_values):
    """Correct p values for their number (Holm 1979); NaN stays, and counts for none."""
    p, order = np.asarray(p_values, float), np.argsort(p_values)  # NaN last
    steps = p[order] * (np.isfinite(p).sum() - np.arange(len(p)))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected.tolist()


def read_doses(names):
    """Read labels that differ in one number, as 0 mg and 5 mg do; None for others."""
    found = [re.fullmatch(r"(\D*?)(-?\d+(?:\.\d+)?)(\D*)", name) for name in names]
    if len(found) < 3 or not all(found):
        return None
    units = {(f[1].strip().casefold(), f[3].strip().casefold()) for f in found}
    if len(units) > 1:
        return None
    return {name: float(f[2]) for name, f in zip(names, found, strict=True)}


class TooFew(Problem):
    """A comparison that its animals do not allow."""


def check_sizes(table, settled):
    """Raise TooFew where fewer than two animals have what is compared."""
    groups, days = settled["groups"], settled["sessions"]
    if len(groups) == 1 or len(days) == 1:
        only = (groups + days)[0]
        raise TooFew(f"a comparison needs two groups or sessions. Received: {only}")
    for key, wanted in (("group", groups), ("session", days)):
        table = table if wanted else table.assign(**{key: ""})
    animals = table.groupby(["group", "session"])["animal"].agg(set)
    first = days[0] if days else ""
    for group, day in itertools.product(groups or [""], days[1:] or [""]):
        both = animals.get((group, first), set()) & animals.get((group, day), set())
        if len(both) < 2:
            which = f" with both {first} and {day}" if day else ""
            where = f" in {group}" if group else ""
            remedy = (
                "; --sessions names those to compare. Where animals were filmed on "
                "days of their own, write one word for the same session of all, such "
                "as day0 and day3, into the column session"
            ) * bool(day)
            raise TooFew(
                f"a comparison needs two or more animals{which}{where}. "
                f"Received: {len(both)}{remedy}"
            )


def compare(table, settled):
    """Compare what was settled (see `study.settle`), of each score in a table.

    The table has animal, group, session, network_score, and expert_score if known,
    which may be of fewer clips. Dict of "means": {column: {animal: network score}} and
    "expert_means"; "columns": the group of each column; "pairs" of columns that are
    joined; "found": list of dict of "name", "first", "second", "measured", and a result
    of "network" and "expert"; "all" and "trend" of three groups or doses; "healthy",
    "sessions", "groups".
    """
    groups, days = settled["groups"] or [""], settled["sessions"] or [""]
    for key, wanted in (("group", groups), ("session", days)):
        if wanted == [""]:  # not compared
            table = table.assign(**{key: ""})
        table = table[table[key].isin(wanted)]
    labels = {cell: label(*cell) for cell in itertools.product(groups, days)}
    means, found, overall = {}, {}, {}
    for who, column in MEASURED.items():
        if column not in table:
            continue
        own = table.dropna(subset=[column])
        if who == "network":  # experts need not have scored all that is compared
            check_sizes(own, settled)
        is_widened = who == "network" and is_crossed(own.get("training_mean"))
        widen = FOLDED if is_widened else 1.0
        scores = own.groupby(["group", "session", "animal"])[column].mean()
        known = {*scores.index.droplevel(2)}
        none = pd.Series(dtype=float)
        cells = {cell: scores[cell] if cell in known else none for cell in labels}
        means[who] = {labels[c]: own.to_dict() for c, own in cells.items() if len(own)}
        contrasts = [c for c in list_contrasts(cells, groups, days, widen) if c[-1]]
        corrected = correct_holm([result["p"] for *_, result in contrasts])
        for (*told, result), p in zip(contrasts, corrected, strict=True):
            each = found.setdefault(told[0], dict(zip(CONTRAST, told, strict=True)))
            each[who] = result | {"p_holm": p}
        if len(contrasts) == len(found):
            own = own.assign(score=own[column])
            for key, value in find_overall(own, cells, settled, widen).items():
                overall.setdefault(key, {})[who] = value
    return {
        "means": means["network"],
        "columns": {text: group or text for (group, _), text in labels.items()},
        "pairs": [(labels[g, days[0]], labels[g, d]) for g in groups for d in days[1:]],
        **{key: settled[key] for key in ("healthy", "sessions", "groups")},
        **({"expert_means": means["expert"]} if means.get("expert") else {}),
        **overall,
        "found": list(found.values()),
    }


def label(group, day):
    return ", ".join(filter(None, (group, day)))


def list_contrasts(own, groups, days, widen):
    """Compare groups in each session, sessions in each group, and groups' changes, each
    with the first. Yields what `CONTRAST` names, and the result or None.
    """
    reference, start = groups[0], days[0]
    for group in groups[1:]:
        for day in days:
            name = f"{group} - {reference}"
            found = compare_groups(own[reference, day], own[group, day], widen)
            ends = label(reference, day), label(group, day)
            yield f"{day}: {name}" if day else name, *ends, "", found
    for group in groups:
        for day in days[1:]:
            name = f"{day} - {start}"
            found = compare_pairs(own[group, start], own[group, day])
            ends = label(group, start), label(group, day)
            yield f"{group}: {name}" if group else name, *ends, "", found
    for day in days[1:]:
        changes = {g: (own[g, day] - own[g, start]).dropna() for g in groups}
        for group in groups[1:]:
            name = f"{day} - {start}: {group} - {reference}"
            found = compare_groups(changes[reference], changes[group])
            yield name, reference, group, f"changes from {start} to {day}", found


def find_overall(table, own, settled, widen):
    """Compare "all" of three or more groups; find the "trend" over doses or days."""
    found = {}
    if settled["sessions"]:
        if values := read_doses(settled["sessions"]):
            found["trend"] = find_changing(table, values)
    else:
        if len(own) > 2:
            found["all"] = compare_all([v.to_numpy() for v in own.values()], widen)
        if doses := read_doses(settled["groups"]):
            means = pd.concat([own[g, ""] for g in doses], keys=doses)
            every = means.index.get_level_values(0).map(doses).to_numpy()
            found["trend"] = find_trend(every, means.to_numpy(), widen)
    return {key: value for key, value in found.items() if value}
