"""A run in one file: `.keras`, its record, and a card that says in words what it is."""

import contextlib
import json
import lzma
import shutil
import zipfile
import zlib
from pathlib import Path

from runs.record import check_record
from system import storage
from system.terminal import Problem, caution

MAX_BYTES = 2**32  # of what is unpacked
DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, KeyError)
DAMAGE += (ValueError, RuntimeError, RecursionError)


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
    """Tell whether a path is a packed run: a `.zip`, or what was unpacked of one."""
    path = Path(path)
    if path.is_dir():
        return any(path.glob("*.keras")) or any(path.glob("*/*.keras"))
    return path.suffix.lower() == ".zip" and path.is_file()


def unpack(folder, path):
    """Take a run that another folder has packed: its `.keras` among the checkpoints.

    Its record says then that it was `received`, so that it never counts as trained
    here. Where a run of its name is here already, it gets another one.
    """
    path = Path(path)
    try:
        with opening(path) as members:
            keras, beside = find_pair(members)
            if sum(size for size, _ in (keras, beside)) > MAX_BYTES:
                raise ValueError("it would unpack to more than 4 GiB")
            with beside[1]() as source:
                record = json.loads(source.read())
            return take_in(folder, path, keras[1], record)
    except DAMAGE as error:
        raise Problem(f"{path} is no run packed by share.py: {error}") from error


@contextlib.contextmanager
def opening(path):
    """List the files of a `.zip` or a folder: {name: (bytes, callable to open it)}."""
    if path.is_dir():
        found = [p for p in (*path.glob("*"), *path.glob("*/*")) if p.is_file()]
        yield {
            p.relative_to(path).as_posix(): (
                p.stat().st_size,
                lambda p=p: p.open("rb"),
            )
            for p in found
        }
        return
    with zipfile.ZipFile(path) as archive:
        yield {
            info.filename: (info.file_size, lambda info=info: archive.open(info))
            for info in archive.infolist()
        }


def find_pair(members):
    """Find the checkpoint and its record, whatever folders and Mac files are around."""
    named = {}
    for name, member in members.items():
        *places, last = name.replace("\\", "/").split("/")
        if "__MACOSX" not in places and not last.startswith("."):
            named.setdefault(last, member)
    found = [name for name in named if name.endswith(".keras")]
    if len(found) != 1:
        raise ValueError(f"it holds {len(found) or 'no'} .keras files, not one")
    beside = f"{found[0].removesuffix('.keras')}.json"
    if beside not in named:
        raise ValueError(f"it holds {found[0]} without {beside}")
    return named[found[0]], named[beside]


def take_in(folder, path, open_keras, record):
    """Write a packed run among the checkpoints, unless it is there; return its path."""
    name, digest = choose_name(folder, path, record)
    place, beside = (
        storage.checkpoint_path(folder, name),
        storage.record_path(folder, name),
    )
    if not place.is_file():
        with storage.replacing(place) as temporary:
            with open_keras() as source, temporary.open("wb") as target:
                shutil.copyfileobj(source, target)
            if storage.digest_file(temporary) != digest:
                raise ValueError("its .keras is not the one that its record describes")
    elif beside.is_file():
        with contextlib.suppress(Problem):
            there = storage.read_json(beside)
            if there.get("sha256") == digest and not there.get("received"):
                return place  # trained here
    storage.write_json(beside, {**record, "run": name, "received": path.name})
    if name != record["run"]:
        caution(f"a run {record['run']} is here already; that of {path} is now {name}")
    return place


def choose_name(folder, path, record):
    """Choose the name of a packed run here: its own, if no other run has it."""
    if not isinstance(record, dict):
        raise ValueError("its record is no JSON object")
    digest = check_record(f"the record in {path}", record)["sha256"]
    names = record["run"], f"{record['run']}-{digest[:6]}"
    for name in names:
        place = storage.checkpoint_path(folder, name)
        if not place.is_file() or storage.digest_file(place) == digest:
            return name, digest
    raise Problem(f"{place} is there already, another one than in {path}")
