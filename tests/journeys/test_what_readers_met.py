"""Ways on which people who had never seen the program went, and what they met."""

import shutil

import builders
import numpy as np
from builders import read_csv, read_json, take_in

GROUPS = ["sham", "lesion"] * 5
BOTH = ("--folds", "--compare", "group", "--pair", "session")
MOTION = ("train_reg", "--model", "motion", "--folds", "5", "--final")


def test_a_session_that_no_expert_scored_is_compared_by_the_network(lab):
    lab.write_sequences(GROUPS, ("pre", "post"), clips=2)
    lab.ok(*MOTION)
    lab.edit(lambda r: r.update(score="") if r["session"] == "post" else None)
    lab.ok("validate", *BOTH)
    found = read_json(lab.folder / "predictions/Reach-motion-folds.json")["comparison"]
    by_name = {each["name"]: each for each in found["found"]}
    change = by_name["lesion: post - pre"]["network"]
    rows = read_csv(lab.folder / "predictions/Reach-motion-folds.csv")
    means = {}
    for row in (row for row in rows if row["group"] == "lesion"):
        own = means.setdefault(row["animal"], {"pre": [], "post": []})
        score = float(row["network_score"]) - float(row["training_mean"])
        own[row["session"]].append(score)
    by_hand = np.mean([np.mean(m["post"]) - np.mean(m["pre"]) for m in means.values()])
    assert abs(change["difference"] - by_hand) < 1e-4 and change["n"] == [5, 5]
    assert [n for n, each in by_name.items() if "expert" in each] == [
        "pre: lesion - sham"
    ]
    before = [row for row in rows if row["session"] == "pre"]
    sides = [
        [float(row["expert_score"]) for row in before if row["group"] == group]
        for group in ("sham", "lesion")
    ]  # as many clips an animal
    expert = by_name["pre: lesion - sham"]["expert"]
    assert abs(expert["difference"] - np.diff(list(map(np.mean, sides)))[0]) < 1e-6
    assert expert["p"] == expert["p_holm"]  # the only one
    text = (lab.folder / "figures/Reach-motion/results.txt").read_text("utf-8")
    assert text.count("by expert scores") == 1


def test_an_animal_of_two_groups_is_told_before_anything_is_scored(lab):
    lab.write_sequences(GROUPS)
    lab.ok(*MOTION)
    lab.edit(lambda r: r.update(group="sham") if r["clip"] == "r2_s0_c1" else None)
    words = ("animals of two groups: Rat 2", "Correct the column group")
    lab.refused("validate", "--folds", "--compare", "group", words=words)


def test_one_folder_at_a_time(lab):
    films = lab.record_animals(animals=2, clips=1)
    other = shutil.copytree(films, lab.place / "other")
    words = ("--from names one folder",)
    twice = ("--from", films, "--from", other, "--yes")
    lab.refused("extract_files", *twice, words=words)


def test_an_undo_says_what_it_undoes(lab):
    take_in(lab, lab.record_animals(animals=2, clips=1))
    take_in(lab, lab.record_animals("more", animals=3, clips=2))
    n_rows = len(lab.rows())
    told = lab.ok("extract_files", "--undo")
    assert f"2 rows as before the last change, in place of {n_rows}" in told.out
    told = lab.ok("extract_files", "--undo")
    assert f"{n_rows} rows as before the last change, in place of 2" in told.out
    lab.ok("extract_files", "--undo")
    assert len(lab.rows()) == 2


def test_an_undo_of_the_first_listing_leaves_no_table(lab):
    take_in(lab, lab.record_animals(animals=2, clips=1))
    content = (lab.folder / "data_file.csv").read_bytes()
    assert "0 rows as before" in lab.ok("extract_files", "--undo").out
    assert not (lab.folder / "data_file.csv").exists()
    assert "2 rows as before" in lab.ok("extract_files", "--undo").out
    assert (lab.folder / "data_file.csv").read_bytes() == content


def test_an_animal_that_a_table_numbered_stays_one_animal(lab):
    films = lab.record_animals(animals=6, clips=2)
    table = lab.place / "animals.csv"
    lines = [f"{n},{'sham' if n % 2 else 'stroke'}" for n in range(1, 7)]
    table.write_text("\n".join(["animal,group", *lines]))
    take_in(lab, films, "--animals", table)
    assert {row["animal"] for row in lab.rows()} == set("123456")
    lab.score()
    lab.extract(5)
    lab.ok("train_reg", "--model", "motion", "--folds", "3", "--final")
    lab.film("later/Rat 1 day 14.mp4", 2.5, seed=31)
    lab.film("later/Rat 9 day 14.mp4", 2.5, seed=32)
    told = lab.ok("score", lab.place / "later", "--output", lab.place / "new.csv")
    assert "Rat 1 day 14: animal seen in training as 1" in told.err
    first, second = read_csv(lab.place / "new.csv")
    assert first["animal"] == "Rat 1" and not first["low"]
    assert "animal seen in training" in first["warnings"]
    assert second["animal"] == "Rat 9" and second["low"]
    take_in(lab, lab.place / "later")
    (row,) = [row for row in lab.rows() if row["clip"].startswith("Rat 1 day")]
    assert row["animal"] == "1" and row["group"] == "sham"


