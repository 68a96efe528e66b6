"""The table of clips: a row of `data_file.csv` and the `Clip` that it means.

The published form has no header line, `split,task,clip,n_frames,score`. With a header
line the table may also hold any of `animal,group,session,video,start,end,crop,mirror`,
in any order, and further columns, which stay as they are.
"""

import collections
import math
import re
import unicodedata
import warnings
from typing import NamedTuple

from system import storage, tables
from system.storage import find_name_fault
from system.tables import NUMBER, Table, fold, parse_number, parse_table, plain, shorten
from system.terminal import Caution, Problem

COLUMNS = ("split", "task", "clip", "n_frames", "score")
SPLITS = ("train", "test")
MAX_FRAMES = 10**8
MAX_SCORE = 1e6
YES = ("1", "yes", "y", "true", "x", "mirror")
NO = ("0", "no", "n", "false", "-")


class Clip(NamedTuple):
    """One trial on video, as a row of `data_file.csv` lists it.

    `score` is the expert score, NaN where no expert has scored the clip yet. What
    follows it is None where the table does not tell.
    """

    split: str
    task: str
    name: str
    n_frames: int
    score: float
    animal: str | None = None
    group: str | None = None
    session: str | None = None
    video: str | None = None  # where it is, from the working folder
    start: float | None = None  # seconds in the video; the end is not part of it
    end: float | None = None
    crop: tuple[int, int, int, int] | None = None  # x, y, width, height in pixels
    mirror: bool | None = None  # whether left and right are exchanged

    @property
    def is_scored(self):
        return not math.isnan(self.score)


# ---------------------------------------------------------------- reading


def parse_clips(content, source="data_file.csv"):
    """Parse the bytes of a table of clips, called `source` in messages: list of Clip.

    Raises Problem, which names every line that is wrong.
    """
    return list_clips(open_table(content, source))


def open_table(content, source):
    """Parse a table of clips into rows; see `tables.parse_table`."""
    table = parse_table(content, source, COLUMNS)
    if table.columns is None and any("split" in map(plain, f) for _, f in table.rows):
        table = parse_table(content, source, COLUMNS[:4])  # nothing is scored yet
    for line, fields in table.above:
        raise Problem(
            f"{source}:{line}: expected no line above the header line. Received: "
            f"{shorten(fields)}. Take it out, or move the header line to the top"
        )
    return table


def list_clips(table):
    """Make a `Clip` of each row; see `parse_clips`."""
    source, problems, clips = table.source, [], []
    seen = collections.defaultdict(dict)  # form of the name -> split -> line, clip
    for line, fields in table.rows:
        try:
            clip = make_clip(name_fields(fields, table), table.decimal)
            earlier = seen[fold(clip.name)]
            check_against(clip, earlier)
            earlier[clip.split] = line, clip
            clips.append(clip)
        except ValueError as error:
            problems.append(f"{source}:{line}: {error}")
    if problems:
        raise Problem(tables.summarise(problems))
    if not clips:
        raise Problem(f"{source} lists no clip. Expected lines of {','.join(COLUMNS)}")
    train = {clip.name for clip in clips if clip.split == "train"}
    if repeated := [c.name for c in clips if c.split == "test" and c.name in train]:
        warnings.warn(
            f"{source}: {len(repeated)} clips stand in both splits (say, "
            f"{repeated[0]}). Scores of such test clips only repeat what was trained",
            Caution,
            stacklevel=3,
        )
    return clips


def name_fields(fields, table):
    """Name the fields of a row: dict of str to str."""
    columns = [plain(name) for name in table.columns or COLUMNS]
    if "split" in (names := [plain(field) for field in fields]):
        lacking = ", ".join(name for name in COLUMNS if name not in names)
        raise ValueError(f"a header line without {lacking}. Received: {shorten(names)}")
    if not 4 <= len(fields) <= len(columns):
        hint = " (a decimal comma? use a point)" if len(fields) == 6 else ""
        hint = " (separated by semicolons? use commas)" if ";" in fields[0] else hint
        expected = ",".join(columns)
        raise ValueError(f"expected {expected}{hint}. Received: {shorten(fields)}")
    return dict.fromkeys(columns, "") | dict(zip(columns, fields, strict=False))


def make_clip(record, decimal="."):
    """Make a `Clip` of named fields. Raises ValueError with all that is wrong."""
    wrong, given = [], {}
    for column, read in READERS.items():
        if (text := record.get(column, "")) or column in COLUMNS[:4]:
            try:
                numeric = column in NUMERIC
                given[column] = read(text, decimal) if numeric else read(text)
            except ValueError as error:
                wrong.append(f"{column} {error}")
    start, end = given.get("start", 0.0), given.get("end", math.inf)
    if not start < end:
        wrong.append(f"end {end:g} s must lie after start {start:g} s")
    if wrong:
        raise ValueError("; ".join(wrong))
    return Clip(name=given.pop("clip"), **{"score": math.nan} | given)


def read_split(text):
    if text not in SPLITS:
        raise ValueError(f"must be train or test. Received: {shorten(text)}")
    return text


def read_name(text):
    """Read what files and runs are named by: a task, a clip, an animal."""
    if fault := find_name_fault(text):
        raise ValueError(f"{shorten(text)} {fault}")
    return text


