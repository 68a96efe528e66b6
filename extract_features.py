"""Turn clips into sequences: InceptionV3's features of their frames.

    python extract_features.py
    python extract_features.py --task Reach --weights weights.h5 --seq-length 125
    python extract_features.py --dask tcp://scheduler:8786

Reads   data/data_file.csv and data/<split>/<task>/<clip>.avi or <clip>-0001.jpg ...
Writes  data/sequences/<clip>-<T>-features.npy, <clip>-<T>-movement.npy, which
        train_reg.py --model motion reads, extraction.json and sources.csv
Cost    10 to 18 frames a second on two cores: about 10 s for a clip of 125 frames.

What is done is skipped, so the command can be stopped and given again.
"""

import functools
from itertools import count
from pathlib import Path

import data
from features import jobs, provenance, sequences
from runs.options import Options, propose
from system import storage, terminal
from system.terminal import Problem
from video import find, frames

SEQ_LENGTH = 125
ASIDE = "sequences-before-"  # where those of other settings go


def read_settings(folder):
    """Read how the sequences there were made; None where there is no sequence."""
    made = sequences.read_extraction(folder) if sequences.list_files(folder) else None
    if made is None and sequences.list_files(folder, ".npy"):
        raise Problem(
            f"{storage.extraction_path(folder).parent} holds sequences without "
            "extraction.json, so it is unknown how they were made. Extract them again "
            "with --overwrite"
        )
    return made


def check_early(args, clips):
    """Refuse what can be refused before TensorFlow is loaded, which takes seconds."""
    args.weights = sequences.check_weights(args.weights)
    present = None if args.overwrite else read_settings(args.data)
    if present is not None:
        wanted = {"sampling": args.sampling, "n_frames": args.seq_length}
        differences = sequences.compare_extractions(present, present | wanted)
        refuse_other(differences, args.data)
    proposal = ""
    if (args.sampling, args.seq_length) == ("stride", Options.n_frames):
        proposal = propose(clips, Options(), present is not None)
    lengths = {clip.name: clip.n_frames for clip in clips}
    short = [n for n in lengths.values() if n < args.seq_length]
    if short:
        shortest = min(short)
        told = (
            f"{len(short)} of {len(lengths)} clips are shorter than {args.seq_length} "
            f"frames, by data_file.csv; the shortest has {shortest}"
        )
        fitting = shortest - shortest % 5 if shortest > 10 else shortest
        takes = f"--seq-length {fitting} --sampling uniform takes them all"
        proposal = proposal or f"extract_features.py {takes}"
        if len(short) == len(lengths) and not sequences.list_files(args.data):
            raise Problem(f"{told}. Nothing can be extracted; {proposal}")
        terminal.caution(told)
    if proposal:
        print(proposal)


def refuse_other(differences, folder):
    """Raise Problem where sequences there were made with other settings."""
    if differences:
        from runs import state

        same = state.write_command(folder, f"extract_features.py{state.repeat(folder)}")
        raise Problem(
            "the sequences there were made with other settings: "
            f"{'; '.join(differences)}. To go on with those give {same}; else another "
            "--data folder, or --overwrite to make all of them anew"
        )


def settle_record(folder, record, overwrite, clips):
    """Write `extraction.json`, or see that the folder's own agrees; gives that one."""
    made = sequences.list_files(folder, ".npy")
    try:
        present = read_settings(folder)
    except Problem:
        if not overwrite:
            raise
        present = {}
    if present is not None:
        differences = sequences.compare_extractions(present, record)
        if not differences:
            since = {k: record[k] for k in ("allow_short",) if k in record}
            there = {path.stem.rsplit("-", 2)[0] for path in made}
            if overwrite and there <= {clip.name for clip in clips}:
                since["versions"] = record["versions"]
            if not since.items() <= present.items():
                present |= since
                sequences.write_extraction(folder, present)
            return present
        if not overwrite:
            refuse_other(differences, folder)
    sequences.check_texts(folder, record)
    if made:  # never to be mixed with the new ones
        set_aside(folder, clips)
    sequences.write_extraction(folder, record)
    return record


def set_aside(folder, clips):
    """Rename the folder of sequences of other settings."""
    if not any(find.find_files(folder, clip) for clip in clips):
        raise Problem(
            "none of the videos and images to extract is there, so the sequences stay "
            "as they are"
        )
    asides = (folder / f"{ASIDE}{number}" for number in count(1))
    aside = next(aside for aside in asides if not aside.exists())
    storage.extraction_path(folder).parent.rename(aside)
    terminal.caution(
        f"the sequences that were there are kept in {aside}. Delete it when all that "
        "you need is extracted anew"
    )


