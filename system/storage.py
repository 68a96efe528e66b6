"""The working folder and its files: one function for each artefact gives its path.

Files are written whole or not at all, so a script that is killed leaves none half done.
"""

import contextlib
import errno
import functools
import hashlib
import json
import math
import os
import platform
import re
import secrets
import stat
import time
import unicodedata
from pathlib import Path

from system.terminal import Problem

DEFAULT_FOLDER = Path(__file__).parents[1] / "data"
TEMPORARY = ".writing-"
HOST = re.sub(r"\W", "", platform.node(), flags=re.ASCII)[:30] or "unnamed"
WEEK = 7 * 24 * 3600  # seconds
MAX_NAME = 150  # bytes; leaves room for "-125-features.npy" below the usual 255
FORBIDDEN = set('<>:"/\\|?*')
BACKUP = "backup.npz"  # of a training that can go on
LOGS = ("history.csv", BACKUP)
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def table_path(folder):
    return Path(folder) / "data_file.csv"


def crops_path(folder):
    return Path(folder) / "figures" / "crops.png"


def sequence_path(folder, clip_name, n_frames, kind="features"):
    return Path(folder) / "sequences" / f"{clip_name}-{n_frames}-{kind}.npy"


def extraction_path(folder):
    return Path(folder) / "sequences" / "extraction.json"


def sources_path(folder):
    return Path(folder) / "sequences" / "sources.csv"


def checkpoint_path(folder, run):
    return Path(folder) / "checkpoints" / f"{check_run(run)}.keras"


def logs_folder(folder, run):
    return Path(folder) / "logs" / check_run(run)


def predictions_path(folder, run, split, suffix=".csv"):
    return Path(folder) / "predictions" / f"{check_run(run)}-{split}{suffix}"


def figures_folder(folder, run, question=""):
    """Where figures of a run go: the main question's, and a folder of each other's."""
    place = Path(folder) / "figures" / check_run(run)
    return place / check_run(question) if question else place


def check_run(run):
    """Refuse the name of a run, which a record may bring along, that leads outside."""
    if fault := find_name_fault(run):
        raise Problem(f"the run's name {run!r} {fault}")
    return run


def find_name_fault(name):
    """Explain why a name cannot stand for a file on every system, or return None.

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


def clear_logs(folder):
    """Remove the logs of an earlier training."""
    for path in Path(folder).rglob("*"):
        if path.name in LOGS or path.name.startswith("events.out.tfevents."):
            path.unlink()


def replace(source, target, pauses=(0.1, 0.2, 0.4, 0.8)):
    """Rename a file; a scanner may hold the old one for a moment, so try again."""
    for pause in pauses:
        try:
            return source.replace(target)
        except PermissionError:
            time.sleep(pause)
    return source.replace(target)


@contextlib.contextmanager
def replacing(path):
    """Write a file whole or not at all.

    Yields a temporary path in the same folder with the same suffix. It gets the final
    name when the block ends well and is removed when it does not. A link stays one:
    what it leads to is replaced. A new file is as open to others as the umask lets, one
    that is replaced as it was before. Raises Problem when the disk is full, or the file
    or the folder is read-only or has vanished.
    """
    path, temporary = Path(os.path.realpath(path)), None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent)
        mode = path.stat().st_mode if path.exists() else None
        if mode is not None and not (mode & 0o222 and os.access(path, os.W_OK)):
            raise PermissionError(13, "it is read-only")
        owner = f"{HOST}-{os.getpid()}-{secrets.token_hex(4)}"
        temporary = path.with_name(f"{TEMPORARY}{owner}{path.suffix}")
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield temporary
        if mode is not None:
            temporary.chmod(stat.S_IMODE(mode))
        replace(temporary, path)
    except OSError as error:
        reason = error.strerror or f"{error}; disk full?"
        raise Problem(f"could not write {path}: {reason}") from error
    finally:
        if temporary:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


@functools.cache
def remove_leftovers(folder):
    """Remove, once in a process, the temporary files of dead processes from a folder;
    those of other machines when they are a week old."""
    for path in Path(folder).glob(f"{TEMPORARY}*"):
        owner = re.match(rf"{re.escape(TEMPORARY)}(\w+)-(\d+)-", path.name)
        is_ours = owner and owner[1] == HOST
        with contextlib.suppress(OSError):
            is_old = time.time() - path.stat().st_mtime > WEEK
            if is_old or (is_ours and not is_alive(int(owner[2]))):
                path.unlink()


def is_alive(process):
    """Check whether a process of this machine lives; yes, where that is unknown."""
    try:
        if os.name == "posix":  # elsewhere the question would end it
            os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


@contextlib.contextmanager
def claim(path):
    """Let one process at a time work on what lies at a path.

    The system keeps the lock and gives it back however a process ends. Raises Problem,
    which says who works there already.
    """
    lock = Path(path).with_name(f".working-{Path(path).name}")
    while True:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            file = lock.open("a+b", buffering=0)
        except OSError as error:
            reason = error.strerror or error
            raise Problem(f"could not write {lock}: {reason}") from error
        if not grab(file):
            file.seek(0)
            owner = file.read(200).decode(errors="replace") or "another process"
            file.close()
            raise Problem(f"{owner} works on {path}. Wait until it is done")
        with contextlib.suppress(OSError):
            if os.path.samestat(lock.stat(), os.fstat(file.fileno())):
                break
        file.close()  # its owner removed it when it was done
    try:
        with contextlib.suppress(OSError):  # a full disk has room for a lock only
            file.truncate(0)
            file.write(f"process {os.getpid()} on {HOST}".encode())
        yield
    finally:
        if os.name == "nt":  # which removes no file that is open
            file.close()
        with contextlib.suppress(OSError):
            lock.unlink()
        file.close()


def grab(file):
    """Lock an open file; returns whether that went well. Some shares know no locks."""
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(2**30)  # a byte that is never read
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
    return True


def write_json(path, content):
    """Write what JSON can hold, numpy's numbers and arrays too; NaN becomes null."""
    with replacing(path) as temporary:
        text = json.dumps(plain_values(content), indent=1, allow_nan=False)
        temporary.write_text(text + "\n")


def plain_values(content):
    """Turn numpy's values into Python's, paths into text, NaN and infinity to None."""
    if hasattr(content, "tolist"):  # of numpy and pandas, which need not be loaded
        content = content.tolist()
    if isinstance(content, dict):
        pairs = content.items()
        return {plain_values(key): plain_values(value) for key, value in pairs}
    if isinstance(content, list | tuple):
        return [plain_values(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return str(content) if isinstance(content, Path) else content


def read_json(path):
    """Read a JSON object. Raises Problem where there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise Problem(f"{path} is not JSON ({error})") from None
    if not isinstance(content, dict):
        raise Problem(f"{path} holds no JSON object")
    return content


def digest_file(path):
    """Compute the sha256 of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def digest_tables(folder):
    """Compute the sha256 of each table, .csv, in a folder, by its name."""
    paths = sorted(Path(folder).glob("[!.~]*.csv"))
    return {path.name: digest_file(path) for path in paths}
