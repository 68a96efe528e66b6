"""A run on disk: `<run>.keras`, the weights, and `<run>.json`, how it was made.

Here a run is found, read, saved, and compared with one that is planned.
"""

import dataclasses
from datetime import datetime, timezone
from pathlib import Path

import data
import models
from features import sequences
from runs import archives, keras2, loading, packing
from runs.record import read_record
from system import storage, terminal, untrusted
from system.terminal import Problem

CHECKPOINT_SUFFIXES = (".keras", ".hdf5", ".h5")
FOLDS = ("folds", "leave-one-animal-out")  # kinds of cross-validation


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

    Records of earlier releases do not hold when they were made; their file does.
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


def open_run(path):
    """Open a checkpoint as a `Run`, by its record; its network is not read.

    For the published network, which has no record, one is made of what is known.
    """
    path = Path(path)
    if untrusted.kind_of(path) == "HDF5":
        return keras2.describe_run(path)
    return read_record(path)


def read_run(path):
    """Open a checkpoint and load its networks: (list of keras.Model, Run)."""
    return load_networks(open_run(path))


def load_networks(run):
    """Load the networks of a run; gives them, and the run with their T and F."""
    if run.is_published:
        model = loading.load_published(run.path)
        _, n_frames, n_features = model.input_shape
        made = {**run.extraction, "n_frames": n_frames}
        size = {"n_frames": n_frames, "n_features": n_features, "extraction": made}
        return [model], dataclasses.replace(run, **size)
    verify(run)
    try:
        return loading.load_run(run), run
    except (TypeError, ValueError) as error:
        raise Problem(
            f"{run.path.stem}.json describes no network: {untrusted.first_line(error)}"
        ) from error


def verify(run):
    """See that a record belongs to the checkpoint beside it."""
    found, path = storage.digest_file(run.path), run.path
    if run.sha256 != found:
        raise Problem(
            f"{path.name} is not the file that {path.stem}.json describes: its sha256 "
            f"is {found}, the record expects {run.sha256}"
        )


def describe_run(plan, options, extraction, results, n_features):
    """Put together the record (dict) of a run: all that is needed to use it.

    `plan` and `options` are what was trained, `extraction` as of
    `sequences.read_extraction`; `results` those of each network, see
    `trainer.fit_network`.
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
        **plan.labels,
        "left_out": plan.held_out,
        "scheme": plan.scheme,
        "epochs": sum(result["epochs"] for result in results),
        "best_epoch": [result["best_epoch"] for result in results],
        "val_loss": sum(result["val_loss"] for result in results) / len(results),
        **({"choice": results[0]["choice"]} if "choice" in results[0] else {}),
        "trained": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "sha256": "",  # see `save_run`
    }


def save_run(folder, networks, record):
    """Write `<run>.keras` and then `<run>.json`, which makes the run a finished one."""
    path = storage.checkpoint_path(folder, record["run"])
    with storage.replacing(path) as temporary:
        if record["model"] == "motion":
            archives.write_plain(temporary, networks)
        else:
            models.join(networks).save(temporary)
    digest = storage.digest_file(path)
    storage.write_json(path.with_suffix(".json"), {**record, "sha256": digest})
    return read_record(path)


def is_finished(folder, plan, options, extraction):
    """Check whether a run is there already; raises Problem if it is another one.

    Parameters are those of `describe_run`. Options that a later release brought count
    as left at their defaults.
    """
    path = storage.checkpoint_path(folder, plan.run)
    beside = path.with_suffix(".json")
    if not (path.is_file() and beside.is_file()):
        return False
    run = read_record(path)
    if run.sha256 != storage.digest_file(path):
        return False  # killed while the one replaced the other
    if differences := list_differences(run, plan, options, extraction):
        raise Problem(
            f"run {plan.run} exists, but was trained differently: "
            f"{'; '.join(differences)}. Give --overwrite to replace it, or another "
            "--run NAME to keep both"
        )
    record = storage.read_json(beside)
    if plan.held_out and record["scheme"] != plan.scheme:
        storage.write_json(beside, {**record, "scheme": plan.scheme})
    return True


def list_differences(run, plan, options, extraction):
    """Describe how a training differs from the one that is planned: list of str."""
    then = run.options.as_dict()
    found = [
        f"--{name.replace('_', '-')} {then[name]}, now {value}"
        for name, value in options.as_dict().items()
        if then[name] != value and name not in ("n_frames", "control_group", "reads")
    ]
    if then["reads"] != options.reads:
        found.append(f"it read the {then['reads']} of frames, now {options.reads}")
    found += list_changed_clips(run, plan, options)
    if run.crops != plan.labels.get("crops", []):
        found.append("other crops")
    if not found and run.validation_clips != plan.validation:
        found.append("other validation animals")
    if run.extraction and extraction:
        differences = sequences.compare_extractions(extraction, run.extraction)
        found += [f"now sequences of {each}" for each in differences]
    elif run.extraction or extraction:
        found.append("sequences made in another way")
    return found


def list_changed_clips(run, plan, options):
    """Describe which clips of a training changed since: list of str."""
    earlier, now = run.targets, {**plan.train, **plan.validation}
    both, groups = now.keys() & earlier.keys(), plan.labels.get("groups", {})
    was_out, is_out = {*run.held_out}, {*plan.held_out}
    new, gone = now.keys() - earlier.keys(), earlier.keys() - now.keys()
    pattern = options.animal_pattern
    changes = {  # a clip of an animal that is held out, then or now, was not removed
        "new": {n for n in new if plan.animal_of(n, pattern) not in was_out},
        "no longer there": {n for n in gone if run.animal_of(n) not in is_out},
        "with another score": {n for n in both if earlier[n] != now[n]},
        "of another animal": {
            name
            for name in both
            if run.animal_of(name) != plan.animal_of(name, pattern)
        },
        "of another group": {
            name
            for name in both
            if run.group_of(name)
            != (groups.get(name) or data.group_of(name, options.group_pattern))
        },
        "mirrored or no longer so": {*run.mirrored}
        ^ {*plan.labels.get("mirrored", ())},
    }
    found = [
        f"{len(names)} clip{'s' * (len(names) > 1)} {change} (for example {min(names)})"
        for change, names in changes.items()
        if names
    ]
    if was_out != is_out:
        before, after = (", ".join(sorted(held)) for held in (was_out, is_out))
        found.append(f"animals held out are {after or 'none'}, not {before or 'none'}")
    return found
