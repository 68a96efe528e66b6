"""The table of clips, `data_file.csv`: one row a clip, read strictly.

Format (published): no header, `split,task,clip,n_frames,score`.
"""

import csv
import math
import re
import unicodedata
import warnings
from pathlib import Path
from typing import NamedTuple

from console import Caution, Problem

COLUMNS = "split,task,clip,n_frames,score"
SPLITS = ("train", "test")
LINE_END = re.compile(r"\r{0,2}\n|\r")  # the authors' own copy ends lines with \r\r\n
MAX_BYTES = 2**26
MAX_NAME = 150  # leaves room for "-125-features.npy" below the usual 255 bytes
MAX_FRAMES = 10**8
MAX_SCORE = 1e6
MAX_REPORTED = 20
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
FORBIDDEN = set('<>:"/\\|?*')
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


class Clip(NamedTuple):
    """One trial on video, as a row of `data_file.csv` lists it.

    `score` is the expert score, NaN where no expert has scored the clip yet.
    """

    split: str
    task: str
    name: str
    n_frames: int
    score: float

    @property
    def is_scored(self):
        return not math.isnan(self.score)


def read_clips(folder, task=None):
    """Read `data_file.csv` of a working folder.

    Parameters
    ----------
    folder : path
        The working folder.
    task : str, optional
        Keep the clips of this task only.

    Returns
    -------
    list of Clip
        In the order of the file.

    Raises
    ------
    Problem
        Names every line that is wrong, or says that the task does not exist.
    """
    path = Path(folder) / "data_file.csv"
    if not path.is_file():
        raise Problem(
            f"{path} does not exist. It lists one clip a line as {COLUMNS}; "
            "`python extract_files.py --append` can write it for you"
        )
    if path.stat().st_size > MAX_BYTES:
        raise Problem(f"{path} is larger than {MAX_BYTES >> 20} MiB: not a clip table")
    clips = parse_clips(path.read_bytes(), path.name)
    if task is None:
        return clips
    chosen = [clip for clip in clips if clip.task == task]
    if not chosen:
        raise Problem(f"{path} has no task {task!r}. Its tasks: {list_tasks(clips)}")
    return chosen


def list_tasks(clips):
    """Name the tasks of clips, sorted, as one string."""
    return ", ".join(sorted({clip.task for clip in clips}))


def parse_clips(content, source="data_file.csv"):
    """Parse the bytes of a clip table; see `read_clips`."""
    problems, clips = [], []
    first_lines = {}  # (split, name) -> line
    for number, line in enumerate(LINE_END.split(decode(content, source)), start=1):
        if not line.strip(" \t,"):
            continue
        try:
            clip = parse_row(line)
            check_against(clip, clips, first_lines)
            first_lines[clip.split, clip.name] = (number, clip)
            clips.append(clip)
        except ValueError as error:
            problems.append(f"{source}:{number}: {error}")
    problems += find_lookalikes(first_lines, source)
    if problems:
        raise Problem(summarise(problems))
    if not clips:
        raise Problem(f"{source} lists no clip. Expected lines of {COLUMNS}")
    warn_of_repeats(clips, source)
    return clips


def decode(content, source):
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        content = error.object  # without a byte-order mark
        line = len(LINE_END.split(content[: error.start].decode()))
        raise Problem(
            f"{source}:{line}: not UTF-8 text (byte {content[error.start]:#04x}). "
            "Save the table as 'CSV UTF-8'"
        ) from None


def parse_row(line):
    """Turn one line into a Clip. Raises ValueError with what is wrong."""
    try:
        fields = [field.strip() for field in next(csv.reader([line], strict=True))]
    except csv.Error as error:
        raise ValueError(f"not a line of {COLUMNS} ({error})") from None
    if len(fields) != 5:
        hint = " (a decimal comma? use a point)" if len(fields) == 6 else ""
        hint = " (separated by semicolons? use commas)" if ";" in line else hint
        raise ValueError(f"expected {COLUMNS}{hint}. Received: {shorten(fields)}")
    split, task, name, n_frames, score = fields
    wrong = []
    if split not in SPLITS:
        hint = "; remove the header line" if split.lower() == "split" else ""
        wrong.append(f"split must be train or test{hint}. Received: {shorten(split)}")
    for what, text in (("task", task), ("clip", name)):
        if fault := find_name_fault(text):
            wrong.append(f"{what} {shorten(text)} {fault}")
    if not re.fullmatch(r"\d{1,9}", n_frames, re.ASCII) or not (
        0 < int(n_frames) <= MAX_FRAMES
    ):
        wrong.append(f"n_frames must be a whole number. Received: {shorten(n_frames)}")
    if score == "" and split == "train":
        wrong.append("a train clip needs an expert score. Received an empty one")
    if score and not (NUMBER.fullmatch(score) and abs(float(score)) <= MAX_SCORE):
        wrong.append(
            f"score must be a number up to {MAX_SCORE:.0e}. Received: {shorten(score)}"
        )
    if wrong:
        raise ValueError("; ".join(wrong))
    return Clip(split, task, name, int(n_frames), float(score) if score else math.nan)


def find_name_fault(name):
    """Say why a name cannot stand for a file on every system, or return None.

    The check looks at the compatibility form, so that look-alikes of `/` count too.
    """
    plain = unicodedata.normalize("NFKC", name)
    if not plain:
        return "is empty"
    if len(name.encode(errors="replace")) > MAX_NAME:
        return f"is longer than {MAX_NAME} bytes"
    if plain in (".", "..") or FORBIDDEN & set(plain):
        return 'must be a plain file name without folder, drive or any of <>:"/\\|?*'
    if any(unicodedata.category(letter)[0] == "C" for letter in plain):
        return "holds an invisible character"
    if RESERVED.fullmatch(plain) or plain[-1] in ". " or plain[0] in ".-":
        return "is not a file name on every system"
    return None


def check_against(clip, clips, first_lines):
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
        differs = clip.is_scored and earlier.is_scored and clip.score != earlier.score
        if differs or clip.n_frames != earlier.n_frames:
            raise ValueError(
                f"clip {clip.name} has another n_frames or score than in line {line}"
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
            stacklevel=3,
        )


def shorten(value, limit=80):
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def summarise(problems):
    """Join problems, one a line, the first `MAX_REPORTED` in full."""
    shown = problems[:MAX_REPORTED]
    if len(problems) > len(shown):
        shown.append(f"... and {len(problems) - len(shown)} more lines")
    return "\n".join(shown)
