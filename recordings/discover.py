"""Videos in folders of any depth, and what their paths tell of them."""

import filecmp
import math
import os
import re
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

import data
from names import labels
from names import sessions as session_order
from names.matching import form_of_animal
from system.storage import FORBIDDEN, find_name_fault
from system.tables import count, fold
from system.terminal import Problem, caution
from video import find

SPLIT_WORDS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
# What labs call animals, sessions and groups, in English, German and short forms; the
# earlier a pattern stands, the surer it is.
ANIMAL_WORD = "rat|ratte|mouse|maus|mice|animal|tier|subject|subj|patient|participant"
ANIMAL_PATTERNS = (
    rf"({ANIMAL_WORD}|case|id)[ _.#-]*(?:nr[ _.-]*)?(\d{{1,5}}[a-z]?)",
    r"(g)(\d{1,3})",
    r"([a-z]{1,2})(\d{1,4})",
    rf"({ANIMAL_WORD})[ _-]+([a-z])",
    r"(wt|ko|tg|het|hom|mut|sham|stroke|lesion|ctrl|control)[ _-]?(\d{1,4})",
    r"(?<![^/])()((?!(?:19|20)\d\d/)\d{3,5}(?=/))",  # a folder's, the ear tag
)
SESSION_PATTERNS = (
    r"((?:19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d|[0-3]?\d[-_.][01]?\d[-_.](?:20)?\d\d)",
    r"((?:day|session|sess|tag|sitzung|week|woche|wk|month|monat)[ _.-]*\d{1,3})",
    r"((?:pre|post|baseline|before|after|vorher|nachher|follow[ _-]?up)"
    r"(?:[ _-]?(?:op|surgery|stroke|lesion|injury|treatment|training))?\d{0,2})",
    r"(\d{1,3}[ _-]?(?:days?|weeks?|wks?|months?|hours?|hrs?|h|d|dpi|dpl|wpi))",
    r"(d\d{1,3})",
)
NO_ANIMAL = (
    "c",
    "t",
    "d",
    "s",
    "v",
    "p",
    "k",
    "tr",
    "w",
    "f",
    "ch",
    "wk",
)  # clip, trial
NO_GROUP = {  # in the name of a file or a folder they may mean anything else
    *("con", "normal", "baseline", "intact", "mg", "hd", "ad", "dose", "rehab"),
    *("patient", "patients", "affected", "unaffected", "treatment"),
}
GROUPS = (labels.HEALTHY | labels.IMPAIRED | labels.TREATED) - NO_GROUP
# What one animal may get one after the other, so that no group is meant.
GIVEN = labels.TREATED | {"vehicle", "veh", "saline", "nacl", "pbs", "placebo"}
SYSTEM_FOLDERS = {
    *("__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"),
    *("#recycle", "trash", "@recycle", "#snapshot", "~snapshot"),
}
ABSENT = re.compile(r"\.?(.+?)\.(?:icloud|part|crdownload|filepart|download)", re.I)
# What is added to the name of a film by what was made of it, and by copying it.
MADE = re.compile(
    r"(?:DLC_.*|[ _-]*(?:labell?ed|tracked|annotated|overlay|converted|compressed))$",
    re.I,
)
COPIED = re.compile(
    r"^(?:kopie von|copy of) |[ _-]*\(\d+\)$|[ _-]+(?:copy|kopie|copie)( ?\(\d+\))?$",
    re.I,
)
LETTER = "a-zA-ZäöüÄÖÜß"
START, END = rf"(?<![{LETTER}\d])", rf"(?![{LETTER}\d])"


def find_videos(folder):
    """List the videos of a folder at any depth, sorted; what is left out is named."""
    folder = Path(folder)
    if not folder.is_dir():
        raise Problem(f"--from {folder}: no such folder")
    if not (videos := pick_videos(list_files(folder))):
        raise Problem(f"--from {folder}: no video in it, at any depth")
    return videos


