"""Orientation and bit depth: pixels as a player shows them."""

import struct
import sys

import films
import numpy as np
import pytest
from PIL import Image

from system.terminal import Problem
from video import decoder, frames, pixels

TURNS = {  # of the matrix (a, b, c, d), and what a player then shows
    (1, 0, 0, 1): lambda f: f,
    (-1, 0, 0, 1): lambda f: f[:, ::-1],
    (1, 0, 0, -1): lambda f: f[::-1],
    (-1, 0, 0, -1): lambda f: f[::-1, ::-1],
    (0, 1, -1, 0): lambda f: np.rot90(f, -1),
    (0, -1, 1, 0): lambda f: np.rot90(f),
    (0, 1, 1, 0): lambda f: f.transpose(1, 0, 2),
    (0, -1, -1, 0): lambda f: np.rot90(f, 2).transpose(1, 0, 2),
}


def set_matrix(path, a, b, c, d):
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 44  # the matrix of the track header
    numbers = [int(n * 2**16) for n in (a, b, 0, c, d, 0, 0, 0)]
    struct.pack_into(">9i", content, place, *numbers, 2**30)
    path.write_bytes(content)


@pytest.mark.parametrize("matrix", TURNS)
def test_turned_and_mirrored_as_a_player_shows_it(tmp_path, matrix):
    path = films.make_film(tmp_path / "rat.mp4", 3)
    set_matrix(path, *matrix)
    (frame,), _ = films.read_video(path, 1)
    expected = TURNS[matrix](films.draw_frame(0))
    assert frame.shape == expected.shape
    assert np.abs(frame.astype(int) - expected).mean() < 4


def test_a_frame_is_free_once_its_pixels_are_taken(tmp_path):
    film = decoder.survey(films.make_film(tmp_path / "rat.mp4", 3))
    for _, frame in decoder.iterate(film):
        n_names = sys.getrefcount(frame)
        pixels.to_rgb(frame)
        pixels.to_grey(frame)
        assert sys.getrefcount(frame) == n_names  # or it waits for the collector


def test_other_angles_are_refused(tmp_path):
    path = films.make_film(tmp_path / "rat.mp4", 3)
    set_matrix(path, 0.7, 0.7, -0.7, 0.7)
    with pytest.raises(Problem, match="another angle"):
        films.read_video(path, 1)


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
@pytest.mark.parametrize("given", ["gray16le", "rgb48le"])
def test_a_film_that_leaves_upper_bits_empty_is_refused(tmp_path, bits, given):
    path = tmp_path / "deep.mkv"
    drawn = [films.draw_frame(n).astype(np.uint16) << (bits - 8) for n in range(6)]
    kind = "gbrp16le"
    if given == "gray16le":
        kind, drawn = given, [np.ascontiguousarray(d[..., 2]) for d in drawn]
    films.write_film(path, drawn, "ffv1", kind, given=given)
    with pytest.raises(Problem, match="no pixel is brighter than"):
        films.read_video(path, 6)


def test_a_film_without_bright_pixels_and_more_than_8_bits_is_refused(tmp_path):
    drawn = [films.draw_frame(number) // 6 for number in range(6)]
    path = films.write_film(tmp_path / "dark.mp4", drawn, "libx264", "yuv420p10le")
    with pytest.raises(Problem, match="no pixel is brighter than"):
        films.read_video(path, 6)


def write_stack(path, pages):
    first, *rest = map(Image.fromarray, pages)
    first.save(path, save_all=True, append_images=rest)
    return path


def test_stacks_of_tiff(tmp_path):
    path = write_stack(tmp_path / "rat.tif", map(films.draw_frame, range(9)))
    chosen, n_frames = films.read_video(path, 3)
    assert (films.read_numbers(chosen), n_frames) == ([0, 3, 6], 9)
    chosen, n_frames = films.read_video(path, 4, view=frames.View(4, 8))
    assert (films.read_numbers(chosen), n_frames) == ([4, 5, 6, 7], 4)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(Problem, match=r"rat\.tif"):
        films.read_video(path, 9)


@pytest.mark.parametrize("kind", ["uint16", "int32", "float32"])
def test_stacks_of_other_numbers_say_what_converts_them(tmp_path, kind):
    path = write_stack(tmp_path / "deep.tif", [np.ones((48, 64), kind)] * 3)
    with pytest.raises(Problem, match=r"not supported.*Type > 8-bit"):
        frames.open_reel(path)


def test_a_stack_of_imagej_that_hides_its_pages_is_refused(tmp_path):
    page = Image.fromarray(np.zeros((48, 64), np.uint8))
    page.save(tmp_path / "big.tif", description="ImageJ=1.53t\nimages=40\nframes=40\n")
    with pytest.raises(Problem, match=r"one page can be found.*ImageJ"):
        frames.open_reel(tmp_path / "big.tif")
