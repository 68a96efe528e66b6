"""Finished runs: whether a planned one is there, and the errors of a final one.

`train_reg.py --folds K --final` writes errors on held-out animals into the record of
the final network, clip by clip. `runs.intervals` makes intervals of them.
"""

import dataclasses

import numpy as np

from features import sequences
from runs import folds, learned, predict, store
from runs.record import ClipError, Errors, Network, read_record
from system import storage
from system.terminal import Problem

FOLLOWING = ("n_frames", "control_group")  # options that sequences and groups settle


def is_finished(folder, plan):
    """Check whether a planned run is there; raises Problem if it is another one. A
    final run is not where its folds are others than those that measured its errors."""
    path = storage.checkpoint_path(folder, plan.name)
    if not (path.is_file() and path.with_suffix(".json").is_file()):
        return False
    run = read_record(path)
    if run.sha256 != storage.digest_file(path):
        return False  # killed while the one replaced the other
    anew = learned.find_made_anew(run, folder)
    if differences := list_differences(run, plan, anew):
        raise Problem(
            f"run {plan.name} exists, but was trained differently: "
            f"{'; '.join(differences)}. Give --overwrite to replace it, or another "
            "--run NAME to keep both"
        )
    if plan.held_out and run.scheme != plan.scheme:
        store.write_record(dataclasses.replace(run, scheme=plan.scheme))
    if plan.scheme.kind != "final":
        return True
    paths = [storage.checkpoint_path(folder, name) for name in plan.scheme.folds]
    digests = [storage.digest_file(path) for path in paths if path.is_file()]
    return digests == [network.sha256 for network in run.errors.networks]


def list_differences(run, plan, anew):
    """Describe how a training differs from the one that is planned: list of str. `anew`
    are the clips that it knows of which there are other sequences now."""
    then, now = vars(run.options), vars(plan.options)
    found = [
        f"{name.replace('_', '-')} was {then[name]}, now {value}"
        for name, value in now.items()
        if then[name] != value and name not in FOLLOWING
    ]
    both = run.targets.keys() & plan.targets.keys()
    changed = {
        "held-out animals": {*run.held_out} ^ {*plan.held_out},
        "sequences": anew,
        "clips": run.targets.keys() ^ plan.targets.keys(),
        "scores": {n for n in both if run.targets[n] != plan.targets[n]},
        "animals": {n for n in both if run.animal_of(n) != plan.animal_of(n)},
        "groups": {n for n in both if run.group_of(n) != plan.group_of(n)},
        "mirrored clips": {*run.mirrored} ^ {*plan.mirrored},
        "validation clips": run.validation_clips.keys() ^ plan.validation_clips.keys(),
    }
    found += [f"other {what}, as {min(own)}" for what, own in changed.items() if own]
    if run.crops != plan.crops:
        found.append("other crops")
    if run.extraction and plan.extraction:
        differences = sequences.compare_extractions(plan.extraction, run.extraction)
        found += [f"now sequences of {each}" for each in differences]
    elif run.extraction or plan.extraction:
        found.append("sequences made in another way")
    return found


def measure_errors(folder, run):
    """Score each clip with the network of a final run's folds that held its animal out:
    the Errors."""
    paths = [storage.checkpoint_path(folder, name) for name in run.scheme.folds]
    animals = {name: run.animal_of(name) for name in run.targets}
    networks, clips, of_folds = [], [], list(map(read_record, paths))
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
    return Errors(networks, clips)