def list_files(folder):
    """List the files of a folder at any depth, sorted, without those of the system.

    Folders that are links are followed. What is not on this disk is named.
    """
    root, found, absent, hidden = Path(folder).resolve(), [], [], []
    seen = {root, *root.parents}

    def note(error):
        absent.append(f"{error.filename} ({error.strerror})")

    for place, folders, files in os.walk(folder, followlinks=True, onerror=note):
        kept = []
        for path in (Path(place, name) for name in sorted(folders)):
            real = path.resolve()
            if path.name[0] == "." or path.name.casefold() in SYSTEM_FOLDERS:
                hidden.append(path)
            elif not path.is_symlink() or not (real in seen or root in real.parents):
                kept.append(path.name)
                seen.add(real)
        folders[:] = kept
        for path in (Path(place, name) for name in files):
            was = ABSENT.fullmatch(path.name)
            if path.is_file() and not was and not is_pointer(path):
                found.append(path)
            elif find.is_video(was[1] if was else path):
                kind = "a broken link" if path.is_symlink() else "a placeholder"
                absent.append(f"{path} ({kind})")
    if absent:
        caution(f"not on this disk, so left out: {list_some(absent)}. Fetch it first")
    with_films = [p for p in hidden if any(map(find.is_video, p.rglob("*.*")))]
    if with_films:
        told = (
            f"{count(len(with_films), 'hidden or system folder')} with videos left out"
        )
        caution(f"{told}: {list_some(map(str, with_films))}")
    return sorted(found)


def is_pointer(path):
    """Tell whether a video is a line of text in its place, as of Git LFS or annex."""
    if not find.is_video(path) or not 0 < path.stat().st_size < 1024:
        return False
    return path.read_bytes().startswith((b"version https://git-lfs", b"/annex/objects"))


def list_some(some, most=5):
    some = list(some)
    more = f" and {len(some) - most} more" if len(some) > most else ""
    return ", ".join(some[:most]) + more


def pick_videos(paths):
    """Pick the videos among files; what looks like one and is left out is named."""
    paths = list(paths)
    for path in filter(find.looks_like_video, paths):
        caution(f"left out: {find.explain_left_out(path)}")
    videos = filter(find.is_video, paths)  # of a GIF beside a film the film is taken
    return [p for p in videos if p in find.list_videos(p.parent, p.stem)]


def drop_copies(videos, listed=()):
    """Leave out copies of videos, and name them: list of Path.

    A copy has the name of another film in another format, or tells in its name that it
    was copied (and has the same content) or that something was drawn on it. Of each the
    one stays that is among `listed` paths, else the largest. Films of the same content
    under names of their own are named.
    """
    kept, copies, alike, index = [], [], [], defaultdict(list)

    def name_original(video):
        return fold(COPIED.sub("", MADE.sub("", video.stem)))

    def rank(video):
        is_copy = name_original(video) != fold(video.stem)
        is_listed = video.resolve().as_posix() in listed
        return not is_listed, is_copy, -video.stat().st_size, video

    for video in sorted(videos, key=rank):
        size, name, stem = video.stat().st_size, name_original(video), fold(video.stem)
        same = [v for v in index[size] if filecmp.cmp(v, video, shallow=False)]
        twins = index[video.parent, stem] + index[name] * bool(MADE.search(video.stem))
        index[size].append(video)
        if twins or (same and name != stem):
            copies.append(f"{video.name} (of {(twins or same)[0].name})")
            continue
        alike += [f"{other.name} and {video.name}" for other in same[:1]]
        kept.append(video)
        for key in ((video.parent, stem), stem):
            index[key].append(video)
    if copies:
        told = (
            f"{count(len(copies), 'copy', 'copies')} left out: {list_some(copies, 10)}"
        )
        caution(f"{told}. Rename what is a clip by itself")
    if alike:
        caution(
            f"the same content under two names: {list_some(alike)}. Keep one of them"
        )
    return sorted(kept)


