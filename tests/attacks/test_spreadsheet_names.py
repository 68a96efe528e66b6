"""Names that a spreadsheet alters or would compute: said, guarded, and read back."""

import ast
import csv
from pathlib import Path

import builders
import films
import numpy as np
import pandas as pd
import pytest

import data
import train_reg
from evaluation import further
from features import provenance, sequences
from names import matching
from rating import ratings, reading, session
from rating.scales import Item
from recordings import trials
from runs.options import Options
from system import tables
from system.terminal import Caution, Problem
from video import find

ROOT = Path(__file__).parents[2]
PAIRS = [  # a name, what a spreadsheet makes of it
    ("0001", "1"),
    ("3-4", "04-Mar"),
    ("1e3", "1000"),
    ("MAR4", "Mar-04"),
    ("123456789012345", "1.23457E+14"),
]
HOSTILE = ["=1+1", "+x", "@SUM(A1)", "'=1", "=cmd'!A1", '=1", "2', "= 3"]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("1", "0001"),
        ("04-Mar", "3-4"),
        ("2026-03-04", "3/4"),
        ("1000", "1e3"),
        ("1,00E+03", "1e3"),
        ("1.2", "1.20"),
        ("Mar-04", "MAR4"),
        ("1.23457E+14", "123456789012345"),
    ],
)
def test_what_a_spreadsheet_altered_is_said(name, known):
    text = matching.explain_missing(name, ["other", known, "7-9", "12"])
    assert f"made it of {known!r}" in text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Rat_12_day3", "Is 'Rat 12 day3' meant?"),
        ("rat 12 dya3", "Is 'Rat 12 day3' meant?"),
        ("3-5", ""),
        ("2", ""),
        ("Zebra", ""),
        ("c01-3", ""),
    ],
)
def test_a_near_name_is_asked_for_and_no_other(name, text):
    assert matching.explain_missing(name, ["Rat 12 day3", "3-4", "0001"]) == text


def test_a_name_with_other_numbers_is_no_near_one():
    known = ["v_g01_c01", "v_g01_c02"]
    assert matching.explain_first(["v_g01_c03"], known) == ""
    assert matching.explain_first(["x", "V_G01_c02"], known).endswith(
        "'v_g01_c02' meant?)"
    )


@pytest.mark.parametrize(("name", "altered"), PAIRS)
def test_every_stage_says_which_name_was_altered(tmp_path, name, altered):
    films.make_film(tmp_path / f"train/Reach/{name}.avi", 3)
    sequences.write_sequence(tmp_path, name, np.ones((4, 8), np.float32))
    said = rf"{altered}: A spreadsheet may have made it of '{name}'".replace("+", r"\+")
    clip = data.Clip("train", "Reach", altered, 3, 1.0)
    plan = builders.make_run(train_clips={altered: 1.0}, options=Options(n_frames=4))
    with pytest.raises(Problem, match=said):
        find.find_source(tmp_path, clip)
    with pytest.raises(Problem, match=said):
        sequences.read_sequence(tmp_path, altered, 4)
    with pytest.raises(Problem, match=said):
        train_reg.check_present(tmp_path, [plan], [clip])
    with pytest.warns(Caution, match=said), pytest.raises(Problem, match="no clip is"):
        sequences.omit_missing(tmp_path, [clip], 4, "features")
    with pytest.warns(Caution, match=said):
        reading.spread_ratings({"JB": [{altered: 1.0}]}, [name])
    scores = {"network_score": [1.0, 2, 3, 4], "expert_score": [1.0, 3, 2, 4]}
    animals = pd.DataFrame({"animal": ["a", "b", "c", name], **scores})
    if matching.form_of_animal(altered) != matching.form_of_animal(name):
        with pytest.warns(Caution, match=said):
            outcome = {"a": 1, "b": 2, "c": 4, altered: 3.0}
            further.evaluate_outcome(animals, outcome, "o.csv")
    (tmp_path / "t.csv").write_text(f"video,start,end\n{altered},0,0.1\n")
    with pytest.raises(Problem, match=said):
        trials.read_trials(tmp_path / "t.csv", tmp_path)


