"""Figures and tables of single clips: their key frames, and the locations in them."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from tqdm import tqdm

from explanation import attribution, overlays
from explanation.network import find_rates
from reports import style
from system.tables import write_columns

MAX_CLIPS = 20  # with figures of their own
N_LARGE = 3  # frames of an example
TYPICAL = 0.2, 0.8  # quantiles of the network scores


def choose_examples(table):
    """Choose rows of a typical low, a typical high and the worst scored clip."""
    if len(table) <= len(TYPICAL) + 1:
        return dict.fromkeys(range(len(table)), "Clip")
    scores, chosen = table["network_score"].to_numpy(float), {}
    low, high = np.quantile(scores, TYPICAL)
    for kind, away in (
        ("Typical low score (20th percentile)", np.abs(scores - low)),
        ("Typical high score (80th percentile)", np.abs(scores - high)),
        ("Largest error", -np.abs(scores - table["expert_score"].to_numpy(float))),
    ):
        away[list(chosen)] = np.nan
        if np.isfinite(away).any():
            chosen[int(np.nanargmin(away))] = kind
    return chosen


def show_clips(study, n_key_frames):
    """Draw clips by falling score: contributions of steps, key frames, locations.

    Lists dicts: a row of the table, "figure", "key_frames", "places" or None; of
    examples "example", what of, its "example_rank", "trace" and "strip".
    """
    order = np.argsort(-study.table["network_score"].to_numpy(), kind="stable")
    half = MAX_CLIPS // 2
    shown = order if len(order) <= MAX_CLIPS else [*order[:half], *order[-half:]]
    examples = choose_examples(study.table)
    rows = [int(row) for row in order if row in {*map(int, shown), *examples}]
    shown = study.parts.steps[rows], study.parts.beyond.frames[list(examples)]
    limits = [style.find_limits([0, *values.ravel()]) for values in shown]
    clips, pending = [], []
    with ThreadPoolExecutor(1) as pool:  # draws while the next clip is looked at

        def draw(clip, key, name, how, *given):
            figure = pool.submit(lambda: study.save(how(*given), f"clips/{name}"))
            pending.append((clip, key, figure))

        for row in tqdm(rows, desc="clips", unit="clip", disable=None):
            clip = show_clip(study, row, n_key_frames, limits[0], draw)
            clip["example"] = examples.get(row)
            if row in examples:
                clip["example_rank"] = list(examples).index(row)
                show_example(study, clip, limits[1], draw)
            clips.append(clip)
    for clip, key, figure in pending:
        clip[key] = figure.result()
    if tables := [list_places(clip) for clip in clips if clip["places"]]:
        write_columns(study.folder / "places.csv", pd.concat(tables))
    return clips


def show_clip(study, row, n_key_frames, limits, draw):
    """Draw one clip; its bars are on the axis of all clips, from limit to limit."""
    clip, parts = study.table.iloc[row].to_dict(), study.parts
    name, sequence = clip["clip"], study.sequences[row]
    key_frames = attribution.choose_frames(parts.beyond.frames[row], n_key_frames)
    key_frames.sort()
    found = study.pictures.find_places(
        name,
        np.array(key_frames),
        sequence,
        whole=parts.whole.gradients[row],
        beyond=parts.beyond.gradients[row],
        rates=find_rates(study.of_clip[row], sequence),
    )
    interval = study.pictures.find_interval(name)
    trace = overlays.Trace(
        parts.steps[row], parts.step_length, len(sequence), interval, limits
    )
    of_groups = study.run.target == "group"
    clip |= {
        "row": row,
        "key_frames": key_frames,
        "places": found,
        "trace": trace,
        "residual": float(parts.whole.residual[row]),
        "moved": float(parts.beyond.gain[row]),
        "truth": "group (0 or 1)" if of_groups else "expert score",
    }
    cards = []
    if found:
        cards = [(i, found.pictures[i], found.at(i)) for i in key_frames]
    draw(clip, "figure", name, overlays.draw_clip, trace, format_title(clip), cards)
    return clip


def show_example(study, clip, limits, draw):
    """Draw the "trace" of a clip, and the "strip" of few frames that matter most."""
    trace, name, found = clip["trace"], clip["clip"], clip["places"]
    added, strip = study.parts.beyond.frames[clip["row"]], []
    if found:
        largest = sorted(clip["key_frames"], key=lambda i: -abs(added[i]))[:N_LARGE]
        limit = overlays.find_limit(found.at(i) for i in largest)
        for letter, index in zip("ABC", sorted(largest), strict=False):
            picture = found.pictures[index]
            strip.append(
                {
                    "letter": letter,
                    "index": index,
                    "when": trace.format_time(index),
                    "overlay": overlays.overlay(picture, found.at(index), limit),
                    "picture": picture,
                    "added": added[index],
                }
            )
    marks = [(card["index"], card["letter"]) for card in strip]
    of_frames = trace._replace(parts=added, length=1, limits=limits)
    draw(clip, "trace", f"{name}-trace", overlays.draw_trace, of_frames, marks)
    clip["strip"] = strip


def format_title(clip):
    """Write the title of a clip: its name and scores."""
    text = f"{clip['clip']}   network score {clip['network_score']:.2f}"
    if clip["is_cut"]:
        text += f" (clipped from {clip['value']:.2f})"
    if np.isfinite(clip["expert_score"]):
        text += f", {clip['truth']} {clip['expert_score']:.2f}"
    return text.replace("-", "−") if clip["value"] < 0 else text


def list_places(clip):
    """List the contributions of locations as a table, a row for each in a key frame."""
    found = clip["places"]
    frame, row, column = (at.ravel() for at in np.indices(found.full.shape))
    columns = {
        "clip": clip["clip"],
        "frame": np.asarray(found.frames)[frame] + 1,
        "row": row + 1,
        "column": column + 1,
        "attribution": found.full.ravel(),
        "beyond_mean_frame": found.beyond.ravel(),
    }
    return pd.DataFrame(columns)
