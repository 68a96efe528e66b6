"""Training the networks of a run, each on its clips, one after the other."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

import candidates
import files
import fitting
import learning
import lstm
import models
import motion
import runs
from backend import keras
from console import Problem
from sequences import read_sequence

LEAST_VARIANCE = 0.01  # of the median feature's


def train_run(folder, plan, options, extraction, bar=None):
    """Train the network or networks of a plan and write the run.

    Parameters
    ----------
    folder : path
        The working folder.
    plan : plans.Plan
    options : plans.Options
    extraction : dict or None
        See `sequences.read_extraction`.
    bar : tqdm, optional

    Returns
    -------
    dict
        The record, see `runs.describe_run`.
    """
    with files.claim(files.logs_folder(folder, plan.run)):
        return train_claimed(folder, plan, options, extraction, bar)


def train_claimed(folder, plan, options, extraction, bar):
    """Train a run whose folder of logs no other process works in."""
    n_features = check_sequences(folder, [*plan.train, *plan.watched], options.n_frames)
    identity = {
        "plan": plan._asdict(),
        "options": options.as_dict(),
        "extraction": extraction,
    }

    def train_one(plan, options, seed, place):
        if options.model == "motion":
            return fit_motion(folder, plan, options, n_features)
        known = identity | {"plan": plan._asdict(), "seed": seed}
        return train_network(folder, plan, options, n_features, seed, place, known, bar)

    logs = list_logs(folder, plan.run, options.ensemble)
    members, results = [], []
    for number, place in enumerate(logs):
        train = functools.partial(train_one, seed=options.seed + number)
        if options.model == "best":
            found = candidates.train_best(
                folder, plan, options, n_features, place, train
            )
        else:
            found = train(plan, options, place=place)
        members.append(found[0])
        results.append(found[1])
    model = models.build_ensemble(members) if len(members) > 1 else members[0]
    record = runs.describe_run(plan, options, extraction, results, n_features)
    runs.save_run(folder, model, record)
    for place in logs:
        for each in (place, *place.glob("*/")):
            fitting.clear_backups(each)
    return record


def list_logs(folder, run, n_members):
    """List the log folder of each network of a run."""
    logs = files.logs_folder(folder, run)
    return (
        [logs] if n_members == 1 else [logs / f"member_{i}" for i in range(n_members)]
    )


def train_network(folder, plan, options, n_features, seed, logs, identity, bar=None):
    """Build and fit one network.

    Parameters
    ----------
    folder, plan, options
        As for `train_run`.
    n_features : int
        F.
    seed : int
        This network's own.
    logs : path
    identity, bar
        See `fitting.Progress`.

    Returns
    -------
    (keras.Model, dict)
        The network, free of anything used only for speed, and what `fit_network` tells.
    """
    shape = (options.n_frames, n_features)
    trainer = open_trainer(shape, dataclasses.replace(options, seed=0))
    bias = sum(plan.train.values()) / len(plan.train)
    statistics = None
    if options.standardize:
        statistics = measure_statistics(folder, plan.train, *shape)
    keras.utils.set_random_seed(seed)
    network = build_network(shape, options, bias, statistics)
    trainer.start(network)
    size, prepare = options.batch_size, None
    if options.standardize:  # what is constant needs no computing in every batch
        prepare = functools.partial(standardize, network.get_layer("standardize"))
    result = fitting.fit_network(
        trainer,
        learning.SequenceBatches(folder, plan.train, *shape, size, seed, prepare),
        learning.SequenceBatches(folder, plan.watched, *shape, size, prepare=prepare),
        logs,
        identity,
        bar,
    )
    network.set_weights(trainer.model.get_weights())
    return network, result


@functools.lru_cache(maxsize=1)
def open_trainer(shape, options):
    """Build and compile what trains all networks of these options, folds included."""
    keras.backend.clear_session()  # of earlier ones
    return learning.Trainer(build_network(shape, options, 0, None, True), options)


def standardize(layer, sequence):
    return keras.ops.convert_to_numpy(layer(sequence[None]))[0]


def fit_motion(folder, plan, options, n_features):
    """Fit a score of movement on all clips of a plan, in closed form.

    Parameters and what is returned are those of `train_network`. No clip is watched:
    "val_loss" is of clips whose animals were left out of a further fit each.
    """
    names, shape = list(plan.train), (options.n_frames, n_features)
    animals = [plan.animal_of(name, options.animal_pattern) for name in names]
    statistics = measure_movement(folder, names, *shape)
    scores = np.array(list(plan.train.values()), float)
    weights, bias, choice = motion.fit(statistics, scores, animals)
    foretold = motion.cross_validate(statistics, scores, animals)
    model = models.build_motion(
        *shape, activation=options.activation, weights=(weights, bias)
    )
    result = {
        "epochs": 0,
        "best_epoch": 0,
        "val_loss": float(((foretold - scores) ** 2).mean()),
        "choice": choice,
    }
    return model, result


def measure_movement(folder, names, n_frames, n_features):
    """Measure the statistics over time of clips, (N, 4F) float32."""
    measure, rows = models.Movement(), []
    for name in names:
        sequence = read_sequence(folder, name, n_frames, n_features)
        if sequence.min() < 0:
            raise Problem(
                f"the sequence of {name} has features below 0 ({sequence.min():.3g}). "
                "--model motion takes their root; those of extract_features.py are "
                "never negative"
            )
        rows.append(keras.ops.convert_to_numpy(measure(sequence[None]))[0])
    return np.stack(rows)


def build_network(shape, options, bias, statistics, to_train=False):
    """Build the network that options describe, for sequences of shape (T, F).

    `to_train` puts in what only training needs and no checkpoint holds: the fast LSTM
    and dropout and the ReLU that wakes. The weights and the scores are the same.
    """
    special = {}
    if to_train:
        special = {"layer": lstm.FastLSTM, "drop": lstm.FastDropout}
        if options.activation == "relu":
            special["activation"] = learning.waking_relu
    return models.build(options, shape, bias, statistics, **special)


def measure_statistics(folder, names, n_frames, n_features):
    """Measure mean and variance of each feature over all frames of clips.

    Returns
    -------
    (mean, variance), float64 (F,) each
    """
    total, squares = np.zeros(n_features), np.zeros(n_features)
    for name in names:
        sequence = read_sequence(folder, name, n_frames, n_features).astype(float)
        total += sequence.sum(axis=0)
        squares += (sequence**2).sum(axis=0)
    n = len(names) * n_frames
    mean = total / n
    return mean, bound_variance(squares / n - mean**2)


def bound_variance(variance):
    """Let a feature that hardly varied count as varying a little.

    It would throw an animal that has it far off the scale: on real clips, up to 1,400
    standard deviations.
    """
    variance = np.asarray(variance, np.float32)
    varying = variance > 0
    least = LEAST_VARIANCE * np.median(variance[varying]) if varying.any() else 0
    return np.where(varying, np.maximum(variance, least), 1.0)


def check_sequences(folder, names: Sequence[str], n_frames):
    """Read every sequence once, before anything expensive starts.

    Returns
    -------
    int
        Features F, the same for all.

    Raises
    ------
    Problem
        Lists every clip whose sequence is missing or wrong.
    """
    problems, n_features = [], None
    for name in names:
        try:
            sequence = read_sequence(folder, name, n_frames, n_features)
            n_features = n_features or sequence.shape[1]
        except Problem as problem:
            problems.append(str(problem))
    if problems:
        more = [f"... and {len(problems) - 20} more"] if len(problems) > 20 else []
        raise Problem("\n".join(problems[:20] + more))
    return n_features
