"""The first day: stacks, clips that are too short."""

import builders
import numpy as np
import pytest
from builders import write_trials
from PIL import Image

import data
from rating import server
from system import storage, terminal
from video import frames


def write_stack(path, pictures):
    path.parent.mkdir(parents=True, exist_ok=True)
    pages = [Image.fromarray(picture) for picture in pictures]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    return path


def test_trials_in_a_stack_of_pages(lab):
    pictures = builders.draw_mover(2, 30)
    write_stack(lab.place / "stacks/Rat 1.tif", pictures)
    trials = write_trials(lab, [("Rat 1.tif", 4, 14), ("Rat 1.tif", 14, 29)])
    options = ("--cut", trials, "--from", lab.place / "stacks", "--task", "Reach")
    words = ("Rat 1.tif has no frame rate", "--times frames --save-as jpg")
    lab.refused("extract_files", *options, "--yes", words=words)
    in_frames = (*options, "--yes", "--times", "frames")
    lab.refused("extract_files", *in_frames, words=words)
    told = lab.run("extract_files", *in_frames, "--save-as", "mp4")
    assert told.code == 1 and "give --save-as jpg" in told.err
    assert not (lab.folder / "data_file.csv").is_file() or not lab.rows()
    lab.ok("extract_files", *in_frames, "--save-as", "jpg")
    counts = {row["clip"]: row["n_frames"] for row in lab.rows()}
    assert counts == {"Rat 1_t01": "10", "Rat 1_t02": "15"}
    with Image.open(lab.folder / "train/Reach/Rat 1_t02-0001.jpg") as image:
        shown = np.asarray(image).mean(axis=2)
    np.testing.assert_array_equal(shown > 150, pictures[14].mean(axis=2) > 150)
    lab.extract()
    assert "0 rows added" in lab.ok("extract_files", *in_frames, "--save-as", "jpg").out
    write_trials(lab, [("Rat 1.tif", 4, 14), ("Rat 1.tif", 15, 29)])
    told = lab.ok("extract_files", *in_frames, "--save-as", "jpg")
    assert "made anew" in told.err
    assert [row["n_frames"] for row in lab.rows()] == ["10", "14"]


def test_a_whole_stack_needs_no_rate(lab):
    write_stack(lab.place / "stacks/Rat 1.tiff", builders.draw_mover(2, 12))
    trials = write_trials(lab, [("Rat 1", "", "")])
    options = ("--from", lab.place / "stacks", "--task", "Reach", "--yes")
    lab.ok("extract_files", "--cut", trials, *options)
    assert [row["n_frames"] for row in lab.rows()] == ["12"]
    lab.extract()


# ---------------------------------------------------------------- clips too short


def take_in(lab, **how):
    films = lab.record_animals(**how)
    lab.ok("extract_files", "--from", films, "--task", "Reach", "--yes")
    lab.score()


def test_the_advice_for_short_clips_can_be_followed(lab, monkeypatch):
    take_in(lab, animals=4, clips=1, n_frames=24)

    def refuse(*_, **__):
        raise AssertionError("the network was loaded")

    with monkeypatch.context() as patch:
        patch.setattr("extractor.Extractor", refuse)
        told = lab.refused("extract_features", "--weights", "random")
    assert "4 of 4 clips are shorter than 125 frames" in told.err
    advised = "extract_features.py --seq-length 20 --sampling uniform, then train_reg"
    assert advised in told.err and told.all.count("--seq-length") == 1
    assert not storage.extraction_path(lab.folder).is_file()
    lab.extract(20)
    told = lab.ok("train_reg", "--model", "motion")
    assert "--seq-length" not in told.all


def test_settings_without_a_sequence_count_for_nothing(lab):
    take_in(lab, animals=3, clips=1)
    films = list(lab.place.rglob("*.mp4"))
    for film in films:
        film.rename(film.with_suffix(".away"))
    told = lab.run("extract_features", "--weights", "random", "--seq-length", 7)
    assert told.code == 1 and "3 of 3 clips failed" in told.err
    for film in films:
        film.with_suffix(".away").rename(film)
    lab.extract(5)  # other settings than those of which no sequence was made
    assert storage.read_json(storage.extraction_path(lab.folder))["n_frames"] == 5
    lab.refused("extract_features", "--seq-length", 6, words=("with other settings",))


def test_some_short_clips_and_a_wrong_count_in_the_table(lab):
    take_in(lab, animals=3, clips=1, n_frames=24)
    lab.edit(lambda row: row.update(n_frames="8"))
    told = lab.extract(10, give=lab.run)
    assert told.code == 2 and "3 of 3 clips are shorter" in told.err
    lab.film("films/Rat 9/r9_c1.mp4", n_frames=6)
    lab.edit(lambda row: row.update(n_frames="24"))
    lab.ok("extract_files", "--from", lab.place / "films", "--task", "Reach", "--yes")
    told = lab.extract(10, give=lab.run)
    assert told.code == 1 and "r9_c1: too short: 6 frames" in told.err
    assert told.all.count("--seq-length") == 1 and "--seq-length 6 " in told.all


# ---------------------------------------------------------------- at the edges


def test_films_cut_short_can_be_rated(lab):
    film = lab.film("films/Rat 1.avi", n_frames=40, codec="mjpeg", pixels="yuvj420p")
    content = film.read_bytes()
    film.write_bytes(content[: len(content) // 2])
    options = ("--from", film.parent, "--task", "Reach", "--yes")
    assert lab.run("extract_files", *options, "--crop", "0,0,64,48").code == 1
    trials = write_trials(lab, [("Rat 1", 0, 0.1)])
    lab.refused("extract_files", "--cut", trials, *options, words=("--allow-short",))
    lab.ok("extract_files", *options, "--allow-short", "--crop", "0,0,64,48")
    (clip,) = data.read_clips(lab.folder)
    assert 5 < clip.n_frames < 40
    lab.extract(5, "--allow-short")
    content, rate = server.encode(lab.folder, clip)
    (lab.place / "shown.mp4").write_bytes(content)
    shown = frames.open_reel(lab.place / "shown.mp4")
    assert (shown.n_frames, rate) == (clip.n_frames, builders.RATE)


@pytest.mark.parametrize("word", ["-lesion", "-1", "-2:2", "-(a|b)", "-"])
def test_values_that_begin_with_a_hyphen(word):
    parser = terminal.Parser("")
    parser.add_argument("--group-pattern")
    parser.add_argument("--folds", action="store_true")
    parser.add_argument("--join")
    given = parser.parse_args(["--group-pattern", word, "--folds", "--join=-x"])
    assert (given.group_pattern, given.folds, given.join) == (word, True, "-x")
    given = parser.parse_args(["--folds", "--group-pattern", word])
    assert given.group_pattern == word and given.folds


@pytest.mark.parametrize("word", ["--folds", "--fol", "-h", "--join=mean"])
def test_options_are_not_taken_for_values(word, capsys):
    parser = terminal.Parser("")
    parser.add_argument("--group-pattern")
    parser.add_argument("--folds", action="store_true")
    parser.add_argument("--join")
    with pytest.raises(SystemExit):
        parser.parse_args(["--group-pattern", word])
    assert "expected one argument" in capsys.readouterr().err
