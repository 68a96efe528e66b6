"""Which files a clip is made of: numbered images, or one video.

A folder is listed once and again when it has changed, however many clips it holds.
"""

import os
import re
import time
import unicodedata
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from console import Problem
from files import TEMPORARY

VIDEO_SUFFIXES = (
    *(".avi", ".mp4", ".mov", ".mkv", ".mpg", ".webm", ".m4v", ".mpeg", ".wmv", ".asf"),
    *(".ts", ".mts", ".m2ts", ".m2t", ".flv", ".f4v", ".3gp", ".3g2", ".mj2", ".vob"),
    *(".divx", ".qt", ".gif", ".tif", ".tiff"),
)
STACK_SUFFIXES = (".tif", ".tiff")
PICTURE_SUFFIXES = (".gif", *STACK_SUFFIXES)  # beside a film they show it, no more
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
RAW_SUFFIXES = (
    *(".h264", ".264", ".avc", ".h265", ".265", ".hevc", ".m1v", ".m2v", ".mpv"),
    *(".mjpeg", ".mjpg"),
)
OTHER_SUFFIXES = (
    *(".ogv", ".ogm", ".mxf", ".dv", ".rm", ".rmvb", ".mod", ".tod", ".nut", ".y4m"),
    *(".ivf", ".seq", ".cine", ".ufmf", ".fmf", ".dav", ".amv", ".wtv", ".braw"),
    *(".r3d", ".insv", ".lrv", ".swf", ".apng", ".webp"),
)
SETTLED = 2.0  # seconds; two changes of a folder within them may show as one
NUMBERED = re.compile(r"(.*)-(\d+)\.(?:jpg|jpeg|png)", re.DOTALL | re.ASCII | re.I)
LISTINGS = {}  # of this process


class Listing(NamedTuple):
    """The files of a folder by the clip that they belong to, in normal form C.

    Attributes
    ----------
    changed : int
        When the folder changed, in nanoseconds.
    images : dict of str to dict of int to list of str
        File names by clip and number.
    files : dict of str to list of str
        File names by what stands before the ending.
    """

    changed: int
    images: dict
    files: dict


def list_folder(folder):
    """List a folder, anew only where it has changed since the last call.

    Raises
    ------
    Problem
        When it is not readable. A folder that is not there is empty.
    """
    folder = str(folder)
    try:
        changed = os.stat(folder).st_mtime_ns  # noqa: PTH116
        known = LISTINGS.get(folder)
        if known and known.changed == changed:
            return known
        began = time.time()
        listing = Listing(changed, defaultdict(dict), defaultdict(list))
        with os.scandir(folder) as entries:
            for name in sorted(entry.name for entry in entries):
                sort_in(listing, name)
    except (FileNotFoundError, NotADirectoryError):
        return Listing(0, {}, {})
    except OSError as error:
        raise Problem(f"{folder}: not readable ({error.strerror})") from None
    if began - changed / 1e9 > SETTLED:
        LISTINGS[folder] = listing
    return listing


def sort_in(listing, name):
    """Put a file's name where its clip will look for it."""
    plain = normalize(name)
    if found := NUMBERED.fullmatch(plain):
        numbers = listing.images[found[1]]
        numbers.setdefault(int(found[2]), []).append(name)
    listing.files[plain.rpartition(".")[0] or plain].append(name)


def normalize(name):
    """Bring a name into one form: a Mac stores umlauts in two pieces."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


# ---------------------------------------------------------------- a clip's files


def find_source(folder, clip):
    """Find the images of a clip, ordered by number, and its video.

    A clip that moved from one split to the other in the table is found where it was.

    Returns
    -------
    (list of Path, Path or None)
    """
    splits = sorted(("train", "test"), key=lambda split: split != clip.split)
    folders = [Path(folder) / split / clip.task for split in splits]
    for place in folders:
        images = list_images(place, clip.name)
        if images and list_unfinished(place, clip.name):
            raise Problem("its slicing was cut short. Give extract_files.py again")
        if images:
            return images, None
        if videos := list_videos(place, clip.name):
            if len(videos) > 1:
                raise Problem(
                    f"two videos of one clip: {videos[0]} and {videos[1].name}"
                )
            return [], videos[0]
    found = [explain_left_out(path) for path in list_left_out(folders, clip.name)]
    raise Problem(
        f"neither {clip.name}-0001.jpg nor {clip.name}.avi (or {VIDEO_SUFFIXES[1]} "
        f"...) in {folders[0]} or {folders[1]}" + "".join(f". {text}" for text in found)
    )


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
    if numbers and numbers[-1] - numbers[0] >= len(numbers):
        missing = (n for n in range(numbers[0], numbers[-1]) if n not in numbered)
        shown = ", ".join(str(n) for n, _ in zip(missing, range(10), strict=False))
        n_missing = numbers[-1] - numbers[0] + 1 - len(numbers)
        raise Problem(f"{n_missing} frames are missing in {folder}: number {shown}")
    return [Path(folder) / numbered[number][0] for number in numbers]


def list_unfinished(folder, name):
    """List the images that a killed slicing left under their temporary names."""
    numbered = list_folder(folder).images.get(normalize(f"{TEMPORARY}{name}"), {})
    return [Path(folder) / name for names in numbered.values() for name in names]


# ---------------------------------------------------------------- what is left out


def suffix_of(path):
    return os.path.splitext(path)[1].lower()  # noqa: PTH122


def is_video(path):
    return suffix_of(path) in VIDEO_SUFFIXES and Path(path).name[0] != "."


def looks_like_video(path):
    """Tell whether a file seems to be a video that nobody here reads."""
    suffix = suffix_of(path)
    return suffix in RAW_SUFFIXES + OTHER_SUFFIXES and Path(path).name[0] != "."


def list_left_out(folders, name):
    """List the files of a clip in folders that seem to be videos and are not read."""
    return [
        Path(folder) / file
        for folder in folders
        for file in list_folder(folder).files.get(normalize(name), [])
        if looks_like_video(file)
    ]


def explain_left_out(path):
    """Say why a file that seems to be a video is not read, and what converts it."""
    path = Path(path)
    if suffix_of(path) in RAW_SUFFIXES:
        why, options = "has no times, so nothing tells its frame rate", "-c copy"
        command = f'ffmpeg -framerate 30 -i "{path}" {options}'
    else:
        why = "is of a kind that is not read here"
        command = f'ffmpeg -i "{path}" -c:v libx264 -crf 12'
    return f'{path.name} {why}. Convert it: {command} "{path.with_suffix(".mp4")}"'