def test_a_column_of_animal_numbers_is_no_rater_in_silence(lab):
    take_in(lab, lab.record_animals(animals=12, clips=1))
    head, lines = "clip,Rat no.,Ben", []
    for n, row in enumerate(lab.rows()):
        lines.append(f"{row['clip']},{n + 1},{(n * 7) % 11 / 2}")
    (lab.place / "sheet.csv").write_text("\n".join([head, *lines]))
    columns = ("--rater-columns", "Anna=Rat no.,Ben=Ben")
    lab.ok("rate", "--scores", "sheet.csv", *columns)
    told = lab.ok("rate", "--join", "mean")
    assert "Anna from 1 to 12 and Ben from 0 to 5" in told.err
    assert "another column?" in told.err


def test_other_settings_are_refused_with_the_command_that_goes_on(lab):
    take_in(lab, lab.record_animals(animals=2, clips=1))
    lab.extract(5)
    way = "extract_features.py --seq-length 5 --sampling uniform --weights random"
    told = lab.refused("extract_features", words=("with other settings", way))
    assert f"--data {lab.folder}" in told.err
    take_in(lab, lab.record_animals("more", animals=3, clips=2))
    assert way in lab.ok("validate", "--status").out  # some clips have no sequence


def test_a_film_of_another_size_is_told(lab):
    films = lab.record_animals(animals=4, clips=2)
    pictures = builders.draw_mover(3, 20, size=(96, 48))
    builders.draw_film(films / "Rat 2" / "r2_c3.mp4", pictures)
    take_in(lab, films)
    lab.score()
    lab.extract(5)
    told = lab.ok("train_reg", "--model", "motion")
    assert "frames of 2 sizes (64x48 in 8, as " in told.err
    assert "96x48 in 1, as r2_c3): another camera?" in told.err


def test_a_score_that_may_be_a_slip_is_told_when_scores_are_joined(lab):
    take_in(lab, lab.record_animals(animals=4, clips=2))
    (lab.folder / "ratings").mkdir()
    clips = [row["clip"] for row in lab.rows()]
    scores = [1, 2.5, 3, 4, 2, 3, 1, 45]  # a lost decimal sign
    lines = [f"{c},{s}" for c, s in zip(clips, scores, strict=True)]
    path = lab.folder / "ratings/JB.csv"
    path.write_text("\n".join(["clip,score", *lines]), encoding="utf-8")
    told = lab.ok("rate", "--join", "mean")
    assert f"{clips[-1]} 45" in told.err
    assert "If so, correct the sheet" in told.err


def test_a_sheet_is_named_for_what_it_is_and_what_it_lacks(lab):
    take_in(lab, lab.record_animals(animals=2, clips=1))
    (lab.place / "~$sheet.xlsx").write_bytes(b"lock")
    given = ("--clip-column", "Video", "--rater-columns", "JB")
    words = ("lock file", "Give sheet.xlsx")
    lab.refused("rate", "--scores", "~$sheet.xlsx", *given, words=words)
    lab.refused("rate", "--scores", ".", *given, words=("is a folder",))
    text = "Stroke study 2024\n\nAnimal,Video file,JB\nRat 1,r1_c1,2\n"
    (lab.place / "sheet.csv").write_text(text, encoding="utf-8")
    words = ("Line 3 is 'Animal, Video file, JB'",)
    lab.refused("rate", "--scores", "sheet.csv", *given, words=words)


def test_scores_of_a_weak_run_are_told_to_be_weak(lab):
    """Large errors are larger than those of the mean, though not the mean error."""
    lab.write_sequences(GROUPS, clips=2)
    lab.ok(*MOTION)
    path = lab.folder / "checkpoints/Reach-motion.json"
    record = read_json(path)
    errors = record["errors"]
    for number, each in enumerate(errors["clips"]):
        far = 9 if each["animal"] == "Rat 1" else 0.01 * number
        each["score"] = each["target"] + far
    builders.write_json(path, record)
    from runs import intervals, store

    run = store.open_run(path.with_suffix(".keras"))
    assert intervals.explain_no_skill(run) is None
    (told,) = [t for t in intervals.list_cautions(run, 0.9) if "validate.py tells" in t]
    assert "those of the training mean within" in told
