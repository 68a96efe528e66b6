"""Scores that stand in a table already: a spreadsheet, BORIS's export, any CSV.

A name is matched where it can mean one clip only: with or without ending and folder,
whatever its capitals and spaces. All others are listed, with the clip that may be
meant, and left out.
"""

import math
import re

import sources
from names import explain_missing, read_as_days
from tables import count, fold, parse_number, plain, read_table

EMPTY = ("", "-", "na", "n/a", "n.a.", "nan", "none")  # no score
N_EXPLAINED = 20  # names that are looked for among those of a near spelling


def simplify(name):
    """Bring a clip's name into the form in which names are matched.

    Folder and video ending go, as does the number that BORIS puts before a file; so do
    capitals and spaces, but not those that keep two numbers apart.
    """
    name = re.split(r"[/\\]", fold(name))[-1]
    name = re.sub(r"^(player )?#?\d+:\s*", "", name).replace("_", " ").strip()
    stem, dot, ending = name.rpartition(".")
    name = stem if dot + ending in sources.VIDEO_SUFFIXES else name
    return re.sub(r"\s", "", re.sub(r"(?<=\d)\s+(?=\d)", "\0", name))


def find_clip(name, names, forms, explain=explain_missing):
    """Name the one clip that a name means. Raises ValueError where none is certain."""
    found = [name] if name in names else sorted(forms.get(simplify(name), ()))
    if len(found) > 1:
        raise ValueError(f"{name!r} may mean {' or '.join(map(repr, found[:3]))}")
    if not found:
        raise ValueError(f"no clip is called {name!r}. {explain(name, names)}".strip())
    return found[0]


def read_scores(path, clips, clip_column, raters, sheet=None, where=None):
    """Read the scores of clips, also those found by their `video`, from a table.

    `raters` tells the column of each rater; `where` a column and what must stand in it,
    for tables with rows of other kinds.

    Returns
    -------
    (dict of str to dict of str to float, list of str)
        The scores of each rater by clip, NaN where the table holds none for a clip that
        it names; what was left out, with its line.
    """
    table = read_table(path, [clip_column, *raters.values(), *(where or ())[:1]], sheet)
    names, forms, problems = {clip.name for clip in clips}, {}, []
    for clip in clips:
        for name in (clip.name, clip.video or clip.name):
            forms.setdefault(simplify(name), set()).add(clip.name)
    scores, named = {rater: {} for rater in raters}, set()
    lines = {}  # (rater, clip) -> line
    for line, record in table.records():
        if where and plain(record[plain(where[0])]) != plain(where[1]):
            continue
        try:
            near = explain_missing if len(problems) < N_EXPLAINED else lambda *_: ""
            clip = find_clip(record[plain(clip_column)], names, forms, near)
            named.add(clip)
            for rater, column in raters.items():
                if plain(text := record[plain(column)]) in EMPTY:
                    continue
                score = read_score(clip, text, table.decimal)
                other = scores[rater].setdefault(clip, score)
                earlier = lines.setdefault((rater, clip), line)
                if not math.isclose(other, score):
                    told = f"{score:g} here and {other:g} in line {earlier}"
                    raise ValueError(f"clip {clip!r} has two scores: {told}")
        except ValueError as error:
            problems.append(f"{path}:{line}: {error}")
    unscored = dict.fromkeys(sorted(named), math.nan)
    return {rater: unscored | said for rater, said in scores.items()}, problems


def merge_scores(earlier, said):
    """Bring the scores of an import up to date with those of a table that came later.

    `earlier` and `said` are scores by clip; NaN in `said` takes a score back. Returns
    the scores, and what has changed, in words.
    """
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
        f"{count(len(found), 'score')} {what} ({', '.join(found[:5])}"
        f"{', ...' if len(found) > 5 else ''})"
        for found, what in ((changed, "changed"), (lost, "taken back"), (new, "new"))
        if found
    ] or ["the same scores as before"]
    if kept:
        told.append(
            f"{count(len(kept), 'score')} that this table does not mention are kept"
        )
    return kept | scores, "; ".join(told)


def read_score(clip, text, decimal):
    try:
        return parse_number(text, decimal)
    except ValueError as error:
        hint = ". A spreadsheet has made a date of it" if read_as_days(text) else ""
        raise ValueError(f"score of {clip!r}: {error}{hint}") from None
