"""Which clips tell how good a run is: test rows, or animals that its folds held out."""

import contextlib
from pathlib import Path

from runs import folds, learned, store
from system import storage
from system.terminal import Problem


def settle(args, clips):
    """Settle what is evaluated where the options leave it open; gives why, or "".

    Sets `args.split` to a split or to a kind of cross-validation, of which `args.run`
    is then the prefix of its networks (None without one).
    """
    asked = {"folds": args.folds, "leave-one-animal-out": args.leave_one_animal_out}
    kind = next((kind for kind in store.FOLDS if asked[kind]), None)
    if kind is None and args.split:
        return ""
    try:
        path = store.find_run(args.data, args.run, args.task)
    except Problem:
        path = None
        kind = kind or find_kind(args.data, args.run, args.task)
        if kind is None:
            raise
    run, prefix, note = path and store.open_run(path), args.run, ""
    if kind is None:
        kind, prefix, note = choose(args, clips, run)
    elif run and prefix and run.scheme.of == kind:
        prefix = run.scheme.prefix
    args.split = kind
    if kind in store.FOLDS:
        args.run = prefix or None
        if run and prefix == "":
            args.task = args.task or run.task
    return note


def choose(args, clips, run):
    """Choose between the test rows and the folds of a run: what, their prefix, why."""
    of_task = {clip.name for clip in learned.choose_clips(clips, run)}
    test = [c for c in clips if c.split == "test" and c.name in of_task]
    if any(clip.is_scored and clip.name not in run.targets for clip in test):
        return "test", None, ""
    name = run.path.stem
    for kind, prefix in list_schemes(run):
        if has_folds(args.data, kind, prefix, run):
            args.task = args.task or run.task
            note = f"No scored test row is new to run {name}, so its cross-validation "
            note += f"is evaluated (--{kind}): each clip by the network that never saw "
            return kind, prefix, note + "its animal"
    if test:
        return "test", None, ""
    if run.received or run.is_published:
        note = f"Run {name} was trained elsewhere: all clips are evaluated"
        return "train", None, note
    where = f" of task {run.task}" if run.task else ""
    raise Problem(
        f"data_file.csv has no test row{where} to evaluate run {name} on. "
        "--split train evaluates it on train rows (resubstitution, which is no test); "
        "train_reg.py --folds 5 and then validate.py --folds evaluate each clip by a "
        "network that never saw its animal; for test rows write `test` in the split "
        "column of some animals, and train again without them"
    )


def name_question(split, run):
    """Name the question that a split answers; "" for the main one of a run's name.

    Test rows and folds are of two names, unless the run was named as its folds are.
    """
    has_namesake = run.scheme.kind == "final" and run.scheme.prefix == run.name
    return "" if split == "folds" or (split == "test" and not has_namesake) else split


def list_schemes(run):
    """List the cross-validations that may be of a run: pairs of kind and prefix."""
    if run.received or run.is_published or run.scheme.kind in store.FOLDS:
        return []
    if run.scheme.kind == "final":
        return [(run.scheme.of, run.scheme.prefix)]
    return [(kind, run.name) for kind in store.FOLDS]


def read_validation(folder, run):
    """Read what the last validation of a run on unseen animals found: dict of "label",
    "than" and "verdict", or None where none is there of these very networks."""
    names = ("test", run.name), *list_schemes(run)
    paths = [storage.predictions_path(folder, n, kind, ".json") for kind, n in names]
    paths = sorted(filter(Path.is_file, paths), key=lambda path: path.stat().st_mtime)
    known = [run.sha256, *(network.sha256 for network in run.errors.networks)]
    kinds, found = {"label": str, "than": str, "verdict": list}, None
    for path in paths:
        with contextlib.suppress(Problem, AttributeError):  # damaged: none is there
            content = storage.read_json(path)
            own = {key: content.get(key) for key in kinds}
            is_whole = all(isinstance(own[key], kinds[key]) for key in kinds)
            if is_whole and content.get("run_record").get("sha256") in known:
                found = own
    return found


def has_folds(folder, kind, prefix, run):
    """Tell whether networks of a cross-validation are there, of a run's kind."""
    try:
        found = folds.find_folds(folder, kind, prefix, run.task)
    except Problem:
        return False
    return {(r.model, r.target) for r in found} == {(run.model, run.target)}


def find_kind(folder, name, task):
    """Find which cross-validation has networks of a name and a task, or None."""
    kinds = {
        run.scheme.kind
        for run in folds.list_folds(folder)
        if task in (None, run.task) and name in (None, run.scheme.prefix)
    }
    return next((kind for kind in store.FOLDS if kind in kinds), None)
