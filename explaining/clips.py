"""Steps on single clips: key frames and places, their check by covering, films."""

import numpy as np
import pandas as pd
from tqdm import tqdm

from explaining import attribution, checks, film, overlays
from explaining.inference import correlate_ranks, find_interval
from explaining.network import split_movement
from tables import write_columns

MAX_CLIPS = 20  # with figures of their own
N_OCCLUDED = 8  # frames
N_LARGE = 3  # frames of an example
TYPICAL = 0.2, 0.8  # quantiles of the network scores
OCCLUSION_KINDS = (
    "everything in the frame",
    "beyond the mean frame",
    "changed features",
)


def choose_examples(table):
    """Choose rows of a typical low, a typical high and the worst scored clip."""
    scores, chosen = table["network_score"].to_numpy(float), {}
    low, high = np.quantile(scores, TYPICAL)
    for kind, away in (
        ("Typical low score", np.abs(scores - low)),
        ("Typical high score", np.abs(scores - high)),
        ("Worst error", -np.abs(scores - table["expert_score"].to_numpy(float))),
    ):
        away[list(chosen)] = np.nan
        if np.isfinite(away).any():
            chosen[int(np.nanargmin(away))] = kind
    return chosen


def show_clips(study, n_key_frames, filmed=()):
    """Draw clips by falling score: parts of steps, key frames, places; and films.

    Returns
    -------
    list of dict
        Clips: what the table tells, "figure", "key_frames", "places" or None, "film".
        Of examples "example", what of, its "example_rank", "trace" and "strip".
    """
    order = np.argsort(-study.table["network_score"].to_numpy(), kind="stable")
    half, names = MAX_CLIPS // 2, list(study.table["clip"])
    shown = order if len(order) <= MAX_CLIPS else [*order[:half], *order[-half:]]
    examples = choose_examples(study.table)
    wanted = {*map(int, shown), *examples, *map(names.index, filmed)}
    clips = []
    rows = [int(row) for row in order if row in wanted]
    for row in tqdm(rows, desc="clips", unit="clip", disable=None):
        clip = show_clip(study, row, n_key_frames, names[row] in filmed)
        clips.append(clip | {"example": examples.get(row)})
        if row in examples:
            clips[-1]["example_rank"] = list(examples).index(row)
            clips[-1] |= show_example(study, clip)
    if tables := [list_places(clip) for clip in clips if clip["places"]]:
        write_columns(study.folder / "places.csv", pd.concat(tables))
    return clips


def show_clip(study, row, n_key_frames, is_filmed):
    """Draw one clip, and film it where that is wanted."""
    clip, parts = study.table.iloc[row].to_dict(), study.parts
    name, n_frames = clip["clip"], study.sequences.shape[1]
    key_frames = attribution.choose_frames(parts.beyond.frames[row], n_key_frames)
    key_frames.sort()
    sequence, gradients = study.sequences[row], (parts.whole, parts.beyond)
    movement = split_movement(study.networks, sequence)
    found = study.pictures.find_places(
        *(name, np.arange(n_frames) if is_filmed else np.array(key_frames), sequence),
        *(each.gradients[row] for each in gradients),
        None if movement is None else movement[:, 1:3],
    )
    interval = study.pictures.find_interval(name)
    trace = overlays.Trace(parts.steps[row], parts.step_length, n_frames, interval)
    clip |= {"row": row, "key_frames": key_frames, "places": found, "film": None}
    clip |= {"trace": trace, "residual": float(parts.whole.residual[row])}
    of_groups = study.record.get("target") == "group"
    clip["truth"] = "group (0 or 1)" if of_groups else "expert score"
    for key, step in (
        ("raises", trace.parts.argmax()),
        ("lowers", trace.parts.argmin()),
    ):
        first = int(step) * trace.length + 1
        clip[key] = (first, first + trace.length - 1, float(trace.parts[step]))
    pictures = [shown for _, shown in study.pictures.read(name)] if found else []
    cards = [(i, pictures[i], found.at(i)) for i in key_frames if found]
    title = tell_clip(clip)
    clip["figure"] = study.save(
        overlays.draw_clip(trace, title, cards), f"clips/{name}"
    )
    if is_filmed and found:
        clip["film"] = study.folder / "films" / f"{name}.mp4"
        film.write_film(clip["film"], pictures, found.beyond, trace, title)
    return clip


