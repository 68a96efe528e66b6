"""Sessions in the order of time, as their labels tell it, and spelled in one way.

A label is read into a phase (naive, before, during, after, long after), a date and
numbers of one kind. Where labels do not tell an order for sure it is asked for.
"""

import csv
import datetime
import re
import shlex
from typing import NamedTuple

from names.dates import MONTH, NO_YEAR, choose_forms, read_date
from names.labels import name_alike, simplify, words
from system.terminal import Problem

NAIVE, BEFORE, DURING, AFTER, LATER = range(5)
PRE = words("pre before vor vorher")
PHASES = {
    **dict.fromkeys(words("naive habituation"), NAIVE),
    **dict.fromkeys(PRE | words("baseline baselines bsl bl base intact"), BEFORE),
    **dict.fromkeys(words("post after nach nachher"), AFTER),
    **dict.fromkeys(words("recovery washout followup retention later"), LATER),
}
UNSURE = words(  # of a time that is not read
    "early mid middle late acute subacute chronic initial final start end beginning "
    "last zero one two three first second third am pm morning noon afternoon evening "
    "night ii iii iv vi vii viii ix"
)
EVENTS = words(  # what "pre" may be written together with; "post" needs no such list
    "op surgery lesion stroke injury mcao ischemia treatment drug therapy training test"
)
NO_PHASE = words("posture postures postural posterior postnatal poster")
UNITS = {  # the longest first
    "year": words("y yr yrs year years jahr jahre"),
    "month": words("mo mos month months monat monate"),
    "week": words("w wk wks week weeks wpi woche wochen"),
    "day": words("d day days tag tage dpi dpo dps dpl pod"),
    "hour": words("h hr hrs hour hours hpi stunde stunden"),
}
UNIT_OF = {word: unit for unit, spelled in UNITS.items() for word in spelled}
SIGNED = {*UNITS, "t", "tp", "p"}  # D-1 may be a day before D0
HALF_YEAR = 183  # days


class Reading(NamedTuple):
    """What a label means."""

    phase: int
    date: datetime.date | None  # of NO_YEAR: without a year
    words: tuple  # all that is neither a number nor a date, units in one spelling
    numbers: tuple

    @property
    def units(self):
        return [word for word in self.words if word in UNITS]


# ---------------------------------------------------------------- reading labels


def read_labels(labels):
    """Read labels with each order of numbers that their dates may have: a list of
    {label: Reading, or None where it is not read for sure}."""
    texts = {label: simplify(label) for label in dict.fromkeys(labels)}
    hyphened, other = (
        {UNIT_OF.get(w, w) for t in texts.values() for w in re.findall(pattern, t)}
        for pattern in (r"([^\W\d_]+) ?- ?\d", r"([^\W\d_]+)(?:_|[^\w-])*\d")
    )
    signed = hyphened & other & SIGNED
    found = []
    for form in choose_forms(texts.values()):
        readings = {k: read_label(text, form, signed) for k, text in texts.items()}
        if readings not in found:
            found.append(readings)
    return found


def read_label(text, form, signed):
    """Read a simplified label, whose date is of this form. `signed`: the words behind
    which a hyphen is a minus."""
    date, rest = read_date(text, form)
    tokens = split_tokens(rest, signed)
    numbers = tuple(token for token in tokens if isinstance(token, int))
    others = tuple(token for token in tokens if isinstance(token, str))
    if not (date or tokens):
        others = (text,)  # of signs alone
    phases = {PHASES[word] for word in others if word in PHASES}
    reading = Reading(min(phases, default=DURING), date, others, numbers)
    is_unsure = (
        len(phases) > 1
        or UNSURE.intersection(others)
        or reading.units != [unit for unit in UNITS if unit in others]  # day 1 week 2
        or 0 < len(reading.units) < len(numbers)  # trial 1 day 2
        or re.search(rf"{MONTH}|\d[.,:/]\d|\d{{6}}", rest)  # a decimal, another date
        or (len(numbers) > 1 and re.search(r"\d{4}", rest))  # 2024-W50
        or (numbers and date and date.year == NO_YEAR)  # 28 May 24
    )
    return None if is_unsure else reading


