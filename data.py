"""Clips, animals and splits; the working folder.

Everything a script reads or writes hangs off one working folder, and one function
for each artefact tells its path.
"""

import contextlib
import hashlib
import json
import os
import re
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from console import Caution, Problem
from manifest import Clip, find_name_fault, list_tasks, read_clips

__all__ = ["Clip", "list_tasks", "read_clips"]

DEFAULT_FOLDER = Path(__file__).parent / "data"
ANIMAL_PATTERN = r"_(g\d+)_"
GROUP_PATTERN = r"(Control|Stroke)"
CONTROL = "Control"
CHECKPOINT_SUFFIXES = (".keras", ".hdf5", ".h5")
MONTHS = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
TEMPORARY = ".writing-"


# ---------------------------------------------------------------- animals, groups


def match_name(name, pattern):
    """Return what `pattern` finds in a clip name: its first group, or None."""
    found = re.search(pattern, name)
    if not found:
        return None
    return found[1] if found.re.groups else found[0]


def animal_of(name, pattern=ANIMAL_PATTERN):
    """Name the animal of a clip; a clip without a match is its own animal."""
    return match_name(name, pattern) or name


def group_of(name, pattern=GROUP_PATTERN):
    """Name the group of a clip (Control, Stroke), or None."""
    return match_name(name, pattern)


def date_of(name):
    """Read the date in a published clip name, `v_RatStrokeApl27_g04_c01`.

    Returns
    -------
    (month, day) or None
        The authors write Apl for April.
    """
    found = re.search(r"([A-Z][a-z]{2})(\d{1,2})\d?_", name)
    if not found:
        return None
    month = found[1].lower().replace("apl", "apr")
    return (MONTHS.index(month) + 1, int(found[2])) if month in MONTHS else None


def list_animals(clips, pattern=ANIMAL_PATTERN):
    """Name the animal of each clip, with one caution for the names without a match.

    Returns
    -------
    list of str, (N,)
    """
    unmatched = [clip.name for clip in clips if not match_name(clip.name, pattern)]
    if unmatched:
        warnings.warn(
            f"{len(unmatched)} clip names do not match --animal-pattern {pattern} "
            f"(say, {unmatched[0]}): each counts as an animal of its own",
            Caution,
            stacklevel=2,
        )
    return [animal_of(clip.name, pattern) for clip in clips]


def hold_out_animals(animals, scores, fraction, seed):
    """Choose animals to watch in training: spread over the scores, at random within.

    Parameters
    ----------
    animals : sequence of str, (N,)
    scores : sequence of float, (N,)
    fraction : float
        Of the animals; at least one is held out, at least one is left.
    seed : int

    Returns
    -------
    set of str
    """
    names = sorted(set(animals))
    if len(names) < 2:
        raise Problem(
            f"the train clips are of one animal ({names[0]}), so none can be held out "
            "to watch. Use --monitor test, or add animals"
        )
    n_held = min(max(1, round(fraction * len(names))), len(names) - 1)
    random = np.random.default_rng(seed)
    means = {
        name: np.mean([s for a, s in zip(animals, scores, strict=True) if a == name])
        for name in names
    }
    random.shuffle(names)  # ties in a random order
    ranked = sorted(names, key=means.get)
    return {str(random.choice(part)) for part in np.array_split(ranked, n_held)}


def fold_animals(animals, n_folds=None):
    """Divide animals into folds for cross-validation.

    Parameters
    ----------
    animals : sequence of str, (N,)
    n_folds : int, optional
        By default each animal is a fold.

    Returns
    -------
    list of list of str
        The animals that each fold leaves out.
    """
    from sklearn.model_selection import GroupKFold, LeaveOneGroupOut

    names = sorted(set(animals))
    if len(names) < 3:
        raise Problem(
            f"cross-validation needs three animals or more. Received: {len(names)}"
        )
    if n_folds is not None and not 2 <= n_folds <= len(names):
        raise Problem(f"--folds must lie between 2 and {len(names)}, the animals")
    splitter = GroupKFold(n_folds) if n_folds else LeaveOneGroupOut()
    splits = splitter.split(animals, groups=animals)
    return [sorted({animals[i] for i in left_out}) for _, left_out in splits]


# ---------------------------------------------------------------- the working folder


def sequence_path(folder, clip_name, n_frames):
    return Path(folder) / "sequences" / f"{clip_name}-{n_frames}-features.npy"


def extraction_path(folder):
    return Path(folder) / "sequences" / "extraction.json"


def checkpoint_path(folder, run):
    return Path(folder) / "checkpoints" / f"{check_run(run)}.keras"


def record_path(folder, run):
    return Path(folder) / "checkpoints" / f"{check_run(run)}.json"


def logs_folder(folder, run):
    return Path(folder) / "logs" / check_run(run)


def predictions_path(folder, run, split, suffix=".csv"):
    return Path(folder) / "predictions" / f"{check_run(run)}-{split}{suffix}"


def figures_folder(folder, run):
    return Path(folder) / "figures" / check_run(run)


def check_run(run):
    """Refuse the name of a run, which a record may bring along, that leads outside."""
    if fault := find_name_fault(run):
        raise Problem(f"the run's name {run!r} {fault}")
    return run


def find_checkpoint(folder, run=None):
    """Find a run's checkpoint by path, by name, or the newest one.

    Returns
    -------
    Path
        A `.keras` file, or a published `.hdf5` or `.h5` file.
    """
    checkpoints = Path(folder) / "checkpoints"
    known = sorted(
        (p for p in checkpoints.glob("[!.]*") if p.suffix in CHECKPOINT_SUFFIXES),
        key=lambda path: path.stat().st_mtime,
    )
    if run is None:
        if not known:
            raise Problem(f"{checkpoints} holds no run. Train one with train_reg.py")
        return known[-1]
    candidates = [Path(run), checkpoints / run]
    candidates += [checkpoints / f"{run}{suffix}" for suffix in CHECKPOINT_SUFFIXES]
    for path in candidates:
        if path.is_file() and path.suffix in CHECKPOINT_SUFFIXES:
            return path
    names = ", ".join(path.stem for path in known) or "none"
    raise Problem(f"no run {run!r} in {checkpoints}. Runs there: {names}")


@contextlib.contextmanager
def replacing(path):
    """Write a file whole or not at all.

    Yields a temporary path in the same folder with the same suffix. It gets the final
    name when the block ends well and is removed when it does not.

    Raises
    ------
    Problem
        When the disk is full, the folder is read-only or has vanished.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=TEMPORARY, suffix=path.suffix, dir=path.parent
        )
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o644)  # mkstemp makes it private; shared folders are not
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise Problem(f"could not write {path}: {reason}") from error
    finally:
        if temporary:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def remove_leftovers(folder, age=3600):
    """Remove temporary files that a killed script left, once they are an hour old."""
    for path in Path(folder).glob(f"{TEMPORARY}*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > age:
                path.unlink()


def write_json(path, content):
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")


def read_json(path):
    """Read a JSON object. Raises Problem where there is none."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise Problem(f"{path} is not JSON ({error})") from None
    if not isinstance(content, dict):
        raise Problem(f"{path} holds no JSON object")
    return content


def digest_file(path):
    """Compute the sha256 of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
