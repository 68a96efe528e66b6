"""Scoring clips with the right network: one that never saw their animal.

Builds the table of predictions that `validate.py` judges.
"""

from pathlib import Path

import numpy as np
import pandas as pd

import data
import models
import sequences
from console import Problem, caution
from extractor import PUBLISHED_WEIGHTS, Extractor
from judging import floors
from manifest import list_tasks

CONTROLS = ("shuffled-frames", "first-frame")
FLOOR_COLUMNS = {name: f"floor_{name.replace(' ', '_')}" for name in floors.FLOORS}


def check_extraction(folder, record):
    """See that the sequences were made as those the run was trained on."""
    present = sequences.read_extraction(folder)
    if present is None:  # published text sequences; their shape is all there is
        return
    if not record.get("published"):
        wrong = sequences.compare_extractions(present, record["extraction"] or {})
        if wrong:
            raise Problem(
                f"the sequences of {folder} do not suit run {record['run']}: "
                f"{'; '.join(wrong)}"
            )
        return
    expected = record["extraction"]
    if present["n_frames"] != expected["n_frames"]:
        raise Problem(
            f"{record['run']} takes sequences of {expected['n_frames']} frames; those "
            f"of {folder} have {present['n_frames']}"
        )
    if (present["weights"], present["sampling"]) != ("imagenet", "stride"):
        caution(
            f"{record['run']} was trained on ImageNet features with stride sampling. "
            f"These are {present['weights']}, {present['sampling']}: the scores mean "
            "nothing unless that is the same"
        )


def open_extractor(record, weights=None):
    """Open the extractor that a run was trained with.

    Parameters
    ----------
    record : dict
        Of the run.
    weights : str, optional
        Where the weights are, if not where they were.

    Returns
    -------
    Extractor
    """
    made = record["extraction"]
    if not made:
        raise Problem(
            f"run {record['run']} was trained on sequences of unknown making, so new "
            "videos cannot be treated alike"
        )
    wanted = weights or made["weights"]
    if wanted not in PUBLISHED_WEIGHTS and not Path(wanted).is_file():
        raise Problem(f"the run's weights {wanted} are gone; say where with --weights")
    extractor = Extractor(wanted, precision=made.get("precision", "float32"))
    if made.get("sha256") not in (None, extractor.record["sha256"]):
        raise Problem(
            f"--weights {wanted} are not those of run {record['run']}, which took "
            f"{made['weights']}"
        )
    if record.get("published") and wanted != "imagenet":
        caution("the published network expects ImageNet weights")
    if wanted == "random":
        caution("features come from an untrained network: good for trying out")
    return extractor


def read_clip_sequences(folder, names, record, control=None):
    """Yield the sequences of clips, changed as a control asks.

    Parameters
    ----------
    folder : path
    names : sequence of str
    record : dict
        Of the run; gives T and F.
    control : {"shuffled-frames", "first-frame"}, optional
        Destroys the order of frames, or repeats the first one.

    Yields
    ------
    float32, (T, F)
    """
    random = np.random.default_rng(0)
    for name in names:
        sequence = sequences.read_sequence(
            folder, name, record["n_frames"], record["n_features"]
        )
        if control == "shuffled-frames":
            sequence = random.permutation(sequence)
        elif control == "first-frame":
            sequence = np.repeat(sequence[:1], len(sequence), axis=0)
        yield sequence


def list_clips(clips, animals, group_pattern):
    """Make the table of clips, one row each, without scores of a network yet."""
    once = {
        clip.name: (clip, animal) for clip, animal in zip(clips, animals, strict=True)
    }
    listed, owners = zip(*once.values(), strict=True)
    groups = [data.group_of(clip.name, group_pattern) for clip in listed]
    return pd.DataFrame(
        {
            "clip": [clip.name for clip in listed],
            "animal": owners,
            "group": pd.Series(groups, dtype=object),  # keeps None as it is
            "task": [clip.task for clip in listed],
            "expert_score": [clip.score for clip in listed],
        }
    )


def score_table(folder, table, record, model, controls, train_rows=()):
    """Add the scores that one run gives to every clip of a table.

    `train_rows`, names of clips, stand in where nobody knows what a run has seen.

    Returns
    -------
    pandas.DataFrame
        With `network_score`, one column a control, `run` and `seen`: how the run knows
        the clip or its animal already, or "" where it does not.
    """
    names = list(table["clip"])
    table = table.copy()
    table["network_score"] = models.score_sequences(
        model, read_clip_sequences(folder, names, record)
    )
    for control in controls:
        table[control] = models.score_sequences(
            model, read_clip_sequences(folder, names, record, control)
        )
    table["run"] = record["run"]
    table["seen"] = describe_seen(table, record, train_rows)
    return table


