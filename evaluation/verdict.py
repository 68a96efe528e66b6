"""What `validate.py` says: the verdict in plain words first, then the tables."""

import math
import textwrap

from evaluation.baselines import INFORMED
from evaluation.jackknife import MIN_ANIMALS
from evaluation.report_tables import show
from reports import page

FEW = 15  # animals: with fewer, what is not shown may well be there
MOST_ROWS = 30  # of a table, on the terminal


def tell_verdict(result, is_test):
    """Put a result of `evaluate.evaluate` into plain sentences (list of str).

    `is_test`: whether the network never saw the animals.
    """
    clips, n = result["agreement"]["clips"], result["agreement"]["animals"]["n"]
    if not clips["n"]:
        return ["Nothing can be evaluated: no clip has both scores."]
    animals, digits = page.count(n, "animal"), find_digits(result)
    where = f"{animals} ({page.count(clips['n'], 'clip')})"
    start = f"NOT A TEST, the network may know the answers: on {where}, "
    unit = "of the way from healthy (0) to impaired (1)"
    unit = "points" if result["target"] == "score" else unit
    start = f"On {where} never seen, " if is_test else start
    start += f"off by {clips['mae']['value']:.{digits}f} {unit} on average"
    unsure = f"{animals} {'is' if n == 1 else 'are'} too few to be sure that"
    unsure = unsure if n < FEW else "It is not shown that"
    if mean := result["baselines"].get("training mean", {}).get("clips"):
        start += (
            f"; guessing the mean training score, by {mean['mae']['value']:.{digits}f}."
        )
        saved = result["baselines"]["training mean"]["reduction"]
        told = f"error saved {show(saved, digits)}"
        if clips["r2"]["value"] is not None:
            told += f", R2 over the mean {show(clips['r2'], 2)}"
        verdict = tell_guess(saved, unsure, digits)
        sentences = [start, f"{verdict}: {told}."]
    else:
        sentences = [f"{start}. There is no guess to compare it with."]
    sentences += tell_rival(result["baselines"], unsure, digits)
    sentences += tell_bias(clips["bias"], digits)
    if separation := result.get("separation"):
        sentences += tell_separation(separation["animals"]["auroc"], unsure)
    if n < MIN_ANIMALS:
        sentences.append(
            f"{animals}: too few for any interval, so chance alone may have made these "
            "figures."
        )
    elif reason := clips["mae"].get("reason"):
        reason = reason.removeprefix("no interval: ")
        sentences.append(f"The mean error has no interval: {reason}.")
    return sentences


def find_digits(result):
    """Find how many decimals errors take, on a scale of 1 as on one of 100."""
    baseline = result["baselines"].get("training mean", {}).get("clips", {}).get("mae")
    found = result["agreement"]["clips"]["mae"], baseline or {"value": 0}
    largest = max(figure["value"] or 0 for figure in found)
    return 2 if largest == 0 else min(8, max(2, 1 - math.floor(math.log10(largest))))


def tell_guess(saved, unsure, digits):
    """Say whether the network is better than guessing, and never against its sign."""
    found, size = compare(saved), round(saved["value"], digits)
    if found == "better":
        return "That is better than guessing"
    if found == "worse":
        return "That is WORSE than guessing"
    if size == 0:
        return "That is no better than guessing"
    if size < 0:
        known = unsure.replace(" that", " that it is worse on other animals, too")
        known = "of other animals this cannot be told" if found is None else known
        return f"Here that is worse than guessing; {known[0].lower()}{known[1:]}"
    if found is None:
        return "Whether that is better than guessing cannot be told"
    return f"{unsure} this is better than guessing"


def compare(figure, middle=0):
    """Say whether an interval lies above, below or over the middle; None without."""
    if figure["low"] is None:
        return None
    if figure["low"] > middle:
        return "better"
    return "worse" if figure["high"] < middle else "open"


def tell_rival(baselines, unsure, digits=2):
    """Compare with the best of the baselines that are told nothing."""
    fair = {
        name: baseline
        for name, baseline in baselines.items()
        if "reduction" in baseline and name not in INFORMED and name != "training mean"
    }
    most = max((baseline["clips"]["n"] for baseline in fair.values()), default=0)
    fair = {
        k: baseline for k, baseline in fair.items() if baseline["clips"]["n"] == most
    }
    if not most:
        return []
    best = min(fair, key=lambda name: fair[name]["clips"]["mae"]["value"])
    saved, error = fair[best]["reduction"], fair[best]["clips"]["mae"]["value"]
    guess = baselines.get("training mean", {}).get("clips")
    if guess and guess["n"] == most and error >= guess["mae"]["value"]:
        told = f"the best ({best}): {error:.{digits}f}."
        return [f"No simple method beats guessing; {told}"]
    side = "more" if saved["value"] < 0 else "less"
    words = {
        None: f"The network is off by {abs(saved['value']):.{digits}f} {side}.",
        "better": f"The network is better, by {show_size(saved, digits)}.",
        "worse": f"The network is WORSE, by {show_size(saved, digits)}.",
        "open": f"{unsure} either is better: the network saves {show(saved, digits)}.",
    }[compare(saved)]
    return [f"The best simple method ({best}) is off by {error:.{digits}f}.", words]


def show_size(figure, digits):
    """Write how far a figure whose interval does not hold 0 lies from it."""
    if figure["low"] is None:
        return ""
    value, *ends = (abs(figure[key]) for key in ("value", "low", "high"))
    return show({"value": value, "low": min(ends), "high": max(ends)}, digits)


def tell_bias(bias, digits):
    if compare(bias) not in ("better", "worse"):
        return []
    side = "high" if bias["value"] > 0 else "low"
    return [f"Scores are too {side} by {show_size(bias, digits)}."]


def tell_separation(area, unsure):
    if area["value"] is None:
        return []
    told = f"impaired from healthy animals: AUROC {show(area, 2)}"
    found = compare(area, 0.5)
    if found in (None, "open") and area["value"] <= 0.5:
        few = ", of too few animals to be sure" if found is None else ""
        return [f"Here scores do not tell {told}{few}."]
    return [
        {
            None: f"Scores may tell {told}, of too few animals to be sure.",
            "better": f"Scores tell {told}.",
            "worse": f"Scores put the groups the wrong way round; {told}.",
            "open": f"{unsure} scores tell {told}.",
        }[found]
    ]


# ---------------------------------------------------------------- the terminal


def tell(sections):
    """Print tables: dict of list of Section."""
    for section in (each for found in sections.values() for each in found):
        rows = [[show(cell) for cell in row] for row in section.rows]
        lines = [["", *section.columns], *rows]
        widths = [2 + max(map(len, column)) for column in zip(*lines, strict=True)]
        print(f"\n{section.title}")
        for row in lines[: MOST_ROWS + 1]:
            cells = zip(row, [max(26, widths[0]), *widths[1:]], strict=True)
            line = "".join(cell.ljust(width) for cell, width in cells)
            print(f"  {line}".rstrip())
        if len(rows) > MOST_ROWS:
            print(f"  and {len(rows) - MOST_ROWS} more")
        for note in section.list_notes():
            print(textwrap.indent(textwrap.fill(note, 84), "  "))
