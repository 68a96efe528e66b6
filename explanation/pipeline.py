"""The steps of explaining a run, from its clips to the numbers and figures of a page.

Each step takes the study and returns what it found, numbers and paths of figures; it
writes its tables beside them. What they mean is said in `pages/explanation.html`.
"""

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from explanation import attribution, checks, elements, overlays, places, plots, summary
from explanation.network import Moving, Recurrent, cut, open_networks, split_movement
from explanation.statistics import ALPHA, correlate_ranks
from models import MOVEMENT
from reports import style
from system import storage, terminal
from system.tables import write_columns

N_CENTRAL = 8  # frames of a movement element that are shown


class Study(NamedTuple):
    """A run, the clips that it explains, and the parts of their values."""

    folder: Path  # where everything is written
    record: dict
    table: pd.DataFrame  # a row a clip: animal, group, expert_score, seen, ...
    sequences: np.ndarray  # float32 (N, T, F)
    networks: list
    parts: attribution.Parts
    pictures: places.Pictures

    def save(self, figure, name):
        """Save a figure; returns the path of its PNG, for the page."""
        return style.save(figure, self.folder / name, overlays.DPI)[0]


def open_study(folder, model, record, table, sequences, pictures):
    """Take the values of clips apart; the arguments are those of `Study`."""
    networks = open_networks(model)
    parts = attribution.take_apart(networks, sequences)
    found = {"network_score": parts.scores, "value": parts.value}
    table = table.assign(**found, is_cut=parts.is_cut)
    return Study(folder, record, table, sequences, networks, parts, pictures)


def write_parts(study):
    """Write the parts of every clip as tables; returns how exact they are, a dict."""
    parts, found = study.parts, study.parts.whole
    extra = {"bias": parts.bias, "attribution_sum": found.features.sum(axis=1)}
    extra |= {"gain": found.gain, "residual": found.residual, "path_steps": found.steps}
    write_columns(study.folder / "clips.csv", study.table.assign(**extra))
    steps = {"step": np.arange(1, parts.steps.shape[1] + 1)}
    steps["first_frame"] = (steps["step"] - 1) * parts.step_length + 1
    steps["last_frame"] = steps["step"] * parts.step_length
    frames = {"frame": np.arange(1, study.sequences.shape[1] + 1)}
    kinds = {}
    for row, name in enumerate(study.table["clip"]):
        steps["part"], frames["attribution"] = parts.steps[row], found.frames[row]
        frames["beyond_mean_frame"] = parts.beyond.frames[row]
        if all(isinstance(n, Moving) for n in study.networks):
            movement = split_movement(study.networks, study.sequences[row])
            of_frames = movement.sum(axis=2, dtype=float).T
            steps |= dict(zip(MOVEMENT, of_frames, strict=True))
            kinds[name] = of_frames.sum(axis=1)
        write_columns(study.folder / "parts" / f"{name}.csv", steps)
        write_columns(study.folder / "frames" / f"{name}.csv", frames)
    misses = np.abs(parts.steps.sum(axis=1) + parts.bias - parts.value)
    return {
        "kinds": explain_variance(kinds, parts.value),
        "run": study.record["run"],
        "n_clips": len(study.table),
        "n_animals": int(study.table["animal"].nunique()),
        "n_frames": study.sequences.shape[1],
        "n_networks": len(study.networks),
        "step_length": parts.step_length,
        "bias": parts.bias,
        "n_cut": int(parts.is_cut.sum()),
        "largest_miss_of_parts": float(misses.max()),
        "largest_residual_of_attributions": float(found.residual.max()),
        "n_inexact": int((found.residual > attribution.TOLERANCE).sum()),
        "path_steps": int(found.steps.max()),
    }


def explain_variance(kinds, values):
    """Find which part of the variance of values each kind of movement makes, or None.

    The parts add up to 1, since what is explained is a sum.
    """
    if len(kinds) < 2 or np.ptp(values) == 0:
        return None
    found = np.cov([*np.transpose([*kinds.values()]), values])[-1, :-1]
    found /= np.var(values, ddof=1)
    return dict(zip(MOVEMENT, found.tolist(), strict=True))


def check(study):
    """Test whether the network obeys, and whether it is the learned that is explained.

    Deletion; shuffling; how many times as important each feature is as by chance, (F,).
    """
    known = study.networks, study.sequences, study.parts
    deletion = checks.check_deletion(*known, study.table["animal"])
    shuffling = checks.check_shuffling(*known)
    figure = plots.draw_deletion(deletion.pop("curves"))
    deletion["figure"] = study.save(figure, "deletion")
    return deletion, shuffling, shuffling.pop("relative")


def rank_features(study, relative):
    """Rank the features by their importance, and write them as a table."""
    importance, signed = study.parts.importance, study.parts.whole.features.mean(axis=0)
    by_chance = np.full(len(importance), np.nan)
    np.divide(importance, relative, out=by_chance, where=relative > 0)
    order = np.argsort(-importance, kind="stable")
    columns = {"rank": np.arange(1, len(order) + 1), "feature": order}
    columns |= {"importance": importance[order], "mean_attribution": signed[order]}
    columns["times_by_chance"] = relative[order]
    write_columns(study.folder / "features.csv", columns)
    figure = plots.draw_features(importance, signed, by_chance)
    return {"figure": study.save(figure, "features")}


