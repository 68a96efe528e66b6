"""From the ratings of several raters to one score a clip, and how far they agree."""

import itertools
import unicodedata
from pathlib import Path

import numpy as np

from console import Problem
from rating.ratings import list_raters, list_scores, ratings_path, read_ratings
from tables import NUMBER, plain, read_table, write_table

COLUMNS = ("split", "task", "clip", "n_frames", "score")
JOINS = {"mean": np.nanmean, "median": np.nanmedian}
N_SHOWN = 5  # clips on which raters differ most


def read_raters(folder, raters=None):
    """Read what raters said, all of them by default.

    Returns
    -------
    dict of str to list of dict
        Their rows; see `read_ratings`.
    """
    known = list_raters(folder)
    raters = [unicodedata.normalize("NFC", rater) for rater in raters or known]
    if not raters or set(raters) - set(known):
        asked, there = ", ".join(raters) or "a rater", ", ".join(known) or "none"
        place = Path(folder) / "ratings"
        raise Problem(f"{place}: expected ratings of {asked}. Raters there: {there}")
    return {rater: read_ratings(ratings_path(folder, rater))[1] for rater in raters}


def tabulate(said):
    """Lay the scores that raters gave the first time side by side.

    Returns
    -------
    dict of str to float, (R,)
        By clip; NaN where a rater gave none. Clips without any score are left out.
    """
    firsts = [list_scores(rows) for rows in said.values()]
    clips = sorted(set().union(*firsts))
    table = {c: np.array([first.get(c, np.nan) for first in firsts]) for c in clips}
    return {clip: s for clip, s in table.items() if not np.isnan(s).all()}


def describe(said):
    """Tell how far raters agree with themselves and with each other, line by line."""
    table, lines = tabulate(said), []
    columns = np.array([*table.values()]).reshape(-1, len(said)).T
    for (rater, rows), column in zip(said.items(), columns, strict=True):
        first, second = list_scores(rows), list_scores(rows, "1")
        both = [(first[clip], second[clip]) for clip in second if clip in first]
        n_scored = int(np.isfinite(column).sum())
        n_open = len(first) - n_scored
        line = f"{rater}: {n_scored} clips scored, {n_open} cannot be; seen twice: "
        lines.append(line + compare(*np.array(both).reshape(-1, 2).T))
    pairs = itertools.combinations(zip(said, columns, strict=True), 2)
    for (one, ours), (other, theirs) in pairs:
        lines.append(f"{one} and {other}: {compare(ours, theirs, other)}")
    spread = {
        clip: np.nanmax(scores - scores[:, None]) for clip, scores in table.items()
    }
    for clip in sorted(spread, key=spread.get, reverse=True)[:N_SHOWN]:
        if spread[clip] > 0:
            told = zip(said, table[clip], strict=True)
            told = ", ".join(f"{rater} {s:g}" for rater, s in told if s == s)
            lines.append(f"  they differ on {clip}: {told}")
    return lines


def compare(one, other, who="the second time"):
    """Compare two columns of scores, of which `who` gave the other one, in words."""
    change = (other - one)[np.isfinite(other - one)]
    if not len(change):
        return "no clip"
    return (
        f"{len(change)} clips, mean absolute difference {np.abs(change).mean():.2f}, "
        f"{who} {change.mean():+.2f}"
    )


def write_scores(folder, scores, overwrite=False):
    """Write scores into the table of clips and leave all else in it as it is.

    `overwrite`: whether other scores that stand there may be lost.

    Returns
    -------
    (int, list of str)
        Rows that have got a score; clips whose row stays without one.
    """
    path = Path(folder) / "data_file.csv"
    table = read_table(path, COLUMNS[:4])
    columns = table.columns or list(COLUMNS)
    if "score" not in map(plain, columns):
        columns = [*columns, "score"]
    clip_place, place = (list(map(plain, columns)).index(n) for n in ("clip", "score"))
    rows, lost = [], []
    for line, fields in table.rows:
        row = fields + [""] * (len(columns) - len(fields))
        clip, old = row[clip_place], row[place]
        if clip in scores:
            row[place] = f"{scores[clip]:.10g}"
            if table.decimal == ",":
                row[place] = row[place].replace(".", ",")
            before = NUMBER.fullmatch(old) and float(old.replace(",", "."))
            if old and before != scores[clip]:
                lost.append(f"{path}:{line}: {clip} has the score {old}")
        rows.append(row)
    if lost and not overwrite:
        told = f"{len(lost)} scores would be lost; --overwrite replaces them"
        raise Problem("\n".join([*lost[:N_SHOWN], told]))
    write_table(path, table.columns and columns, rows, table.delimiter)
    without = [row[clip_place] for row in rows if not row[place]]
    return sum(row[clip_place] in scores for row in rows), without
