"""Sections on single clips: key frames and places, their check, films."""

import sys

import numpy as np
import pandas as pd
from tqdm import tqdm

from explaining import checks, film, maps
from explaining.wording import count, number, tell_interval, write_table

MAX_CLIPS = 20  # with figures of their own on the page
N_OCCLUDED = 8  # frames


def rank_clips(study):
    """Rank clips by falling network score; the middle is left out of many."""
    order = np.argsort(-study.table["network_score"].to_numpy(), kind="stable")
    half = MAX_CLIPS // 2
    shown = order if len(order) <= MAX_CLIPS else [*order[:half], *order[-half:]]
    return order, [int(index) for index in shown]


def tell_clip(study, row):
    """Write the title of a clip: its name and scores."""
    clip = study.table.iloc[row]
    text = f"{clip['clip']}   network score {number(clip['network_score'], 2)}"
    if clip["clipped"]:
        text += f" (value before the clip {number(clip['value'], 2)})"
    if np.isfinite(clip["expert_score"]):
        text += f", expert score {number(clip['expert_score'], 2)}"
    return text


def add_clips(page, study, results, top, reason):
    """Show clips by falling score: shares of steps, key frames, places."""
    from explaining import explanation

    page.add_section("Clips and their key frames")
    order, shown = rank_clips(study)
    places, gradients = [], study.explained.attribution.gradients
    drawn = []
    for row in tqdm(shown, desc="clips", unit="clip", disable=None):
        name, beyond = study.table["clip"][row], study.explained.beyond[row]
        chosen = sorted(explanation.choose_frames(beyond, top))
        found = study.pictures.find_places(
            name, chosen, study.sequences[row], gradients[row]
        )
        cards = []
        if found is not None:
            places.append(list_places(name, chosen, *found))
            cards = [
                (index, study.pictures.show(name, index), shares, shares.sum())
                for index, shares in zip(chosen, found[1], strict=True)
            ]
        figure = maps.draw_clip(
            study.explained.shares[row],
            len(beyond),
            tell_clip(study, row),
            cards,
        )
        drawn.append(maps.save(figure, study.folder / "clips" / f"{name}.png"))
    if places:
        write_table(pd.concat(places), study.folder / "places.csv")
    tell_missing(page, study, shown, reason)
    page.add_text(tell_clips(study, len(shown), bool(places)))
    for row, path in zip(shown, drawn, strict=True):
        page.add_figure(path, caption_clip(study, row))
    add_ranking(page, study, order)


def list_places(name, chosen, full, beyond):
    """List the shares of places of key frames as a table, 64 rows a frame."""
    frame, row, column = np.indices(full.shape)
    return pd.DataFrame(
        {
            "clip": name,
            "frame": np.asarray(chosen)[frame.ravel()] + 1,
            "row": row.ravel() + 1,
            "column": column.ravel() + 1,
            "attribution": full.ravel(),
            "beyond_mean_frame": beyond.ravel(),
        }
    )


def tell_missing(page, study, shown, reason):
    """Say once why places are missing, for all clips or for some."""
    missing = study.pictures.missing
    if not reason and missing:
        name, why = next(iter(missing.items()))
        reason = f"{len(missing)} of {len(shown)} clips, say {name}: {why}"
    if reason:
        page.add_text(f"No places and key frames: {reason}", notice=True)
        print(f"no places and key frames: {reason}", file=sys.stderr)


def tell_clips(study, n_shown, has_places):
    text = (
        "Bars are the exact shares of the pooled steps in the score, "
        f"{study.sequences.shape[1] // study.explained.shares.shape[1]} frames each; "
        f"with the bias of {number(study.explained.bias)} they add up to the value. "
    )
    if n_shown < len(study.table):
        text += f"Of {len(study.table)} clips the {n_shown} most extreme are drawn. "
    if has_places:
        text += (
            "Below the bars stand the key frames in order of time, those that differ "
            "most from the clip's mean frame in what they add to the score (the number "
            "above each); and under them the places that this came from, 64 shares "
            "that add up to it. A place sees more of the frame than it covers, so the "
            "colours are blurred, and they show what moved the score, not what is "
            "wrong with the movement."
        )
    return text


def caption_clip(study, row):
    shares, explained = study.explained.shares[row], study.explained
    length = study.sequences.shape[1] // len(shares)

    def name_step(step):
        first = step * length + 1
        last = first + length - 1
        return f"frame {first}" if first == last else f"frames {first}–{last}"

    high, low = int(np.argmax(shares)), int(np.argmin(shares))
    text = f"Most raising: {name_step(high)} ({maps.sign(shares[high])}). "
    text += f"Most lowering: {name_step(low)} ({maps.sign(shares[low])}). "
    if explained.clipped[row]:
        text += "The score was clipped; the value before the clip is explained. "
    return text + f"Sum of the attributions misses by {residual(explained, row):.2%}."


