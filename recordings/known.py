"""Clips of recordings that the table lists already: which row is which clip."""

import filecmp
import itertools
import math
import os
import re
from collections import Counter, defaultdict
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
    called: str = ""  # the name that was asked for

    def list_columns(self):
        """Name the columns that change, once the frames are counted."""
        is_longer = self.clip.n_frames != self.row.n_frames
        return [*self.changes, *["n_frames"] * is_longer]

    def show_listed(self):
        """Give the clip the labels of its row."""
        kept = [c for c in data.LABELS if self.row and c not in self.changes]
        labels = {c: getattr(self.row, c) or getattr(self.clip, c) for c in kept}
        return self.clip._replace(**labels)


def recognise(folder, source, clips, listed, task=None):
    """Find the rows of clips that are listed, so that none is listed twice: Knowns.

    A recording is known by its place; where the listed place is empty by the end of it,
    so that a folder may move to another drive. A clip is known by its part of the
    recording, else by its name. One that only shares the name of another film gets a
    separate name. `task` is the one that was asked for: the table refuses another.
    """
    rows_of = find_rows(folder, source, {clip.video for clip in clips}, listed)
    named = {fold(row.name): row for row in reversed(listed)}
    known = {c for row in listed for c in data.LABELS if getattr(row, c) is not None}
    lacking = [c for c in data.LABELS if c not in known]
    taken, found, pairs = set(), {}, []
    for number, clip in enumerate(clips):  # first those of the same part of a recording
        same = (r for r in rows_of[clip.video] if list_part(r) == list_part(clip))
        if row := next((r for r in same if fold(r.name) not in taken), None):
            taken.add(fold(row.name))
            found[number] = row
    for number, clip in enumerate(clips):
        row, form = found.get(number), fold(clip.name)
        if row is None and form in named:
            row = named[form]
            if form in taken or is_another_trial(clip, row):
                row, clip = None, number_anew(clip, named)
            elif row and is_other_film(folder, clip, row, rows_of[clip.video]):
                row, clip = None, name_by_folder(clip, source, named)
        if row and clip.task != row.task and (task or row not in rows_of[clip.video]):
            row = None
        taken.add(fold((row or clip).name))
        named.setdefault(fold(clip.name), row)
        pairs.append(compare(folder, clip, row, lacking)._replace(called=clip.name))
    return pairs


def follow_table(known, labels):
    """Give clips the labels that a table of animals tells, and have rows that are
    listed changed in these alone: list of Known."""
    found = []
    for one, told in zip(known, labels, strict=True):
        changes = [column for column in one.changes if column not in told]
        changes += [c for c in told if one.row and getattr(one.row, c) != told[c]]
        clip = one.clip._replace(**told)
        found.append(one._replace(clip=clip, changes=tuple(changes)))
    return found


def inherit(known, guessed, listed):
    """Let new clips have the animals and groups that the table gives to clips that were
    `guessed` alike; a group that nothing tells is that of the animal."""
    called, groups = defaultdict(set), defaultdict(set)
    guesses = {one.clip.animal for one in known} - {None}
    guesses |= {f"{o.clip.group} {o.clip.animal}" for o in known if o.clip.animal}
    spelled = match_animals(guesses, {row.animal for row in listed} - {None})
    for one, guess in zip(known, guessed, strict=True):
        if one.row:
            called[guess.animal].add(one.show_listed().animal)
    for row in listed:
        groups[row.animal].add(row.group)
    for one in known:
        clip = one.clip
        if one.row is None and clip.animal:
            (animal, *others) = called.get(clip.animal) or {clip.animal}
            animal = clip.animal if others or animal is None else animal
            forms = f"{clip.group} {animal}", animal  # see settle_labels
            known_as = [spelled.get(form) for form in forms]
            animal = known_as[0] or known_as[1] or animal
            (group, *others) = groups.get(animal) or {None}
            group = clip.group or (None if others else group)
            if group and animal in groups and {group, None}.isdisjoint(groups[animal]):
                caution(
                    f"{clip.name}: {animal} is in {group} here and in "
                    f"{', '.join(sorted(groups[animal]))} in the table. If they are "
                    "two animals, give them two names in the column animal"
                )
            one = one._replace(clip=clip._replace(animal=animal, group=group))
        yield one


def inherit_region(known, listed, is_given):
    """Let new clips be seen as all listed ones are, where nothing else is given."""
    new = [o for o in known if not (o.row or o.clip.crop or o.clip.mirror is not None)]
    tasks = {one.clip.task for one in new}
    seen = Counter((r.crop, r.mirror or None) for r in listed if r.task in tasks)
    (crop, mirror), n = seen.most_common(1)[0] if seen else ((None, None), 0)
    if is_given or not (crop or mirror):
        return known
    region = f"--crop {','.join(map(str, crop))} " if crop else ""
    region = (region + "--mirror" * bool(mirror)).strip()
    clips, others = count(len(new), "new clip"), f"as {n} listed"
    if len(seen) > 1:
        caution(f"{clips} shown in full, and not with {region}, {others}")
        return known
    caution(f"{clips} taken with {region}, {others}; give others to change that")
    return [
        o._replace(clip=o.clip._replace(crop=crop, mirror=mirror)) if o in new else o
        for o in known
    ]


def is_another_trial(clip, row):
    """Tell whether a trial has a row's number by chance: it shares no time with it."""
    if row is None or not NUMBERED.search(clip.name) or row.video is None:
        return False
    times = [(c.start or 0, math.inf if c.end is None else c.end) for c in (clip, row)]
    (start, end), (listed_start, listed_end) = times
    return end <= listed_start or listed_end <= start


def list_part(clip):
    return write_field(clip.start), write_field(clip.end)


