"""A run on disk: `<run>.keras`, the weights, and `<run>.json`, how it was made.

Here a run is found, opened, saved, and packed in one file for another lab: `.keras`,
its record, and a card that describes it in words.
"""

import contextlib
import dataclasses
import shutil
import zipfile
from datetime import datetime, timezone
from pathlib import Path

from runs import archives, keras2
from runs.record import check_record, read_record
from system import storage, untrusted
from system.tables import list_some
from system.terminal import Problem, caution

CHECKPOINT_SUFFIXES = (".keras", ".hdf5", ".h5")
FOLDS = ("folds", "leave-one-animal-out")  # kinds of cross-validation


# ---------------------------------------------------------------- finding


def find_run(folder, run=None, task=None):
    """Find a run's checkpoint by path, by name, or the newest one to use.

    `task` is that of the newest run. Returns a path: a `.keras` file, or a published
    `.hdf5` or `.h5` file. A packed run of `share.py`, `.zip` or unpacked into a folder,
    is taken among the checkpoints first.
    """
    if run is None:
        return find_newest(folder, task)
    path, place = Path(run), Path(folder) / "checkpoints"
    is_zip = path.suffix.lower() == ".zip" and path.is_file()
    if is_zip or any(path.glob("*.keras")) or any(path.glob("*/*.keras")):
        return unpack(folder, path)
    candidates = [path, place / run]
    candidates += [place / f"{run}{suffix}" for suffix in CHECKPOINT_SUFFIXES]
    for path in candidates:
        if path.is_file() and path.suffix in CHECKPOINT_SUFFIXES:
            return path
    names = [path.stem for path in list_checkpoints(folder)]
    of_run = [name for name in names if name.startswith(f"{run}-")]
    kinds = {read_head(place / f"{name}.keras")["kind"] for name in of_run}
    ways = [f"validate.py --run {run} --{kind}" for kind in FOLDS if kind in kinds]
    raise Problem(
        f"no run {run!r} in {place}. Runs there: {list_some(names, 10) or 'none'}"
        + "".join(f". Its cross-validation is evaluated with {way}" for way in ways)
    )


def list_checkpoints(folder):
    found = sorted((Path(folder) / "checkpoints").glob("[!.]*"))
    return [path for path in found if path.suffix in CHECKPOINT_SUFFIXES]


def find_newest(folder, task=None):
    """Find the run of this folder that was trained last: by its record, not its file.

    A fold of a cross-validation, and a run that another folder has packed, are taken
    where they are named only; the published network where it is alone.
    """
    place, own, paths = Path(folder) / "checkpoints", [], list_checkpoints(folder)
    for path in paths:
        head = read_head(path)
        is_own = path.suffix == ".keras" and not head["received"]
        if is_own and head["kind"] not in FOLDS and task in (None, head["task"]):
            own.append((head["trained"], path))
    if own:
        return max(own)[1]
    if len(paths) == 1 and paths[0].suffix != ".keras":
        return paths[0]
    of_task = f" of task {task}" if task else ""
    names = list_some([path.stem for path in paths]) or "none"
    raise Problem(
        f"{place} holds no run{of_task} that was trained here on all animals. Train "
        "one with train_reg.py (after a cross-validation with --folds K --final), or "
        f"name one with --run: {names}. validate.py --folds or --leave-one-animal-out "
        "evaluates the networks of a cross-validation"
    )


def read_head(path):
    """Read from a run's record what finding it takes; the rest is checked on use."""
    record = {}
    with contextlib.suppress(Problem, OSError):
        record = storage.read_json(path.with_suffix(".json"))
    scheme, base = record.get("scheme"), record.get("base")
    return {
        "base": base.get("name") if isinstance(base, dict) else None,
        "kind": scheme.get("kind") if isinstance(scheme, dict) else None,
        "received": record.get("received"),
        "task": str(record.get("task")),
        "trained": str(record.get("trained") or ""),
    }


# ---------------------------------------------------------------- opening and saving


def open_run(path):
    """Open a checkpoint as a `Run`, by its record; its network is not read. For the
    published network, which has no record, one is made of what is known."""
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
        model = keras2.load_published(run.path)
        _, n_frames, n_features = model.input_shape
        made = {**run.extraction, "n_frames": n_frames}
        size = {"n_frames": n_frames, "n_features": n_features, "extraction": made}
        return [model], dataclasses.replace(run, **size)
    verify(run)
    try:
        return archives.load_run(run), run
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
        archives.write_networks(temporary, networks)
    digest = storage.digest_file(path)
    trained = now.isoformat(timespec="milliseconds")
    write_record(dataclasses.replace(run, path=path, sha256=digest, trained=trained))
    return read_record(path)


def write_record(run):
    storage.write_json(run.path.with_suffix(".json"), run.as_record())


# ---------------------------------------------------------------- packing


def pack(checkpoint, card, output):
    """Write a checkpoint, the record beside it and the card (str) as a `.zip`."""
    with (
        storage.replacing(output) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for path in (checkpoint, checkpoint.with_suffix(".json")):
            archive.write(path, path.name)
        archive.writestr("card.md", card)


def unpack(folder, path):
    """Take a run that another folder has packed: its `.keras` among the checkpoints.

    Its record says then that it was `received`, so that it never counts as trained
    here. Where another run of its name is here already, it gets another one.
    """
    try:
        checkpoint, beside = find_pair(path if path.is_dir() else zipfile.Path(path))
        run = check_record(f"the record in {path}", storage.read_json(beside))
        return take_in(folder, path, checkpoint, run)
    except (OSError, Problem):
        raise
    except Exception as error:  # zipfile and JSON fail in many ways on corrupt bytes
        raise Problem(f"{path} is no run packed by share.py: {error}") from error


def find_pair(root):
    """Find the checkpoint and its record in an archive or a folder, or one below it."""
    places = [root]
    places += [p for p in root.iterdir() if p.is_dir() and p.name != "__MACOSX"]
    found = {p.name: p for place in reversed(places) for p in place.iterdir()}
    names = [n for n in found if n.endswith(".keras") and not n.startswith(".")]
    if len(names) != 1:
        raise ValueError(f"it holds {len(names) or 'no'} .keras files, not one")
    beside = f"{names[0].removesuffix('.keras')}.json"
    if beside not in found:
        raise ValueError(f"it holds {names[0]} without {beside}")
    return found[names[0]], found[beside]


def take_in(folder, path, checkpoint, run):
    """Write a packed run among the checkpoints, unless it is there; return its path."""
    place, digest = storage.checkpoint_path(folder, run.name), run.sha256
    if place.is_file() and storage.digest_file(place) != digest:
        place = storage.checkpoint_path(folder, f"{run.name}-{digest[:6]}")
        caution(f"a run {run.name} is here already; that of {path} is now {place.stem}")
    if place.is_file() and place.with_suffix(".json").is_file():
        return place  # trained here, or received before
    with storage.replacing(place) as temporary:
        with checkpoint.open("rb") as source, temporary.open("wb") as target:
            shutil.copyfileobj(source, target)
        if storage.digest_file(temporary) != digest:
            raise ValueError("its .keras is not the one that its record describes")
    given = {"name": place.stem, "received": path.name, "path": place}
    write_record(dataclasses.replace(run, **given))
    return place
