"""Calls on the workers of a Dask cluster: the little that concerns dask.distributed.

Who does what, and what happens when a worker dies, is Dask's. Workers see the project
and the working folder at the same paths; only names and sentences travel. A function
within another travels whole: it needs no path to our modules, as one of a module would.
"""

import contextlib
import logging
import re
import sys
import warnings
from pathlib import Path
from uuid import uuid4

from system import terminal
from system.terminal import Problem, caution

PROJECT = str(Path(__file__).resolve().parents[1])
PATIENCE = 15  # seconds in which a scheduler must answer
EXAMPLE = "tcp://host:8786"


@contextlib.contextmanager
def connect(address):
    """Connect to the scheduler of a cluster whose workers will find our modules."""
    try:
        from dask.distributed import Client
    except ImportError:
        raise Problem(
            "--dask needs dask.distributed: pip install 'dask[distributed]'"
        ) from None
    if not re.fullmatch(r"(\w+://)?[^/]+:\d+", address):
        raise Problem(
            f"--dask: expected an address, say {EXAMPLE}. Received: {address}"
        )
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise Problem(
            f"--dask {address}: no Dask scheduler answers ({type(error).__name__}). "
            f"Give the address that `dask scheduler` shows, say {EXAMPLE}"
        ) from None
    for part in ("client", "utils"):  # one line of ours stands for many of theirs
        logging.getLogger(f"distributed.{part}").setLevel(logging.CRITICAL)
    with client:
        client.register_plugin(make_plugin(PROJECT))
        if not client.nthreads():
            caution(f"{address} has no worker yet: waiting for the first")
        yield client


def make_plugin(project):
    """Make what prepares a worker: our modules on its path, its cautions sent here."""
    from dask.distributed import WorkerPlugin

    class Prepare(WorkerPlugin):
        name = f"modules of {project}"

        def setup(self, worker):
            import sys

            if project not in sys.path:
                sys.path.insert(0, project)
            from system import dask_cluster

            dask_cluster.send_cautions()

    return Prepare()


def send_cautions():
    """Let the cautions of this worker appear where the script was started."""
    import distributed

    def show(message, *_):
        distributed.print(f"warning: {message}", file=sys.stderr)

    terminal.show_cautions()
    warnings.showwarning = show


def make_call():
    """Make what calls a function on a worker: its result, and a Problem as text.

    The scheduler opens what it passes on, so function and arguments are packed again.
    """

    def call(packed):
        import pickle

        from system.terminal import Problem

        function, arguments = pickle.loads(packed)
        try:
            return function(*arguments), None
        except Problem as problem:
            return None, str(problem)

    return call


def run(client, function, tasks, *common):
    """Call a function with each task, and what is common to all, on the cluster.

    Yields each task with its result or Problem, in the order in which they are done.
    """
    import cloudpickle
    from dask.distributed import CancelledError, KilledWorker, as_completed

    futures = {}
    for task in tasks:
        packed = cloudpickle.dumps((function, (task, *common)))
        key = f"{function.__name__}-{uuid4()}"
        futures[client.submit(make_call(), packed, key=key)] = task
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
