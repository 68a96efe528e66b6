"""Scores that are imported, joined, corrected and taken back, one day after another."""

import numpy as np
import pytest

from system import tables


@pytest.fixture
def rated(lab):
    """Six clips in a table without scores; no film is needed to join scores."""
    rows = [("train", "Reach", f"r{i}_c1", 20, "", f"r{i}") for i in range(1, 7)]
    columns = ("split", "task", "clip", "n_frames", "score", "animal")
    tables.write_table(lab.folder / "data_file.csv", columns, rows)
    return lab


def write_sheet(lab, scores, name="sheet.csv"):
    rows = [(clip, *said) for clip, said in scores.items()]
    raters = ("JB", "MK")[: len(next(iter(scores.values())))]
    tables.write_table(lab.place / name, ("clip", *raters), rows)
    return lab.place / name


def write_blind(lab, rater, scores):
    """Write what the page writes: seconds and order for each clip seen."""
    columns = ("clip", "score", "repeat", "seconds", "order")
    rows = [(c, s, 0, "4.0", i) for i, (c, s) in enumerate(scores.items(), start=1)]
    tables.write_table(lab.folder / "ratings" / f"{rater}.csv", columns, rows)


def read_scores(lab):
    return {row["clip"]: row["score"] for row in lab.rows()}


def join(lab, *more):
    return lab.ok("rate", "--join", "mean", *more)


def test_a_typo_mended_in_the_sheet_is_imported_again(rated):
    said = {f"r{i}_c1": (i / 2, i / 2 + 0.5) for i in range(1, 7)}
    options = ("--rater-columns", "JB,MK", "--join", "mean")
    sheet = write_sheet(rated, said | {"r3_c1": (25, 2)})
    rated.ok("rate", "--scores", sheet, *options)
    assert float(read_scores(rated)["r3_c1"]) == np.mean([25, 2])

    sheet = write_sheet(rated, said | {"r3_c1": (2.5, 2)})
    told = rated.ok("rate", "--scores", sheet, *options).out
    assert "JB: 1 score changed (r3_c1 25 -> 2.5)" in told
    assert "MK: the same scores as before" in told
    assert float(read_scores(rated)["r3_c1"]) == np.mean([2.5, 2])

    sheet = write_sheet(rated, {"r4_c1": ("", ""), "r5_c1": (1, 1)}, "later.csv")
    told = rated.ok("rate", "--scores", sheet, *options).out
    assert "1 score taken back (r4_c1)" in told and "1 score changed (r5_c1" in told
    assert "4 scores kept that this table does not mention" in told
    scores = read_scores(rated)
    assert scores["r4_c1"] == "" and float(scores["r5_c1"]) == 1
    assert float(scores["r6_c1"]) == np.mean([3, 3.5])


@pytest.mark.parametrize(
    ("cells", "jb", "mk", "n_doubtful"),
    [
        ([("abc", 2)], 1.5, 2, 1),  # the older score stays, the other rater's counts
        ([("2", 1), ("3", 1)], 1.5, 1, 1),  # neither of two that differ
        ([("3", 1), ("2", "x")], 1.5, 4, 2),  # nothing is left
        ([("2", ""), ("2.0", "")], 2, None, 0),
        ([("n/a", 4), ("", 4)], None, 4, 0),
        ([("", 4), ("2", "")], 2, 4, 0),
    ],
)
def test_what_is_doubtful_in_a_sheet_concerns_one_rater(
    rated, cells, jb, mk, n_doubtful
):
    options = ("--rater-columns", "JB,MK")
    rated.ok("rate", "--scores", write_sheet(rated, {"r1_c1": (1.5, 4)}), *options)
    sheet = rated.place / "second.csv"
    tables.write_table(sheet, ("clip", "JB", "MK"), [("r1_c1", *c) for c in cells])
    told = rated.run("rate", "--scores", sheet, *options)
    assert told.code == n_doubtful
    assert told.err.count("second.csv:") == n_doubtful
    for rater, score in (("JB", jb), ("MK", mk)):
        path = rated.folder / "ratings" / f"{rater}.csv"
        rows = [
            float(row["score"])
            for _, row in tables.read_table(path, ("clip",)).records()
        ]
        assert rows == ([] if score is None else [score])


def test_an_import_leaves_blind_scores_alone(rated):
    write_blind(rated, "JB", {"r1_c1": 4})
    before = (rated.folder / "ratings" / "JB.csv").read_bytes()
    sheet = write_sheet(rated, {"r1_c1": (1,)})
    options = ("--scores", sheet, "--rater-columns", "JB")
    rated.refused("rate", *options, words=("JB.csv", "rated in the browser"))
    assert (rated.folder / "ratings" / "JB.csv").read_bytes() == before


def test_a_score_taken_back_leaves_the_table(rated):
    said = {f"r{i}_c1": i / 2 for i in range(1, 5)}
    write_blind(rated, "JB", said)
    join(rated)
    write_blind(rated, "JB", {**said, "r2_c1": "", "r4_c1": 2.5})  # r3 stays
    told = join(rated).out
    assert "taken back" in told and "r2_c1" in told
    expected = {"r1_c1": "0.5", "r2_c1": "", "r3_c1": "1.5", "r4_c1": "2.5"}
    assert read_scores(rated) == {**expected, "r5_c1": "", "r6_c1": ""}
    write_blind(rated, "JB", {"r1_c1": 0.5})  # undone in a later session
    join(rated)
    assert [c for c, score in read_scores(rated).items() if score] == ["r1_c1"]


