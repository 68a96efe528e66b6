"""The loader: clips as `data_file.csv` lists them, their animals, groups and sessions.

The published form has no header line, `split,task,clip,n_frames,score`. With a header
line the table may also hold any of
`animal,group,session,video,start,end,crop,mirror,fps`, in any order, and further
columns, which stay as they are.
"""

import collections
import math
import re
import unicodedata
from typing import NamedTuple

from names import labels, sessions
from names.dates import MONTHS
from names.matching import find_twice, form_of_animal, warn_of_dates
from system import storage, tables
from system.tables import NUMBER, fold, parse_number, plain, shorten
from system.terminal import Problem, caution

COLUMNS = ("split", "task", "clip", "n_frames", "score")
SPLITS = ("train", "test")
LABELS = ("animal", "group", "session")
MAX_FRAMES = 10**8
MAX_SCORE = 1e6
MAX_RATE = 1e5  # frames a second
YES = ("1", "yes", "y", "true", "x", "mirror")
NO = ("0", "no", "n", "false", "-")
ANIMAL_PATTERN = r"_(g\d+)_"
GROUP_PATTERN = r"(Control|Stroke)"


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
    fps: float | None = None  # frames a second as filmed, where the file says others

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
    table = tables.parse_table(content, source, COLUMNS, READERS)
    if table.columns is None and any("split" in map(plain, f) for _, f in table.rows):
        table = tables.parse_table(content, source, COLUMNS[:4], READERS)  # no scores
    if table.above:
        line, fields = table.above[0]
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
        caution(
            f"{source}: {len(repeated)} clips stand in both splits (say, "
            f"{repeated[0]}). Scores of such test clips only repeat what was trained"
        )
    return clips


def name_fields(fields, table):
    """Name the fields of a row: dict of str to str."""
    columns = [plain(name) for name in table.columns or COLUMNS]
    if "split" in (names := [plain(field) for field in fields]):
        lacking = ", ".join(name for name in COLUMNS if name not in names)
        raise ValueError(f"a header line without {lacking}. Received: {shorten(names)}")
    if not 4 <= len(fields) <= len(columns):
        expected = ",".join(columns)
        raise ValueError(f"expected {expected}. Received: {shorten(fields)}")
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
    if fault := storage.find_name_fault(text):
        raise ValueError(f"{shorten(text)} {fault}")
    return text


def read_count(text):
    found = re.fullmatch(r"(\d{1,9})([.,]0)?", text, re.ASCII)  # 20.0 of pandas
    if found and 0 < int(found[1]) <= MAX_FRAMES:
        return int(found[1])
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


def read_rate(text, decimal="."):
    value = parse_number(text, decimal)
    if not 0 < value <= MAX_RATE:
        raise ValueError(f"must be frames a second. Received: {shorten(text)}")
    return value


def read_yes(text):
    if plain(text) not in YES + NO:
        raise ValueError(f"must be yes or no. Received: {shorten(text)}")
    return plain(text) in YES


READERS = {
    **{"split": read_split, "task": read_name, "clip": read_name},
    **{"n_frames": read_count, "score": read_score, "animal": read_name},
    **{"group": read_label, "session": read_label, "video": read_label},
    **{"start": read_time, "end": read_time, "crop": read_crop, "mirror": read_yes},
    "fps": read_rate,
}
OPTIONAL = tuple(READERS)[len(COLUMNS) :]
NUMERIC = ("score", "start", "end", "fps")  # with a decimal sign


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
        if earlier.split == clip.split and earlier.task == clip.task:
            raise ValueError(f"clip {clip.name} is already listed in line {line}")
        for column in ("task", "score", "n_frames", *OPTIONAL):
            one, other = getattr(clip, column), getattr(earlier, column)
            unscored = column == "score" and not (clip.is_scored and earlier.is_scored)
            if one != other and not unscored:
                told = f"has another {column} than in line {line}"
                raise ValueError(f"clip {clip.name} {told}: {one}, not {other}")


def read_clips(folder, task=None):
    """Read `data_file.csv` of a working folder, of one task or of all: list of Clip.

    Groups and sessions that are spelled in two ways get one name. Raises Problem, which
    names every line that is wrong, or says that the task does not exist.
    """
    path = storage.table_path(folder)
    if not path.is_file():
        raise Problem(
            f"{path} does not exist. It lists one clip a line as {','.join(COLUMNS)}; "
            "`python extract_files.py --from DIR` writes it from a folder of videos"
        )
    clips = parse_clips(path.read_bytes(), path.name)
    groups = labels.name_groups([clip.group for clip in clips])
    days = sessions.name_sessions([clip.session for clip in clips])
    columns = zip(clips, groups, days, strict=True)
    clips = [clip._replace(group=g, session=s) for clip, g, s in columns]
    chosen = [clip for clip in clips if task in (None, clip.task)]
    if not chosen:
        raise Problem(f"{path} has no task {task!r}. Its tasks: {list_tasks(clips)}")
    return chosen


