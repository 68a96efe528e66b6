"""The table of clips: a row of `data_file.csv` and the `Clip` that it means.

The published form has no header line, `split,task,clip,n_frames,score`. With a header
line the table may also hold any of `animal,group,session,video,start,end,crop,mirror`,
in any order, and further columns, which stay as they are.
"""

import math
import re
import unicodedata
import warnings
from typing import NamedTuple

import files
from console import Caution, Problem
from files import find_name_fault
from tables import NUMBER, Table, parse_number, parse_table, plain, shorten
from tables import write_table as write_rows

COLUMNS = ("split", "task", "clip", "n_frames", "score")
SPLITS = ("train", "test")
MAX_BYTES = 2**26
MAX_FRAMES = 10**8
MAX_SCORE = 1e6
MAX_REPORTED = 20
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


def parse_clips(content, source="data_file.csv", need_scores=True):
    """Parse the bytes of a table of clips.

    Parameters
    ----------
    content : bytes
    source : str
        Its name in messages.
    need_scores : bool
        Whether a train clip must have an expert score already.

    Returns
    -------
    list of Clip
        In the order of the table.

    Raises
    ------
    Problem
        Names every line that is wrong.
    """
    return list_clips(open_table(content, source), need_scores)


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


def list_clips(table, need_scores=True):
    """Make a `Clip` of each row; see `parse_clips`."""
    source = table.source
    problems, clips = [], []
    first_lines = {}  # (split, name) -> line, clip
    for line, fields in table.rows:
        try:
            clip = make_clip(name_fields(fields, table), table.decimal, need_scores)
            check_against(clip, first_lines)
            first_lines[clip.split, clip.name] = (line, clip)
            clips.append(clip)
        except ValueError as error:
            problems.append(f"{source}:{line}: {error}")
    problems += find_lookalikes(first_lines, source)
    if problems:
        raise Problem(summarise(problems))
    if not clips:
        raise Problem(f"{source} lists no clip. Expected lines of {','.join(COLUMNS)}")
    warn_of_repeats(clips, source)
    return clips


def name_fields(fields, table):
    """Name the fields of a row: dict of str to str."""
    columns = [plain(name) for name in table.columns or COLUMNS]
    if "split" in (names := [plain(field) for field in fields]):
        lacking = ", ".join(name for name in COLUMNS if name not in names)
        raise ValueError(f"a header line without {lacking}. Received: {shorten(names)}")
    if not len(fields) <= len(columns) or len(fields) < 4:
        hint = " (a decimal comma? use a point)" if len(fields) == 6 else ""
        hint = " (separated by semicolons? use commas)" if ";" in fields[0] else hint
        expected = ",".join(columns)
        raise ValueError(f"expected {expected}{hint}. Received: {shorten(fields)}")
    return dict.fromkeys(columns, "") | dict(zip(columns, fields, strict=False))


def make_clip(record, decimal=".", need_scores=True):
    """Make a `Clip` of named fields. Raises ValueError with what is wrong."""
    split, task, name, n_frames = (record[column] for column in COLUMNS[:4])
    score, wrong = record.get("score", ""), []
    if split not in SPLITS:
        wrong.append(f"split must be train or test. Received: {shorten(split)}")
    for what, text in (("task", task), ("clip", name)):
        if fault := find_name_fault(text):
            wrong.append(f"{what} {shorten(text)} {fault}")
    if not re.fullmatch(r"\d{1,9}", n_frames, re.ASCII) or not (
        0 < int(n_frames) <= MAX_FRAMES
    ):
        wrong.append(f"n_frames must be a whole number. Received: {shorten(n_frames)}")
    if score == "" and split == "train" and need_scores:
        wrong.append("a train clip needs an expert score. Received an empty one")
    value = math.nan
    if score and NUMBER.fullmatch(score):
        try:
            value = parse_number(score, decimal)
        except ValueError as error:
            wrong.append(f"score {error}")
    if score and not (NUMBER.fullmatch(score) and not abs(value) > MAX_SCORE):
        wrong.append(
            f"score must be a number up to {MAX_SCORE:.0e}. Received: {shorten(score)}"
        )
    given = read_optional(record, decimal, wrong)
    if wrong:
        raise ValueError("; ".join(wrong))
    return Clip(split, task, name, int(n_frames), value, **given)


def read_optional(record, decimal, wrong):
    """Read what a table with a header line may tell; faults go into `wrong`."""
    given = {}
    for column, read in READERS.items():
        if text := record.get(column, ""):
            try:
                given[column] = read(text, decimal)
            except ValueError as error:
                wrong.append(f"{column} {error}")
    start, end = given.get("start", 0.0), given.get("end", math.inf)
    if not start < end:
        wrong.append(f"end {end:g} s must lie after start {start:g} s")
    return given


def read_label(text, _decimal="."):
    """Read a word of a person's own choice."""
    if any(unicodedata.category(letter)[0] == "C" for letter in text):
        raise ValueError(f"{shorten(text)} holds an invisible character")
    return text


def read_animal(text, _decimal="."):
    """Read an animal, by which runs and files are named."""
    if fault := find_name_fault(text):
        raise ValueError(f"{shorten(text)} {fault}")
    return text


def read_time(text, decimal="."):
    """Read a time in seconds, also as `m:ss` and `h:mm:ss`, with parts of a second."""
    *upper, seconds = text.split(":")
    if len(upper) > 2 or not all(re.fullmatch(r"\d{1,3}", p, re.ASCII) for p in upper):
        raise ValueError(f"must be seconds, m:ss or h:mm:ss. Received: {shorten(text)}")
    value = parse_number(seconds, decimal)
    if value < 0 or (upper and value >= 60):
        raise ValueError(f"must be seconds, m:ss or h:mm:ss. Received: {shorten(text)}")
    for power, part in enumerate(reversed(upper), start=1):
        value += int(part) * 60**power
    return value


