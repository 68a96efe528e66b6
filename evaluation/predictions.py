"""The table of predictions: each clip with its scores, baselines and labels.

A run is a list of parts: each is a `record.Run` and the clips it is to score.
A split has one part, a cross-validation one for each fold.
"""

import numpy as np
import pandas as pd
from tqdm import tqdm

from evaluation import baselines
from evaluation.jackknife import is_crossed
from features import provenance, sequences
from names import labels
from runs import learned, predict, store

BASELINE_COLUMNS = {
    name: f"baseline_{name.replace(' ', '_')}" for name in baselines.BASELINES
}
INFORMED = "omitted: it would know the group, which is the target"


def add_target(table, run):
    """Add `target`, what the run is trained on: expert score, or group as 0 or 1.

    A clip without a group has no target where groups are it.
    """
    if run.target != "group":
        return table.assign(target=table["expert_score"])
    return table.assign(target=label_groups(table["group"], run.control_group))


def label_groups(groups, healthy):
    """Turn groups into 0, healthy, and 1, impaired; nan where that is not known; (N,).

    For which is the healthy one see `labels.settle_healthy`.
    """
    known = [g is not None and bool(healthy) for g in groups]
    return np.where(known, [float(g != healthy) for g in groups], np.nan)


def score_parts(folder, parts, clips, controls=()):
    """Score each part with its network and by each baseline.

    Parts are of a Run and a table from `data.tabulate_clips`; `clips` are all of
    data_file.csv. Gives the table with network_score, one column a control, and those
    of `describe_part`; the last run; why baselines are not defined.
    """
    scored, reasons, cache = [], {}, {}
    for run, part in tqdm(parts, desc="scoring", unit="network", disable=None):
        networks, run = store.load_networks(run)
        predict.check_extraction(folder, run)
        for column in ("network_score", *controls):
            control = column if column in controls else None
            read = predict.read_sequences(folder, list(part["clip"]), run, control)
            members = predict.score_members(networks, read).astype(float)
            part = part.assign(**{column: members.mean(axis=0)})
            if len(members) > 1 and not control:
                part["network_sd"] = members.std(axis=0, ddof=1)
        part, missing = describe_part(folder, run, part, clips, cache)
        reasons |= missing
        scored.append(part)
    table = pd.concat(scored, ignore_index=True)
    known = baselines.predict_known_animal(table["target"], table["animal"])
    if run.target == "group":
        reasons["animal known"] = INFORMED
    elif np.isfinite(known).any():
        table[BASELINE_COLUMNS["animal known"]] = known
    else:
        reasons["animal known"] = "no animal has two scored clips"
    return table, run, reasons


def describe_part(folder, run, part, clips, cache):
    """Add to the clips of a part their run, target, training_mean, one column a
    baseline, and `seen`: how the run knows the clip or its animal, or "". Also why
    baselines are not defined; `cache` is that of `add_baselines`.

    The scored train rows stand in where it is unknown what a run learned from.
    """
    stand_in, lengths = {}, {clip.name: clip.n_frames for clip in clips}
    if run.is_published:
        rows = (clip for clip in clips if clip.split == "train" and clip.is_scored)
        stand_in = {clip.name: clip.score for clip in rows}
    part = add_target(part.assign(run=run.name), run)
    part["seen"] = learned.describe_seen(
        part["clip"], part["animal"], run, stand_in, provenance.list_digests(folder)
    )
    if train := run.train_clips or stand_in:
        return add_baselines(folder, part, run, train, lengths, cache)
    return part, dict.fromkeys(BASELINE_COLUMNS, "no train rows")


def add_baselines(folder, table, run, train, lengths, cache):
    """Add the training mean and the baselines, fitted on the run's own train clips.

    `cache` keeps the summary of each sequence. Also why a baseline is not defined.
    """
    origins = provenance.read_origins(folder).values()
    rates = {origin.clip: origin.fps or np.nan for origin in origins}
    are_ours = not run.received  # else they may have names of clips here
    n_frames, kind = run.n_frames, choose_kind(folder, table["clip"], run)

    def describe(targets, are_ours=are_ours):
        known = {}
        for name in targets if are_ours else ():
            if sequences.find_sequence(folder, name, n_frames, kind):
                known[name] = lengths.get(name, np.nan)
                if (kind, name) not in cache:
                    read = sequences.read_sequence(folder, name, n_frames, kind=kind)
                    cache[kind, name] = baselines.summarise_sequence(read)
        unknown = np.full_like(cache[kind, table["clip"].iloc[0]], np.nan)
        groups = [run.group_of(name) for name in targets]
        n_read = np.array([known.get(name, np.nan) for name in targets])
        return {
            "scores": np.array(list(targets.values()), dtype=float),
            "animals": [run.animal_of(name) for name in targets],
            "groups": [g and labels.form_of(g) for g in groups],
            "lengths": n_read,
            "durations": n_read / [rates.get(name, np.nan) for name in targets],
            "summaries": [cache[kind, n] if n in known else unknown for n in targets],
        }

    omitted = ("group mean",) if run.target == "group" else ()
    wanted = describe(dict.fromkeys(table["clip"], np.nan), True)
    wanted["groups"] = [g and labels.form_of(g) for g in table["group"]]
    validation = run.validation_clips
    # A baseline must choose nothing on clips that it is evaluated on.
    validation = describe({} if set(validation) & set(table["clip"]) else validation)
    predictions, reasons = baselines.predict_baselines(
        describe(train), validation, wanted, omitted
    )
    columns = {BASELINE_COLUMNS[name]: values for name, values in predictions.items()}
    table = table.assign(training_mean=np.mean(list(train.values())), **columns)
    return table, reasons | dict.fromkeys(omitted, INFORMED)


def choose_kind(folder, names, run, kind="features"):
    """Choose a kind of sequence, by default that of the ridge baseline, the published
    one; or what a run reads, where clips lack it."""
    lacking = sequences.explain_missing(folder, names, run.n_frames, kind)
    return run.options.reads if lacking else kind


def summarise_clips(folder, names, run):
    """Summarise the sequences of clips; (N, 2F)."""
    kind = choose_kind(folder, names, run)
    read = (sequences.read_sequence(folder, n, run.n_frames, kind=kind) for n in names)
    return np.array([baselines.summarise_sequence(sequence) for sequence in read])


def adjust_scores(table):
    """Take the training mean of each fold from its network's scores; add one for all.

    See the head of `correlation.py`.
    """
    means = table.get("training_mean")
    if not is_crossed(means):
        return table["network_score"]
    return table["network_score"] - means + means.mean()
