"""A comparison of groups and sessions: what is settled before, and how it is told.

The statistics are those of `groups.py`.
"""

from pathlib import Path

from evaluation.groups import check_sizes, compare, read_doses
from names import labels, sessions
from reports import page, style
from runs import intervals
from system.tables import count, list_some
from system.terminal import Problem, caution, list_versions


def settle(table, run, by_group, by_session, control=None, order=None):
    """Settle what is compared with what, before anything is scored.

    Of a table with clip, group and session. Dict of "groups", the healthy one first,
    and "sessions" from first to last, each empty where not compared; "healthy".
    """
    check_labels(table, by_group, by_session)
    healthy, found = None, {"groups": [], "sessions": []}
    if by_group:
        known = sorted(set(table["group"]))
        healthy = labels.find_healthy(known, control, run.control_group)
        instead = f"the difference is taken from {known[0]}, the first by name"
        if len(known) < 3 or healthy:
            labels.ask_healthy(known, healthy, instead)
        found["groups"] = list_groups(table, healthy)
    if by_session:
        days = found["sessions"] = sessions.order_sessions(table["session"], order)
        lost = table[~table["session"].isin(days)]
        for day, own in lost.groupby("session"):
            animals = list_some(sorted(set(own["animal"])))
            clips = f"{count(len(own), 'clip')} of {animals}"
            caution(f"session {day} is omitted from the comparison: {clips}")
    elif by_group:
        check_sessions(table)
    check_sizes(table, found)
    return found | {"healthy": healthy}


def list_groups(table, healthy):
    """List the groups, the healthy one first; of three or more it must be known."""
    known = labels.order_groups(table["group"], healthy)
    if doses := read_doses(known):
        return sorted(known, key=lambda group: (group != healthy, doses[group]))
    if not healthy and len(known) > 2:
        raise Problem(
            "which group the others are compared with is not known: "
            f"{', '.join(known)}. Name it with --control-group"
        )
    return known


def check_sessions(table):
    """Refuse animals of two groups; caution where several sessions are averaged."""
    of_animal = table.groupby("animal")
    n_groups = of_animal["group"].nunique()
    if both := sorted(n_groups.index[n_groups > 1]):
        raise Problem(
            f"animals of two groups: {', '.join(both)}. Correct the column group, "
            "or compare their sessions with --pair session"
        )
    days = table["session"][of_animal["session"].transform("nunique") > 1]
    if known := sorted({day for day in days if day}):
        caution(
            "the groups are compared by the mean of each animal over its sessions: "
            f"{', '.join(sessions.find_order(known) or known)}. --pair session "
            "compares them in each session, and their changes"
        )


def check_labels(table, by_group, by_session):
    """Raise Problem where clips lack the labels that are to be compared."""
    for wanted, is_wanted in (("group", by_group), ("session", by_session)):
        missing = table["clip"][table[wanted].isna() | (table[wanted] == "")]
        if is_wanted and len(missing):
            raise Problem(
                f"{len(missing)} of {len(table)} clips have no {wanted}, among them "
                f"{missing.iloc[0]}: for clips of data_file.csv, fill in its column "
                f"{wanted}; for new videos, give a table with the columns animal,"
                f"{wanted} as --animals, or clip,{wanted} as --table"
            )


def describe_network(run, networks=()):
    """Describe a network as Methods do: settings, weights by name and digest.

    Of several, `networks` are the numbers of clips that they were trained on.
    """
    made, sizes = run.extraction or {}, networks or [len(run.targets)]
    known = " to ".join(dict.fromkeys((str(min(sizes)), str(max(sizes)))))
    known = "unknown" if run.is_published else known
    digest = str(made.get("sha256") or "")[:12]
    weights = Path(str(made.get("weights", "unknown"))).name  # never a path
    return (
        f"model {run.model}, {'each ' * (len(sizes) > 1)}trained on {known} clips; "
        f"{run.n_frames} frames a clip, {made.get('sampling', 'unknown')} sampling; "
        f"features of InceptionV3 with {weights} weights"
        f"{digest and f', SHA-256 {digest}'}"
    )


def report_study(table, run, settled, output=None, level=intervals.LEVEL):
    """Compare new videos and draw; the sentences for Results and Methods, in lines."""
    from evaluation import plots

    study, width = compare(table, settled), None
    error = "its error on held-out animals is not on record"
    if intervals.count_animals(run):
        error = intervals.describe_errors(run, level)
        n_clips = round(len(table) / sum(map(len, study["means"].values())))
        width, _ = intervals.measure_width(run, max(n_clips, 1), level)
    is_doubtful = bool(intervals.explain_no_skill(run))
    results = page.render(
        "results.txt", result=None, study=study, is_doubtful=is_doubtful
    ).split("\n")
    methods = page.render(
        "new_animals.txt",
        n_clips=len(table),
        n_animals=table["animal"].nunique(),
        run=run.name,
        network=describe_network(run),
        error=error,
        known=list_versions(),
    )
    lines = [f"Results: {' '.join(results).strip()}", f"Methods: {methods}"]
    if output is None:
        return lines
    title = f"new animals, scored by {run.name}"
    level = intervals.format_level(intervals.choose_level(run, level))
    drawn = plots.draw_study(study, title, width, level)
    (picture, _) = style.save(drawn, output.with_name(f"{output.stem}-study"))
    return [*lines, f"written to {picture} and .svg"]
