"""From the ratings of several raters to one score a clip, and how far they agree."""

import itertools
import unicodedata
from pathlib import Path

import pandas as pd

import files
from clip_table import COLUMNS
from console import Problem
from rating.ratings import list_raters, list_scores, ratings_path, read_ratings
from tables import NUMBER, plain, read_table, summarise, write_table

N_SHOWN = 5  # clips on which raters differ most


def read_raters(folder, raters=None):
    """Read what raters said, all of them by default: their rows, by rater."""
    known = list_raters(folder)
    raters = [unicodedata.normalize("NFC", rater) for rater in raters or known]
    if not raters or set(raters) - set(known):
        asked, there = ", ".join(raters) or "a rater", ", ".join(known) or "none"
        place = Path(folder) / "ratings"
        raise Problem(f"{place}: expected ratings of {asked}. Raters there: {there}")
    return {rater: read_ratings(ratings_path(folder, rater))[1] for rater in raters}


def tabulate(said, repeat="0"):
    """Lay the scores that raters gave the first or second time side by side.

    Returns a DataFrame (N clips, R raters), NaN where a rater gave none; clips without
    any are left out.
    """
    columns = {rater: list_scores(rows, repeat) for rater, rows in said.items()}
    return pd.DataFrame(columns, dtype=float).sort_index().dropna(how="all")


def describe(said):
    """Tell how far raters agree with themselves and with each other, line by line."""
    table, again, lines = tabulate(said), tabulate(said, "1"), []
    for rater, rows in said.items():
        n_scored = table[rater].count()
        n_open = len(list_scores(rows)) - n_scored
        twice = compare(table[rater], again[rater], "the second time")
        told = f"{n_scored} clips scored, {n_open} cannot be; seen twice: {twice}"
        lines.append(f"{rater}: {told}")
    for one, other in itertools.combinations(said, 2):
        told = compare(table[one], table[other], other)
        lines.append(f"{one} and {other}: {told}")
    spread = table.max(axis=1) - table.min(axis=1)
    spread = spread[spread > 0].sort_values(ascending=False, kind="stable")
    for clip in spread.index[:N_SHOWN]:
        told = ", ".join(
            f"{rater} {s:g}" for rater, s in table.loc[clip].items() if s == s
        )
        lines.append(f"  they differ on {clip}: {told}")
    return lines


def compare(one, other, who):
    """Compare two columns of scores, of which `who` gave the other one, in words."""
    change = (other - one).dropna()
    if not len(change):
        return "no clip"
    return (
        f"{len(change)} clips, mean absolute difference {change.abs().mean():.2f}, "
        f"{who} {change.mean():+.2f}"
    )


def write_scores(folder, scores, overwrite=False):
    """Write scores into the table of clips and leave all else in it as it is.

    `overwrite`: whether other scores that stand there may be lost. Returns how many
    rows have got a score, and the clips whose row stays without one.
    """
    path = files.table_path(folder)
    table = read_table(path, COLUMNS[:4])
    columns = list(table.columns or COLUMNS)
    if "score" not in map(plain, columns):
        columns.append("score")
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
        raise Problem(f"{summarise(lost, N_SHOWN)}\n{told}")
    write_table(path, table.columns and columns, rows, table.delimiter)
    without = [row[clip_place] for row in rows if not row[place]]
    return sum(row[clip_place] in scores for row in rows), without
