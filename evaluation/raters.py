"""How well raters agree with one another and with themselves, and a network with them.

Ratings are an array (R, N), one row a rater or one a round of a rater; a clip that was
not rated is nan. Tables of a name and a number are read here, too.
"""

import itertools
import math

import numpy as np
import pandas as pd

from evaluation.agreement import compute_icc, measure_agreement
from evaluation.comparisons import average_difference
from evaluation.jackknife import Jackknife, drop_unscored, not_defined
from names.matching import explain_first, find_twice, list_forms, match_names
from rating.ratings import find_tables
from system import tables
from system.terminal import Problem, caution

NO_VALUE = ("n/a", "na", "nan", "none")
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
    """Measure how well ratings (R, N) of the same clips agree: of raters, or of rounds.

    Dict of "n_raters", "n_clips" (with every rating), "n_animals" and FIGURES: parts of
    pairs within half a point and one; a "detectable" difference exceeds the error.
    """
    ratings = np.asarray(ratings, dtype=float)
    complete = np.isfinite(ratings).all(axis=0)
    ratings = ratings[:, complete]
    jack = Jackknife(np.asarray(animals)[complete])
    n_raters, n_clips = ratings.shape
    n = {"n_raters": n_raters, "n_clips": n_clips, "n_animals": jack.n_animals}
    if n_clips < 3 or n_raters < 2:
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
    """Compare each rater with the mean of the others, and with the network, on the same
    clips of ratings (R, N): dict by rater.
    """
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
    """Evaluate raters by themselves, and beside them the network (N,) on their scale.

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


# ---------------------------------------------------------------- tables


def read_numbers(path, columns):
    """Read a table of a name and a number: (line, name, number) of each row."""
    table = tables.read_table(path, columns)
    if table.columns is None:  # columns called otherwise, say animal;lesion, or none
        _, second, *_ = *(table.rows[0][1] if table.rows else ()), "", ""
        is_head = second[:1].isalpha() and second.casefold() not in NO_VALUE
        table = table._replace(columns=list(columns), rows=table.rows[is_head:])
    found, problems = [], []
    for line, row in table.records():
        name, text = (row[column] for column in columns)
        if not text and columns[-1] == "score" and name:
            continue  # a clip that could not be scored
        try:
            value = tables.parse_number(text, table.decimal)
            if not name or not math.isfinite(value):
                raise ValueError(f"received {name},{text}")
            found.append((line, name, value))
        except ValueError as error:
            problems.append(f"{path}:{line}: expected {','.join(columns)}: {error}")
    if problems:
        raise Problem(tables.summarise(problems))
    return found


def read_pairs(path, columns):
    """Read a table of a name and a number, with or without a header: dict."""
    pairs, problems = {}, []
    for line, name, value in read_numbers(path, columns):
        if name in pairs:
            problems.append(f"{path}:{line}: {name} stands there twice")
        pairs[name] = value
    if problems:
        raise Problem(tables.summarise(problems))
    if not pairs:
        raise Problem(f"{path} is empty. Expected lines of {','.join(columns)}")
    return pairs


def fit_names(values, known, loosest=None):
    """Put known names in the place of those of a table, or refuse what is doubtful."""
    match = match_names(values, list(known), loosest)
    problems = match.doubtful + [
        f"{' and '.join(map(repr, texts))} both mean {name!r}"
        for name, texts in find_twice(match.found).items()
    ]
    if problems:
        raise Problem(tables.summarise(problems))
    loose = [
        f"{text} as {name}"
        for text, name in match.found.items()
        if loosest and list_forms(text)[-1] != list_forms(name)[-1]
    ]
    if loose:
        caution(f"names taken for the same: {', '.join(loose[:10])}")
    return {match.found.get(name, name): value for name, value in values.items()}


def read_raters(folder):
    """Read the ratings of a folder, one table a rater: clip,score, best with `repeat`.

    By rater, a list of the scores of each round by clip, called as the first rater did.
    """
    paths = find_tables(folder)
    if not paths:
        raise Problem(
            f"{folder} holds no table of a rater. Expected one <rater>.csv each, with "
            "columns clip,score; rate.py writes them"
        )
    raters = {}
    for rater, path in sorted(paths.items()):
        rounds = raters[rater] = []
        for _, name, score in read_numbers(path, ("clip", "score")):
            unseen = [seen for seen in rounds if name not in seen]
            if not unseen:
                rounds.append({})
            (unseen or rounds[-1:])[0][name] = score
    return fit_raters(raters, [])


def fit_raters(raters, names):
    """Put known names of clips, or those of earlier raters, in the place of others."""
    known, fitted = dict.fromkeys(names), {}
    for rater, rounds in raters.items():
        try:
            fitted[rater] = [fit_names(scores, known) for scores in rounds]
        except Problem as problem:
            raise Problem(f"rater {rater}: {problem}") from None
        known |= {name: None for scores in fitted[rater] for name in scores}
    return fitted


def spread_ratings(raters, names):
    """Lay ratings out beside N clips: the first scores (N,) of each rater, and both
    (2, N) of those who scored clips twice.
    """
    raters = fit_raters(raters, names)
    given = {name for rounds in raters.values() for r in rounds for name in r}
    if unknown := sorted(given - set(names)):
        near = explain_first(unknown, names)
        caution(f"not among the clips here: {', '.join(unknown[:10])}{near}")
    laid = {
        rater: np.array([[r.get(name, np.nan) for name in names] for r in rounds[:2]])
        for rater, rounds in raters.items()
        if rounds
    }
    first = {rater: rounds[0] for rater, rounds in laid.items()}
    return first, {r: rounds for r, rounds in laid.items() if len(rounds) > 1}
