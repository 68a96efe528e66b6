"""The loader: clips as `data_file.csv` lists them, their animals, groups and folds."""

import functools
import re

import numpy as np

from clip_table import COLUMNS, SPLITS, Clip, parse_clips
from names import labels, sessions
from system import storage
from system.tables import MAX_BYTES, fold, summarise
from system.terminal import Problem, caution

__all__ = ["SPLITS", "Clip", "summarise"]  # of the table itself, for whoever reads it

ANIMAL_PATTERN = r"_(g\d+)_"
GROUP_PATTERN = r"(Control|Stroke)"
# Not from `calendar`, whose names follow the language of the machine.
MONTHS = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)


def read_clips(folder, task=None):
    """Read `data_file.csv` of a working folder, of one task or of all: list of Clip.

    Raises Problem, which names every line that is wrong, or says that the task does not
    exist.
    """
    path = storage.table_path(folder)
    if not path.is_file():
        raise Problem(
            f"{path} does not exist. It lists one clip a line as {','.join(COLUMNS)}; "
            "`python extract_files.py --from DIR` writes it from a folder of videos"
        )
    if path.stat().st_size > MAX_BYTES:
        raise Problem(f"{path} is larger than {MAX_BYTES >> 20} MiB: not a clip table")
    clips = spell_alike(parse_clips(path.read_bytes(), path.name))
    chosen = [clip for clip in clips if task in (None, clip.task)]
    if not chosen:
        raise Problem(f"{path} has no task {task!r}. Its tasks: {list_tasks(clips)}")
    return chosen


def spell_alike(clips):
    """Give groups and sessions that are spelled in two ways one name: list of Clip."""
    groups = labels.name_groups([clip.group for clip in clips])
    days = sessions.name_sessions([clip.session for clip in clips])
    columns = zip(clips, groups, days, strict=True)
    return [clip._replace(group=g, session=s) for clip, g, s in columns]


def list_tasks(clips):
    """Name the tasks of clips, sorted, as one string."""
    return ", ".join(sorted({clip.task for clip in clips}))


# ---------------------------------------------------------------- animals, groups


def match_name(name, pattern):
    """Return what `pattern` finds in a clip name: its first group, or None."""
    found = re.search(pattern, name)
    return found and (found[1] if found.re.groups else found[0])


def animal_of(clip, pattern=ANIMAL_PATTERN):
    """Name the animal of a clip, or of its name alone: as the table or the name does.

    A clip whose name does not match `pattern` is its own animal.
    """
    named, name = (None, clip) if isinstance(clip, str) else (clip.animal, clip.name)
    return named or match_name(name, pattern) or name


def group_of(clip, pattern=GROUP_PATTERN):
    """Name the group of a clip (Control, Stroke), or None; see `animal_of`."""
    named, name = (None, clip) if isinstance(clip, str) else (clip.group, clip.name)
    return named or match_name(name, pattern)


def tabulate_clips(clips, animals, group_pattern):
    """Make a DataFrame of clips, one row each though both splits may list it.

    Columns: clip, animal, group, session (or the date in the name), task, n_frames and
    expert_score.
    """
    import pandas as pd

    once = {c.name: (c, a) for c, a in zip(clips, animals, strict=True)}
    clips, animals = zip(*once.values(), strict=True)
    groups = labels.name_groups([group_of(clip, group_pattern) for clip in clips])
    days = sessions.name_sessions([session_of(clip) for clip in clips])
    return pd.DataFrame(
        {
            "clip": [clip.name for clip in clips],
            "animal": animals,
            "group": pd.Series(groups, dtype=object),  # keeps None as it is
            "session": pd.Series(days, dtype=object),
            "task": [clip.task for clip in clips],
            "n_frames": [clip.n_frames for clip in clips],
            "expert_score": [clip.score for clip in clips],
        }
    )


def session_of(clip):
    """Name the session of a clip, or of its name alone, by the table or its date."""
    named, name = (None, clip) if isinstance(clip, str) else (clip.session, clip.name)
    date = date_of(name)
    return named or (date and f"{date[0]:02d}-{date[1]:02d}")


def date_of(name):
    """Read the (month, day) in a published name, `v_RatStrokeApl27_g04_c01`, or None.

    The authors write Apl for April.
    """
    found = re.search(r"([A-Z][a-z]{2})(\d{1,2})\d?_", name)
    if not found:
        return None
    month = found[1].replace("Apl", "Apr")
    return (MONTHS.index(month) + 1, int(found[2])) if month in MONTHS else None


