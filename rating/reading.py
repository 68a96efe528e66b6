"""Scores of raters and other numbers from tables, under the names that are known."""

import math

import numpy as np

from names.matching import (
    explain_first,
    find_twice,
    form_of_animal,
    list_forms,
    match_names,
)
from rating.importing import read_score
from rating.ratings import find_tables, list_scores, read_ratings
from recordings.animals import match_animals
from system import tables
from system.terminal import Problem, caution

SHARED = 3  # clips that raters must have in common for any figure


def read_pairs(path, columns):
    """Read a table of a name and a number, with a header line: dict."""
    table = tables.read_table(path, columns)
    pairs, problems = {}, []
    for line, row in table.records():
        name, text = (row[column] for column in columns)
        try:
            if not name or name in pairs:
                raise ValueError(f"{name} stands there twice" if name else "no name")
            number = read_score(text, table.decimal)
            if not math.isnan(number):
                pairs[name] = number
        except ValueError as error:
            problems.append(f"{path}:{line}: expected {','.join(columns)}: {error}")
    if problems:
        raise Problem(tables.summarise(problems))
    if not pairs:
        raise Problem(f"{path} is empty. Expected lines of {','.join(columns)}")
    return pairs


def fit_names(values, known, are_animals=False):
    """Put known names in the place of those of a table, or refuse what is doubtful."""
    match = match_names(values, list(known), form_of_animal if are_animals else None)
    found = match_animals(values, known) if are_animals else match.found
    problems = match.doubtful + [
        f"{' and '.join(map(repr, texts))} both mean {name!r}"
        for name, texts in find_twice(found).items()
    ]
    if problems:
        raise Problem(tables.summarise(problems))
    loose = [
        f"{text} as {name}"
        for text, name in found.items()
        if are_animals and list_forms(text)[-1] != list_forms(name)[-1]
    ]
    if loose:
        caution(f"names taken for the same: {', '.join(loose[:10])}")
    return {found.get(name, name): value for name, value in values.items()}


def read_raters(folder):
    """Read the ratings of a folder, one table a rater.

    By rater, a list of the scores of each round by clip, called as the first rater did.
    """
    if not (paths := find_tables(folder)):
        raise Problem(
            f"{folder} holds no table of a rater. Expected one <rater>.csv each, with "
            "columns clip,score; rate.py writes them"
        )
    raters = {}
    for rater, path in sorted(paths.items()):
        _, rows = read_ratings(path)
        rounds = [list_scores(rows, repeat) for repeat in "01"]
        scored = [{c: s for c, s in r.items() if not math.isnan(s)} for r in rounds]
        raters[rater] = [scores for scores in scored if scores]
    if not any(raters.values()):
        raise Problem(f"{folder}: no rater has scored a clip yet")
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
    (2, N) of those who scored clips twice. Raters apart from all others are omitted.
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
    first = omit_apart({rater: rounds[0] for rater, rounds in laid.items()})
    return first, {r: rounds for r, rounds in laid.items() if len(rounds) > 1}


def omit_apart(first):
    """Omit raters whose scores (N,) cannot be compared with those of any other."""
    if len(first) < 3:
        return first
    are_scored = np.isfinite(list(first.values())).astype(int)
    shared = are_scored @ are_scored.T
    np.fill_diagonal(shared, 0)
    apart = [r for r, n in zip(first, shared.max(axis=1), strict=True) if n < SHARED]
    if not apart or len(apart) == len(first):
        return first
    caution(
        f"omitted, with fewer than {SHARED} clips that another rater scored: "
        f"{', '.join(apart)}"
    )
    return {rater: scores for rater, scores in first.items() if rater not in apart}
