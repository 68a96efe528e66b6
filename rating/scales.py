"""What a rater may say of a clip: one scale, or items whose sum is the score."""

import itertools
import math
from typing import NamedTuple

from rating.ratings import COLUMNS
from system.tables import count, list_some, parse_number, plain, read_table
from system.terminal import Problem, caution

MAX_STEPS = 1000
SHARED = 5  # clips that raters must have in common to be compared
COPIED = 10  # clips scored alike that may be no chance
OTHER_SCALE = 1.6  # times as wide, where two raters agree on which clips are worse
OTHER_THING = 2.0  # times as wide, where they do not
TURNED = -0.5  # correlation
FAR, RARE = 5.0, 0.05  # times as far as the others are wide; of so few scores
BEYOND = 100.0  # the same of any number of scores
CODES = {int(digit * n) for digit in "789" for n in range(1, 5)}
CODES |= {-code for code in CODES} | {-1}  # for a missing score


class Item(NamedTuple):
    """One question about a clip."""

    name: str
    values: tuple[float, ...]  # that may be chosen, rising
    text: str = ""  # what the values mean, shown beside the question


def parse_scale(text):
    """Read `0:5:0.5`, first and last value and step, by default 1: the values."""
    first, last, step = [parse_number(part) for part in [*text.split(":"), "1"][:3]]
    n_steps = (last - first) / step if step > 0 else 0
    if not 1 <= n_steps <= MAX_STEPS or abs(n_steps - round(n_steps)) > 1e-6:
        raise ValueError(f"no steps of {step:g} from {first:g} to {last:g}")
    digits = 2 - math.floor(math.log10(step))  # so that 0.1 + 0.2 is 0.3
    return tuple(round(first + i * step, digits) for i in range(round(n_steps) + 1))


def describe_anchors(text, values):
    """Read `0=normal,5=cannot reach`; the words that stand beside the question."""
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


def find_far(scores):
    """List scores, a third at most, that stand apart and may be slips.

    A slip is further from the others than these span, and a code for a missing score,
    or a whole number from 10 on where others have decimals, or one of so few or so far
    away that they are of no animal: scores of impaired animals stand apart, too.
    """
    scores, far = sorted(scores), []
    while len({*scores}) > 3:
        gaps = [after - before for before, after in itertools.pairwise(scores)]
        place = gaps.index(max(gaps)) + 1
        few, most = sorted([scores[:place], scores[place:]], key=len)
        times = max(gaps) / max(most[-1] - most[0], 1e-9)
        is_apart = times > 1 and len({*most}) > 2
        are_whole = [all(score == round(score) for score in s) for s in (few, most)]
        has_lost_sign = few[0] >= 10 and are_whole == [True, False]
        is_rare = len(few) <= max(1, len(scores) * RARE)
        is_beyond = times > (FAR if is_rare else BEYOND)
        is_slip = has_lost_sign or {*few} <= CODES or is_beyond
        if not (is_apart and is_slip) or len(few) > len(scores) / 3:
            break
        far, scores = [*far, *few], most
    return far


def warn_of_far(scores, whose, remedy=""):
    """Caution of scores, by clip, far outside the others; see `find_far`."""
    far, below = {*find_far(scores.values())}, [s for s in scores.values() if s < 0]
    if len(below) <= max(1, len(scores) * RARE):
        far |= {*below}
    if named := [f"{clip} {score:g}" for clip, score in scores.items() if score in far]:
        told = f"{count(len(named), 'score')} of {whose} far outside the others"
        caution(
            f"{told}: {list_some(named)}. Is it a code for a missing score or a date, "
            f"or is a decimal sign lost?{remedy}"
        )


def warn_of_scales(table):
    """Caution of raters (columns of a table) with another scale, direction or level, or
    with the very same scores."""
    for one, other in itertools.combinations(table.columns, 2):
        both = table[[one, other]].dropna()
        spreads, shared = both.max() - both.min(), count(len(both), "clip")
        if len(both) < SHARED or not all(spreads):
            continue
        if len(both) >= COPIED and both[one].equals(both[other]):
            caution(
                f"{one} and {other} gave the same score to each of the {shared} that "
                "both scored: is one a copy of the other?"
            )
        r, times = both[one].corr(both[other]), spreads.max() / spreads.min()
        if r < TURNED:
            caution(
                f"{other} scores low where {one} scores high (r = {r:.2f} on "
                f"{shared}): is one scale turned?"
            )
        elif times > (OTHER_SCALE if r > -TURNED else OTHER_THING):
            ranges = [f"{k} from {both[k].min():g} to {both[k].max():g}" for k in both]
            caution(
                f"{' and '.join(ranges)} on the same {shared} (r = {r:.2f}): another "
                "scale, or another column? Bring them to one"
            )
        n_one, n_other = table[one].count(), table[other].count()
        shift = both[other].mean() - both[one].mean()
        if min(n_one, n_other) < 0.75 * len(table) and abs(shift) > spreads.min() / 10:
            caution(
                f"{other} scores {shift:+.2f} against {one} on clips of both, and they "
                f"scored {n_other} and {n_one} of {len(table)}: clips that one of them "
                "scored alone are shifted by that in the mean. --join adjusted removes "
                "it"
            )
