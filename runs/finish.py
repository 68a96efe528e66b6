"""Finishes runs: whether a planned one is there, as planned, and what it lacks.

`train_reg.py --folds K --final` writes errors on held-out animals into the record of
the final network, clip by clip. `runs.intervals` makes intervals of them.
"""

import dataclasses

import numpy as np

from features import sequences
from runs import folds, intervals, novelty, predict, store
from runs.record import ClipError, Errors, Likeness, Network, read_record
from system import storage
from system.terminal import Problem


def is_finished(folder, plan):
    """Check whether a planned run is there; raises Problem if it is another one.
    Options that a later release brought count as left at their defaults."""
    path = storage.checkpoint_path(folder, plan.name)
    if not (path.is_file() and path.with_suffix(".json").is_file()):
        return False
    run = read_record(path)
    if run.sha256 != storage.digest_file(path):
        return False  # killed while the one replaced the other
    if differences := list_differences(run, plan):
        raise Problem(
            f"run {plan.name} exists, but was trained differently: "
            f"{'; '.join(differences)}. Give --overwrite to replace it, or another "
            "--run NAME to keep both"
        )
    if plan.held_out and run.scheme != plan.scheme:
        store.write_record(dataclasses.replace(run, scheme=plan.scheme))
    return True


def list_differences(run, plan):
    """Describe how a training differs from the one that is planned: list of str."""
    then, now = vars(run.options), vars(plan.options)
    found = [
        f"--{name.replace('_', '-')} {then[name]}, now {value}"
        for name, value in now.items()
        if then[name] != value and name not in ("n_frames", "control_group", "reads")
    ]
    if then["reads"] != now["reads"]:
        found.append(f"it read the {then['reads']} of frames, now {now['reads']}")
    found += list_changed_clips(run, plan)
    if run.crops != plan.crops:
        found.append("other crops")
    if not found and run.validation_clips != plan.validation_clips:
        found.append("other validation animals")
    if run.extraction and plan.extraction:
        differences = sequences.compare_extractions(plan.extraction, run.extraction)
        found += [f"now sequences of {each}" for each in differences]
    elif run.extraction or plan.extraction:
        found.append("sequences made in another way")
    return found


def list_changed_clips(run, plan):
    """Describe which clips of a training changed since: list of str."""
    then, now = run.targets, plan.targets
    both = then.keys() & now.keys()
    was_out, is_out = {*run.held_out}, {*plan.held_out}
    changes = {  # a clip of an animal that is held out, then or now, was not removed
        "new": [n for n in now if n not in then and plan.animal_of(n) not in was_out],
        "no longer there": [
            n for n in then if n not in now and run.animal_of(n) not in is_out
        ],
        "with another score": [n for n in both if then[n] != now[n]],
        "of another animal": [n for n in both if run.animal_of(n) != plan.animal_of(n)],
        "of another group": [n for n in both if run.group_of(n) != plan.group_of(n)],
        "mirrored or no longer so": {*run.mirrored} ^ {*plan.mirrored},
    }
    found = [
        f"{len(names)} clip{'s' * (len(names) > 1)} {change} (for example {min(names)})"
        for change, names in changes.items()
        if names
    ]
    if was_out != is_out:
        before, after = (", ".join(sorted(held)) for held in (was_out, is_out))
        found.append(f"animals held out are {after or 'none'}, not {before or 'none'}")
    return found


def complete(folder, run):
    """Complete a run that is to score new clips.

    It gets what its clips were like and, of a final run, the errors of the networks of
    its cross-validation, unless it has them already.
    """
    if not run.held_out and run.clips_were == Likeness():
        run = dataclasses.replace(run, clips_were=novelty.describe_clips(folder, run))
    if run.scheme.kind == "final":
        paths = [storage.checkpoint_path(folder, name) for name in run.scheme.folds]
        networks, found = list(map(read_record, paths)), run.errors
        is_there = {clip.clip: clip.target for clip in found.clips} == run.targets
        digests = [network.sha256 for network in found.networks]
        if not is_there or digests != [network.sha256 for network in networks]:
            errors = measure_errors(folder, run, networks)
            run = dataclasses.replace(run, errors=errors)
    return run


def finish(folder, plan):
    """Complete the record of a finished run on disk.

    A run of an earlier release may lack what is written at once today, and folds may
    have been trained again since. Returns whether that changed the record, and its
    errors on held-out animals in words, "" where it has none.
    """
    run, text = read_record(storage.checkpoint_path(folder, plan.name)), ""
    is_final = plan.scheme.kind == "final"
    whole = dataclasses.replace(run, scheme=plan.scheme) if is_final else run
    whole = complete(folder, whole)
    if whole != run:
        store.write_record(whole)
    if is_final:
        text = intervals.explain_missing(whole) or intervals.describe_errors(whole)
    return whole != run, text


def measure_errors(folder, run, of_folds):
    """Score each clip with the network of its folds that held its animal out."""
    animals = {name: run.animal_of(name) for name in run.targets}
    networks, clips = [], []
    for number, (fold, names) in enumerate(folds.assign_folds(of_folds, animals)):
        members, fold = store.load_networks(fold)
        mean = float(np.mean([*fold.targets.values()]))
        networks.append(Network(fold.name, fold.sha256, mean))
        sequences = predict.read_sequences(folder, names, fold)
        scores = predict.score_sequences(members, sequences).tolist()
        clips += [
            ClipError(name, animals[name], number, run.targets[name], round(score, 6))
            for name, score in zip(names, scores, strict=True)
        ]
    return Errors(networks, clips, run.scheme.of)
