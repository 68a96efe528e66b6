"""Numbered images as the frames of a clip."""

import warnings

import films
import numpy as np
import pytest
from films import save_image
from PIL import Image

from system.terminal import Problem
from video import frames


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpeg_of_every_kind(tmp_path, mode):
    frame = films.read_image(save_image(tmp_path, mode=mode, quality=95))
    assert frame.shape == (64, 96, 3) and frame.dtype == np.uint8
    assert films.read_number(frame) == 5
    red, green, blue = frame[4, 48].astype(int)
    if mode == "L":
        assert red == green == blue == 76
    else:
        assert red > 240 and green < 20 and blue < 20


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1"])
def test_png_of_every_kind(tmp_path, mode):
    frame = films.read_image(save_image(tmp_path, "rat-1.png", mode))
    assert frame.shape == (64, 96, 3)
    assert films.read_number(frame) == 5


def test_png_of_16_bits_is_refused(tmp_path):
    image = Image.fromarray(np.full((64, 96), 300, np.uint16))
    with pytest.raises(Problem, match="pixels of kind I;16 are not supported"):
        films.read_image(save_image(tmp_path, "rat-1.png", image=image))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_obeyed(tmp_path, orientation):
    upright = films.draw_frame(5)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: np.rot90(upright.transpose(1, 0, 2), 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(stored))
    path = save_image(tmp_path, image=image, exif=exif, quality=95, subsampling=0)
    frame = films.read_image(path)
    assert np.abs(frame.astype(int) - upright).mean() < 5


def test_only_used_frames_are_converted(tmp_path):
    films.make_film(tmp_path / "train/Reach/rat.avi", 30)
    seen = []

    def convert(frame):
        seen.append(films.read_number(frame))
        return len(seen)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = frames.read_frames(tmp_path, films.clip_of(), 5, "stride", convert)
    assert seen == [0, 6, 12, 18, 24]
    assert read == [1, 2, 3, 4, 5]
