"""The record of a run: what each field must be, wherever the record comes from.

JSON knows no tuples, and a record may come from another lab or an editor. So it is
checked and given its types in one place, before anything else takes a value from it.
"""

import math

from data import MAX_SCORE
from runs.options import Options
from system import untrusted
from system.terminal import Problem

MAX_MEMBERS = 1000  # networks of a run
CENTRES = "centres"


def check_record(path, record):
    """Check what a record holds, and give each value its type.

    Parameters
    ----------
    path : path
        Named where the record is of no use.
    record : dict
        As JSON gives it.

    Returns
    -------
    dict
        Raises Problem, which names every field that is missing or not of its kind.
    """
    typed, wrong = {"left_out": [], **record}, []
    for field, take in FIELDS.items():
        if field not in record and field not in REQUIRED:
            continue
        try:
            typed[field] = take(record[field])
        except Problem as problem:
            wrong.append(f"{field} ({problem})")
        except (TypeError, ValueError, KeyError, AttributeError):
            wrong.append(field)
    like = typed.get("clips_were") or {}
    pointed = None if wrong else like.get("features")
    if pointed and len(pointed[CENTRES][0]) != typed["n_features"]:
        wrong.append("clips_were")
    if wrong:
        raise Problem(
            f"{path} lacks a usable {', '.join(wrong)}. Copy the run's .keras and "
            ".json again from where they were made, or train it again"
        )
    return typed


# ---------------------------------------------------------------- kinds of values


def of(*kinds):
    """Make a reader of values of these kinds; True is no number."""

    def take(value):
        if type(value) not in kinds:
            raise TypeError
        return value

    return take


def optional(take):
    return lambda value: None if value is None else take(value)


def list_of(take):
    return lambda value: [take(each) for each in of(list)(value)]


def dict_of(take):
    return lambda value: {key: take(each) for key, each in of(dict)(value).items()}


def fields(required, **rest):
    """Make a reader of a dict with certain fields; others in it stay as they are."""

    def take(value):
        found = dict(of(dict)(value))
        for field, read in {**required, **rest}.items():
            if field in required or field in found:
                found[field] = read(found[field])
        return found

    return take


text = of(str)


def size(value):
    try:
        return untrusted.size(value)
    except ValueError as error:
        raise Problem(error) from error


def number(value):
    if not math.isfinite(of(int, float)(value)):
        raise ValueError
    return value


def score(value):
    if abs(of(int, float)(value)) > MAX_SCORE or math.isnan(value):
        raise ValueError
    return value


def count(value):
    if of(int)(value) < 0:
        raise ValueError
    return value


def known_clips(value):
    if not value:
        raise ValueError
    return dict_of(score)(value)


def pattern(value):
    if not untrusted.is_quick_pattern(value):
        raise ValueError
    return value


def target(value):
    if value not in ("score", "group"):
        raise ValueError
    return value


def options(value):
    Options.from_dict(of(dict)(value))
    return value


def crop(value):
    left, top, width, height = map(count, of(list, tuple)(value))
    if not width or not height:
        raise ValueError
    return left, top, width, height


def limits(value):
    """Read the least and the most of something: [low, high]."""
    low, high = map(number, of(list)(value))
    if low > high:
        raise ValueError
    return [low, high]


def features(value):
    """Read where features of the training clips point; see `familiar`."""
    needed = {CENTRES: list_of(list_of(number)), "limit": number}
    found = fields(needed, false_alarms=number)(value)
    if not found[CENTRES] or len(set(map(len, found[CENTRES]))) != 1:
        raise ValueError
    return found


def errors(value):
    """Read the errors on held-out animals; see `limits`."""
    clip = {"clip": text, "animal": text, "target": score, "score": number}
    networks = {"run": text, "sha256": text, "mean": number}
    known = {
        "networks": list_of(fields(networks)),
        "clips": list_of(fields({**clip, "network": count})),
    }
    found = fields(known, scheme=optional(text))(value)
    if any(each["network"] >= len(found["networks"]) for each in found["clips"]):
        raise ValueError
    return found


FIELDS = {
    "run": text,
    "model": text,
    "n_frames": size,
    "n_features": size,
    "options": options,
    "extraction": optional(
        fields(
            {},
            weights=text,
            sampling=text,
            precision=text,
            sha256=optional(text),
            n_frames=count,
        )
    ),
    "train_clips": known_clips,
    "sha256": text,
    "watched_clips": dict_of(score),
    "task": text,
    "target": target,
    "control_group": text,
    "animal_pattern": pattern,
    "group_pattern": pattern,
    "animals": dict_of(text),
    "groups": dict_of(text),
    "crops": list_of(optional(crop)),
    "mirrored": list_of(text),
    "left_out": list_of(text),
    "scheme": optional(
        fields({"kind": text}, prefix=text, fold=text, of=text, repeat=count)
    ),
    "members": list_of(options),
    "choice": fields(
        {}, model=text, candidates=dict_of(fields({}, rmse=optional(number)))
    ),
    "versions": dict_of(text),
    "epochs": count,
    "left_out_errors": optional(errors),
    "clips_were": optional(
        fields(
            {},
            n_frames=optional(limits),
            seconds=optional(limits),
            fps=optional(limits),
            brightness=optional(limits),
            size=optional(list_of(text)),
            digests=optional(dict_of(text)),
            features=optional(features),
        )
    ),
    "trained": text,
    "received": text,
}
REQUIRED = (
    "run",
    "model",
    "n_frames",
    "n_features",
    "options",
    "extraction",
    "train_clips",
    "sha256",
)
