"""A run in one file: `.keras`, its record, and a card that describes it in words."""

import json
import shutil
import zipfile
from pathlib import Path

from runs.record import check_record
from system import storage
from system.terminal import Problem, caution


def pack(checkpoint, card, output):
    """Write a checkpoint, the record beside it and the card (str) as a `.zip`."""
    with (
        storage.replacing(output) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for path in (checkpoint, checkpoint.with_suffix(".json")):
            archive.write(path, path.name)
        archive.writestr("card.md", card)


def is_packed(path):
    """Check whether a path is a packed run: a `.zip`, or what was unpacked of one."""
    path = Path(path)
    if path.is_dir():
        return any(path.glob("*.keras")) or any(path.glob("*/*.keras"))
    return path.suffix.lower() == ".zip" and path.is_file()


def unpack(folder, path):
    """Take a run that another folder has packed: its `.keras` among the checkpoints.

    Its record says then that it was `received`, so that it never counts as trained
    here. Where another run of its name is here already, it gets another one.
    """
    path = Path(path)
    try:
        checkpoint, beside = find_pair(path if path.is_dir() else zipfile.Path(path))
        record = json.loads(beside.read_text(encoding="utf-8"))
        if not isinstance(record, dict):
            raise ValueError("its record is no JSON object")
        check_record(f"the record in {path}", record)
        return take_in(folder, path, checkpoint, record)
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


def take_in(folder, path, checkpoint, record):
    """Write a packed run among the checkpoints, unless it is there; return its path."""
    name, digest = record["run"], record["sha256"]
    place = storage.checkpoint_path(folder, name)
    if place.is_file() and storage.digest_file(place) != digest:
        name = f"{name}-{digest[:6]}"
        place = storage.checkpoint_path(folder, name)
        caution(f"a run {record['run']} is here already; that of {path} is now {name}")
    beside = storage.record_path(folder, name)
    if not place.is_file() or storage.digest_file(place) != digest:
        with storage.replacing(place) as temporary:
            with checkpoint.open("rb") as source, temporary.open("wb") as target:
                shutil.copyfileobj(source, target)
            if storage.digest_file(temporary) != digest:
                raise ValueError("its .keras is not the one that its record describes")
    elif beside.is_file():
        there = storage.read_json(beside)
        if there.get("sha256") == digest and not there.get("received"):
            return place  # trained here
    storage.write_json(beside, {**record, "run": name, "received": path.name})
    return place
