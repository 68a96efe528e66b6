"""Training the networks of a run, each on its clips, one after the other."""

import dataclasses
import functools

import numpy as np

import models
from features.sequences import KINDS, read_sequence
from runs import finish, store
from system import storage
from system.backend import keras
from system.terminal import Problem
from training import fast_lstm, motion, trainer


def train_run(folder, plan, options, extraction, bar=None):
    """Train the network or networks of a plan and write the run; gives its `Run`.

    `extraction` is what `sequences.read_extraction` gives, `bar` a tqdm.
    """
    logs = storage.logs_folder(folder, plan.run)
    with storage.claim(logs):
        names = [*plan.train, *plan.validation]
        shape = options.n_frames, check_sequences(folder, names, options)
        known = {"options": options.as_dict(), "extraction": extraction}
        trainer.clear_logs(logs, known)
        places = [logs]
        if options.ensemble > 1:
            places = [logs / f"member_{i}" for i in range(options.ensemble)]
        networks, results = [], []
        for seed, place in enumerate(places, start=options.seed):
            if options.model == "motion":
                network, result = fit_motion(folder, plan, options, shape)
            else:
                identity = {"plan": plan._asdict(), "seed": seed, **known}
                network, result = train_network(
                    folder, plan, options, shape, seed, place, identity, bar
                )
            networks.append(network)
            results.append(result)
        record = store.describe_run(plan, options, extraction, results, shape[1])
        record = finish.complete(folder, plan, options, record)
        run = store.save_run(folder, networks, record)
        for place in places:
            trainer.clear_backups(place)
    return run


def train_network(folder, plan, options, shape, seed, logs, identity, bar=None):
    """Build and fit one network from a seed, for sequences of shape (T, F).

    Gives it, free of anything used only for speed, and what `trainer.fit_network`
    tells, which takes the rest.
    """
    shared = open_trainer(shape, dataclasses.replace(options, seed=0))
    bias = sum(plan.train.values()) / len(plan.train)
    statistics = prepare = None
    if options.standardize:
        statistics = measure_statistics(folder, plan.train, *shape)
    keras.utils.set_random_seed(seed)
    network = build_network(shape, options, bias, statistics)
    shared.start(network)
    if options.standardize:  # what is constant needs no computing in every batch
        prepare = functools.partial(standardize, network.get_layer("standardize"))
    train, validation = (
        trainer.SequenceBatches(folder, clips, *shape, options.batch_size, own, prepare)
        for clips, own in ((plan.train, seed), (plan.validation, None))
    )
    result = trainer.fit_network(shared, train, validation, logs, identity, bar)
    network.set_weights(shared.model.get_weights())
    return network, result


@functools.lru_cache(maxsize=1)
def open_trainer(shape, options):
    """Build and compile what trains all networks of these options, folds included."""
    keras.backend.clear_session()  # of earlier ones
    return trainer.Trainer(build_network(shape, options, 0, None, True), options)


def standardize(layer, sequence):
    return keras.ops.convert_to_numpy(layer(sequence[None]))[0]


def build_network(shape, options, bias, statistics, to_train=False):
    """Build the network that options describe, for sequences of shape (T, F).

    `to_train` puts in what only training needs and no checkpoint holds: the fast LSTM
    and dropout and the ReLU that wakes. The weights and the scores are the same.
    """
    if not to_train:
        return models.build(options, shape, bias, statistics)
    return models.build(
        options,
        shape,
        bias,
        statistics,
        activation=trainer.waking_relu if options.activation == "relu" else None,
        layer=fast_lstm.FastLSTM,
        drop=fast_lstm.FastDropout,
    )


def measure_statistics(folder, names, n_frames, n_features):
    """Measure mean and variance of each feature over all frames of clips, (F,) each."""
    total, squares = np.zeros(n_features), np.zeros(n_features)
    for name in names:
        sequence = read_sequence(folder, name, n_frames, n_features).astype(float)
        total += sequence.sum(axis=0)
        squares += (sequence**2).sum(axis=0)
    n = len(names) * n_frames
    variance = squares / n - (total / n) ** 2
    return total / n, motion.bound_variance(variance.astype(np.float32))


def fit_motion(folder, plan, options, shape):
    """Fit a score of movement on all clips of a plan, in closed form.

    Gives what `train_network` does. "val_loss" is of clips whose animals were held out
    of a further fit each.
    """
    animals = [plan.animal_of(name, options.animal_pattern) for name in plan.train]
    statistics = measure_movement(folder, plan.train, *shape, options.reads)
    scores = np.array(list(plan.train.values()), float)
    *weights, choice = motion.fit(statistics, scores, animals)
    predicted, choices = motion.cross_validate(statistics, scores, animals)
    if choices:
        choice["ranges"] = motion.find_ranges(choices)
    loss = float(((predicted - scores) ** 2).mean())
    network = models.build_motion(
        *shape,
        activation=options.activation,
        weights=weights,
        targets=list(plan.train.values()),
    )
    return network, {"epochs": 0, "best_epoch": 0, "val_loss": loss, "choice": choice}


def measure_movement(folder, names, n_frames, n_features, kind="movement"):
    """Measure the statistics over time of clips, (N, 4F) float32."""
    models.check_movement(n_frames)
    measure, rows = models.Movement(), []
    for name in names:
        sequence = read_sequence(folder, name, n_frames, n_features, kind)
        if sequence.min() < 0:
            raise Problem(
                f"the {KINDS[kind]} of {name} has features below 0 "
                f"({sequence.min():.3g}). --model motion takes their root; those of "
                "extract_features.py are never negative"
            )
        rows.append(keras.ops.convert_to_numpy(measure(sequence[None]))[0])
    return np.stack(rows)


def check_sequences(folder, names, options):
    """Read every sequence once, before anything expensive starts; gives F.

    Raises a Problem that lists every clip whose sequence is missing or wrong.
    """
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
