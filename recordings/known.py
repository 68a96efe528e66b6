"""Clips of recordings that the table lists already: which row is which clip."""

import filecmp
import itertools
import math
import os
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import data
from features import provenance
from recordings import discover
from recordings.animals import match_animals
from system.tables import count, fold, list_some, write_field
from system.terminal import caution
from video import find

SEEN = ("start", "end", "crop", "mirror", "fps")  # which part of a video a clip is
NUMBERED = re.compile(r"_t\d+$")  # as trials are called that have no name


class Known(NamedTuple):
    """A clip of a recording, named as its row is where the table lists it."""

    clip: data.Clip
    row: data.Clip | None = None  # as it is listed; None: it is new
    changes: tuple = ()  # names of the columns that are to be changed

    def list_columns(self):
        """Name the columns that change, once the frames are counted."""
        is_longer = self.clip.n_frames != self.row.n_frames
        return [*self.changes, *["n_frames"] * is_longer]

    def show_listed(self):
        """Give the clip the labels of its row."""
        kept = [c for c in data.LABELS if self.row and c not in self.changes]
        labels = {c: getattr(self.row, c) or getattr(self.clip, c) for c in kept}
        return self.clip._replace(**labels)


class Listed:
    """The rows of a table of clips, among which clips of recordings are found.

    `folder` is the working folder, `source` that of the recordings.
    """

    def __init__(self, folder, source, rows):
        self.folder, self.source, self.rows = folder, source, rows
        self.named = {fold(row.name): row for row in reversed(rows)}
        told = {c for row in rows for c in data.LABELS if getattr(row, c) is not None}
        self.lacking = [c for c in data.LABELS if c not in told]
        self.at = defaultdict(list)  # place of a video -> its rows
        for row in rows:
            if place := self.locate(row):
                self.at[place].append(row)
        self.gone = {p: own for p, own in self.at.items() if not p.is_file()}
        digests = provenance.list_digests(folder) if self.gone else {}
        self.by_digest = {
            digests[row.name]: own
            for own in self.gone.values()
            for row in own
            if row.name in digests
        }

    def locate(self, row):
        """Tell where the video of a row should lie; None where it names none."""
        if not row.video:
            return None
        name = row.video if os.sep == "\\" else row.video.replace("\\", "/")
        return Path(os.path.normpath(Path(self.folder).resolve() / name))

    def find_rows(self, video):
        """List the rows of a video: of its place, or of one that it has moved from; one
        with a new name is known by its content, once its sequence was made."""
        if Path(video) in self.at:
            return self.at[Path(video)]
        end = f"/{discover.place_in(self.source, video)}"
        moved = [own for p, own in self.gone.items() if p.as_posix().endswith(end)]
        if len(moved) == 1:
            return moved[0]
        if not self.by_digest:
            return []
        return self.by_digest.get(provenance.digest_source([Path(video)]), [])

    def recognise(self, clips, task=None):
        """Find the rows of clips that are listed, so that none is listed twice: Knowns.

        A recording is known by its place; where the listed place is empty by the end of
        it, so that a folder may move to another drive. A clip is known by its part of
        the recording, else by its name. One that only shares the name of another film
        gets a separate name. `task` is the one that was asked for: the table refuses
        another.
        """
        rows_of = {v: self.find_rows(v) for v in {clip.video for clip in clips}}
        taken, parts, found = set(), [], []
        for clip in clips:  # first those of the same part of a recording
            same = (r for r in rows_of[clip.video] if list_part(r) == list_part(clip))
            parts.append(next((r for r in same if fold(r.name) not in taken), None))
            taken |= {fold(parts[-1].name)} if parts[-1] else set()
        for clip, row in zip(clips, parts, strict=True):
            form, own = fold(clip.name), rows_of[clip.video]
            if row is None and form in self.named:
                row = self.named[form]
                if form in taken or self.is_other(clip, row, own):
                    row, clip = None, self.rename(clip)
            if row and clip.task != row.task and (task or row not in own):
                row = None
            taken.add(fold((row or clip).name))
            self.named.setdefault(fold(clip.name), row)
            found.append(self.compare(clip, row))
        return found

    def is_other(self, clip, row, own):
        """Tell whether a row that has a clip's name stands for another trial, which
        shares no time with it, or film; `own` are the rows of the clip's video."""
        if row is None:
            return False
        if NUMBERED.search(clip.name) and row.video and not share_time(clip, row):
            return True
        if row in own or row.task != clip.task:
            return False  # under another task: the table refuses it
        there = [p for p in find.find_files(self.folder, row) if not find.is_image(p)]
        return bool(there) and not filecmp.cmp(there[0], clip.video, shallow=False)

    def rename(self, clip):
        """Give a clip a name that is free: a trial the next number, a film that of its
        folder, too."""
        stem, is_film = NUMBERED.sub("", clip.name), not NUMBERED.search(clip.name)
        if is_film:
            stem = discover.safe_name(f"{Path(self.source).resolve().name}_{stem}")
        numbers = (f"{stem}_t{number:02d}" for number in itertools.count(1))
        names = itertools.chain([stem] * is_film, numbers)
        return clip._replace(name=next(n for n in names if fold(n) not in self.named))

    def compare(self, clip, row):
        """Pair a clip with its row, and name the columns in which that is to change:
        not those in which the clip has no value."""
        if row is None:
            return Known(clip, None)
        place = self.locate(row)
        is_gone = not (place.is_file() if place else find.find_files(self.folder, row))
        changes = ["video"] * is_gone
        seen = (*SEEN, *self.lacking) if row.video or is_gone else SEEN[2:]
        for column in seen:
            new, old = getattr(clip, column), getattr(row, column)
            is_told = new is not None and (new or old is not None)
            if is_told and write_field(new) != write_field(old):
                changes.append(column)
        kept = {c: getattr(row, c) for c in SEEN if getattr(clip, c) is None}
        clip = clip._replace(split=row.split, task=row.task, name=row.name, **kept)
        return Known(clip, row, tuple(changes))

    def inherit(self, found, guessed):
        """Let new clips have the animals and groups that the table gives to clips that
        were `guessed` alike; a group that nothing tells is that of the animal."""
        called, groups = defaultdict(set), defaultdict(set)
        for one, guess in zip(found, guessed, strict=True):
            if one.row:
                called[guess.animal].add(one.show_listed().animal)
        for row in self.rows:
            groups[row.animal].add(row.group)
        named = [one.clip for one in found if one.clip.animal]
        guesses = {c.animal for c in named} | {f"{c.group} {c.animal}" for c in named}
        spelled = match_animals(guesses, groups.keys() - {None})
        for number, (clip, row, _) in enumerate(found):
            if row or not clip.animal:
                continue
            (animal, *others) = called.get(clip.animal) or {clip.animal}
            animal = clip.animal if others or animal is None else animal
            apart = spelled.get(f"{clip.group} {animal}")  # see settle_labels
            animal = apart or spelled.get(animal) or animal
            (group, *others) = groups.get(animal) or {None}
            group = clip.group or (None if others else group)
            if group and animal in groups and {group, None}.isdisjoint(groups[animal]):
                caution(
                    f"{clip.name}: {animal} is in {group} here and in "
                    f"{', '.join(sorted(groups[animal]))} in the table. If they are "
                    "two animals, give them two names in the column animal"
                )
            clip = clip._replace(animal=animal, group=group)
            found[number] = found[number]._replace(clip=clip)

    def inherit_region(self, found):
        """Let new clips be seen as all that are listed, where they do not tell it."""
        new = [
            number
            for number, (clip, row, _) in enumerate(found)
            if not (row or clip.crop or clip.mirror is not None)
        ]
        tasks, clips = {found[n].clip.task for n in new}, count(len(new), "new clip")
        seen = {(r.crop, r.mirror or None) for r in self.rows if r.task in tasks}
        if len(seen) > 1:
            told = "shown in full, and not with --crop or --mirror as some that are"
            caution(f"{clips} {told} listed")
        elif seen - {(None, None)}:
            ((crop, mirror),) = seen
            region = [f"--crop {','.join(map(str, crop))}"] if crop else []
            region = " ".join([*region, *["--mirror"] * bool(mirror)])
            caution(f"{clips} taken with {region}, as all that are listed")
            for n in new:
                clip = found[n].clip._replace(crop=crop, mirror=mirror)
                found[n] = found[n]._replace(clip=clip)

    def warn_of_gone(self, found):
        """Caution of listed clips whose video is there no more, nor elsewhere."""
        moved = {one.row.name for one in found if one.row}
        gone = [r.name for r in self.rows if self.locate(r) in self.gone]
        if gone := [name for name in gone if name not in moved]:
            told = f"{count(len(gone), 'listed clip')} without a video"
            caution(
                f"{told}: {list_some(gone)}. If a film was renamed, write its new name "
                "into the column video; delete the row of what is gone for good"
            )

    def find_dropped(self, found):
        """Name the listed trials of these recordings that are not among those found."""
        kept = {one.clip.name for one in found}
        videos = {one.row.video for one in found if one.row and one.row.video}
        trials = [r for r in self.rows if r.video in videos and any(list_part(r))]
        return [row.name for row in trials if row.name not in kept]