def list_tasks(clips):
    """Name the tasks of clips, sorted, as one string."""
    return ", ".join(sorted({clip.task for clip in clips}))


# ---------------------------------------------------------------- animals, groups


def match_name(name, pattern):
    """Return what `pattern` finds in a clip name: its first group, or None."""
    found = re.search(pattern, name)
    return found and (found[1] if found.re.groups else found[0])


def animal_of(clip, pattern=ANIMAL_PATTERN):
    """Name the animal of a clip, or of its name alone: as the table or the name does.

    A clip whose name does not match `pattern` is its own animal.
    """
    named, name = (None, clip) if isinstance(clip, str) else (clip.animal, clip.name)
    return named or match_name(name, pattern) or name


def group_of(clip, pattern=GROUP_PATTERN):
    """Name the group of a clip (Control, Stroke), or None; see `animal_of`."""
    named, name = (None, clip) if isinstance(clip, str) else (clip.group, clip.name)
    return named or match_name(name, pattern)


def tabulate_clips(clips, animals, group_pattern):
    """Make a DataFrame of clips, one row each though both splits may list it.

    Columns: clip, animal, group, session (or the date in the name), task, n_frames and
    expert_score.
    """
    import pandas as pd

    once = {c.name: (c, a) for c, a in zip(clips, animals, strict=True)}
    clips, animals = zip(*once.values(), strict=True)
    groups = labels.name_groups([group_of(clip, group_pattern) for clip in clips])
    days = sessions.name_sessions([session_of(clip) for clip in clips])
    return pd.DataFrame(
        {
            "clip": [clip.name for clip in clips],
            "animal": animals,
            "group": pd.Series(groups, dtype=object),  # keeps None as it is
            "session": pd.Series(days, dtype=object),
            "task": [clip.task for clip in clips],
            "n_frames": [clip.n_frames for clip in clips],
            "expert_score": [clip.score for clip in clips],
        }
    )


def session_of(clip):
    """Name the session of a clip, or of its name alone, by the table or its date."""
    named, name = (None, clip) if isinstance(clip, str) else (clip.session, clip.name)
    date = date_of(name)
    return named or (date and f"{date[0]:02d}-{date[1]:02d}")


def date_of(name):
    """Read the (month, day) in a published name, `v_RatStrokeApl27_g04_c01`, or None.

    The authors write Apl for April.
    """
    found = re.search(r"([A-Z][a-z]{2})(\d{1,2})\d?_", name)
    month = found and MONTHS.get(found[1].lower())
    return month and (month, int(found[2]))


def list_animals(clips, pattern=ANIMAL_PATTERN, required=False):
    """Name the animal of each clip, with cautions where that is doubtful: list of str.

    `required`: it is an error that no animal is named at all.
    """
    names = {clip.name for clip in clips}
    known = {c.name for c in clips if c.animal or match_name(c.name, pattern)}
    lost = tables.list_some(sorted(names - known))
    if required and not known:
        raise Problem(
            f"no clip name matches --animal-pattern {pattern} ({lost}), so it is "
            "unknown which clips are of one animal. Give a pattern that fits, or a "
            "column `animal` in data_file.csv"
        )
    if lost:
        n, option = len(names - known), "give --animal-pattern"
        if pattern != ANIMAL_PATTERN:
            option = f"another --animal-pattern than {pattern}"
        caution(
            f"the animal of {tables.count(n, 'clip')} is not known ({lost}): "
            f"{'each' if n > 1 else 'it'} counts as an animal by itself. Fill in the "
            f"column animal of data_file.csv, or {option}"
        )
    warn_of_dates([clip.animal for clip in clips], "data_file.csv")
    animals = [animal_of(clip, pattern) for clip in clips]
    if alike := find_twice({name: form_of_animal(name) for name in sorted({*animals})}):
        told = "; ".join(" and ".join(names) for names in [*alike.values()][:5])
        caution(
            f"animals that look alike: {told}. If they are one animal, give it one "
            "name, or it will stand on both sides of a split"
        )
    return animals
