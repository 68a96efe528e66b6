"""From the ratings of several raters to one score a clip, and how far they agree."""

import itertools
import math
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from rating.importing import match_clips
from rating.ratings import find_tables, list_scores, read_ratings
from recordings import listing
from system import storage
from system.tables import count, list_some, summarise
from system.terminal import Problem, caution

OTHER_TABLES = (".xlsx", ".xlsm", ".xls", ".ods", ".numbers", ".txt", ".tsv")
MEANS = {"mean": "mean", "median": "median", "adjusted": "adjusted mean"}
N_SHOWN = 5  # clips on which raters differ most


def read_raters(folder, raters=None):
    """Read what raters said, all of them by default: their rows, by rater."""
    place = Path(folder) / "ratings"
    tables = find_tables(place)
    for path in sorted(place.glob("[!.~]*")):
        if path.suffix.lower() in OTHER_TABLES:
            caution(f"{path} is not read. Import it with rate.py --scores {path}")
    raters = [unicodedata.normalize("NFC", rater) for rater in raters or sorted(tables)]
    if not raters or set(raters) - set(tables):
        asked = ", ".join(raters) or "a rater"
        there = ", ".join(sorted(tables)) or "none"
        raise Problem(f"{place}: expected ratings of {asked}. Raters there: {there}")
    said = {rater: read_ratings(tables[rater])[1] for rater in raters}
    _, clips = listing.open_listed(storage.table_path(folder))
    given = {row["clip"] for rows in said.values() for row in rows}
    found, _ = match_clips(given - {clip.name for clip in clips}, clips)
    for rater, rows in said.items():  # made by hand, they may call a clip as its file
        seen = {}
        for row in rows:
            row["clip"] = found.get(row["clip"], row["clip"])
            viewing = row["clip"], row["repeat"] or "0"
            if seen.setdefault(viewing, row["score"]) != row["score"]:
                told = f"{row['clip']} has two scores under two names"
                raise Problem(f"{tables[rater]}: {told}")
    return said


def tabulate(said, repeat="0"):
    """Lay the scores that raters gave the first or second time side by side: DataFrame
    (N clips, R raters), NaN where a rater gave none."""
    columns = {rater: list_scores(rows, repeat) for rater, rows in said.items()}
    return pd.DataFrame(columns, dtype=float).sort_index().dropna(how="all")


def join(table, how):
    """Join the scores (N clips, R raters) of each clip: Series (N,), and lines to say.

    `how`: "mean", "median", or "adjusted", the mean once each rater's level is removed.
    Levels and clips are fitted together by least squares, so that who scored which
    clips does not matter. A mixed model would also draw the clips of one rater towards
    the mean of all, and of two or three raters it cannot estimate a variance.
    """
    if how != "adjusted":
        return table.agg(how, axis=1).round(4), []
    there = table.notna().to_numpy(float)
    share = there / there.sum(axis=1, keepdims=True)
    weights = np.diag(there.sum(axis=0)) - there.T @ share
    if np.linalg.matrix_rank(weights) < len(table.columns) - 1:
        raise Problem(
            "--join adjusted compares raters on clips that both scored, and some share "
            "none with the others. Let them score a few of the same clips, or "
            "give --join mean"
        )
    without = table.sub(table.mean(axis=1), axis=0)
    levels = np.linalg.pinv(weights) @ without.sum().to_numpy()
    scores = table.sub(levels, axis=1).mean(axis=1)
    told = [f"{rater} {x:+.2f}" for rater, x in zip(table, levels, strict=True)]
    lines = [f"levels against the raters' mean, removed: {', '.join(told)}"]
    scores = scores.round(4)
    below = scores.index[scores < 0]
    if len(below) and not (table < 0).any(axis=None):  # the only end that is sure
        lines.append(
            f"{count(len(below), 'score')} below 0 set to 0: {list_some(below)}"
        )
        scores = scores.clip(lower=0)
    return scores, lines


