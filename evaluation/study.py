"""A comparison of groups and sessions: what is settled before, and how it is told.

The statistics are those of `groups.py`.
"""

import dataclasses
from pathlib import Path

from evaluation.groups import FOLDED, check_sizes, compare, read_doses
from names import labels as spelling
from names import sessions
from runs import intervals
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
        run = dataclasses.replace(run, target="score")
        healthy = spelling.settle_healthy(run, known, control).control_group
        instead = f"the difference is taken from {known[0]}, the first by name"
        if len(known) < 3 or healthy:
            spelling.ask_healthy(known, healthy, instead)
        found["groups"] = list_groups(table, healthy)
    if by_session:
        found["sessions"] = sessions.order_sessions(table["session"], order)
        if lost := sorted(set(table["session"]) - set(found["sessions"])):
            caution(f"sessions omitted from the comparison: {', '.join(lost)}")
    if by_group and not by_session:
        of_animal = table.groupby("animal")["group"].nunique()
        if both := sorted(of_animal.index[of_animal > 1]):
            raise Problem(
                f"animals of two groups: {', '.join(both)}. Correct the column group, "
                "or compare their sessions with --pair session"
            )
    check_sizes(table, found)
    return found | {"healthy": healthy}


def list_groups(table, healthy):
    """List the groups, the healthy one first; of three or more it must be known."""
    known = spelling.order_groups(table["group"], healthy)
    if doses := read_doses(known):
        known = sorted(known, key=lambda group: (group != healthy, doses[group]))
    elif not healthy and len(known) > 2:
        raise Problem(
            "which group the others are compared with is not known: "
            f"{', '.join(known)}. Name it with --control-group"
        )
    return known


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


# ---------------------------------------------------------------- in words


def format_p(p):
    return f"= {p:.3f}" if p >= 0.001 else "< 0.001"


def format_both(found):
    """Format p, and p corrected for the number of comparisons where it differs."""
    text = f"p {format_p(found['p'])}"
    if found["p_holm"] != found["p"]:
        text += f", corrected by Holm {format_p(found['p_holm'])}"
    return text


def describe_result(each, scores):
    """Write what a comparison found as a sentence for Results."""
    found, first, second = each["network"], each["first"], each["second"]
    (n_first, n_second), (low, high) = found["n"], found["interval"]
    (mean_first, mean_second), difference = found["means"], found["difference"]
    measured = each["measured"] or scores
    one, other = f"{second} (n = {n_second} animals)", f"{first} (n = {n_first})"
    if found["p_holm"] > 0.05:
        text = f"{one} and {other} were not shown to differ in {measured}"
    else:
        size, side = abs(difference), "higher" if difference > 0 else "lower"
        text = f"{one} had {measured} {size:.2f} {side} than {other}"
    effect = "" if found["effect"] is None else f"; Hedges's g = {found['effect']:.2f}"
    text += (
        f": {mean_second:.2f} against {mean_first:.2f}, difference {difference:.2f}, "
        f"95% interval [{low:.2f}, {high:.2f}]{effect}; permutation test "
        f"{format_both(found)}"
    )
    if found["least_p"] > 0.01:
        before = "" if found["p_holm"] == found["p"] else " before correction"
        text += f" (with so few animals p is {found['least_p']:.3f} at least{before})"
    if expert := each.get("expert"):
        low, high = expert["interval"]
        n = " and ".join(map(str, reversed(expert["n"])))
        of = "" if expert["n"] == found["n"] else f" (n = {n})"
        text += (
            f"; by expert scores{of}, difference "
            f"{expert['difference']:.2f} [{low:.2f}, {high:.2f}], {format_both(expert)}"
        )
    return text


def list_results(study):
    """List the sentences for Results."""
    scores = "adjusted network scores" if study.get("adjusted") else "network scores"
    sentences = [describe_result(each, scores) for each in study["found"]]
    if found := study.get("all", {}).get("network"):
        sentences.append(
            f"All {len(found['n'])} groups together: F = {found['f']:.2f}, permutation "
            f"test p {format_p(found['p'])}"
        )
    if found := study.get("trend", {}).get("network"):
        low, high = found["interval"]
        of = "day or number of the session" if study["sessions"] else "unit of the dose"
        sentences.append(
            f"Network scores changed by {found['slope']:.3g} [{low:.3g}, {high:.3g}] "
            f"for each {of}, permutation test p {format_p(found['p'])}"
        )
    return sentences


STATISTICS = (
    "An animal counts with the mean of its clips; intervals are Welch's for groups and "
    "Student's for changes, effect sizes Hedges's g, p values from permutations of "
    "animals, two-sided, and corrected by Holm's method for their number."
)

FOLDS = (
    f"Statistics and intervals of groups were widened by {FOLDED:g}, as networks of "
    "folds learn from each other's animals."
)


def describe_network(run):
    """Describe a network as Methods do: settings, weights by name and digest."""
    made, known = run.extraction or {}, len(run.targets)
    digest = str(made.get("sha256") or "")[:12]
    weights = Path(str(made.get("weights", "unknown"))).name  # never a path
    return (
        f"model {run.model}, trained on {known or 'unknown'} clips; {run.n_frames} "
        f"frames a clip, {made.get('sampling', 'unknown')} sampling; features of "
        f"InceptionV3 with {weights} weights{digest and f' (SHA-256 {digest})'}"
    )


def format_versions():
    return f"Versions: {', '.join(f'{k} {v}' for k, v in list_versions().items())}."


def report_study(table, run, settled, output=None, level=intervals.LEVEL):
    """Compare new videos and draw; the sentences for Results and Methods, in lines."""
    from evaluation import plots
    from reports import style

    study, has_errors = compare(table, settled), intervals.count_animals(run)
    error = "its error on held-out animals is not on record"
    if has_errors:
        error = intervals.describe_errors(run, level)
    lines = [
        f"Results: {'. '.join(list_results(study))}.",
        f"Methods: {len(table)} clips of {table['animal'].nunique()} animals were "
        f"scored by the network {run.name} ({describe_network(run)}; {error}). "
        f"{STATISTICS} {format_versions()}",
    ]
    if output is None:
        return lines
    width = None
    if has_errors:
        n_clips = round(len(table) / sum(map(len, study["means"].values())))
        width, _ = intervals.measure_width(run, max(n_clips, 1), level)
    title = f"new animals, scored by {run.name}"
    level = intervals.format_level(intervals.choose_level(run, level))
    drawn = plots.draw_study(study, title, width, level)
    (picture, _) = style.save(drawn, output.with_name(f"{output.stem}-study"))
    return [*lines, f"written to {picture} and .svg"]
