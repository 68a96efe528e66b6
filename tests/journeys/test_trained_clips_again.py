"""Clips and animals that a run was trained on, scored again as if they were new."""

import shutil
import types

import builders
import numpy as np
import pytest

import score
from names import matching


def test_the_clips_of_the_training_give_no_interval_and_no_comparison(study):
    said = study.refused(
        *("score", study.films, "--run", "Reach-motion", "--compare", "group"),
        words=("no comparison with 16 of 16 clips", "validate.py --folds"),
    )
    assert "Results:" not in said.out and "network scores of run" not in said.out
    study.ok("score", study.films, "--run", "Reach-motion", "--output", "again.csv")
    rows = builders.read_csv(study.place / "again.csv")
    assert len(rows) == 16 and all(row["low"] == row["high"] == "" for row in rows)
    assert all("seen in training" in row["warnings"] for row in rows)
    means = builders.read_csv(study.place / "again-animals.csv")
    assert all(row["low"] == "" and "seen" in row["warnings"] for row in means)


def test_renamed_clips_are_known_by_their_video_and_others_stay_new(study):
    old = next(study.films.rglob("r3_c1.mp4"))
    (study.place / "new/Rat 50").mkdir(parents=True)
    shutil.copy(old, study.place / "new/Rat 50/anew.mp4")
    study.film("new/Rat 51/r51_c1.mp4", 4.5)
    study.film("new/Rat 3/other.mp4", 3.2)  # another film of an animal that it knows
    said = study.ok("score", "new", "--run", "Reach-motion", "--output", "new.csv")
    found = {row["clip"]: row for row in builders.read_csv(study.place / "new.csv")}
    assert found["anew"]["warnings"].startswith("its video was seen in training")
    assert found["other"]["warnings"].startswith("animal seen in training")
    assert found["anew"]["low"] == found["other"]["low"] == ""
    assert "seen" not in found["r51_c1"]["warnings"] and found["r51_c1"]["low"]
    assert "no interval for 2 of 3 clips" in said.err


def test_a_new_film_of_a_trained_animal_is_known_when_it_is_given_alone(study):
    film = study.film("films/sham/Rat 3/post/r3_post_c9.mp4", 3.2)
    for given in (film, study.place / "films/sham/Rat 3"):
        study.ok("score", given, "--run", "Reach-motion", "--output", "o.csv")
        (row,) = builders.read_csv(study.place / "o.csv")
        assert row["animal"] == "Rat 3" and row["low"] == ""
        assert row["warnings"].startswith("animal seen in training")
    for name, animal in (("Rat 3/a", "Rat 3"), ("mouse_2024/m5", "m5")):
        film = study.film(f"new/{name}.mp4", 3.2)
        study.ok("score", film, "--run", "Reach-motion", "--output", "o.csv")
        (row,) = builders.read_csv(study.place / "o.csv")
        assert row["animal"] == animal


def test_one_known_clip_makes_all_clips_of_its_animal_known(study):
    old = next(study.films.rglob("r3_c1.mp4"))
    for name in ("m77_b", "m78_a"):
        study.film(f"new/{name}.mp4", 3.2, seed=len(name))
    shutil.copy(old, study.place / "new/m77_a.mp4")
    study.ok("share", "Reach-motion", "--output", "theirs.zip")
    for run in ("Reach-motion", "theirs.zip"):
        study.ok("score", "new", "--run", run, "--output", "o.csv")
        found = {row["clip"]: row for row in builders.read_csv(study.place / "o.csv")}
        assert [bool(row["low"]) for row in found.values()] == [False, False, True]
        assert found["m77_b"]["warnings"].startswith("animal seen in training")
        study.folder = study.place / "other lab"


def test_a_table_may_call_a_trained_animal_otherwise(study):
    study.film("a.mp4", 3.2)
    study.film("b.mp4", 3.6)
    (study.place / "labels.csv").write_text("clip,animal\na,RAT_03\nb,Rat 30\n")
    study.ok("score", "a.mp4", "b.mp4", "--table", "labels.csv", "--output", "o.csv")
    told = [row["warnings"] for row in builders.read_csv(study.place / "o.csv")]
    assert told[0].startswith("animal seen in training") and "seen" not in told[1]


def test_animals_of_another_lab_may_have_the_same_names(study):
    for animal in range(1, 5):
        group = "sham" if animal % 2 else "lesion"
        study.film(f"theirs/{group}/Rat {animal}/x{animal}.mp4", animal, seed=animal)
    score = ("score", "theirs", "--run", "Reach-motion", "--compare", "group")
    study.refused(*score, words=("no comparison with 4 of 4",))
    said = study.ok(*score, "--other-animals")
    assert "Results:" in said.out and "Lesion (n = 2 animals)" in said.out


