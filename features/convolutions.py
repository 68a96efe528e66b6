"""Reads the convolutions of an InceptionV3 from any file that Keras writes.

Whole models and bare weights, HDF5 of every Keras and `.keras` archives: all number
layers of a kind, older files in the order of their making, newer ones as the model
lists them. So nothing is rebuilt from what a file says; it gives arrays by their names.
"""

import io
import re
import zipfile

from system import untrusted
from system.terminal import Problem
from system.untrusted import check_array, first_line, read_array

LAYER = re.compile(r"(?:.*/)?(conv2d|batch_normalization)(?:_(\d+))?/.*[^/]")
N_ARRAYS = {"conv2d": 1, "batch_normalization": 3}  # kernel; beta, mean, variance


def read_layers(path, n_layers):
    """Read the first convolutions and normalizations of a file; see `apart.read`.

    Yields whether layers come as the model lists them, then of each of `n_layers` the
    kernel, beta, mean and variance. Raises Problem where they are not there.
    """
    import h5py

    found = {kind: {} for kind in N_ARRAYS}

    def note(name, item):
        match = LAYER.fullmatch(name)
        if match and isinstance(item, h5py.Dataset) and not name.startswith("optim"):
            check_array(item, item.shape, path.stat().st_size, "")
            found[match[1]].setdefault(int(match[2] or 0), []).append(name)

    try:
        with h5py.File(open_content(path), "r") as file:
            file.visititems(note)  # follows no link out of the file
            layers = []
            for kind, n_arrays in N_ARRAYS.items():
                chosen = [sorted(found[kind][n]) for n in sorted(found[kind])]
                if len(chosen) < n_layers:
                    raise Problem(f"{len(chosen)} of {n_layers} layers {kind}")
                if any(len(names) != n_arrays for names in chosen[:n_layers]):
                    raise Problem(f"layers {kind} of other arrays than InceptionV3's")
                layers.append(
                    [[read_array(file[n]) for n in names] for names in chosen]
                )
    except Exception as error:  # HDF5 and zipfile fail in many ways on corrupt bytes
        reason = first_line(error)[:150]
        raise Problem(f"{path} holds no InceptionV3 weights ({reason})") from error
    pairs = zip(*layers, strict=True)
    is_listed = any("layers/conv2d/" in names[0] for names in found["conv2d"].values())
    yield is_listed
    yield from (array for pair in pairs for arrays in pair for array in arrays)


def open_content(path):
    if not zipfile.is_zipfile(path):
        return path
    with untrusted.open_archive(path) as file:
        content = untrusted.read_member(file, untrusted.WEIGHTS, path.stat().st_size)
        return io.BytesIO(content)
