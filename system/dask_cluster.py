"""Calls on the workers of a Dask cluster: the little that concerns dask.distributed.

Who does what, and what happens when a worker dies, is Dask's. Workers see the project
and the working folder at the same paths; only names and sentences travel.
"""

import contextlib
import logging
import sys
import warnings
from pathlib import Path
from uuid import uuid4

from system import terminal
from system.terminal import Problem, caution

PROJECT = str(Path(__file__).resolve().parents[1])
PATIENCE = 15  # seconds in which a scheduler must answer


@contextlib.contextmanager
def connect(address):
    """Connect to the scheduler of a cluster."""
    try:
        from dask.distributed import Client
    except ImportError:
        raise Problem(
            "--dask needs dask.distributed: pip install 'dask[distributed]'"
        ) from None
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise Problem(
            f"--dask {address}: no Dask scheduler answers ({type(error).__name__}). "
            "Give the address that `dask scheduler` shows, say tcp://host:8786"
        ) from None
    for part in ("client", "utils"):  # one line of ours stands for many of theirs
        logging.getLogger(f"distributed.{part}").setLevel(logging.CRITICAL)
    with client:
        if not client.nthreads():
            caution(f"{address} has no worker yet: waiting for the first")
        yield client


def make_call():
    """Make what a worker calls. As a function within another it travels whole, and so
    needs no path to our modules: it gives that path."""

    def call(project, packed):
        import pickle
        import sys

        if project not in sys.path:
            sys.path.insert(0, project)
        from system import dask_cluster

        dask_cluster.send_cautions()
        function, arguments = pickle.loads(packed)
        try:
            return function(*arguments), None
        except dask_cluster.Problem as problem:
            return None, str(problem)

    return call


def send_cautions():
    """Let the cautions of this worker appear where the script was started."""
    import distributed

    def show(message, *_):
        distributed.print(f"warning: {message}", file=sys.stderr)

    terminal.show_cautions()
    warnings.showwarning = show


def run(client, function, tasks, *common):
    """Call a function with each task, and what is common to all, on the cluster.

    Yields each task with its result or Problem, in the order in which they are done.
    """
    import cloudpickle
    from dask.distributed import CancelledError, KilledWorker, as_completed

    futures = {}
    for task in tasks:
        # Packed once more, as the scheduler, without our modules, opens what it passes.
        packed = cloudpickle.dumps((function, (task, *common)))
        key = f"{function.__name__}-{uuid4()}"
        futures[client.submit(make_call(), PROJECT, packed, key=key)] = task
    try:
        for future in as_completed(futures, loop=client.loop):
            try:
                result, problem = future.result()
            except KilledWorker:
                problem = "the workers that took it died; out of memory?"
            except CancelledError:
                raise Problem(
                    "the Dask scheduler is gone; what was done is kept"
                ) from None
            future.release()  # or it would be done again if its worker died now
            yield futures.pop(future), Problem(problem) if problem else result
    finally:
        client.cancel(list(futures))