def describe_seen(table, record, train_rows=()):
    """Say of each clip how the run knows it: as a clip, or its animal, or not."""
    if record["train_clips"] is None:
        rows = ("unknown", "test rows that repeat train rows")
        return [rows[name in train_rows] for name in table["clip"]]
    pattern = record.get("animal_pattern", data.ANIMAL_PATTERN)
    trained, watched = record["train_clips"], record.get("watched_clips", {})
    animals = {data.animal_of(name, pattern) for name in (*trained, *watched)}
    return [
        "clip trained on"
        if clip in trained
        else "clip watched in training"
        if clip in watched
        else "animal seen in training"
        if animal in animals
        else ""
        for clip, animal in zip(table["clip"], table["animal"], strict=True)
    ]


def add_floors(folder, table, record, train, group_pattern, summaries):
    """Add what the simplest predictions say, fitted on the run's own clips.

    Parameters
    ----------
    folder : path
    table : pandas.DataFrame
        Clips that one run has scored.
    record : dict
    train : dict of str to float
        Clip names and targets that the run has learned from or watched.
    group_pattern : str
    summaries : dict
        Filled with the summary of each sequence, so that each is read once.

    Returns
    -------
    (pandas.DataFrame, dict)
        The table with a column for each floor; why a floor is not defined.
    """

    def summarise(names):
        for name in names:
            if name not in summaries:
                (sequence,) = read_clip_sequences(folder, [name], record)
                summaries[name] = floors.summarise_sequence(sequence)
        return np.stack([summaries[name] for name in names])

    pattern = record.get("animal_pattern", data.ANIMAL_PATTERN)
    predictions, reasons = floors.predict_floors(
        {
            "scores": np.array(list(train.values())),
            "animals": [data.animal_of(name, pattern) for name in train],
            "groups": [data.group_of(name, group_pattern) for name in train],
            "summaries": summarise(train),
        },
        {"groups": list(table["group"]), "summaries": summarise(table["clip"])},
    )
    columns = {FLOOR_COLUMNS[name]: values for name, values in predictions.items()}
    return table.assign(**columns), reasons


def known_clips(record, clips):
    """List the clips and targets that a run knows: trained on, and watched.

    Of the published network nobody knows them; the train rows stand in.
    """
    if record["train_clips"] is None:
        return {c.name: c.score for c in clips if c.split == "train" and c.is_scored}
    return {**record["train_clips"], **record.get("watched_clips", {})}


def choose_clips(clips, split, record):
    """Choose the clips of a split that a run can score: those of its task."""
    task = record.get("task")
    chosen = [c for c in clips if c.split == split and task in (None, c.task)]
    if not chosen:
        of_task = f" of task {task}" if task else ""
        raise Problem(f"data_file.csv has no {split} row{of_task}")
    if task is None and len({clip.task for clip in chosen}) > 1:
        raise Problem(
            "data_file.csv has several tasks; name one with --task: "
            f"{list_tasks(chosen)}"
        )
    return chosen


# ---------------------------------------------------------------- cross-validation


def find_folds(folder, kind, prefix, task):
    """Find the runs of a cross-validation by their records, not by their names.

    Returns
    -------
    list of (Path, dict)
        Checkpoint and record.
    """
    found = []
    for path in sorted((folder / "checkpoints").glob("[!.]*.json")):
        record = data.read_json(path)
        scheme = record.get("scheme") or {}
        if (scheme.get("kind"), scheme.get("prefix")) == (kind, prefix) and (
            task in (None, record.get("task"))
        ):
            found.append((path.with_suffix(".keras"), record))
    if not found:
        option = "--folds K" if kind == "folds" else "--leave-one-animal-out"
        raise Problem(
            f"{folder / 'checkpoints'} holds no networks of a {kind} training. Train "
            f"them with train_reg.py {option}"
        )
    if len(tasks := {record["task"] for _, record in found}) > 1:
        raise Problem(
            f"networks of several tasks; name one: {', '.join(sorted(tasks))}"
        )
    return found


def assign_folds(found, table):
    """Give each animal the one network that left it out, and never saw it.

    Returns
    -------
    list of (Path, dict, pandas.DataFrame)
        Checkpoint, record and the clips it is to score.

    Raises
    ------
    Problem
        When an animal has no network, two networks, or one that knows a clip of it.
    """
    parts, problems, covered = [], [], {}
    for path, record in found:
        part = table[table["animal"].isin(record["left_out"])]
        for animal in part["animal"].unique():
            if animal in covered:
                problems.append(
                    f"{animal} is left out by {covered[animal]} and {path.stem}"
                )
            covered[animal] = path.stem
        seen = [how for how in describe_seen(part, record) if how]
        if seen:
            problems.append(f"{path.stem} knows what it should not: {seen[0]}")
        if len(part):
            parts.append((path, record, part))
    missing = sorted(set(table["animal"]) - set(covered))
    if missing:
        problems.append(f"no network has left out {', '.join(missing)}")
    if problems:
        raise Problem("not a cross-validation by animal: " + "; ".join(problems))
    return parts