def list_animals(clips, pattern=ANIMAL_PATTERN, required=False):
    """Name the animal of each clip, with cautions where that is doubtful: list of str.

    `required`: it is an error that no animal is named at all.
    """
    unmatched = {
        clip.name
        for clip in clips
        if clip.animal is None and not match_name(clip.name, pattern)
    }
    shown = ", ".join(sorted(unmatched)[:5]) + (", ..." if len(unmatched) > 5 else "")
    if required and len(unmatched) == len({clip.name for clip in clips}):
        raise Problem(
            f"no clip name matches --animal-pattern {pattern} ({shown}), so nobody "
            "knows which clips are of one animal. Give a pattern that fits, or a "
            "column `animal` in data_file.csv"
        )
    if unmatched:
        caution(
            f"{len(unmatched)} clip names do not match --animal-pattern {pattern}: "
            f"each counts as an animal of its own ({shown})"
        )
    animals = [animal_of(clip, pattern) for clip in clips]
    warn_of_lookalikes(animals)
    return animals


def warn_of_lookalikes(animals):
    """Caution of animals whose names differ only as one name is written in two ways."""
    forms = {}
    for animal in sorted(set(animals)):
        form = re.sub(r"[\W_]+", " ", fold(animal))
        form = re.sub(r"(?<!\d) | (?!\d)", "", form)
        form = re.sub(r"(?<!\d)0+(?=\d)", "", form)  # 04 is 4
        forms.setdefault(form, []).append(animal)
    alike = [" and ".join(names) for names in forms.values() if len(names) > 1]
    if alike:
        caution(
            f"animals that look alike: {'; '.join(alike[:5])}. If they are one animal, "
            "give it one name, or it will stand on both sides of a split"
        )


def hold_out_animals(animals, scores, fraction, seed):
    """Choose animals to watch in training: spread over the scores, at random within.

    `animals` and `scores` (N,) are those of the clips; of the animals at least one is
    held out and at least one is left. Returns a set of names.
    """
    names = sorted(set(animals))
    if len(names) < 2:
        raise Problem(
            f"the train clips are of one animal ({names[0]}), so none can be held out "
            "to watch. Use --monitor test, or add animals"
        )
    n_held = min(max(1, round(fraction * len(names))), len(names) - 1)
    of_animal, random = gather_scores(animals, scores), np.random.default_rng(seed)
    means = {name: average(tuple(found)) for name, found in of_animal.items()}
    random.shuffle(names)  # ties in a random order
    ranked = sorted(names, key=means.get)
    parts = np.array_split(ranked, n_held)
    return {str(part[random.integers(len(part))]) for part in parts}


def gather_scores(animals, scores):
    """Gather the scores (N,) of each animal: dict of str to list of float."""
    of_animal = {}
    for animal, score in zip(animals, scores, strict=True):
        of_animal.setdefault(animal, []).append(score)
    return of_animal


@functools.cache  # many folds ask for the same
def average(scores):
    return np.mean(scores)


def fold_animals(animals, n_folds=None, scores=None, seed=0):
    """Divide animals into folds for cross-validation, by default one animal each.

    With `scores` (N,) each fold gets animals from low to high mean scores, so that no
    network learns from a very different mean; `seed` decides among neighbours. Returns
    the sorted animals that each fold leaves out.
    """
    names = sorted(set(animals))
    if len(names) < 3:
        raise Problem(
            f"cross-validation needs three animals or more. Received: {len(names)}"
        )
    if n_folds is not None and not 2 <= n_folds <= len(names):
        raise Problem(f"--folds must lie between 2 and {len(names)}, the animals")
    if n_folds is None:
        return [[name] for name in names]
    random = np.random.default_rng(seed)
    random.shuffle(names)  # ties in a random order
    if scores is not None:
        of_animal = gather_scores(animals, scores)
        # Summed one by one, as ever: the last digit may decide between two animals.
        names.sort(
            key=lambda name: np.cumsum(of_animal[name])[-1] / len(of_animal[name])
        )
    folds = [[] for _ in range(n_folds)]
    for start in range(0, len(names), n_folds):  # neighbours go to different folds
        block = names[start : start + n_folds]
        for place, name in zip(random.permutation(n_folds), block, strict=False):
            folds[place].append(name)
    return [sorted(fold) for fold in folds]
