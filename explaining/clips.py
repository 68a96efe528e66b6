"""Steps on single clips: key frames and places, their check by covering, films."""

import numpy as np
import pandas as pd
from tqdm import tqdm

import figures
from explaining import attribution, checks, film, overlays
from explaining.inference import correlate_ranks, find_interval
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
    """Choose a typical low, a typical high and the worst scored clip.

    Returns
    -------
    dict of int to str
        Rows of the table, and what they are examples of.
    """
    scores, chosen = table["network_score"].to_numpy(float), {}
    errors = np.abs(scores - table["expert_score"].to_numpy(float))
    low, high = np.quantile(scores, TYPICAL)
    for kind, away in (
        ("Typical low score", np.abs(scores - low)),
        ("Typical high score", np.abs(scores - high)),
        ("Worst error", -errors),
    ):
        away = np.where(np.isin(np.arange(len(scores)), list(chosen)), np.nan, away)
        if np.isfinite(away).any():
            chosen[int(np.nanargmin(away))] = kind
    return chosen


def show_clips(study, n_key_frames, filmed=()):
    """Draw clips by falling score: parts of steps, key frames, places; and films.

    Returns
    -------
    list of dict
        Clips: what the table tells, "figure", "key_frames", "places" or None, "film".
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
        clip["example_rank"] = list(examples).index(row) if row in examples else None
        clips.append(clip | {"example": examples.get(row)})
        if row in examples:
            clips[-1] |= show_example(study, clip)
    tables = [list_places(clip) for clip in clips if clip["places"]]
    if tables:
        write_columns(study.folder / "places.csv", pd.concat(tables))
    return clips


def show_clip(study, row, n_key_frames, is_filmed):
    """Draw one clip, and film it where that is wanted."""
    clip = study.table.iloc[row].to_dict()
    name, parts, n_frames = clip["clip"], study.parts, study.sequences.shape[1]
    key_frames = sorted(
        attribution.choose_frames(parts.beyond.frames[row], n_key_frames)
    )
    found = study.pictures.find_places(
        name,
        np.arange(n_frames) if is_filmed else np.array(key_frames),
        study.sequences[row],
        parts.whole.gradients[row],
        parts.beyond.gradients[row],
    )
    interval = study.pictures.find_interval(name)
    trace = overlays.Trace(parts.steps[row], parts.step_length, n_frames, interval)
    clip |= {"row": row, "key_frames": key_frames, "places": found, "film": None}
    clip |= {"trace": trace, "residual": float(parts.whole.residual[row])}
    clip |= find_extreme_steps(parts.steps[row], parts.step_length)
    cards = []
    if found:
        cards = [(i, study.pictures.show(name, i), found.at(i)[0]) for i in key_frames]
    title = tell_clip(clip)
    figure = overlays.draw_clip(trace, title, cards)
    clip["figure"] = figures.save(figure, study.folder / "clips" / name, overlays.DPI)[
        0
    ]
    if is_filmed and found:
        clip["film"] = study.folder / "films" / f"{name}.mp4"
        shown = [shown for _, shown in study.pictures.read(name)]
        film.write_film(clip["film"], shown, found.beyond, trace, title)
    return clip


def show_example(study, clip):
    """Draw the trace of a clip and the few frames that matter most, large.

    Returns
    -------
    dict
        "trace", the path of a figure; "strip", the frames, empty without places.
    """
    trace, name, found = clip["trace"], clip["clip"], clip["places"]
    added = study.parts.beyond.frames[clip["row"]]
    largest = sorted(clip["key_frames"], key=lambda i: -abs(added[i]))[:N_LARGE]
    strip = []
    if found:
        limit = overlays.find_limit(found.at(i)[0] for i in largest)
        for letter, index in zip("ABC", sorted(largest), strict=False):
            picture = study.pictures.show(name, index)
            overlay = overlays.overlay(picture, found.at(index)[0], limit)
            strip.append(
                {
                    **{"letter": letter, "index": index, "when": trace.tell(index)},
                    **{"picture": picture, "overlay": overlay, "added": added[index]},
                }
            )
    marks = [(card["index"], card["letter"]) for card in strip]
    figure = overlays.draw_trace(trace, marks)
    path = study.folder / "clips" / f"{name}-trace"
    return {"trace": figures.save(figure, path, overlays.DPI)[0], "strip": strip}


def tell_clip(clip):
    """Write the title of a clip: its name and scores."""
    text = f"{clip['clip']}   network score {clip['network_score']:.2f}"
    if clip["cut_to_0"]:
        text += f" (cut to 0 from {clip['value']:.2f})"
    if np.isfinite(clip["expert_score"]):
        text += f", expert score {clip['expert_score']:.2f}"
    return text.replace("-", "−") if clip["value"] < 0 else text


def find_extreme_steps(parts, length):
    """Find the steps that raise and lower most: first and last frame, and part."""
    found = {}
    for key, step in (("raises", np.argmax(parts)), ("lowers", np.argmin(parts))):
        first = int(step) * length + 1
        found[key] = (first, first + length - 1, float(parts[step]))
    return found


def list_places(clip):
    """List the parts of places of a clip as a table, 64 rows a frame."""
    found = clip["places"]
    keep = np.isin(found.frames, clip["key_frames"])
    frame, row, column = np.indices(found.full[keep].shape)
    return pd.DataFrame(
        {
            "clip": clip["clip"],
            "frame": np.asarray(found.frames)[keep][frame.ravel()] + 1,
            "row": row.ravel() + 1,
            "column": column.ravel() + 1,
            "attribution": found.full[keep].ravel(),
            "beyond_mean_frame": found.beyond[keep].ravel(),
        }
    )


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
        occlude_clip(study, clip) for clip in tqdm(chosen, "occlusion", disable=None)
    ]
    values = np.array([row[2:] for row in rows], float)
    means = [find_interval(column) for column in values.T]
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
    gradients = study.parts.whole.gradients[row][index]
    changes = (sequence[index] - features) @ gradients
    correlations = [
        correlate_ranks(lost, each)
        for each in (found.full[at], found.beyond[at], changes)
    ]
    return [clip["clip"], index + 1, *correlations]
