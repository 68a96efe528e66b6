"""Trials in a lab's table, or proposed, become clips; regions are drawn."""

import unicodedata

import films
import numpy as np
import pytest
from PIL import Image

import data
import extract_files
from recordings import contact_sheets, trials
from system import storage
from system.terminal import Caution, Problem
from video import frames

TRIALS = "video;start;end;clip;animal;crop\nRat 1.mp4;0,5;1;a;Rat 9;4 4 40 40\n"
TRIALS += "rat 1;0:01,2;0:01,5;;;\n"


def call(folder, *argv):
    return extract_files.main(["--data", str(folder / "data"), *map(str, argv)])


@pytest.fixture
def session(tmp_path):
    films.make_film(tmp_path / "films/Stroke/Rat 1.mp4", 60, options={"g": "12"})
    (tmp_path / "trials.csv").write_text(TRIALS)
    (tmp_path / "data").mkdir()
    return tmp_path


@pytest.mark.parametrize("kind", ["rows", "jpg", "mp4"])
def test_trials_become_clips(session, kind):
    options = ("--cut", session / "trials.csv", "--from", session / "films")
    assert call(session, *options, "--task", "Reach", "--save-as", kind, "--yes") == 0
    clips = data.read_clips(session / "data")
    assert [clip.name for clip in clips] == ["a", "Rat 1_t02"]
    assert [clip.n_frames for clip in clips] == [15, 9]
    assert [clip.animal for clip in clips] == ["Rat 9", "Rat 1"]
    assert [clip.group for clip in clips] == ["Stroke", "Stroke"]
    assert [clip.crop for clip in clips] == [(4, 4, 40, 40), None]
    assert (clips[0].video is None) == (kind != "rows")
    first = frames.read_frames(session / "data", clips[0], 15)
    assert {picture.shape for picture in first} == {(40, 40, 3)}
    second = frames.read_frames(session / "data", clips[1], 9)
    assert films.read_numbers(second) == [*range(36, 45)]
    made = {path.suffix for path in (session / "data").rglob("*.*")}
    kept = {"rows": set(), "jpg": {".jpg"}, "mp4": {".mp4"}}[kind]
    assert made == {".csv", ".png", *kept}  # the picture shows the crop


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("Rat 2.mp4,0,1", "trials.csv:2: no video called 'Rat 2.mp4'"),
        (",0,1", "trials.csv:2: the column video is empty"),
        ("Rat 1.mp4,0,9", "its video lasts 2.00 s"),
        ("Rat 1.mp4,1,0.5", "must lie after start"),
        ("Rat 1.mp4,one,2", "start expected a number"),
        ("Rat 1.mp4,0,1,a\nRat 1.mp4,1,2,A", "trials.csv:3: two trials are called A"),
        ("Rat 1.mp4,0,1,a/b", "must be a plain file name"),
        ("", "lists no trial"),
    ],
)
def test_wrong_trials_are_named(session, rows, words):
    (session / "trials.csv").write_text(f"video,start,end,clip\n{rows}\n")
    with pytest.raises(Problem) as caught:
        trials.read_trials(session / "trials.csv", session / "films")
    assert words in str(caught.value)


def test_a_trial_that_is_listed_twice_is_named(session):
    rows = "Rat 1.mp4,0,1,a\nRat 1,0:00,1.0,\nRat 1,1,2,b\n"
    (session / "trials.csv").write_text(f"video,start,end,clip\n{rows}")
    with pytest.warns(Caution, match="under two names: a and Rat 1_t02. Keep one"):
        trials.read_trials(session / "trials.csv", session / "films")


def test_two_recordings_of_one_name_need_their_folder(session):
    for name in ("Control/Rat 1", f"Control/{unicodedata.normalize('NFD', 'Käfig')}"):
        films.make_film(session / f"films/{name}.mp4", 30)
    rows = "Rat 1.mp4,0,1\nStroke/Rat 1.mp4,0,1\nKäfig,0,1\n"
    (session / "trials.csv").write_text(f"video,start,end\n{rows}", "utf-8")
    with pytest.raises(Problem) as caught:
        trials.read_trials(session / "trials.csv", session / "films")
    assert ":2: 2 videos called 'Rat 1.mp4'" in str(caught.value)
    assert ":3:" not in str(caught.value) and ":4:" not in str(caught.value)


# ---------------------------------------------------------------- crop, mirror, propose


