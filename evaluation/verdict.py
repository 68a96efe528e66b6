"""The verdict of an evaluation: a label, two sentences, and about twelve figures."""

import itertools
import math
import textwrap

import data
from evaluation.baselines import INFORMED
from evaluation.report_tables import show, show_p
from system.tables import count

BETTER = "BETTER THAN THE BASELINE"
NOT_SHOWN = "NOT SHOWN TO BE BETTER"
NO_BETTER = "NO BETTER THAN THE MEAN"
NO_TEST = "NOT A TEST"
MOST_COMPARED = 6  # shown on the terminal
MEAN = "training mean"


def describe_verdict(result, known=""):
    """Put a result of `evaluate.evaluate` into a label and plain sentences.

    `known` says which clips or animals the network knows, "" for a test. Dict of
    "label", "than" (what the network is not shown to be better than) and "verdict".
    """
    clips, n = result["agreement"]["clips"], result["agreement"]["animals"]["n"]
    if not clips["n"]:
        nothing = "Nothing can be evaluated: no clip has both scores."
        return {"label": NO_TEST, "than": "", "verdict": [nothing]}
    digits = find_digits(result)
    what = " that the network never saw"
    if known:
        what = ", of which the network may know the answers"
    of_score = result["target"] == "score"
    whose = "the expert's" if of_score else "the groups (0, 1)"
    error = f"{clips['mae']['value']:.{digits}f}{' points' if of_score else ''}"
    first = (
        f"On {count(n, 'animal')} ({count(clips['n'], 'clip')}){what}, its scores "
        f"differ from {whose} by {error} on average over clips"
    )
    label, than, second = NOT_SHOWN, "", "There is no baseline to compare with."
    mean = result["baselines"].get(MEAN, {})
    if "reduction" in mean:
        guess = mean["clips"]["mae"]["value"]
        first += f"; always answering the mean training score gives {guess:.{digits}f}"
        label, than, second = compare_baselines(result, digits)
    sentences = [f"{first}.", second]
    if known:
        label, than = NO_TEST, ""
        sentences.insert(0, f"{known[0].upper()}{known[1:]}.")
    return {"label": label, "than": than, "verdict": sentences}


def is_doubtful(result):
    """Check whether a network was not shown to be better than the mean."""
    return result["label"] == NO_BETTER or result["than"] == "the mean"


def compare_baselines(result, digits):
    """Compare with the mean and the best simple method: label, than what, sentence."""
    baselines, n = result["baselines"], result["agreement"]["animals"]["n"]
    reduction, rival = baselines[MEAN]["reduction"], find_rival(baselines)
    found, gain = compare(reduction), show(reduction, digits)
    if round(reduction["value"], digits) <= 0 and found != "better":
        worse = "WORSE" if found == "worse" else "no better"
        text = f"That is {worse} than the mean: the reduction in MAE is {gain}."
        return NO_BETTER, "", text
    if found != "better":
        text = f"With {count(n, 'animal')} it is not shown that this is better than "
        why = reduction.get("reason") or f"the reduction in MAE is {gain}"
        return NOT_SHOWN, "the mean", f"{text}the mean: {why}."
    start = f"That is better than the mean, by {gain}"
    if rival is None:
        return BETTER, "", f"{start}."
    errors = [baselines[name]["clips"]["mae"]["value"] for name in (rival, MEAN)]
    if errors[0] >= errors[1]:
        return BETTER, "", f"{start}; no simple method beats it."
    reduction = baselines[rival]["reduction"]
    method = f"the best simple method ({rival})"
    gain = show(reduction, digits)
    if compare(reduction) == "better":
        return BETTER, "", f"{start}, and than {method}, by {gain}."
    text = f"{start}; it is not shown that it is better than {method}: the reduction "
    return NOT_SHOWN, rival, f"{text}in MAE is {gain}."


def find_digits(result):
    """Find how many decimals errors take, on a scale of 1 as on one of 100."""
    guess = result["baselines"].get(MEAN, {}).get("clips", {}).get("mae")
    found = result["agreement"]["clips"]["mae"], guess or {"value": 0}
    largest = max(figure["value"] or 0 for figure in found)
    return 2 if largest == 0 else min(8, max(2, 1 - math.floor(math.log10(largest))))


def compare(figure):
    """Say whether an interval lies above, below or over 0; None without."""
    if figure["low"] is None:
        return None
    if figure["low"] > 0:
        return "better"
    return "worse" if figure["high"] < 0 else "open"


def find_rival(baselines):
    """Find the best fair baseline but the mean: its name, or None."""
    errors = {
        name: (-each["clips"]["n"], each["clips"]["mae"]["value"])
        for name, each in baselines.items()
        if "reduction" in each and name not in INFORMED and name != MEAN
    }
    best = min(errors, key=errors.get, default=None)
    return best if best and baselines[best]["clips"]["n"] else None