def test_eight_animals_give_intervals_of_the_highest_level_they_allow(study):
    new = study.film("new/Rat 51/r51_c1.mp4", 4.5)
    said = study.ok("score", new, "--run", "Reach-motion", "--output", "o.csv")
    assert "90% intervals need 9 held-out animals, and run" in said.err
    assert "88% of new animals" in said.out
    (row,) = builders.read_csv(study.place / "o.csv")
    record = builders.read_record(study.folder, "Reach-motion")
    errors = record["errors"]["clips"]
    # With two clips an animal any choice of one of them: the median over the choices of
    # the error at place 0.88 * 9 of 8, by hand of 20000 random choices.
    off, random = {}, np.random.default_rng(7)
    for clip in errors:
        off.setdefault(clip["animal"], []).append(abs(clip["score"] - clip["target"]))
    pairs = np.array(list(off.values()))
    drawn = pairs[np.arange(8), random.integers(0, 2, (20000, 8))]
    ranked = np.sort(drawn, axis=1)
    place = 0.88 * 9 - 1
    wanted = np.median(ranked[:, 6] + (place - 6) * (ranked[:, 7] - ranked[:, 6]))
    half = (float(row["high"]) - float(row["low"])) / 2
    assert half == pytest.approx(wanted, rel=0.05)
    assert float(row["low"]) == pytest.approx(float(row["network_score"]) - half)
    card = study.ok("share", "Reach-motion").out
    assert "8 animals held out in turn, 88% of its scores were within" in card


def test_windows_that_overlap_count_as_the_clips_that_fit(study):
    film = study.film("new/Rat 60/long.mp4", 3.0, n_frames=120)  # 4 s
    window = ("--window", "1", "--every", "0.2")
    study.ok("score", film, "--run", "Reach-motion", *window, "--output", "w.csv")
    rows = builders.read_csv(study.place / "w.csv")
    starts = [round(float(row["start"]), 3) for row in rows]
    assert starts == [round(0.2 * i, 3) for i in range(16)]
    (mean,) = builders.read_csv(study.place / "w-animals.csv")
    assert mean["n_clips"] == "4"  # 0-1, 1-2, 2-3, 3-4 s
    scores = [float(row["network_score"]) for row in rows]
    assert float(mean["network_score"]) == pytest.approx(np.mean(scores))
    apart = ("--window", "1", "--every", "1", "--output", "apart.csv")
    study.ok("score", film, "--run", "Reach-motion", *apart)
    (same,) = builders.read_csv(study.place / "apart-animals.csv")
    widths = [float(row["high"]) - float(row["low"]) for row in (mean, same)]
    assert same["n_clips"] == "4"
    assert widths[0] == pytest.approx(widths[1])


def test_windows_far_apart_say_how_much_is_not_seen(study):
    film = study.film("new/Rat 60/long.mp4", 3.0, n_frames=600)  # 20 s
    window = ("--window", "1.6", "--every", "10")
    said = study.ok("score", film, "--run", "Reach-motion", *window)
    assert "84% of the film is not seen" in said.err  # 2 windows of 1.6 s of 20 s


def test_a_run_received_from_another_lab_knows_its_videos_and_not_its_names(study):
    study.ok("share", "Reach-motion", "--output", "theirs.zip")
    study.folder = study.place / "other lab"
    for animal in (1, 2):
        study.film(f"own/Rat {animal}/r{animal}_c1.mp4", 2.5 + animal, seed=30 + animal)
    old = next(study.films.rglob("r3_c2.mp4"))
    (study.place / "own/Rat 9").mkdir()
    shutil.copy(old, study.place / "own/Rat 9/first.mp4")
    said = study.ok("score", "own", "--run", "theirs.zip", "--output", "o.csv")
    found = {row["clip"]: row for row in builders.read_csv(study.place / "o.csv")}
    assert "taken for others" in said.err
    assert found["first"]["warnings"].startswith("its video was seen in training")
    assert [bool(found[c]["low"]) for c in ("r1_c1", "r2_c1", "first")] == [1, 1, 0]


def test_trials_of_a_recording_are_known_when_the_recording_is_scored(lab):
    lines = ["video,start,end,animal"]
    for animal in range(1, 5):
        lab.film(f"films/day{animal}.mp4", animal, n_frames=60, seed=animal)
        lines += [f"day{animal}.mp4,{start},{start + 0.5},{animal}" for start in (0, 1)]
    (lab.place / "trials.csv").write_text("\n".join(lines))
    cut = ("--cut", "trials.csv", "--from", "films", "--task", "Reach", "--yes")
    lab.ok("extract_files", *cut)
    lab.score()
    lab.extract()
    lab.ok("train_reg", "--model", "motion", "--run", "R")
    lab.film("films/day9.mp4", 5, n_frames=60, seed=9)
    lab.ok("score", "films", "--run", "R", "--every", "0.5", "--output", "o.csv")
    for row in builders.read_csv(lab.place / "o.csv"):
        is_known = row["warnings"].startswith("its video was seen in training")
        assert is_known == (row["clip"] != "day9")


def test_copies_of_one_film_are_said(study):
    film = study.film("new/Rat 51/a.mp4", 2)
    shutil.copy(film, study.place / "new/Rat 51/b.mp4")
    study.film("new/Rat 52/c.mp4", 3)
    said = study.ok("score", "new", "--run", "Reach-motion")
    assert "the same content under two names: a.mp4 and b.mp4" in said.err


def test_what_the_published_network_was_trained_on_is_unknown(recwarn):
    run = types.SimpleNamespace(name="g04-features", is_published=True)
    score.report_trained({}, {}, run)
    (told,) = (str(warning.message) for warning in recwarn)
    assert "unknown which clips and animals g04-features was trained on" in told


def test_forms_of_a_name():
    assert matching.list_forms("Ü b.MP4") == ("Ü b.MP4", "ü b", "üb")
