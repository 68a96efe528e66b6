"""The steps of explaining a run, from its clips to the numbers and figures of a page.

Each step takes the study, writes its tables, and returns numbers and paths of figures.
`reports/templates/explanation.html` says what they mean.
"""

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from explanation import attribution, checks, elements, overlays, places, summary
from explanation.checks import ALPHA
from explanation.network import Moving, cut, split_movement
from models import MOVEMENT
from reports import style
from runs.record import Run
from system import storage, terminal
from system.tables import write_columns

N_CENTRAL = 8  # frames of a movement element that are shown


class Study(NamedTuple):
    """A run, the clips that are explained, and the contributions to their values."""

    folder: Path  # where everything is written
    run: Run
    table: pd.DataFrame  # a row a clip: animal, group, expert_score, seen, ...
    sequences: np.ndarray  # float32 (N, T, F)
    members: list  # networks, and the rows (N_i,) of the clips that they explain
    parts: attribution.Parts
    pictures: places.Pictures

    @property
    def networks(self):
        """All networks, of all folds."""
        return [network for own, _ in self.members for network in own]

    @property
    def of_clip(self):
        """The networks of each clip."""
        owners = {int(row): own for own, rows in self.members for row in rows}
        return [owners[row] for row in range(len(self.table))]

    def save(self, figure, name):
        """Save a figure; returns the path of its PNG, for the page."""
        return style.save(figure, self.folder / name, overlays.DPI)[0]


def open_study(folder, opened, run, table, sequences, pictures):
    """Take values of clips apart: `opened` are networks and the rows of their clips."""
    members = [(list(map(attribution.open_network, own)), rows) for own, rows in opened]
    found = [attribution.take_apart(own, sequences[rows]) for own, rows in members]
    parts = attribution.join(found, [rows for _, rows in members])
    table = table.assign(
        network_score=parts.scores, value=parts.value, is_cut=parts.is_cut
    )
    return Study(folder, run, table, sequences, members, parts, pictures)


def write_parts(study):
    """Write the contributions in every clip as tables; returns how exact they are."""
    parts, whole = study.parts, study.parts.whole
    clips = study.table.assign(
        bias=parts.bias,
        attribution_sum=whole.features.sum(axis=1),
        gain=whole.gain,
        residual=whole.residual,
        path_steps=whole.steps,
    )
    write_columns(study.folder / "clips.csv", clips)
    number = np.arange(1, parts.steps.shape[1] + 1)
    steps = {
        "step": number,
        "first_frame": (number - 1) * parts.step_length + 1,
        "last_frame": number * parts.step_length,
    }
    kinds = []
    for row, name in enumerate(study.table["clip"]):
        steps["part"] = parts.steps[row]
        if all(isinstance(n, Moving) for n in study.networks):
            movement = split_movement(study.of_clip[row], study.sequences[row])
            of_frames = movement.sum(axis=2, dtype=float).T
            steps |= dict(zip(MOVEMENT, of_frames, strict=True))
            kinds.append(of_frames.sum(axis=1))
        frames = {
            "frame": np.arange(1, study.sequences.shape[1] + 1),
            "attribution": whole.frames[row],
            "beyond_mean_frame": parts.beyond.frames[row],
        }
        write_columns(study.folder / "parts" / f"{name}.csv", steps)
        write_columns(study.folder / "frames" / f"{name}.csv", frames)
    return {
        "kinds": explain_variance(kinds, study.of_clip),
        "run": study.run.name,
        "n_clips": len(study.table),
        "n_animals": int(study.table["animal"].nunique()),
        "n_frames": study.sequences.shape[1],
        "n_networks": len(study.of_clip[0]),
        "step_length": parts.step_length,
        "biases": sorted({float(bias) for bias in parts.bias}),
        "n_cut": int(parts.is_cut.sum()),
        "largest_residual_of_attributions": float(whole.residual.max()),
        "path_steps": int(whole.steps.max()),
    }


def explain_variance(kinds, of_clip):
    """Find which part of the variance of values each kind of movement explains.

    `kinds` (N, 4) add up to values. Clips are compared with those of the same network:
    the weights of two folds differ, and so do the levels from which they start.
    """
    owners = pd.factorize(np.array([id(networks[0]) for networks in of_clip]))[0]
    if not kinds:
        return None
    own = pd.DataFrame(kinds, columns=MOVEMENT)
    own -= own.groupby(owners).transform("mean")
    value = own.sum(axis=1)
    size = (value**2).sum()
    return {k: float((own[k] * value).sum() / size) for k in own} if size else None


