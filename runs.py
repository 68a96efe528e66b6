"""A run on disk: `<run>.keras`, the weights, and `<run>.json`, how it was made.

Here a run is found, read, saved and checked against sequences, and here it says which
animals it has seen. Keras is loaded only where a network is opened.
"""

from datetime import datetime, timezone
from pathlib import Path

import console
import data
import files
import packing
import plans
from console import Problem, caution
from foreign import published, untrusted
from records import MAX_MEMBERS, check_record

CHECKPOINT_SUFFIXES = (".keras", ".hdf5", ".h5")
FOLDS = ("folds", "leave-one-animal-out")  # kinds of cross-validation


# ---------------------------------------------------------------- find, read, save


def find_run(folder, run=None, task=None):
    """Find a run's checkpoint by path, by name, or the newest one to use.

    `task` is that of the newest run. Returns a path: a `.keras` file, or a published
    `.hdf5` or `.h5` file. A packed run of `share.py`, `.zip` or unpacked into a folder,
    is taken among the checkpoints first.
    """
    if run is None:
        return find_newest(folder, task)
    checkpoints = Path(folder) / "checkpoints"
    if packing.is_packed(run):
        return packing.unpack(folder, run)
    candidates = [Path(run), checkpoints / run]
    candidates += [checkpoints / f"{run}{suffix}" for suffix in CHECKPOINT_SUFFIXES]
    for path in candidates:
        if path.is_file() and path.suffix in CHECKPOINT_SUFFIXES:
            return path
    names = ", ".join(path.stem for path in list_checkpoints(folder)) or "none"
    raise Problem(f"no run {run!r} in {checkpoints}. Runs there: {names}")


def list_checkpoints(folder):
    found = sorted((Path(folder) / "checkpoints").glob("[!.]*"))
    return [path for path in found if path.suffix in CHECKPOINT_SUFFIXES]


def find_newest(folder, task=None):
    """Find the run of this folder that was trained last: by its record, not its file.

    A fold of a cross-validation, and a run that another folder has packed, are taken
    where they are named only.
    """
    place, own, folds, received, bare = Path(folder) / "checkpoints", [], [], [], []
    for path in list_checkpoints(folder):
        beside = path.with_suffix(".json")
        if path.suffix != ".keras":
            bare.append(path)
        elif beside.is_file():
            record = read_head(beside)
            is_fold = record["kind"] in FOLDS
            kind = received if record["received"] else folds if is_fold else own
            kind.append((record["trained"], record["task"], path))
    if chosen := [each for each in own if task in (None, each[1])]:
        return max(chosen)[2]
    if own:
        tasks = ", ".join(sorted({each[1] for each in own}))
        raise Problem(
            f"{place} holds no run of task {task}; its runs are of {tasks}. Train one "
            f"with train_reg.py --task {task}, or name a run with --run"
        )
    if chosen := [path for _, name, path in folds if task in (None, name)]:
        raise Problem(
            f"{place} holds only networks of a cross-validation ({chosen[0].stem}, "
            "...), each for the animals that it held out. validate.py --folds (or "
            "--leave-one-animal-out) evaluates them; train_reg.py --folds K --final "
            "trains the network to use; --run names one of them"
        )
    if len(bare) == 1:
        return bare[0]
    if named := [path.stem for path in (*bare, *(each[2] for each in received))]:
        raise Problem(
            f"{place} holds no run that was trained here. Name one with --run: "
            f"{', '.join(named)}"
        )
    raise Problem(f"{place} holds no run. Train one with train_reg.py")


def read_head(path):
    """Read of a record what finding a run takes; the rest is checked when it is used.

    Records of earlier releases do not say when they were made; their file does.
    """
    try:
        record = files.read_json(path)
    except (Problem, OSError):
        record = {}
    changed = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc).isoformat()
    scheme = record.get("scheme")
    return {
        "kind": scheme.get("kind") if isinstance(scheme, dict) else None,
        "received": record.get("received"),
        "task": str(record.get("task")),
        "trained": str(record.get("trained") or changed),
    }


def read_run(path):
    """Load a checkpoint and the record that says how it was made: (keras.Model, dict).

    For the published network, which has no record, one is made of what is known.
    """
    import models

    path = Path(path)
    if untrusted.kind_of(path) == "HDF5":
        model = models.load_published(path)
        _, n_frames, n_features = model.input_shape
        return model, published.record_of(path, n_frames, n_features)
    record = read_record(path)
    try:
        shape = tuple(untrusted.size(record[key]) for key in ("n_frames", "n_features"))
        targets = list(record["train_clips"].values())
        return models.load_run(path, list_members(record), shape, targets), record
    except (TypeError, ValueError) as error:
        raise Problem(
            f"{path.stem}.json describes no network: {untrusted.first_line(error)}"
        ) from error


