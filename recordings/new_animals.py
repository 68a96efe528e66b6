"""Which animals new videos show, in which groups and sessions, and whether a run that
is to score them has learned from them.
"""

import contextlib
import os
import re
from pathlib import Path

import data
from features import provenance
from names import matching
from recordings import animals, discover
from system import tables
from system.tables import count, list_some
from system.terminal import Problem, caution


def find_places(videos):
    """Find the whole paths of videos, and the folder that they share."""
    places = [Path(os.path.abspath(video)) for video in videos]  # noqa: PTH100
    return places, Path(os.path.commonpath([place.parent for place in places]))


def guess_clips(videos):
    """Guess what videos show from their names and folders, as extract_files.py does.

    By names of clips that no two videos share, in the order of the videos. The two
    folders above the one that all videos share are searched for a word such as `Rat 9`.
    It counts where no name tells an animal, and goes before the one, `r9`, that is told
    without such a word.
    """
    places, base = find_places(videos)
    clips, words = discover.guess_clips(base, places), discover.WORDS
    above = discover.find_animal(words, "/".join(base.parts[-2:]))
    texts = [discover.describe_place(base, place) for place in places]
    is_surer = len({clip.animal for clip in clips} - {None}) == 1 and not (
        re.search(r" (?:19|20)\d\d$", above or "")  # a year
        or any(discover.find_animal(words, text) for text in texts)
    )
    if is_surer:
        clips = [clip._replace(animal=above or clip.animal) for clip in clips]
    return {
        clip.name: clip._replace(animal=clip.animal or above, video=str(video))
        for video, clip in zip(videos, clips, strict=True)
    }


def read_labels(path, guessed):
    """Read animal, group and session of clips from a table: {clip: {label: str}}.

    `guessed`: see `guess_clips`. Raises Problem where a line may mean several videos,
    or two lines label one video differently; what fits no video is named.
    """
    records = tables.read_table(path, ("clip",), optional=data.LABELS).records()
    if records and not set(data.LABELS) & set(records[0][1]):
        raise Problem(f"{path} has none of the columns {', '.join(data.LABELS)}")
    places, base = find_places([clip.video for clip in guessed.values()])
    paths = [(str(place), str(place.relative_to(base))) for place in places]
    rows = [(line, row) for line, row in records if row["clip"]]
    known = dict(zip(guessed, paths, strict=True))
    match = matching.match_names([row["clip"] for _, row in rows], known)
    found, faults = {}, [f"{path}: {fault}" for fault in match.doubtful]
    for line, row in rows:
        name = match.found.get(row["clip"])
        labels = {label: row[label] for label in data.LABELS if row.get(label)}
        if name and found.setdefault(name, labels) != labels:
            told = f"the labels of {row['clip']} differ from those in another line"
            faults.append(f"{path}:{line}: {told}")
    if faults:
        raise Problem(tables.summarise(faults))
    if not found:
        first = ", ".join(match.missing[:3]) or "nothing"
        raise Problem(f"{path} names none of the {len(guessed)} videos, but {first}")
    matching.warn_of_dates([labels.get("animal") for labels in found.values()], path)
    if match.missing:
        near = matching.explain_first(match.missing, guessed)
        caution(f"{path}: no video here is called {list_some(match.missing)}{near}")
    if unlabelled := [name for name in guessed if name not in found]:
        caution(f"{path}: no line for {list_some(unlabelled)}")
    return found


