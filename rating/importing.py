"""Scores that stand in a table already: a spreadsheet, BORIS's export, any CSV.

A name is matched where it can mean one clip only: with or without ending and folder,
whatever its capitals and spaces; see `match_names`. All others are listed, with
the clip that may be meant, and not imported.
"""

import math
import re
from collections import Counter

from names.matching import explain_missing, match_names, read_as_day, split_path
from system.tables import count, list_some, parse_number, plain, read_table

EMPTY = ("", "-", "na", "n/a", "n.a.", "nan", "none")  # no score
PLAYER = re.compile(r"^(player )?#?\d+:\s*", re.I)  # as BORIS writes before a file
N_EXPLAINED = 20  # names that are looked for among those of a near spelling


def match_clips(given, clips):
    """Find the one clip that each name of a table means: dict of str to str, and why
    each other name means none."""
    known = {c.name: (c.video.replace("\\", "/"),) if c.video else () for c in clips}
    texts = {name: PLAYER.sub("", name.strip()) for name in given}
    match = match_names(texts.values(), known)
    # Recordings may have moved: a name that stands under one folder only needs none.
    ends = {text: split_path(text)[1] for text in texts.values()}
    single = {end for end, n in Counter(map(plain, ends.values())).items() if n == 1}
    alone = {t: ends[t] for t in match.missing if plain(ends[t]) in single}
    moved = match_names(alone.values(), known).found
    found = match.found | {t: moved[end] for t, end in alone.items() if end in moved}
    reasons = {text.partition(" may mean ")[0]: text for text in match.doubtful}
    lost = {name: text for name, text in texts.items() if text not in found}
    return (
        {name: found[text] for name, text in texts.items() if text in found},
        {n: reasons.get(repr(t), f"no clip is called {n!r}") for n, t in lost.items()},
    )


def read_scores(path, clips, clip_column, raters, sheet=None, where=None):
    """Read the scores of clips, also those found by their `video`, from a table.

    `raters` tells the column of each rater; `where` a column and what must stand in it,
    for tables with rows of other kinds. Returns the scores of each rater by clip, NaN
    where its cells are empty, and what was left out, with its line. A doubtful cell
    concerns one rater alone.
    """
    columns = [clip_column, *raters.values(), *(where or ())[:1]]
    table = read_table(path, columns, sheet or "", optional=())
    records = table.records()
    if where:
        column, value = map(plain, where)
        records = [pair for pair in records if plain(pair[1][column]) == value]
    given = [record[plain(clip_column)] for _, record in records]
    meant, reasons = match_clips(given, clips)
    names, problems, faults = {clip.name for clip in clips}, [], {}
    said = {rater: {} for rater in raters}  # by clip: (line, score)
    for name, (line, record) in zip(given, records, strict=True):
        if name not in meant:
            near = explain_missing(name, names) if len(problems) < N_EXPLAINED else ""
            problems.append((line, f"{reasons[name]}. {near}".strip()))
            continue
        clip = meant[name]
        for rater, column in raters.items():
            try:
                score = read_score(record[plain(column)], table.decimal)
                first, other = said[rater].get(clip, (line, math.nan))
                if math.isnan(other):
                    said[rater][clip] = line, score
                elif score != other and not math.isnan(score):
                    told = f"{score:g} here and {other:g} in line {first}"
                    raise ValueError(f"two scores, {told}")
            except ValueError as error:
                told = f"score of {clip!r} by {rater}: {error}"
                faults.setdefault((rater, clip), (line, told))
    found = {
        rater: {c: score for c, (_, score) in own.items() if (rater, c) not in faults}
        for rater, own in said.items()
    }
    problems = sorted([*problems, *faults.values()])
    return found, [f"{path}:{line}: {told}" for line, told in problems]


def merge_scores(earlier, said):
    """Bring the scores of an `earlier` import up to date with those that are `said`
    now, of which NaN takes one back: the scores, and what has changed, in words."""
    scores = {clip: score for clip, score in said.items() if score == score}
    lost = [clip for clip in said if clip in earlier and clip not in scores]
    kept = {clip: score for clip, score in earlier.items() if clip not in said}
    changed = [
        f"{clip} {earlier[clip]:g} -> {score:g}"
        for clip, score in scores.items()
        if not math.isclose(earlier.get(clip, score), score, rel_tol=1e-9)
    ]
    new = [clip for clip in scores if clip not in earlier]
    told = [
        f"{count(len(found), 'score')} {what} ({list_some(found)})"
        for found, what in ((changed, "changed"), (lost, "taken back"), (new, "new"))
        if found
    ] or ["the same scores as before"]
    if kept:
        n_kept = count(len(kept), "score")
        told.append(f"{n_kept} kept that this table does not mention")
    return kept | scores, "; ".join(told)


def read_score(text, decimal):
    """Read the score in a cell, NaN of an empty one. Raises ValueError."""
    try:
        return math.nan if plain(text) in EMPTY else parse_number(text, decimal)
    except ValueError as error:
        hint = ". A spreadsheet has made a date of it" if read_as_day(text) else ""
        raise ValueError(f"{error}{hint}") from None
