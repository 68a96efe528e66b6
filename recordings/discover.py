"""Videos in folders of any depth, and what their paths tell of them."""

import math
import os
import re
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

import data
from names import sessions as session_order
from system.storage import FORBIDDEN, find_name_fault
from system.tables import fold
from system.terminal import Problem, caution
from video import find

SPLIT_WORDS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
# What labs call animals, sessions and groups, in English, German and short forms; the
# earlier a pattern stands, the surer it is.
ANIMAL_PATTERNS = (
    r"(rat|ratte|mouse|maus|mice|animal|tier|subject|subj|patient|participant|case|id)"
    r"[ _.#-]*(?:nr[ _.-]*)?0*(\d{1,5}[a-z]?)",
    r"(g)0*(\d{1,3})",
    r"([a-z]{1,2})0*(\d{1,4})",
)
SESSION_PATTERNS = (
    r"((?:19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d|[0-3]?\d[-_.][01]?\d[-_.](?:20)?\d\d)",
    r"((?:day|session|sess|tag|sitzung|week|woche)[ _.-]*\d{1,3})",
    r"((?:pre|post|baseline|before|after|vorher|nachher|follow[ _-]?up)"
    r"(?:[ _-]?(?:op|surgery|stroke|lesion|injury|treatment|training))?\d{0,2})",
)
NO_ANIMAL = ("c", "t", "d", "s", "v", "p", "k", "tr", "w", "f", "ch")  # clip, trial
GROUPS = (
    *("control", "sham", "healthy", "naive", "vehicle", "saline", "wt", "wildtype"),
    *("stroke", "lesion", "lesioned", "mcao", "ischemia", "ko", "het", "hom"),
    *("treated", "impaired", "patient", "kontrolle", "schlaganfall", "gesund"),
    *("6-ohda", "6ohda", "mptp", "pd", "als"),
)
SYSTEM_FOLDERS = (
    *("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"),
    *("#recycle", "Trash"),
)
START, END = r"(?<![a-zA-ZäöüÄÖÜß\d])", r"(?![a-zA-ZäöüÄÖÜß\d])"


def find_videos(folder):
    """List the videos of a folder at any depth, sorted; what is left out is named."""
    folder = Path(folder)
    if not folder.is_dir():
        raise Problem(f"--from {folder}: no such folder")
    if not (videos := pick_videos(list_files(folder))):
        raise Problem(f"--from {folder}: no video in it, at any depth")
    return videos


def list_files(folder):
    """List the files of a folder at any depth, sorted, without those of the system."""
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [f for f in folders if f[0] != "." and f not in SYSTEM_FOLDERS]
        found += [Path(place) / name for name in files]
    return sorted(path for path in found if path.is_file())


def pick_videos(paths):
    """Pick the videos among files; what looks like one and is left out is named."""
    paths = list(paths)
    for path in filter(find.looks_like_video, paths):
        caution(f"left out: {find.explain_left_out(path)}")
    videos = filter(find.is_video, paths)  # of a GIF beside a film the film is taken
    return [p for p in videos if p in find.list_videos(p.parent, p.stem)]


def guess_clips(folder, videos, split=None, task=None):
    """Guess what each video of a folder shows from its folders and its name.

    `split` and `task` are what is known already. Returns a Clip each, the whole video,
    of a frame count that is not known yet, 0.
    """
    texts = [describe_place(folder, video) for video in videos]
    animals = find_best(find_animal, ANIMAL_PATTERNS, texts)
    sessions = find_best(find_session, SESSION_PATTERNS, texts)
    task = task or safe_name(Path(folder).resolve().name) or "Task"
    columns = videos, texts, name_clips(folder, videos), animals, sessions
    clips = []
    for video, text, name, animal, session in zip(*columns, strict=True):
        of_split, group = split or find_split(text) or "train", find_group(text)
        told = animal, group, session, video.resolve().as_posix()
        clips.append(data.Clip(of_split, task, name, 0, math.nan, *told))
    return clips


def place_in(folder, video):
    """Tell where a video lies in a folder; its name, where a link leads out of it."""
    folder, video = Path(folder).resolve(), Path(video)
    is_inside = folder in video.parents
    return (video.relative_to(folder) if is_inside else Path(video.name)).as_posix()