def label_clips(guessed, in_table, run, animals_path=None):
    """Settle animal, group and session of clips: {name: Clip}.

    The lines of a table of clips count most, then a table of animals, then what the
    run's patterns find in the name, then the guess; but where a table named the
    training animals, the guess goes before the patterns.
    """
    places, base = find_places([clip.video for clip in guessed.values()])
    clips = {}
    for name, clip in guessed.items():
        by_name = {
            "animal": data.match_name(name, run.animal_pattern),
            "group": data.match_name(name, run.group_pattern),
            "session": data.session_of(name),
        }
        if not (run.animals and clip.animal):
            clip = clip._replace(**{k: found for k, found in by_name.items() if found})
        clips[name] = clip._replace(**in_table.get(name, {}))
    if animals_path:
        pairs = zip(clips.values(), places, strict=True)
        placed = [clip._replace(video=str(place)) for clip, place in pairs]
        told = animals.find_labels(placed, animals_path, base)
        for name, labels in zip(guessed, told, strict=True):
            clips[name] = clips[name]._replace(**{**labels, **in_table.get(name, {})})
    return clips


def tabulate(clips, run):
    """Make a table of clip, animal, group and session, from labels or else names."""
    owners = [data.animal_of(clip, run.animal_pattern) for clip in clips]
    table = data.tabulate_clips(clips, owners, run.group_pattern)
    return table[["clip", *data.LABELS]]


def describe_animals(clips, in_table):
    """Describe which animals the names give; caution of clips that give none."""
    if lost := [name for name, clip in clips.items() if not clip.animal]:
        caution(
            f"the names of {len(lost)} clips give no animal, so each counts as an "
            f"animal by itself: {list_some(lost)}. Give a table with the columns "
            "clip,animal as --table"
        )
    told = {name for name, labels in in_table.items() if labels.get("animal")}
    named = [c.animal for n, c in clips.items() if c.animal and n not in told]
    found = dict.fromkeys(named)
    whose = f"{count(len(named), 'clip')} of {count(len(found), 'animal')}"
    text = f"{whose}, by the names of files and folders: {list_some(found)}"
    return text if named else ""


def digest_videos(guessed):
    """Compute checksums of videos, None of those that cannot be read, by clip."""
    found = dict.fromkeys(guessed)
    for name, clip in guessed.items():
        with contextlib.suppress(OSError):  # reported when the video is scored
            found[name] = provenance.digest_source([Path(clip.video)])
    return found


def find_trained(clips, digests, run, are_others=False):
    """Find the clips that a run was trained on, and those of animals it has seen.

    A clip is known by the checksum of its video, or by its name unless its video and
    its animal are others; an animal by its name, however written, unless another lab
    trained the run, or by another clip of it that is known. `are_others`: other animals
    have the same names, which count for nothing then. A dict, by clip, of how the run
    knows it.
    """
    base = run.find_base()  # where the run was recalibrated
    found = find_trained(clips, digests, base, are_others) if base else {}
    seen, alike = run.clips_were.digests or {}, {}
    owners = {name: run.animal_of(name) for name in run.targets}
    names = {} if are_others else {plain_name(name): name for name in owners}
    own = {clip.animal or name for name, clip in clips.items()}
    meant = {} if are_others else animals.match_animals(own, {*owners.values()})
    for name, clip in clips.items():
        animal, digest = meant.get(clip.animal or name), digests[name]
        stem = plain_name(Path(clip.video).stem)
        same = names.get(plain_name(name)) or names.get(stem)
        if same and clip.animal and seen.get(same, digest) != digest:
            same = same if owners[same] == animal and not run.received else None
        if digest in seen.values():
            found[name] = "its video was seen in training"
        elif same:
            found[name] = "clip seen in training"
        elif animal:
            as_other = f" as {animal}" if animal != clip.animal else ""
            alike[name] = f"animal seen in training{as_other}"
    sure = {n for n in found if digests[n] in seen.values() or not run.received}
    known = {clips[name].animal for name in sure} - {None}
    for name, clip in clips.items():
        if clip.animal in known:
            found.setdefault(name, alike.pop(name, "animal seen in training"))
    if alike and run.received:
        caution(
            f"{len(alike)} clips are of animals with names of training animals "
            f"({list_some(alike)}). As the run was received from elsewhere, they "
            "are taken for others. If they are the same, the scores are no predictions"
        )
        return found
    return found | alike


def plain_name(name):
    return matching.list_forms(name)[-1]
