"""Cross-validations on disk: which runs belong to one, and which clips each may score.

The record of a fold names the run it is of, the kind, how many folds there are, which
fold and repeat it is, and a digest of the table. With its options and extraction that
identifies one cross-validation; stale folds of others are never mixed in. Folds of an
earlier release tell less, and have no run in their names.
"""

import collections
import json

from runs import learned, store
from runs.record import check_record
from system import storage
from system.terminal import Problem, caution

RETRY = "The same train_reg.py command trains what is missing"


def find_folds(folder, kind, run=None, task=None):
    """Find the networks of one cross-validation, of all its repeats.

    Parameters
    ----------
    folder : path
    kind : {"folds", "leave-one-animal-out"}
    run : str, optional
        Its name. Where it is None the newest complete one is taken, with a caution.
    task : str, optional

    Returns
    -------
    list of (Path, dict)
        Checkpoints and records, whole repeats before others; see `split_repeats`.
    """
    found, others = collections.defaultdict(list), set()
    for path, record in list_folds(folder):
        of_run = not run or run in (record["scheme"].get("prefix"), name_of(record))
        of_task = task in (None, record.get("task"))
        if record["scheme"]["kind"] == kind and of_run and of_task:
            found[key_of(record)].append((path, record))
        elif of_run and run and not of_task:
            others.add(f"{record['scheme']['kind']} of task {record.get('task')}")
    if not found:
        option = "--folds K" if kind == "folds" else "--leave-one-animal-out"
        of_run = f" for run {run}" if run else ""
        of_run += f" and task {task}" if others else ""
        there = f", but {', '.join(sorted(others))}: name that task" if others else ""
        raise Problem(
            f"{folder / 'checkpoints'} holds no networks of a {kind} training{of_run}"
            f"{there}. Train them with train_reg.py {option}"
        )
    found = sorted(found.values(), key=trained_last)
    if len(tasks := {str(part[0][1].get("task")) for part in found}) > 1:
        raise Problem(
            f"networks of several tasks; name one: {', '.join(sorted(tasks))}"
        )
    whole = [part for part in found if not all(map(list_missing, split(part)))]
    chosen = (whole or found)[-1]
    names = {name_of(part[0][1]) for part in found} - {name_of(chosen[0][1])}
    if names:
        caution(
            f"cross-validation {name_of(chosen[0][1])} is taken, the newest complete "
            f"one. Name another one with --run: {', '.join(sorted(names))}"
        )
    return chosen


def list_folds(folder):
    """List the runs of any cross-validation: list of (Path, dict)."""
    found = []
    for path in sorted((folder / "checkpoints").glob("[!.]*.json")):
        if store.read_head(path)["kind"] in store.FOLDS:
            record = check_record(path, storage.read_json(path))
            if not record.get("received"):
                found.append((path.with_suffix(".keras"), record))
    return found


def are_of_one(record, other):
    """Tell whether two runs are folds of one cross-validation."""
    schemes = [each.get("scheme") or {} for each in (record, other)]
    are_folds = all(scheme.get("kind") in store.FOLDS for scheme in schemes)
    return are_folds and key_of(record) == key_of(other)


def find_beside(folder, record):
    """Find all folds of the cross-validation that a run is of; see `find_folds`."""
    return [
        (path, other) for path, other in list_folds(folder) if are_of_one(record, other)
    ]


def name_of(record):
    """Name the cross-validation of a fold; those of earlier releases had none."""
    return record["scheme"].get("prefix") or f"{record.get('task')}-{record['model']}"


def key_of(record):
    """Make a key that all folds and repeats of one cross-validation share."""
    scheme, options = record["scheme"], dict(record["options"])
    options.pop("control_group", None)
    if "seed" in options:
        options["seed"] -= 1000 * (repeat_of(record) - 1)
    told = [scheme.get(name) for name in ("kind", "prefix", "n_folds", "clips")]
    return json.dumps([told, options, record["extraction"]], sort_keys=True)


