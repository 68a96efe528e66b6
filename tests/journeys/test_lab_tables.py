"""True frame rates, tables of animals, workbooks, other versions: a lab's own ways."""

import shutil

import numpy as np
import openpyxl
import pytest
from builders import by_clip, cut, draw_film, draw_mover, read_json, write_trials
from PIL import Image

import data
from features import provenance, sequences
from recordings import animals
from system import tables
from system.terminal import Caution, Problem

# ---------------------------------------------------------------- true frame rates


def test_slow_motion_is_cut_and_timed_by_its_true_rate(lab):
    path = lab.place / "films" / "Rat 1.mp4"
    draw_film(path, draw_mover(1, 120), 30)
    columns = ("video", "start", "end", "fps")
    trials = write_trials(lab, [("Rat 1.mp4", 0.1, 0.3, 240)], columns=columns)
    cut(lab, trials, path.parent)
    (row,) = lab.rows()
    assert (row["n_frames"], row["fps"]) == ("48", "240")  # 24 to 71
    lab.extract(6)
    (origin,) = provenance.read_origins(lab.folder).values()
    assert (origin.fps, origin.n_frames) == (240, 48)
    trials = write_trials(lab, [("Rat 1.mp4", 0.1, 0.3, 120)], columns=columns)
    told = cut(lab, trials, path.parent).out  # corrected
    assert "fps 240 -> 120" in told and by_clip(lab, "n_frames")["Rat 1_t01"] == "24"
    assert "1 sequences written" in lab.extract(6).out
    trials = write_trials(lab, [("Rat 1.mp4", 0, 1.5, 120)], columns=columns)
    options = ("--cut", trials, "--from", path.parent, "--yes")
    lab.refused("extract_files", *options, words=["lasts 1.00 s"])


def test_a_rate_typed_into_the_table_changes_what_follows_from_time(lab):
    films = lab.record_animals(animals=2, clips=2)
    lab.ok("extract_files", "--from", films, "--task", "Reach", "--yes")
    assert "another time between frames" not in lab.extract(5).err
    lab.edit(lambda row: row.update(fps="120" if "r1" in row["clip"] else ""))
    assert "2 clips have changed" in lab.extract(5).err
    lab.score()
    told = lab.ok("train_reg", "--model", "motion").err
    assert "have another time between frames" in told
    told = lab.ok("extract_files", "--from", films, "--task", "Reach", "--yes").out
    assert "0 rows added" in told
    assert by_clip(lab, "fps")["r1_c1"] == "120"  # stays
    lab.edit(lambda row: row.update(fps="fast") if "r1" in row["clip"] else None)
    lab.refused("train_reg", words=["data_file.csv:", "fps expected a number"])


def test_trials_of_a_stack_and_as_files_carry_their_rate(lab):
    pages = [Image.fromarray(picture) for picture in draw_mover(2, 40)]
    path = lab.place / "films" / "a.tif"
    path.parent.mkdir()
    pages[0].save(path, save_all=True, append_images=pages[1:])
    rows, columns = [("a.tif", 0.5, 1.5)], ("video", "start", "end")
    options = ("--from", path.parent, "--task", "Reach", "--yes")
    trials = write_trials(lab, rows)
    lab.refused("extract_files", "--cut", trials, *options, words=["column fps"])
    trials = write_trials(lab, [(*rows[0], 20)], columns=(*columns, "fps"))
    cut(lab, trials, path.parent)
    assert by_clip(lab, "n_frames") == {"a_t01": "20"}
    assert "1 sequences written" in lab.extract(5).out
    shutil.rmtree(lab.folder)
    cut(lab, trials, path.parent, "--save-as", "jpg")
    (row,) = lab.rows()
    assert row["n_frames"] == "20" and row["fps"] == "20"
    assert "1 sequences written" in lab.extract(5).out
    (origin,) = provenance.read_origins(lab.folder).values()
    assert origin.fps == 20


