"""Sessions in the order of time, as their labels tell it, and spelled in one way.

A label is read into a phase (naive, before, during, after, long after), a date, a
duration and numbers. Where labels do not tell an order it is asked for, never guessed.
"""

import csv
import datetime
import re
from collections import Counter
from itertools import groupby, pairwise
from typing import NamedTuple

from names.dates import choose_forms, read_date
from names.labels import simplify, words
from system.terminal import Problem, caution

NAIVE, BEFORE, DURING, AFTER, LATER = range(5)
PRE = ("pre", "before", "prior", "vor", "vorher")
POST = ("post", "after", "afterwards", "nach", "nachher", "danach")
PHASES = {
    **dict.fromkeys(("naive", "habituation"), NAIVE),
    **dict.fromkeys((*PRE, *words("baseline baselines bsl bl base basal")), BEFORE),
    **dict.fromkeys(words("initial intact healthy start beginning"), BEFORE),
    **dict.fromkeys(POST, AFTER),
    **dict.fromkeys(words("later recovery recovered washout followup final"), LATER),
    **dict.fromkeys(words("last end retest retention rehab rehabilitation"), LATER),
    **dict.fromkeys(("erholung", "ende"), LATER),
}
EVENTS = words(  # what "pre" may be written together with; "post" needs no such list
    "op operative surgery surgical lesion stroke injury mcao treatment drug test "
    "training train exposure dose therapy intervention ischemia infusion injection "
    "stim stimulation"
)
NO_PHASE = words("posture postures postural posterior postnatal poster")
UNITS = {  # in days
    "minute": (1 / 1440, "min mins minute minutes"),
    "hour": (1 / 24, "h hr hrs hour hours hpi stunde stunden"),
    "day": (1, "d day days tag tage dpi dpo dps dpl pod"),
    "week": (7, "w wk wks week weeks wpi woche wochen"),
    "month": (30.4, "mo mos month months monat monate"),
    "year": (365.2, "y yr yrs year years jahr jahre"),
}
UNIT_OF = {word: unit for unit, (_, text) in UNITS.items() for word in words(text)}
SIGNED = (*UNIT_OF, "t", "tp", "time", "timepoint", "p")  # D-1 may be a day before D0
ORDINALS = {
    word: number
    for text in (
        "zero one two three four five six seven eight nine ten eleven twelve",
        "zeroth first second third fourth fifth sixth seventh eighth ninth tenth",
    )
    for number, word in enumerate(text.split())
}
STAGED = {  # words for which a kind of number stands
    **dict.fromkeys(("acute", "early"), ("stage", 1.0)),
    **dict.fromkeys(("subacute", "mid", "middle"), ("stage", 2.0)),
    **dict.fromkeys(("late", "chronic"), ("stage", 3.0)),
    **dict.fromkeys(("am", "morning"), ("clock", 9.0)),
    **dict.fromkeys(("pm", "afternoon"), ("clock", 15.0)),
    **{"noon": ("clock", 12.0), "evening": ("clock", 19.0), "night": ("clock", 22.0)},
}
ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x")
SURELY_ROMAN = {"ii", "iii", "iv", "vi", "vii", "viii", "ix"}


class Reading(NamedTuple):
    """What a label means."""

    phase: int
    date: datetime.date | None  # year 1: without a year
    days: float | None  # a duration
    words: tuple  # all that is neither a number nor a date
    numbers: tuple


# ---------------------------------------------------------------- reading a label


def read_label(text, form, context):
    """Read a simplified label, whose dates are of this form.

    `context` holds what only all labels tell: words before numbers that are "signed",
    "events" that "pre" is written together with, whether letters are "roman" numbers.
    """
    date, rest = read_date(text, form)
    tokens = split_tokens(rest, context)
    phases = {PHASES[word] for word in tokens if word in PHASES}
    explicit = {AFTER if w in POST else BEFORE for w in tokens if w in PRE + POST}
    phase = min(phases, default=DURING)
    if BEFORE not in explicit and phases:
        phase = LATER if LATER in phases else max(explicit or {phase})
    days, tokens = take_days(tokens, any(word in PRE for word in tokens))
    numbers = tuple(token for token in tokens if not isinstance(token, str))
    words = tuple(token for token in tokens if isinstance(token, str))
    if not (date or numbers or words):
        words = (text,)  # of signs alone
    return Reading(phase, date, days, words, numbers)


