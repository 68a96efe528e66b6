"""Dates as people write them: `2024-05-28`, `28.05.24`, `05/28/2024`, `May28`.

Whether the day or the month stands first, a table as a whole decides.
"""

import datetime
import re

NAMES = "janfebmaraprmayjunjulaugsepoctnovdec"
MONTHS = {NAMES[i : i + 3]: i // 3 + 1 for i in range(0, 36, 3)} | {"apl": 4}
MONTH = (
    r"(?<![a-z])(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|apl|may|june?|"
    r"july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
    r"(?![a-z])\.?"
)
YEAR, SEP = r"(?P<y>(?:19|20)\d\d)", r"(?P<s>[-_./])"
# What the numbers a, b and c are is for the table to decide.
DATES = [
    re.compile(rf"(?<!\d){pattern}(?!\d)")
    for pattern in (
        rf"{YEAR}{SEP}(?P<m>\d\d?)(?P=s)(?P<d>\d\d?)",
        rf"{YEAR}(?P<m>\d\d)(?P<d>\d\d)",
        rf"(?P<a>\d\d?){SEP}(?P<b>\d\d?)(?P=s){YEAR}",
        rf"(?P<d>\d\d?)[\s._-]*{MONTH}(?:[\s,._-]*{YEAR})?",
        rf"{MONTH}[\s._-]*(?P<d>\d\d?)(?:[\s,._-]+{YEAR})?",
        rf"(?P<a>\d\d?){SEP}(?P<b>\d\d?)(?P=s)(?P<c>\d\d)",
        r"(?P<a>\d\d)(?P<b>\d\d)(?P<c>\d\d)",
        r"^(?P<m>\d\d)[-_](?P<d>\d\d)$",
    )
]
FORMS = ("dmy", "mdy", "ymd")  # the order of numbers in a date, for a whole table
NO_YEAR = 4  # stands for a year that is not given, and has a 29 February
NEAR = 3 * 366  # days that the dates of a study are apart


def read_date(text, form):
    """Find a date, of NO_YEAR where none is given, in a simplified label: (date or
    None, the rest). Raises ValueError where its numbers are no date of this form."""
    found = next(filter(None, (pattern.search(text) for pattern in DATES)), None)
    if not found:
        return None, text
    part = {k: v for k, v in found.groupdict().items() if v}
    order = form if "c" in part else form.replace("y", "")
    part |= {unit: part[k] for k, unit in zip("abc", order, strict=False) if k in part}
    if part.get("s") == "." and form == "mdy":
        raise ValueError(f"{text}: points stand between day and month")
    month = MONTHS[part["name"][:3]] if "name" in part else int(part["m"])
    year = int(part.get("y", NO_YEAR)) + 2000 * ("c" in part)
    date = datetime.date(year, month, int(part["d"]))
    return date, f"{text[: found.start()]} {text[found.end() :]}"


def choose_forms(texts):
    """Choose the orders of numbers that dates of all these texts may have: those in
    which they lie near each other, where there are such."""
    spans = {}
    for form in FORMS:
        try:
            dates = [date for date, _ in (read_date(t, form) for t in texts) if date]
        except ValueError:
            continue
        spans[form] = (max(dates) - min(dates)).days if dates else 0
    return [f for f, span in spans.items() if span <= NEAR] or list(spans)