def check(study):
    """Run both tests; gives them, and importance relative to permuted weights, (F,)."""
    known = study.members, study.sequences, study.parts
    deletion = checks.run_deletion_test(*known, study.table["animal"])
    randomisation = checks.run_randomisation_test(*known)
    return deletion, randomisation, randomisation.pop("relative")


def rank_features(study, relative):
    """Write the features by importance as a table; in how many half of it lies."""
    animals, whole = study.table["animal"], study.parts.whole.features
    importance = study.parts.find_importance(animals)
    order = np.argsort(-importance, kind="stable")
    columns = {
        "rank": np.arange(1, len(order) + 1),
        "feature": order,
        "importance": importance[order],
        "mean_attribution": attribution.average_animals(whole, animals)[order],
        "times_by_chance": relative[order],
    }
    write_columns(study.folder / "features.csv", columns)
    total = np.cumsum(importance[order])
    return {"half": int(np.searchsorted(total, total[-1] / 2)) + 1, "n": len(order)}


def find_points(study):
    """Find the points of frames (N, T, D), and in which space: the hidden states of one
    LSTM, else features weighted by their importance."""
    is_one = len(study.networks) == len(study.of_clip[0])  # units of folds differ
    are_recurrent = all(hasattr(n, "states") for n in study.networks)
    if is_one and are_recurrent:
        states = [
            np.concatenate([n.states(n.project(s)) for s in cut(study.sequences)])
            for n in study.networks
        ]
        return np.concatenate(states, axis=2), "hidden"
    importance = study.parts.find_importance(study.table["animal"])
    weights = importance / (importance.max() or 1.0)
    return study.sequences * weights.astype(np.float32), "features"


def map_space(study, n_elements):
    """Draw the space of frames, and cluster it into movement elements.

    A dict of the space, and one of each element with its central frames.
    """
    points, kind = find_points(study)
    groups, are_named = elements.split_groups(study.table)
    healthy = study.run.control_group if are_named else elements.LOWER
    table = study.table.assign(group=groups)
    frames, variances = elements.tabulate_frames(table, points, n_elements)
    shown = frames.drop(columns=["network_score", "distance"])
    write_columns(study.folder / "space.csv", shown)
    described, names, reason = elements.describe_elements(frames, healthy)
    write_columns(study.folder / "elements.csv", described)

    rows = described.to_dict("records")
    central = [elements.choose_central(frames, e["element"], N_CENTRAL) for e in rows]
    found = study.pictures.show_all(itertools.chain(*central))
    for row, chosen in zip(rows, central, strict=True):
        row["pictures"] = [found[frame] for frame in chosen if frame in found]
        row["part"] = row["frames"] / len(frames)
    figure = overlays.draw_space(frames, variances, healthy)
    space = {
        "kind": kind,
        "groups": names,
        "are_named": are_named or len(names) == 1,
        "reason": reason,
        "figure": study.save(figure, "space"),
        "looks": style.choose_looks(groups, healthy),
    }
    return space, rows


def describe(study, found, chosen):
    """Gather the content of the page: what was found, and how far to rely on it."""
    names = {clip["clip"] for clip in found["clips"]}
    missing = {k: why for k, why in study.pictures.missing.items() if k in names}
    if missing and not found["reason"]:
        name, why = next(iter(missing.items()))
        found["reason"] = f"{len(missing)} of {len(names)} clips, such as {name}: {why}"
    columns = ["clip", "animal", "group", "network_score", "expert_score", "value"]
    order = np.argsort(-study.table["network_score"].to_numpy(), kind="stable")
    ranking = study.table.iloc[order][columns].astype(object)
    tests = found["deletion"], found["randomisation"]
    return found | {
        "chosen": chosen,
        "reliability": summary.evaluate(*tests, study.table),
        "ranking": ranking.where(ranking.notna(), None).to_numpy().tolist(),
    }


def write_results(study, context, options):
    """Write every figure on the page as JSON."""
    elements, table = context["elements"], storage.table_path(options["data"])
    differ = [int(e["element"]) for e in elements if e["p_holm"] < ALPHA]
    results = {
        **context["summary"],
        "options": {key: str(value) for key, value in options.items()},
        "inputs": {table.name: storage.digest_file(table)},
        "deletion": context["deletion"],
        "randomisation": context["randomisation"],
        "elements": {"differ": differ, "reason": context["space"]["reason"]},
        "reliability": context["reliability"],
        "versions": terminal.list_versions(),
    }
    results = {key: value for key, value in results.items() if value is not None}
    storage.write_json(study.folder / "explanation.json", results)
