"""Training the networks of a run, each on its clips, one after the other."""

import json
from pathlib import Path

import numpy as np

import models
from features.sequences import KINDS, read_sequence
from runs import finish, store
from system import storage
from system.terminal import Problem
from training import motion

BACKUP = "backup.npz"  # of a training that can go on
LOGS = ("history.csv", BACKUP)


def train_run(folder, plan, options, extraction, bar=None):
    """Train the network or networks of a plan and write the run; gives its `Run`.

    `extraction` is what `sequences.read_extraction` gives, `bar` a tqdm.
    """
    logs = storage.logs_folder(folder, plan.run)
    with storage.claim(logs):
        names = [*plan.train, *plan.validation]
        shape = options.n_frames, check_sequences(folder, names, options)
        known = {"options": options.as_dict(), "extraction": extraction}
        clear_logs(logs, known)
        fitted = []
        for number in range(options.ensemble):
            if options.model == "motion":
                fitted.append(fit_motion(folder, plan, options, shape))
                continue
            from training import fitting

            place = logs / f"member_{number}" if options.ensemble > 1 else logs
            seed = options.seed + number
            identity = {"plan": plan._asdict(), "seed": seed, **known}
            given = folder, plan, options, shape, seed, place, identity, bar
            fitted.append(fitting.train_network(*given))
        networks, results = zip(*fitted, strict=True)
        record = store.describe_run(plan, options, extraction, results, shape[1])
        record = finish.complete(folder, plan, options, record)
        run = store.save_run(folder, networks, record)
        for path in Path(logs).rglob(BACKUP):
            path.unlink()
    return run


def fit_motion(folder, plan, options, shape):
    """Fit a score of movement on all clips of a plan, in closed form.

    Gives what `fitting.train_network` does, "val_loss" with each animal held out.
    """
    animals = [plan.animal_of(name, options.animal_pattern) for name in plan.train]
    statistics = measure_movement(folder, plan.train, *shape, options.reads)
    scores = np.array(list(plan.train.values()), float)
    *weights, choice = motion.fit(statistics, scores, animals)
    predicted, choice["ranges"] = motion.cross_validate(statistics, scores, animals)
    loss = float(((predicted - scores) ** 2).mean())
    network = models.Motion(*shape, options.activation, scores, weights)
    return network, {"epochs": 0, "best_epoch": 0, "val_loss": loss, "choice": choice}


def measure_movement(folder, names, n_frames, n_features, kind="movement"):
    """Measure the statistics over time of clips, (N, 4F) float32."""
    models.check_movement(n_frames)
    rows = []
    for name in names:
        sequence = read_sequence(folder, name, n_frames, n_features, kind)
        if sequence.min() < 0:
            raise Problem(
                f"the {KINDS[kind]} of {name} has features below 0 "
                f"({sequence.min():.3g}). --model motion takes their root; those of "
                "extract_features.py are never negative"
            )
        rows.append(models.summarise_movement(sequence[None])[0])
    return np.stack(rows)


def check_sequences(folder, names, options):
    """Read every sequence once, and name all that are wrong; gives F."""
    problems, n_features = [], None
    for name in names:
        try:
            wanted = options.n_frames, n_features, options.reads
            sequence = read_sequence(folder, name, *wanted)
            n_features = n_features or sequence.shape[1]
        except Problem as problem:
            problems.append(str(problem))
    if problems:
        more = [f"... and {len(problems) - 20} more"] if len(problems) > 20 else []
        raise Problem("\n".join(problems[:20] + more))
    return n_features


def clear_logs(folder, known):
    """Remove the logs of an earlier training, which is not `known` to be this one."""
    if not any(goes_on(path, known) for path in Path(folder).rglob(BACKUP)):
        for path in Path(folder).rglob("*"):
            if path.name in LOGS or path.name.startswith("events.out.tfevents."):
                path.unlink()


def goes_on(path, known):
    """Check whether a backup is of this training, or corrupt, as `restore` reports."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            identity = json.loads(json.loads(str(stored["state"]))["identity"])
            return known.items() <= identity.items()
    except Exception:  # zipfile, JSON and numpy fail in many ways
        return True
