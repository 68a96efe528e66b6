"""Reads files of unknown origin: checks types, sizes and links before use.

Checkpoints are passed from lab to lab, and their content is not to be trusted.
"""

import contextlib
import re
import zipfile
from pathlib import Path

import numpy as np

from system.terminal import Problem

LARGEST = 2**40  # of any size
SUPPORTED = (
    "Supported: a run of train_reg.py (.keras), or the published network saved by "
    "Keras 2 (.hdf5, .h5)"
)
WEIGHTS = "model.weights.h5"  # in a `.keras` archive


def kind_of(path):
    """Find what a file is by its first bytes: "HDF5", "zip", or words for a message."""
    if not Path(path).is_file():
        raise Problem(f"{path} does not exist or is no file")
    with Path(path).open("rb") as file:
        start = file.read(512)
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return "HDF5"
    if start.startswith(b"PK\x03\x04"):
        return "zip"
    if not start:
        return "an empty file"
    if re.match(rb"\s*(\xef\xbb\xbf)?\s*<(!doctype|html|head|\?xml)", start, re.I):
        return "a web page (HTML), as a failed download leaves it"
    if start.startswith((b"\x80", b"\x1f\x8b")):
        return "a pickled or compressed file"
    return f"bytes that start with {start[:12]!r}"


def size(value):
    """Return `value` if it can be a size; a file may claim anything."""
    if type(value) is not int or not 0 < value < LARGEST:
        raise ValueError(f"a size must be a positive whole number, not {value!r}")
    return value


def is_quick_pattern(pattern):
    """Check whether a regular expression from a file is sound and quick on every name.

    Python's engine tries every way in which repeats can share a name out. Without
    repeated groups and with few repeats there are not many.
    """
    try:
        re.compile(pattern)
    except (re.error, TypeError, RecursionError, OverflowError):
        return False
    bare = re.sub(r"\\.|\(\?", "", pattern)
    n_repeats, n_options = len(re.findall(r"[*+{]", bare)), bare.count("?")
    is_nested = re.search(r"\)[*+{]", pattern)
    return len(pattern) <= 200 and n_repeats <= 3 and n_options <= 6 and not is_nested


def first_line(error):
    """Give the first line of an exception's text."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


@contextlib.contextmanager
def open_hdf5(file, name):
    """Open HDF5 content, a path or a binary file; errors become one line.

    Only in a process that may crash; see `system.apart`.
    """
    import h5py

    try:
        with h5py.File(file, "r") as opened:
            yield opened
    except Problem as problem:
        raise Problem(f"{name}: {problem}. {SUPPORTED}") from problem
    except Exception as error:  # HDF5 and JSON fail in many ways on corrupt bytes
        raise Problem(
            f"{name} is damaged or truncated: {first_line(error)}. {SUPPORTED}"
        ) from error


def text(value):
    """Decode an attribute; h5py has given bytes or str over the years."""
    return value.decode() if isinstance(value, bytes) else str(value)


def follow(group, name):
    """Find an item of a group, by links that stay in the file."""
    import h5py

    for part in name.split("/"):
        link = group.get(part, getlink=True) if part else None
        if link is None:
            raise Problem(f"found no array {name}")
        if not isinstance(link, h5py.HardLink):
            raise Problem(f"the link {name} leads out of the file")
        group = group[part]
    return group


def check_array(dataset, shape, n_bytes, meant):
    """Refuse a dataset of another shape, one outside this file, or of no numbers."""
    if dataset.shape != shape:
        raise Problem(
            f"{dataset.name} has the shape {dataset.shape}, where {meant.format(shape)}"
        )
    if dataset.is_virtual or dataset.external:
        raise Problem(f"{dataset.name} lies in another file")
    if dataset.dtype.kind not in "fiu":
        raise Problem(f"{dataset.name} holds objects, not numbers")
    # Weights hardly compress: what claims more than this is not there at all.
    if dataset.size * dataset.dtype.itemsize > 8 * n_bytes:
        raise Problem(f"{dataset.name} claims {dataset.shape}, more than the file has")


def read_array(dataset):
    """Read finite numbers."""
    array = np.asarray(dataset[()], np.float32)
    if not np.isfinite(array).all():
        raise Problem(f"{dataset.name} holds weights that are NaN or infinite")
    return array


@contextlib.contextmanager
def open_archive(path):
    """Open an archive; errors become one line."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except Problem as problem:
        raise Problem(f"{path.name} {problem}") from problem
    except Exception as error:  # zipfile and json fail in many ways on corrupt bytes
        raise Problem(f"{path.name} is damaged: {first_line(error)}") from error


def read_member(archive, name, largest):
    """Read a file in an archive, stored as Keras does; a compressed one may grow."""
    entry = archive.getinfo(name)
    if entry.compress_type:
        raise Problem("is packed in a way Keras never writes")
    if entry.file_size > largest:
        raise Problem(f"has a {name} of absurd size, {entry.file_size:,} bytes")
    return archive.read(name)
