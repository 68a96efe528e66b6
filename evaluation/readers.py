"""Tables that a user gives to be judged beside scores: outcomes, other raters."""

import math
from pathlib import Path

import numpy as np

from names.matching import explain_first, find_twice, match_names
from system import tables
from system.terminal import Problem, caution


def read_numbers(path, columns):
    """Read a table of a name and a number: (line, name, number) of each row."""
    table = tables.read_table(path, columns)
    table = table if table.columns else table._replace(columns=list(columns))
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


def fit_names(values, known):
    """Put known names in the place of those of a table; see `names.match_names`.

    `values` are by name. A name that fits none stays; Problem where one fits several,
    or several fit one.
    """
    match = match_names(values, list(known))
    twice = [
        f"{' and '.join(map(repr, texts))} both mean {name!r}"
        for name, texts in find_twice(match.found).items()
    ]
    if match.doubtful or twice:
        raise Problem(tables.summarise([*match.doubtful, *twice]))
    return {match.found.get(name, name): value for name, value in values.items()}


def read_raters(folder):
    """Read the ratings of a folder, one table a rater: clip,score, best with `repeat`.

    By rater, a list of the scores of each round by clip, called as the first rater did.
    """
    paths = sorted(Path(folder).glob("[!.]*.csv"))
    if not paths:
        raise Problem(
            f"{folder} holds no table of a rater. Expected one <rater>.csv each, with "
            "columns clip,score; rate.py writes them"
        )
    raters = {}
    for path in paths:
        rounds = raters[path.stem] = []
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