def list_figures(result):
    """List what a reader needs first: texts by name."""
    agreement, digits = result["agreement"], find_digits(result)
    clips, baselines = agreement["clips"], result["baselines"]
    if not clips["n"]:
        return {}
    mae, reason = show(clips["mae"], digits), clips["mae"].get("reason")
    lines = {"MAE over clips": f"{mae} ({reason})" if reason else mae}
    for name in filter(None, (MEAN, find_rival(baselines))):
        if "reduction" in (found := baselines.get(name, {})):
            error = f"{found['clips']['mae']['value']:.{digits}f}"
            gain = show(found["reduction"], digits)
            lines[f"  baseline {name}"] = f"{error}; reduction {gain}"
    centred, p = ", centred" if result["crossed"] else "", result["permutation"]["p"]
    p = "" if p is None else f", one-sided p {show_p(p)}"
    r = show(agreement["animals"]["pearson"], 2)
    lines[f"r over animals{centred}"] = f"{r}{p}"
    if compare(clips["bias"]) in ("better", "worse"):
        side = "high" if clips["bias"]["value"] > 0 else "low"
        lines["bias"] = f"too {side}: {show(clips['bias'], digits)}"
    if inter := result.get("raters", {}).get("inter"):
        apart = inter["mae"]["reason"] if inter["mae"]["value"] is None else ""
        text = f"{show(inter['mae'], 2)} apart on average, ICC {show(inter['icc'], 2)}"
        lines[count(inter["n_raters"], "rater")] = apart or text
    if "comparison" in result:  # which tells groups apart, by session
        lines |= list_comparison(result["comparison"])
    else:
        lines |= list_groups(result)
    worst = [f"{c['clip']} {c['error']:+.{digits}f}" for c in result["worst"][:3]]
    return lines | {"largest errors": ", ".join(worst)}


def list_groups(result):
    """List how scores separate groups, and follow severity: texts by name."""
    lines = {}
    if separation := result.get("separation"):
        area = show(separation["animals"]["auroc"], 2)
        lines["impaired from healthy animals"] = f"AUROC {area}"
    if impaired := result.get("severity", {}).get("impaired"):
        r = impaired["pearson"]
        if r["low"] is not None and r["high"] - r["low"] < 1:  # tells something
            lines["r of impaired alone"] = show(r, 2)
    return lines


def list_comparison(comparison):
    """List differences between groups and sessions: texts by name."""
    lines, found = {}, comparison["found"]
    holm = "Holm " * (len(found) > 1)
    for each in found[:MOST_COMPARED]:
        own, (low, high) = each["network"], each["network"]["interval"]
        text = f"{own['difference']:+.2f} [{low:.2f}, {high:.2f}] {holm}p "
        text += show_p(own["p_holm"])
        if expert := each.get("expert"):
            p = show_p(expert["p_holm"])
            text += f"; expert {expert['difference']:+.2f} Holm p {p}"
        lines[each["name"]] = text
    if (n_more := len(found) - MOST_COMPARED) > 0:
        lines[f"{n_more} more comparisons"] = "in results.txt and the page"
    if trend := comparison.get("trend", {}).get("network"):
        (low, high), p = trend["interval"], show_p(trend["p"])
        lines["trend"] = f"{trend['slope']:+.3g} [{low:.3g}, {high:.3g}] p {p}"
    return lines


def name_split(split, result):
    """Name what was evaluated, where the train rows may be new to a received run."""
    if split == "train" and result["label"] != NO_TEST:
        return "the clips of data_file.csv"
    return f"{split} rows" if split in data.SPLITS else split


def format_verdict(result, run, split):
    """Format the label, the sentences, and the dozen figures: list of lines."""
    how = "cross-validated by animal"
    if split in data.SPLITS:
        how = f"on {name_split(split, result)}"
    than = f" than {result['than']}" if result["than"] else ""
    figures = list_figures(result)
    width = max(map(len, figures), default=0) + 2
    return [
        f"run {run}, {how}: {result['label']}{than}",
        *textwrap.wrap(" ".join(result["verdict"]), 88),
        "",
        *(f"  {name:<{width}}{text}" for name, text in figures.items()),
    ]


def format_tables(sections):
    """Format tables, a dict of list of Section: list of lines."""
    found = []
    for section in itertools.chain(*sections.values()):
        rows = [["", *section.columns], *section.rows]
        rows = [[show(cell) for cell in row] for row in rows]
        widths = [2 + max(map(len, column)) for column in zip(*rows, strict=True)]
        found += ["", section.title]
        for row in rows:
            cells = [c.ljust(width) for c, width in zip(row, widths, strict=True)]
            found.append(f"  {''.join(cells)}".rstrip())
        for note in section.list_notes():
            found += [f"  {line}" for line in textwrap.wrap(note, 84)]
    return found
