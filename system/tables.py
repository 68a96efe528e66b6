"""Tables that people made: CSV of every dialect and Excel workbooks, read strictly.

    table = read_table("lesions.csv", ("animal", "value"))
    for line, record in table.records():
        parse_number(record["value"], table.decimal)

What a table means is either certain or refused with its line and the remedy.
"""

import collections
import contextlib
import csv
import io
import math
import re
import unicodedata
from pathlib import Path
from typing import NamedTuple

from system import workbooks
from system.storage import replacing
from system.terminal import Problem, caution

MAX_BYTES = 2**26
MAX_ABOVE = 50  # lines that may stand above the header line
N_SNIFFED = 200  # rows that decide on the delimiter
DELIMITERS = ";\t,"
LINE_END = re.compile(r"\r{0,2}\n|\r")  # the authors' own copy ends lines with \r\r\n
NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)  # or three decimals
FORMULA = re.compile(r"'*[=+\-@\t\r]")
# Letters and signs of Western Europe; other bytes say that the text is not of there.
WESTERN = re.compile(r"[\0-\x7f\xc0-\xd6\xd8-\xf6\xf8-\xff°²³µ€–ŠšŽžŒœŸ]*")


class Table(NamedTuple):
    """What a file holds. `columns` is None where no line names the wanted ones."""

    source: str
    columns: list[str] | None
    rows: list[tuple[int, list[str]]]  # line or row number, fields; none are blank
    decimal: str  # ".", "," or, where numbers of both kinds stand there, "?"
    above: tuple[tuple[int, list[str]], ...] = ()  # above the header line
    delimiter: str = ","
    wanted: tuple[str, ...] = ()

    def records(self):
        """Pair each row with the `plain` names of the columns: list of (line, dict).

        A field that a row lacks is "". Raises Problem where no line names the wanted
        columns, or with the rows that are longer than the header line.
        """
        if self.columns is None:
            wanted = {plain(name) for name in self.wanted}
            line, fields = max(
                self.rows[:MAX_ABOVE],
                key=lambda row: len(wanted & {*map(plain, row[1])}),
                default=(1, ["nothing"]),
            )
            raise Problem(
                f"{self.source} has no header line with the {name_columns(self.wanted)}"
                f". Line {line} is {shorten(', '.join(fields), 120)}"
            )
        names = [plain(name) for name in self.columns]
        refuse_long(self.source, len(names), self.rows)
        blank = dict.fromkeys(names, "")
        pairs = [(line, zip(names, row, strict=False)) for line, row in self.rows]
        return [(line, blank | dict(fields)) for line, fields in pairs]


def refuse_long(source, n_fields, rows):
    """Raise Problem where rows, (line, fields), are longer than the header line."""
    long = [(line, fields) for line, fields in rows if len(fields) > n_fields]
    if long:
        (line, fields), *others = long
        lines = f", also in line {list_some(n for n, _ in others)}" if others else ""
        raise Problem(
            f"{source}:{line}: expected {n_fields} fields, as above. Received: "
            f"{len(fields)}{lines}. Is there a delimiter in one, or a decimal comma "
            "between commas? Save the table with semicolons, or as .xlsx"
        )


def summarise(problems, most=20):
    """Join problems, one a line, the first `most` in full."""
    more = [f"... and {len(problems) - most} more lines"] * (len(problems) > most)
    return "\n".join([*problems[:most], *more])


def count(n, noun, plural=None):
    """Write a number of things: 1 clip, 2 clips."""
    return f"{n} {noun if n == 1 else plural or noun + 's'}"


def name_columns(names):
    return f"{'column' if len(names) == 1 else 'columns'} {', '.join(names)}"


def list_some(names, most=5):
    """List the first of some names, and how many more there are."""
    names = list(map(str, names))
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def read_table(path, wanted=(), sheet=None, optional=None):
    """Read a table from a CSV file of any dialect, or from an Excel workbook.

    The first line that holds all `wanted` columns, in any order and case, is the header
    line; a table without one is taken to hold them in this order. `sheet` names one of
    several in a workbook, "" where it may be asked for. Of these and the `optional`
    columns, by default all others, no two may have one name. Raises Problem when the
    file is missing or no table, or its delimiter, encoding or sheet is not certain.
    """
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise Problem(f"{path} {what}. Expected a table, .csv or .xlsx")
    if path.name.startswith("~$"):
        raise Problem(f"{path} is Excel's lock file. Give {path.name[2:]}")
    if path.suffix.lower() in (".xls", ".ods", ".numbers"):
        raise Problem(f"{path}: not readable. Save it as .xlsx or 'CSV UTF-8'")
    if path.stat().st_size > MAX_BYTES:
        raise Problem(f"{path} is larger than {MAX_BYTES >> 20} MiB: no table of clips")
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        rows = read_workbook(path, wanted, sheet)
        return make_table(path.name, rows, wanted, ",", optional)
    return parse_table(path.read_bytes(), path.name, wanted, optional)


