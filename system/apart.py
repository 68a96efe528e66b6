"""Reads HDF5 files of others in a process of its own, which may die of them.

Some corrupt bytes make the HDF5 library crash, others make it run for ever, and Python
can catch neither. So it is never let into the process that works.
"""

import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np

from system.terminal import Caution, Problem, caution

SPOILED = (ValueError, EOFError, KeyError, zipfile.BadZipFile)  # of an answer
PATIENCE = 600  # seconds, for 400 MB on a slow disk
MEMORY = 2**32  # bytes of addresses, beside six times the file
START = "import sys; sys.path.insert(0, sys.argv[1]); from system import apart; "
START += "apart.serve(*sys.argv[2:])"


def read(reader, path, *arguments):
    """Let a function read a file in a process of its own.

    Parameters
    ----------
    reader : str
        A "module:generator" of this package, which takes the path and the arguments
        and yields what JSON can hold, then arrays.
    path : path
    *arguments
        What JSON can hold.

    Returns
    -------
    found : object
        The first that the reader yields.
    arrays : list of float32 array

    Raises
    ------
    Problem
        As the reader does, or when it dies or takes more than `PATIENCE` seconds.
    """
    project = str(Path(__file__).resolve().parents[1])
    command = [sys.executable, "-c", START, project, reader, str(path)]
    try:
        answer = subprocess.run(
            [*command, json.dumps(arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            timeout=PATIENCE,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        with np.load(io.BytesIO(answer.stdout)) as content:
            told = json.loads(str(content["told"]))
            arrays = [content[f"arr_{n}"] for n in range(told.get("n_arrays", 0))]
    except (subprocess.TimeoutExpired, OSError, *SPOILED) as error:
        text = f"{path.name} is damaged: the HDF5 library crashed on it, or got stuck"
        raise Problem(text) from error
    if "problem" in told:
        raise Problem(told["problem"])
    for text in told["cautions"]:
        caution(text)
    return told["found"], arrays


# ---------------------------------------------------------------- in that process


def serve(reader, path, arguments):
    """Write what a reader yields to the standard output; see `read`."""
    path, (module, function) = Path(path), reader.split(":")
    limit_memory(path)
    read_file = getattr(importlib.import_module(module), function)
    arrays = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found, *arrays = read_file(path, *json.loads(arguments))
        cautions = [str(w.message) for w in caught if w.category is Caution]
        told = {"found": found, "cautions": cautions, "n_arrays": len(arrays)}
    except Problem as problem:
        told = {"problem": str(problem)}
    arrays = [np.asarray(array, np.float32) for array in arrays]
    np.savez(sys.stdout.buffer, *arrays, told=np.array(json.dumps(told)))


def limit_memory(path):
    """Limit the memory of this process, where the system can, and write no core."""
    try:
        import resource
    except ImportError:  # Windows
        return
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        most = MEMORY + 6 * path.stat().st_size
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
