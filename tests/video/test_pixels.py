"""Orientation and bit depth: pixels as a player shows them."""

import struct

import av
import films
import numpy as np
import pytest
from PIL import Image

from system.terminal import Caution, Problem
from video import frames, reader

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


def test_other_angles_are_refused(tmp_path):
    path = films.make_film(tmp_path / "rat.mp4", 3)
    set_matrix(path, 0.7, 0.7, -0.7, 0.7)
    with pytest.raises(Problem, match="another angle"):
        films.read_video(path, 1)


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
@pytest.mark.parametrize("pixels", ["gray16le", "rgb48le"])
def test_pixels_that_leave_upper_bits_empty_are_not_black(tmp_path, bits, pixels):
    path = tmp_path / "deep.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height = films.SIZE
        stream.pix_fmt = "gray16le" if pixels == "gray16le" else "gbrp16le"
        for number in range(6):
            drawn = films.draw_frame(number).astype(np.uint16) << (bits - 8)
            drawn = drawn[..., 2] if pixels == "gray16le" else drawn
            drawn = np.ascontiguousarray(drawn)
            frame = av.VideoFrame.from_ndarray(drawn, format=pixels)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.warns(Caution, match=f"use {bits} of 16 bits"):
        chosen, _ = films.read_video(path, 6)
    assert films.read_numbers(chosen) == list(range(6))
    assert chosen[1].max() > 250


def test_a_film_without_bright_pixels_and_more_than_8_bits_is_told(tmp_path):
    drawn = [films.draw_frame(number) // 6 for number in range(6)]
    kind = "libx264", "yuv420p10le"
    path = films.write_film(tmp_path / "dark.mp4", drawn, *kind)
    with pytest.warns(Caution, match="no pixel is brighter than"):
        films.read_video(path, 6)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_stacks_of_tiff(tmp_path, bits):
    drawn = [films.draw_frame(number) for number in range(9)]
    if bits > 8:
        drawn = [d[..., 2].astype(np.uint16) * (2 ** (bits - 8)) for d in drawn]
    first, *rest = map(Image.fromarray, drawn)
    path = tmp_path / "rat.tif"
    first.save(path, save_all=True, append_images=rest)
    chosen, n_frames = films.read_video(path, 3)
    assert (films.read_numbers(chosen), n_frames) == ([0, 3, 6], 9)
    view = frames.View(4, 8)
    chosen, n_frames = films.read_video(path, 4, view=view)
    assert (films.read_numbers(chosen), n_frames) == ([4, 5, 6, 7], 4)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(Problem, match=r"rat\.tif"):
        films.read_video(path, 9)


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("float32", 0, 1),
        ("float32", -0.5, 200),
        ("int32", 0, 2**30),
        ("float32", 0, 65535),
        ("int32", -100, 100),
    ],
)
def test_stacks_of_other_numbers_are_scaled(tmp_path, kind, low, high):
    values = np.linspace(low, high, 48 * 64).reshape(48, 64).astype(kind)
    pages = [Image.fromarray(values)] * 3
    path = tmp_path / "deep.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    reel = reader.open_reel(path)
    first, *_ = reel.iterate()
    assert first.min() <= 1 and first.max() >= 254
    assert abs(first.mean() - 127) < 3
    assert "scaled to 0 to 255" in reel.list_notes()[0]


def test_a_stack_of_imagej_that_hides_its_pages_is_refused(tmp_path):
    page = Image.fromarray(np.zeros((48, 64), np.uint8))
    page.save(tmp_path / "big.tif", description="ImageJ=1.53t\nimages=40\nframes=40\n")
    with pytest.raises(Problem, match="ImageJ says 40 pages, 1 can be found"):
        reader.open_reel(tmp_path / "big.tif")
