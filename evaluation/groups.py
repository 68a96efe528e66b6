"""What a study finds: scores of groups of animals, and of sessions, compared.

The animal is the unit: its clips, of a session, count with their mean, so numbers of
clips do not matter and no mixed model is needed. Intervals are Welch's for groups and
Student's for changes; effect sizes are Hedges's g, corrected for few animals (Hedges
1981, Journal of Educational Statistics 6); p comes from permutations of animals, exact
where they can all be listed.
"""

import dataclasses

import numpy as np
from scipy import stats

import data
from evaluation import plots
from names import labels as spelling
from names import sessions
from reports import style
from runs import intervals
from system.terminal import Problem, caution, list_versions

LEVEL = 0.95
MOST_PERMUTATIONS = 100_000  # listed one by one up to here, else drawn


def average(scores, animals, labels):
    """Average scores (N,) over each animal and label: {label: {animal: mean}}."""
    found = {}
    for score, animal, label in zip(scores, animals, labels, strict=True):
        found.setdefault(label, {}).setdefault(animal, []).append(score)
    return {
        label: {animal: float(np.mean(own)) for animal, own in animals.items()}
        for label, animals in found.items()
    }


def compare_groups(first, second):
    """Compare the means of other animals: second minus first.

    Parameters
    ----------
    first, second : dict of str to float
        Score of each animal.

    Returns
    -------
    dict
        "n", "means", "difference" with its 95% "interval", "effect" (Hedges's g), "p".

    Raises
    ------
    Problem
        When a group has fewer than two animals, or an animal is in both.
    """
    if both := sorted(first.keys() & second.keys()):
        raise Problem(f"{', '.join(both)} is in both groups: compare it with --pair")
    x, y = (np.array(list(group.values())) for group in (second, first))
    refuse_few(min(len(x), len(y)), "animals in each group")
    welch = stats.ttest_ind(x, y, equal_var=False)
    pooled = (x.var(ddof=1) * (len(x) - 1) + y.var(ddof=1) * (len(y) - 1)) / (
        len(x) + len(y) - 2
    )
    permuted = stats.permutation_test(
        (x, y),
        lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
        vectorized=True,
        n_resamples=MOST_PERMUTATIONS,
        random_state=0,
    )
    return describe(
        [len(y), len(x)],
        [y.mean(), x.mean()],
        welch.confidence_interval(LEVEL),
        np.sqrt(pooled),
        len(x) + len(y) - 2,
        permuted.pvalue,
    )


def compare_pairs(before, after):
    """Compare two sessions of the same animals: after minus before.

    Animals of one session only are left out. Returns a dict as `compare_groups` does;
    the effect is in standard deviations of the changes.
    """
    animals = [animal for animal in before if animal in after]
    refuse_few(len(animals), "animals with both sessions")
    x, y = (np.array([session[a] for a in animals]) for session in (after, before))
    student = stats.ttest_1samp(x - y, 0)
    permuted = stats.permutation_test(
        (x, y),
        lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=MOST_PERMUTATIONS,
        random_state=0,
    )
    return describe(
        [len(animals)] * 2,
        [y.mean(), x.mean()],
        student.confidence_interval(LEVEL),
        (x - y).std(ddof=1),
        len(animals) - 1,
        permuted.pvalue,
    )


def refuse_few(n, what):
    if n < 2:
        raise Problem(f"a comparison needs two or more {what}. Received: {n}")


def describe(n, means, interval, deviation, freedom, p):
    difference = float(means[1] - means[0])
    corrected = (1 - 3 / (4 * freedom - 1)) if freedom > 1 else 1
    return {
        "n": n,
        "means": [float(mean) for mean in means],
        "difference": difference,
        "interval": [float(interval.low), float(interval.high)],
        "effect": corrected * difference / deviation if deviation > 0 else None,
        "p": float(p),
    }


