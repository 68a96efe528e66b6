"""The working folder and its files: one function for each artefact tells its path.

Files are written whole or not at all, so a script that is killed leaves none half done.
"""

import contextlib
import functools
import hashlib
import json
import os
import re
import tempfile
import time
import unicodedata
from pathlib import Path

from console import Problem

DEFAULT_FOLDER = Path(__file__).parent / "data"
TEMPORARY = ".writing-"
MAX_NAME = 150  # bytes; leaves room for "-125-features.npy" below the usual 255
FORBIDDEN = set('<>:"/\\|?*')
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


# ---------------------------------------------------------------- paths


def table_path(folder):
    return Path(folder) / "data_file.csv"


def crops_path(folder):
    return Path(folder) / "figures" / "crops.png"


def sequence_path(folder, clip_name, n_frames):
    return Path(folder) / "sequences" / f"{clip_name}-{n_frames}-features.npy"


def extraction_path(folder):
    return Path(folder) / "sequences" / "extraction.json"


def sources_path(folder):
    return Path(folder) / "sequences" / "sources.csv"


def checkpoint_path(folder, run):
    return Path(folder) / "checkpoints" / f"{check_run(run)}.keras"


def record_path(folder, run):
    return Path(folder) / "checkpoints" / f"{check_run(run)}.json"


def logs_folder(folder, run):
    return Path(folder) / "logs" / check_run(run)


def predictions_path(folder, run, split, suffix=".csv"):
    return Path(folder) / "predictions" / f"{check_run(run)}-{split}{suffix}"


def figures_folder(folder, run):
    return Path(folder) / "figures" / check_run(run)


def check_run(run):
    """Refuse the name of a run, which a record may bring along, that leads outside."""
    if fault := find_name_fault(run):
        raise Problem(f"the run's name {run!r} {fault}")
    return run


def find_name_fault(name):
    """Say why a name cannot stand for a file on every system, or return None.

    The check looks at the compatibility form, so that look-alikes of `/` count too.
    """
    plain = unicodedata.normalize("NFKC", name)
    if not plain:
        return "is empty"
    if len(name.encode(errors="replace")) > MAX_NAME:
        return f"is longer than {MAX_NAME} bytes"
    if plain in (".", "..") or FORBIDDEN & set(plain):
        return 'must be a plain file name without folder, drive or any of <>:"/\\|?*'
    if any(unicodedata.category(letter)[0] == "C" for letter in plain):
        return "holds an invisible character"
    if RESERVED.fullmatch(plain) or plain[-1] in ". " or plain[0] in ".-":
        return "is not a file name on every system"
    return None


# ---------------------------------------------------------------- writing, reading


@contextlib.contextmanager
def replacing(path):
    """Write a file whole or not at all.

    Yields a temporary path in the same folder with the same suffix. It gets the final
    name when the block ends well and is removed when it does not.

    Raises
    ------
    Problem
        When the disk is full, the folder is read-only or has vanished.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=TEMPORARY, suffix=path.suffix, dir=path.parent
        )
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o644)  # mkstemp makes it private; shared folders are not
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or f"{error}; disk full?"
        raise Problem(f"could not write {path}: {reason}") from error
    finally:
        if temporary:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def remove_leftovers(folder, age=3600):
    """Remove temporary files that a killed script left, once they are an hour old."""
    for path in Path(folder).glob(f"{TEMPORARY}*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > age:
                path.unlink()


def write_json(path, content):
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")


def read_json(path):
    """Read a JSON object. Raises Problem where there is none."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise Problem(f"{path} is not JSON ({error})") from None
    if not isinstance(content, dict):
        raise Problem(f"{path} holds no JSON object")
    return content


def is_same(path, other):
    """Tell whether two files are one, or hold the same bytes."""
    stats = [Path(each).stat() for each in (path, other)]
    if stats[0].st_size != stats[1].st_size:
        return False
    return Path(path).samefile(other) or has_same_bytes(
        path, other, *(stat.st_mtime_ns for stat in stats)
    )


@functools.lru_cache(maxsize=4096)
def has_same_bytes(path, other, _changed, _other_changed):
    """Compare files that have not changed since the last call only once."""
    return digest_file(path) == digest_file(other)


def digest_file(path):
    """Compute the sha256 of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