def compare(study, importances, are_folds):
    """Compare the importance of the features in this run with that in others, by run.

    A dict of "rhos" by run; "figure", of the first; "stability" of folds, or None.
    """
    own, run = study.parts.importance, study.record["run"]
    rhos = {name: correlate_ranks(own, other) for name, other in importances.items()}
    named, other = next(iter(importances.items()))
    figure = plots.draw_comparison(own, other, (run, named), rhos[named])
    table = {"feature": np.arange(len(own)), run: own, **importances}
    write_columns(study.folder / "comparison.csv", table)
    stability = None
    if are_folds:
        folds = [own, *importances.values()]
        pairs = itertools.starmap(correlate_ranks, itertools.combinations(folds, 2))
        known = [rho for rho in pairs if rho is not None] or [None]
        mean = None if None in known else float(np.mean(known))
        stability = {"folds": len(folds), "mean": mean, "least": min(known)}
    figure = study.save(figure, "comparison")
    return {"rhos": rhos, "stability": stability, "figure": figure}


def find_points(study, space):
    """Find the points of frames (N, T, D) in a space, and which space it is."""
    if space == "hidden" and all(isinstance(n, Recurrent) for n in study.networks):
        states = [
            np.concatenate([n.states(n.project(s)) for s in cut(study.sequences)])
            for n in study.networks
        ]
        return np.concatenate(states, axis=2), "hidden"
    importance = study.parts.importance
    weights = importance / (importance.max() or 1.0)
    return study.sequences * weights.astype(np.float32), "features"


def map_space(study, space, n_elements):
    """Draw the space of frames, and cluster it into movement elements.

    A dict of the space, and one of each element with its central frames.
    """
    points, kind = find_points(study, space)
    n_clips, n_frames, _ = points.shape
    coordinates, variances = elements.find_components(
        points.reshape(-1, points.shape[2])
    )
    labels, distances = elements.find_elements(coordinates, n_elements)
    groups, are_named = elements.split_groups(study.table)
    healthy = study.record.get("control_group") if are_named else elements.LOWER
    by_clip = study.table[["clip", "animal"]].assign(group=groups)
    owners = {
        n: np.repeat(values.to_numpy(), n_frames) for n, values in by_clip.items()
    }
    table = owners | {"frame": np.tile(np.arange(1, n_frames + 1), n_clips)}
    table |= {f"component_{i + 1}": c for i, c in enumerate(coordinates.T[:5])}
    write_columns(study.folder / "space.csv", table | {"element": labels})

    central = [
        elements.choose_central(labels, distances, owners["clip"], element, N_CENTRAL)
        for element in range(labels.max() + 1)
    ]
    extremes = elements.find_extremes(coordinates[:, :2])
    wanted = sorted({*extremes, *itertools.chain(*central)})  # each clip is read once
    at = [(owners["clip"][i], i % n_frames) for i in wanted]
    shown = dict(zip(wanted, study.pictures.show_all(at), strict=True))
    shown = {i: picture for i, picture in shown.items() if picture is not None}
    figure = plots.draw_space(
        *(coordinates, variances, owners["animal"], owners["group"]),
        [(i, shown[i]) for i in extremes if i in shown],
        healthy,
    )
    scores = np.repeat(study.table["network_score"].to_numpy(), n_frames)
    described, names, reason = elements.describe_elements(
        labels, *owners.values(), scores, healthy
    )
    write_columns(study.folder / "elements.csv", described)
    rows = described.to_dict("records")
    for row, chosen in zip(rows, central, strict=True):
        row["pictures"] = [shown[i] for i in chosen if i in shown]
        row["part"] = row["frames"] / len(labels)
    found = {"kind": kind, "groups": names, "are_named": are_named, "reason": reason}
    found |= {"figure": study.save(figure, "space")}
    return found | {"looks": style.choose_looks(groups, healthy)}, rows


def describe(study, found, chosen):
    """Gather what the page tells of a run: what was found, and what to think of it.

    `found` is what the steps returned, `chosen` says which clips these are.
    """
    if not found["reason"] and (missing := study.pictures.missing):
        name, why = next(iter(missing.items()))
        n_clips = len(found["clips"])
        found["reason"] = f"{len(missing)} of {n_clips} clips, say {name}: {why}"
    columns = ["clip", "animal", "group", "network_score", "expert_score", "value"]
    order = np.argsort(-study.table["network_score"].to_numpy(), kind="stable")
    ranking = study.table.iloc[order][columns].astype(object)
    beyond = study.parts.beyond.frames
    return found | {
        "chosen": chosen,
        "headline": summary.find_headline(study.table, beyond, found["clips"]),
        "belief": summary.judge(found["deletion"], found["shuffling"], study.table),
        "ranking": ranking.where(ranking.notna(), None).to_numpy().tolist(),
    }


def write_results(study, context, options):
    """Write every figure on the page as JSON."""
    elements, comparison = context["elements"], context["comparison"] or {}
    differ = [int(e["element"]) for e in elements if e["p_holm"] < ALPHA]
    results = {
        **context["summary"],
        "options": {key: str(value) for key, value in options.items()},
        "deletion": {k: v for k, v in context["deletion"].items() if k != "figure"},
        "shuffling": context["shuffling"],
        "elements": {"differ": differ, "reason": context["space"]["reason"]},
        "headline": context["headline"],
        "belief": context["belief"],
        "versions": terminal.list_versions(),
        "comparison": comparison.get("rhos"),
        "stability": comparison.get("stability"),
    }
    results = {key: value for key, value in results.items() if value is not None}
    storage.write_json(study.folder / "explanation.json", results)
