"""Ratings on disk, `data/ratings/<rater>.csv`: one row for each time a clip was seen.

Columns: clip, one for each item, score (empty: cannot be scored), repeat (1: the second
time), seconds, order.
"""

import math
import re
import unicodedata
from pathlib import Path

from data import read_yes
from system.storage import find_name_fault
from system.tables import parse_number, plain, read_table, write_table
from system.terminal import Problem, caution

# What cloud folders and people put behind the name of a file that they copy.
CONFLICT = re.compile(r"conflict|konflikt|copy|kopie|^ ?\(\d+\)$|\.sync-", re.I)
SECONDS = re.compile(r",\d+(\.\d+)?,\d+$")  # ends a row of the page
COLUMNS = ("clip", "score", "repeat", "seconds", "order")


def ratings_path(folder, rater):
    """Tell where a rater's ratings are; refuse a name that cannot stand for a file, or
    that differs from another only in capitals, which some systems take for one."""
    rater = unicodedata.normalize("NFC", rater)
    if fault := find_name_fault(rater):
        raise Problem(f"the rater's name {rater!r} {fault}")
    for other in list_raters(folder):
        if other != rater and other.casefold() == rater.casefold():
            told = f"is rater {rater!r} the same as {other!r}? Write it that way"
            raise Problem(told)
    return Path(folder) / "ratings" / f"{rater}.csv"


def list_raters(folder):
    """Name the raters of a working folder, sorted."""
    return sorted(find_tables(Path(folder) / "ratings"))


def find_tables(folder):
    """Find the tables of raters in a folder, by rater; copies are named."""
    found, copies = {}, []
    tables = Path(folder).glob("[!.~]*.csv")
    for path in sorted(tables, key=lambda path: len(path.stem)):
        rater = unicodedata.normalize("NFC", path.stem)
        original = next((o for o in found if is_copy(path, rater, found[o], o)), None)
        if original:
            copies.append(f"{rater} (of {original})")
        else:
            found[rater] = path
    if copies:
        told = ", ".join(copies)
        caution(
            f"copies of ratings are ignored: {told}. Delete them, or rename a rater"
        )
    return found


def is_copy(path, rater, other_path, other):
    """Tell whether ratings are a copy of another rater's, by their name and content."""
    name = re.sub(r"^(?:kopie von|copy of) ", "", rater, flags=re.I)
    rest = name.removeprefix(other)
    if not name.startswith(other) or (rest[:1].isalnum() and name == rater):
        return False
    if name != rater or CONFLICT.search(rest):
        return True
    own, others = ({*p.read_text(errors="replace").split()} for p in (path, other_path))
    is_timed = any(SECONDS.search(row) for row in own)  # else equal scores are no proof
    return len(own & others) > len(own) / 2 if is_timed else own == others


def write_ratings(path, items, rows):
    """Write the rows of one rater, each a dict, whole or not at all."""
    columns = [COLUMNS[0], *items, *COLUMNS[1:]]
    fields = [[row.get(plain(name)) for name in columns] for row in rows]
    write_table(path, columns, fields)


def read_ratings(path):
    """Read the ratings of one rater: names of the items, and rows as dicts of texts; a
    table that somebody else made needs only the columns clip and score."""
    table, rows, seen = read_table(path, COLUMNS[:2]), [], {}
    for line, row in table.records():
        row = dict.fromkeys(COLUMNS, "") | row
        try:
            row["repeat"] = read_repeat(row["repeat"])
            if row["score"]:
                row["score"] = f"{parse_number(row['score'], table.decimal):.10g}"
            viewing = row["clip"], row["repeat"]
            earlier, score = seen.setdefault(viewing, (line, row["score"]))
            if score != row["score"]:
                raise ValueError(f"{viewing[0]} has another score in line {earlier}")
        except ValueError as error:
            raise Problem(f"{path}:{line}: {error}") from None
        rows.append(row)
    return [name for name in table.columns if plain(name) not in COLUMNS], rows


def read_repeat(text):
    """Read whether a clip was seen for the second time: "1", or "0"."""
    try:
        return str(int(read_yes(text or "no")))
    except ValueError as error:
        raise ValueError(f"repeat {error}") from None


def read_import(path):
    """Read the scores that an import wrote, dict by clip; None where a rater rated."""
    items, rows = read_ratings(path)
    if items or any(row["seconds"] or row["order"] for row in rows):
        return None
    return {clip: score for clip, score in list_scores(rows).items() if score == score}


def list_scores(rows, repeat="0"):
    """List the scores given the first ("0") or second ("1") time, NaN for none."""
    chosen = [row for row in rows if (row["repeat"] or "0") == repeat]
    return {row["clip"]: float(row["score"] or math.nan) for row in chosen}
