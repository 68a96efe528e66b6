"""The steps of explaining a run, from its clips to the numbers and figures of a page.

Each step takes the study and returns what it found, numbers and paths of figures; it
writes its tables beside them. What they mean is said in `pages/explanation.html`.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

import console
import figures
import files
from explaining import attribution, checks, elements, overlays, panels, places, summary
from explaining.inference import correlate_ranks
from explaining.network import Recurrent, cut, open_networks
from tables import write_columns

N_CENTRAL = 8  # frames of a movement element that are shown


class Study(NamedTuple):
    """A run, the clips that it explains, and the parts of their values."""

    folder: Path  # where everything is written
    record: dict
    table: pd.DataFrame  # a row a clip
    sequences: np.ndarray  # float32 (N, T, F)
    networks: list
    parts: attribution.Parts
    pictures: places.Pictures


def open_study(folder, model, record, table, sequences, pictures):
    """Take the values of clips apart.

    Parameters
    ----------
    folder : Path
        Where everything is written.
    model : keras.Model
    record : dict
    table : pandas.DataFrame
        Clips with animal, group, expert_score, seen.
    sequences : float32, (N, T, F)
    pictures : Pictures

    Returns
    -------
    Study
    """
    networks = open_networks(model)
    parts = attribution.take_apart(networks, sequences)
    table = table.assign(
        network_score=parts.scores, value=parts.value, cut_to_0=parts.cut_to_0
    )
    return Study(folder, record, table, sequences, networks, parts, pictures)


def save(study, figure, name):
    """Save a figure of the study; returns the path of its PNG, for the page."""
    return figures.save(figure, study.folder / name, overlays.DPI)[0]


# ---------------------------------------------------------------- parts of the value


def write_parts(study):
    """Write the parts of every clip as tables.

    Returns
    -------
    dict
        How exact they are.
    """
    parts, found = study.parts, study.parts.whole
    extra = {
        "bias": parts.bias,
        "attribution_sum": parts.features.sum(axis=1),
        "gain": found.gain,
        "residual": found.residual,
        "path_steps": found.steps,
    }
    write_columns(study.folder / "clips.csv", study.table.assign(**extra))
    first = np.arange(parts.steps.shape[1]) * parts.step_length + 1
    for row, name in enumerate(study.table["clip"]):
        steps = {
            "step": np.arange(1, len(first) + 1),
            "first_frame": first,
            "last_frame": first + parts.step_length - 1,
            "part": parts.steps[row],
        }
        write_columns(study.folder / "parts" / f"{name}.csv", steps)
        frames = {
            "frame": np.arange(1, study.sequences.shape[1] + 1),
            "attribution": found.frames[row],
            "beyond_mean_frame": parts.beyond.frames[row],
        }
        write_columns(study.folder / "frames" / f"{name}.csv", frames)
    misses = np.abs(parts.steps.sum(axis=1) + parts.bias - parts.value)
    return {
        "run": study.record["run"],
        "n_clips": len(study.table),
        "n_animals": int(study.table["animal"].nunique()),
        "n_frames": study.sequences.shape[1],
        "n_networks": len(study.networks),
        "step_length": parts.step_length,
        "bias": parts.bias,
        "n_cut_to_0": int(parts.cut_to_0.sum()),
        "largest_miss_of_parts": float(misses.max()),
        "largest_residual_of_attributions": float(found.residual.max()),
        "n_inexact": int((found.residual > attribution.TOLERANCE).sum()),
        "path_steps": int(found.steps.max()),
    }


# ---------------------------------------------------------------- checks


def check(study):
    """Test whether the network obeys, and whether it is the learned that is explained.

    Returns
    -------
    (dict, dict, float (F,))
        Deletion; shuffling; how many times as important a feature is as by chance.
    """
    owners = study.table["animal"]
    deletion = checks.check_deletion(
        study.networks, study.sequences, study.parts, owners
    )
    shuffling = checks.check_shuffling(study.networks, study.sequences, study.parts)
    figure = panels.draw_deletion(deletion.pop("curves"))
    deletion["figure"] = figures.save(figure, study.folder / "deletion", overlays.DPI)[
        0
    ]
    return deletion, shuffling, shuffling.pop("relative")


# ---------------------------------------------------------------- features


def rank_features(study, relative):
    """Rank the features by their importance, and write them as a table."""
    importance, signed = study.parts.importance, study.parts.features.mean(axis=0)
    by_chance = np.full(len(importance), np.nan)
    np.divide(importance, relative, out=by_chance, where=relative > 0)
    figure = panels.draw_features(importance, signed, by_chance)
    order = np.argsort(-importance, kind="stable")
    columns = {
        "rank": np.arange(1, len(order) + 1),
        "feature": order,
        "importance": importance[order],
        "mean_attribution": signed[order],
        "times_by_chance": relative[order],
    }
    write_columns(study.folder / "features.csv", columns)
    return {"figure": save(study, figure, "features")}


def compare(study, importances, are_folds):
    """Compare the importance of the features in this run and in others.

    Parameters
    ----------
    importances : dict of str to float (F,)
        Of other runs, on the same clips.
    are_folds : bool
        All are folds of one cross-validation.

    Returns
    -------
    dict
        "rhos" by run; "stability" of folds or None; "figure", with the first run.
    """
    own, run = study.parts.importance, study.record["run"]
    named = next(iter(importances))
    rhos = {name: correlate_ranks(own, other) for name, other in importances.items()}
    figure = panels.draw_comparison(own, importances[named], (run, named), rhos[named])
    path = save(study, figure, "comparison")
    table = {"feature": np.arange(len(own)), run: own, **importances}
    write_columns(study.folder / "comparison.csv", table)
    stability = None
    if are_folds:
        folds = [own, *importances.values()]
        pairs = [
            correlate_ranks(folds[i], folds[j])
            for i in range(len(folds))
            for j in range(i)
        ]
        known = [rho for rho in pairs if rho is not None]
        mean = float(np.mean(known)) if known else None
        least = min(known, default=None)
        stability = {"folds": len(folds), "mean": mean, "least": least}
    return {"rhos": rhos, "stability": stability, "figure": path}


# ---------------------------------------------------------------- space, elements


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

    Returns
    -------
    (dict, list of dict)
        Of the space; the elements with their central frames.
    """
    points, kind = find_points(study, space)
    n_clips, n_frames, _ = points.shape
    flat = points.reshape(n_clips * n_frames, -1)
    coordinates, variances = elements.find_components(flat)
    labels, distances = elements.find_elements(coordinates, n_elements)
    groups, are_named = elements.split_groups(study.table)
    of_frames = {
        name: np.repeat(np.asarray(values), n_frames)
        for name, values in (
            ("clip", study.table["clip"]),
            ("animal", study.table["animal"]),
            ("group", groups),
        )
    }
    extremes = elements.find_extremes(coordinates[:, :2])
    wanted = [(of_frames["clip"][i], i % n_frames) for i in extremes]
    pictures = study.pictures.show_all(wanted)
    figure = panels.draw_space(
        coordinates,
        variances,
        *(of_frames["animal"], of_frames["group"]),
        [(i, p) for i, p in zip(extremes, pictures, strict=True) if p is not None],
        elements.find_ellipse,
    )
    table = {**of_frames, "frame": np.tile(np.arange(1, n_frames + 1), n_clips)}
    n_kept = min(5, coordinates.shape[1])
    table |= {f"component_{i + 1}": coordinates[:, i] for i in range(n_kept)}
    write_columns(study.folder / "space.csv", table | {"element": labels})
    scores = np.repeat(study.table["network_score"].to_numpy(), n_frames)
    described, names, reason = elements.describe_elements(
        labels, *(of_frames[name] for name in ("clip", "animal", "group")), scores
    )
    write_columns(study.folder / "elements.csv", described)
    rows = described.to_dict("records")
    for row in rows:
        central = elements.choose_central(
            labels, distances, of_frames["clip"], row["element"], N_CENTRAL
        )
        wanted = [(of_frames["clip"][i], i % n_frames) for i in central]
        pictures = study.pictures.show_all(wanted)
        row["pictures"] = [p for p in pictures if p is not None]
        row["part"] = row["frames"] / len(labels)
    return {
        "kind": kind,
        "figure": save(study, figure, "space"),
        "groups": names,
        "are_named": are_named,
        "reason": reason,
        "looks": figures.choose_looks(groups),
    }, rows


