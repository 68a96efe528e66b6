"""What a worker of a Dask cluster does: extracts a clip, or trains a run."""

import contextlib
import functools
import threading

from features import jobs, provenance, sequences
from system.terminal import Problem

ALONE = threading.Lock()  # a process has one network, however many threads


@functools.lru_cache(maxsize=1)
def open_extractor(weights, options):
    """Open the one extractor of this process; `options` are (name, value) pairs."""
    import extractor

    limit_threads()
    return extractor.Extractor(weights, **dict(options))


def describe_extractor(weights, options):
    """Describe what features depend on, as the workers compute them."""
    with ALONE:
        return open_extractor(weights, options).record


def extract_clip(job, folder, record, weights, options):
    """Extract the sequences of a job on a worker, as `record` of the folder says."""
    if sequences.read_extraction(folder) != record:
        raise Problem(
            f"a worker finds no extraction.json of this extraction in {folder}. Is "
            "that one folder, shared by all?"
        )
    read, origin = provenance.read_clip(folder, job.clip, record)
    with ALONE:
        extractor = open_extractor(weights, options)
        if wrong := sequences.compare_extractions(record, record | extractor.record):
            raise Problem(f"a worker has other extraction settings: {'; '.join(wrong)}")
        extractor.choose(job.kinds)
        made = extractor.split(extractor(read))
    jobs.write_job(folder, job, made, origin)


def train_alone(arguments):
    """Train a run; this process has no other work at the time."""
    from training import train

    with ALONE:
        limit_threads()
        return train.train_run(*arguments)


def limit_threads():
    """Let TensorFlow use as many processor cores as this worker has threads."""
    from dask.distributed import get_worker

    from system.backend import tf

    with contextlib.suppress(RuntimeError):  # it computes already, limited as it is
        tf.config.threading.set_inter_op_parallelism_threads(1)
        n_threads = get_worker().state.nthreads
        tf.config.threading.set_intra_op_parallelism_threads(n_threads)
