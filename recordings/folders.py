"""Videos in folders of any depth: found, named where they are not there, or copies."""

import filecmp
import os
import re
from collections import defaultdict
from pathlib import Path

from system.tables import count, fold, list_some
from system.terminal import Problem, caution
from video import find

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


def find_videos(folder):
    """List the videos of a folder at any depth, sorted; what is not listed is named."""
    folder = Path(folder)
    if not folder.is_dir():
        raise Problem(f"--from {folder}: no such folder")
    if not (videos := pick_videos(list_files(folder))):
        raise Problem(f"--from {folder}: no video in it, at any depth")
    return videos


def list_files(folder):
    """List the files of a folder at any depth, sorted, through links, without those of
    the system; what is not on this disk is named."""
    root, found, absent, hidden = Path(folder).resolve(), [], [], []
    seen = {root, *root.parents}

    def note(error):
        absent.append(f"{error.filename} ({error.strerror})")

    for place, folders, files in os.walk(folder, followlinks=True, onerror=note):
        paths, folders[:] = [Path(place, name) for name in sorted(folders)], []
        for path in paths:
            real = path.resolve()
            if path.name[0] == "." or path.name.casefold() in SYSTEM_FOLDERS:
                hidden.append(path)
            elif not path.is_symlink() or not (real in seen or root in real.parents):
                folders.append(path.name)
                seen.add(real)
        for path in (Path(place, name) for name in files):
            was = ABSENT.fullmatch(path.name)
            if path.is_file() and not was:
                found.append(path)
            elif find.is_video(was[1] if was else path):
                kind = "a broken link" if path.is_symlink() else "a placeholder"
                absent.append(f"{path} ({kind})")
    if absent:
        caution(f"not on this disk, so not listed: {list_some(absent)}. Fetch it first")
    if with_films := [p for p in hidden if any(map(find.is_video, p.rglob("*.*")))]:
        told = count(len(with_films), "hidden or system folder")
        caution(f"{told} with videos not listed: {list_some(with_films)}")
    return sorted(found)


def pick_videos(paths):
    """Pick the videos among files; what looks like one and is not listed is named."""
    for path in filter(find.looks_like_video, paths):
        caution(f"not listed: {find.explain_left_out(path)}")
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
        is_listed = video.resolve() in listed
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
        told = f"{count(len(copies), 'copy', 'copies')} not listed"
        named = list_some(copies, 10)
        caution(f"{told}: {named}. Rename what is a clip by itself")
    if alike:
        named = list_some(alike)
        caution(f"the same content under two names: {named}. Keep one of them")
    return sorted(kept)
