"""The sections of the page, in its order: each draws, writes its table, and says
under every figure what it shows and what it does not.
"""

import sys

import numpy as np
import pandas as pd
from tqdm import tqdm

import checks
import console
import data
import elements
import figures
import film
import maps
from page import Page

MAX_CLIPS = 20  # with figures of their own on the page
N_OCCLUDED = 8  # frames
N_CENTRAL = 8  # frames of a movement element
INDEPENDENT = "The network never saw these animals."


def count(n, noun):
    return f"{n} {noun}" + ("" if n == 1 else "s")


def number(value, digits=3):
    if value is None or not np.isfinite(value):
        return "not defined"
    return f"{value:.{digits}f}".replace("-", "−")


def tell_interval(found):
    """Write a figure with its interval, or why it has none."""
    if found["low"] is None:
        return f"{number(found['value'], 4)} (no interval: {found['reason']})"
    low, high = number(found["low"], 4), number(found["high"], 4)
    return f"{number(found['value'], 4)} [{low}, {high}]"


def write_table(table, path):
    with data.replacing(path) as temporary:
        table.to_csv(temporary, index=False)


# ---------------------------------------------------------------- head, checks


def open_page(study, args):
    """Open the page with what is explained, and how exactly.

    Returns
    -------
    (Page, dict)
        The dict collects every figure for `explanation.json`.
    """
    table, explained, record = study.table, study.explained, study.record
    n_animals = table["animal"].nunique()
    chosen = {"all": "all clips"}.get(args.split, f"the {args.split} split")
    chosen = "chosen by name" if args.clip else chosen
    subtitle = (
        f"{count(len(table), 'clip')} of {count(n_animals, 'animal')} ({chosen}), "
        f"{record['n_frames']} frames each. {tell_seen(table)}"
    )
    page = Page(f"What {record['run']} looked at", subtitle)
    n_clipped = int(explained.clipped.sum())
    page.add_text(
        "Vermilion raises the score, blue lowers it. What is explained is the value "
        "that the network computes before its last step cuts off everything below 0. "
        + (
            f"{count(n_clipped, 'score')} of {len(table)} had been cut off so; their "
            "explanations are of the value before."
            if n_clipped
            else "No score of these clips was cut off, so value and score are the same."
        )
    )
    if len(study.members) > 1:
        page.add_text(
            f"The run is an ensemble of {len(study.members)} networks: values, shares "
            "and attributions are means over them. Where a member's value was below "
            "0, the score is higher than the mean value."
        )
    misses = np.abs(
        explained.shares.sum(axis=1) + explained.bias - explained.value
    ).max()
    residual, steps = explained.attribution.residual, explained.attribution.steps
    results = {
        "run": record["run"],
        "n_clips": len(table),
        "n_animals": n_animals,
        "n_clipped": n_clipped,
        "largest_miss_of_shares": float(misses),
        "largest_residual_of_attributions": float(residual.max()),
        "path_steps": int(steps.max()),
        "options": {key: str(value) for key, value in vars(args).items()},
    }
    print(f"{record['run']}: {subtitle}")
    if n_clipped:
        print(f"{n_clipped} scores were clipped to 0; the value before is explained")
    print(
        f"attributions miss the score difference by {residual.max():.2%} at most "
        f"({steps.max()} steps of the path)"
    )
    if (residual > 0.01).any():
        text = (
            f"Of {count(int((residual > 0.01).sum()), 'clip')} the attributions miss "
            f"the difference by more than 1% even with {steps.max()} steps of the "
            f"path (by {residual.max():.1%} at most): clips.csv tells of which."
        )
        console.caution(text)
        page.add_text(text, notice=True)
    return page, results


def tell_seen(table):
    """Say how far these clips are new to the network."""
    known = table["seen"][table["seen"] != ""]
    if known.empty:
        return INDEPENDENT
    if (known == "unknown").all():
        return "Nobody recorded which clips this network was trained on."
    kinds = ", ".join(f"{n} {how}" for how, n in known.value_counts().items())
    return f"The network knows some already: {kinds}."


def add_checks(page, study, results):
    """Test whether the network obeys its explanation; print and show the answers."""
    deletion = checks.check_deletion(
        study.members, study.sequences, study.explained, study.table["animal"]
    )
    shuffling = checks.check_shuffling(study.members, study.sequences, study.explained)
    curves, relative = deletion.pop("curves"), shuffling.pop("relative")
    results |= {"deletion": deletion, "shuffling": shuffling}
    page.add_section("Is it true?")
    print("\ndeletion test: how much further the value moves than at random")
    rows = []
    for key, words in checks.TESTS.items():
        by_clip, by_animal = deletion[key]["clips"], deletion[key]["animals"]
        rows.append(
            [words, tell_interval(by_clip), tell_interval(by_animal), judge(by_clip)]
        )
        print(f"  {words:<42}{tell_interval(by_clip)} over clips: {judge(by_clip)}")
        print(f"  {'':<42}{tell_interval(by_animal)} over animals")
    page.add_table(("deletion test", "over clips [95%]", "over animals", ""), rows)
    figure = maps.draw_deletion(
        {"curves": curves}, checks.FRAME_SHARES, checks.FEATURE_SHARES
    )
    path = maps.save(figure, study.folder / "deletion.png")
    page.add_figure(path, tell_deletion(deletion))
    names = (
        ("importance", "importance of the features"),
        ("signed", "signed attributions of the features"),
        ("frames", "what frames add beyond the mean frame"),
    )
    print("shuffled weights: rank correlation with the explanation (0: all learned)")
    for key, words in names:
        print(f"  {words:<40}{number(shuffling[key], 2)}")
    page.add_table(
        ("shuffled weights", "rank correlation"),
        [[words, number(shuffling[key], 2)] for key, words in names],
        f"How alike the explanations of {count(shuffling['n_clips'], 'clip')} are "
        "before and after the network's weights were put in another order. 0 says that "
        "they come from what the network learned, 1 that any network would give them. "
        "Importance without its sign stays alike as a rule, since a feature that is "
        "always large weighs in every network: read how many times as important a "
        "feature is as by chance (below, and in features.csv), not its rank alone.",
    )
    return relative