def split_tokens(text, signed):
    """Split a label into words and whole numbers: list of str and int."""
    text = re.sub(r"\b(wash|follow|base)[ _-](out|up|line)\b", r"\1\2", text)
    tokens = []
    for found in re.finditer(r"(-\s*|\+?)(\d+)|[^\W\d_]+|[+/%&<>]", text):
        if found[2]:
            sign, before = found[1], text[: found.start()][-1:]
            last = tokens[-1] if tokens else ""
            is_hyphen = (
                before.isalnum() or before in {*")]"} or PHASES.get(last) == AFTER
            )
            is_minus = sign == "-" and not is_hyphen
            is_minus |= "-" in sign and last in signed
            tokens.append(int(found[2]) * (-1 if is_minus else 1))
        else:
            tokens += split_word(UNIT_OF.get(found[0], found[0]))
    return tokens


def split_word(word):
    """Split `postlesion` into its phase and what it refers to, `postd` of `postd3` and
    `dpost` of `3dpost` into phase and unit: list of str."""
    if word.startswith("post") and word not in PHASES.keys() | NO_PHASE:
        return ["post", UNIT_OF.get(word[4:], word[4:])]
    if word.startswith("pre") and word[3:] in EVENTS | UNIT_OF.keys() - {"y"}:
        return ["pre", UNIT_OF.get(word[3:], word[3:])]
    if (found := re.fullmatch("(.+)(pre|post)", word)) and found[1] in UNIT_OF:
        return [UNIT_OF[found[1]], found[2]]
    return [word]


# ---------------------------------------------------------------- order


def sort_readings(readings):
    """Sort readings in time: list of Reading, or None where they tell no order."""
    if None in readings:
        return None
    if len(readings) > 1 and all(reading.date for reading in readings):
        return sort_dates(readings)
    by_phase = {}
    for reading in readings:
        by_phase.setdefault(reading.phase, []).append(reading)
    during = by_phase.get(DURING, [])
    timed = [r for r in during if r.numbers or r.date]
    past = [r for r in during if min(r.numbers, default=0) < 0]
    if (timed and AFTER in by_phase) or (past and {NAIVE, BEFORE} & by_phase.keys()):
        return None
    of_time = [r for r in readings if r.units and max(r.numbers, default=0) > 0]
    if len(of_time) > 1 and any(PRE.intersection(r.words) for r in of_time):
        return None  # is `day 2 pre` before `day 1 post`, or `day 1 pre`?
    ordered = [sort_phase(group) for _, group in sorted(by_phase.items())]
    return None if None in ordered else [r for group in ordered for r in group]


def sort_dates(readings):
    """Sort readings that all have a date; those of one day by what else they tell. None
    where only some have a year, or none has and the new year may lie between."""
    days = sorted({reading.date for reading in readings})
    if days[0].year == NO_YEAR and (days[-1] - days[0]).days > HALF_YEAR:
        return None
    found = []
    for day in days:
        same = [r._replace(date=None) for r in readings if r.date == day]
        ordered = sort_readings(same)
        if ordered is None:
            return None
        found += [reading._replace(date=day) for reading in ordered]
    return found


def sort_phase(readings):
    """Sort readings of one phase, or None."""
    if len(readings) == 1:
        return readings
    if any(reading.date for reading in readings):
        return sort_dates(readings) if all(r.date for r in readings) else None
    alike = len({reading.words for reading in readings}) == 1
    is_told = alike and all(reading.numbers for reading in readings)
    return sorted(readings, key=lambda r: r.numbers) if is_told else None


def name_sessions(labels):
    """Give sessions that are spelled in two ways, `Day 1` and `day01`, one name."""
    known = set(filter(None, labels))
    readings = read_labels(known) if known else []
    read = readings[0] if len(readings) == 1 else {}
    return name_alike(labels, lambda one: read.get(one) or simplify(one), "sessions")


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
    known = {simplify(label): label for label in labels}
    names = next(csv.reader([given], skipinitialspace=True), [])
    found = [known.get(simplify(name)) for name in names]
    if None in found or len(found) < 2 or len(set(found)) < len(found):
        raise Problem(
            f"--sessions: expected two or more of {quote(sorted(labels))}, each once. "
            f"Received: {given}"
        )
    return found


def quote(labels):
    """Write labels as --sessions takes them."""
    return shlex.quote(",".join(f'"{k}"' if "," in k else k for k in labels))