def list_members(record):
    """List the options of each network of a run; ValueError where they are too many."""
    found = [plans.Options.from_dict(each) for each in record.get("members") or ()]
    if not found:
        options = plans.Options.from_dict(record["options"])
        if not 0 < options.ensemble <= MAX_MEMBERS:
            raise ValueError(f"{options.ensemble} networks are not to be believed")
        found = [options] * options.ensemble
    return found


def read_record(path):
    """Read the record (a dict) beside a `.keras` file; see that it belongs to it."""
    beside = path.with_suffix(".json")
    if not beside.is_file():
        raise Problem(
            f"{beside} is missing; a run is {path.name} and {beside.name} together"
        )
    record = check_record(beside, files.read_json(beside))
    found = files.digest_file(path)
    if record["sha256"] != found:
        raise Problem(
            f"{path.name} is not the file that {beside.name} describes: its sha256 is "
            f"{found}, the record says {record['sha256']}"
        )
    return record


def describe_run(plan, options, extraction, results, n_features):
    """Put together the record of a run: all that is needed to use or to judge it.

    Parameters
    ----------
    plan : plans.Plan
    options : plans.Options
    extraction : dict or None
        See `sequences.read_extraction`.
    results : list of dict
        Of each network of the run, see `fitting.fit_network`.
    n_features : int
    """
    own = ("task", "model", "target", "seed", "animal_pattern", "group_pattern")
    own += ("control_group",)
    options = options.as_dict()
    return {
        "run": plan.run,
        **{name: options[name] for name in own},
        "options": options,
        "versions": console.list_versions(),
        "n_frames": options["n_frames"],
        "n_features": n_features,
        "extraction": extraction,
        "train_clips": plan.train,
        "watched_clips": plan.watched,
        **plan.told,
        "left_out": plan.left_out,
        "scheme": plan.scheme,
        "epochs": sum(result["epochs"] for result in results),
        "best_epoch": [result["best_epoch"] for result in results],
        "val_loss": sum(result["val_loss"] for result in results) / len(results),
        **{k: results[0][k] for k in ("choice",) if k in results[0]},
        "trained": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
    }


def tell_training(record):
    """Say how a network was trained: in epochs or in closed form."""
    return f"{record['epochs']} epochs" if record["epochs"] else "in closed form"


def save_run(folder, model, record):
    """Write `<run>.keras` and then `<run>.json`, which makes the run a finished one."""
    path = files.checkpoint_path(folder, record["run"])
    with files.replacing(path) as temporary:
        model.save(temporary)
    beside = files.record_path(folder, record["run"])
    files.write_json(beside, {**record, "sha256": files.digest_file(path)})


def is_finished(folder, plan, options, extraction):
    """Tell whether a run is there already, and raise if it is another one.

    Parameters are those of `describe_run`. Options that a later release brought count
    as left at their defaults.
    """
    path = files.record_path(folder, plan.run)
    checkpoint = files.checkpoint_path(folder, plan.run)
    if not (path.is_file() and checkpoint.is_file()):
        return False
    record = files.read_json(path)
    if record.get("sha256") != files.digest_file(checkpoint):
        return False  # killed while the one replaced the other
    same = (
        type(options).from_dict(record.get("options")) == options
        and record.get("train_clips") == plan.train
        and record.get("watched_clips") == plan.watched
        and {k: record[k] for k in plans.TOLD if k in record} == plan.told
        and record.get("extraction") == extraction
    )
    if not same:
        raise Problem(
            f"run {plan.run} is there already, trained otherwise. Give --overwrite to "
            "replace it, or --run NAME"
        )
    return True


# ---------------------------------------------------------------- which clips


def choose_clips(clips, record, split=None):
    """Choose the clips of a split, or of both, that a run can score: its task's.

    Each comes once, though both splits may list it. Another lab may call the task by
    another name: where clips are of one task alone, that is the one.
    """
    task, tasks = record.get("task"), {clip.task for clip in clips}
    if task is not None and task not in tasks and len(tasks) == 1:
        caution(
            f"run {record['run']} was trained on task {task}; its scores are given to "
            f"clips of task {data.list_tasks(clips)}, the only one asked for"
        )
        task = None
    chosen = [c for c in clips if split in (None, c.split) and task in (None, c.task)]
    if not chosen:
        of_split = f" {split}" if split else ""
        of_task = f" of task {task}" if task else ""
        hint = "" if task in tasks or not task else "; name one with --task: "
        hint += data.list_tasks(clips) if hint else ""
        raise Problem(f"data_file.csv has no{of_split} row{of_task}{hint}")
    if task is None and len({clip.task for clip in chosen}) > 1:
        raise Problem(
            "data_file.csv has several tasks; name one with --task: "
            f"{data.list_tasks(chosen)}"
        )
    return list({clip.name: clip for clip in chosen}.values())


