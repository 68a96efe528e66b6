"""Which files a clip is made of: numbered images, or one video.

A folder is listed once and again when it has changed, however many clips it holds.
"""

import filecmp
import functools
import os
import re
import time
import unicodedata
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from names.matching import explain_first
from system import storage
from system.storage import TEMPORARY
from system.terminal import Problem


def list_suffixes(text):
    return tuple(f".{word}" for word in text.split())


VIDEO_SUFFIXES = list_suffixes(
    "avi mp4 mov mkv mpg webm m4v mpeg wmv asf ts mts m2ts m2t flv f4v 3gp 3g2 mj2 vob "
    "divx qt gif tif tiff"
)
STACK_SUFFIXES = (".tif", ".tiff")
PICTURE_SUFFIXES = (".gif", *STACK_SUFFIXES)  # beside a film they show it, no more
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
RAW_SUFFIXES = list_suffixes(
    "h264 264 avc h265 265 hevc m1v m2v mpv mjpeg mjpg"  # without times
)
OTHER_SUFFIXES = list_suffixes(
    "ogv ogm mxf dv rm rmvb mod tod nut y4m ivf seq cine ufmf fmf dav amv wtv braw r3d "
    "insv lrv swf apng webp"
)
# The comment of an image that was sliced from a film: size, time, sha256, part
NOTE = re.compile(r"sliced from (\d+) (\d+) (\w+) ?(.*)", re.DOTALL)
SETTLED = 2.0  # seconds; two changes of a folder within them may show as one
NUMBERED = re.compile(r"(.*)-(\d+)\.(?:jpg|jpeg|png)", re.DOTALL | re.ASCII | re.I)


class Listing(NamedTuple):
    """The files of a folder by the clip that they belong to, in normal form C."""

    images: dict  # of file names, lists by clip and number
    files: dict  # of file names, lists by what stands before the ending


def list_folder(folder):
    """List a folder, anew only where it has changed; one that is not there is empty."""
    try:
        changed = Path(folder).stat().st_mtime_ns
        is_settled = time.time() - changed / 1e9 > SETTLED
        read = list_changed if is_settled else list_changed.__wrapped__
        return read(str(folder), changed)
    except (FileNotFoundError, NotADirectoryError):
        return Listing({}, {})
    except OSError as error:
        raise Problem(f"{folder}: not readable ({error.strerror})") from None


@functools.lru_cache(maxsize=256)
def list_changed(folder, _changed):
    listing = Listing(defaultdict(dict), defaultdict(list))
    for name in sorted(os.listdir(folder)):  # noqa: PTH208, names are enough
        plain = normalize(name)
        if found := NUMBERED.fullmatch(plain):
            listing.images[found[1]].setdefault(int(found[2]), []).append(name)
        listing.files[plain.rpartition(".")[0] or plain].append(name)
    return listing