def split_tokens(text, context):
    """Split a label into words and numbers: list of str and float."""
    text = re.sub(r"\b(wash|follow|base)[ _-](out|up|line)\b", r"\1\2", text)
    text = re.sub(
        r"(?<!\d)(\d\d?)(?:[:.](\d\d))?\s*([ap])\.?m\b",
        lambda m: f"{int(m[1]) % 12 + 12 * (m[3] == 'p')}:{m[2] or '00'}",
        text,
    )
    tokens = []
    pattern = r"([-+\u2212]?)(\d+(?:[.,]\d+)?)(?:(?:st|nd|rd|th)(?![^\W\d_]))?"
    for found in re.finditer(pattern + r"|([^\W\d_]+|[+/%&])", text):
        if found[2]:
            before, last = text[: found.start()][-1:], tokens[-1:] or [""]
            is_sign = found[1] == "\u2212" or (
                found[1] == "-"
                and (before in ("", " ", "_", "(") or last[0] in context["signed"])
            )
            number = float(found[2].replace(",", "."))
            tokens.append(-number if is_sign else number)
            continue
        word = found[3]
        if word in ORDINALS or (word in ROMAN and context["roman"]):
            number = ORDINALS[word] if word in ORDINALS else ROMAN.index(word) + 1
            tokens.append(float(number))
        elif word in STAGED:
            tokens += STAGED[word]
        else:
            tokens += split_phase(UNIT_OF.get(word, word), context)
    return tokens


def split_phase(word, context):
    """Split `postlesion` into its phase and what it refers to, `postd` of `postd3` and
    `dpost` of `3dpost` into phase and unit: list of str."""
    if word.startswith("post") and word not in (*PHASES, *NO_PHASE):
        return ["post", UNIT_OF.get(word[4:], word[4:])]
    if word.startswith("pre") and word[3:] in {*context["events"], *UNIT_OF} - {"y"}:
        return ["pre", UNIT_OF.get(word[3:], word[3:])]
    if (found := re.fullmatch("(.+)(pre|post)", word)) and found[1] in UNIT_OF:
        return [UNIT_OF[found[1]], found[2]]
    return [word]


def take_days(tokens, is_before):
    """Take durations out of tokens: days or None, and the tokens with the number gone;
    in `2 weeks pre` it stands before its unit, which makes it a time before."""
    days, left = None, list(tokens)
    for place, token in enumerate(tokens):
        sides = [p for p in (place - 1, place + 1) if 0 <= p < len(tokens)]
        sides = [p for p in sides if isinstance(left[p], float)]
        if token not in UNITS or not sides:
            continue
        is_named = place > 1 and isinstance(tokens[place - 2], str)  # post 1, day 2
        is_postfix = sides[0] < place and not (len(sides) == 2 and is_named)
        at = sides[0] if is_postfix else sides[-1]
        sign = -1 if is_postfix and is_before else 1
        days = (days or 0) + sign * tokens[at] * UNITS[token][0]
        left[at] = None
    return days, [token for token in left if token is not None]


# ---------------------------------------------------------------- reading a table


def read_labels(labels):
    """Read labels in every way that fits all of them: list of {label: Reading}."""
    texts = {label: simplify(label) for label in dict.fromkeys(labels)}
    used = {w for text in texts.values() for w in re.findall(r"[^\W\d_]+", text)}
    hyphened, other = (
        {
            UNIT_OF.get(word, word)
            for text in texts.values()
            for word in re.findall(rf"([^\W\d_]+){between}\d", text)
        }
        for between in ("-", r"[\s_+]*")
    )
    context = {
        "signed": hyphened & other & {*UNITS, *SIGNED},
        "roman": bool(used & SURELY_ROMAN),
        "events": {*EVENTS, *(w[4:] for w in used if w.startswith("post"))} - {""},
    }
    found = []
    for form in choose_forms(texts.values()):
        readings = {k: read_label(text, form, context) for k, text in texts.items()}
        if readings not in found:
            found.append(readings)
    return found


# ---------------------------------------------------------------- order


def sort_readings(readings):
    """Sort readings in time: list of Reading, or None where they tell no order."""
    dates = [reading.date for reading in readings]
    if len(readings) > 1 and all(dates):
        if len({date.year == 1 for date in dates}) > 1:
            return None  # some without a year
        return sort_dates(readings)
    by_phase = {}
    for reading in readings:
        by_phase.setdefault(reading.phase, []).append(reading)
    during = by_phase.get(DURING, [])
    timed = [r for r in during if r.numbers or r.date or r.days is not None]
    past = [r for r in during if min((*r.numbers, r.days or 0), default=0) < 0]
    days = [{r.days for r in by_phase.get(p, []) if r.days} for p in (BEFORE, AFTER)]
    is_within = any(r.words[0] in UNITS for r in readings if r.words and r.days)
    if is_within and days[0] & days[1] and max(days[0]) > min(days[1]):
        return None  # is `day 2 pre` before `day 1 post`?
    if (timed and AFTER in by_phase) or (past and {NAIVE, BEFORE} & by_phase.keys()):
        return None
    ordered = [sort_phase(group) for _, group in sorted(by_phase.items())]
    return None if None in ordered else [r for group in ordered for r in group]


