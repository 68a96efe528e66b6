"""A run on disk: `<run>.keras`, the weights, and `<run>.json`, how it was made.

Here a run is found, read, saved and checked against sequences, and here it says which
animals it has seen. Keras is loaded only where a network is opened.
"""

from datetime import datetime, timezone
from pathlib import Path

import data
from features import sequences
from runs import keras2
from runs.options import Options
from runs.record import MAX_MEMBERS, check_record
from runs.shelf import find_run as find_run
from system import storage, terminal, untrusted
from system.terminal import Problem, caution

# ---------------------------------------------------------------- find, read, save


def read_run(path):
    """Load a checkpoint and the record that says how it was made: (keras.Model, dict).

    For the published network, which has no record, one is made of what is known.
    """
    from runs import loading

    path = Path(path)
    if untrusted.kind_of(path) == "HDF5":
        model = loading.load_published(path)
        _, n_frames, n_features = model.input_shape
        return model, keras2.record_of(path, n_frames, n_features)
    record = read_record(path)
    try:
        shape = tuple(untrusted.size(record[key]) for key in ("n_frames", "n_features"))
        targets = list(record["train_clips"].values())
        return loading.load_run(path, list_members(record), shape, targets), record
    except (TypeError, ValueError) as error:
        raise Problem(
            f"{path.stem}.json describes no network: {untrusted.first_line(error)}"
        ) from error


def list_members(record):
    """List the options of each network of a run; ValueError where they are too many."""
    found = [Options.from_dict(each) for each in record.get("members") or ()]
    if not found:
        options = Options.from_dict(record["options"])
        if not 0 < options.ensemble <= MAX_MEMBERS:
            raise ValueError(f"{options.ensemble} networks are not to be believed")
        found = [options] * options.ensemble
    return found


def read_record(path):
    """Read the record (a dict) beside a `.keras` file; see that it belongs to it."""
    beside = path.with_suffix(".json")
    if not beside.is_file():
        raise Problem(
            f"{beside} is missing; a run is {path.name} and {beside.name} together"
        )
    record = check_record(beside, storage.read_json(beside))
    found = storage.digest_file(path)
    if record["sha256"] != found:
        raise Problem(
            f"{path.name} is not the file that {beside.name} describes: its sha256 is "
            f"{found}, the record says {record['sha256']}"
        )
    return record


def describe_run(plan, options, extraction, results, n_features):
    """Put together the record of a run: all that is needed to use or to judge it.

    Parameters
    ----------
    plan : splits.Plan
    options : Options
    extraction : dict or None
        See `sequences.read_extraction`.
    results : list of dict
        Of each network of the run, see `fitting.fit_network`.
    n_features : int
    """
    own = ("task", "model", "target", "seed", "animal_pattern", "group_pattern")
    own += ("control_group",)
    options = options.as_dict()
    return {
        "run": plan.run,
        **{name: options[name] for name in own},
        "options": options,
        "versions": terminal.list_versions(),
        "n_frames": options["n_frames"],
        "n_features": n_features,
        "extraction": extraction,
        "train_clips": plan.train,
        "watched_clips": plan.watched,
        **plan.told,
        "left_out": plan.left_out,
        "scheme": plan.scheme,
        "epochs": sum(result["epochs"] for result in results),
        "best_epoch": [result["best_epoch"] for result in results],
        "val_loss": sum(result["val_loss"] for result in results) / len(results),
        **{k: results[0][k] for k in ("choice",) if k in results[0]},
        "trained": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
    }


def tell_training(record):
    """Say how a network was trained: in epochs or in closed form."""
    return f"{record['epochs']} epochs" if record["epochs"] else "in closed form"


def save_run(folder, model, record):
    """Write `<run>.keras` and then `<run>.json`, which makes the run a finished one."""
    path = storage.checkpoint_path(folder, record["run"])
    with storage.replacing(path) as temporary:
        model.save(temporary)
    beside = storage.record_path(folder, record["run"])
    storage.write_json(beside, {**record, "sha256": storage.digest_file(path)})


def is_finished(folder, plan, options, extraction):
    """Tell whether a run is there already, and raise if it is another one.

    Parameters are those of `describe_run`. Options that a later release brought count
    as left at their defaults.
    """
    path = storage.record_path(folder, plan.run)
    checkpoint = storage.checkpoint_path(folder, plan.run)
    if not (path.is_file() and checkpoint.is_file()):
        return False
    record = storage.read_json(path)
    if record.get("sha256") != storage.digest_file(checkpoint):
        return False  # killed while the one replaced the other
    if differences := list_differences(record, plan, options, extraction):
        raise Problem(
            f"run {plan.run} is there already, trained otherwise: "
            f"{'; '.join(differences)}. Give --overwrite to replace it, or another "
            "--run NAME to keep both"
        )
    if (
        plan.left_out and record.get("scheme") != plan.scheme
    ):  # of which it is a part now
        storage.write_json(path, {**record, "scheme": plan.scheme})
    return True