def guess_clips(folder, videos, split=None, task=None):
    """Guess what each video of a folder shows from its folders and its name.

    `split` and `task` are what is known already. Returns a Clip each, the whole video,
    of a frame count that is not known yet, 0.
    """
    texts = [describe_place(folder, video) for video in videos]
    task = task or safe_name(Path(folder).resolve().name) or "Task"
    told = settle_labels(
        spell_alike(find_best(find_animal, ANIMAL_PATTERNS, texts)[0]),
        list(map(find_group, texts)),
        [next(filter(None, each), None) for each in find_sessions(texts)],
    )
    columns = zip(videos, texts, name_clips(folder, videos), *told, strict=True)
    return [
        data.Clip(
            split or find_split(text) or "train",
            *(task, name, 0, math.nan, animal, group, session),
            video=video.resolve().as_posix(),
        )
        for video, text, name, animal, group, session in columns
    ]


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
    """Find in each text what patterns find, those that fit most of them first."""
    tried = [[find(pattern, text) for text in texts] for pattern in patterns]
    return sorted(tried, key=lambda column: -sum(map(bool, column)))


def find_sessions(texts):
    """List all that may tell the session of each text, the most usual kind first."""
    return zip(*find_best(find_session, SESSION_PATTERNS, texts), strict=True)


def find_session(pattern, text):
    found = re.search(START + pattern + END, text, re.I)
    return found and found[1]


def find_animal(pattern, text):
    """Find an animal in a path, its number as it is written: `rat_012` is `Rat 012`."""
    for found in re.finditer(START + pattern + END, text, re.I):
        word, number = found[1], found[2].casefold()
        if word.casefold() not in NO_ANIMAL:
            number = number.upper() if number.isalpha() else number
            return f"{word.capitalize()} {number}" if len(word) > 2 else word + number
    return None


def spell_alike(animals):
    """Spell an animal that is written in two ways, `m01` and `M1`, as most often."""
    spelled = {}
    for animal, _ in Counter(filter(None, animals)).most_common():
        spelled.setdefault(form_of_animal(animal), animal)
    return [animal and spelled[form_of_animal(animal)] for animal in animals]


def find_split(text):
    words = [word.casefold() for word in text.split("/")[:-1]]
    return next((SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS), None)


def find_group(text):
    """Find the word for a group in a path; that of the lowest folder, else the name."""
    *folders, name = text.split("/")
    for part in [*reversed(folders), name]:
        for word in re.split(r"[\s_.,()]+|(?<=[a-z])(?=[A-Z])", part):
            if labels.simplify(word).replace("-", "") in GROUPS:
                return word.capitalize() if word.islower() else word
    return None


def settle_labels(animals, groups, sessions):
    """Settle labels together: lists of animals, groups and sessions.

    What all animals get one after the other is a session. Where numbers begin anew in
    each group, as of sham and stroke, each group has animals of its own.
    """
    of_animal = defaultdict(set)
    for animal, group in zip(animals, groups, strict=True):
        of_animal[animal].add(group)
    of_animal.pop(None, None)
    both = sorted(animal for animal, own in of_animal.items() if len(own - {None}) > 1)
    words = {labels.simplify(group) for group in filter(None, groups)}
    is_given = bool(words & GIVEN) or len(words) == 1
    is_all = len(of_animal) > 1 and all(len(own) > 1 for own in of_animal.values())
    if (
        is_given
        and is_all
        and not any(s and g for s, g in zip(sessions, groups, strict=True))
    ):
        told = ", ".join(sorted({group for group in groups if group}))
        caution(
            f"{told}: every animal has it and something else, so taken for a session"
        )
        sessions = [s or g for s, g in zip(sessions, groups, strict=True)]
        groups = [None] * len(groups)
    elif both:
        own = ", ".join(sorted(of_animal[both[0]] - {None}))
        caution(
            f"{list_some(both)} in several groups ({own}): taken for animals of their "
            f"own in each, as {own.split(', ')[0]} {both[0]}. If they are the same, "
            "give them one name in the column animal"
        )
        pairs = zip(animals, groups, strict=True)
        animals = [f"{g} {a}" if a in both and g else a for a, g in pairs]
    return animals, groups, sessions


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