def share_time(clip, other):
    ends = [math.inf if each.end is None else each.end for each in (clip, other)]
    return max(clip.start or 0, other.start or 0) < min(ends)


def list_part(clip):
    return write_field(clip.start), write_field(clip.end)


def follow_table(found, labels):
    """Give clips the labels that a table of animals tells, and have rows that are
    listed changed in these alone: list of Known."""
    followed = []
    for one, told in zip(found, labels, strict=True):
        changes = [column for column in one.changes if column not in told]
        changes += [c for c in told if one.row and getattr(one.row, c) != told[c]]
        clip = one.clip._replace(**told)
        followed.append(one._replace(clip=clip, changes=tuple(changes)))
    return followed


def describe_changes(found, n_shown=5):
    """Say what is listed already and what is to change in it: list of str."""
    n_listed = sum(one.row is not None for one in found)
    changed = [one for one in found if one.changes]
    changed.sort(key=lambda one: {*one.changes} <= {"animal"})  # new groups first
    lines = []
    if n_listed:
        told = "their splits, names and labels stay, except for the changes shown"
        lines = [f"{count(n_listed, 'clip')} listed already; {told}"]
    for one in changed[:n_shown]:
        pairs = [(c, getattr(one.row, c), getattr(one.clip, c)) for c in one.changes]
        told = [f"{c} {write_field(a) or '-'} -> {write_field(b)}" for c, a, b in pairs]
        lines.append(f"  {one.clip.name}: {', '.join(told)}")
    if len(changed) > n_shown:
        lines.append(f"  ... and {len(changed) - n_shown} more that change")
    return lines
