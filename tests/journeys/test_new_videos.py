"""New videos as labs keep them: in folders, called alike, with a table of labels."""

import re
import shutil
import unicodedata

import builders
import numpy as np
import pytest
from scipy import stats

import extractor

RUN = ("--run", "Reach-motion")


def score(study, *argv):
    return study.ok("score", *argv, *RUN, "--output", "o.csv")


def read(study, name="o.csv"):
    return builders.read_csv(study.place / name)


def test_films_of_one_name_in_folders_are_of_the_animals_of_their_folders(study):
    for animal in (11, 12, 13):
        study.film(f"new/Rat {animal}/run1.mp4", animal / 4, seed=animal)
        study.film(f"new/Rat {animal}/.cache/old.mp4", 1)
        study.film(f"new/Rat {animal}/__MACOSX/run2.mp4", 1)
    said = score(study, "new")
    assert "3 clips of 3 animals, by the names" in said.out
    rows = read(study)
    assert [row["animal"] for row in rows] == ["Rat 11", "Rat 12", "Rat 13"]
    assert len({row["clip"] for row in rows}) == 3
    alone = score(study, "new/Rat 12")  # its folder, given alone, tells the same
    assert [row["animal"] for row in read(study)] == ["Rat 12"]
    assert "give no animal" not in said.err + alone.err


def test_animals_that_no_name_tells_are_said_and_a_table_tells_them(study):
    for letter in "abc":
        study.film(f"new/film {letter}.mp4", 2, seed=ord(letter))
    said = score(study, "new")
    assert "the names of 3 clips give no animal" in said.err
    table = "Clip;Animal\nFILM A.MP4;x\nfilm_b;x\nfilm c;y\n"
    (study.place / "labels.csv").write_text(table)
    said = score(study, "new", "--table", "labels.csv")
    assert [row["animal"] for row in read(study)] == ["x", "x", "y"]
    assert "give no animal" not in said.err


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_labels_are_found_whatever_their_endings_capitals_and_folders(study, form):
    names = {}
    for group, first in (("sham", 20), ("lesion", 30)):
        for animal in range(first, first + 3):
            name = unicodedata.normalize(form, f"Käfig/{animal}/übung.mp4")
            film = study.film(f"new/{name}", animal / 10 + (animal % 3), seed=animal)
            names[film] = (f"K{animal}", group)
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    lines = ["clip,animal,group"]
    for film, (animal, group) in names.items():
        place = f"D:\\daten\\KÄFIG\\{film.parent.name}\\Übung.MP4"
        lines.append(f"{unicodedata.normalize(other, place)},{animal},{group}")
    (study.place / "labels.csv").write_text("\n".join(lines), encoding="utf-8")
    said = score(study, "new", "--table", "labels.csv", "--compare", "group")
    found = {row["animal"]: float(row["network_score"]) for row in read(study)}
    assert sorted(found) == sorted(animal for animal, _ in names.values())
    sham, lesion = ([found[f"K{a + i}"] for i in range(3)] for a in (20, 30))
    wanted = stats.permutation_test(
        (lesion, sham), lambda a, b: np.mean(a) - np.mean(b), n_resamples=np.inf
    )
    assert f"permutation test p = {wanted.pvalue:.3f}" in said.out
    (told,) = re.findall(r"difference -?([\d.]+),", said.out)
    assert told == f"{abs(np.mean(lesion) - np.mean(sham)):.2f}"


def test_sessions_of_animals_that_no_name_tells_are_refused_before_the_work(study):
    for name in ("one_pre", "one_post", "two_pre", "two_post"):
        study.film(f"new/{name}.mp4", 2, seed=len(name))
    argv = ("score", "new", *RUN, "--pair", "session")
    said = study.refused(*argv, words=("no animal is known of 4 of 4 clips", "--table"))
    assert "network scores" not in said.out


def test_a_label_that_may_mean_two_films_or_that_says_two_things_is_refused(study):
    for animal in (11, 12):
        study.film(f"new/Rat {animal}/run1.mp4", 2, seed=animal)
    for lines, words in (
        ("run1.mp4,x\n", ("'run1.mp4' may mean", "give the folder, too")),
        ("Rat 11/run1,x\nrat 11/RUN1.mp4,y\n", (":3:", "differ from those in")),
        ("Rat 14/run1,x\n", ("names none of the 2 videos", "Rat 14/run1")),
    ):
        (study.place / "labels.csv").write_text(f"clip,animal\n{lines}")
        study.refused("score", "new", "--table", "labels.csv", *RUN, words=words)
    (study.place / "labels.csv").write_text("clip,weight\nrun1,3\n")
    words = ("none of the columns animal, group, session",)
    study.refused("score", "new", "--table", "labels.csv", *RUN, words=words)
    (study.place / "labels.csv").write_text("clip,animal\nRat 11/run1,x\nrun9,y\n")
    said = score(study, "new", "--table", "labels.csv")
    assert "no video here is called run9" in said.err
    assert "no line for Rat 12_run1" in said.err
    assert [row["animal"] for row in read(study)] == ["x", "Rat 12"]


