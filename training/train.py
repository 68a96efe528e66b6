"""Training the networks of a run, each on its clips, one after the other."""

import dataclasses

import numpy as np

import models
from features import provenance
from features.sequences import KINDS, read_sequence
from runs import finish, novelty, store
from runs.record import Choice
from system import storage, tables, terminal
from system.terminal import Problem
from training import motion


def train_run(folder, plan, bar=None):
    """Train the network or networks of a plan and write the run; gives its `Run`. `bar`
    is a tqdm of epochs."""
    logs = storage.logs_folder(folder, plan.name)
    with storage.claim(logs):
        n_features = check_sequences(folder, plan.targets, plan.options)
        # Before it begins: they may be made anew while it lasts.
        made = provenance.list_checksums(folder, plan.n_frames, plan.options.reads)
        known = {name: made[name] for name in plan.targets if name in made}
        plan = dataclasses.replace(plan, n_features=n_features, sequences=known)
        if plan.model == "motion" or not any(logs.rglob(storage.BACKUP)):
            storage.clear_logs(logs)
        if plan.model == "motion":
            networks, found = fit_motion(folder, plan)
        else:
            from training import trainer

            networks, found = trainer.train_networks(folder, plan, logs, bar)
        found["versions"] = terminal.list_versions()
        if not plan.held_out:  # it is to score new clips
            found["clips_were"] = novelty.describe_clips(folder, plan)
        if plan.scheme.kind == "final":
            found["errors"] = finish.measure_errors(folder, plan)
        run = store.save_run(folder, networks, dataclasses.replace(plan, **found))
        for path in logs.rglob(storage.BACKUP):
            path.unlink()
    return run


def fit_motion(folder, plan):
    """Fit a score of posture and movement on all clips of a plan, in closed form. Gives
    networks and what a `Run` says of them, `val_loss` with each animal held out."""
    options, shape = plan.options, (plan.n_frames, plan.n_features)
    animals = list(map(plan.animal_of, plan.train_clips))
    statistics = measure_movement(folder, plan.train_clips, *shape, options.reads)
    scores = np.array(list(plan.train_clips.values()), float)
    *weights, choice = motion.fit(statistics, scores, animals)
    predicted, ranges = motion.cross_validate(statistics, scores, animals)
    network = models.Motion(*shape, options.activation, scores, weights)
    found = {
        "best_epoch": [0] * options.ensemble,
        "val_loss": float(((predicted - scores) ** 2).mean()),
        "choice": Choice(**choice, ranges=ranges),
    }
    return [network] * options.ensemble, found


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
            n_features = read_sequence(folder, name, *wanted).shape[1]
        except Problem as problem:
            problems.append(str(problem))
    if problems:
        raise Problem(tables.summarise(problems))
    return n_features
