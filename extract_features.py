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

import contextlib
import functools
import shutil
from itertools import chain, count
from pathlib import Path

import data
from features import jobs, provenance, sequences
from runs.options import Options, propose
from system import storage, terminal
from system.terminal import Problem
from video import find, frames

SEQ_LENGTH = 125
ASIDE = "sequences-before-"  # where those of other settings go


def advise(clips, n_frames, sampling, has_sequences):
    """Say how many clips are too short for a sequence, and propose what suits them."""
    proposal = ""
    if (sampling, n_frames) == ("stride", Options.n_frames):
        proposal = propose(clips, Options(), has_sequences)
    lengths = {clip.name: clip.n_frames for clip in clips}
    short = [n for n in lengths.values() if n < n_frames]
    if short:
        shortest = min(short)
        fitting = shortest - shortest % 5 if shortest > 10 else shortest
        takes = f"--seq-length {fitting} --sampling uniform takes them all"
        told = (
            f"{len(short)} of {len(lengths)} clips are shorter than {n_frames} frames; "
            f"the shortest has {shortest}"
        )
        return told, proposal or f"extract_features.py {takes}"
    return "", proposal


def are_all_short(folder, clips, n_frames):
    """Tell whether no clip is done and all are too short, by the table and in truth."""
    names, lengths = {clip.name for clip in clips}, []
    done = (sequences.list_names(folder, n_frames, kind) for kind in sequences.KINDS)
    if max(clip.n_frames for clip in clips) >= n_frames or names & {*chain(*done)}:
        return False
    for clip in clips:
        with contextlib.suppress(Problem, OSError):
            _, view = frames.open_clip(folder, clip, allow_short=True)
            lengths.append(view.end - view.start)
    return bool(lengths) and max(lengths) < n_frames


def read_settings(folder):
    """Read how the sequences there were made; None where there is no sequence."""
    return sequences.read_extraction(folder) if sequences.list_files(folder) else None


def check_early(args, clips):
    """Refuse what can be refused before TensorFlow is loaded, which takes seconds."""
    args.weights = sequences.check_weights(args.weights)
    present = None if args.overwrite else read_settings(args.data)
    if present is not None:
        wanted = {"sampling": args.sampling, "n_frames": args.seq_length}
        differences = sequences.compare_extractions(present, present | wanted)
        refuse_other(differences, args.data)
    told, proposal = advise(clips, args.seq_length, args.sampling, present is not None)
    if told and are_all_short(args.data, clips, args.seq_length):
        raise Problem(f"{told}. Nothing can be extracted; {proposal}")
    if told:
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
    place = storage.extraction_path(folder).parent
    try:
        present = read_settings(folder)
    except Problem:
        if not overwrite:
            raise
        present = {}
    made = sequences.list_files(folder, ".npy")
    if present is None and made and not overwrite:
        raise Problem(
            f"{place} holds sequences without extraction.json, so it is unknown how "
            "they were made. Extract them again with --overwrite"
        )
    if present is not None:
        differences = sequences.compare_extractions(present, record)
        if not differences:
            since = {k: record[k] for k in ("allow_short", "movement") if k in record}
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
    if made:  # of other settings: never to be mixed with the new ones
        if not any(find.find_files(folder, clip) for clip in clips):
            raise Problem(
                "none of the videos and images to extract is there, so the sequences "
                "stay as they are"
            )
        asides = (folder / f"{ASIDE}{number}" for number in count(1))
        place.rename(next(aside for aside in asides if not aside.exists()))
    sequences.write_extraction(folder, record)
    return record


def drop_replaced(folder):
    """Remove the sequences that were set aside and are there anew; tell of the rest."""

    def identify(path):
        name, _, kind = path.stem.rsplit("-", 2)
        return name, kind

    names = {identify(path) for path in sequences.list_files(folder, ".npy")}
    for aside in sorted(Path(folder).glob(f"{ASIDE}*")):
        kept = [path for kind in sequences.KINDS for path in aside.glob(f"*-{kind}.*")]
        for path in [p for p in kept if identify(p) in names]:
            path.unlink(missing_ok=True)
            kept.remove(path)
        if kept:
            terminal.caution(
                f"{len(kept)} sequences that could not be made anew, or were not to "
                f"be, are kept as they were in {aside}"
            )
        else:
            shutil.rmtree(aside)


