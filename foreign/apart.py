"""Reads foreign files in a process of its own, which may die of them.

The HDF5 library trusts what it reads: some spoiled bytes make it crash, others let it
run for ever, and Python has no say in either. So it is never let into the process that
works. Its reader says in a line of JSON what it found and then hands over the arrays.
"""

import contextlib
import importlib
import json
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np

from console import Caution, Problem, caution

PATIENCE = 60  # seconds without a word after which a reader counts as lost
MEMORY = 2**32  # bytes of addresses, beside three times the file
START = "import sys; sys.path.insert(0, sys.argv[1]); from foreign import apart; "
START += "apart.serve(*sys.argv[2:])"


@contextlib.contextmanager
def reading(reader, path, *arguments):
    """Let a function read a file in a process of its own.

    `reader` is a "module:generator" of this package. It takes the path and the
    arguments, which JSON can hold, and yields what JSON can hold, then arrays. Both are
    handed on, the arrays as float32; cautions are repeated. Raises Problem as the
    reader does, or when it dies or says nothing for `PATIENCE` seconds.
    """
    project = str(Path(__file__).resolve().parents[1])
    command = [sys.executable, "-c", START, project, reader, str(path)]
    process = subprocess.Popen(
        [*command, json.dumps(arguments)],
        **{"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL},
        stdout=subprocess.PIPE,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    try:
        answer = listen(process, path)
        for text in answer["cautions"]:
            caution(text)
        yield answer["found"], iterate_arrays(process, path)
    finally:
        process.kill()
        process.communicate()


def listen(process, path, n_bytes=None):
    """Take the next answer of a reader, or so many bytes of an array."""
    watch, stdout = threading.Timer(PATIENCE, process.kill), process.stdout
    watch.start()
    try:
        content = stdout.readline() if n_bytes is None else stdout.read(n_bytes)
    finally:
        watch.cancel()
    if n_bytes is None and content.endswith(b"\n"):
        content = json.loads(content)
        if "problem" in content:
            raise Problem(content["problem"])
    elif len(content) != n_bytes:
        text = f"{path.name} is damaged: the HDF5 library crashed on it, or got stuck"
        raise Problem(text)
    return content


def iterate_arrays(process, path):
    while (shape := listen(process, path)["shape"]) is not None:
        content = listen(process, path, 4 * int(np.prod(shape)))
        yield np.frombuffer(content, np.float32).reshape(shape)


# ---------------------------------------------------------------- in that process


def serve(reader, path, arguments):
    """Write what a reader yields; see `reading`."""
    path, (module, function) = Path(path), reader.split(":")
    limit(path)
    read = getattr(importlib.import_module(f"foreign.{module}"), function)

    def say(**answer):
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()

    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            arrays = read(path, *json.loads(arguments))
            found = next(arrays)
        cautions = [str(w.message) for w in caught if w.category is Caution]
        say(found=found, cautions=cautions)
        for array in arrays:
            say(shape=array.shape)
            sys.stdout.buffer.write(np.ascontiguousarray(array, "<f4").data)
        say(shape=None)
    except Problem as problem:
        say(problem=str(problem))


def limit(path):
    """Limit the memory of this process, where the system can, and write no core."""
    try:
        import resource
    except ImportError:  # Windows
        return
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        most = MEMORY + 3 * path.stat().st_size
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