def show_example(study, clip):
    """Draw the "trace" of a clip, and the "strip" of few frames that matter most."""
    trace, name, found = clip["trace"], clip["clip"], clip["places"]
    added, strip = study.parts.beyond.frames[clip["row"]], []
    if found:
        largest = sorted(clip["key_frames"], key=lambda i: -abs(added[i]))[:N_LARGE]
        limit = overlays.find_limit(found.at(i) for i in largest)
        pictures = study.pictures.read(name)
        for letter, index in zip("ABC", sorted(largest), strict=False):
            picture = pictures[index][1]
            card = {"letter": letter, "index": index, "when": trace.tell(index)}
            card["overlay"] = overlays.overlay(picture, found.at(index), limit)
            strip.append(card | {"picture": picture, "added": added[index]})
    marks = [(card["index"], card["letter"]) for card in strip]
    figure = overlays.draw_trace(trace._replace(parts=added, length=1), marks)
    return {"trace": study.save(figure, f"clips/{name}-trace"), "strip": strip}


def tell_clip(clip):
    """Write the title of a clip: its name and scores."""
    text = f"{clip['clip']}   network score {clip['network_score']:.2f}"
    if clip["is_cut"]:
        text += f" (cut from {clip['value']:.2f})"
    if np.isfinite(clip["expert_score"]):
        text += f", {clip['truth']} {clip['expert_score']:.2f}"
    return text.replace("-", "−") if clip["value"] < 0 else text


def list_places(clip):
    """List the parts of places of a clip as a table, 64 rows a frame."""
    found = clip["places"]
    keep = np.isin(found.frames, clip["key_frames"])
    frame, row, column = (at.ravel() for at in np.indices(found.full[keep].shape))
    columns = {
        "clip": clip["clip"],
        "frame": np.asarray(found.frames)[keep][frame] + 1,
        "row": row + 1,
        "column": column + 1,
        "attribution": found.full[keep].ravel(),
        "beyond_mean_frame": found.beyond[keep].ravel(),
        "by_change": found.change[keep].ravel(),
    }
    return pd.DataFrame(columns)


def occlude(study, clips):
    """Cover the places of key frames, and compare what is lost with their parts.

    Returns
    -------
    dict or None
        "rows": clip, frame and rank correlations; "means": with intervals, by kind.
    """
    clips = [clip for clip in clips if clip["places"]]
    if not clips:
        return None
    spread = np.linspace(0, len(clips) - 1, min(N_OCCLUDED, len(clips)))
    chosen = [clips[i] for i in spread.round().astype(int)]
    rows = [
        occlude_clip(study, each) for each in tqdm(chosen, "occlusion", disable=None)
    ]
    means = [
        find_interval(column) for column in np.array([r[2:] for r in rows], float).T
    ]
    return {"rows": rows, "means": dict(zip(OCCLUSION_KINDS, means, strict=True))}


def occlude_clip(study, clip):
    """Cover the places of the frame of a clip that matters most."""
    row, found = clip["row"], clip["places"]
    index = int(np.argmax(np.abs(study.parts.beyond.frames[row])))
    sequence, at = study.sequences[row], found.frames.index(index)
    frame = study.pictures.read(clip["clip"])[index][0]
    lost, features = checks.measure_occlusion(
        study.networks, study.pictures.extractor, sequence, frame, index
    )
    changes = (sequence[index] - features) @ study.parts.whole.gradients[row][index]
    maps = found.full[at], found.beyond[at], changes
    return [clip["clip"], index + 1, *(correlate_ranks(lost, each) for each in maps)]