def read_count(text):
    if re.fullmatch(r"\d{1,9}", text, re.ASCII) and 0 < int(text) <= MAX_FRAMES:
        return int(text)
    raise ValueError(f"must be a whole number. Received: {shorten(text)}")


def read_score(text, decimal="."):
    value = parse_number(text, decimal) if NUMBER.fullmatch(text) else math.inf
    if abs(value) > MAX_SCORE:
        most = f"{MAX_SCORE:.0e}"
        raise ValueError(f"must be a number up to {most}. Received: {shorten(text)}")
    return value


def read_label(text):
    """Read a word of a person's own choice."""
    if any(unicodedata.category(letter)[0] == "C" for letter in text):
        raise ValueError(f"{shorten(text)} holds an invisible character")
    return text


def read_time(text, decimal="."):
    """Read a time in seconds, also as `m:ss` and `h:mm:ss`, with parts of a second."""
    *upper, seconds = text.split(":")
    sound = len(upper) < 3 and all(re.fullmatch("[0-9]{1,3}", part) for part in upper)
    value = parse_number(seconds, decimal) if sound else -1
    if value < 0 or (upper and value >= 60):
        raise ValueError(f"must be seconds, m:ss or h:mm:ss. Received: {shorten(text)}")
    return value + sum(int(p) * 60**n for n, p in enumerate(reversed(upper), start=1))


def read_crop(text):
    """Read a region, `x,y,w,h`, of whole pixels from the upper left corner."""
    parts = re.split(r"\s*[,;\s]\s*", text.strip())
    if len(parts) == 4 and all(re.fullmatch(r"\d{1,5}", p, re.ASCII) for p in parts):
        x, y, width, height = map(int, parts)
        if width and height:
            return x, y, width, height
    raise ValueError(f"must be x,y,w,h in whole pixels. Received: {shorten(text)}")


def read_yes(text):
    if plain(text) not in YES + NO:
        raise ValueError(f"must be yes or no. Received: {shorten(text)}")
    return plain(text) in YES


READERS = {
    **{"split": read_split, "task": read_name, "clip": read_name},
    **{"n_frames": read_count, "score": read_score, "animal": read_name},
    **{"group": read_label, "session": read_label, "video": read_label},
    **{"start": read_time, "end": read_time, "crop": read_crop, "mirror": read_yes},
}
OPTIONAL = tuple(READERS)[len(COLUMNS) :]
NUMERIC = ("score", "start", "end")  # with a decimal sign


def check_against(clip, seen):
    """Compare a row with the earlier ones, (line, clip) of each split, that one file
    system would take for the same clip. Raises ValueError.
    """
    for line, earlier in seen.values():
        if earlier.name != clip.name:
            raise ValueError(
                f"clip {clip.name!r} differs from {earlier.name!r} in line {line} only "
                "in capitals or look-alike letters; some systems take them for one"
            )
        if earlier.task != clip.task:
            raise ValueError(
                f"clip {clip.name} stands under task {earlier.task} in line {line} "
                f"and under {clip.task} here"
            )
        if earlier.split == clip.split:
            raise ValueError(f"clip {clip.name} is already listed in line {line}")
        for column in ("score", "n_frames", *OPTIONAL):
            one, other = getattr(clip, column), getattr(earlier, column)
            unscored = column == "score" and not (clip.is_scored and earlier.is_scored)
            if one != other and not unscored:
                told = f"has another {column} than in line {line}"
                raise ValueError(f"clip {clip.name} {told}")


# ---------------------------------------------------------------- writing


def open_listed(path):
    """Open the table of clips for adding to it: the table, and the clips it lists."""
    if not path.is_file() or not path.read_bytes().strip():
        return Table(path.name, None, [], "."), []
    table = open_table(path.read_bytes(), path.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Caution)  # they come when it is written
        listed = list_clips(table) if table.rows else []
        return table, listed


def append_clips(folder, clips):
    """Add clips to the table; those that are listed keep their row.

    A table that holds anything that is not understood stays as it is. Columns are
    added where the new clips tell more than the table has. Returns how many rows were
    added; raises Problem when the table cannot be read, or could not be with them.
    """
    path = storage.table_path(folder)
    table, listed = open_listed(path)
    known = {key_of(clip) for clip in listed}
    new = [clip for clip in clips if key_of(clip) not in known]
    if not new:
        return 0
    columns = list(table.columns or COLUMNS)
    there = [plain(column) for column in columns]
    told = [c for c in OPTIONAL if any(getattr(clip, c) is not None for clip in new)]
    columns += [column for column in told if column not in there]
    rows = [fields for _, fields in table.rows]
    rows += [list_fields(clip, columns, find_decimal(table)) for clip in new]
    write_rows(path, table, columns, rows)
    return len(new)


def update_clips(folder, changed):
    """Write columns of clips that are listed; all else stays as it is.

    `changed` pairs each Clip, named as it is listed, with the columns that count.
    """
    path = storage.table_path(folder)
    table, listed = open_listed(path)
    columns = list(table.columns or COLUMNS)
    there = [plain(column) for column in columns]
    told = {column for _, names in changed for column in names}
    columns += [column for column in OPTIONAL if column in told - {*there}]
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


def write_field(value):
    """Write a value as `make_clip` reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6f}".rstrip("0").rstrip(".")
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return "" if value is None else str(value)
