"""Sessions in the order of time, as their labels tell it, and spelled in one way.

A label is read into a phase (naive, before, during, after, long after), a date, a
duration and numbers. Where labels do not tell an order for sure it is asked for.
"""

import csv
import datetime
import re
import shlex
from typing import NamedTuple

from names.dates import MONTH, choose_forms, read_date
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
DAYS = {  # of each unit
    "hour": (1 / 24, "h hr hrs hour hours hpi stunde stunden"),
    "day": (1, "d day days tag tage dpi dpo dps dpl pod"),
    "week": (7, "w wk wks week weeks wpi woche wochen"),
    "month": (30.4, "mo mos month months monat monate"),
    "year": (365.2, "y yr yrs year years jahr jahre"),
}
UNITS = {word: unit for unit, (_, text) in DAYS.items() for word in words(text)}
SIGNED = {*DAYS, "t", "tp", "p"}  # D-1 may be a day before D0
HALF_YEAR = 183  # days


class Reading(NamedTuple):
    """What a label means."""

    phase: int
    date: datetime.date | None  # year 1: without a year
    days: float | None  # a duration
    words: tuple  # all that is neither a number nor a date
    numbers: tuple


# ---------------------------------------------------------------- reading labels


def read_labels(labels):
    """Read labels with each order of numbers that their dates may have: a list of
    {label: Reading, or None where it is not read for sure}."""
    texts = {label: simplify(label) for label in dict.fromkeys(labels)}
    hyphened, other = (
        {UNITS.get(w, w) for t in texts.values() for w in re.findall(pattern, t)}
        for pattern in (r"([^\W\d_]+)-\d", r"([^\W\d_]+)[\s_+]*\d")
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
    phases = {PHASES[word] for word in tokens if word in PHASES}
    n_numbers = sum(isinstance(token, int) for token in tokens)
    is_unsure = (
        len(phases) > 1
        or UNSURE.intersection(tokens)
        or re.search(rf"{MONTH}|\d[.,:/]\d|\d{{6}}", rest)  # a decimal, another date
        or (n_numbers > 1 and re.search(r"\d{4}", rest))  # 2024-W50
        or (n_numbers and date and date.year == 1)  # 28 May 24
    )
    days, tokens, is_clear = take_days(tokens)
    if is_unsure or not is_clear:
        return None
    numbers = tuple(token for token in tokens if isinstance(token, int))
    others = tuple(token for token in tokens if isinstance(token, str))
    if not (date or numbers or others):
        others = (text,)  # of signs alone
    return Reading(min(phases, default=DURING), date, days, others, numbers)


def split_tokens(text, signed):
    """Split a label into words and whole numbers: list of str and int."""
    text = re.sub(r"\b(wash|follow|base)[ _-](out|up|line)\b", r"\1\2", text)
    tokens = []
    for found in re.finditer(r"([-+]?)(\d+)|[^\W\d_]+|[+/%&]", text):
        if found[2]:
            before, last = text[: found.start()][-1:], tokens[-1:]
            is_minus = before in ("", " ", "_", "(") or signed.intersection(last)
            tokens.append(int(found[2]) * (-1 if found[1] == "-" and is_minus else 1))
        else:
            tokens += split_word(UNITS.get(found[0], found[0]))
    return tokens


def split_word(word):
    """Split `postlesion` into its phase and what it refers to, `postd` of `postd3` and
    `dpost` of `3dpost` into phase and unit: list of str."""
    if word.startswith("post") and word not in PHASES.keys() | NO_PHASE:
        return ["post", UNITS.get(word[4:], word[4:])]
    if word.startswith("pre") and word[3:] in EVENTS | UNITS.keys() - {"y"}:
        return ["pre", UNITS.get(word[3:], word[3:])]
    if (found := re.fullmatch("(.+)(pre|post)", word)) and found[1] in UNITS:
        return [UNITS[found[1]], found[2]]
    return [word]


def take_days(tokens):
    """Take durations, `3 day` or `day 3`, out of tokens: days or None, the tokens
    without their numbers, and whether each unit has one number beside it at most."""
    days, left, is_clear = None, list(tokens), True
    for place, token in enumerate(tokens):
        sides = [p for p in (place - 1, place + 1) if 0 <= p < len(left)]
        sides = [p for p in sides if isinstance(left[p], int)]
        if token in DAYS and sides:
            is_clear = is_clear and len(sides) == 1
            days = (days or 0) + left[sides[0]] * DAYS[token][0]
            left[sides[0]] = None
    return days, [token for token in left if token is not None], is_clear


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
    during, after = by_phase.get(DURING, []), by_phase.get(AFTER, [])
    timed = [r for r in during if r.numbers or r.date or r.days is not None]
    past = [r for r in during if min((*r.numbers, r.days or 0), default=0) < 0]
    if (timed and after) or (past and {NAIVE, BEFORE} & by_phase.keys()):
        return None
    told = [r.days for r in readings if r.days]
    before = [r.days for r in readings if r.days and PRE.intersection(r.words)]
    if any(days > max(0, min(told)) for days in before):
        return None  # is `day 2 pre` before `day 1 post`, or `day 1 pre`?
    ordered = [sort_phase(group) for _, group in sorted(by_phase.items())]
    return None if None in ordered else [r for group in ordered for r in group]


def sort_dates(readings):
    """Sort readings that all have a date; those of one day by what else they tell. None
    where only some have a year, or none has and the new year may lie between."""
    days = sorted({reading.date for reading in readings})
    if days[0].year == 1 and (days[-1] - days[0]).days > HALF_YEAR:
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
        return sort_readings(readings) if all(r.date for r in readings) else None
    kinds = {tuple(w for w in r.words if w not in DAYS) for r in readings}
    is_one_unit = len({reading.words for reading in readings}) == 1
    days = [reading.days for reading in readings]
    if len(kinds) > 1 or not all(r.numbers or r.days is not None for r in readings):
        return None
    if None in days:
        return sorted(readings, key=lambda r: r.numbers) if is_one_unit else None
    if not is_one_unit and len({*days}) < len(days):
        return None
    return sorted(readings, key=lambda r: (r.days, r.numbers))


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