def test_regions_are_drawn_before_anything_is_extracted(session, capsys):
    options = ("--from", session / "films", "--crop", "20,10,30,40", "--mirror")
    assert call(session, *options) == 0
    path = storage.crops_path(session / "data")
    assert str(path) in capsys.readouterr().out and not list(session.glob("data/*.csv"))
    with Image.open(path) as image:
        page = np.asarray(image.convert("RGB")).astype(int)
    rows, columns = np.nonzero((np.abs(page - contact_sheets.COLOUR) < 30).all(axis=2))
    left = contact_sheets.GAP
    scale, top = contact_sheets.WIDTH / 96, left + contact_sheets.LABEL
    found = [columns.min() - left, rows.min() - top]
    found += [columns.max() - left + 1, rows.max() - top + 1]
    np.testing.assert_allclose(np.array(found) / scale, [20, 10, 50, 50], atol=0.5)
    assert call(session, *options, "--yes") == 0
    (clip,) = data.read_clips(session / "data")
    assert (clip.crop, clip.mirror) == ((20, 10, 30, 40), True)
    cropped = frames.read_frames(session / "data", clip, 1)[0]
    plain = clip._replace(crop=None, mirror=None)
    whole = frames.read_frames(session / "data", plain, 1)[0]
    np.testing.assert_array_equal(cropped, whole[10:50, 20:50][:, ::-1])
    with pytest.raises(Problem, match="leaves the picture of 96 x 64"):
        call(session, "--from", session / "films", "--crop", "90,0,30,30")


def make_session(path, moving, n_frames=300, seed=0, light=lambda number: 1):
    """A noisy picture in which a square runs to and fro within some ranges."""
    random, place = np.random.default_rng(seed), 10

    def draw():
        nonlocal place
        for number in range(n_frames):
            picture = random.normal(90, 4, (64, 96, 3))
            if any(start <= number < end for start, end in moving):
                place = 10 + (number * 5) % 60
            picture[20:40, place : place + 20] = 200
            yield np.clip(picture * light(number), 0, 255).astype(np.uint8)

    path.parent.mkdir(parents=True, exist_ok=True)
    frames.write_video(path, draw(), 30, crf=0)  # or compression moves, too


@pytest.mark.parametrize("moving", [[(60, 120), (200, 260)], [(45, 90)]])
def test_trials_are_proposed_where_something_moves(tmp_path, moving, capsys):
    make_session(tmp_path / "films/Rat 1.mp4", moving)
    (tmp_path / "data").mkdir()
    path, source = tmp_path / "found.csv", ("--from", tmp_path / "films")
    assert not call(tmp_path, *source, "--find-trials", path)
    clips = trials.read_trials(path, tmp_path / "films")
    found = [(clip.start * 30, clip.end * 30) for clip in clips]
    assert len(found) == len(moving)
    margin = trials.MARGIN * 30
    for (start, end), (first, last) in zip(moving, found, strict=True):
        assert start - margin - 4 <= first <= start
        assert end <= last <= end + margin + 4
    assert path.with_suffix(".png").is_file()
    with pytest.raises(Problem, match="is there already"):
        call(tmp_path, *source, "--find-trials", path)


@pytest.mark.parametrize(
    "light",
    [
        lambda number: 1 + 0.03 * np.sin(2.3 * number),  # flickers
        lambda number: 0.6 + number / 900,  # dawns
        lambda number: 1 + 0.3 * (number > 150),  # is switched on
    ],
)
def test_light_is_no_movement(tmp_path, light):
    make_session(tmp_path / "still.mp4", [], light=light)
    make_session(tmp_path / "moving.mp4", [(200, 260)], light=light)
    for name, n_trials in (("still", 0), ("moving", 1)):
        reel = frames.open_reel(tmp_path / f"{name}.mp4")
        found = trials.find_trials(trials.measure_movement(reel), reel.rate)
        assert len(found) == n_trials, name


def test_where_nothing_moves_no_trial_is_proposed(tmp_path):
    make_session(tmp_path / "films/Rat 1.mp4", [])
    options = ("--from", tmp_path / "films", "--find-trials", tmp_path / "t.csv")
    with pytest.raises(Problem, match="no trial was found in 1 video"):
        call(tmp_path, *options, "--crop", "0,44,96,20")


def test_pages_hold_many_tiles(tmp_path):
    picture = np.zeros((48, 64, 3), np.uint8)
    tile = contact_sheets.make_tile(picture, "ä" * 90, (1, 1, 9, 9))
    paths = contact_sheets.write_pages(tmp_path / "a.png", [tile] * 41)
    assert [path.name for path in paths] == ["a-1.png", "a-2.png"]
