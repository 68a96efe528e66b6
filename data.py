"""The loader: clips as `data_file.csv` lists them, their animals, groups and folds.

Format of the table (published): no header, `split,task,clip,n_frames,score`.
"""

import csv
import math
import re
import unicodedata
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from console import Caution, Problem
from files import find_name_fault

COLUMNS = "split,task,clip,n_frames,score"
SPLITS = ("train", "test")
LINE_END = re.compile(r"\r{0,2}\n|\r")  # the authors' own copy ends lines with \r\r\n
MAX_BYTES = 2**26
MAX_FRAMES = 10**8
MAX_SCORE = 1e6
MAX_REPORTED = 20
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
ANIMAL_PATTERN = r"_(g\d+)_"
GROUP_PATTERN = r"(Control|Stroke)"
CONTROL = "Control"
# Not from `calendar`, whose names follow the language of the machine.
MONTHS = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)


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


def read_clips(folder, task=None, need_scores=True):
    """Read `data_file.csv` of a working folder.

    Parameters
    ----------
    folder : path
        The working folder.
    task : str, optional
        Keep the clips of this task only.
    need_scores : bool
        Whether a train clip must have an expert score already.

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
    clips = parse_clips(path.read_bytes(), path.name, need_scores)
    if task is None:
        return clips
    chosen = [clip for clip in clips if clip.task == task]
    if not chosen:
        raise Problem(f"{path} has no task {task!r}. Its tasks: {list_tasks(clips)}")
    return chosen


def list_tasks(clips):
    """Name the tasks of clips, sorted, as one string."""
    return ", ".join(sorted({clip.task for clip in clips}))


def parse_clips(content, source="data_file.csv", need_scores=True):
    """Parse the bytes of a clip table; see `read_clips`."""
    problems, clips = [], []
    first_lines = {}  # (split, name) -> line
    for number, line in enumerate(LINE_END.split(decode(content, source)), start=1):
        if not line.strip(" \t,"):
            continue
        try:
            clip = parse_row(line, need_scores)
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


def parse_row(line, need_scores=True):
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
    if score == "" and split == "train" and need_scores:
        wrong.append("a train clip needs an expert score. Received an empty one")
    if score and not (NUMBER.fullmatch(score) and abs(float(score)) <= MAX_SCORE):
        wrong.append(
            f"score must be a number up to {MAX_SCORE:.0e}. Received: {shorten(score)}"
        )
    if wrong:
        raise ValueError("; ".join(wrong))
    return Clip(split, task, name, int(n_frames), float(score) if score else math.nan)


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


# ---------------------------------------------------------------- animals, groups


def match_name(name, pattern):
    """Return what `pattern` finds in a clip name: its first group, or None."""
    found = re.search(pattern, name)
    if not found:
        return None
    return found[1] if found.re.groups else found[0]


def animal_of(name, pattern=ANIMAL_PATTERN):
    """Name the animal of a clip; a clip without a match is its own animal."""
    return match_name(name, pattern) or name


def group_of(name, pattern=GROUP_PATTERN):
    """Name the group of a clip (Control, Stroke), or None."""
    return match_name(name, pattern)


def tabulate_clips(clips, animals, group_pattern):
    """Make a table of clips, one row each though both splits may list it.

    Returns
    -------
    pandas.DataFrame
        Columns clip, animal, group, task and expert_score.
    """
    import pandas as pd

    once = {
        clip.name: (clip, animal) for clip, animal in zip(clips, animals, strict=True)
    }
    listed, owners = zip(*once.values(), strict=True)
    groups = [group_of(clip.name, group_pattern) for clip in listed]
    return pd.DataFrame(
        {
            "clip": [clip.name for clip in listed],
            "animal": owners,
            "group": pd.Series(groups, dtype=object),  # keeps None as it is
            "task": [clip.task for clip in listed],
            "expert_score": [clip.score for clip in listed],
        }
    )


def date_of(name):
    """Read the date in a published clip name, `v_RatStrokeApl27_g04_c01`.

    Returns
    -------
    (month, day) or None
        The authors write Apl for April.
    """
    found = re.search(r"([A-Z][a-z]{2})(\d{1,2})\d?_", name)
    if not found:
        return None
    month = found[1].replace("Apl", "Apr")
    return (MONTHS.index(month) + 1, int(found[2])) if month in MONTHS else None


def list_animals(clips, pattern=ANIMAL_PATTERN):
    """Name the animal of each clip, with one caution for the names without a match.

    Returns
    -------
    list of str, (N,)
    """
    unmatched = [clip.name for clip in clips if not match_name(clip.name, pattern)]
    if unmatched:
        warnings.warn(
            f"{len(unmatched)} clip names do not match --animal-pattern {pattern} "
            f"(say, {unmatched[0]}): each counts as an animal of its own",
            Caution,
            stacklevel=2,
        )
    return [animal_of(clip.name, pattern) for clip in clips]


def hold_out_animals(animals, scores, fraction, seed):
    """Choose animals to watch in training: spread over the scores, at random within.

    Parameters
    ----------
    animals : sequence of str, (N,)
    scores : sequence of float, (N,)
    fraction : float
        Of the animals; at least one is held out, at least one is left.
    seed : int

    Returns
    -------
    set of str
    """
    names = sorted(set(animals))
    if len(names) < 2:
        raise Problem(
            f"the train clips are of one animal ({names[0]}), so none can be held out "
            "to watch. Use --monitor test, or add animals"
        )
    n_held = min(max(1, round(fraction * len(names))), len(names) - 1)
    random = np.random.default_rng(seed)
    means = {
        name: np.mean([s for a, s in zip(animals, scores, strict=True) if a == name])
        for name in names
    }
    random.shuffle(names)  # ties in a random order
    ranked = sorted(names, key=means.get)
    return {str(random.choice(part)) for part in np.array_split(ranked, n_held)}


def fold_animals(animals, n_folds=None):
    """Divide animals into folds for cross-validation.

    Parameters
    ----------
    animals : sequence of str, (N,)
    n_folds : int, optional
        By default each animal is a fold.

    Returns
    -------
    list of list of str
        The animals that each fold leaves out.
    """
    from sklearn.model_selection import GroupKFold, LeaveOneGroupOut

    names = sorted(set(animals))
    if len(names) < 3:
        raise Problem(
            f"cross-validation needs three animals or more. Received: {len(names)}"
        )
    if n_folds is not None and not 2 <= n_folds <= len(names):
        raise Problem(f"--folds must lie between 2 and {len(names)}, the animals")
    splitter = GroupKFold(n_folds) if n_folds else LeaveOneGroupOut()
    splits = splitter.split(animals, groups=animals)
    return [sorted({animals[i] for i in left_out}) for _, left_out in splits]
