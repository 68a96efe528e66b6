"""A run on disk: `<run>.keras`, the weights, and `<run>.json`, how it was made.

Here a run is found, read, saved, and compared with one that is planned. Keras is loaded
only where a network is opened.
"""

import functools
from datetime import datetime, timezone
from pathlib import Path

import data
from features import sequences
from runs import keras2, learned, packing
from runs.options import Options
from runs.record import check_record
from system import storage, terminal, untrusted
from system.terminal import Problem

CHECKPOINT_SUFFIXES = (".keras", ".hdf5", ".h5")
FOLDS = ("folds", "leave-one-animal-out")  # kinds of cross-validation


# ---------------------------------------------------------------- find


def find_run(folder, run=None, task=None):
    """Find a run's checkpoint by path, by name, or the newest one to use.

    `task` is that of the newest run. Returns a path: a `.keras` file, or a published
    `.hdf5` or `.h5` file. A packed run of `share.py`, `.zip` or unpacked into a folder,
    is taken among the checkpoints first.
    """
    if run is None:
        return find_newest(folder, task)
    if packing.is_packed(run):
        return packing.unpack(folder, run)
    place = Path(folder) / "checkpoints"
    candidates = [Path(run), place / run]
    candidates += [place / f"{run}{suffix}" for suffix in CHECKPOINT_SUFFIXES]
    for path in candidates:
        if path.is_file() and path.suffix in CHECKPOINT_SUFFIXES:
            return path
    names = ", ".join(path.stem for path in list_checkpoints(folder)) or "none"
    raise Problem(f"no run {run!r} in {place}. Runs there: {names}")


def list_checkpoints(folder):
    found = sorted((Path(folder) / "checkpoints").glob("[!.]*"))
    return [path for path in found if path.suffix in CHECKPOINT_SUFFIXES]


def find_newest(folder, task=None):
    """Find the run of this folder that was trained last: by its record, not its file.

    A fold of a cross-validation, and a run that another folder has packed, are taken
    where they are named only.
    """
    place, own, folds, others = Path(folder) / "checkpoints", [], [], []
    for path in list_checkpoints(folder):
        if path.suffix != ".keras":
            others.append(path)
        elif path.with_suffix(".json").is_file():
            found = read_head(path.with_suffix(".json"))
            if found["received"]:
                others.append(path)
            else:
                kind = folds if found["kind"] in FOLDS else own
                kind.append((found["trained"], found["task"], path))
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
    if len(others) == 1 and others[0].suffix != ".keras":
        return others[0]
    if others:
        raise Problem(
            f"{place} holds no run that was trained here. Name one with --run: "
            f"{', '.join(path.stem for path in others)}"
        )
    raise Problem(f"{place} holds no run. Train one with train_reg.py")


def read_head(path):
    """Read from a record what finding a run takes; the rest is checked on use.

    Records of earlier releases do not say when they were made; their file does.
    """
    try:
        record = storage.read_json(path)
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


# ---------------------------------------------------------------- read, save


def read_run(path):
    """Load a checkpoint and the record of how it was made: (keras.Model, dict).

    For the published network, which has no record, one is made of what is known.
    """
    from runs import loading

    path = Path(path)
    if untrusted.kind_of(path) == "HDF5":
        model = loading.load_published(path)
        _, n_frames, n_features = model.input_shape
        return model, keras2.record_of(path, n_frames, n_features)
    record = read_record(path)
    shape = record["n_frames"], record["n_features"]
    targets = list(record["train_clips"].values())
    try:
        return loading.load_run(path, list_members(record), shape, targets), record
    except (TypeError, ValueError) as error:
        raise Problem(
            f"{path.stem}.json describes no network: {untrusted.first_line(error)}"
        ) from error


def list_members(record):
    """List the options of each network of a run."""
    if members := record.get("members"):
        return [Options.from_dict(each) for each in members]
    options = Options.from_dict(record["options"])
    return [options] * options.ensemble


def read_record(path):
    """Read the record (a dict) beside a `.keras` file; see that it belongs to it."""
    beside = path.with_suffix(".json")
    if not beside.is_file():
        raise Problem(
            f"{beside} is missing; a run is {path.name} and {beside.name} together"
        )
    record = check_record(beside, storage.read_json(beside))
    found = storage.digest_file(path)
    if record["sha256"] != found:
        raise Problem(
            f"{path.name} is not the file that {beside.name} describes: its sha256 is "
            f"{found}, the record says {record['sha256']}"
        )
    return record


