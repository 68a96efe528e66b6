"""Scores of raters from tables, under the names of the clips here: a name and a number.

`read_pairs` reads any other such table, say of an outcome of each animal.
"""

import math

import numpy as np

from names.matching import explain_first, find_twice, list_forms, match_names
from rating.ratings import find_tables
from system import tables
from system.terminal import Problem, caution

NO_VALUE = ("n/a", "na", "nan", "none")


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
