"""The files that a clip is made of."""

import os
import unicodedata

import films
import pytest
from PIL import Image

from system.storage import TEMPORARY
from system.terminal import Problem
from video import find, frames


def test_the_frames_of_rat10_are_not_those_of_rat1(tmp_path):
    place = tmp_path / "train/Reach"
    films.make_images(place, "rat1", range(4))
    films.make_images(place, "rat10", range(10, 15))
    films.make_images(place, "rat1-2", range(20, 24))
    read = {
        name: films.read_numbers(
            frames.read_frames(tmp_path, films.clip_of(name, n), n)
        )
        for name, n in (("rat1", 4), ("rat10", 5), ("rat1-2", 4))
    }
    assert read["rat1"] == [0, 1, 2, 3]
    assert read["rat10"] == [10, 11, 12, 13, 14]
    assert read["rat1-2"] == [20, 21, 22, 23]


def test_images_are_ordered_by_number(tmp_path):
    films.make_images(tmp_path / "train/Reach", "rat", range(8, 13), digits=1)
    read = frames.read_frames(tmp_path, films.clip_of(n_frames=5), 5)
    assert films.read_numbers(read) == [8, 9, 10, 11, 12]


def test_the_same_number_twice_is_named(tmp_path):
    films.make_images(tmp_path / "train/Reach", "rat", [1, 2])
    films.make_images(tmp_path / "train/Reach", "rat", [2], suffix=".png")
    with pytest.raises(Problem, match="frame 2 twice"):
        frames.read_frames(tmp_path, films.clip_of(n_frames=2), 2)


def test_two_videos_and_none(tmp_path):
    with pytest.raises(Problem, match=r"neither rat-0001\.jpg nor rat\.avi"):
        frames.read_frames(tmp_path, films.clip_of(), 2)
    films.make_film(tmp_path / "train/Reach/rat.avi", 3)
    films.make_film(tmp_path / "train/Reach/rat.MP4", 3)
    with pytest.raises(Problem, match="two videos of one clip"):
        frames.read_frames(tmp_path, films.clip_of(), 2)


@pytest.mark.parametrize("listed", ["NFC", "NFD"])
@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("name", ["Mäuschen, 1 (links)", "ratón nº2", "크기"])
def test_names_in_either_normal_form(tmp_path, name, listed, stored):
    clip = films.clip_of(unicodedata.normalize(listed, name), 3)
    on_disk = unicodedata.normalize(stored, name)
    films.make_film(tmp_path / "train/Reach" / f"{on_disk}.avi", 3)
    assert len(frames.read_frames(tmp_path, clip, 3)) == 3
    films.make_images(tmp_path / "train/Reach", on_disk, range(1, 4))
    assert films.read_numbers(frames.read_frames(tmp_path, clip, 3)) == [1, 2, 3]


def test_a_slicing_that_was_cut_short_is_no_clip(tmp_path):
    place = tmp_path / "train/Reach"
    films.make_images(place, "rat", range(1, 4))
    films.make_images(place, f"{TEMPORARY}rat-2", range(1, 4))  # another clip's
    assert len(frames.read_frames(tmp_path, films.clip_of(n_frames=3), 3)) == 3
    films.make_images(place, f"{TEMPORARY}rat", [4])
    with pytest.raises(Problem, match="cut short"):
        frames.read_frames(tmp_path, films.clip_of(n_frames=3), 3)


@pytest.mark.parametrize("suffix", [".h264", ".hevc", ".ogv", ".mxf", ".seq"])
def test_videos_that_are_not_read_are_named_with_what_converts_them(tmp_path, suffix):
    place = tmp_path / "train/Reach"
    place.mkdir(parents=True)
    (place / f"rat{suffix}").write_bytes(b"x")
    clip = films.clip_of(n_frames=9)
    with pytest.raises(Problem, match=r"Convert it: ffmpeg .*rat\.mp4"):
        frames.read_frames(tmp_path, clip, 3)


def test_a_picture_beside_a_film_is_not_its_clip(tmp_path):
    place = tmp_path / "train/Reach"
    films.make_film(place / "rat.mp4", 9)
    Image.fromarray(films.draw_frame(300)).save(place / "rat.gif")
    clip = films.clip_of(n_frames=9)
    assert films.read_numbers(frames.read_frames(tmp_path, clip, 3)) == [0, 3, 6]


def test_a_file_that_appears_later_is_found(tmp_path):
    place = tmp_path / "train/Reach"
    for number in range(3):
        films.make_images(place, "rat", range(number * 2, number * 2 + 2))
        assert len(find.list_images(place, "rat")) == number * 2 + 2
    (place / "rat-0005.jpg").unlink()
    assert len(find.list_images(place, "rat")) == 5


def test_a_folder_at_rest_is_listed_once(tmp_path, monkeypatch):
    place = tmp_path / "train/Reach"
    films.make_images(place, "rat", range(3))
    os.utime(place, (1e9, 1e9))
    listed, listdir = [], os.listdir
    monkeypatch.setattr(os, "listdir", lambda p: listed.append(p) or listdir(p))
    for _ in range(5):
        assert len(find.list_images(place, "rat")) == 3
    assert len(listed) == 1


def test_clips_in_the_folder_of_the_other_split_are_told(tmp_path):
    films.make_film(tmp_path / "train/Reach/rat.avi", 3)
    films.make_images(tmp_path / "test/Reach", "mouse", range(3))
    other = [films.clip_of(split="test"), films.clip_of("mouse"), films.clip_of("gone")]
    told = ["rat (in train)", "mouse (in test)"]
    assert find.find_moved(tmp_path, other) == told
    own = films.clip_of()  # a table that lists a clip twice, as the published one does
    assert find.find_moved(tmp_path, [own, *other]) == told[1:]
