"""From the ratings of several raters to one score a clip, and how far they agree."""

import itertools
import math
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from rating.importing import match_clips
from rating.ratings import list_raters, list_scores, ratings_path, read_ratings
from recordings import listing
from system import storage
from system.tables import count, list_some, summarise
from system.terminal import Problem, caution

OTHER_TABLES = (".xlsx", ".xlsm", ".xls", ".ods", ".numbers", ".txt", ".tsv")
MEANS = {"mean": "mean", "median": "median", "adjusted": "adjusted mean"}
N_SHOWN = 5  # clips on which raters differ most


def read_raters(folder, raters=None):
    """Read what raters said, all of them by default: their rows, by rater."""
    known = list_raters(folder)
    for path in sorted((Path(folder) / "ratings").glob("[!.~]*")):
        if path.suffix.lower() in OTHER_TABLES:
            caution(f"{path} is not read. Import it with rate.py --scores {path}")
    raters = [unicodedata.normalize("NFC", rater) for rater in raters or known]
    if not raters or set(raters) - set(known):
        asked, there = ", ".join(raters) or "a rater", ", ".join(known) or "none"
        place = Path(folder) / "ratings"
        raise Problem(f"{place}: expected ratings of {asked}. Raters there: {there}")
    said = {rater: read_ratings(ratings_path(folder, rater))[1] for rater in raters}
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
                raise Problem(f"{ratings_path(folder, rater)}: {told}")
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
    scores = scores.clip(table.min().min(), table.max().max())  # none off the scale
    told = [f"{rater} {x:+.2f}" for rater, x in zip(table, levels, strict=True)]
    told = f"levels against the raters' mean, removed: {', '.join(told)}"
    return scores.round(4), [told]


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

    What an earlier join in the same way, of no other raters than those of `said`, wrote
    is replaced, and removed where no rater scores the clip any longer; `overwrite`: so
    are other scores. Returns what was done, line by line.
    """
    path, earlier = storage.table_path(folder), read_joined(folder)
    table, listed = listing.open_listed(path)
    if not listed:
        raise Problem(f"{path} lists no clip, so there are no rows for scores")
    before, scores = earlier.get("scores", {}), dict(scores)
    is_like = earlier.get("how") == how and {*earlier.get("raters", ())} <= {*said}
    joined = f" ({earlier.get('how')} of {', '.join(earlier.get('raters', ()))})"
    changed, lost, taken_back, replaced, without = [], [], [], [], []
    for (line, _), clip in zip(table.rows, listed, strict=True):
        name, old, is_own = clip.name, clip.score, before.get(clip.name) == clip.score
        new = scores.get(name, math.nan if is_own else old)
        if name in scores or is_own:
            changed.append((clip._replace(score=new), ("score",)))
        if clip.is_scored and old != new and not (is_own and is_like):
            of_join = f", of the join before{joined}" if is_own else ""
            lost.append(f"{path}:{line}: {name} has the score {old:g}{of_join}")
        if is_own and old != new:
            (replaced if name in scores else taken_back).append(name)
        if math.isnan(new):
            without.append(name)
    if lost and not overwrite:
        told = f"{count(len(lost), 'score')} would be lost; --overwrite replaces them"
        raise Problem(f"{summarise(lost, N_SHOWN)}\n{told}")
    listing.change_table(folder, changed)
    record = {"how": how, "raters": [*said], "scores": scores}
    record["tables"] = storage.digest_tables(joined_path(folder).parent)
    storage.write_json(joined_path(folder), record)
    names = [clip.name for clip in listed]
    if unknown := sorted({*scores} - {*names}):
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
        told = f"{count(len(without), 'row')} without a score (say, {without[0]}):"
        lines += [told, "score them or take them out before training"]
    return lines


def joined_path(folder):
    return Path(folder) / "ratings" / "joined.json"


def read_joined(folder):
    """Read which scores the last join wrote; {} where there was none."""
    path = joined_path(folder)
    record = storage.read_json(path) if path.is_file() else {}
    kinds = {"how": str | None, "raters": list, "scores": dict}
    is_sound = all(isinstance(record.get(key), kind) for key, kind in kinds.items())
    return record if is_sound else {}


def count_raters(said, scored, how):
    """Say how many rows hold the scores of how many raters: list of str."""
    n_raters = tabulate(said).count(axis=1)
    rows = Counter(int(n_raters[clip]) for clip in scored)
    return [
        f"  {count(n_rows, 'row')} {'holds' if n_rows == 1 else 'hold'} "
        f"the {MEANS[how] + f' of {n} raters' if n > 1 else 'score of one rater alone'}"
        for n, n_rows in sorted(rows.items(), reverse=True)
    ]