def repeat_of(record):
    return record["scheme"].get("repeat", 1)


def trained_last(part):
    return max(path.with_suffix(".json").stat().st_mtime for path, _ in part)


def split(part):
    """Split the networks of a cross-validation into its repeats: list of lists."""
    repeats = collections.defaultdict(list)
    for path, record in part:
        repeats[repeat_of(record)].append((path, record))
    return [networks for _, networks in sorted(repeats.items())]


def list_missing(networks):
    """Name the folds of one repeat that are not there; [] where that is unknown."""
    scheme = networks[0][1]["scheme"]
    there = {record["scheme"].get("fold") for _, record in networks}
    n_folds = scheme.get("n_folds", 0)
    if len(there) >= n_folds:
        return []
    if scheme["kind"] == "folds":
        return [f"fold{i + 1}" for i in range(n_folds) if f"fold{i + 1}" not in there]
    return [f"{n_folds - len(there)} of {n_folds} animals"]


def split_repeats(found):
    """Split a cross-validation into repeats; incomplete ones are named, not taken.

    Where none is complete all are given, and `assign_folds` says what is missing.
    """
    repeats = split(found)
    whole = [networks for networks in repeats if not list_missing(networks)]
    for networks in repeats if whole else ():
        if missing := list_missing(networks):
            record = networks[0][1]
            caution(
                f"repeat {repeat_of(record)} of {name_of(record)} lacks "
                f"{', '.join(missing)} and is not evaluated. {RETRY}"
            )
    return whole or repeats


def assign_folds(found, table, may_be_new=False):
    """Give each animal the one network that held it out, and never saw it.

    An animal that was renamed after the training is known by its clips: a network held
    it out where other folds know clips of it, and this one knows none.

    Parameters
    ----------
    found : list of (Path, dict)
        One repeat; see `split_repeats`.
    table : pandas.DataFrame
        Columns "clip" and "animal", as the table names them now.
    may_be_new : bool
        Skip, with a caution, animals that came after the training.

    Returns
    -------
    list of (Path, dict, pandas.DataFrame)
        Checkpoint, record and the clips it is to score. Raises Problem when an animal
        has no network, two networks, or one that knows a clip of it.
    """
    parts, problems, covered = [], [], {}
    owners = dict(zip(table["clip"], table["animal"], strict=True))
    clips = table.groupby("animal")["clip"].agg(set)
    known = {path: set(learned.list_targets(record)) for path, record in found}
    by_any = set().union(*known.values())
    for path, record in found:
        held_out = set(record["left_out"])
        for animal, own in clips.items():
            if own & (by_any - known[path]) and not own & known[path]:
                held_out.add(animal)
        part = table[table["animal"].isin(held_out)]
        for animal in part["animal"].unique():
            if animal in covered:
                problems.append(
                    f"{animal} is held out by {covered[animal]} and {path.stem}"
                )
            covered[animal] = path.stem
        now = {**record, "animals_now": owners}
        seen = learned.describe_seen(part["clip"], part["animal"], now)
        if how := next(filter(None, seen), None):
            problems.append(f"{path.stem} has seen what it should not: {how}")
        if len(part):
            parts.append((path, record, part))
    missing, lost = sorted(set(table["animal"]) - set(covered)), list_missing(found)
    is_whole = "n_folds" in found[0][1]["scheme"] and not lost
    if missing and may_be_new and parts and is_whole:
        caution(
            f"{', '.join(missing)} came after the cross-validation, and none of its "
            "networks is for them: not evaluated. Train again with --overwrite"
        )
    elif missing:
        told = f" ({', '.join(lost)} missing. {RETRY})" if lost else ""
        problems.append(f"no network has held out {', '.join(missing)}{told}")
    if problems:
        raise Problem("not a cross-validation by animal: " + "; ".join(problems))
    return parts
