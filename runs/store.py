"""A run on disk: `<run>.keras`, the weights, and `<run>.json`, how it was made.

Here a run is found, read, saved, and compared with one that is planned.
"""

import dataclasses
from datetime import datetime, timezone
from pathlib import Path

import models
from runs import archives, keras2, loading, packing
from runs.record import read_record
from system import storage, untrusted
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


def save_run(folder, networks, run):
    """Write `<run>.keras` and then `<run>.json`, which makes the run a finished one."""
    path, now = storage.checkpoint_path(folder, run.name), datetime.now(timezone.utc)
    with storage.replacing(path) as temporary:
        if run.model == "motion":
            archives.write_plain(temporary, networks)
        else:
            models.join(networks).save(temporary)
    digest = storage.digest_file(path)
    trained = now.isoformat(timespec="milliseconds")
    write_record(dataclasses.replace(run, path=path, sha256=digest, trained=trained))
    return read_record(path)


def write_record(run):
    storage.write_json(run.path.with_suffix(".json"), run.as_record())
