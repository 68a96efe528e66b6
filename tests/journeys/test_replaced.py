"""Replaced films, sliced images, and tables of animals: the second day."""

import shutil

import builders
import numpy as np
import pytest
from builders import by_clip, cut, take_in, write_trials
from PIL import Image

from system import tables

# ---------------------------------------------------------------- replaced films


def make_sliced(lab):
    film = lab.film(
        "data/train/Reach/v_Stroke_g01_c01.avi", 1, codec="mjpeg", pixels="yuvj420p"
    )
    lab.ok("extract_files", "--append")
    lab.edit(lambda row: row.update(score="1"))
    return film


def test_trials_saved_as_images_follow_their_table(lab):
    films = lab.film("films/Rat 1.mp4", n_frames=60).parent
    options = ("--save-as", "jpg")
    cut(lab, write_trials(lab, [("Rat 1", 0, 0.5), ("Rat 1", 1, 1.5)]), films, *options)
    lab.score(lambda row: 2)
    lab.extract()
    trials = write_trials(lab, [("Rat 1", 0, 0.5), ("Rat 1", 0.5, 1.5)])
    told = cut(lab, trials, films, *options)
    assert "Rat 1_t02" in told.err and "look at their scores again" in told.out
    assert by_clip(lab, "n_frames") == {"Rat 1_t01": "15", "Rat 1_t02": "30"}
    assert "1 sequences written" in lab.extract().out
    told = cut(lab, trials, films, *options)
    assert not told.err and "0 sequences written" in lab.extract().out


def test_a_clip_moved_to_the_other_split_is_said_when_it_is_added(lab):
    film = make_sliced(lab)
    place = lab.folder / "test/Reach"
    place.mkdir(parents=True)
    for path in film.parent.iterdir():
        path.rename(place / path.name)
    told = lab.ok("extract_files", "--append")
    assert told.err.count("stand in both splits") == 1


def test_a_film_replaced_after_slicing_is_noticed_and_sliced_again(lab):
    film = make_sliced(lab)
    lab.extract()
    lab.film(film, 3, n_frames=12, seed=5, codec="mjpeg", pixels="yuvj420p")
    told = lab.extract(5, give=lab.run)
    assert told.code == 1 and "replaced" in told.err and "extract_files.py" in told.err
    told = lab.ok("extract_files", "--append")
    assert "made anew" in told.err and "1 row" in told.out
    assert len(list(film.parent.glob("*.jpg"))) == 12
    assert by_clip(lab, "n_frames") == {film.stem: "12"}
    with Image.open(film.parent / f"{film.stem}-0003.jpg") as image:
        shown = np.asarray(image).astype(int)
    drawn = builders.draw_mover(3, 12, seed=5)[2].astype(int)
    assert np.abs(shown - drawn).mean(axis=(0, 1)).max() < 9
    np.testing.assert_array_equal(shown.mean(axis=2) > 150, drawn.mean(axis=2) > 150)
    assert "1 sequences written" in lab.extract().out
    assert "0 sequences written" in lab.extract().out


def test_a_recording_replaced_is_counted_anew(lab):
    films = lab.record_animals(animals=3, clips=1)
    take_in(lab, films)

    def fill(row):  # a part of one recording, typed into the table
        is_part = row["clip"] == "r2_c1"
        row.update(score="1", start="0.2" * is_part, end="0.4" * is_part)
        row["n_frames"] = "6" if is_part else "20"

    lab.edit(fill)
    lab.film("films/Rat 1/r1_c1.mp4", 5, n_frames=26)
    told = take_in(lab, films).out
    assert "1 row of" in told and "r1_c1): look at their scores again" in told
    assert list(by_clip(lab, "n_frames").values()) == ["26", "6", "20"]
    take_in(lab, films, "--crop", "0,0,32,32")
    assert list(by_clip(lab, "n_frames").values()) == ["26", "6", "20"]
    assert by_clip(lab, "start")["r2_c1"] == "0.2"
    (films / "Rat 3/r3_c1.mp4").write_bytes(b"nothing")
    told = lab.run("extract_files", "--from", films, "--task", "Reach", "--yes")
    assert told.code == 1 and "r3_c1" in told.err