def check_record(folder, record):
    """See that the folder is still there and still of this extraction's settings."""
    path = storage.extraction_path(folder)
    if not path.is_file():
        raise Problem(f"{path} has vanished")
    if storage.read_json(path).get("checksum") != sequences.checksum(record):
        raise Problem("another extraction with other settings has begun")


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
        check_record(folder, record)  # or all clips would fail, one after the other
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


def convert_texts(folder, clips, n_frames):
    """Write published text sequences as `.npy`: (how many, what was wrong)."""
    from tqdm import tqdm

    record = sequences.describe_published(n_frames)
    present = sequences.read_extraction(folder)
    if present is not None and sequences.compare_extractions(record, present):
        raise Problem(
            "the sequences there were made with other settings than the published ones"
        )
    names, failed = sorted({clip.name for clip in clips}), []
    found = [sequences.find_sequence(folder, name, n_frames) for name in names]
    known = sequences.describe_making(folder)
    if not any(found) and known and known["n_frames"] != n_frames:
        raise Problem(
            f"no clip has a text sequence of {n_frames} frames; those there are of "
            f"{known['n_frames']}: --seq-length {known['n_frames']}"
        )
    texts = [n for n, p in zip(names, found, strict=True) if p and p.suffix == ".txt"]
    if texts and present is None:  # first, so that a kill leaves none of unknown making
        sequences.write_extraction(folder, record)
    for name in tqdm(texts, desc="converting", unit="clip", disable=None):
        try:
            sequence = sequences.read_sequence(folder, name, n_frames)
            sequences.write_sequence(folder, name, sequence)
        except Problem as problem:
            failed.append(str(problem))
    return len(texts) - len(failed), failed


def prepare(args, clips, made):
    """Settle `extraction.json`; returns it and the jobs that are to be done."""
    settings = {"sampling": args.sampling, "n_frames": args.seq_length}
    now = sequences.describe_programs()
    record = {**made, **settings, "versions": now}
    if args.allow_short:
        record["allow_short"] = True
    record = settle_record(args.data, record, args.overwrite, clips)
    wanted = (args.only,) if args.only else tuple(sequences.KINDS)
    todo = jobs.list_jobs(args.data, clips, args.seq_length, args.overwrite, wanted)
    if todo:
        whose = "the sequences there", record.get("versions")
        sequences.warn_of_programs(*whose, "those that are made now", now)
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
        how = args.data.resolve(), record, weights, rest
        results = dask_cluster.run(client, on_cluster.extract_clip, todo, *how)
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
    text = "only convert published .txt sequences to .npy"
    add("--convert-text", bool, text)
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    clips = data.read_clips(args.data, args.task)
    clips = [clip for clip in clips if args.split in (None, clip.split)]
    with storage.claim(storage.extraction_path(args.data).parent):
        return work(args, clips)


def work(args, clips):
    """Extract in a folder that no other process works in."""
    folder = storage.extraction_path(args.data).parent
    if args.convert_text:
        n_written, failed = convert_texts(args.data, clips, args.seq_length)
        print(f"{n_written} text sequences written as .npy in {folder}")
        return terminal.report_failed(failed, len(clips))

    check_early(args, clips)
    if moved := find.find_moved(args.data, clips):
        terminal.caution(
            f"{len(moved)} clips are in the folder of the other split only, and are "
            f"taken from there: {', '.join(moved[:20])}. Where another clip is meant, "
            "put its file in its place"
        )
    if args.weights == "random":
        terminal.caution("features come from an untrained network: good for trying out")
    options = {"precision": args.precision, "batch_size": args.batch_size}
    run = extract_on_cluster if args.dask else extract_here
    todo, failed = run(args, clips, options)
    if n_completed := sum("features" in job.stays for job in todo):
        print(
            f"{n_completed} clips have their sequence and get a movement sequence, for "
            "--model motion"
        )
    provenance.tidy_origins(args.data)
    drop_replaced(args.data)
    n_skipped = len({clip.name for clip in clips}) - len(todo)
    print(
        f"{len(todo) - len(failed)} sequences written to {folder}, {n_skipped} were "
        f"there, {len(failed)} clips failed"
    )
    from runs import state

    if not failed:
        print(state.format_state(args.data, args.task))
    return terminal.report_failed(failed, len(todo))


if __name__ == "__main__":
    terminal.run(main)
