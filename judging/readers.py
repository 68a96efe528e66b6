"""Tables that a user gives to be judged beside scores: outcomes, other raters."""

import math
from pathlib import Path

import numpy as np

import data
import tables
from console import Problem, caution


def _read_numbers(path, columns):
    """Yield line, name and number of each row of a table of two columns."""
    table = tables.read_table(path, columns)
    table = table if table.columns else table._replace(columns=list(columns))
    for line, row in table.records():
        name, text = (row[column] for column in columns)
        if not text and columns[-1] == "score" and name:
            continue  # a clip that could not be scored
        try:
            value = tables.parse_number(text, table.decimal)
            if not name or not math.isfinite(value):
                raise ValueError(f"received {name},{text}")
        except ValueError as error:
            value = f"{path}:{line}: expected {','.join(columns)}: {error}"
        yield line, name, value


def read_pairs(path, columns):
    """Read a table of a name and a number, with or without a header line.

    Parameters
    ----------
    path : Path
    columns : (str, str)

    Returns
    -------
    dict of str to float
    """
    pairs, problems = {}, []
    for line, name, value in _read_numbers(path, columns):
        if isinstance(value, str):
            problems.append(value)
        elif name in pairs:
            problems.append(f"{path}:{line}: {name} stands there twice")
        pairs[name] = value
    if problems:
        raise Problem(data.summarise(problems))
    if not pairs:
        raise Problem(f"{path} is empty. Expected lines of {','.join(columns)}")
    return pairs


def read_raters(folder):
    """Read the ratings of a folder, one table a rater: clip,score, best with `repeat`.

    Returns
    -------
    dict of str to list of dict
        By rater, the scores of each round by clip.
    """
    paths = sorted(Path(folder).glob("[!.]*.csv"))
    if not paths:
        raise Problem(
            f"{folder} holds no table of a rater. Expected one <rater>.csv each, with "
            "columns clip,score; rate.py writes them"
        )
    raters = {}
    for path in paths:
        rounds = []
        for _, name, score in _read_numbers(path, ("clip", "score")):
            if isinstance(score, str):
                raise Problem(score)
            for seen in rounds:
                if name not in seen:
                    seen[name] = score
                    break
            else:
                rounds.append({name: score})
        raters[path.stem] = rounds
    return raters


def spread_ratings(raters, names):
    """Lay ratings out beside clips.

    Returns
    -------
    (dict of (N,) array, dict of (2, N) array)
        First scores of each rater; both, of those who scored clips twice.
    """
    laid = {
        rater: [np.array([r.get(name, np.nan) for name in names]) for r in rounds]
        for rater, rounds in raters.items()
        if rounds
    }
    given = {name for rounds in raters.values() for r in rounds for name in r}
    if unknown := sorted(given - set(names)):
        caution(f"not among the clips here: {', '.join(unknown[:10])}")
    first = {rater: rounds[0] for rater, rounds in laid.items()}
    twice = {
        rater: np.array(rounds[:2]) for rater, rounds in laid.items() if len(rounds) > 1
    }
    return first, twice
