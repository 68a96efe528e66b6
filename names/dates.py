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
YEAR, NN, SEP = r"(?P<y>(?:19|20)\d\d)", r"(\d\d?)", r"(?P<s>[-_./])\s?"
ALONE, END = r"(?<!\d)", r"(?!\d)"
# Of a date the numbers that have no name are in the order that the table decides.
DATES = [
    re.compile(pattern)
    for pattern in (
        rf"{ALONE}{YEAR}{SEP}(?P<m>\d\d?)(?P=s)\s?(?P<d>\d\d?){END}",
        rf"{ALONE}{YEAR}(?P<m>\d\d)(?P<d>\d\d){END}",
        rf"{ALONE}{YEAR}年(?P<m>\d\d?)月(?P<d>\d\d?)日",
        rf"{ALONE}{YEAR}[-_ ]?w(?P<w>\d\d?){END}",
        rf"{ALONE}{NN}{SEP}{NN}(?P=s)\s?{YEAR}{END}",
        rf"{ALONE}(\d\d)(\d\d){YEAR}{END}",
        rf"{ALONE}(?P<d>\d\d?)(?:st|nd|rd|th)?\.?[\s._-]*(?:of )?{MONTH}"
        rf"(?:[\s,._-]*{YEAR}{END}|[-\s]'?(?P<y2>\d\d){END})?",
        rf"{MONTH}[\s._-]*(?P<d>\d\d?)(?:st|nd|rd|th)?{END}"
        rf"(?:[\s,._-]+{YEAR}{END}|,\s*'?(?P<y2>\d\d){END})?",
        rf"{MONTH}[\s._-]*{YEAR}{END}",
        rf"{ALONE}{YEAR}[-_./ ]{MONTH}(?:[-_./ ](?P<d>\d\d?){END})?",
        rf"^{MONTH}$",
        rf"{ALONE}(?P<m>\d\d?)[-_./]{YEAR}{END}",
        rf"{ALONE}{YEAR}[-_./](?P<m>\d\d){END}",
        rf"{ALONE}{NN}{SEP}{NN}(?P=s)\s?(\d\d){END}",
        rf"{ALONE}(\d\d)(\d\d)(\d\d){END}",
        rf"^{NN}(?P<s>[./])\s?{NN}\.?$",
        r"^(\d\d)(?P<s>[-_])(\d\d)$",
    )
]
FORMS = ("dmy", "mdy", "ymd")  # the order of numbers in a date, for a whole table
NO_DATES = "no dates"


def read_date(text, form):
    """Find a date in a simplified label: (date or None, the rest); None: impossible."""
    for pattern in DATES if form != NO_DATES else ():
        if not (found := pattern.search(text)):
            continue
        part = {k: v for k, v in found.groupdict().items() if v and k != "s"}
        given = {k: int(v) for k, v in part.items() if k != "name"}
        named = found.re.groupindex.values()
        bare = [int(g) for i, g in enumerate(found.groups(), 1) if i not in named]
        order = form.replace("y", "") if len(bare) == 2 else form
        given |= dict(zip(order, bare, strict=False))
        if "name" in part:
            given["m"] = MONTHS[part["name"][:3]]
        year = given.get("y", 1)  # 1: none is given
        if "y2" in given or len(bare) == 3:
            year = 2000 + given.get("y2", year)
        try:
            if "w" in given:
                date = datetime.date.fromisocalendar(year, given["w"], 1)
            else:
                is_leap = year == 1 and (given["m"], given.get("d")) == (2, 29)
                day = 28 if is_leap else given.get("d", 1)
                date = datetime.date(year, given["m"], day)
        except ValueError:
            return None
        return date, f"{text[: found.start()]} {text[found.end() :]}"
    return None, text


def choose_forms(texts):
    """Choose the orders of numbers that dates of all these texts may have."""
    fitting, matched = {}, False
    for form in FORMS:
        dates = [read_date(text, form) for text in texts]
        matched |= any(d is None or d[0] for d in dates)
        if None not in dates:
            fitting[form] = [date for date, _ in dates if date]
    if not matched:
        return [NO_DATES]
    if not any(re.search(r"\d[-_./]\s?\d|[^\W\d_]", text) for text in texts):
        fitting = fitting or {NO_DATES: []}  # six digits may be any number
    spans = {f: (max(d) - min(d)).days if d else 0 for f, d in fitting.items()}
    near = [form for form, span in spans.items() if span <= 3 * 366]
    forms = near or list(fitting)
    if any(re.search(r"\d\.\s?\d\d?\.", text) for text in texts) and "dmy" in forms:
        return ["dmy"]  # points are written between day and month
    is_yearless = [re.fullmatch(r"\d\d[-_]\d\d", text) for text in texts]
    if any(is_yearless) and "mdy" in forms:
        return ["mdy"]  # as ISO 8601 has it
    if any(re.fullmatch(r"[1-9]\d?\.\d\d?", text) for text in texts):
        forms = [*forms, NO_DATES]  # 1.5 may be a number
    return forms
