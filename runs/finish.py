"""Finishes the record of a run: its errors on held-out animals, and its clips.

`train_reg.py --folds K --final` writes the errors into the record of the final network,
clip by clip, each with its network. `runs.intervals` makes intervals of them.
"""

import numpy as np

from runs import folds, intervals, learned, novelty, predict, store
from system import storage


def complete(folder, plan, options, record):
    """Complete the record of a run that is to score new clips: a new dict.

    It gets what its clips were like and, of a final run, the errors of the networks of
    its cross-validation, unless it has them already.
    """
    if plan.held_out:
        return record
    targets, found = {**plan.train, **plan.validation}, {}
    animals = {n: plan.animal_of(n, options.animal_pattern) for n in targets}
    if not record.get("clips_were"):
        owners = np.array(list(animals.values()))
        found["clips_were"] = novelty.describe_clips(
            folder, list(targets), owners, record
        )
    if plan.scheme and not has_errors(folder, plan.scheme, targets, record):
        errors = measure_errors(folder, plan.scheme, targets, animals)
        found |= {"left_out_errors": errors, "scheme": plan.scheme}
    return {**record, **found}


def finish(folder, plan, options):
    """Complete the record of a finished run on disk; tells whether it lacked anything.

    A run of an earlier release may lack what is written at once today, and folds may
    have been trained again since.
    """
    path = storage.record_path(folder, plan.run)
    record = storage.read_json(path)
    whole = complete(folder, plan, options, record)
    if is_new := whole != record:
        storage.write_json(path, whole)
    if plan.scheme and not plan.held_out:
        missing = intervals.explain_missing(whole)
        print(f"{plan.run}: {missing or intervals.describe_errors(whole)}")
    return is_new


def has_errors(folder, scheme, targets, record):
    """Tell whether a record has the errors of these networks on these targets."""
    errors = record.get("left_out_errors") or {"clips": [], "networks": []}
    paths = [storage.record_path(folder, run) for run in scheme["folds"]]
    return (
        record.get("scheme") == scheme
        and {clip["clip"]: clip["target"] for clip in errors["clips"]} == targets
        and [network["sha256"] for network in errors["networks"]]
        == [storage.read_json(path)["sha256"] for path in paths]
    )


def measure_errors(folder, scheme, targets, animals):
    """Score each clip with the network of a cross-validation that held its animal out.

    `scheme` is that of the final run; `targets` and `animals` are by clip name. Returns
    a dict: "scheme"; "networks", each with run, sha256 and the mean of its targets;
    "clips", each with clip, animal, number of its network, target and score.
    """
    import pandas as pd

    from system.backend import keras

    rows = [(name, animals[name]) for name in targets]
    table = pd.DataFrame(rows, columns=["clip", "animal"])
    paths = [storage.checkpoint_path(folder, run) for run in scheme["folds"]]
    found = [(path, store.read_record(path)) for path in paths]
    networks, clips = [], []
    for number, (path, _, part) in enumerate(folds.assign_folds(found, table)):
        keras.backend.clear_session()
        model, record = store.read_run(path)
        sequences = predict.read_sequences(folder, list(part["clip"]), record)
        mean = float(np.mean([*learned.list_targets(record).values()]))
        networks.append(
            {"run": record["run"], "sha256": record["sha256"], "mean": mean}
        )
        scores = predict.score_sequences(model, sequences)
        for name, score in zip(part["clip"], scores, strict=True):
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