def describe_run(plan, options, extraction, results, n_features):
    """Put together the record of a run: all that is needed to use or evaluate it.

    Parameters
    ----------
    plan : splits.Plan
    options : Options
    extraction : dict or None
        See `sequences.read_extraction`.
    results : list of dict
        Of each network of the run, see `trainer.fit_network`.
    n_features : int
    """
    return {
        "run": plan.run,
        "task": options.task,
        "model": options.model,
        "target": options.target,
        "seed": options.seed,
        "animal_pattern": options.animal_pattern,
        "group_pattern": options.group_pattern,
        "control_group": options.control_group,
        "options": options.as_dict(),
        "versions": terminal.list_versions(),
        "n_frames": options.n_frames,
        "n_features": n_features,
        "extraction": extraction,
        "train_clips": plan.train,
        "watched_clips": plan.validation,
        **plan.told,
        "left_out": plan.held_out,
        "scheme": plan.scheme,
        "epochs": sum(result["epochs"] for result in results),
        "best_epoch": [result["best_epoch"] for result in results],
        "val_loss": sum(result["val_loss"] for result in results) / len(results),
        **({"choice": results[0]["choice"]} if "choice" in results[0] else {}),
        "trained": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
    }


def save_run(folder, model, record):
    """Write `<run>.keras` and then `<run>.json`, which makes the run a finished one."""
    path = storage.checkpoint_path(folder, record["run"])
    with storage.replacing(path) as temporary:
        model.save(temporary)
    beside = storage.record_path(folder, record["run"])
    storage.write_json(beside, {**record, "sha256": storage.digest_file(path)})


# ---------------------------------------------------------------- trained already?


def is_finished(folder, plan, options, extraction):
    """Tell whether a run is there already; raises Problem if it is another one.

    Parameters are those of `describe_run`. Options that a later release brought count
    as left at their defaults.
    """
    path = storage.record_path(folder, plan.run)
    checkpoint = storage.checkpoint_path(folder, plan.run)
    if not (path.is_file() and checkpoint.is_file()):
        return False
    record = storage.read_json(path)
    if record.get("sha256") != storage.digest_file(checkpoint):
        return False  # killed while the one replaced the other
    if differences := list_differences(record, plan, options, extraction):
        raise Problem(
            f"run {plan.run} exists, but was trained differently: "
            f"{'; '.join(differences)}. Give --overwrite to replace it, or another "
            "--run NAME to keep both"
        )
    if plan.held_out and record.get("scheme") != plan.scheme:
        storage.write_json(path, {**record, "scheme": plan.scheme})
    return True


def list_differences(record, plan, options, extraction):
    """Describe how a training differs from the one that is planned: list of str."""
    then = Options.from_dict(record.get("options")).as_dict()
    found = [
        f"--{name.replace('_', '-')} {then[name]}, now {value}"
        for name, value in options.as_dict().items()
        if then[name] != value and name not in ("n_frames", "control_group")
    ]
    found += list_changed_clips(record, plan, options)
    if record.get("crops", []) != plan.told.get("crops", []):
        found.append("other crops")
    if not found and (record.get("watched_clips") or {}) != plan.validation:
        found.append("other validation animals")
    made = record.get("extraction")
    if made and extraction:
        differences = sequences.compare_extractions(made, extraction)
        found += [f"sequences of {each} now" for each in differences]
    elif made or extraction:
        found.append("sequences made in another way")
    return found


def list_changed_clips(record, plan, options):
    """Describe which clips of a training changed since: list of str."""
    earlier, now = learned.list_targets(record), {**plan.train, **plan.validation}
    both, pattern = now.keys() & earlier.keys(), options.group_pattern
    groups = plan.told.get("groups", {})
    was_out, is_out = (
        {*held} for held in (record.get("left_out") or (), plan.held_out)
    )
    owner = functools.partial(plan.animal_of, pattern=options.animal_pattern)
    new, gone = now.keys() - earlier.keys(), earlier.keys() - now.keys()
    changes = {  # a clip of an animal that is held out, then or now, was not removed
        "new": {name for name in new if owner(name) not in was_out},
        "no longer there": {
            n for n in gone if learned.animal_in(record, n) not in is_out
        },
        "with another score": {n for n in both if earlier[n] != now[n]},
        "of another animal": {
            name
            for name in both
            if learned.animal_in(record, name)
            != plan.animal_of(name, options.animal_pattern)
        },
        "of another group": {
            name
            for name in both
            if learned.group_in(record, name, pattern)
            != (groups.get(name) or data.group_of(name, pattern))
        },
        "mirrored or no longer so": {*record.get("mirrored", ())}
        ^ {*plan.told.get("mirrored", ())},
    }
    told = [
        f"{len(names)} clip{'s' * (len(names) > 1)} {change} (for example {min(names)})"
        for change, names in changes.items()
        if names
    ]
    if was_out != is_out:
        held, now_held = (", ".join(sorted(held)) for held in (was_out, is_out))
        told.append(f"animals held out are {now_held or 'none'}, not {held or 'none'}")
    return told
