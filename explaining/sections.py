"""The page of a run from its head to its checks, features and other networks.

Each section draws, writes its table, and says under every figure what it shows and
what it does not.
"""

import numpy as np
import pandas as pd

import console
import files
from explaining import checks, maps, panels
from explaining.page import Page
from explaining.wording import count, number, tell_interval, write_table

INDEPENDENT = "The network never saw these animals."


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
    kinds = "; ".join(f"{how}: {n}" for how, n in known.value_counts().items())
    return f"NEW ONLY IN PART, the network knows some already ({kinds})."


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
    figure = panels.draw_deletion(
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
    if found["value"] is None:
        return "not defined"
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


# ---------------------------------------------------------------- features


def add_features(page, study, relative):
    """Show the importance of the features, and write it as a table."""
    page.add_section("Features")
    explained = study.explained
    importance, signed = explained.importance, explained.features.mean(axis=0)
    figure = panels.draw_features(importance, signed, importance / relative)
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


# ---------------------------------------------------------------- other networks


def add_comparison(page, study, results, importances, are_folds):
    """Compare the importance of the features in this run and in others."""
    page.add_section("Compared with other networks")
    own, run = study.explained.importance, study.record["run"]
    named = next(iter(importances))
    rhos = {name: checks.correlate_ranks(own, i) for name, i in importances.items()}
    results["comparison"] = rhos
    figure = panels.draw_comparison(own, importances[named], (run, named), rhos[named])
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
    files.write_json(study.folder / "explanation.json", results)
    with files.replacing(study.folder / "index.html") as temporary:
        temporary.write_text(page.render(), encoding="utf-8")
