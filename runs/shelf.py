"""Which runs a folder holds: found by name, by path, by task, or the newest one."""

from datetime import datetime, timezone
from pathlib import Path

from runs import packing
from system import storage
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