def describe_seen(names, animals, record, train_rows=()):
    """Say how a run knows each clip (N,) of animals (N,): list of str, "" where not.

    `train_rows` are clips that stand in where nobody knows what a run has seen.
    """
    if record["train_clips"] is None:
        rows = ("unknown", "test rows that repeat train rows")
        return [rows[name in train_rows] for name in names]
    trained, watched = record["train_clips"], record.get("watched_clips", {})
    known = {animal_in(record, name) for name in (*trained, *watched)}
    return [
        "clip trained on"
        if clip in trained
        else "clip watched in training"
        if clip in watched
        else "animal seen in training"
        if animal in known
        else ""
        for clip, animal in zip(names, animals, strict=True)
    ]


def tell_edited(records, clips):
    """Caution where expert scores were edited after runs had learned from them."""
    now = {clip.name: clip.score for clip in clips if clip.is_scored}
    learned = [
        item
        for record in records
        if record.get("target", "score") == "score"
        for known in (record.get("train_clips"), record.get("watched_clips"))
        for item in (known or {}).items()
    ]
    edited = {
        name for name, score in learned if abs(now.get(name, score) - score) > 1e-6
    }
    if edited:
        first = ", ".join(sorted(edited)[:10])
        caution(
            f"the expert scores of {len(edited)} clips were edited after the training, "
            f"which learned the earlier ones: {first}. Train again with --overwrite"
        )


def animal_in(record, name):
    """Name the animal of a clip that a run knows, as the table did, or its name."""
    pattern = record.get("animal_pattern", data.ANIMAL_PATTERN)
    return record.get("animals", {}).get(name) or data.animal_of(name, pattern)


def group_in(record, name, pattern):
    """Name the group of a clip that a run knows, or None; see `animal_in`."""
    return record.get("groups", {}).get(name) or data.group_of(name, pattern)


# ---------------------------------------------------------------- cross-validation


def find_folds(folder, kind, prefix, task):
    """Find the runs of a cross-validation by their records: list of (Path, dict)."""
    found = []
    for path in sorted((folder / "checkpoints").glob("[!.]*.json")):
        try:
            record = files.read_json(path)
        except (Problem, OSError) as problem:
            caution(f"left out: {problem}")
            continue
        scheme = record.get("scheme")
        scheme = scheme if isinstance(scheme, dict) else {}
        if (scheme.get("kind"), scheme.get("prefix")) == (kind, prefix) and (
            task in (None, record.get("task"))
        ):
            found.append((path.with_suffix(".keras"), check_record(path, record)))
    if not found:
        option = "--folds K" if kind == "folds" else "--leave-one-animal-out"
        raise Problem(
            f"{folder / 'checkpoints'} holds no networks of a {kind} training. Train "
            f"them with train_reg.py {option}"
        )
    if len(tasks := {record["task"] for _, record in found}) > 1:
        raise Problem(
            f"networks of several tasks; name one: {', '.join(sorted(tasks))}"
        )
    return found


def assign_folds(found, table):
    """Give each animal the one network that left it out, and never saw it.

    Parameters
    ----------
    found : list of (Path, dict)
        See `find_folds`.
    table : pandas.DataFrame
        Columns "clip" and "animal".

    Returns
    -------
    list of (Path, dict, pandas.DataFrame)
        Checkpoint, record and the clips it is to score. Raises Problem when an animal
        has no network, two networks, or one that knows a clip of it.
    """
    parts, problems, covered = [], [], {}
    for path, record in found:
        part = table[table["animal"].isin(record["left_out"])]
        for animal in part["animal"].unique():
            if animal in covered:
                problems.append(
                    f"{animal} is left out by {covered[animal]} and {path.stem}"
                )
            covered[animal] = path.stem
        seen = [
            how for how in describe_seen(part["clip"], part["animal"], record) if how
        ]
        if seen:
            problems.append(f"{path.stem} knows what it should not: {seen[0]}")
        if len(part):
            parts.append((path, record, part))
    missing = sorted(set(table["animal"]) - set(covered))
    if missing:
        problems.append(f"no network has left out {', '.join(missing)}")
    if problems:
        raise Problem("not a cross-validation by animal: " + "; ".join(problems))
    return parts