def test_scores_typed_by_hand_stay_where_nobody_rated(rated):
    write_blind(rated, "JB", {"r1_c1": 1, "r2_c1": 2})
    rated.edit(lambda row: row.update(score="4") if row["clip"] == "r6_c1" else None)
    join(rated)
    rated.edit(lambda row: row.update(score="3") if row["clip"] == "r2_c1" else None)
    write_blind(rated, "JB", {"r1_c1": 1})  # r2 taken back, but typed since
    join(rated)
    scores = read_scores(rated)
    assert (scores["r2_c1"], scores["r6_c1"]) == ("3", "4")
    write_blind(rated, "JB", {"r1_c1": 1, "r2_c1": 2})
    rated.refused("rate", "--join", "mean", words=("1 score would be lost",))


def test_the_closing_line_counts_the_raters_of_each_row(rated):
    write_blind(rated, "JB", {f"r{i}_c1": 1 for i in range(1, 7)})
    write_blind(rated, "MK", {f"r{i}_c1": 2 for i in range(1, 5)})
    told = join(rated).out
    assert "4 rows hold the mean of 2 raters" in told
    assert "2 rows hold the score of one rater alone" in told
    assert "6 rows" not in told
    write_blind(rated, "XY", {"r1_c1": 3})  # a third rater, later
    told = join(rated).out
    assert "1 row holds the mean of 3 raters" in told
    assert "1 score of the join before replaced (r1_c1)" in told
    assert float(read_scores(rated)["r1_c1"]) == np.mean([1, 2, 3])


def test_a_table_of_clip_and_score_is_a_rater(rated):
    place = rated.folder / "ratings" / "MK.csv"
    tables.write_table(place, ("clip", "score"), [("R1_c1.MP4", 3), ("gone.mp4", 1)])
    write_blind(rated, "JB", {"r1_c1": 1})
    told = join(rated).all
    assert float(read_scores(rated)["r1_c1"]) == np.mean([3, 1])
    assert "gone.mp4" in told  # in no row
    tables.write_table(place, ("clip", "score"), [("r1_c1", 3), ("r1_c1", 4)])
    rated.refused("rate", "--join", "mean", words=("MK.csv:3", "r1_c1"))
    tables.write_table(place, ("clip", "score"), [("r1_c1", 3), ("r1_c1.avi", 4)])
    rated.refused("rate", "--join", "mean", words=("MK.csv", "two scores"))
    place.write_text("\ufeffClip;Score;Notiz\r\nr1_c1.mp4;2,5;ok\r\n\r\nR3_C1;;nix\r\n")
    (place.parent / "ZZ.xlsx").touch()
    assert "ZZ.xlsx is not read" in join(rated, "--overwrite").err
    scores = read_scores(rated)
    assert (float(scores["r1_c1"]), scores["r3_c1"]) == (np.mean([2.5, 1]), "")


def test_lines_above_the_header_are_not_lost(rated):
    path = rated.folder / "data_file.csv"
    path.write_text("Our study 2024\n" + path.read_text())
    before = path.read_bytes()
    write_blind(rated, "JB", {"r1_c1": 1})
    rated.refused("rate", "--join", "mean", words=("data_file.csv:1", "header line"))
    assert path.read_bytes() == before


CLIPS = [f"r{i}_c1" for i in range(1, 7)]


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ([0, 2, 4, 6, 8, 10], "another scale"),
        ([5, 4, 3, 2, 1, 0], "is one scale turned"),
        ([0, 1, 3, 3, 4, 5], None),
        ([0, 1, 2, 3, 4, 425], "425"),
        ([1, 2, 3, 4, 5, 5], None),
    ],
)
def test_raters_on_another_scale_are_told(rated, others, words):
    write_blind(rated, "JB", dict(zip(CLIPS, range(6), strict=True)))
    write_blind(rated, "MK", dict(zip(CLIPS, others, strict=True)))
    told = join(rated).err
    assert (words in told and "MK" in told) if words else not told.strip()


@pytest.mark.parametrize(
    "name",
    [
        *("JB (1)", "JB-LAPTOP7", "JB (conflicted copy 2026-05-01)", "Kopie von JB"),
        *("JB.sync-conflict-20260501-101500-ABCDEF2", "JB 2"),
    ],
)
def test_a_copy_of_ratings_is_no_rater(rated, name):
    said = dict(zip(CLIPS, [0, 1, 2, 3, 4, 5], strict=True))
    write_blind(rated, "JB", said)
    write_blind(rated, "MK", {clip: min(s + 1, 5) for clip, s in said.items()})
    write_blind(rated, name, said)
    told = join(rated)
    assert f"{name} (of JB)" in told.err
    assert float(read_scores(rated)["r1_c1"]) == 0.5
    ratings = rated.folder / "ratings"
    assert f"{name} (of JB)" in rated.ok("validate", "--raters", ratings).err


def test_raters_of_alike_names_are_two(rated):
    write_blind(rated, "JB", dict(zip(CLIPS, [0, 1, 2, 3, 4, 5], strict=True)))
    for other, score in (("JBX", 1), ("JB-old", 2)):
        write_blind(rated, other, dict.fromkeys(CLIPS, score))
    assert "copies" not in join(rated).err
    assert float(read_scores(rated)["r1_c1"]) == 1