def residual(explained, row):
    return float(explained.attribution.residual[row])


def add_ranking(page, study, order):
    page.add_heading("All clips by network score")
    columns = ("clip", "animal", "group", "network_score", "expert_score", "value")
    table = study.table.iloc[order]
    groups = [group or "" for group in table["group"]]
    page.add_table(
        [name.replace("_", " ") for name in columns],
        table.assign(group=groups)[list(columns)].to_numpy(dtype=object).tolist(),
        "Value is the score before it was cut off at 0. CSV tables beside this page "
        "hold every share (shares/), frame (frames/), feature (features.csv) and "
        "place (places.csv).",
    )


# ---------------------------------------------------------------- occlusion, films


def add_occlusion(page, study, results):
    """Cover the places of key frames, and compare what is lost with the shares."""
    page.add_section("Places, checked by covering them")
    rows, rhos = [], []
    _, shown = rank_clips(study)
    spread = np.linspace(0, len(shown) - 1, min(N_OCCLUDED, len(shown)))
    for row in tqdm(
        [shown[i] for i in spread.round().astype(int)], "occlusion", disable=None
    ):
        name = study.table["clip"][row]
        index = int(np.argmax(np.abs(study.explained.beyond[row])))
        found = study.pictures.find_places(
            name,
            [index],
            study.sequences[row],
            study.explained.attribution.gradients[row],
        )
        if found is None:
            continue
        frame = study.pictures.read(name)[index][0]
        lost, features = checks.measure_occlusion(
            study.members, study.pictures.extractor, study.sequences[row], frame, index
        )
        gradients = study.explained.attribution.gradients[row][index]
        changes = (study.sequences[row][index] - features) @ gradients
        shares = (*(places[0] for places in found), changes)
        correlations = [checks.correlate_ranks(lost, each) for each in shares]
        rhos.append([np.nan if rho is None else rho for rho in correlations])
        rows.append([name, index + 1, *(number(rho, 2) for rho in correlations)])
    if not rows:
        page.add_text("Not done: there are no places to check.", notice=True)
        print("occlusion: not done, there are no places")
        return
    kinds = ("everything in the frame", "beyond the mean frame", "changed features")
    means = [checks.find_interval(column) for column in np.array(rhos).T]
    results["occlusion"] = dict(zip(kinds, means, strict=True))
    print(f"\nocclusion, {count(len(rows), 'frame')}: rank correlation of the maps")
    for kind, mean in zip(kinds, means, strict=True):
        print(f"  {kind:<40}{tell_interval(mean)}")
    page.add_table(
        ("clip", "frame", *kinds),
        [*rows, ["mean [95%]", "", *map(tell_interval, means)]],
        "Rank correlation over the 64 places between their shares and what the value "
        "loses when a grey patch covers them, seen by extraction and network anew. A "
        "patch also adds edges of its own, so even a true map does not reach 1. Last: "
        "what the gradients foretell from all features as the patch changes them. If "
        "that agrees and the places do not, the network is read rightly, but its "
        "features see more of the frame than the place they are drawn at.",
    )


def add_films(page, study, names):
    """Write a film of each clip that was named, else of the highest score."""
    page.add_section("Film")
    order, _ = rank_clips(study)
    listed = list(study.table["clip"])
    for name in names or [listed[order[0]]]:
        row = listed.index(name)
        everything = np.arange(study.sequences.shape[1])
        places = [
            study.pictures.find_places(
                name,
                everything[first : first + 16],
                study.sequences[row],
                study.explained.attribution.gradients[row],
            )
            for first in range(0, len(everything), 16)
        ]
        if any(part is None for part in places):
            page.add_text(f"No film of {name}: there are no places.", notice=True)
            continue
        path = study.folder / "films" / f"{name}.mp4"
        film.write_film(
            path,
            [shown for _, shown in study.pictures.read(name)],
            np.concatenate([part[1] for part in places]),
            study.explained.shares[row],
            tell_clip(study, row),
        )
        page.add_film(
            path,
            f"{tell_clip(study, row)}. Left the frames, right the places that added to "
            "the score (vermilion) or took from it (blue) beyond the clip's mean "
            "frame; below the shares of the steps. Slowed down: the film shows the "
            f"frames that the network saw, {film.FRAMES_PER_SECOND} a second.",
        )
        print(f"film: {path}")
