"""The weights of a run, `<run>.keras`: plain arrays of numpy, whatever the model.

A network is built from the run's record, and the file gives nothing but numbers, of the
sizes that the record means. Nothing in it is executed.
"""

import io
import itertools

import numpy as np

import models
from system import backend, untrusted
from system.terminal import Problem

FIRST = "arr_0.npy"  # as numpy names them
LARGEST_HEADER = 2**12  # bytes


def write_networks(path, networks):
    """Write the arrays of networks, one after the other."""
    arrays = itertools.chain(*map(models.list_arrays, networks))
    with path.open("wb") as file:
        np.savez(file, *arrays)


def load_run(run):
    """Build the networks of a Run and give them the weights in its file.

    Raises Problem when the file is missing, damaged, of another kind, or holds other
    networks.
    """
    if (kind := untrusted.kind_of(run.path)) != "zip":
        raise Problem(
            f"{run.path.name} is no checkpoint: found {kind}. {untrusted.SUPPORTED}"
        )
    shape, networks = (run.n_frames, run.n_features), []
    shapes, numbers = models.list_shapes(run.options, shape), itertools.count()
    if run.model != "motion":
        backend.keras.backend.clear_session()  # of earlier networks, fold after fold
    for _ in range(run.options.ensemble):
        with untrusted.open_archive(run.path) as archive:
            arrays = [read_array(archive, next(numbers), each) for each in shapes]
        targets = (run.train_clips or {}).values()
        networks.append(models.restore(run.options, shape, targets, arrays))
    return networks


def read_array(archive, number, shape):
    """Read an array of finite numbers of a shape."""
    name = f"arr_{number}.npy"
    largest = 4 * int(np.prod(shape, dtype=object)) + LARGEST_HEADER
    content = untrusted.read_member(archive, name, largest)
    array = np.lib.format.read_array(io.BytesIO(content))  # knows no pickle
    if (array.shape, array.dtype) != (shape, np.float32):
        raise Problem(
            f"{name} holds {array.dtype} {array.shape}, where the record means "
            f"{shape}; restore the two files together"
        )
    if not np.isfinite(array).all():
        raise Problem(f"{name} holds weights that are NaN or infinite")
    return array
