"""Work side by side on the cores of this machine, each piece in its own process."""

import contextlib
import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from system import terminal
from system.terminal import Problem


def count_cores():
    """Count the cores that this process may use; a cluster may grant it only some."""
    granted = getattr(os, "sched_getaffinity", None)
    return len(granted(0)) if granted else os.cpu_count() or 1


def run(n_processes, function, tasks):
    """Call a function of a module with the parts of each task, so many at a time.

    Every process has as many threads as if it were alone: with fewer, products of
    matrices may be summed in another order and differ in their last bits. Yields each
    task with its result or Problem, in the order in which they are done.
    """
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    with ProcessPoolExecutor(n_processes, context, prepare) as pool:
        try:
            with holding_interrupts():
                futures = {pool.submit(function, *task): task for task in tasks}
            for future in as_completed(futures):
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    raise Problem(
                        "a process that shared the work died; out of memory? What was "
                        "done is kept. Give fewer --jobs"
                    )
                is_problem = isinstance(error, Problem)
                yield futures[future], error if is_problem else future.result()
        except BaseException:  # Ctrl-C, too: do not wait until all is done
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
                process.join()
            raise


@contextlib.contextmanager
def holding_interrupts():
    """Let Ctrl-C wait: processes that start meanwhile take it in `prepare` alone."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def prepare():
    """Prepare a process: it speaks as scripts do, and ends with who started it."""
    terminal.show_cautions()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # only the script says that it stopped
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # for all on one GPU

    def end_with_parent():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