def parse_table(content, source, wanted=(), optional=None):
    """Parse the bytes of a CSV file; see `read_table`."""
    text = LINE_END.sub("\n", decode(content, source))
    told = re.match(r"sep=(.)\n", text)  # as Excel writes and reads it
    text = text[len(told[0]) - 1 :] if told else text
    delimiter = told[1] if told else sniff(text, source, wanted)
    rows = list(split_rows(text, delimiter, source))
    trimmed = [(line, trim(fields)) for line, fields in rows]
    table = make_table(source, trimmed, wanted, delimiter, optional)
    if table.columns and delimiter == ",":
        # `a,2,5,` under `clip,score,comment` is too long before its end is trimmed.
        (_, header), *others = rows[len(rows) - len(table.rows) - 1 :]
        refuse_long(source, len(header), others)
    return table


def make_table(source, rows, wanted, delimiter, optional=None):
    """Find the header line and set apart what stands above it."""
    decimal, names = find_decimal(rows, delimiter), {plain(name) for name in wanted}
    table = Table(source, None, rows, decimal, (), delimiter, tuple(wanted))
    for place, (line, fields) in enumerate(rows[:MAX_ABOVE] if wanted else ()):
        there = [plain(field) for field in fields]
        if names <= {*there}:
            read = {*there} - {""} if optional is None else names | {*optional}
            if twice := sorted(name for name in read if there.count(name) > 1):
                told = f"two columns are called {twice[0]!r}. Rename or delete one"
                raise Problem(f"{source}:{line}: {told}")
            above = tuple(rows[:place])
            return table._replace(columns=fields, rows=rows[place + 1 :], above=above)
    return table


def fold(text):
    """Bring a name into the form that some file systems take for the same name."""
    return unicodedata.normalize("NFKC", text).casefold()


def plain(text):
    """Bring a column's name into the form in which names are compared."""
    return " ".join(fold(text).split())


# ---------------------------------------------------------------- text


def decode(content, source):
    """Decode UTF-8, UTF-16 and, with a caution, what Western European Windows saves."""
    is_wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    encoding = "utf-16" if is_wide else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        content, start = error.object, error.start  # without a byte-order mark
    line = len(LINE_END.split(content[:start].decode(encoding, errors="replace")))
    text = content.decode("cp1252", errors="replace")
    if encoding != "utf-8-sig" or not WESTERN.fullmatch(text):
        raise Problem(
            f"{source}:{line}: not UTF-8 text (byte {content[start]:#04x}). "
            "Save the table as 'CSV UTF-8'"
        )
    caution(
        f"{source}:{line}: not UTF-8, so read as Western European text: "
        f"{LINE_END.split(text)[line - 1].strip()[:60]!r}. Save it as 'CSV UTF-8' if a "
        "letter is wrong"
    )
    return text


def split_rows(text, delimiter, source):
    """Yield (line, fields) of each row that is not blank; the line is its first."""
    how = {"delimiter": delimiter, "strict": True, "skipinitialspace": True}
    reader, line = csv.reader(io.StringIO(text), **how), 1
    try:
        for fields in reader:
            if any(fields := clean(fields)):
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        raise Problem(f"{source}:{line}: no row of a table ({error})") from None


def clean(fields):
    return [unguard(field.strip()) for field in fields]


def trim(fields):
    """Drop the empty fields at the end of a row."""
    n_filled = max((n for n, field in enumerate(fields, 1) if field), default=0)
    return fields[:n_filled]


def sniff(text, source, wanted):
    """Find the delimiter of a table: the one that divides its rows evenly."""
    found = {}  # delimiter -> its rows, how many fields most have, how many such rows
    sample = "\n".join(text.split("\n", N_SNIFFED)[:N_SNIFFED])
    for delimiter in DELIMITERS:
        with contextlib.suppress(Problem):
            rows = [trim(row) for _, row in split_rows(sample, delimiter, source)]
            counts = collections.Counter(map(len, rows)).most_common(1)
            if counts and counts[0][0] > 1:
                found[delimiter] = rows, *counts[0]
    if len(found) < 2:
        return next(iter(found), ",")
    heads, most = {*map(plain, wanted)}, max(count for *_, count in found.values())
    for is_right in (
        lambda rows, n_fields, _: any(heads <= {*map(plain, row)} for row in rows),
        lambda rows, n_fields, _: n_fields == len(heads),
        lambda rows, n_fields, n_rows: n_rows == most,
    ):
        right = [d for d, figures in found.items() if is_right(*figures)]
        if len(right) == 1:
            return right[0]
    raise Problem(
        f"{source}: its fields may be separated by any of "
        f"{', '.join(map(repr, found))}. Write the columns {', '.join(wanted)} above "
        "them, or save it as .xlsx"
    )


