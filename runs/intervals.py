"""What a run can vouch for: how far off it was on animals that it had never seen.

`train_reg.py --folds K --final` writes it into the record of the final network, and
`score.py` reads it there. Errors are kept clip by clip, each with its network.
"""

import numpy as np

from runs import conformal, folds, novelty, predict, store
from system import storage

HOW = "train_reg.py --folds 5 --final makes a run that does"


def measure_errors(folder, scheme, targets, animals):
    """Score each clip with the network of a cross-validation that left its animal out.

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
        scores = predict.score_sequences(model, sequences)
        known = {**record["train_clips"], **record.get("watched_clips", {})}
        mean = float(np.mean([*known.values()]))
        networks.append(
            {"run": record["run"], "sha256": record["sha256"], "mean": mean}
        )
        for name, score in zip(part["clip"], scores, strict=True):
            told = {"clip": name, "animal": animals[name], "network": number}
            score = round(float(score), 6)
            clips.append({**told, "target": targets[name], "score": score})
    return {"scheme": scheme["of"], "networks": networks, "clips": clips}


def complete(folder, plan, options, record):
    """Complete the record of a run that is to score new clips.

    It gets what its clips were like and, of a final run, how the networks of its
    cross-validation erred, unless it tells so already. Gives a new dict.
    """
    if plan.left_out:
        return record
    targets, told = {**plan.train, **plan.watched}, {}
    animals = {n: plan.animal_of(n, options.animal_pattern) for n in targets}
    if not record.get("clips_were"):
        owners = np.array(list(animals.values()))
        told["clips_were"] = novelty.describe_clips(
            folder, list(targets), owners, record
        )
    if plan.scheme and not carries_errors(folder, plan.scheme, targets, record):
        errors = measure_errors(folder, plan.scheme, targets, animals)
        told |= {"left_out_errors": errors, "scheme": plan.scheme}
    return {**record, **told}


def carries_errors(folder, scheme, targets, record):
    """Tell whether a record has the errors of these networks on these targets."""
    errors = record.get("left_out_errors") or {"clips": [], "networks": []}
    beside = [
        storage.read_json(storage.record_path(folder, r)) for r in scheme["folds"]
    ]
    return (
        record.get("scheme") == scheme
        and {clip["clip"]: clip["target"] for clip in errors["clips"]} == targets
        and [network["sha256"] for network in errors["networks"]]
        == [other["sha256"] for other in beside]
    )


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
    if plan.scheme and not plan.left_out:
        tell_width(whole)
    return is_new


def count_animals(record):
    """Count the left-out animals whose errors a run carries."""
    errors = record.get("left_out_errors") or {"clips": []}
    return len({clip["animal"] for clip in errors["clips"]})


def choose_level(record, level=conformal.LEVEL):
    """Choose a level, or the highest below it that the animals held out allow."""
    return conformal.find_highest(count_animals(record), level)


def measure_width(record, n_clips=1, level=conformal.LEVEL):
    """Half the width of an interval around the network, and around the training mean.

    `n_clips` of an animal are averaged. The level is that of `choose_level`.
    """
    off, mean_off, animals = list_errors(record)
    level = choose_level(record, level)
    return tuple(
        conformal.find_width(each, animals, level, n_clips) for each in (off, mean_off)
    )


def list_errors(record):
    """List the errors of network and training mean, and the animals: (N,) each."""
    errors = record["left_out_errors"]
    clips, means = errors["clips"], [each["mean"] for each in errors["networks"]]
    off = [clip["score"] - clip["target"] for clip in clips]
    mean_off = [means[clip["network"]] - clip["target"] for clip in clips]
    return np.array(off), np.array(mean_off), [clip["animal"] for clip in clips]


def explain_no_skill(record):
    """Say that a run was not better than the mean on animals held out, or return None.

    Each animal counts once, with the mean absolute error of its clips.
    """
    if not count_animals(record):
        return None
    *errors, animals = list_errors(record)
    names, index = np.unique(animals, return_inverse=True)
    network, mean = (
        np.mean([np.abs(each[index == i]).mean() for i in range(len(names))])
        for each in errors
    )
    if network < mean:
        return None
    return (
        f"on {len(names)} animals held out, run {record['run']} was not better than "
        f"the mean of the training scores (MAE {network:.2f}, of the mean {mean:.2f})"
    )


def show_level(level):
    return f"{100 * level:.4g}%"


def describe_errors(record, level=conformal.LEVEL):
    """Say how far off a run was on animals held out: a sentence without its full stop.

    The level is that of `choose_level`.
    """
    network, mean = measure_width(record, level=level)
    return (
        f"on {count_animals(record)} animals held out in turn, "
        f"{show_level(choose_level(record, level))} of its scores were within "
        f"{network:.2f} of the expert's, and {mean:.2f} for the training mean"
    )


def tell_width(record, level=conformal.LEVEL):
    """Print how wide the intervals of a run are, beside those of the training mean."""
    print(
        f"{record['run']}: {explain_silence(record) or describe_errors(record, level)}"
    )


def explain_silence(record):
    """Say why a run gives no intervals, or return None."""
    if count_animals(record):
        return None
    return (
        f"run {record['run']} carries no errors on animals held out, so its scores "
        f"have no interval: {HOW}"
    )


def explain_level(record, level):
    """Say which level the animals allow where they are too few for it, or None."""
    if (highest := choose_level(record, level)) == level or not count_animals(record):
        return None
    return (
        f"{show_level(level)} needs {conformal.count_needed(level)} animals held out, "
        f"run {record['run']} has {count_animals(record)}: the intervals are for "
        f"{show_level(highest)} of new animals"
    )


def find_intervals(record, scores, n_clips=1, level=conformal.LEVEL):
    """Find the intervals of new scores (M,): (M, 2), NaN where there are none.

    Each score is the mean of `n_clips` clips of an animal; see `explain_silence` and
    `choose_level`.
    """
    scores = np.asarray(scores, float)[:, None]
    if explain_silence(record):
        return np.full((len(scores), 2), np.nan)
    width, _ = measure_width(record, n_clips, level)
    is_relu = record.get("options", {}).get("activation") == "relu"
    found = scores + np.array([-width, width])
    return np.maximum(found, 0) if is_relu else found  # no expert scores below 0