# ---------------------------------------------------------------- results


def describe(study, found, chosen):
    """Gather what the page tells of a run: what was found, and what to think of it.

    Parameters
    ----------
    found : dict
        What the steps returned.
    chosen : str
        Which clips these are, in words.

    Returns
    -------
    dict
    """
    beyond, clips = study.parts.beyond.frames, found["clips"]
    missing = study.pictures.missing
    if not found["reason"] and missing:
        name, why = next(iter(missing.items()))
        reason = f"{len(missing)} of {len(clips)} clips, say {name}: {why}"
        found = found | {"reason": reason}
    columns = ("clip", "animal", "group", "network_score", "expert_score", "value")
    order = np.argsort(-study.table["network_score"].to_numpy(), kind="stable")
    ranking = study.table.iloc[order][list(columns)].astype(object)
    return found | {
        "chosen": chosen,
        "headline": summary.find_headline(study.table, beyond, clips),
        "belief": summary.judge(found["deletion"], found["shuffling"], study.table),
        "ranking": ranking.where(ranking.notna(), None).to_numpy().tolist(),
        "residual": float(study.parts.whole.residual.max()),
    }


def write_results(study, context, options):
    """Write every figure on the page as JSON."""
    elements = context["elements"]
    occlusion, comparison = context["occlusion"], context["comparison"]
    differ = [int(e["element"]) for e in elements if e["p_holm"] < checks.ALPHA]
    results = {
        **context["summary"],
        "options": {key: str(value) for key, value in options.items()},
        "deletion": {k: v for k, v in context["deletion"].items() if k != "figure"},
        "shuffling": context["shuffling"],
        "elements": {"differ": differ, "reason": context["space"]["reason"]},
        "headline": context["headline"],
        "belief": context["belief"],
        "versions": console.list_versions(),
    }
    if occlusion:
        results["occlusion"] = occlusion["means"]
    if comparison:
        results["comparison"] = comparison["rhos"]
        if comparison["stability"]:
            results["stability"] = comparison["stability"]
    files.write_json(study.folder / "explanation.json", results)
