"""Finishes the record of a run: its errors on held-out animals, and its clips.

`train_reg.py --folds K --final` writes the errors into the record of the final network,
clip by clip, each with its network. `runs.intervals` makes intervals of them.
"""

import dataclasses

import numpy as np

from runs import folds, intervals, novelty, predict, store
from runs.record import check_record, read_record
from system import storage


def complete(folder, plan, options, record):
    """Complete the record (dict) of a run that is to score new clips: a new dict.

    It gets what its clips were like and, of a final run, the errors of the networks of
    its cross-validation, unless it has them already.
    """
    if plan.held_out:
        return record
    targets, found = {**plan.train, **plan.validation}, {}
    run = check_record(plan.run, record)
    animals = {n: plan.animal_of(n, options.animal_pattern) for n in targets}
    if not record.get("clips_were"):
        owners = np.array(list(animals.values()))
        found["clips_were"] = novelty.describe_clips(folder, list(targets), owners, run)
    if plan.scheme and not has_errors(folder, plan.scheme, targets, run):
        errors = measure_errors(folder, plan.scheme, targets, animals)
        found |= {"left_out_errors": errors, "scheme": plan.scheme}
    return {**record, **found}


def finish(folder, plan, options):
    """Complete the record of a finished run on disk.

    A run of an earlier release may lack what is written at once today, and folds may
    have been trained again since. Returns whether that changed the record, and its
    errors on held-out animals in words, "" where it has none.
    """
    path = storage.record_path(folder, plan.run)
    record = storage.read_json(path)
    whole = complete(folder, plan, options, record)
    if is_new := whole != record:
        storage.write_json(path, whole)
    text = ""
    if plan.scheme and not plan.held_out:
        run = read_record(path)
        text = intervals.explain_missing(run) or intervals.describe_errors(run)
    return is_new, text


def has_errors(folder, scheme, targets, run):
    """Check whether a run has the errors of these networks on these targets."""
    paths = [storage.record_path(folder, name) for name in scheme["folds"]]
    return (
        dataclasses.asdict(run.scheme).items() >= scheme.items()
        and {clip.clip: clip.target for clip in run.errors.clips} == targets
        and [network.sha256 for network in run.errors.networks]
        == [storage.read_json(path)["sha256"] for path in paths]
    )


def measure_errors(folder, scheme, targets, animals):
    """Score each clip with the network of a cross-validation that held its animal out.

    `scheme` is that of the final run; `targets` and `animals` are by clip name. Gives
    what `record.Errors` says, for JSON.
    """
    paths = [storage.checkpoint_path(folder, name) for name in scheme["folds"]]
    networks, clips = [], []
    parts = folds.assign_folds(list(map(store.open_run, paths)), animals)
    for number, (run, names) in enumerate(parts):
        members, run = store.load_networks(run)
        sequences = predict.read_sequences(folder, names, run)
        mean = float(np.mean([*run.targets.values()]))
        networks.append({"run": run.name, "sha256": run.sha256, "mean": mean})
        scores = predict.score_sequences(members, sequences)
        for name, score in zip(names, scores, strict=True):
            clips.append(
                {
                    "clip": name,
                    "animal": animals[name],
                    "network": number,
                    "target": targets[name],
                    "score": round(float(score), 6),
                }
            )
    return {"scheme": scheme["of"], "networks": networks, "clips": clips}