def extract(folder, todo, extractor, record):
    """Extract and write the sequences of clips here; yields (Job, None or Problem)."""
    described = {}

    def read(job):
        read, described[job] = provenance.read_clip(folder, job.clip, record)
        return read

    needed = {kind for job in todo for kind in job.kinds} or sequences.KINDS
    extractor.choose([kind for kind in sequences.KINDS if kind in needed])
    readers = ((job, functools.partial(read, job)) for job in todo)
    for job, extracted in extractor.stream(readers):
        if not (path := storage.extraction_path(folder)).is_file():
            raise Problem(f"{path} has vanished")  # or every clip would fail
        if isinstance(extracted, Problem):
            yield job, extracted
            continue
        jobs.write_job(folder, job, extractor.split(extracted), described.pop(job))
        yield job, None


def follow(results, n_jobs):
    """Show how far an extraction is; returns what was wrong with clips that failed."""
    from tqdm import tqdm

    bar = tqdm(results, total=n_jobs, desc="extracting", unit="clip", disable=None)
    return [f"{job.clip.name}: {problem}" for job, problem in bar if problem]


def prepare(args, clips, made):
    """Settle `extraction.json`; returns it and the jobs that are to be done."""
    settings = {"sampling": args.sampling, "n_frames": args.seq_length}
    record = {**made, **settings, "versions": sequences.describe_programs()}
    if args.allow_short:
        record["allow_short"] = True
    record = settle_record(args.data, record, args.overwrite, clips)
    wanted = (args.only,) if args.only else tuple(sequences.KINDS)
    todo = jobs.list_jobs(args.data, clips, args.seq_length, args.overwrite, wanted)
    if todo:
        sequences.warn_of_programs("the sequences there", record.get("versions", {}))
    return record, todo


def extract_here(args, clips, options):
    """Extract on this machine: the jobs that there were, and what failed."""
    from extractor import Extractor

    extractor = Extractor(args.weights, **options)
    record, todo = prepare(args, clips, extractor.record)
    results = extract(args.data, todo, extractor, record)
    return todo, follow(results, len(todo))


def extract_on_cluster(args, clips, options):
    """Extract on a Dask cluster: the jobs that there were, and what failed."""
    from system import dask_cluster
    from training import on_cluster

    weights, rest = args.weights, tuple(options.items())
    with dask_cluster.connect(args.dask) as client:
        ((_, made),) = dask_cluster.run(
            client, on_cluster.describe_extractor, [weights], rest
        )
        if isinstance(made, Problem):
            raise made
        record, todo = prepare(args, clips, made)
        folder = args.data.resolve()
        results = dask_cluster.run(
            client, on_cluster.extract_clip, todo, folder, record, weights, rest
        )
        return todo, follow(results, len(todo))


def parse_args(argv):
    parser = terminal.Parser(__doc__)
    add = terminal.begin_options(parser, "which clips")
    add("--data", Path, "working folder", default=storage.DEFAULT_FOLDER)
    add("--task", str, "only this task")
    add("--split", data.SPLITS, "only this split")
    add = terminal.begin_options(parser, "how")
    text = "imagenet, random, or a file of InceptionV3 weights"
    add("--weights", str, text, default="imagenet", metavar="W")
    number = terminal.positive_int
    add("--seq-length", number, "frames per sequence", default=SEQ_LENGTH, metavar="T")
    text = "stride: every n-th frame, as published; uniform: over the whole clip"
    add("--sampling", frames.SAMPLINGS, text, default="stride")
    add("--batch-size", number, "frames computed at a time", metavar="B")
    kinds = ("float32", "bfloat16")
    text = "of the arithmetic; bfloat16 is for GPUs"
    add("--precision", kinds, text, default="float32")
    text = "make only one kind; movement, for --model motion, takes 0.7 of the time"
    add("--only", tuple(sequences.KINDS), text)
    text = "use what can be read of truncated videos; it is recorded"
    add("--allow-short", bool, text)
    add("--dask", str, "distribute the work over a Dask cluster", metavar="ADDRESS")
    add("--overwrite", bool, "extract clips again that have a sequence")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    clips = data.read_clips(args.data, args.task)
    clips = [clip for clip in clips if args.split in (None, clip.split)]
    with storage.claim(storage.extraction_path(args.data).parent):
        return work(args, clips)


def work(args, clips):
    """Extract in a folder that no other process works in."""
    check_early(args, clips)
    if moved := find.find_moved(args.data, clips):
        terminal.caution(
            f"{len(moved)} clips are in the folder of the other split only, and are "
            f"taken from there: {', '.join(moved[:20])}. Where another clip is meant, "
            "put its file in its place"
        )
    if args.weights == "random":
        untrained = "features come from an untrained network: use them for trials only"
        terminal.caution(untrained)
    options = {"precision": args.precision, "batch_size": args.batch_size}
    run = extract_on_cluster if args.dask else extract_here
    todo, failed = run(args, clips, options)
    provenance.tidy_origins(args.data)
    n_skipped = len({clip.name for clip in clips}) - len(todo)
    print(
        f"{len(todo) - len(failed)} sequences written to "
        f"{storage.extraction_path(args.data).parent}, {n_skipped} were there, "
        f"{len(failed)} clips failed"
    )
    from runs import state

    if not failed:
        print(state.format_state(args.data, args.task))
    return terminal.report_failed(failed, len(todo))


if __name__ == "__main__":
    terminal.run(main)
