"""Fits a run to another lab: a straight line from its values to that lab's scores.

Camera, cage and expert may shift and stretch scores of another lab. A slope and an
offset are fitted by least squares before the last activation, on clips that the run has
never seen, and go into the weights of a new run. Each animal is held out once, and
scored by the line of all others: these errors give the new run its intervals.
"""

import dataclasses

import numpy as np
from scipy import stats

import models
from evaluation.comparisons import paired_change
from evaluation.jackknife import CROSSED
from evaluation.report_tables import show
from features import provenance
from runs import intervals, learned, novelty, predict, splits, store
from runs.record import Base, Choice, ClipError, Errors, Network, Scheme
from system import backend, storage
from system.tables import count
from system.terminal import Problem, caution

LEAST_CLIPS, LEAST_ANIMALS = 10, 5


def choose_clips(folder, table, run):
    """Choose the rows of a table of clips that a run may be fitted to, or refuse."""
    if run.is_published or run.target != "score" or run.base.name:
        why = "was trained on groups" if run.target != "score" else "has no record"
        why = f"is {run.base.name} recalibrated" if run.base.name else why
        raise Problem(f"--recalibrate takes a run trained on scores; {run.name} {why}")
    table = table[table["expert_score"].notna()]
    digests = provenance.list_digests(folder)
    seen = learned.describe_seen(table["clip"], table["animal"], run, digests=digests)
    found = table[[how == "" for how in seen]].reset_index(drop=True)
    n_animals = found["animal"].nunique()
    if len(found) < LEAST_CLIPS or n_animals < LEAST_ANIMALS:
        raise Problem(
            f"--recalibrate needs {LEAST_CLIPS} scored clips of {LEAST_ANIMALS} "
            f"animals that run {run.name} has never seen. Received: "
            f"{count(len(found), 'clip')} of {count(n_animals, 'animal')}; score more "
            "with rate.py"
        )
    lowest = found["expert_score"].min()
    if lowest < 0 and run.options.activation == "relu":
        raise Problem(f"run {run.name} gives no score below 0, the expert {lowest:g}")
    return found


def fit_line(values, scores):
    """Fit slope and offset from values (N, M), means of members, to scores (N,)."""
    means = values.mean(axis=1)
    if np.ptp(means) <= 1e-6 * np.abs(means).max():
        raise Problem("the network gives the same score to every clip here")
    found = stats.linregress(means, scores)
    return float(found.slope), float(found.intercept)


def draw_line(values, line, options, targets):
    """Score values (N, M) by a line, clipped as a run that learned targets does."""
    low, high = -np.inf, np.inf
    if options.model == "motion":
        low, high = float(min(targets)), float(max(targets))
    if options.activation == "relu":
        low = 0.0
    return np.clip(line[0] * values + line[1], low, high).mean(axis=1)


def recalibrate(folder, run, table, clips, name):
    """Write a new run of a name that is fitted to the rows of `choose_clips`.

    `clips` are those of `data_file.csv`. Gives the new Run, scores (N,) by the run as
    it is, and scores with the animal held out.
    """
    if storage.checkpoint_path(folder, name).exists():
        raise Problem(f"run {name} is there already: name another, --recalibrate NAME")
    predict.check_extraction(folder, run)
    names, animals = list(table["clip"]), table["animal"].to_numpy(str)
    scores = table["expert_score"].to_numpy(float)
    networks, run = store.load_networks(run)
    for network in networks:
        unclip(network)
    read = predict.read_sequences(folder, names, run)
    values = predict.score_members(networks, read).T
    before = draw_line(values, (1, 0), run.options, run.train_clips.values())
    held_out, means = np.empty(len(names)), {}
    for animal in np.unique(animals):
        rest = animals != animal
        line = fit_line(values[rest], scores[rest])
        held_out[~rest] = draw_line(values[~rest], line, run.options, scores[rest])
        means[animal] = float(scores[rest].mean())
    line = fit_line(values, scores)
    if line[0] <= 0:
        raise Problem(
            f"no new run: scores of run {run.name} and of the expert go in opposite "
            f"directions here (slope {line[0]:.2f}), so it cannot be recalibrated"
        )
    targets = dict(zip(names, scores.tolist(), strict=True))
    for network in networks:
        move(network, line)
    rows = zip(names, animals.tolist(), scores.tolist(), held_out.tolist(), strict=True)
    given = splits.give_clips(run, clips, targets, {})
    new = dataclasses.replace(
        given,
        name=name,
        base=Base(
            name=run.name,
            sha256=run.sha256,
            received=run.received,
            slope=line[0],
            offset=line[1],
            clips=run.targets,
            animals={clip: run.animal_of(clip) for clip in run.targets},
            digests=run.clips_were.digests or {},
        ),
        held_out=[],
        sequences={},
        scheme=Scheme(""),
        choice=Choice(),
        errors=list_errors(name, rows, means),
        clips_were=novelty.describe_clips(folder, given),
        received="",
    )
    return store.save_run(folder, networks, new), before, held_out


def list_errors(name, rows, means):
    """List the errors of rows (clip, animal, target, score) by the line of all other
    animals, whose mean scores are `means`, as those of a network each."""
    networks = [Network(f"{name}, without {a}", "", mean) for a, mean in means.items()]
    return Errors(
        networks,
        [
            ClipError(clip, animal, list(means).index(animal), target, round(score, 6))
            for clip, animal, target, score in rows
        ],
    )


def describe_gain(run, table, new, before, held_out):
    """Describe what a new run gains, by scores (N,) of the run as it is and of the line
    with each animal held out; see `recalibrate`. Lines, and the better run's name."""
    errors = [
        scores - table["expert_score"].to_numpy() for scores in (before, held_out)
    ]
    animals = table["animal"].to_numpy(str)
    found = paired_change(*errors, animals, CROSSED)
    before = paired_change(*errors, animals)["before"]  # of one network
    change = found["change"]
    lines = [
        f"{count(found['n_clips'], 'clip')} of {count(found['n_animals'], 'animal')} "
        f"that {run.name} never saw: expert = {new.base.slope:.3g} x network "
        f"{new.base.offset:+.3g}",
        f"MAE over clips: {run.name} as it is {show(before, 2)}; recalibrated, each "
        f"animal by the line of all others, {show(found['after'], 2)}; change "
        f"{show(change, 2)}",
        f"run {new.name}: {intervals.describe_errors(new)}; {run.name} stays as it is",
    ]
    if change["value"] >= 0:
        caution(f"recalibration did not reduce the error: use {run.name} unchanged")
    elif change["high"] is None or change["high"] > 0:
        caution(
            "with so few animals it is not shown that scores of other animals improve"
        )
    for text in intervals.list_cautions(new, intervals.LEVEL):
        caution(text)
    return lines, run.name if change["value"] >= 0 else new.name


def unclip(network):
    """Let a network give its value before the last activation."""
    if isinstance(network, models.Motion):
        network.low, network.high = -np.inf, np.inf
    else:
        network.layers[-1].activation = backend.keras.activations.linear


def move(network, line):
    """Put a line into the weights of the last layer of a network."""
    *others, kernel, bias = network.get_weights()
    network.set_weights([*others, line[0] * kernel, line[0] * bias + line[1]])
