"""What `validate.py` says: the verdict in plain words first, then the tables."""

import textwrap

from judging.floors import TOLD
from judging.sections import show
from pages import page

FEW = 15  # animals: with fewer, what is not shown may well be there
MOST_ROWS = 30  # of a table, on the terminal


def tell_verdict(result, is_test):
    """Put a result of `study.judge` into plain sentences (list of str).

    `is_test`: whether the network never saw the animals.
    """
    clips, n = result["agreement"]["clips"], result["agreement"]["animals"]["n"]
    if not clips["n"]:
        return ["Nothing can be judged: no clip has both scores."]
    animals = page.count(n, "animal")
    where = f"{animals} ({page.count(clips['n'], 'clip')})"
    start = f"NOT A TEST, the network may know the answers: on {where}, "
    unit = "of the way from healthy (0) to impaired (1)"
    unit = "points" if result["target"] == "score" else unit
    start = f"On {where} never seen, " if is_test else start
    start += f"off by {clips['mae']['value']:.2f} {unit} on average"
    unsure = f"{animals} are too few to be sure that"
    unsure = unsure if n < FEW else "It is not shown that"
    if mean := result["floors"].get("training mean", {}).get("clips"):
        start += f"; guessing the mean training score, by {mean['mae']['value']:.2f}."
        saved = result["floors"]["training mean"]["saved"]
        told = f"error saved {show(saved, 2)}"
        if clips["r2"]["value"] is not None:
            told += f", R2 over the mean {show(clips['r2'], 2)}"
        verdict = {
            None: "Whether that is better than guessing cannot be told",
            "better": "That is better than guessing",
            "worse": "That is WORSE than guessing",
            "open": f"{unsure} this is better than guessing",
        }[compare(saved)]
        sentences = [start, f"{verdict}: {told}."]
    else:
        sentences = [f"{start}. There is no guess to compare it with."]
    sentences += tell_rival(result["floors"], unsure)
    sentences += tell_bias(clips["bias"])
    if separation := result.get("separation"):
        sentences += tell_separation(separation["animals"]["auroc"], unsure)
    if clips["mae"]["low"] is None and n < FEW:
        sentences.append(
            f"{animals}: too few for any interval, so chance alone may have made these "
            "figures."
        )
    return sentences


def compare(figure, middle=0):
    """Say whether an interval lies above, below or over the middle; None without."""
    if figure["low"] is None:
        return None
    if figure["low"] > middle:
        return "better"
    return "worse" if figure["high"] < middle else "open"


def tell_rival(floors, unsure):
    """Compare with the best of the floors that are told nothing."""
    fair = {
        name: floor
        for name, floor in floors.items()
        if "saved" in floor and name not in TOLD and name != "training mean"
    }
    if not fair:
        return []
    best = min(fair, key=lambda name: fair[name]["clips"]["mae"]["value"])
    saved, error = fair[best]["saved"], fair[best]["clips"]["mae"]["value"]
    if error > floors.get("training mean", fair[best])["clips"]["mae"]["value"]:
        return [f"No simple method beats guessing; the best ({best}): {error:.2f}."]
    words = {
        None: f"The network saves {show(saved, 2)}.",
        "better": f"The network is better, by {show_size(saved)}.",
        "worse": f"The network is WORSE, by {show_size(saved)}.",
        "open": f"{unsure} either is better: the network saves {show(saved, 2)}.",
    }[compare(saved)]
    return [f"The best simple method ({best}) is off by {error:.2f}.", words]


def show_size(figure):
    """Write how far a figure whose interval does not hold 0 lies from it."""
    if figure["low"] is None:
        return ""
    value, *ends = (abs(figure[key]) for key in ("value", "low", "high"))
    return show({"value": value, "low": min(ends), "high": max(ends)}, 2)


def tell_bias(bias):
    if compare(bias) not in ("better", "worse"):
        return []
    side = "high" if bias["value"] > 0 else "low"
    return [f"Scores are too {side} by {show_size(bias)}."]


def tell_separation(area, unsure):
    if area["value"] is None:
        return []
    told = f"impaired from healthy animals: AUROC {show(area, 2)}"
    return [
        {
            None: f"Scores may tell {told}, of too few animals to be sure.",
            "better": f"Scores tell {told}.",
            "worse": f"Scores put the groups the wrong way round; {told}.",
            "open": f"{unsure} scores tell {told}.",
        }[compare(area, 0.5)]
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