def judge(found):
    """Say in words what the interval of a deletion test means."""
    if found["low"] is None:
        return "too few clips to tell"
    if found["low"] > 0:
        return "the network obeys"
    return "NOT better than random: do not trust it"


def tell_deletion(deletion):
    tested = (
        f"{deletion['n_clips']} clips drawn from {deletion['n_of']}"
        if deletion["n_clips"] < deletion["n_of"]
        else count(deletion["n_clips"], "clip")
    )
    return (
        f"Change of the value, mean of {tested} with its standard error, as more and "
        "more of a clip is replaced by the clip's mean: frames on the left, features "
        "in the middle. Where the explanation is true, vermilion falls below grey and "
        "blue rises above it. On the right the features of highest importance over "
        "all clips are set to 0: green lies above grey. It does not show that the "
        "network is right about the animal, only that the explanation is right about "
        "the network."
    )


# ---------------------------------------------------------------- clips


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
    import explanation

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
        lost = checks.measure_occlusion(
            study.members, study.pictures.extractor, study.sequences[row], frame, index
        )
        pair = [checks.correlate_ranks(lost, shares[0]) for shares in found]
        rhos.append([np.nan if rho is None else rho for rho in pair])
        rows.append([name, index + 1, *(number(rho, 2) for rho in pair)])
    if not rows:
        page.add_text("Not done: there are no places to check.", notice=True)
        print("occlusion: not done, there are no places")
        return
    kinds = ("everything in the frame", "beyond the mean frame")
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
        "patch also adds edges of its own, so even a true map does not reach 1.",
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


# ---------------------------------------------------------------- features, space


def add_features(page, study, relative):
    """Show the importance of the features, and write it as a table."""
    page.add_section("Features")
    explained = study.explained
    importance, signed = explained.importance, explained.features.mean(axis=0)
    figure = maps.draw_features(importance, signed, importance / relative)
    path = maps.save(figure, study.folder / "features.png")
    page.add_figure(
        path,
        "Importance of a feature: the mean size of its attribution over the clips "
        "(integrated gradients from the sequence of zeros, summed over frames). The "
        "dark line is what the same network gives with its weights shuffled: only "
        "what rises above it was learned. A feature has no name; which places showed "
        "it stands with the clips above. Features that rise and fall together share "
        "their importance at the network's whim, so a single rank means little.",
    )
    order = np.argsort(-importance, kind="stable")
    columns = {
        "rank": np.arange(1, len(order) + 1),
        "feature": order,
        "importance": importance[order],
        "mean_attribution": signed[order],
        "times_by_chance": relative[order],
    }
    write_table(pd.DataFrame(columns), study.folder / "features.csv")


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
    figure = maps.draw_space(
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
    figure = maps.draw_elements(rows, figures.choose_looks(groups))
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


# ---------------------------------------------------------------- other networks


def add_comparison(page, study, results, importances, are_folds):
    """Compare the importance of the features in this run and in others."""
    page.add_section("Compared with other networks")
    own, run = study.explained.importance, study.record["run"]
    named = next(iter(importances))
    rhos = {name: checks.correlate_ranks(own, i) for name, i in importances.items()}
    results["comparison"] = rhos
    figure = maps.draw_comparison(own, importances[named], (run, named), rhos[named])
    path = maps.save(figure, study.folder / "comparison.png")
    page.add_figure(
        path,
        "Importance of each feature in the one network against the other, on the same "
        "clips. A feature that is large in every frame is important to any network, "
        "so some correlation is there from the start.",
        width=520,
    )
    print("\nimportance of the features, rank correlation")
    for name, rho in rhos.items():
        print(f"  {run} and {name}: {number(rho, 2)}")
    if are_folds:
        everything = [own, *importances.values()]
        pairs = [
            checks.correlate_ranks(everything[i], everything[j])
            for i in range(len(everything))
            for j in range(i)
        ]
        known = [rho for rho in pairs if rho is not None]
        mean = float(np.mean(known)) if known else None
        results["stability"] = {"folds": len(everything), "mean": mean}
        text = (
            f"Over the {len(everything)} folds of the cross-validation the rank "
            f"correlation of any two is {number(mean, 2)} on average, "
            f"{number(min(known, default=None), 2)} at the least."
        )
        print(text)
        page.add_text(text)
    table = pd.DataFrame({"feature": np.arange(len(own)), run: own, **importances})
    write_table(table, study.folder / "comparison.csv")


def finish(page, study, results):
    """Write the page, and every figure on it as JSON."""
    results["versions"] = console.list_versions()
    data.write_json(study.folder / "explanation.json", results)
    with data.replacing(study.folder / "index.html") as temporary:
        temporary.write_text(page.render(), encoding="utf-8")
