"""Opens files of unknown origin: says what they are, and follows no lead out of them.

Checkpoints are passed from lab to lab, and a checkpoint can ask its reader for
anything. What it says is checked here before it is used.
"""

import contextlib
import hashlib
import re
from pathlib import Path

import h5py

from console import Problem

SUPPORTED = (
    "Supported: a run of train_reg.py (.keras), or the published network saved by "
    "Keras 2 (.hdf5, .h5)"
)


def kind_of(path):
    """Say what a file is by its first bytes.

    Returns
    -------
    str
        "HDF5", "zip", or words for a message.
    """
    path = Path(path)
    if not path.is_file():
        raise Problem(f"{path} does not exist or is no file")
    with path.open("rb") as file:
        start = file.read(512)
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return "HDF5"
    if start.startswith(b"PK\x03\x04"):
        return "zip"
    if not start:
        return "an empty file"
    if re.match(rb"\s*(\xef\xbb\xbf)?\s*<(!doctype|html|head|\?xml)", start, re.I):
        return "a web page (HTML), as a failed download leaves it"
    if start.startswith(b"\x80") or start.startswith(b"\x1f\x8b"):
        return "a pickled or compressed file"
    return f"bytes that start with {start[:12]!r}"


def digest_of(file):
    """Compute the sha256 of an open binary file, in hexadecimal."""
    digest = hashlib.sha256()
    while block := file.read(2**20):
        digest.update(block)
    return digest.hexdigest()


def size(value):
    """Return `value` if it is a positive whole number; a file may claim anything."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"a size must be a positive whole number, not {value!r}")
    return value


def first_line(error):
    """Say an exception in one line."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


@contextlib.contextmanager
def open_hdf5(path):
    """Open an HDF5 file; whatever goes wrong with it becomes one line."""
    try:
        with h5py.File(path, "r") as file:
            yield file
    except Problem as problem:
        raise Problem(f"{path.name}: {problem}. {SUPPORTED}") from problem
    except Exception as error:  # HDF5 and JSON fail in many ways on spoiled bytes
        raise Problem(
            f"{path.name} is damaged or cut off: {first_line(error)}. {SUPPORTED}"
        ) from error


def text(value):
    """Decode an attribute; h5py has given bytes or str over the years."""
    return value.decode() if isinstance(value, bytes) else str(value)


def follow(group, name):
    """Item of a group, by links that stay in the file."""
    for part in name.split("/"):
        link = group.get(part, getlink=True) if part else None
        if link is None:
            raise Problem(f"found no array {name}")
        if not isinstance(link, h5py.HardLink):
            raise Problem(f"the link {name} leads out of the file")
        group = group[part]
    return group


def inspect_hdf5(file, n_bytes):
    """Refuse an HDF5 file with links out of it or arrays larger than itself.

    Parameters
    ----------
    file : path or binary file
    n_bytes : int
        Its size.
    """
    with h5py.File(file, "r") as opened:
        links = []
        opened.visititems_links(lambda name, link: links.append((name, link)))
        for name, link in links:
            if not isinstance(link, h5py.HardLink):
                raise Problem(f"the link {name} leads out of the file")
            if isinstance(opened[name], h5py.Dataset):
                inspect_array(opened[name], n_bytes)


def inspect_array(dataset, n_bytes):
    """Refuse a dataset that is not plain numbers lying in this very file."""
    if dataset.is_virtual or dataset.external:
        raise Problem(f"{dataset.name} lies in another file")
    if dataset.dtype.kind not in "fiu":
        raise Problem(f"{dataset.name} holds objects, not numbers")
    # Weights hardly compress: what claims more than this is not there at all.
    if dataset.size * dataset.dtype.itemsize > 8 * n_bytes:
        raise Problem(f"{dataset.name} claims {dataset.shape}, more than the file has")
