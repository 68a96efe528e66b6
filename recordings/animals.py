"""A lab's table of animals: how each is called, and of which group it is."""

import re

import data
from names.labels import form_of
from names.matching import find_twice, form_of_animal, match_names, warn_of_dates
from recordings import discover
from system.tables import count, list_some, read_table, summarise
from system.terminal import Problem, caution


def read_animals(path):
    """Read a table of animals, a line each: dict of name to what it tells of labels."""
    found, faults = {}, []
    for line, record in read_table(path, ("animal",), optional=data.LABELS).records():
        if name := record["animal"]:
            told = {c: record[c] for c in data.LABELS if record.get(c)}
            if found.setdefault(name, told) != told:
                faults.append(f"{path}:{line}: {name} stands there twice, and differs")
    for form in find_twice({name: form_of_animal(name) for name in found}).values():
        alike = " and ".join(form)
        faults.append(f"{path}: {alike} may be one animal: which is meant?")
    if faults or not found:
        raise Problem(summarise(faults) or f"{path} lists no animal")
    warn_of_dates(found, path)
    return found


def find_labels(clips, path, source, rows=()):
    """Find what a lab's table tells of the animals of clips, whose videos are below
    `source`: a dict of labels each, empty where it does not tell the animal.

    An animal is known by its name as a word in the path of the video (a short one, as
    a folder), or by the name that was guessed, however that is written; where the table
    has bare numbers, by its number. Clips without an animal and animals without a clip
    are named. If the row of a listed clip (`rows`) was corrected to an animal, that one
    counts.
    """
    animals, words, names = read_animals(path), {}, []
    own = [row and row.animal for row in rows or [None] * len(clips)]
    meant = match_animals({*own, *(clip.animal for clip in clips)} - {None}, animals)
    for name in sorted(animals, key=len, reverse=True):
        is_long = len(name) > 2
        ends = (discover.START, discover.END) if is_long else ("(?<![^/])", "(?=/)")
        words[name] = re.compile(re.escape(name).join(ends), re.I)
    for clip, corrected in zip(clips, own, strict=True):
        place = discover.place_in(source, clip.video)
        found = [meant.get(corrected)] if corrected != clip.animal else []
        found += [name for name, word in words.items() if word.search(place)]
        names.append(next(filter(None, found), None) or meant.get(clip.animal))
    warn_of_others(path, clips, names, animals)
    found = [animals.get(name, {}) for name in names]
    warn_of_groups(path, clips, found)
    return found


def warn_of_groups(path, clips, found):
    """Caution where names of clips tell other groups than a table of animals."""
    forms = {form_of(told["group"]) for told in found if "group" in told}
    others = {}
    for clip, told in zip(clips, found, strict=True):
        group = form_of(clip.group or "")
        if "group" in told and group in forms and group != form_of(told["group"]):
            others.setdefault((told["animal"], clip.group, told["group"]), clip)
    if others:
        texts = [f"{one} ({name} in names, {own})" for one, name, own in others]
        caution(
            f"{path} gives animals other groups than names do, and counts: "
            f"{list_some(texts)}. Correct it if the names are right"
        )


def relabel(clips, path, pattern):
    """Give listed clips the group and session of their animal, which keeps its name, in
    a lab's table; `pattern` is as of `data.animal_of`."""
    animals, own = read_animals(path), [data.animal_of(clip, pattern) for clip in clips]
    meant = match_animals({*own}, animals)
    names = [meant.get(animal) for animal in own]
    warn_of_others(path, clips, names, animals)
    return [
        clip._replace(**{**animals.get(name, {}), "animal": animal})
        for clip, name, animal in zip(clips, names, own, strict=True)
    ]


def match_animals(guessed, animals):
    """Find the known animal that each name means: a dict of those that mean one.

    `Rat 1` also means 1, and 1 the only animal of that number.
    """
    meant = match_names(guessed, animals, form_of_animal).found
    forms = {one: form_of_animal(one) for one in {*guessed, *animals}}
    numbers = {one: re.sub(r"^\D+", "", form) for one, form in forms.items()}
    for one in {*guessed} - {*meant}:
        alike = [name for name in animals if numbers[name] == numbers[one] != ""]
        bare = [name for name in alike if forms[name] == numbers[name]]
        fits = alike if forms[one] == numbers[one] else bare
        if len(fits) == 1:
            meant[one] = fits[0]
    return meant


def warn_of_others(path, clips, names, animals):
    """Caution of clips without an animal of a table, and of animals without a clip."""
    if not any(names):
        told = list_some(sorted({clip.animal or clip.name for clip in clips}))
        raise Problem(
            f"{path} tells none of these animals: {told}. It lists {list_some(animals)}"
        )
    if lost := [c.name for c, name in zip(clips, names, strict=True) if not name]:
        told = f"no animal of {path} fits {count(len(lost), 'clip')}"
        caution(f"{told}: {list_some(lost)}")
    if idle := sorted({*animals} - {*names}):
        caution(f"no clip was found of these animals of {path}: {list_some(idle)}")