def describe_result(first, second, found, measured="network scores"):
    """Say what a comparison found, in one sentence for Results."""
    (n_first, n_second), (low, high) = found["n"], found["interval"]
    mean_first, mean_second = found["means"]
    difference = found["difference"]
    if abs(difference) < 0.005:
        how = "the same as"
    else:
        how = f"{abs(difference):.2f} {'higher' if difference > 0 else 'lower'} than"
    effect = "" if found["effect"] is None else f"; Hedges's g = {found['effect']:.2f}"
    return (
        f"{second} (n = {n_second} animals) had {measured} {how} {first} "
        f"(n = {n_first}): {mean_second:.2f} against {mean_first:.2f}, difference "
        f"{difference:.2f}, 95% interval [{low:.2f}, {high:.2f}]{effect}; permutation "
        f"test p {format_p(found['p'])}"
    )


def format_p(p):
    return f"= {p:.3f}" if p >= 0.001 else "< 0.001"


# ---------------------------------------------------------------- a study


def label_clips(names, run, labels):
    """Find animal, group and session of clips, from a table or from their names.

    Returns
    -------
    dict of str to list of str or None
    """
    told = [labels.get(name, {}) for name in names]
    named = list(zip(told, names, strict=True))
    groups = [t.get("group") or data.group_of(n, run.group_pattern) for t, n in named]
    days = [t.get("session") or data.session_of(n) for t, n in named]
    return {
        "animal": [
            t.get("animal") or data.animal_of(n, run.animal_pattern) for t, n in named
        ],
        "group": spelling.name_groups(groups),
        "session": sessions.name_sessions(days),
    }


def settle(names, run, labels, by_group, by_session, control=None, order=None):
    """Settle what is compared with what, before anything is scored.

    Parameters
    ----------
    names : list of str
        Of clips.
    run : record.Run
    labels : dict
        What a table tells of the clips.
    by_group, by_session : bool
    control, order : str, optional
        The healthy group and the order of sessions, as a user gave them.

    Returns
    -------
    dict
        "told", see `label_clips`, by clip; "groups", the healthy one first, and
        "sessions" from first to last, each empty where it is not compared; "healthy".

    Raises
    ------
    Problem
        When clips do not tell what is to be compared, or nothing tells the order.
    """
    told = label_clips(names, run, labels)
    refuse_unlabelled(names, told, by_group, by_session)
    found = {"groups": [], "sessions": [], "healthy": None}
    if by_group:
        known = sorted(set(told["group"]))
        run = dataclasses.replace(run, target="score")
        run = spelling.settle_healthy(run, known, control)
        healthy = found["healthy"] = run.control_group
        if not healthy and len(known) > 2:
            raise Problem(
                f"which group the others are compared with is not known: "
                f"{', '.join(known)}. Name it with --control-group"
            )
        instead = f"the difference is taken from {known[0]}, the first by name"
        spelling.tell_healthy(known, healthy, instead)
        found["groups"] = spelling.order_groups(known, healthy)
    if by_session:
        found["sessions"] = sessions.order_sessions(told["session"], order)
        print(f"sessions: {sessions.show_order(found['sessions'])}")
        if lost := sorted(set(told["session"]) - set(found["sessions"])):
            caution(f"sessions left out of the comparison: {', '.join(lost)}")
    refuse_small(told, found)
    by_clip = zip(*(told[k] for k in ("animal", "group", "session")), strict=True)
    return found | {"told": dict(zip(names, by_clip, strict=True))}


def refuse_unlabelled(names, told, by_group, by_session):
    """Raise Problem where clips do not tell what is to be compared."""
    for wanted, is_wanted in (("group", by_group), ("session", by_session)):
        named = zip(names, told[wanted], strict=True)
        missing = [name for name, label in named if not label]
        if is_wanted and missing:
            raise Problem(
                f"{len(missing)} of {len(names)} clips tell no {wanted}, among them "
                f"{missing[0]}: give a table with the columns clip,{wanted} as --table"
            )


def refuse_small(told, settled):
    """Raise Problem, before anything is scored, where a side has too few animals."""
    columns = (told[k] for k in ("animal", "group", "session"))
    rows = list(zip(*columns, strict=True))
    first, *later = settled["sessions"] or [None]
    for group in settled["groups"] or [None]:
        own = [(a, day) for a, g, day in rows if group in (None, g)]
        if not settled["sessions"]:
            refuse_few(len({a for a, _ in own}), "animals in each group")
        for day in later:
            both = {a for a, d in own if d == first} & {a for a, d in own if d == day}
            refuse_few(len(both), "animals with both sessions")


