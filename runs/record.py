"""The record of a run: what each field must be, wherever the record comes from.

JSON knows no tuples, and a record may come from another lab or an editor. So it is
checked and given its types in one place, before anything else takes a value from it.
"""

import math

from data import MAX_SCORE
from runs.options import Options
from system import untrusted
from system.terminal import Problem

ANY = "any key"


def take(value, form):
    """Give a value the type of a form; raises ValueError or TypeError where it is not.

    A form is a type, a function that reads the value, [the form of each item], {ANY:
    the form of each value}, {field: form} or, where null will do, (form, None). A field
    that ends in "?" may be missing; others than those named stay as they are.
    """
    if isinstance(form, tuple):
        return None if value is None else take(value, form[0])
    if isinstance(form, list):
        return [take(each, form[0]) for each in take(value, list)]
    if isinstance(form, type):
        if type(value) is not form:
            raise TypeError
        return value
    if not isinstance(form, dict):
        return form(value)
    found = dict(take(value, dict))
    if ANY in form:
        return {key: take(each, form[ANY]) for key, each in found.items()}
    for name, of_field in form.items():
        field = name.removesuffix("?")
        if field in found or field == name:
            found[field] = take(found[field], of_field)
    return found


def check_record(path, record):
    """Check what a record, as JSON gives it, holds: a dict with a type for each field.

    Raises Problem, which names the path and every field that is missing or not usable.
    """
    typed, wrong = {"left_out": [], **record}, []
    for name, form in FIELDS.items():
        field = name.removesuffix("?")
        if field not in record and field != name:
            continue
        try:
            typed[field] = take(record[field], form)
        except Problem as problem:
            wrong.append(f"{field} ({problem})")
        except (TypeError, ValueError, KeyError):
            wrong.append(field)
    features = None if wrong else (typed.get("clips_were") or {}).get("features")
    if features and len(features["centres"][0]) != typed["n_features"]:
        wrong.append("clips_were")
    if wrong:
        raise Problem(
            f"{path} lacks a usable {', '.join(wrong)}. Copy the run's .keras and "
            ".json again from where they were made, or train it again"
        )
    return typed


# ---------------------------------------------------------------- readers of values


def refuse_unless(is_right):
    if not is_right:
        raise ValueError


def number(value):
    refuse_unless(type(value) in (int, float) and math.isfinite(value))
    return value


def score(value):
    refuse_unless(abs(number(value)) <= MAX_SCORE)
    return value


def count(value):
    refuse_unless(take(value, int) >= 0)
    return value


def known_clips(value):
    refuse_unless(value)
    return take(value, {ANY: score})


def pattern(value):
    refuse_unless(untrusted.is_quick_pattern(value))
    return value


def target(value):
    refuse_unless(value in ("score", "group"))
    return value


def options(value):
    Options.from_dict(take(value, dict))
    return value


def crop(value):
    left, top, width, height = take(list(value), [count])
    refuse_unless(width and height)
    return left, top, width, height


def limits(value):
    """Read the least and the most of something: [low, high]."""
    low, high = take(value, [number])
    refuse_unless(low <= high)
    return value


def features(value):
    """Read where features of the training clips point; see `runs.novelty`."""
    form = {"centres": [[number]], "limit": number, "false_alarms?": number}
    found = take(value, form)
    refuse_unless(len(set(map(len, found["centres"]))) == 1)
    return found


def errors(value):
    """Read the errors on held-out animals; see `runs.finish`."""
    clip = {"clip": str, "animal": str, "target": score, "score": number}
    form = {
        "networks": [{"run": str, "sha256": str, "mean": number}],
        "clips": [{**clip, "network": count}],
        "scheme?": (str, None),
    }
    found = take(value, form)
    n_networks = len(found["networks"])
    refuse_unless(all(each["network"] < n_networks for each in found["clips"]))
    return found


FIELDS = {
    "run": str,
    "model": str,
    "n_frames": untrusted.size,
    "n_features": untrusted.size,
    "options": options,
    "extraction": (
        {
            "weights?": str,
            "sampling?": str,
            "precision?": str,
            "sha256?": (str, None),
            "n_frames?": count,
        },
        None,
    ),
    "train_clips": known_clips,
    "sha256": str,
    "watched_clips?": {ANY: score},
    "task?": str,
    "target?": target,
    "control_group?": str,
    "animal_pattern?": pattern,
    "group_pattern?": pattern,
    "animals?": {ANY: str},
    "groups?": {ANY: str},
    "crops?": [(crop, None)],
    "mirrored?": [str],
    "left_out?": [str],
    "scheme?": (
        {
            "kind": str,
            "prefix?": str,
            "fold?": str,
            "of?": str,
            "repeat?": count,
            "n_folds?": count,
        },
        None,
    ),
    "members?": [options],
    "versions?": {ANY: str},
    "epochs?": count,
    "left_out_errors?": (errors, None),
    "clips_were?": (
        {
            "n_frames?": (limits, None),
            "seconds?": (limits, None),
            "fps?": (limits, None),
            "brightness?": (limits, None),
            "size?": ([str], None),
            "digests?": ({ANY: str}, None),
            "features?": (features, None),
        },
        None,
    ),
    "trained?": str,
    "received?": str,
}