# ---------------------------------------------------------------- formulas


def read_plainly(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("name", HOSTILE)
def test_no_table_holds_a_formula_and_all_give_the_name_back(tmp_path, name):
    origin = provenance.Origin(name, source=name, digest="a" * 64, fps=30.0)
    made = {"features": np.ones((4, 8), np.float32)}
    (tmp_path / "sequences").mkdir()
    provenance.note_origin(tmp_path, origin, made)
    provenance.tidy_origins(tmp_path)
    assert [*provenance.read_origins(tmp_path)] == [(name, 4)]
    columns = pd.DataFrame({"clip": [name], "score": [-1.5]})
    tables.write_columns(tmp_path / "columns.csv", columns)
    table = tables.read_table(tmp_path / "columns.csv", ("clip", "score"))
    assert table.rows == [(2, [name, "-1.5"])]
    work = session.Session(tmp_path, "=JB", [name], [Item("Score", (0, 1))])
    assert work.save(work.tell()["current"], [1], 1)
    _, (row,) = ratings.read_ratings(work.path)
    assert row["clip"] == name
    written = [*tmp_path.rglob("*.csv")]
    assert len(written) == 3
    for cell in (c for path in written for row in read_plainly(path) for c in row):
        assert cell[:1] not in "=+-@\t" or not cell or tables.NUMBER.fullmatch(cell)


def test_tables_alone_writes_tables():
    others = {"demo.py", "fitting.py"}  # whose cells are numbers, or names of our own
    for path in [*ROOT.glob("*.py"), *ROOT.glob("[!tb]*/*.py")]:
        called = {
            n.attr
            for n in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(n, ast.Attribute)
        }
        writes = called & {"to_csv", "writerow", "writerows", "DictWriter"}
        assert not writes or path.name in {"tables.py", *others}


FILMS = {
    "Rat 1_c1": ("Rat 1/c1.mp4", "/new/Rat 1/c1.mp4"),
    "Rat 2_c1": ("Rat 2/c1.mp4", "/new/Rat 2/c1.mp4"),
    "übung 3": ("übung 3.avi", "/new/übung 3.avi"),
    "2024-05-01": ("2024-05-01.mov", "/new/2024-05-01.mov"),
}


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("Rat 1_c1", "Rat 1_c1"),
        ("RAT1-C1", "Rat 1_c1"),
        ("rat 2/c1.MP4", "Rat 2_c1"),
        ("D:\\films\\Rat 2\\C1.mp4", "Rat 2_c1"),
        ("/new/Rat 1/c1.mp4", "Rat 1_c1"),
        ("U\u0308BUNG  3.AVI", "übung 3"),
        ("elsewhere/übung_3", "übung 3"),
        ("2024 05 01", "2024-05-01"),
        ("20240501", None),  # another number, as 03 is another than 3
        ("übung 03", None),
        ("Rat 3/c1.mp4", None),
        ("c2", None),
    ],
)
def test_a_name_means_one_film_whatever_its_form(given, meant):
    match = matching.match_names([given], FILMS)
    assert match.found == ({given: meant} if meant else {})
    assert match.missing == ([] if meant else [given]) and not match.doubtful


def test_a_name_of_several_films_is_doubtful_and_nearer_folders_win():
    match = matching.match_names(["c1.mp4"], FILMS)
    assert not match.found and "'Rat 1_c1' or 'Rat 2_c1'" in match.doubtful[0]
    rows = ["Rat 1/c1", "Rat 2/c1", "Rat 3/c1"]
    match = matching.match_names(rows, {"c1": ("c1.mp4", "/new/Rat 2/c1.mp4")})
    assert match.found == {"Rat 2/c1": "c1"}
    assert sorted(match.missing) == ["Rat 1/c1", "Rat 3/c1"]
    twice = matching.find_twice(matching.match_names(["a.mp4", "A"], ["a"]).found)
    assert twice == {"a": ["a.mp4", "A"]}
