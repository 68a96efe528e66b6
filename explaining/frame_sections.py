"""Sections on all frames together: their space, and movement elements."""

import numpy as np
import pandas as pd

import figures
from explaining import elements, maps, panels
from explaining.wording import count, number, write_table

N_CENTRAL = 8  # frames of a movement element that are shown


def add_space(page, study, space, n_elements):
    """Draw the space of frames and cluster it.

    Returns
    -------
    (int (P,), float (P,), list of str (N,), bool)
        Element of each frame and distance from its centre; groups of the clips and
        whether their names tell them.
    """
    page.add_section("The space of frames")
    points, words = find_points(study, space)
    n_clips, n_frames, _ = points.shape
    flat = points.reshape(n_clips * n_frames, -1)
    coordinates, shares = elements.find_components(flat)
    labels, distances = elements.find_elements(coordinates, n_elements)
    groups, named = elements.split_groups(study.table)
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
    shown = study.pictures.show_all(wanted)
    figure = panels.draw_space(
        coordinates,
        shares,
        of_frames["animal"],
        of_frames["group"],
        [(i, p) for i, p in zip(extremes, shown, strict=True) if p is not None],
        elements.find_ellipse,
    )
    path = maps.save(figure, study.folder / "space.png")
    how = "" if named else " (clip names tell no two groups, so animals are split)"
    page.add_figure(
        path,
        f"Each point is a frame in {words}, seen along its first two principal "
        f"components; colours are groups{how}, ellipses hold an animal's frames within "
        "2 standard deviations; pictures stand at the extremes. Points of one clip are "
        "not independent, and what lies apart here need not differ along the score.",
    )
    table = {**of_frames, "frame": np.tile(np.arange(1, n_frames + 1), n_clips)}
    n_kept = min(5, coordinates.shape[1])
    table |= {f"component_{i + 1}": coordinates[:, i] for i in range(n_kept)}
    write_table(pd.DataFrame(table | {"element": labels}), study.folder / "space.csv")
    return labels, distances, groups, named


def find_points(study, space):
    """Find the points of frames (N, T, D) in a space, and what to call it."""
    is_lstm = all(member.kind == "lstm" for member in study.members)
    if space == "hidden" and is_lstm:
        states = [
            np.concatenate(
                [member.states(member.project(s[None])) for s in study.sequences]
            )
            for member in study.members
        ]
        return np.concatenate(states, axis=2), "the hidden states of the LSTM"
    if space == "hidden":
        print("a pool network has no hidden states; the space is that of its features")
    importance = study.explained.importance
    weights = importance / (importance.max() or 1.0)
    words = "the features, each weighted by its importance"
    return study.sequences * weights.astype(np.float32), words


# ---------------------------------------------------------------- elements


def add_elements(page, study, results, labels, distances, groups, named):
    """Show movement elements: where they occur, and their most central frames."""
    page.add_section("Movement elements")
    table, n_frames = study.table, study.sequences.shape[1]
    described, names, reason = elements.describe_elements(
        labels,
        np.repeat(table["animal"].to_numpy(), n_frames),
        np.repeat(np.asarray(groups), n_frames),
        np.repeat(table["network_score"].to_numpy(), n_frames),
    )
    write_table(described, study.folder / "elements.csv")
    results["elements"] = {
        "differ": [int(e) for e in described["element"][described["p_holm"] < 0.05]],
        "reason": reason,
    }
    clips = np.repeat(table["clip"].to_numpy(), n_frames)
    rows = []
    for _, found in described.iterrows():
        central = elements.choose_central(
            labels, distances, clips, found["element"], N_CENTRAL
        )
        shown = study.pictures.show_all([(clips[i], i % n_frames) for i in central])
        rows.append(
            (
                f"Element {found['element']:.0f}",
                f"{found['frames'] / len(labels):.0%} of frames",
                {name: found[name] for name in names if np.isfinite(found[name])},
                [picture for picture in shown if picture is not None],
            )
        )
    figure = panels.draw_elements(rows, figures.choose_looks(groups))
    path = maps.save(figure, study.folder / "elements.png")
    page.add_figure(path, tell_elements(named))
    page.add_table(
        ("element", "frames", *names, "rho with score", "p", "p (Holm)", ""),
        [
            [
                *(f"{found['element']:.0f}", int(found["frames"])),
                *(float(found[name]) for name in names),
                *(float(found[k]) for k in ("rho_score", "p", "p_holm")),
                "differs" if found["p_holm"] < 0.05 else "",
            ]
            for _, found in described.iterrows()
        ],
        "Shares are means over animals, rho is Spearman's over animals. p comes from "
        "permuting the groups of the animals; only after Holm's correction for the "
        f"{len(described)} elements is a difference called one. "
        + (f"Here: {reason}." if reason else ""),
    )
    tell_differences(described, names, reason)


def tell_elements(named):
    text = (
        "Each row is a cluster of frames that the network holds for alike (k-means on "
        "the space above): how large a share of an animal's frames lies in it, group "
        "by group, and its most central frames, each of another clip where there are "
        "enough. A name for what they show is yours to give; the number of elements "
        "was chosen, not found."
    )
    if not named:
        text += (
            " The groups were made from the network's own score, so a difference "
            "between them only says what the score is made of."
        )
    return text


def tell_differences(described, names, reason):
    print(f"\n{count(len(described), 'movement element')} (shares of frames)")
    for _, found in described.iterrows():
        shares = ", ".join(f"{name} {number(found[name], 2)}" for name in names)
        verdict = "differs" if found["p_holm"] < 0.05 else "no difference shown"
        p = f"p {number(found['p_holm'])} after Holm, {verdict}"
        print(f"  {found['element']:.0f}: {shares}; {p}")
    if reason:
        print(f"  ({reason})")