def describe_place(folder, video):
    """Join the folders below `folder` and the name of a video, NFC, with slashes."""
    place = video.relative_to(folder).with_suffix("").as_posix()
    return unicodedata.normalize("NFC", place)


def find_best(find, patterns, texts):
    """Find in each text what that pattern finds that fits most of them."""
    tried = [[find(pattern, text) for text in texts] for pattern in patterns]
    return max(tried, key=lambda column: sum(map(bool, column)))


def find_session(pattern, text):
    found = re.search(START + pattern + END, text, re.I)
    return found and found[1]


def find_animal(pattern, text):
    """Find an animal in a path, written in one way: `rat_012` is `Rat 12`."""
    for found in re.finditer(START + pattern + END, text, re.I):
        word, number = found[1], found[2].casefold()
        if word.casefold() not in NO_ANIMAL:
            return f"{word.capitalize()} {number}" if len(word) > 2 else word + number
    return None


def find_split(text):
    words = [word.casefold() for word in text.split("/")[:-1]]
    return next((SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS), None)


def find_group(text):
    """Find the word for a group in a path; that of the lowest folder, else the name."""
    *folders, name = text.split("/")
    for part in [*reversed(folders), name]:
        for word in re.split(r"[\s_.,()]+|(?<=[a-z])(?=[A-Z])", part):
            if word.casefold() in GROUPS:
                return word.capitalize() if word.islower() else word
    return None


# ---------------------------------------------------------------- names


def safe_name(text):
    """Make a name of a text that stands for a file on every system; "" of none."""
    text = unicodedata.normalize("NFC", text)
    text = "".join(
        "_" if c in FORBIDDEN or unicodedata.category(c)[0] == "C" else c for c in text
    )
    text = text.encode(errors="replace").decode()[:100].strip(" ._-")
    return f"clip_{text}" if text and find_name_fault(text) else text


def name_clips(folder, videos):
    """Name the clip of each video by its file, with folders where two are alike."""
    stems = [video.stem for video in videos]
    alike = Counter(map(fold, stems))
    taken, names = defaultdict(int), []
    for video, stem in zip(videos, stems, strict=True):
        is_clear = alike[fold(stem)] == 1 and not find_name_fault(stem)
        place = stem if is_clear else describe_place(folder, video).replace("/", "_")
        name = safe_name(place) or "clip"
        taken[fold(name)] += 1
        if taken[fold(name)] > 1:
            name = f"{name}_{taken[fold(name)]}"
            taken[fold(name)] += 1
        names.append(name)
    return names


def shorten_video(folder, clip):
    """Let a video within the working folder be found there wherever that moves."""
    video, folder = Path(clip.video), Path(folder).resolve()
    is_inside = folder in video.parents
    video = Path(os.path.relpath(video, folder)) if is_inside else video
    return clip._replace(video=video.as_posix())


# ---------------------------------------------------------------- telling


def tell_sessions(labels, n_shown=12):
    """Write sessions in their order, or without arrows where nothing tells it."""
    order = session_order.find_order(labels)
    shown = list(order or sorted(labels))
    if len(shown) > n_shown:
        shown[n_shown - 1 : -1] = ["..."]
    return session_order.show_order(shown) if order else ", ".join(shown)


def tell_guess(clips, n_shown=12):
    """Put a guess into a table and a line of numbers: list of str."""
    rows = [("clip", "animal", "group", "session", "split")]
    rows += [(c.name, c.animal, c.group, c.session, c.split) for c in clips[:n_shown]]
    rows = [[field or "-" for field in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    if len(clips) > n_shown:
        lines.append(f"... and {len(clips) - n_shown} more")
    counts = [f"{len(clips)} clips"]
    for column in ("animal", "session", "group"):
        known = Counter(getattr(clip, column) for clip in clips)
        n_unknown = known.pop(None, 0)
        text = f"{len(known) or 'no'} {column}{'' if len(known) == 1 else 's'}"
        if column == "group" and known:
            text += f" ({', '.join(f'{k} {n}' for k, n in sorted(known.items()))})"
        if known and n_unknown:
            text += f" and {n_unknown} clips without"
        counts.append(text)
    days = {clip.session for clip in clips} - {None}
    told = [f"sessions: {tell_sessions(days)}"] if len(days) > 1 else []
    return [*lines, "", *told, ", ".join(counts)]
