"""The answer of a study of new videos: groups and sessions compared, and how told.

What the statistics are, `judging/contrasts.py` says.
"""

import data
import figures
import limits
from console import Problem, list_versions
from judging import conformal, contrast_figures, contrasts


def label_clips(names, record, labels):
    """Find animal, group and session of clips, from a table or from their names.

    Returns
    -------
    dict of str to list of str or None
    """
    animals = record.get("animal_pattern", data.ANIMAL_PATTERN)
    groups = record.get("group_pattern", data.GROUP_PATTERN)
    told = [labels.get(name, {}) for name in names]
    named = list(zip(told, names, strict=True))
    return {
        "animal": [t.get("animal") or data.animal_of(n, animals) for t, n in named],
        "group": [t.get("group") or data.group_of(n, groups) for t, n in named],
        "session": [t.get("session") or data.session_of(n) for t, n in named],
    }


def order_groups(groups, record):
    """Put the healthy group first, the others in the order of their names."""
    healthy = record.get("control_group", "Control")
    return sorted(groups, key=lambda group: (group != healthy, group))


def refuse_unlabelled(names, record, labels, by_group, by_session):
    """Raise Problem where clips do not tell what is to be compared."""
    told = label_clips(names, record, labels)
    for wanted, is_wanted in (("group", by_group), ("session", by_session)):
        named = zip(names, told[wanted], strict=True)
        missing = [name for name, label in named if not label]
        if is_wanted and missing:
            raise Problem(
                f"{len(missing)} of {len(names)} clips tell no {wanted}, among them "
                f"{missing[0]}: give a table with the columns clip,{wanted} as --table"
            )


def compare(table, record, labels, by_group, by_session):
    """Compare what is asked for.

    Parameters
    ----------
    table : dict of str to list
        See `new_clips.tabulate`.
    record : dict
    labels : dict
        See `label_clips`.
    by_group, by_session : bool

    Returns
    -------
    dict
        "means": {column: {animal: score}}; "pairs" of columns that are joined;
        "found": list of (first, second, what is measured, result of `contrasts`).
    """
    scores, animals = table["network_score"], labels["animal"]
    if not by_session:
        means = contrasts.average(scores, animals, labels["group"])
        means = {name: means[name] for name in order_groups(means, record)}
        (first, healthy), *later = means.items()
        found = [
            (first, other, "network scores", contrasts.compare_groups(healthy, own))
            for other, own in later
        ]
        return {"means": means, "pairs": [], "found": found}
    groups = labels["group"] if by_group else ["all animals"] * len(scores)
    return compare_changes(scores, animals, groups, labels["session"], record)


def compare_changes(scores, animals, groups, sessions, record):
    """Compare the first session with each later one, by group, then their changes."""
    first, *later = sorted(set(sessions))
    means, pairs, found, changes = {}, [], [], {}
    joined = list(zip(groups, sessions, strict=True))
    averaged = contrasts.average(scores, animals, joined)
    for group in order_groups(set(groups), record):
        for session in (first, *later):
            name = session if group == "all animals" else f"{group}, {session}"
            means[name] = averaged.get((group, session), {})
            if session == first:
                start = name
                continue
            before, after = means[start], means[name]
            pairs.append((start, name))
            found.append(
                (start, name, "network scores", contrasts.compare_pairs(before, after))
            )
            changes.setdefault(session, {})[group] = {
                a: after[a] - before[a] for a in before.keys() & after.keys()
            }
    for session, by_group in changes.items():
        names = order_groups(by_group, record)
        for other in names[1:]:
            measured = f"changes from {first} to {session} that were"
            result = contrasts.compare_groups(by_group[names[0]], by_group[other])
            found.append((names[0], other, measured, result))
    return {"means": means, "pairs": pairs, "found": found}


def tell_methods(record, n_clips, animals, level):
    """Write the sentence for Methods."""
    made = record["extraction"]
    known = {**(record["train_clips"] or {}), **record.get("watched_clips", {})}
    error = "its error on animals held out is not on record"
    if not limits.explain_silence(record):
        error = limits.describe_errors(record, level)
    versions = ", ".join(f"{name} {v}" for name, v in list_versions().items())
    learned = f"{len(known)} clips" if known else "clips that are unknown here"
    return (
        f"{n_clips} clips of {len(set(animals))} animals were scored by the network "
        f"{record['run']} (model {record['model']}, trained on {learned}; "
        f"{record['n_frames']} frames a clip, {made['sampling']} sampling, features of "
        f"InceptionV3 with {made['weights']} weights; {error}). An animal counts with "
        "the mean of its clips; intervals are Welch's for groups and Student's for "
        "changes, effect sizes Hedges's g, p values from permutations of animals, two-"
        f"sided, not corrected for the number of comparisons. Versions: {versions}."
    )


def tell_study(
    table, record, labels, by_group, by_session, output=None, level=conformal.LEVEL
):
    """Compare, print the sentences for Results and Methods, and draw."""
    told = label_clips(table["clip"], record, labels)
    study = compare(table, record, told, by_group, by_session)
    print(
        "Results: "
        + ". ".join(
            contrasts.tell(first, second, found, measured)
            for first, second, measured, found in study["found"]
        )
        + "."
    )
    print("Methods: " + tell_methods(record, len(table["clip"]), told["animal"], level))
    if output is None:
        return
    n_clips = round(len(table["clip"]) / sum(map(len, study["means"].values())))
    silent = limits.explain_silence(record)
    width = None
    if not silent:
        width, _ = limits.measure_width(record, max(n_clips, 1), level)
    title = f"new animals, scored by {record['run']}"
    level = limits.show_level(limits.choose_level(record, level))
    drawn = contrast_figures.draw_study(
        study["means"], study["pairs"], title, width, level
    )
    (picture, _) = figures.save(drawn, output.with_name(f"{output.stem}-study"))
    print(f"written to {picture} and .svg")
