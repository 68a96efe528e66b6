"""Reads HDF5 files of others in a separate process, which may die of them.

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

PATIENCE = 600  # seconds, for 400 MB on a slow disk
MEMORY = 2**32  # bytes of addresses, beside six times the file
START = "import sys; sys.path.insert(0, sys.argv[1]); from system import apart; "
START += "apart.serve(*sys.argv[2:])"
DAMAGE = (ValueError, EOFError, KeyError, OSError, zipfile.BadZipFile)  # of an answer


def read(reader, path, *arguments):
    """Let a reader, "module:generator", read a file in a separate process.

    It takes the path and arguments that JSON can hold, and yields what JSON can hold,
    then arrays. Gives the first, and the arrays as float32. Raises Problem as the
    reader does, or when it dies or takes more than `PATIENCE` seconds.
    """
    project = str(Path(__file__).resolve().parents[1])
    command = [sys.executable, "-c", START, project, reader, str(path)]
    try:
        done = subprocess.run(
            [*command, json.dumps(arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            timeout=PATIENCE,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        with np.load(io.BytesIO(done.stdout)) as content:
            answer, *arrays = (content[name] for name in content.files)
        answer = json.loads(str(answer))
    except (subprocess.TimeoutExpired, *DAMAGE) as error:
        text = f"{path.name} is damaged: the HDF5 library crashed on it, or got stuck"
        raise Problem(text) from error
    if "problem" in answer:
        raise Problem(answer["problem"])
    for text in answer["cautions"]:
        caution(text)
    return answer["found"], arrays


def serve(reader, path, arguments):
    """Write what a reader yields to the standard output; see `read`."""
    path, (module, function) = Path(path), reader.split(":")
    with contextlib.suppress(ImportError, OSError, ValueError):  # not on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        most = MEMORY + 6 * path.stat().st_size
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    read_file, arrays = getattr(importlib.import_module(module), function), []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found, *arrays = read_file(path, *json.loads(arguments))
        cautions = [str(w.message) for w in caught if w.category is Caution]
        answer = {"found": found, "cautions": cautions}
    except Problem as problem:
        answer = {"problem": str(problem)}
    arrays = [np.asarray(array, np.float32) for array in arrays]
    np.savez(sys.stdout.buffer, np.array(json.dumps(answer)), *arrays)