def list_differences(record, plan, options, extraction):
    """List in what a training was another one than that which is planned, in words."""
    then = Options.from_dict(record.get("options")).as_dict()
    found = [
        f"--{name.replace('_', '-')} {then[name]}, now {value}"
        for name, value in options.as_dict().items()
        if then[name] != value and name not in ("n_frames", "control_group")
    ]
    earlier, now = {}, {**plan.train, **plan.watched}
    for field in ("train_clips", "watched_clips"):
        earlier |= record.get(field) or {}
    both = [name for name in now if name in earlier]
    pattern = options.group_pattern
    changes = {
        "{} new": now.keys() - earlier.keys(),
        "{} no longer there": earlier.keys() - now.keys(),
        "{} with another score": [n for n in both if earlier[n] != now[n]],
        "{} of another animal": [
            name
            for name in both
            if animal_in(record, name) != plan.animal_of(name, options.animal_pattern)
        ],
        "{} of another group": [
            name
            for name in both
            if group_in(record, name, pattern)
            != (plan.told.get("groups", {}).get(name) or data.group_of(name, pattern))
        ],
        "{} mirrored or no longer so": set(record.get("mirrored", ()))
        ^ set(plan.told.get("mirrored", ())),
    }
    found += [
        words.format(f"{len(names)} clip{'s' * (len(names) > 1)}")
        + f" (say, {min(names)})"
        for words, names in changes.items()
        if names
    ]
    if record.get("crops", []) != plan.told.get("crops", []):
        found.append("other crops")
    if not found and (record.get("watched_clips") or {}) != plan.watched:
        found.append("other validation animals")
    made = record.get("extraction")
    if made and extraction:
        differences = sequences.compare_extractions(made, extraction)
        found += [f"sequences of {each} now" for each in differences]
    elif made or extraction:
        found.append("sequences made in another way")
    return found


# ---------------------------------------------------------------- which clips


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
    """Say how a run knows each clip (N,) of animals (N,): list of str, "" where not.

    Other labs have animals and clips of the same names. In a run that was received, a
    clip is another one where its source is (`digests` of sources by clip), and animals
    are others where none of its clips is here. `train_rows` are clips that stand in
    where nobody knows what a run has seen. An animal is known by the name that it had
    at the training, and by that of the table now; see `note_owners`.
    """
    if record["train_clips"] is None:
        rows = ("unknown", "test rows that repeat train rows")
        return [rows[name in train_rows] for name in names]
    watched = set(record.get("watched_clips", {}))
    trained = set(record["train_clips"])
    known = {animal_in(record, name) for name in trained | watched}
    owners = {**record.get("animals_now", {}), **dict(zip(names, animals, strict=True))}
    if not record.get("received"):
        known |= {owners[name] for name in trained | watched if name in owners}
    else:
        theirs = (record.get("clips_were") or {}).get("digests") or {}
        ours = {**theirs, **(digests or {})}
        others = {name for name, digest in theirs.items() if ours[name] != digest}
        trained, watched = trained - others, watched - others
        seen = (trained | watched) & set(names)
        tell_namesakes(animals, record, seen, known)
        known = known if seen else set()
    return [
        "clip trained on"
        if clip in trained
        else "clip watched in training"
        if clip in watched
        else "animal seen in training"
        if animal in known
        else ""
        for clip, animal in zip(names, animals, strict=True)
    ]


def tell_namesakes(animals, record, seen, known):
    """Caution where clips and animals that a received run has seen have names of ours.

    `seen` are clips here, by name; `known` all animals of the run.
    """
    whence = f"run {record['run']} was received from elsewhere ({record['received']})"
    if seen:
        caution(
            f"{whence}, and {len(seen)} clips here have the same names as clips it has "
            f"seen, say {min(seen)}: they count as these, and its animals as those "
            "here. If they are others, name them otherwise"
        )
    elif alike := sorted(known & set(animals)):
        caution(
            f"{whence}: its animals have the names of animals here "
            f"({', '.join(alike[:5])}), and are taken for others, as none of its clips "
            "is here. If they are the same, these figures are no test"
        )


def note_owners(record, clips):
    """Add to a record the animals that own its clips in the table as it is now.

    Whoever renames animals, or adds their column, after a training would else make
    strangers of them.
    """
    pattern = record.get("animal_pattern", data.ANIMAL_PATTERN)
    known = {*(record.get("train_clips") or ()), *(record.get("watched_clips") or ())}
    owners = {c.name: data.animal_of(c, pattern) for c in clips if c.name in known}
    return {**record, "animals_now": owners}


def tell_edited(records, clips):
    """Caution where scores or groups were edited after runs had learned from them."""
    edited = {"expert scores": set(), "groups": set()}
    for record in records:
        if record.get("received"):
            continue
        is_group = record.get("target") == "group"
        for clip in clips:
            learned = find_target(record, clip.name)
            now = clip.score if clip.is_scored else learned
            if is_group and learned is not None:
                pattern = record.get("group_pattern", data.GROUP_PATTERN)
                healthy = record.get("control_group")
                group = data.group_of(clip, pattern)
                now = learned if group is None else float(group != healthy)
            if learned is not None and abs(now - learned) > 1e-6:
                edited["groups" if is_group else "expert scores"].add(clip.name)
    for what, names in edited.items():
        if names:
            first = ", ".join(sorted(names)[:10])
            caution(
                f"the {what} of {len(names)} clips were edited after the training, "
                f"which learned the earlier ones: {first}. Train again with --overwrite"
            )


def find_target(record, name):
    """Find what a run learned that a clip is to be scored, or None."""
    fields = [record.get(field) or {} for field in ("train_clips", "watched_clips")]
    return next((known[name] for known in fields if name in known), None)


def animal_in(record, name):
    """Name the animal of a clip that a run knows, as the table did, or its name."""
    pattern = record.get("animal_pattern", data.ANIMAL_PATTERN)
    return record.get("animals", {}).get(name) or data.animal_of(name, pattern)


def group_in(record, name, pattern):
    """Name the group of a clip that a run knows, or None; see `animal_in`."""
    return record.get("groups", {}).get(name) or data.group_of(name, pattern)
