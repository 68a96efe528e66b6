"""What a run can vouch for: how far off it was on animals that it had never seen.

`train_reg.py --folds K --final` writes it into the record of the final network, and
`score.py` reads it there. Errors are kept clip by clip, each with its network.
"""

import numpy as np

import files
import runs
import scoring
from judging import conformal

HOW = "train_reg.py --folds 5 --final makes a run that does"


def measure_errors(folder, scheme, task, targets, animals):
    """Score each clip with the network of a cross-validation that left its animal out.

    `scheme` is that of the final run; `targets` and `animals` are by clip name. Returns
    a dict: "scheme"; "networks", each with run, sha256 and the mean of its targets;
    "clips", each with clip, animal, number of its network, target and score.
    """
    import pandas as pd

    from backend import keras

    rows = [(name, animals[name]) for name in targets]
    table = pd.DataFrame(rows, columns=["clip", "animal"])
    found = runs.find_folds(folder, scheme["of"], scheme["prefix"], task)
    networks, clips = [], []
    for number, (path, _, part) in enumerate(runs.assign_folds(found, table)):
        keras.backend.clear_session()
        model, record = runs.read_run(path)
        sequences = scoring.read_sequences(folder, list(part["clip"]), record)
        scores = scoring.score_sequences(model, sequences)
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


def finish(folder, plan, task, animals, has_news):
    """Note in the record of a final run how its folds erred, and print it."""
    path = files.record_path(folder, plan.run)
    record = files.read_json(path)
    if has_news or "left_out_errors" not in record:
        targets = {**plan.train, **plan.watched}
        errors = measure_errors(folder, plan.scheme, task, targets, animals)
        record["left_out_errors"] = errors
        files.write_json(path, record)
    tell_width(record)


def count_animals(record):
    """Count the left-out animals whose errors a run carries."""
    errors = record.get("left_out_errors") or {"clips": []}
    return len({clip["animal"] for clip in errors["clips"]})


def measure_width(record, n_clips=1, level=conformal.LEVEL):
    """Half the width of an interval around the network, and around the training mean.

    Both are infinite with too few animals; `n_clips` of an animal are averaged.
    """
    errors = record["left_out_errors"]
    clips, means = errors["clips"], [each["mean"] for each in errors["networks"]]
    animals = [clip["animal"] for clip in clips]
    off = [clip["score"] - clip["target"] for clip in clips]
    mean_off = [means[clip["network"]] - clip["target"] for clip in clips]
    return tuple(
        conformal.find_width(each, animals, level, n_clips) for each in (off, mean_off)
    )


def tell_width(record, level=conformal.LEVEL):
    """Print how wide the intervals of a run are, beside those of the training mean."""
    if silence := explain_silence(record, level):
        return print(f"{record['run']}: {silence}")
    network, mean = measure_width(record, level=level)
    print(
        f"{record['run']}: on animals left out, {level:.0%} of its scores were within "
        f"{network:.2f} of the expert's; the training mean within {mean:.2f}"
    )


def explain_silence(record, level=conformal.LEVEL):
    """Say why a run gives no intervals of a level, or return None."""
    n_animals = count_animals(record)
    if not n_animals:
        return (
            f"run {record['run']} carries no errors on left-out animals, so its scores "
            f"have no interval: {HOW}"
        )
    if n_animals < (needed := conformal.count_needed(level)):
        return (
            f"no interval: {level:.0%} needs {needed} left-out animals, run "
            f"{record['run']} has {n_animals}. --level "
            f"{int(100 * n_animals / (n_animals + 1)) / 100} is the most they allow"
        )
    return None


def find_intervals(record, scores, n_clips=1, level=conformal.LEVEL):
    """Find the intervals of new scores (M,): (M, 2), NaN where there are none.

    Each score is the mean of `n_clips` clips of an animal; see `explain_silence`.
    """
    scores = np.asarray(scores, float)[:, None]
    if explain_silence(record, level):
        return np.full((len(scores), 2), np.nan)
    width, _ = measure_width(record, n_clips, level)
    is_relu = record.get("options", {}).get("activation") == "relu"
    found = scores + np.array([-width, width])
    return np.maximum(found, 0) if is_relu else found  # no expert scores below 0


def average_animals(animals, scores, record, level=conformal.LEVEL):
    """Average the scores (M,) of each animal's clips; see `find_intervals`.

    Returns
    -------
    list of (str, int, float, float, float)
        Animal, number of its clips, mean score, low and high.
    """
    rows, scores = {}, np.asarray(scores, float)
    for animal, score in zip(animals, scores, strict=True):
        rows.setdefault(animal, []).append(score)
    means = [(animal, len(own), float(np.mean(own))) for animal, own in rows.items()]
    return [
        (*row, *map(float, find_intervals(record, row[2:], row[1], level)[0]))
        for row in means
    ]
