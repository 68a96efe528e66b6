"""How well raters agree with one another and with themselves, and a network with them.

Ratings are an array (R, N), one row a rater or one a round of a rater; a clip that was
not rated is nan.
"""

import itertools

import numpy as np
import pandas as pd

from evaluation.agreement import compute_icc, measure_agreement
from evaluation.comparisons import average_difference
from evaluation.jackknife import Jackknife, drop_unscored, not_defined

FIGURES = {  # what is reported of raters, and on which scale it lies
    "icc": "correlation",
    "kappa": "correlation",
    "mae": "positive",
    "half_point": "part",
    "one_point": "part",
    "detectable": "positive",
}


def compute_kappa(first, second):
    """Cohen's kappa of scores (N,), with linear weights."""
    expected = np.abs(first[:, None] - second[None, :]).mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 - np.abs(first - second).mean() / expected


def describe_pairs(ratings):
    """Compute FIGURES of complete ratings (R, N), over all pairs of raters."""
    pairs = list(itertools.combinations(ratings, 2))
    distance = np.array([np.abs(first - second) for first, second in pairs])
    icc, error = compute_icc(ratings)
    return {
        "icc": icc,
        "kappa": np.mean([compute_kappa(*pair) for pair in pairs]),
        "mae": distance.mean(),
        "half_point": (distance <= 0.5 + 1e-9).mean(),
        "one_point": (distance <= 1 + 1e-9).mean(),
        "detectable": 1.96 * np.sqrt(2) * error,
    }


def compare_ratings(ratings, animals):
    """Measure how well ratings (R, N) of the same clips agree, of raters or of rounds:
    dict of "n_raters", "n_clips" (with every rating), "n_animals" and FIGURES.
    """
    ratings = np.asarray(ratings, dtype=float)
    complete = np.isfinite(ratings).all(axis=0)
    ratings = ratings[:, complete]
    jack = Jackknife(np.asarray(animals)[complete])
    n_raters, n_clips = ratings.shape
    n = {"n_raters": n_raters, "n_clips": n_clips, "n_animals": jack.n_animals}
    if n_clips < 3 or n_raters < 2:
        reason = "agreement takes two raters"
        if n_raters > 1:
            reason = "fewer than 3 clips with every rating"
        return n | dict.fromkeys(FIGURES, not_defined(reason))
    found = jack.repeat(describe_pairs, ratings)
    return n | {name: jack.describe(found[name], FIGURES[name]) for name in FIGURES}


def compare_network(ratings, network, animals, margin=None):
    """Compare how much the network (N,) and raters (R, N) disagree with raters.

    Its disagreement is the mean of its distances to the raters of a clip, not the
    distance to their mean, which would flatter it. Dict of "n_clips", "n_animals"; the
    mean distances "experts" and "network"; "difference"; "verdict" (None without an
    interval); with a margin "not_inferior", whether it lies below it.
    """
    pairs = itertools.combinations(ratings, 2)
    experts = average_ratings([np.abs(first - second) for first, second in pairs])
    distance = average_ratings(np.abs(ratings - np.asarray(network, dtype=float)))
    names = "experts", "network", "difference"
    found = average_difference(experts, distance, animals, names)
    low, high = (found["difference"][end] for end in ("low", "high"))
    found["verdict"] = None
    if low is not None:
        sure = "beyond" if low > 0 else "undecided"
        found["verdict"] = "within" if high <= 0 else sure
    if margin is not None:
        found["margin"] = margin
        found["not_inferior"] = None if high is None else bool(high < margin)
    return found


def average_ratings(rows):
    """Average the values (R, N) that are there of each clip; nan where none is."""
    return pd.DataFrame(rows).mean().to_numpy()


def compare_each(ratings, names, network, animals):
    """Compare each rater with the mean of the others and the network: dict by name."""
    result = {}
    for place, name in enumerate(names):
        sides = {"others": average_ratings(np.delete(ratings, place, axis=0))}
        if network is not None:
            sides["network"] = np.asarray(network, dtype=float)
        kept, own, *others = drop_unscored(animals, ratings[place], *sides.values())
        result[name] = {
            side: measure_agreement(own, scores, kept)
            for side, scores in zip(sides, others, strict=True)
        }
    return result


def evaluate_raters(ratings, rounds, animals, network=None, margin=None):
    """Evaluate raters, and beside them the network (N,) on their scale.

    `ratings` are scores (N,) by rater; `rounds` both scores (2, N) of those who scored
    twice. Dict of "inter", "intra", "each" and "network".
    """
    given = np.array(list(ratings.values()), dtype=float)
    intra = {name: compare_ratings(both, animals) for name, both in rounds.items()}
    result = {"inter": compare_ratings(given, animals), "intra": intra}
    if len(ratings) > 1:
        result["each"] = compare_each(given, ratings, network, animals)
        if network is not None:
            result["network"] = compare_network(given, network, animals, margin)
    return result