def test_windows_of_two_films_of_one_name_are_drawn_in_two_figures(study):
    for animal in (11, 12):
        study.film(f"new/Rat {animal}/run1.mp4", 2, n_frames=60, seed=animal)
    said = score(study, "new", "--every", "0.5", "--window", "0.5")
    drawn = sorted(path.name for path in study.place.glob("o-*.png"))
    assert drawn == ["o-Rat 11_run1.png", "o-Rat 12_run1.png"]
    assert all(name in said.out for name in drawn)
    means = read(study, "o-animals.csv")
    assert [row["n_clips"] for row in means] == ["4", "4"]  # of 2 s each


def test_videos_are_extracted_once(study, monkeypatch):
    """Another level takes what is there; a crop, and another film of a name, do not."""
    for n in (11, 12):
        study.film(f"new/Rat {n}/run1.mp4", n / 4, seed=n)
    said = score(study, "new")
    assert "features: 2 extracted and 0 found" in said.out and "data/new" in said.out
    before = read(study)
    with monkeypatch.context() as patch:
        patch.setattr(extractor, "open_for", lambda *_: pytest.fail("opened"))
        said = score(study, "new", "--level", "0.5")
    assert "features: 0 extracted and 2 found in" in said.out
    again = read(study)
    assert [r["network_score"] for r in again] == [r["network_score"] for r in before]
    assert again[0]["low"] > before[0]["low"]
    assert (
        "features: 2 extracted and 0 found"
        in score(study, "new", "--crop", "0,0,32,48").out
    )
    assert "features: 2 extracted and 0 found" in score(study, "new", "--mirror").out
    study.film("new/Rat 12/run1.mp4", 9, seed=3)
    said = score(study, "new")
    assert "features: 1 extracted and 1 found in" in said.out
    assert read(study)[0] == before[0] and read(study)[1] != before[1]
    kept = sorted((study.folder / "new").iterdir())
    assert len(kept) == 7
    for path in kept:
        path.write_bytes(path.read_bytes()[:-40])  # damaged: made anew
    assert "features: 2 extracted and 0 found" in score(study, "new").out
    assert read(study)[0] == before[0]
    size = [path.stat().st_mtime_ns for path in kept]
    said = score(study, "new", "--no-cache")
    assert "features:" not in said.out and read(study)[0] == before[0]
    assert size == [path.stat().st_mtime_ns for path in kept]


def test_features_that_cannot_be_kept_are_no_obstacle(study):
    study.film("new/Rat 11/run1.mp4", 2)
    (study.folder / "new").write_text("a file")
    said = score(study, "new")
    assert "are not kept" in said.err and len(read(study)) == 1


def test_nothing_of_the_user_is_replaced_and_all_is_checked_before_the_work(study):
    film = study.film("new/Rat 11/run1.mp4", 2)
    for name, words in (("o-animals.csv", "mine"), ("o-study.png", "a picture")):
        mine = study.place / name
        mine.write_text(words)
        argv = ("score", film, *RUN, "--output", "o.csv")
        compare = ("--pair", "session") if name.endswith(".png") else ()
        (study.place / "labels.csv").write_text("clip,session\nrun1,1\n")
        argv = (*argv, *compare, "--table", "labels.csv")
        said = study.refused(*argv, words=(name, "--overwrite"))
        assert mine.read_text() == words and "network scores" not in said.out
        assert not (study.place / "o.csv").exists()
        mine.unlink()
    score(study, film)
    score(study, film)  # its own tables are replaced


def test_windows_that_failed_are_counted_as_windows(study):
    good = study.film("new/Rat 11/run1.mp4", 2, n_frames=60)
    short = study.film("new/Rat 12/run2.mp4", 2, n_frames=10)
    said = study.run("score", good, short, *RUN, "--every", "0.5", "--window", "0.5")
    assert said.code == 1 and "1 of 5 clips failed" in said.err  # 4 windows and a film


def test_the_comparison_says_which_clips_it_is_without(study):
    for number in range(6):
        group = "sham" if number < 3 else "lesion"
        frames = {"n_frames": 90} if number == 5 else {}
        study.film(f"new/{group}/Rat {number + 20}/n{number}.mp4", 2 + number, **frames)
    said = study.run("score", "new", *RUN, "--compare", "group", "--strict")
    assert said.code == 1 and "--strict refuses it, length" in said.err
    assert "the comparison is without 1 of 6 clips" in said.err
    assert "n5; nothing is left of Rat 25" in said.err


