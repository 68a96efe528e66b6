"""Which clips and animals a run knows, and which clips it can score."""

import dataclasses
import math

import data
from features import provenance
from system.tables import count
from system.terminal import Problem, caution


def choose_clips(clips, run, split=None):
    """Choose the clips of a split, or of both, that a run can score: its task's, once.

    Another lab may call the task by another name: where clips are of one task alone,
    that is the one.
    """
    task, tasks = run.task, {clip.task for clip in clips}
    if task is not None and task not in tasks and len(tasks) == 1:
        caution(
            f"run {run.name} was trained on task {task}; its scores are given to "
            f"clips of task {data.list_tasks(clips)}, the only one asked for"
        )
        task = None
    chosen = [c for c in clips if split in (None, c.split) and task in (None, c.task)]
    if not chosen:
        of_split = f" {split}" if split else ""
        of_task = f" of task {task}" if task else ""
        there = f"its tasks: {data.list_tasks(clips)}"
        if task in (None, *tasks):
            there = f"all are {'train' if split == 'test' else 'test'} rows"
        raise Problem(f"data_file.csv has no{of_split} row{of_task}; {there}")
    if task is None:
        refuse_tasks(chosen)
    return list({clip.name: clip for clip in chosen}.values())


def refuse_tasks(clips):
    """Refuse clips of several tasks."""
    if len({clip.task for clip in clips}) > 1:
        raise Problem(
            "data_file.csv has several tasks; name one with --task: "
            f"{data.list_tasks(clips)}"
        )


def describe_seen(names, animals, run, train_rows=(), digests=None):
    """Describe how a run knows each clip (N,) of animals (N,): list of str, "" if not.

    Other labs have animals and clips of the same names. Of a run from another lab a
    clip is the same only if its source is (`digests` of sources by clip), and animals
    are the same only if one of its clips is here. `train_rows` are clips that stand in
    where it is unknown what a run has seen. An animal is known by the name that it had
    at the training, and by that of the table now; see `note_owners`.
    """
    if run.is_published:
        rows = ("unknown", "test rows that repeat train rows")
        return [rows[name in train_rows] for name in names]
    validation, trained = set(run.validation_clips), set(run.train_clips)
    known = {run.animal_of(name) for name in run.targets}
    owners = {**run.animals_now, **dict(zip(names, animals, strict=True))}
    if not run.received:
        known |= {owners[name] for name in run.targets if name in owners}
    else:
        theirs = run.clips_were.digests or {}
        ours = {**theirs, **(digests or {})}
        others = {name for name, digest in theirs.items() if ours[name] != digest}
        trained, validation = trained - others, validation - others
        seen = (trained | validation) & set(names)
        caution_namesakes(animals, run, seen, known)
        known = known if seen else set()
    how = dict.fromkeys(validation, "clip used for validation")
    how |= dict.fromkeys(trained, "clip trained on")
    found = [
        how.get(clip) or "animal seen in training" * (animal in known)
        for clip, animal in zip(names, animals, strict=True)
    ]
    if base := run.find_base():
        earlier = describe_seen(names, animals, base, digests=digests)
        found = [own or how for own, how in zip(found, earlier, strict=True)]
    return found


def caution_namesakes(animals, run, seen, known):
    """Caution where clips (`seen`) and animals of a received run have names of ours."""
    whence = f"run {run.name} was received from elsewhere ({run.received})"
    if seen:
        caution(
            f"{whence}, and {len(seen)} clips here have the same names as clips it has "
            f"seen (for example {min(seen)}): they are taken to be the same clips, and "
            "its animals the same animals. If they are different, rename yours"
        )
    elif alike := sorted(known & set(animals)):
        caution(
            f"{whence}: its animals have the names of animals here "
            f"({', '.join(alike[:5])}), and are taken for others, as none of its clips "
            "is here. If they are the same, these figures are no test"
        )


def note_owners(run, clips):
    """Note in a Run which animal the table gives each of its clips now; an animal that
    was renamed after the training would else count as never seen."""
    owners = {
        clip.name: data.animal_of(clip, run.animal_pattern)
        for clip in clips
        if clip.name in run.targets or clip.name in run.base.clips
    }
    return dataclasses.replace(run, animals_now=owners)


def find_made_anew(run, folder):
    """Find the clips of which there is another sequence now than a run learned from."""
    made = provenance.list_checksums(folder, run.n_frames, run.options.reads)
    return {
        name for name, then in run.sequences.items() if made.get(name, then) != then
    }


def find_edited(run, clips, folder):
    """Find the clips of which a run learned another target than the table holds now, or
    another sequence than is there: what "changed" or "were removed", by name."""
    now = {}
    for clip in clips if not run.received else ():
        if run.target == "score":
            target = clip.score
        else:
            group = data.group_of(clip, run.group_pattern)
            target = math.nan if group is None else float(group != run.control_group)
        if math.isnan(now.get(clip.name, math.nan)):  # of both splits one may be scored
            now[clip.name] = target
    anew = find_made_anew(run, folder) & now.keys()
    found = dict.fromkeys(sorted(anew), ("sequences", "changed"))
    what = "groups" if run.target == "group" else "expert scores"
    return found | {
        name: (what, "were removed" if math.isnan(now[name]) else "changed")
        for name, then in run.targets.items()
        if name in now and not abs(now[name] - then) <= 1e-6
    }


def caution_edited(runs, clips, folder):
    """Caution where scores, groups or sequences changed after runs had learned them."""
    edited = {}
    for run in runs:
        for name, how in find_edited(run, clips, folder).items():
            edited.setdefault(how, set()).add(name)
    for (what, how), names in sorted(edited.items()):
        caution(
            f"the {what} of {count(len(names), 'clip')} {how} after training, "
            f"which learned the earlier ones: {', '.join(sorted(names)[:10])}. "
            "Train again with --overwrite"
        )
