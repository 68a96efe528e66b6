"""The sheets of Excel workbooks, read as a person sees them, and written."""

import datetime
import io
import re
import zipfile
from pathlib import Path
from typing import NamedTuple

MAX_UNPACKED = 2**29  # bytes in a workbook, which is a ZIP archive
CLOCK = datetime.time, datetime.timedelta
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # which no cell may hold


class Sheet(NamedTuple):
    """What a sheet holds."""

    title: str
    rows: list  # (number, texts) of each row that is not blank
    hidden: list  # numbers of those that are hidden or filtered out
    clocks: list  # cells that Excel takes for times of a day, as text
    unknown: int | None  # the first row with a formula that is stored without result


def read_sheets(path):
    """Read all sheets; raises errors of every kind where the workbook is damaged."""
    import openpyxl

    with zipfile.ZipFile(path) as archive:
        if sum(part.file_size for part in archive.infolist()) > MAX_UNPACKED:
            raise ValueError("its content is too large for a table")
    content = io.BytesIO(Path(path).read_bytes())  # which needs no closing
    values = openpyxl.load_workbook(content, data_only=True)
    formulas = openpyxl.load_workbook(content)
    return [read_sheet(one, formulas[one.title]) for one in values.worksheets]


def read_sheet(sheet, formulas):
    """Read a sheet; a merged cell counts for each row of its block."""
    blocks = {
        (row, block.min_col): sheet.cell(block.min_row, block.min_col)
        for block in sheet.merged_cells.ranges
        for row in range(block.min_row + 1, block.max_row + 1)
    }
    found = Sheet(sheet.title, [], [], [], None)
    both = zip(sheet.iter_rows(), formulas.iter_rows(), strict=True)
    for number, (cells, sources) in enumerate(both, start=1):
        for cell, source in zip(cells, sources, strict=True):
            if source.data_type == "f" and cell.value is None:
                found = found._replace(unknown=found.unknown or number)
            if isinstance(cell.value, CLOCK):
                found.clocks.append(f"{cell.coordinate} {read_cell(cell)}")
        if any(cell.value is not None for cell in cells):
            own = (blocks.get((number, n), cell) for n, cell in enumerate(cells, 1))
            found.rows.append((number, list(map(read_cell, own))))
            if sheet.row_dimensions[number].hidden:
                found.hidden.append(number)
    return found


def read_cell(cell):
    """Read a cell as a person sees it, leading zeros included."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        value = value.date()
    if isinstance(value, CLOCK):
        return read_clock(cell, value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, int) and set(cell.number_format) == {"0"}:
        return str(value).zfill(len(cell.number_format))
    return str(value)


def read_clock(cell, value):
    """Read a time as it is shown: 0:12, though Excel takes it for twelve minutes."""
    if isinstance(value, datetime.time):
        value = datetime.datetime.combine(datetime.date.min, value)
        value -= datetime.datetime.min
    hours, rest = divmod(round(value.total_seconds(), 3), 3600)
    minutes, rest = divmod(rest, 60)
    text = f"{hours:.0f}:{minutes:02.0f}"
    if rest or "s" in cell.number_format.casefold():
        text += f":{rest:06.3f}".removesuffix(".000")
    return text


def write_book(path, rows):
    """Write rows as the only sheet of a workbook; text stays text, also `=1+1`."""
    import openpyxl

    book = openpyxl.Workbook()
    for number, row in enumerate(rows, start=1):
        for place, field in enumerate(row, start=1):
            if field != field or field in ("", None):
                continue
            is_text = isinstance(field, str)
            value = CONTROL.sub("", field) if is_text else field
            cell = book.active.cell(number, place, value)
            cell.data_type = "s" if is_text else cell.data_type
    book.save(path)