# ---------------------------------------------------------------- tables


@pytest.fixture(scope="module")
def scored(place):
    """A trained run whose table tells no group, and films of new animals."""
    recordings = place.record_animals(animals=6, clips=2)
    place.ok("extract_files", "--from", recordings, "--task", "Reach", "--yes")
    place.score()
    place.extract(5)
    place.ok("train_reg", "--task", "Reach", "--model", "motion", "--folds", "3")
    place.ok("train_reg", "--task", "Reach", "--model", "motion", "--overwrite")
    for animal in range(21, 27):
        place.film(f"new/Rat {animal}/x{animal}.mp4", animal - 20)
    return place


def write_animals(lab, numbers, name="animals.xlsx"):
    groups = ("Sham", "Lesion")
    rows = [(n, groups[n % 2], "f", "2026-05-01") for n in numbers]
    tables.write_table(lab.place / name, ("Animal", "Group", "Sex", "Date"), rows)
    return lab.place / name


def test_a_table_of_animals_tells_groups_where_scores_are_compared(scored):
    study, output = ("--compare", "group", "--animals"), scored.place / "out.xlsx"
    listed = write_animals(scored, range(1, 7))
    told = scored.ok("validate", "--folds", *study, listed)
    assert "healthy group: Sham" in told.out and "Lesion" in told.out
    new = write_animals(scored, range(21, 27), "new.xlsx")
    films = scored.place / "new"
    told = scored.ok("score", films, *study, new, "--output", output)
    assert "healthy group: Sham" in told.out
    table = tables.read_table(scored.place / "out-animals.xlsx", ("animal",))
    assert len(table.rows) == 6
    assert {row["animal"] for _, row in table.records()} == set(map(str, range(21, 27)))
    assert "Sham (n = 3" in told.out and "Lesion (n = 3" in told.out


def test_animals_that_only_one_side_knows_are_named(tmp_path):
    path = tmp_path / "animals.csv"
    path.write_text("Animal;Group\nRAT-01;sham\n2;lesion\n9;lesion\n")
    clips = [data.Clip("train", "R", f"c{n}", 9, 1, f"Rat {n}") for n in (1, 2, 3)]
    with pytest.warns(Caution) as told:
        found = animals.relabel(clips, path, data.ANIMAL_PATTERN)
    assert [c[5:7] for c in found] == [
        ("Rat 1", "sham"),
        ("Rat 2", "lesion"),
        ("Rat 3", None),
    ]
    words = " ".join(str(each.message) for each in told)
    assert "fits 1 clip: c3" in words and "animals.csv: 9" in words


def test_a_table_that_tells_no_animal_of_any_clip_is_refused(tmp_path):
    path = tmp_path / "animals.csv"
    path.write_text("animal,group\n7,sham\n")
    clips = [data.Clip("train", "R", f"c{n}", 9, 1, f"Rat {n}") for n in (1, 2)]
    with pytest.raises(Problem, match=r"none of these animals: Rat 1, Rat 2. .* 7$"):
        animals.relabel(clips, path, data.ANIMAL_PATTERN)


def test_an_output_in_a_workbook_is_replaced_and_no_other_is(scored):
    film, output = scored.place / "new/Rat 21/x21.mp4", scored.place / "again.xlsx"
    for _ in range(2):
        scored.ok("score", film, "--output", output)
    openpyxl.Workbook().save(output)
    scored.refused("score", film, "--output", output, words=["not overwritten"])
    scored.refused("score", film, "--output", "a.txt", words=[".csv or .xlsx"])


def test_proposals_in_a_workbook_are_cut_from_it(lab):
    still = [draw_mover(0, 1)[0]] * 45
    films = draw_film(lab.place / "films/=rat1.mp4", still + draw_mover(3, 40) + still)
    path = lab.place / "trials.xlsx"
    lab.ok("extract_files", "--from", films.parent, "--find-trials", path)
    sheet = openpyxl.load_workbook(path).active
    assert sheet["A2"].value == "=rat1.mp4" and sheet["A2"].data_type == "s"
    assert isinstance(sheet["B2"].value, float)
    cut(lab, path, films.parent)
    (row,) = lab.rows()
    assert float(row["start"]) == pytest.approx(1.25, abs=0.2)