@pytest.mark.parametrize("what", ["images", "crop", "mirror", "start", "film"])
def test_what_was_replaced_after_training_is_noticed(lab, what):
    films = lab.record_animals(animals=4, clips=1)
    take_in(lab, films)
    clip = "r4_c1"
    if what == "images":
        for row in lab.rows():
            shutil.copy(row["video"], lab.film("data/train/Reach/x.mp4").parent)
        (lab.folder / "train/Reach/x.mp4").unlink()
        lab.ok("extract_files")
        for film in (lab.folder / "train/Reach").glob("*.mp4"):
            film.unlink()
        lab.edit(lambda row: row.update(video=""))
    lab.score()
    lab.extract()
    lab.ok("train_reg", "--model", "motion", "--folds", "2")
    change = {"crop": "0,0,32,32", "mirror": "yes", "start": "0.1"}
    if what in change:
        lab.edit(
            lambda row: (
                row.update({what: change[what]})
                if row["clip"] == clip
                else row.setdefault(what, "") and None
            )
        )
    elif what == "film":
        lab.film(films / "Rat 4" / f"{clip}.mp4", 9, seed=7)
    else:
        image = lab.folder / f"train/Reach/{clip}-0004.jpg"
        Image.new("RGB", builders.SIZE).save(image)
    told = lab.refused("validate", "--folds", words=("changed", clip))
    assert "extract_features.py" in told.err


# ---------------------------------------------------------------- a table of animals


def test_a_table_of_animals_names_them_and_their_groups(lab):
    for place in ("rat_01/a.mp4", "Rat 2/b.mp4", "Bella/c.mp4", "x/k9_d1.mp4"):
        lab.film(f"films/{place}", len(place))
    told = take_in(lab, lab.place / "films")
    path = lab.place / "animals.csv"
    rows = [("Rat-1", "f", "sham"), ("RAT 02", "m", "stroke"), ("bella", "f", "sham")]
    tables.write_table(
        path, ("Animal", "Sex", "Group"), [*rows, ("Rat 7", "m", "sham")]
    )
    content = (lab.folder / "data_file.csv").read_bytes()
    told = take_in(lab, lab.place / "films", "--animals", path)
    assert "fits 1 clip: k9_d1" in told.err
    assert ": Rat 7" in told.err
    assert by_clip(lab, "animal") | {"k9_d1": ""} == {
        **{"a": "Rat-1", "b": "RAT 02", "c": "bella"},
        "k9_d1": "",
    }
    groups = {"a": "sham", "b": "stroke", "c": "sham", "k9_d1": ""}
    assert by_clip(lab, "group") == groups
    assert "0 rows added" in take_in(lab, lab.place / "films", "--animals", path).out
    lab.ok("extract_files", "--undo")
    assert (lab.folder / "data_file.csv").read_bytes() == content
    lab.ok("extract_files", "--undo")
    assert by_clip(lab, "group") == groups
    tables.write_table(path, ("animal", "group"), [("r1", "a"), ("r01", "b")])
    words = ("r1 and r01 may be one animal",)
    take = ("--from", lab.place / "films", "--animals", path, "--yes")
    lab.refused("extract_files", *take, words=words)


def test_bare_numbers_of_animals_are_no_trials(lab):
    for place in ("rat1/trial 2.mp4", "rat2/trial 1.mp4", "3/trial 1 day 2.mp4"):
        lab.film(f"films/{place}", len(place))
    path = lab.place / "animals.csv"
    tables.write_table(
        path, ("animal", "group"), [(n, "abc"[n - 1]) for n in (1, 2, 3)]
    )
    take_in(lab, lab.place / "films", "--animals", path)
    assert by_clip(lab, "animal") == {
        "trial 2": "1",
        "trial 1": "2",
        "trial 1 day 2": "3",
    }


def test_nothing_to_take_back(lab):
    lab.refused("extract_files", "--undo", words=("nothing to take back",))


def test_a_trial_corrected_after_training_is_learned_again(lab):
    films = lab.record_animals(animals=6, clips=1, n_frames=60)
    names = {path.stem for path in films.rglob("*.mp4")}
    rows = [(name, 0, 1.0) for name in sorted(names)]
    cut(lab, write_trials(lab, rows), films)
    lab.score()
    lab.extract()
    train = ("train_reg", "--model", "motion", "--folds", "3", "--final")
    lab.ok(*train)
    assert not lab.ok("validate").err.count("Train again")
    rows[0] = (rows[0][0], 0, 1.8)
    cut(lab, write_trials(lab, rows), films)
    lab.extract()
    words = "the sequences of 1 clip changed after training"
    assert words in lab.ok("validate").err
    assert "again, with --overwrite" in lab.ok("validate", "--status").out
    lab.refused(*train, words=("trained differently", "other sequences"))
    lab.ok(*train, "--overwrite")
    assert words not in lab.ok("validate").err


def test_names_that_tell_other_groups_than_a_table_of_animals_are_named(lab):
    films = lab.record_animals(animals=4, clips=1, groups=["sham", "lesion"] * 2)
    path = lab.place / "animals.csv"
    path.write_text("animal,group\nRat 1,sham\nRat 2,sham\nRat 3,sham\nRat 4,lesion\n")
    listing = ("extract_files", "--from", films, "--task", "Reach", "--animals", path)
    told = lab.ok(*listing, "--yes")
    assert "Rat 2 (Lesion in names, sham)" in told.err and "Rat 1 (" not in told.err
