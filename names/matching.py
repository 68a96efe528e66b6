"""Names that a spreadsheet or a person has altered: which one is meant?

`0001` becomes 1, `3-4` becomes 04-Mar, `1e3` becomes 1000: such names are suggested in
messages, never matched. Differences in ending, capitals, spaces or folder do not
matter; `match_names` is the one way in which tables are matched.
"""

import collections
import difflib
import itertools
import re
import unicodedata
from typing import NamedTuple

from names.dates import MONTH, MONTHS
from system.tables import NUMBER, list_some, parse_number, plain
from system.terminal import caution


def explain_missing(name, known):
    """Explain why a name may not be found: a spreadsheet altered it, or a known one (of
    a thousand at most) with the same numbers is spelled similarly; "" if neither."""
    for read in (read_as_number, read_as_day):
        meant = read(name)
        if meant and (other := next((o for o in known if read(o) == meant), None)):
            told = f"made it of {other!r}: format the column as text and"
            return f"A spreadsheet may have {told} type the name again"
    numbers = re.findall(r"\d+", name)  # c02 is not c01, and M04 not M05
    few = known if len(known) <= 1000 else ()
    forms = {plain(o): o for o in few if re.findall(r"\d+", o) == numbers}
    near = difflib.get_close_matches(plain(name), forms, n=1, cutoff=0.8)
    return f"Is {forms[near[0]]!r} meant?" if near else ""


def explain_first(missing, known):
    """Explain the first of missing names that is near to a known one, "" if none is."""
    for name in sorted(missing)[:20]:
        if told := explain_missing(name, known):
            return f" ({name}: {told})"
    return ""


def read_as_number(name):
    """Read the number, of six digits, that a spreadsheet makes of a name, else None."""
    if not NUMBER.fullmatch(name):
        return None
    return f"{parse_number(name, ',' if ',' in name else '.'):.5e}"


def read_as_day(name):
    """Read the day that a spreadsheet may make of `3-4` or `Mar4`: two numbers in any
    order, else None."""
    words = re.findall(r"\d+|[^\W\d_]+", name.casefold())
    pair = [str(MONTHS.get(word[:3], word)).lstrip("0") for word in words]
    pair = [text for text in pair if not re.fullmatch(r"\d{4}", text)]
    is_day = len(pair) == 2 and all(re.fullmatch(r"\d{1,2}", text) for text in pair)
    return sorted(pair) if is_day and not re.search(r"[^\w\s./-]|_", name) else None


def warn_of_dates(animals, source):
    """Caution of animals that a spreadsheet may have made a date of: `3-4`."""
    date = rf"\d{{4}}-\d\d-\d\d.*|\d\d?\W?{MONTH}|{MONTH}\W?\d\d?"
    date = date.replace("?P<name>", "?:")
    if made := [name for name in animals if name and re.fullmatch(date, name, re.I)]:
        caution(
            f"{source}: animals that are dates: {list_some(dict.fromkeys(made))}. If a "
            "spreadsheet made them of names such as 3-4, format the column as text "
            "and type the names again"
        )


class Match(NamedTuple):
    """What names in a person's table mean among known ones."""

    found: dict  # name in the table -> known name
    missing: list  # names in the table that mean none
    doubtful: list  # sentences on names that may mean several


ENDING = re.compile(r"\.(?:[a-z][a-z0-9]{1,4}|3gp|3g2)$")  # of a file


def list_forms(name, loosest=None):
    """Write a name, without folder, in ever looser forms: as it is; without capitals,
    spare spaces and ending; without spaces, hyphens and underscores, but those that
    keep two numbers apart."""
    stem = ENDING.sub("", plain(name))
    loose = re.sub(r"(?<!\d)[\s_-]+|[\s_-]+(?!\d)", "", stem)
    loose = re.sub(r"[\s_-]+", " ", loose)
    forms = unicodedata.normalize("NFC", name.strip()), stem, loose
    return (*forms, loosest(name)) if loosest else forms


def form_of_animal(name):
    """Bring names of one animal, `Rat 04`, `rat_4`, `RAT4.0`, into one form."""
    form = re.sub(r"(?<=\d)\.0+$", "", plain(name))  # 12.0 is a spreadsheet's 12
    form = re.sub(r"[\W_]+", " ", form)
    form = re.sub(r"(?<!\d) | (?!\d)", "", form)
    return re.sub(r"(?<!\d)0+(?=\d)", "", form)


def split_path(text):
    """Split a path of any system: (folders in the form of `plain`, last name)."""
    *folders, last = [part for part in re.split(r"[/\\]+", text) if part] or [""]
    return [plain(folder) for folder in folders if folder != "."], last


def match_names(given, known, loosest=None):
    """Find out which known names are meant by names, or paths, in a table: a Match.

    Endings, capitals, Unicode forms, spaces and folders may differ. The nearest form
    decides, and where several have it, their folders. `known` are names, or names with
    the paths that each goes by, too; `loosest` brings a name into the form that counts
    where no other fits.
    """
    paths = known if isinstance(known, dict) else dict.fromkeys(known, ())
    index = collections.defaultdict(set)  # (level, form) -> known name, its folders
    for name, aliases in paths.items():
        for alias in (name, *aliases):
            folders, last = split_path(alias)
            own = None if aliases and alias == name else tuple(folders)
            for key in enumerate(list_forms(last, loosest)):
                index[key].add((name, own))
    result, scores = Match({}, [], []), {}
    for text in dict.fromkeys(given):
        fits = find_fits(text, index, loosest)
        best = [name for name, score in fits.items() if score == max(fits.values())]
        if len(best) > 1:
            named = " or ".join(map(repr, sorted(best)[:3]))
            result.doubtful.append(f"{text!r} may mean {named}: give the folder, too")
        elif best:
            result.found[text], scores[text] = best[0], fits[best[0]]
        else:
            result.missing.append(text)
    for texts in find_twice(result.found).values():  # the nearest folders win
        for text in texts:
            if split_path(text)[0] and scores[text] < max(map(scores.get, texts)):
                del result.found[text]
                result.missing.append(text)
    return result


def find_fits(text, index, loosest):
    """Find the known names of the nearest form: {name: how many folders agree}."""
    folders, last = split_path(text)
    for key in enumerate(list_forms(last, loosest)):
        fits = {}
        for name, own in index.get(key, ()):
            if folders and (own is None or (own and folders[-1] != own[-1])):
                continue
            pairs = zip(reversed(folders), reversed(own or ()), strict=False)
            score = len([*itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)])
            score += (len(own or ()) == len(folders)) / 2
            fits[name] = max(score, fits.get(name, 0))
        if fits:
            return fits
    return {}


def find_twice(found):
    """Find the known names that several names in a table mean: dict of str to list."""
    meant = collections.defaultdict(list)
    for text, name in found.items():
        meant[name].append(text)
    return {name: texts for name, texts in meant.items() if len(texts) > 1}