def test_a_german_table_gets_decimal_commas_from_the_first_row_on(lab):
    films = lab.film("films/Rat 1.mp4", n_frames=90).parent
    lab.folder.mkdir()
    path = lab.folder / "data_file.csv"
    path.write_text("split;task;clip;n_frames;score\ntrain;Reach;x;20;3\n")
    cut(lab, write_trials(lab, [("Rat 1.mp4", 0.5, 1.25)]), films)
    assert ";0,5;1,25" in path.read_text(encoding="utf-8-sig")
    assert by_clip(lab, "start")["Rat 1_t01"] == "0,5"
    told = cut(lab, write_trials(lab, [("Rat 1.mp4", 0.5, 1.5)]), films).out
    assert "end 1.25 -> 1.5" in told and by_clip(lab, "end")["Rat 1_t01"] == "1,5"


# ---------------------------------------------------------------- other versions


def test_programs_of_other_versions_are_told(scored):
    record = sequences.read_extraction(scored.folder)
    assert record["versions"]["ffmpeg"]
    old = {**record, "versions": {**record["versions"], "av": "17.0.1", "numpy": "1.0"}}
    sequences.write_extraction(scored.folder, old)
    assert "other versions" not in scored.extract(5).err  # nothing is made
    told = scored.extract(5, "--overwrite").err
    assert "other versions" not in told  # all are made anew
    sequences.write_extraction(scored.folder, old)
    (scored.folder / "sequences" / "r1_c1-5-features.npy").unlink()
    assert "with other versions (av 17.0.1, here" in scored.extract(5).err
    told = scored.ok("validate", "--folds").err
    assert told.count("other versions") == 1 and "that the run learned from" in told
    sequences.write_extraction(scored.folder, record)
    path = scored.folder / "checkpoints" / "Reach-motion.json"
    text = path.read_text()
    changed = text.replace(f'"av": "{record["versions"]["av"]}"', '"av": "17.2.0"')
    assert read_json(path)["extraction"]["versions"] == record["versions"]
    path.write_text(changed)
    told = scored.ok("score", scored.place / "new/Rat 21/x21.mp4").err
    assert "(av 17.2.0, here" in told
    path.write_text(text)


# ---------------------------------------------------------------- rater effects


def test_a_strict_rater_of_half_the_clips_shifts_none(lab):
    random = np.random.default_rng(0)
    true = {f"c{i:02d}": float(random.integers(1, 9) / 2) for i in range(20)}
    rows = [("train", "Reach", name, 20, "") for name in true]
    tables.write_table(lab.folder / "data_file.csv", None, rows)
    levels = {"JB": (0, 20, 0.25), "MK": (0, 8, -0.75), "XY": (5, 14, 0.5)}
    for rater, (first, last, level) in levels.items():
        said = [(name, s + level) for name, s in list(true.items())[first:last]]
        path = lab.folder / "ratings" / f"{rater}.csv"
        tables.write_table(path, ("clip", "score"), said)
    told = lab.ok("rate", "--join", "mean")
    assert "--join adjusted" in told.err
    told = lab.ok("rate", "--join", "adjusted", "--overwrite").out
    assert "removed: JB +0.25, MK -0.75, XY +0.50" in told
    assert "rows hold the adjusted mean of 3 raters" in told
    found = {row["clip"]: float(row["score"]) for row in lab.rows()}
    assert found == pytest.approx(true, abs=1e-3)
    path = lab.folder / "ratings" / "ZZ.csv"
    tables.write_table(path, ("clip", "score"), [("other", 2), ("another", 3)])
    lab.refused("rate", "--join", "adjusted", words=["some share none"])
