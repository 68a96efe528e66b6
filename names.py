"""Names that a spreadsheet or a person has altered: which one is meant?

`0001` becomes 1, `3-4` becomes 04-Mar, `1e3` becomes 1000. What is found here is only
ever said, never taken for the name itself.
"""

import difflib
import itertools
import re

from tables import NUMBER, parse_number, plain

MONTHS = {
    name: number
    for names in (
        "jan feb mar apr may jun jul aug sep oct nov dec",
        "jän feb mrz apl mai jun jul aug sep okt nov dez",
        "ene fév mär avr mag giu lug aoû set out nov déc",
    )
    for number, name in enumerate(names.split(), start=1)
}


def explain_missing(name, known):
    """Say which known name is near to one that is not found, and what altered it.

    Returns a sentence to add to an error, "" where no name is near. A near spelling,
    which takes a millisecond for a hundred known names, is looked for among a thousand.
    """
    if told := explain_altered(name, known):
        return told
    forms = {plain(other): other for other in known if len(known) <= 1000}
    near = difflib.get_close_matches(plain(name), forms, n=1, cutoff=0.8)
    return f"Is {forms[near[0]]!r} meant?" if near else ""


def explain_altered(name, known):
    for read in (read_as_number, read_as_days):
        if meant := read(name):
            for other in known:
                if read(other) & meant:
                    told = f"made it of {other!r}: format the column as text and"
                    return f"A spreadsheet may have {told} type the name again"
    return ""


def explain_first(missing, known):
    """Explain the first of missing names that is near to a known one, "" if none is.

    A name with other numbers is another one: c02 is not c01.
    """
    for name in sorted(missing)[:20]:
        numbers = re.findall(r"\d+", name)
        alike = [other for other in known if re.findall(r"\d+", other) == numbers]
        if told := explain_altered(name, known) or explain_missing(name, alike):
            return f" ({name}: {told})"
    return ""


def read_as_number(name):
    """Read the number that a spreadsheet makes of a name, as a set of one or none.

    Of a long number it shows six digits, so six are compared.
    """
    if not NUMBER.fullmatch(name):
        return set()
    return {f"{parse_number(name, ',' if ',' in name else '.'):.5e}"}


def read_as_days(name):
    """Read the days, (month, day), that a spreadsheet may make of `3-4` or `Mar4`."""
    words = re.findall(r"\d+|[^\W\d_]+", name.casefold())
    if not 2 <= len(words) <= 3 or re.search(r"[^\w\s./-]|_", name):
        return set()
    months = [MONTHS[word[:3]] for word in words if word[:3] in MONTHS]
    numbers = [int(word) for word in words if re.fullmatch(r"[0-9]{1,2}", word)]
    years = [word for word in words if re.fullmatch(r"[0-9]{4}", word)]
    if len(months) + len(numbers) + len(years) < len(words) or len(months) > 1:
        return set()
    if months:
        return {(months[0], day) for day in numbers}
    return {(month, day) for month, day in itertools.permutations(numbers, 2)}