def compare(table, settled):
    """Compare what is asked for.

    Parameters
    ----------
    table : dict of str to list
        See `new_clips.tabulate`.
    settled : dict
        See `settle`.

    Returns
    -------
    dict
        "means": {column: {animal: score}}; "groups": the group of each column, or None
        where there are none; "pairs" of columns that are joined; "found": list of
        (first, second, what is measured, result of `contrasts`).
    """
    told = [settled["told"][clip] for clip in table["clip"]]
    animals, groups, days = map(list, zip(*told, strict=True))
    scores = table["network_score"]
    if settled["sessions"]:
        groups = groups if settled["groups"] else [""] * len(scores)
        return compare_changes(scores, animals, groups, days, settled)
    means = average(scores, animals, groups)
    means = {name: means[name] for name in settled["groups"] if name in means}
    (first, reference), *later = means.items()
    found = [
        (first, other, "network scores", compare_groups(reference, own))
        for other, own in later
    ]
    return {"means": means, "groups": None, "pairs": [], "found": found}


def compare_changes(scores, animals, groups, days, settled):
    """Compare the first session with each later one, by group, then their changes."""
    first, *later = settled["sessions"]
    means, of_column, pairs, found, changes = {}, {}, [], [], {}
    joined = list(zip(groups, days, strict=True))
    averaged = average(scores, animals, joined)
    for group in settled["groups"] or [""]:
        for day in (first, *later):
            name = f"{group}, {day}" if group else day
            means[name] = averaged.get((group, day), {})
            of_column[name] = group
            if day == first:
                start = name
                continue
            before, after = means[start], means[name]
            pairs.append((start, name))
            found.append((start, name, "network scores", compare_pairs(before, after)))
            changes.setdefault(day, {})[group] = {
                a: after[a] - before[a] for a in before.keys() & after.keys()
            }
    for day, by_group in changes.items():
        reference, *others = by_group
        for other in others:
            measured = f"changes from {first} to {day} that were"
            result = compare_groups(by_group[reference], by_group[other])
            found.append((reference, other, measured, result))
    of_column = of_column if settled["groups"] else None
    return {"means": means, "groups": of_column, "pairs": pairs, "found": found}


def tell_methods(run, n_clips, animals, level):
    """Write the sentence for Methods."""
    made, known = run.extraction, run.targets
    error = "its error on animals held out is not on record"
    if intervals.count_animals(run):
        error = intervals.describe_errors(run, level)
    versions = ", ".join(f"{name} {v}" for name, v in list_versions().items())
    learned = f"{len(known)} clips" if known else "clips that are unknown here"
    return (
        f"{n_clips} clips of {len(set(animals))} animals were scored by the network "
        f"{run.name} (model {run.model}, trained on {learned}; "
        f"{run.n_frames} frames a clip, {made['sampling']} sampling, features of "
        f"InceptionV3 with {made['weights']} weights; {error}). An animal counts with "
        "the mean of its clips; intervals are Welch's for groups and Student's for "
        "changes, effect sizes Hedges's g, p values from permutations of animals, two-"
        f"sided, not corrected for the number of comparisons. Versions: {versions}."
    )


def tell_study(table, run, settled, output=None, level=intervals.LEVEL):
    """Compare, print the sentences for Results and Methods, and draw."""
    study = compare(table, settled)
    animals = [settled["told"][clip][0] for clip in table["clip"]]
    print(
        "Results: "
        + ". ".join(
            describe_result(first, second, found, measured)
            for first, second, measured, found in study["found"]
        )
        + "."
    )
    print("Methods: " + tell_methods(run, len(table["clip"]), animals, level))
    if output is None:
        return
    n_clips = round(len(table["clip"]) / sum(map(len, study["means"].values())))
    width = None
    if intervals.count_animals(run):
        width, _ = intervals.measure_width(run, max(n_clips, 1), level)
    title = f"new animals, scored by {run.name}"
    level = intervals.format_level(intervals.choose_level(run, level))
    drawn = plots.draw_study(
        study["means"],
        study["pairs"],
        title,
        width,
        level,
        study["groups"],
        settled["healthy"],
    )
    (picture, _) = style.save(drawn, output.with_name(f"{output.stem}-study"))
    print(f"written to {picture} and .svg")
