"""Rows of `data_file.csv` as they are added and changed; the rest of it stays."""

import unicodedata
import warnings

from data import COLUMNS, NUMERIC, OPTIONAL, list_clips, open_table
from system import storage, tables
from system.tables import Table, fold, plain, write_field
from system.terminal import Caution, Problem

BEFORE = "data_file.before.csv"  # the table before the last change


def open_listed(path):
    """Open the table of clips for adding to it: the table, and the clips it lists."""
    if not path.is_file() or not path.read_bytes().strip():
        return Table(path.name, None, [], "."), []
    table = open_table(path.read_bytes(), path.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Caution)  # they come when it is written
        listed = list_clips(table) if table.rows else []
        return table, listed


def back_up(folder):
    """Keep the table of clips as it is, for `undo`."""
    path = storage.table_path(folder)
    if path.is_file():
        with storage.replacing(path.with_name(BEFORE)) as temporary:
            temporary.write_bytes(path.read_bytes())


def undo(folder):
    """Take the last change of the table back, or again; what was done, in words."""
    path = storage.table_path(folder)
    before = path.with_name(BEFORE)
    if not before.is_file():
        raise Problem(f"{before} does not exist, so there is nothing to take back")
    earlier, undone = before.read_bytes(), open_listed(path)[1]
    back_up(folder)
    with storage.replacing(path) as temporary:
        temporary.write_bytes(earlier)
    now, then = ({c.name: c for c in clips} for clips in (undone, open_listed(path)[1]))
    numbers = {
        "taken away": len(now.keys() - then.keys()),
        "brought back": len(then.keys() - now.keys()),
        "changed back": sum(
            now[name] != then[name] for name in now.keys() & then.keys()
        ),
    }
    told = [f"{tables.count(n, 'row')} {what}" for what, n in numbers.items() if n]
    return (
        f"{path}: {', '.join(told) or 'no row changed'}; --undo again takes that back"
    )


def append_clips(folder, clips):
    """Add clips, and columns that only they tell, to the table; those that are listed
    keep their row. Returns how many rows were added."""
    path = storage.table_path(folder)
    table, listed = open_listed(path)
    known = {key_of(clip) for clip in listed}
    new = [clip for clip in clips if key_of(clip) not in known]
    if not new:
        return 0
    told = [c for c in OPTIONAL if any(getattr(clip, c) is not None for clip in new)]
    columns = add_columns(table, told)
    rows = [fields for _, fields in table.rows]
    rows += [list_fields(clip, columns, find_decimal(table)) for clip in new]
    write_rows(path, table, columns, rows)
    return len(new)


def update_clips(folder, changed):
    """Write columns of clips that are listed; all else stays. `changed` pairs each
    Clip, named as it is listed, with the columns that count."""
    path = storage.table_path(folder)
    table, listed = open_listed(path)
    told = {column for _, names in changed for column in names}
    columns = add_columns(table, [c for c in (*COLUMNS, *OPTIONAL) if c in told])
    of_clip, rows = {(c.task, fold(c.name)): (c, n) for c, n in changed}, []
    for (_, fields), row in zip(table.rows, listed, strict=True):
        fields = fields + [""] * (len(columns) - len(fields))
        clip, names = of_clip.get((row.task, fold(row.name)), (row, ()))
        new = list_fields(clip, columns, find_decimal(table))
        for place, column in enumerate(columns):
            if plain(column) in names:
                fields[place] = new[place]
        rows.append(fields)
    write_rows(path, table, columns, rows)


def add_columns(table, told):
    columns = list(table.columns or COLUMNS)
    return columns + [c for c in told if c not in map(plain, columns)]


def find_decimal(table):
    return "," if table.decimal == "," else "."


def write_rows(path, table, columns, rows):
    """Write the rows of a table of clips, if they can be read again."""
    named = table._replace(columns=columns, rows=list(enumerate(rows, start=1)))
    try:
        list_clips(named)  # say, one clip of two videos
    except Problem as problem:
        raise Problem(f"nothing is added to {path}: {problem}") from None
    with_header = table.columns or len(columns) > len(COLUMNS)
    tables.write_table(path, columns if with_header else None, rows, table.delimiter)


def key_of(clip):
    """Take what makes a row unique; a Mac stores umlauts in two pieces."""
    return clip.split, clip.task, unicodedata.normalize("NFC", clip.name)


def list_fields(clip, columns, decimal="."):
    """List the fields of a row, in the order of a table's columns."""
    told = clip._asdict() | {"clip": clip.name}
    fields = [write_field(told.get(plain(column))) for column in columns]
    return [
        text.replace(".", decimal) if plain(column) in NUMERIC else text
        for column, text in zip(columns, fields, strict=True)
    ]
