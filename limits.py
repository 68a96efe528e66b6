"""What a run can vouch for: how far off it was on animals that it had never seen.

`train_reg.py --folds K --final` writes it into the record of the final network, and
`score.py` reads it there. Errors are kept clip by clip, each with its network.
"""

import numpy as np

import files
import runs
import scoring
from console import caution
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


def spread_errors(record, n_clips=1, baseline=False):
    """Collect the errors of a run on left-out animals; see `conformal.spread_errors`.

    `baseline` takes the errors that the mean training score would have made.
    """
    errors = record["left_out_errors"]
    told = [clip["score"] for clip in errors["clips"]]
    if baseline:
        told = [errors["networks"][clip["network"]]["mean"] for clip in errors["clips"]]
    return conformal.spread_errors(
        np.array(told) - [clip["target"] for clip in errors["clips"]],
        [clip["animal"] for clip in errors["clips"]],
        [clip["network"] for clip in errors["clips"]],
        n_clips,
    )


def measure_width(record, n_clips=1, level=conformal.LEVEL):
    """Half the width of an interval around one network, and around the training mean.

    Both are infinite with too few animals.
    """
    both = []
    for baseline in (False, True):
        spread = spread_errors(record, n_clips, baseline)
        both.append(float(conformal.find_upper(spread.sizes[None], spread, level)[0]))
    return tuple(both)


def tell_width(record, level=conformal.LEVEL):
    """Print how wide the intervals of a run are, beside those of the training mean."""
    if silence := explain_silence(record, level):
        return print(f"{record['run']}: {silence}")
    network, mean = measure_width(record, level=level)
    print(
        f"{record['run']}: on animals left out, {level:.0%} of its scores were within "
        f"{network:.2f} of the expert's; the training mean within {mean:.2f}"
    )


def open_networks(checkpoint, record):
    """Open the networks of a final run's cross-validation, which lie beside it.

    Returns a list in the order of the record; [], with a caution, where one is missing.
    """
    wanted, networks = (record.get("left_out_errors") or {}).get("networks", []), []
    for network in wanted:
        path = checkpoint.with_name(f"{files.check_run(network['run'])}.keras")
        if not path.is_file() or files.digest_file(path) != network["sha256"]:
            caution(
                f"{path.name}, a network of the cross-validation of {record['run']}, "
                "is not there or another one by now: intervals are drawn around the "
                "final network's score, which holds in practice but is not proven"
            )
            return []
        networks.append(runs.read_run(path)[0])
    return networks


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
    """Find the intervals of new scores: (M, 2), NaN where `explain_silence` says why.

    Parameters
    ----------
    record : dict
    scores : (M, 1 + K) float array
        Of the final network first, then of those of the cross-validation, if any.
    n_clips : int
        Clips of an animal that each score is the mean of.
    level : float
    """
    scores = np.asarray(scores, float)
    if explain_silence(record, level):
        return np.full((len(scores), 2), np.nan)
    told = scores[:, 1:] if scores.shape[1] > 1 else scores[:, 0]
    found = conformal.find_intervals(told, spread_errors(record, n_clips), level)
    is_relu = record.get("options", {}).get("activation") == "relu"
    return np.maximum(found, 0) if is_relu else found  # no expert scores below 0


def average_animals(animals, scores, record, level=conformal.LEVEL):
    """Average the scores (M, 1 + K) of each animal's clips; see `find_intervals`.

    Returns
    -------
    list of (str, int, float, float, float)
        Animal, number of its clips, mean score, low and high.
    """
    animals, rows = np.asarray(animals), []
    for animal in dict.fromkeys(animals.tolist()):
        own = np.asarray(scores)[animals == animal]
        mean = own.mean(axis=0, keepdims=True)
        (interval,) = find_intervals(record, mean, len(own), level)
        rows.append((animal, len(own), float(mean[0, 0]), *map(float, interval)))
    return rows
