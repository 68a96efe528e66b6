"""Which sequences are still to be made of which clips, and their writing."""

from typing import NamedTuple

from data import Clip
from features import provenance, sequences
from system import terminal
from system.terminal import Problem


class Job(NamedTuple):
    """The sequences that are to be made of a clip."""

    clip: Clip
    kinds: tuple  # to make


def list_jobs(folder, clips, n_frames, overwrite, wanted):
    """List what is missing, corrupt or of a clip that has changed: list of Job.

    Each clip is listed once, though both splits may list it. `wanted` are the kinds of
    sequences that all clips are to have.
    """
    once = {clip.name: clip for clip in clips}
    changed = set(provenance.find_changed(folder, once.values(), n_frames))
    if changed and not overwrite:
        terminal.caution(
            f"{len(changed)} clips have changed since they were extracted, and are "
            f"extracted again: {', '.join(sorted(changed)[:20])}"
        )
    jobs = []
    for name, clip in once.items():
        there = {k for k in sequences.KINDS if is_there(folder, name, n_frames, k)}
        if overwrite or name in changed:  # whatever there is of it is made anew
            missing = there | {*wanted}
        else:
            missing = {*wanted} - there
        if missing:
            kinds = tuple(kind for kind in sequences.KINDS if kind in missing)
            jobs.append(Job(clip, kinds))
    return jobs


def is_there(folder, clip_name, n_frames, kind):
    """Tell whether a clip has a sequence of a kind, as it was written."""
    if sequences.find_sequence(folder, clip_name, n_frames, kind) is None:
        return False
    if (clip_name, n_frames) not in provenance.read_origins(folder):
        return True  # published text
    try:
        sequences.read_sequence(folder, clip_name, n_frames, kind=kind)
    except Problem as problem:
        terminal.caution(str(problem))
        return False
    return True


def write_job(folder, job, made, origin):
    """Write the sequences (T, F) of a job, by kind, and what they were made of."""
    made = {kind: made[kind] for kind in job.kinds}
    provenance.note_origin(folder, origin, made)
    for kind, sequence in made.items():
        sequences.write_sequence(folder, job.clip.name, sequence, kind)