def normalize(name):
    """Bring a name into one form: a Mac stores umlauts in two pieces."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


# ---------------------------------------------------------------- a clip's files


def find_source(folder, clip):
    """Find the files of a clip, its images by number or its one video: list of Path.

    A clip that moved from one split to the other in the table is found where it was.
    Where the table names a video, that counts and no other.
    """
    if clip.video:
        return [find_video(folder, clip)]
    splits = sorted(("train", "test"), key=lambda split: split != clip.split)
    folders = [Path(folder) / split / clip.task for split in splits]
    own, other = (find_in_place(place, clip.name) for place in folders)
    if own and other and not is_same_clip(own, other):
        raise Problem(
            f"{folders[0]} and {folders[1]} hold different clips of this name, and a "
            "clip is known by its name alone. Rename one, in the table too"
        )
    if own or other:
        return own or other
    name, hints, there = normalize(clip.name), "", set()
    for place in folders:
        listing = list_folder(place)
        unread = filter(looks_like_video, listing.files.get(name, []))
        hints += "".join(f". {explain_left_out(place / file)}" for file in unread)
        there |= {*listing.images}
        there |= {n for n, found in listing.files.items() if any(map(is_video, found))}
    raise Problem(
        f"neither {clip.name}-0001.jpg nor {clip.name}.avi (or {VIDEO_SUFFIXES[1]} "
        f"...) in {folders[0]} or {folders[1]}{hints}"
        + explain_first([clip.name], there)
    )


def find_files(folder, clip):
    """Find the files of a clip, as `find_source`; none where they are not there."""
    try:
        return find_source(folder, clip)
    except Problem:
        return []


def find_moved(folder, clips):
    """List the clips, as text, that lie in the folder of the other split only."""
    moved, in_place = {}, set()
    for clip in clips:
        if not clip.video and (paths := find_files(folder, clip)):
            split = paths[0].parent.parent.name
            in_place |= {clip.name} if split == clip.split else set()
            moved[clip.name] = f"{clip.name} (in {split})"
    return [text for name, text in moved.items() if name not in in_place]


def find_video(folder, clip):
    """Find the video that the table names for a clip, from the working folder on."""
    name = clip.video if os.sep == "\\" else clip.video.replace("\\", "/")
    path = Path(folder) / name
    if not path.is_file():
        raise Problem(
            f"its video is not there: {path}. Correct the column `video` or, where all "
            "recordings have moved, give extract_files.py --from their new folder"
        )
    if not is_video(path):
        raise Problem(explain_left_out(path))
    return path


def find_in_place(folder, name):
    """Find the files of a clip in the folder of a split and task, if they are there."""
    images = list_images(folder, name)
    if images and list_unfinished(folder, name):
        raise Problem("its slicing was cut short. Give extract_files.py again")
    found = images or list_videos(folder, name)
    if not images and len(found) > 1:
        raise Problem(f"two videos of one clip: {found[0]} and {found[1].name}")
    return found


def is_same_clip(one, other):
    """Tell whether what both splits hold under one name is the same, to the byte."""
    if is_image(one[0]) != is_image(other[0]):
        return True  # images of a video, which are not compared
    pairs = zip(one, other, strict=False)
    are_same = (filecmp.cmp(*pair, shallow=False) for pair in pairs)
    return len(one) == len(other) and all(are_same)


def list_videos(folder, name):
    """List the videos of a clip; GIF and TIFF only where there is no other."""
    names = list_folder(folder).files.get(normalize(name), [])
    videos = [Path(folder) / n for n in names if suffix_of(n) in VIDEO_SUFFIXES]
    films = [path for path in videos if suffix_of(path) not in PICTURE_SUFFIXES]
    return films or videos


def list_images(folder, name):
    """List the images `<name>-<digits>.<ext>` by number; none may be missing."""
    numbered = list_folder(folder).images.get(normalize(name), {})
    for number, names in numbered.items():
        if len(names) > 1:
            first, second = (Path(folder) / n for n in names[:2])
            raise Problem(f"frame {number} twice: {first} and {second}")
    numbers = sorted(numbered)
    missing = {*range(numbers[0], numbers[-1])} - {*numbers} if numbers else ()
    if missing:
        shown = ", ".join(map(str, sorted(missing)[:10]))
        told = f"{len(missing)} frames are missing in {folder}: number {shown}"
        raise Problem(told)
    return [Path(folder) / numbered[number][0] for number in numbers]


def list_unfinished(folder, name):
    """List the images that a killed slicing left under their temporary names."""
    numbered = list_folder(folder).images.get(normalize(f"{TEMPORARY}{name}"), {})
    return [Path(folder) / name for names in numbered.values() for name in names]


# ---------------------------------------------------------------- images of a film


def describe_film(path, part=""):
    """Describe a film, and the part of it that is meant, for the images made of it."""
    stat = Path(path).stat()
    digest = storage.digest_file(path)
    return f"sliced from {stat.st_size} {stat.st_mtime_ns} {digest} {part}".strip()


def is_made_of(image, film, part=None):
    """Tell whether an image was made of a film; yes, where it does not tell of what.
    `part` is that of `describe_film`, None: whatever it was."""
    try:
        with Image.open(image, formats=("JPEG",)) as opened:
            note = NOTE.match(opened.info.get("comment", b"").decode(errors="replace"))
        stat = Path(film).stat()
    except (OSError, ValueError, SyntaxError):
        return True  # what is wrong with it is said where it is read
    if not note:
        return True
    size, changed, digest, made = note.groups()
    if part not in (None, made) or size != str(stat.st_size):
        return False
    return changed == str(stat.st_mtime_ns) or digest == storage.digest_file(film)


def find_replaced(paths, name):
    """Find the film beside the images of a clip that are of another film, or None."""
    films = list_videos(paths[0].parent, name) if is_image(paths[0]) else []
    is_other = len(films) == 1 and not is_made_of(paths[0], films[0])
    return films[0] if is_other else None


# ---------------------------------------------------------------- what is not listed


def suffix_of(path):
    return os.path.splitext(path)[1].lower()  # noqa: PTH122


def is_image(path):
    return suffix_of(path) in IMAGE_SUFFIXES


def is_video(path):
    return suffix_of(path) in VIDEO_SUFFIXES and Path(path).name[0] != "."


def looks_like_video(path):
    """Tell whether a file seems to be a video of an unsupported kind."""
    suffix = suffix_of(path)
    return suffix in RAW_SUFFIXES + OTHER_SUFFIXES and Path(path).name[0] != "."


def explain_left_out(path):
    """Say why a file that seems to be a video is not read, and what converts it."""
    path, why = Path(path), "is of a kind that is not read here"
    command = f'ffmpeg -i "{path}" -c:v libx264 -crf 12'
    if suffix_of(path) in RAW_SUFFIXES:
        why = "has no times, so nothing tells its frame rate"
        command = f'ffmpeg -framerate 30 -i "{path}" -c copy'
    return f'{path.name} {why}. Convert it: {command} "{path.with_suffix(".mp4")}"'
