"""What a rater may say of a clip: one scale, or items whose sum is the score."""

import math
from typing import NamedTuple

from rating.ratings import COLUMNS
from system.tables import parse_number, plain, read_table
from system.terminal import Problem

MAX_STEPS = 1000


class Item(NamedTuple):
    """One question about a clip."""

    name: str
    values: tuple[float, ...]  # that may be chosen, rising
    text: str = ""  # what the values mean, shown beside the question


def parse_scale(text):
    """Read `0:5:0.5`, first and last value and step (1 where it is missing).

    Returns the values as a tuple, or raises ValueError.
    """
    first, last, step = [parse_number(part) for part in [*text.split(":"), "1"][:3]]
    n_steps = (last - first) / step if step > 0 else 0
    if not 1 <= n_steps <= MAX_STEPS or abs(n_steps - round(n_steps)) > 1e-6:
        raise ValueError(f"no steps of {step:g} from {first:g} to {last:g}")
    digits = 2 - math.floor(math.log10(step))  # so that 0.1 + 0.2 is 0.3
    return tuple(round(first + i * step, digits) for i in range(round(n_steps) + 1))


def describe_anchors(text, values):
    """Read `0=normal,5=cannot reach`; the words that stand beside the question.

    Raises ValueError where a value is not on the scale.
    """
    anchors = []
    for part in text.split(","):
        value, sign, meaning = part.partition("=")
        if not (sign and meaning.strip() and parse_number(value.strip()) in values):
            raise ValueError(f"expected VALUE=MEANING of the scale. Received: {part!r}")
        anchors.append(f"{value.strip()}: {meaning.strip()}")
    return " · ".join(anchors)


def read_items(path):
    """Read a table of `item,scale` and, if wanted, `text`, as a list of Item."""
    items, problems, taken = [], [], {*COLUMNS, ""}
    for line, record in read_table(path, ("item", "scale")).records():
        name = record["item"]
        try:
            if plain(name) in taken:
                raise ValueError(f"the name {name!r} is taken or empty")
            values = parse_scale(record["scale"])
            items.append(Item(name, values, record.get("text", "")))
        except ValueError as error:
            problems.append(f"{path}:{line}: expected say Grasp,0:1:0.5. {error}")
        taken.add(plain(name))
    if problems or not items:
        raise Problem("\n".join(problems) or f"{path} lists no item")
    return items