def locate(folder, row):
    """Tell where the video of a row lies, or should lie; None where it names none."""
    if not row.video:
        return None
    name = row.video if os.sep == "\\" else row.video.replace("\\", "/")
    return Path(os.path.normpath(Path(folder).resolve() / name))


def find_rows(folder, source, videos, listed):
    """List the rows of each video: of its place, or of one that it has moved from; one
    with a new name is known by its content, once its sequence was made."""
    by_place = defaultdict(list)
    for row in listed:
        if place := locate(folder, row):
            by_place[place.as_posix()].append(row)
    gone = {p: rows for p, rows in by_place.items() if not Path(p).is_file()}
    known, rows_of = provenance.list_digests(folder) if gone else {}, {}
    renamed = {known.get(row.name): rows for rows in gone.values() for row in rows}
    renamed.pop(None, None)
    for video in videos:
        end = f"/{discover.place_in(source, video)}"
        moved = [rows for place, rows in gone.items() if place.endswith(end)]
        found = by_place.get(video) or (moved[0] if len(moved) == 1 else [])
        if renamed and not found:
            found = renamed.get(provenance.digest_source([Path(video)]), [])
        rows_of[video] = found
    return rows_of


def is_other_film(folder, clip, row, rows):
    """Tell whether a row that has a clip's name stands for another film."""
    if row in rows or row.task != clip.task:
        return False  # under another task: the table refuses it
    there = [p for p in find.find_files(folder, row) if not find.is_image(p)]
    return bool(there) and not filecmp.cmp(there[0], clip.video, shallow=False)


def number_anew(clip, named):
    """Give a trial the next number that is free."""
    stem = f"{NUMBERED.sub('', clip.name)}_t"
    numbers = (f"{stem}{number:02d}" for number in itertools.count(1))
    return clip._replace(name=next(n for n in numbers if fold(n) not in named))


def name_by_folder(clip, source, named):
    """Put the folder of its recordings before the name that another film has."""
    name = discover.safe_name(f"{Path(source).resolve().name}_{clip.name}")
    clip = clip._replace(name=name)
    return number_anew(clip, named) if fold(name) in named else clip


def compare(folder, clip, row, lacking=()):
    """Pair a clip with its row, and name the columns in which that is to change. What a
    clip does not tell stays; `lacking` are columns that the table has lost."""
    if row is None:
        return Known(clip, None)
    place = locate(folder, row)
    is_gone = not (place.is_file() if place else find.find_files(folder, row))
    changes = ["video"] * is_gone
    for column in (*SEEN, *lacking) if row.video or is_gone else SEEN[2:]:
        new, old = getattr(clip, column), getattr(row, column)
        is_told = new is not None and (new or old is not None)
        if is_told and write_field(new) != write_field(old):
            changes.append(column)
    kept = {c: getattr(row, c) for c in SEEN if getattr(clip, c) is None}
    clip = clip._replace(split=row.split, task=row.task, name=row.name, **kept)
    return Known(clip, row, tuple(changes))


def describe_changes(known, split=None, n_shown=5):
    """Say what is listed already and what is to change in it: list of str."""
    listed = [one for one in known if one.row]
    changed = [one for one in listed if one.changes]
    lines = [f"{count(len(listed), 'clip')} listed already"] if listed else []
    for one in changed[:n_shown]:
        pairs = [(c, getattr(one.row, c), getattr(one.clip, c)) for c in one.changes]
        told = [f"{c} {write_field(a) or '-'} -> {write_field(b)}" for c, a, b in pairs]
        lines.append(f"  {one.clip.name}: {', '.join(told)}")
    if len(changed) > n_shown:
        lines.append(f"  ... and {len(changed) - n_shown} more that change")
    if other := [one for one in listed if split not in (None, one.row.split)]:
        lines.append(
            f"{count(len(other), 'clip')} listed as {other[0].row.split} (say, "
            f"{other[0].row.name}): they stay so. Change the column split in the table"
        )
    kept = [one for one in listed if not {*data.LABELS} & {*one.changes}]
    if other := [
        one
        for one in kept
        if any(
            getattr(one.clip, c) not in (None, getattr(one.show_listed(), c))
            for c in data.LABELS
        )
    ]:
        lines.append(
            f"{count(len(other), 'clip')} listed with another animal, group or session "
            f"(say, {other[0].clip.name}): the table's stay. Change them there"
        )
    return lines


def warn_of_renamed(known):
    """Caution of trials whose names in their table are not those of their rows."""
    named = [one for one in known if one.row and not NUMBERED.search(one.called)]
    if other := [one for one in named if fold(one.called) != fold(one.row.name)]:
        caution(
            f"{count(len(other), 'trial')} listed under another name (say, "
            f"{other[0].called} as {other[0].row.name}): the table's stays, as scores "
            "and sequences are known by it"
        )


def warn_of_gone(folder, listed, known):
    """Caution of listed clips whose video is there no more, nor in another place."""
    moved = {one.row.name for one in known if one.row}
    places = [(clip.name, locate(folder, clip)) for clip in listed]
    gone = [n for n, place in places if place and not place.is_file()]
    if gone := [name for name in gone if name not in moved]:
        caution(
            f"{count(len(gone), 'listed clip')} without a video: {list_some(gone)}. If "
            "a film was renamed, write its new name into the column video; delete the "
            "row of what is gone for good"
        )


def find_dropped(known, listed):
    """Name the listed trials of these recordings that their table no longer holds."""
    kept = {one.clip.name for one in known}
    videos = {one.row.video for one in known if one.row and one.row.video}
    trials = [row for row in listed if row.video in videos and any(list_part(row))]
    return [row.name for row in trials if row.name not in kept]
