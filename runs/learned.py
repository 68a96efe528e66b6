"""Which clips and animals a run knows, and which clips it can score."""

import data
from system.tables import count
from system.terminal import Problem, caution


def list_targets(record):
    """List the targets of the training and validation clips of a run, by name."""
    return {**(record.get("train_clips") or {}), **(record.get("watched_clips") or {})}


def animal_in(record, name):
    """Name the animal of a clip that a run knows, as the table did, or its name."""
    pattern = record.get("animal_pattern", data.ANIMAL_PATTERN)
    return record.get("animals", {}).get(name) or data.animal_of(name, pattern)


def group_in(record, name, pattern):
    """Name the group of a clip that a run knows, or None; see `animal_in`."""
    return record.get("groups", {}).get(name) or data.group_of(name, pattern)


def choose_clips(clips, record, split=None):
    """Choose the clips of a split, or of both, that a run can score: its task's.

    Each comes once, though both splits may list it. Another lab may call the task by
    another name: where clips are of one task alone, that is the one.
    """
    task, tasks = record.get("task"), {clip.task for clip in clips}
    if task is not None and task not in tasks and len(tasks) == 1:
        caution(
            f"run {record['run']} was trained on task {task}; its scores are given to "
            f"clips of task {data.list_tasks(clips)}, the only one asked for"
        )
        task = None
    chosen = [c for c in clips if split in (None, c.split) and task in (None, c.task)]
    if not chosen:
        of_split = f" {split}" if split else ""
        of_task = f" of task {task}" if task else ""
        hint = "" if task in tasks or not task else "; name one with --task: "
        hint += data.list_tasks(clips) if hint else ""
        raise Problem(f"data_file.csv has no{of_split} row{of_task}{hint}")
    if task is None and len({clip.task for clip in chosen}) > 1:
        raise Problem(
            "data_file.csv has several tasks; name one with --task: "
            f"{data.list_tasks(chosen)}"
        )
    return list({clip.name: clip for clip in chosen}.values())


def describe_seen(names, animals, record, train_rows=(), digests=None):
    """Describe how a run knows each clip (N,) of animals (N,): list of str, "" if not.

    Other labs have animals and clips of the same names. In a run that was received, a
    clip is another one where its source is (`digests` of sources by clip), and animals
    are others where none of its clips is here. `train_rows` are clips that stand in
    where it is unknown what a run has seen. An animal is known by the name that it had
    at the training, and by that of the table now; see `note_owners`.
    """
    if record["train_clips"] is None:
        rows = ("unknown", "test rows that repeat train rows")
        return [rows[name in train_rows] for name in names]
    validation = set(record.get("watched_clips", {}))
    trained = set(record["train_clips"])
    known = {animal_in(record, name) for name in trained | validation}
    owners = {**record.get("animals_now", {}), **dict(zip(names, animals, strict=True))}
    if not record.get("received"):
        known |= {owners[name] for name in trained | validation if name in owners}
    else:
        theirs = (record.get("clips_were") or {}).get("digests") or {}
        ours = {**theirs, **(digests or {})}
        others = {name for name, digest in theirs.items() if ours[name] != digest}
        trained, validation = trained - others, validation - others
        seen = (trained | validation) & set(names)
        caution_namesakes(animals, record, seen, known)
        known = known if seen else set()
    found = []
    for clip, animal in zip(names, animals, strict=True):
        if clip in trained:
            found.append("clip trained on")
        elif clip in validation:
            found.append("clip used for validation")
        else:
            found.append("animal seen in training" if animal in known else "")
    return found


def caution_namesakes(animals, record, seen, known):
    """Caution where clips and animals that a received run has seen have names of ours.

    `seen` are clips here, by name; `known` all animals of the run.
    """
    whence = f"run {record['run']} was received from elsewhere ({record['received']})"
    if seen:
        caution(
            f"{whence}, and {len(seen)} clips here have the same names as clips it has "
            f"seen (for example {min(seen)}): they count as these, and its animals as "
            "those here. If they are others, give them other names"
        )
    elif alike := sorted(known & set(animals)):
        caution(
            f"{whence}: its animals have the names of animals here "
            f"({', '.join(alike[:5])}), and are taken for others, as none of its clips "
            "is here. If they are the same, these figures are no test"
        )


def note_owners(record, clips):
    """Add to a record the animals that own its clips in the table as it is now.

    An animal that is renamed, or named in a column, after the training would else
    count as one that the run has never seen.
    """
    pattern = record.get("animal_pattern", data.ANIMAL_PATTERN)
    known = list_targets(record)
    owners = {c.name: data.animal_of(c, pattern) for c in clips if c.name in known}
    return {**record, "animals_now": owners}


def caution_edited(records, clips):
    """Caution where scores or groups were edited after runs had learned from them."""
    edited = {"expert scores": set(), "groups": set()}
    for record in records:
        if record.get("received"):
            continue
        targets, is_group = list_targets(record), record.get("target") == "group"
        for clip in clips:
            if clip.name not in targets:
                continue
            then = now = targets[clip.name]
            if is_group:
                pattern = record.get("group_pattern", data.GROUP_PATTERN)
                group = data.group_of(clip, pattern)
                if group is not None:
                    now = float(group != record.get("control_group"))
            elif clip.is_scored:
                now = clip.score
            if abs(now - then) > 1e-6:
                edited["groups" if is_group else "expert scores"].add(clip.name)
    for what, names in edited.items():
        if names:
            caution(
                f"the {what} of {count(len(names), 'clip')} changed after training, "
                f"which learned the earlier ones: {', '.join(sorted(names)[:10])}. "
                "Train again with --overwrite"
            )