def read_crop(text, _decimal="."):
    """Read a region, `x,y,w,h`, of whole pixels from the upper left corner."""
    parts = re.split(r"\s*[,;\s]\s*", text.strip())
    if len(parts) == 4 and all(re.fullmatch(r"\d{1,5}", p, re.ASCII) for p in parts):
        x, y, width, height = map(int, parts)
        if width and height:
            return x, y, width, height
    raise ValueError(f"must be x,y,w,h in whole pixels. Received: {shorten(text)}")


def read_yes(text, _decimal="."):
    """Read yes or no."""
    if plain(text) not in YES + NO:
        raise ValueError(f"must be yes or no. Received: {shorten(text)}")
    return plain(text) in YES


READERS = {
    "animal": read_animal,
    "group": read_label,
    "session": read_label,
    "video": read_label,
    "start": read_time,
    "end": read_time,
    "crop": read_crop,
    "mirror": read_yes,
}


def check_against(clip, first_lines):
    """Compare a row with the earlier rows of the same clip."""
    for split in SPLITS:
        if (split, clip.name) not in first_lines:
            continue
        line, earlier = first_lines[split, clip.name]
        if earlier.task != clip.task:
            raise ValueError(
                f"clip {clip.name} stands under task {earlier.task} in line {line} "
                f"and under {clip.task} here"
            )
        if split == clip.split:
            raise ValueError(f"clip {clip.name} is already listed in line {line}")
        if clip.is_scored and earlier.is_scored and clip.score != earlier.score:
            raise ValueError(f"clip {clip.name} has another score than in line {line}")
        for column in ("n_frames", *READERS):
            if getattr(clip, column) != getattr(earlier, column):
                raise ValueError(
                    f"clip {clip.name} has another {column} than in line {line}"
                )


def find_lookalikes(first_lines, source):
    """List names that one file system would take for the same file."""
    seen, problems = {}, []
    for (_, name), (line, _) in first_lines.items():
        key = unicodedata.normalize("NFKC", name).casefold()
        first, first_line = seen.setdefault(key, (name, line))
        if first != name:
            problems.append(
                f"{source}:{line}: clip {name!r} differs from {first!r} in line "
                f"{first_line} only in capitals or look-alike letters; some systems "
                "take them for one"
            )
    return problems


def warn_of_repeats(clips, source):
    train = {clip.name for clip in clips if clip.split == "train"}
    repeated = [c.name for c in clips if c.split == "test" and c.name in train]
    if repeated:
        warnings.warn(
            f"{source}: {len(repeated)} clips stand in both splits (say, "
            f"{repeated[0]}). Scores of such test clips only repeat what was trained",
            Caution,
            stacklevel=4,
        )


def summarise(problems):
    """Join problems, one a line, the first `MAX_REPORTED` in full."""
    shown = problems[:MAX_REPORTED]
    if len(problems) > len(shown):
        shown.append(f"... and {len(problems) - len(shown)} more lines")
    return "\n".join(shown)


# ---------------------------------------------------------------- writing


def append_clips(folder, clips):
    """Add clips to the table; those that are listed keep their row.

    A table that holds anything that is not understood stays as it is. Columns are
    added where the new clips tell more than the table has.

    Returns
    -------
    int
        How many rows were added.

    Raises
    ------
    Problem
        When the table cannot be read, or could not be with the new rows.
    """
    path = files.table_path(folder)
    table, listed, columns = None, [], COLUMNS
    if path.is_file() and path.read_bytes().strip():
        table = open_table(path.read_bytes(), path.name)
        listed = list_clips(table, need_scores=False)
        columns = table.columns or COLUMNS
    known = {key_of(clip) for clip in listed}
    new = [clip for clip in clips if key_of(clip) not in known]
    if not new:
        return 0
    told = [c for c in READERS if any(getattr(clip, c) is not None for clip in new)]
    there = [plain(column) for column in columns]
    columns = [*columns, *(column for column in told if column not in there)]
    with_header = (table and table.columns) or len(columns) > len(COLUMNS)
    rows = [fields for _, fields in table.rows] if table else []
    rows += [list_fields(clip, columns, table) for clip in new]
    check_rows(path, columns, rows, table)
    delimiter = table.delimiter if table else ","
    write_rows(path, columns if with_header else None, rows, delimiter)
    return len(new)


def check_rows(path, columns, rows, table):
    """Refuse rows that could not be read again, say, one clip of two videos."""
    table = table or Table(path.name, None, [], ".")
    named = table._replace(columns=columns, rows=list(enumerate(rows, start=1)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Caution)  # they come when it is read
        try:
            list_clips(named, need_scores=False)
        except Problem as problem:
            raise Problem(f"nothing is added to {path}: {problem}") from None


def key_of(clip):
    """Take what makes a row unique; a Mac stores umlauts in two pieces."""
    return clip.split, clip.task, unicodedata.normalize("NFC", clip.name)


def list_fields(clip, columns, table=None):
    """List the fields of a row, in the order of a table's columns."""
    told = clip._asdict() | {"clip": clip.name}
    fields = [write_field(told.get(plain(column))) for column in columns]
    if table and table.decimal == ",":
        numeric = ("score", "start", "end")
        fields = [
            text.replace(".", ",") if plain(column) in numeric else text
            for column, text in zip(columns, fields, strict=True)
        ]
    return fields


def write_field(value):
    """Write a value as `make_clip` reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6f}".rstrip("0").rstrip(".")
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return "" if value is None else str(value)