def test_scores_are_written_where_animals_allow_no_comparison(study):
    for number in range(3):
        study.film(f"new/lesion/Rat {number + 20}/n{number}.mp4", 2 + number)
    study.film("new/sham/Rat 30/n3.mp4", 2, n_frames=90)
    asked = ("score", "new", *RUN, "--compare", "group")
    words = ("needs two or more animals in Sham. Received: 1",)
    assert "network scores" not in study.refused(*asked, words=words).out
    said = study.run(*asked, "--output", "o.csv")
    assert said.code == 1 and len(read(study)) == 4 and "next: " in said.out
    assert "scored, but not compared: a comparison needs two" in said.err

    study.film("new/sham/Rat 31/n4.mp4", 2)
    said = study.run(*asked, "--strict")  # only once a clip is refused
    assert said.code == 1 and "network scores" in said.out
    assert "not compared: a comparison needs two or more animals in Sham" in said.err
    shutil.copytree(study.films, study.place / "new/old")
    said = study.run(*asked, "--output", "o.csv")
    assert said.code == 1 and len(read(study)) == 5 + 16
    assert "not compared: no comparison with 16 of 21 clips" in said.err
    wrong = ("--pair", "session", "--output", "o.csv")
    study.refused("score", "new", *RUN, *wrong, words=("have no session",))


def test_lower_levels_give_narrower_intervals_down_to_the_lowest(study):
    film, widths = study.film("new/Rat 11/run1.mp4", 2), []
    for level in ("0.02", "0.05", "0.1", "0.2", "0.5", "0.8", "0.88", "0.9", "0.99"):
        score(study, film, "--level", level)
        (row,) = read(study)
        widths.append(float(row["high"]) - float(row["low"]))
    assert widths == sorted(widths) and widths[0] > 0
    study.refused("score", film, *RUN, "--level", "0", words=("--level",))
    study.refused("score", film, *RUN, "--level", "90", words=("a number such as 0.9",))


def test_a_run_no_better_than_the_mean_says_so_beside_every_score(study):
    path = study.folder / "checkpoints/Reach-motion.json"
    record = builders.read_record(study.folder, "Reach-motion")
    clips = record["errors"]["clips"]
    for clip in clips:  # as if it had predicted the reverse
        clip["score"] = 2 * 4.5 - clip["score"]
    builders.write_json(path, record)
    study.film("new/Rat 11/run1.mp4", 2)
    study.film("new/Rat 12/run2.mp4", 3)
    said = score(study, "new")
    mae = np.mean([abs(clip["score"] - clip["target"]) for clip in clips])
    told = f"mean of the training scores (MAE over clips {mae:.2f}"
    assert f"not better than the {told}" in said.err
    assert said.out.count("! run not better than the mean") == 2
    rows = read(study) + read(study, "o-animals.csv")
    assert all("not better than the mean" in row["warnings"] for row in rows)


def test_outcomes_and_raters_are_found_as_labels_are(study):
    animals = [f"RAT  {n},{n}.5" for n in range(1, 9)]
    (study.place / "lesions.csv").write_text("animal,value\n" + "\n".join(animals))
    (study.place / "raters").mkdir()
    known = {row["clip"]: float(row["score"]) for row in study.rows()}
    for rater, form in (("JB", "{}.mp4"), ("MK", "D:\\films\\{}.MP4")):
        lines = [f"{form.format(c.upper())},{s:g}" for c, s in known.items()]
        text = "clip,score\n" + "\n".join(lines)
        (study.place / f"raters/{rater}.csv").write_text(text)
    more = ("--outcome", "lesions.csv", "--raters", "raters")
    said = study.ok("validate", "--folds", *more)
    assert "only one side" not in said.err and "not among the clips" not in said.err
    (path,) = (study.folder / "predictions").glob("*folds*.json")
    result = builders.read_json(path)
    means = [n + 0.75 for n in range(1, 9)]  # of two clips each
    wanted = stats.pearsonr([n + 0.5 for n in range(1, 9)], means).statistic
    assert result["outcome"]["n"] == 8
    assert result["outcome"]["expert"]["value"] == pytest.approx(wanted)


def test_a_name_that_may_mean_two_clips_of_a_rater_is_refused(study):
    (study.place / "second.csv").write_text("clip,score\nr1_c1,1\nR1-C1.mp4,2\n")
    argv = ("validate", "--folds", "--raters", "second.csv")
    study.refused(*argv, words=("both mean 'r1_c1'",))