def find_decimal(rows, delimiter):
    """Find the decimal sign, from the numbers that can be read in one way only."""
    signs, doubtful = set(), set()
    for _, fields in rows:
        for field in filter(NUMBER.fullmatch, fields):
            signs_of = doubtful if THOUSANDS.fullmatch(field) else signs
            signs_of |= {".", ","} & set(field)
    if delimiter == ";":  # which spreadsheets write where the comma is the decimal sign
        signs = signs or doubtful & {","}
    elif delimiter == "\t":  # which they write everywhere
        signs = signs or (doubtful and {".", ","})
    usual = "," if delimiter == ";" else "."
    return {".": ".", ",": ",", "": usual}.get("".join(signs), "?")


def parse_number(text, decimal="."):
    """Read a number with a decimal point or, where it is certain, a comma."""
    if not NUMBER.fullmatch(text):
        raise ValueError(f"expected a number. Received: {shorten(text)}")
    if THOUSANDS.fullmatch(text) and decimal not in text:
        raise ValueError(f"{text}: thousands or decimals? Write it without the sign")
    return float(text.replace(",", "."))


def shorten(value, limit=80):
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


# ---------------------------------------------------------------- workbooks


def read_workbook(path, wanted, sheet):
    """Read the one sheet of an Excel workbook that is meant, as `split_rows` does."""
    try:
        sheets = workbooks.read_sheets(path)
    except Exception as error:  # a damaged archive provokes errors of every kind
        raise Problem(
            f"{path}: no readable Excel workbook ({error}). Save it as 'CSV UTF-8'"
        ) from None
    filled = [
        s._replace(rows=[(n, trim(clean(row))) for n, row in s.rows]) for s in sheets
    ]
    filled, heads = [s for s in filled if s.rows], {*map(plain, wanted)}
    right = [one for one in filled if not sheet or one.title == sheet]
    if len(right) > 1:
        right = [s for s in right if any(heads <= {*map(plain, r)} for _, r in s.rows)]
    if len(right) != 1:
        what = f"no sheet {sheet!r} with rows." if sheet else "which sheet is meant?"
        remedy = (
            "Delete all others in a copy" if sheet is None else "Name it with --sheet"
        )
        raise Problem(
            f"{path}: {what} Expected one sheet with the {name_columns(wanted)}. "
            f"Its sheets: {', '.join(s.title for s in filled) or 'none with rows'}. "
            f"{remedy}"
        )
    (one,) = right
    if one.unknown:
        raise Problem(
            f"{path}:{one.unknown}: a formula of sheet {one.title!r} is stored without "
            "its result. Open the workbook in a spreadsheet, save it, and try again"
        )
    if one.hidden:
        more = ", ..." * (len(one.hidden) > 10)
        caution(
            f"{path.name}: {count(len(one.hidden), 'row')} hidden or filtered out and "
            f"read like the others: {', '.join(map(str, one.hidden[:10]))}{more}. "
            "Delete them in a copy if they do not count"
        )
    if one.clocks and {"start", "end"} & heads:
        caution(
            f"{path.name}: Excel took {count(len(one.clocks), 'time')} for hours and "
            f"minutes of a day ({', '.join(one.clocks[:5])}): read as h:mm:ss, or m:ss "
            "where two numbers are shown. Format the column as text, or write seconds"
        )
    return one.rows


# ---------------------------------------------------------------- writing


def write_table(path, columns, rows, delimiter=","):
    """Write a CSV, or an Excel workbook where the name ends so, whole or not at all.

    No text in it is taken for a formula. `columns` None: no header line. None and NaN
    in `rows` become empty. Where the `delimiter` is no comma, the mark is written that
    lets Excel find umlauts.
    """
    rows = [*([columns] if columns else []), *rows]
    with replacing(path) as temporary:
        if Path(path).suffix.lower() == ".xlsx":
            return workbooks.write_book(temporary, rows)
        content = ("" if delimiter == "," else "\ufeff") + format_rows(rows, delimiter)
        temporary.write_bytes(content.encode(errors="backslashreplace"))


def format_rows(rows, delimiter=","):
    """Format rows as the text of a CSV; see `write_table`."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerows(map(guard, row) for row in rows)
    return text.getvalue()


def write_columns(path, columns):
    """Write columns, name to array or series, as a table."""
    rows = zip(*(values.tolist() for _, values in columns.items()), strict=True)
    write_table(path, list(columns.keys()), rows)


def guard(field):
    """Put an apostrophe before text that a spreadsheet would compute."""
    if isinstance(field, str) and FORMULA.match(field) and not NUMBER.fullmatch(field):
        return f"'{field}"
    return None if field != field else field


def unguard(field):
    """Undo `guard`."""
    return field[1:] if field[:1] == "'" and FORMULA.match(field) else field


def write_field(value):
    """Write a value as `make_clip` reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6f}".rstrip("0").rstrip(".")
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return "" if value is None else str(value)