def describe(said):
    """Tell how far raters agree with themselves and with each other, line by line."""
    table, again, lines = tabulate(said), tabulate(said, "1"), []
    for rater, rows in said.items():
        n_scored = table[rater].count()
        n_open = len(list_scores(rows)) - n_scored
        told = f" and marked {n_open} as not scorable" if n_open else ""
        twice = compare(table[rater], again[rater])
        lines.append(f"{rater} scored {count(n_scored, 'clip')}{told}. {twice}")
    for one, other in itertools.combinations(said, 2):
        lines.append(compare(table[one], table[other], one, other))
    spread = table.max(axis=1) - table.min(axis=1)
    spread = spread[spread > 0].sort_values(ascending=False, kind="stable")
    for clip in spread.index[:N_SHOWN]:
        told = [f"{rater} {s:g}" for rater, s in table.loc[clip].items() if s == s]
        lines.append(f"  The scores of {clip} differ: {', '.join(told)}.")
    return lines


def compare(first, second, one=None, other=None):
    """Compare two columns of scores in words: of two raters, or of one seen twice."""
    change = (second - first).dropna()
    n, mean = count(len(change), "clip"), change.mean()
    if not len(change):
        return f"{one} and {other} share no clip." if one else "No clip came twice."
    whose = f"{one} and {other} both scored {n}" if one else f"{n} came twice"
    who = other or "the second score"
    level = f"{abs(mean):.2f} {'higher' if mean > 0 else 'lower'}"
    level = level if mean else "as high"
    return (
        f"{whose}: the scores differ by {change.abs().mean():.2f} on average, and "
        f"{who} {'scores' if one else 'is'} {level}."
    )


def write_scores(folder, scores, how, said, overwrite=False):
    """Write scores into the table of clips and leave all else in it as it is.

    What the join before wrote is replaced, and removed where no rater scores the clip
    any longer; other scores are replaced with `overwrite` alone. Returns what was done,
    line by line.
    """
    path, before = storage.table_path(folder), read_joined(folder)
    table, listed = listing.open_listed(path)
    if not listed:
        raise Problem(f"{path} lists no clip, so there are no rows for scores")
    changed, lost, replaced, taken_back, without = [], [], [], [], []
    for (line, _), clip in zip(table.rows, listed, strict=True):
        name, old, is_own = clip.name, clip.score, before.get(clip.name) == clip.score
        new = scores.get(name, math.nan if is_own else old)
        if name in scores or is_own:
            changed.append((clip._replace(score=new), ("score",)))
        if is_own and old != new:
            (replaced if name in scores else taken_back).append(name)
        elif clip.is_scored and old != new:
            lost.append(f"{path}:{line}: {name} has the score {old:g}")
        if math.isnan(new):
            without.append(name)
    if lost and not overwrite:
        told = f"{count(len(lost), 'score')} would be lost; --overwrite replaces them"
        raise Problem(f"{summarise(lost, N_SHOWN)}\n{told}")
    listing.change_table(folder, changed)
    record = {"how": how, "scores": dict(scores)}
    record["tables"] = storage.digest_tables(joined_path(folder).parent)
    storage.write_json(joined_path(folder), record)
    names = [clip.name for clip in listed]
    if unknown := sorted({*record["scores"]} - {*names}):
        caution(
            f"{count(len(unknown), 'rated clip')} in no row of the table (say, "
            f"{unknown[0]}): name them as the table does, or import such ratings with "
            "--scores"
        )
    lines = [f"{path}:", *count_raters(said, [n for n in names if n in scores], how)]
    for clips, what in (
        (replaced, "of the join before replaced"),
        (taken_back, "taken back since the join before and removed"),
    ):
        if clips:
            lines.append(f"  {count(len(clips), 'score')} {what} ({list_some(clips)})")
    if without:
        told = f"{count(len(without), 'row')} without a score ({list_some(without)}):"
        lines += [told, "score them or take them out before training"]
    return lines


def joined_path(folder):
    return Path(folder) / "ratings" / "joined.json"


def read_joined(folder):
    """Read which scores the last join wrote, by clip; none of a damaged record."""
    path = joined_path(folder)
    scores = storage.read_json(path).get("scores") if path.is_file() else None
    return scores if isinstance(scores, dict) else {}


def count_raters(said, scored, how):
    """Say how many rows hold the scores of how many raters: list of str."""
    n_raters = tabulate(said).count(axis=1)
    rows = Counter(int(n_raters[clip]) for clip in scored)
    return [
        f"  {count(n_rows, 'row')} {'holds' if n_rows == 1 else 'hold'} "
        f"the {MEANS[how] + f' of {n} raters' if n > 1 else 'score of one rater alone'}"
        for n, n_rows in sorted(rows.items(), reverse=True)
    ]
