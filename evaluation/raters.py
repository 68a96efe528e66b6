"""How well raters agree with one another and with themselves, and a network with them.

Ratings are an array (R, N), one row a rater or one a round of a rater; a clip that was
not rated is nan.
"""

import itertools

import numpy as np

from evaluation.agreement import compute_icc, measure_agreement
from evaluation.comparisons import average_difference
from evaluation.jackknife import Jackknife, average, not_defined

FIGURES = {  # what is said of raters, and on which scale it lies
    "icc": "correlation",
    "kappa": "correlation",
    "mae": "positive",
    "half_point": "plain",
    "one_point": "plain",
    "detectable": "positive",
}


def compute_kappa(first, second, weights):
    """Cohen's kappa of scores (N,) with weights that grow with their distance; (B,).

    With squared distances it would be Lin's concordance.
    """
    n = weights.sum(axis=1)
    apart = np.abs(first[:, None] - second[None, :])
    expected = ((weights @ apart) * weights).sum(axis=1) / n**2
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 - average(np.abs(first - second), weights) / expected


def compare_ratings(ratings, animals):
    """Say how well ratings (R, N) of the same clips agree: of raters, or of rounds.

    Dict of "n_raters", "n_clips" (with every rating), "n_animals"; "icc" (ICC(A,1)),
    "kappa" (linear weights, mean of the pairs), "mae" (mean distance of two ratings),
    "half_point" and "one_point", parts of the pairs that lie no further apart;
    "detectable": a smaller difference of two ratings is within their error (95%).
    """
    ratings = np.asarray(ratings, dtype=float)
    complete = np.isfinite(ratings).all(axis=0)
    ratings = ratings[:, complete]
    jack = Jackknife(np.asarray(animals)[complete])
    n = {"n_raters": len(ratings), "n_clips": int(complete.sum())}
    n["n_animals"] = jack.n_animals
    if n["n_clips"] < 3 or len(ratings) < 2:
        reason = "fewer than 3 clips with every rating"
        return n | dict.fromkeys(FIGURES, not_defined(reason))
    pairs = list(itertools.combinations(ratings, 2))
    icc, error = compute_icc(ratings, jack.weights)
    distance = np.array([np.abs(first - second) for first, second in pairs])
    found = {
        "icc": icc,
        "kappa": np.mean([compute_kappa(*p, jack.weights) for p in pairs], axis=0),
        "mae": jack.average(distance.mean(axis=0)),
        "half_point": jack.average((distance <= 0.5 + 1e-9).mean(axis=0)),
        "one_point": jack.average((distance <= 1 + 1e-9).mean(axis=0)),
        "detectable": 1.96 * np.sqrt(2) * error,
    }
    result = {name: jack.describe(found[name], FIGURES[name]) for name in FIGURES}
    for name in ("half_point", "one_point"):  # parts of a whole
        for end in ("low", "high"):
            if result[name][end] is not None:
                result[name][end] = float(np.clip(result[name][end], 0, 1))
    return n | result


def compare_network(ratings, network, animals, margin=None):
    """Ask whether the network (N,) disagrees with raters (R, N) more than they do.

    Its disagreement is the mean of its distances to the raters of a clip, not the
    distance to their mean, which would flatter it. A margin is named before looking: so
    much more disagreement would not matter.

    Returns
    -------
    dict
        "n_clips" (with two ratings), "n_animals"; the mean distances "experts" and
        "network"; "difference", network - experts; "verdict": "within" when its
        interval lies at or below 0, "beyond" when above, else "undecided" (None without
        one); with a margin "not_inferior", whether the interval lies below it.
    """
    ratings = np.asarray(ratings, dtype=float)
    pairs = itertools.combinations(ratings, 2)
    experts = mean_of_finite([np.abs(first - second) for first, second in pairs])
    distance = mean_of_finite(np.abs(ratings - np.asarray(network, dtype=float)))
    names = "experts", "network", "difference"
    found = average_difference(experts, distance, animals, names)
    low, high = (found["difference"][end] for end in ("low", "high"))
    found["verdict"] = None
    if low is not None:
        found["verdict"] = "beyond" if low > 0 else "undecided"
        if high <= 0:
            found["verdict"] = "within"
    if margin is not None:
        found["margin"] = margin
        found["not_inferior"] = None if high is None else bool(high < margin)
    return found


def mean_of_finite(rows):
    """Average the finite values (R, N) of each clip; nan where there is none."""
    found = np.isfinite(rows)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(found, rows, 0).sum(axis=0) / found.sum(axis=0)


def judge_each(ratings, names, network, animals):
    """Put the network beside each rater, and each rater beside the mean of the others.

    Dict by rater of "network" and "others": the `agreement.measure_agreement` of these
    with the rater, on the same clips of ratings (R, N).
    """
    ratings = np.asarray(ratings, dtype=float)
    result = {}
    for place, name in enumerate(names):
        sides = {"others": mean_of_finite(np.delete(ratings, place, axis=0))}
        if network is not None:
            sides["network"] = np.asarray(network, dtype=float)
        both = np.isfinite([ratings[place], *sides.values()]).all(axis=0)
        result[name] = {
            side: measure_agreement(
                *(v[both] for v in (ratings[place], values, animals))
            )
            for side, values in sides.items()
        }
    return result
