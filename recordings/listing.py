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
        return table, list_clips(table) if table.rows else []


def change_table(folder, changed=(), new=()):
    """Change columns of clips that are listed, and add clips; all else stays.

    `changed` pairs each Clip, named as it is listed, with the columns that count. New
    clips that are listed keep their row. Returns how many rows were added.
    """
    path = storage.table_path(folder)
    table, listed = open_listed(path)
    known = {key_of(clip) for clip in listed}
    new = [clip for clip in new if key_of(clip) not in known]
    if not (changed or new):
        return 0
    told = {column for _, names in changed for column in names}
    told |= {c for c in OPTIONAL if any(getattr(clip, c) is not None for clip in new)}
    columns = list(table.columns or COLUMNS)
    told -= {*map(plain, columns)}
    columns += [c for c in (*COLUMNS, *OPTIONAL) if c in told]
    decimal = "," if table.decimal == "," else "."
    of_clip, rows = {(c.task, fold(c.name)): (c, n) for c, n in changed}, []
    for (_, fields), row in zip(table.rows, listed, strict=True):
        fields = fields + [""] * (len(columns) - len(fields))
        clip, names = of_clip.get((row.task, fold(row.name)), (row, ()))
        for place, text in enumerate(list_fields(clip, columns, decimal)):
            if plain(columns[place]) in names:
                fields[place] = text
        rows.append(fields)
    rows += [list_fields(clip, columns, decimal) for clip in new]
    try:
        list_clips(table._replace(columns=columns, rows=list(enumerate(rows, 1))))
    except Problem as problem:  # say, one clip of two videos
        raise Problem(f"nothing is added to {path}: {problem}") from None
    back_up(path)
    with_header = table.columns or len(columns) > len(COLUMNS)
    tables.write_table(path, columns if with_header else None, rows, table.delimiter)
    return len(new)


def back_up(path):
    """Keep the table of clips as it is, for `undo`."""
    with storage.replacing(path.with_name(BEFORE)) as temporary:
        temporary.write_bytes(path.read_bytes() if path.is_file() else b"")


def undo(folder):
    """Take the last change of the table back, or again; what was done, in words."""
    path = storage.table_path(folder)
    before = path.with_name(BEFORE)
    if not before.is_file():
        raise Problem(f"{before} does not exist, so there is nothing to take back")
    earlier, n_rows = before.read_bytes(), len(open_listed(path)[1])
    back_up(path)
    if earlier:
        with storage.replacing(path) as temporary:
            temporary.write_bytes(earlier)
    else:  # there was none
        path.unlink(missing_ok=True)
    then = tables.count(len(open_listed(path)[1]), "row")
    told = f"{then} as before the last change, in place of {n_rows}"
    return f"{path}: {told}; --undo again takes that back"


def key_of(clip):
    """Take what makes a row unique; a Mac stores umlauts in two pieces."""
    return clip.split, clip.task, unicodedata.normalize("NFC", clip.name)


def list_fields(clip, columns, decimal="."):
    """List the fields of a row, in the order of a table's columns."""
    told, fields = clip._asdict() | {"clip": clip.name}, []
    for column in map(plain, columns):
        text = write_field(told.get(column))
        fields.append(text.replace(".", decimal) if column in NUMERIC else text)
    return fields