def sort_dates(readings):
    """Sort readings that all have a date; those of one day by what else they tell."""
    days = sorted({reading.date for reading in readings})
    if days[0].year == 1 and (days := turn_year(days)) is None:
        return None
    found = []
    for day in days:
        same = [r._replace(date=None) for r in readings if r.date == day]
        ordered = sort_readings(same) if len(same) > 1 else same
        if ordered is None:
            return None
        found += [reading._replace(date=day) for reading in ordered]
    return found


def turn_year(days):
    """Begin sorted days without a year where the longest time lies between two; None
    where it may be either, as for 1 March and 20 October."""
    gaps = [(b - a).days for a, b in pairwise(days)]
    around = 365 - sum(gaps)
    longest = max(gaps, default=0)
    if longest <= around:
        return days
    if 365 - longest > 92:  # more than three months on both sides of the new year
        return None
    start = gaps.index(longest) + 1
    return days[start:] + days[:start]


def sort_phase(readings):
    """Sort readings of one phase, or None."""
    if len(readings) == 1:
        return readings
    if any(reading.date for reading in readings):
        return sort_readings(readings) if all(r.date for r in readings) else None
    # "post" and then "post 1", "post 2 weeks": what has no number comes first.
    bare = [r for r in readings if not r.numbers and r.days is None]
    if len(bare) == 1 and bare[0].phase != DURING:
        is_short = all(r.words[: len(bare[0].words)] == bare[0].words for r in readings)
        rest = sort_phase([r for r in readings if r is not bare[0]])
        return [*bare, *rest] if is_short and rest else None
    if bare:
        return None
    alike = len({reading.words for reading in readings}) == 1
    days = [reading.days for reading in readings]
    if None in days:
        return sorted(readings, key=lambda r: r.numbers) if alike else None
    kinds = {tuple(w for w in r.words if w not in UNITS) for r in readings}
    is_one_time = len(kinds) == 1 or readings[0].phase == DURING
    if not alike and (len(set(days)) < len(days) or not is_one_time):
        return None
    return sorted(readings, key=lambda r: (r.days, r.numbers))


def name_sessions(labels):
    """Give sessions that are spelled in two ways, `Day 1` and `day01`, one name."""
    known = Counter(label for label in labels if label)
    names = {}
    readings = read_labels(known) if known else []
    alike = readings[0] if len(readings) == 1 else {k: simplify(k) for k in known}
    for _, group in groupby(sorted(known, key=lambda k: repr(alike[k])), alike.get):
        group = sorted(group, key=lambda k: (-known[k], k))
        names |= dict.fromkeys(group, group[0])
        if len(group) > 1:
            caution(f"sessions taken for one: {', '.join(map(repr, group))}")
    return [names.get(label) for label in labels]


def find_order(labels):
    """Find the order of sessions from first to last, or None where labels tell none."""
    labels = list(dict.fromkeys(label for label in labels if label))
    if len(labels) < 2:
        return labels
    orders = []  # lists of groups of equal labels
    for readings in read_labels(labels):
        ordered = sort_readings(list(dict.fromkeys(readings.values())))
        if ordered is None:
            return None
        groups = [sorted(k for k, r in readings.items() if r == o) for o in ordered]
        if groups not in orders:
            orders.append(groups)
    return [one for (one, *_) in orders[0]] if len(orders) == 1 else None


def order_sessions(labels, given=None):
    """Order sessions from first to last: list of str.

    A user may have `given` the order, `pre,post`, also of some sessions only. Raises
    Problem where nothing tells the order, or what is given does not fit.
    """
    labels = list(dict.fromkeys(label for label in labels if label))
    found = find_order(labels) if given is None else read_order(labels, given)
    if found is None:
        raise Problem(
            f"the order of the sessions is not known: {', '.join(sorted(labels))}. "
            f"Give it from first to last, as in --sessions {quote(sorted(labels))}"
        )
    return found


def read_order(labels, given):
    """Read the order that a user gave; see `order_sessions`."""
    wanted = re.split(r"\s*(?:->|→)\s*", given)
    if len(wanted) == 1:
        wanted = next(csv.reader([given], skipinitialspace=True), [])
    found = []
    for name in filter(None, map(str.strip, wanted)):
        meant = [label for label in labels if label == name]
        meant = meant or [k for k in labels if simplify(k) == simplify(name)]
        if not meant and (readings := read_labels([*labels, name])):
            meant = [k for k in labels if readings[0][k] == readings[0][name]]
        if len(meant) != 1:
            shown = ", ".join(sorted(labels))
            raise Problem(f"--sessions: no session {name!r}. Sessions: {shown}")
        found += meant
    if len(found) < 2 or len(set(found)) < len(found):
        raise Problem(
            "--sessions needs two or more sessions, each once, as in --sessions "
            f"{quote(sorted(labels))}. Received: {given}"
        )
    return found


def quote(labels):
    """Write labels as --sessions takes them."""
    text = ",".join(f'"{label}"' if "," in label else label for label in labels)
    return text if re.fullmatch(r"[\w.,:+-]+", text) else f"'{text}'"


def show_order(ordered):
    return " -> ".join(ordered)
