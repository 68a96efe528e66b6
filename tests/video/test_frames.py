import av
import films
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from system.terminal import Problem
from video import frames


def read_numbers(path, n_frames, sampling="stride"):
    """Read which frames a video's sequence is made of, and how many it has."""
    chosen, n_available = films.read_video(path, n_frames, sampling)
    return films.read_numbers(chosen), n_available


# ---------------------------------------------------------------- sampling


@pytest.mark.parametrize(
    ("n_available", "first", "last"),
    [(125, 0, 124), (151, 0, 124), (172, 0, 124), (249, 0, 124), (251, 0, 248)],
)
def test_stride_takes_what_was_published(n_available, first, last):
    indices = frames.sample_indices(n_available, 125, "stride")
    published = list(range(n_available))[:: n_available // 125][:125]
    assert list(indices) == published
    assert (indices[0], indices[-1]) == (first, last)


WHOLE = ["stride", "uniform"]  # samplings that span the clip


@settings(deadline=None)
@given(
    st.integers(1, 3000), st.integers(0, 3000), st.sampled_from(["stride", "uniform"])
)
def test_indices_rise_and_stay_within_the_clip(n_frames, more, sampling):
    n_available = n_frames + more
    indices = frames.sample_indices(n_available, n_frames, sampling)
    assert len(indices) == n_frames
    assert indices[0] == 0 and indices[-1] < n_available
    assert (np.diff(indices) > 0).all()
    if sampling == "uniform" and n_frames > 1:
        assert indices[-1] == n_available - 1
        assert np.ptp(np.diff(indices)) <= 1 or n_frames == 2


def test_clips_that_are_too_short_say_both_numbers():
    with pytest.raises(Problem, match="too short: 124 frames, 125 are needed"):
        frames.sample_indices(124, 125)


KINDS = {  # beside those of `test_reader.py`
    "raw.avi": {"codec": "rawvideo", "pixels": "bgr24"},
    "open groups.mp4": {
        "options": {"preset": "medium", "bf": "3", "x264-params": "open-gop=1:keyint=9"}
    },
    "key frames.mp4": {"options": {"g": "1"}},
    "mpeg1.mpg": {},
    "mpeg4.m4v": {},
    "10 bits.mp4": {"pixels": "yuv420p10le"},
    "grey.mkv": {"pixels": "gray"},
    "grey of 16 bits.mkv": {"pixels": "gray16le"},
    "alpha.avi": {"codec": "png", "pixels": "rgba"},
    "alpha.webm": {"pixels": "yuva420p"},
    "odd size.mkv": {"size": (97, 63)},
    "odd size.mp4": {"size": (131, 75), "pixels": "yuv444p"},
    "late start.mkv": {"times": range(500, 551)},
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_video_gives_its_frames_in_order(tmp_path, name):
    path = tmp_path / name
    options = {**films.OPTIONS.get(KINDS[name].get("codec"), {})}
    kind = {**KINDS[name], "options": {**options, **KINDS[name].get("options", {})}}
    try:
        films.make_film(path, 51, **kind)
    except av.FFmpegError as error:
        pytest.skip(f"this PyAV cannot encode it: {error}")
    assert read_numbers(path, 51) == (list(range(51)), 51)
    assert read_numbers(path, 50) == (list(range(50)), 51)
    assert read_numbers(path, 17) == (list(range(0, 51, 3)), 51)
    assert read_numbers(path, 11, "uniform") == (list(range(0, 51, 5)), 51)
    with pytest.raises(Problem, match="too short: 51 frames, 52 are needed"):
        read_numbers(path, 52)
    (first,), _ = films.read_video(path, 1)
    assert first.dtype == np.uint8 and first.shape[2] == 3
    red, green, blue = first[2, first.shape[1] // 2].astype(int)
    if "grey" in name:
        assert red == green == blue
    else:
        assert red > 230 and green < 30 and blue < 30


def test_images_give_the_frames_that_a_video_gives(tmp_path):
    films.make_film(tmp_path / "train/Reach/film.mkv", 30)
    films.make_images(tmp_path / "train/Reach", "rat", range(30), suffix=".png")
    for sampling in WHOLE:
        one = frames.read_frames(tmp_path, films.clip_of("film"), 8, sampling)
        other = frames.read_frames(tmp_path, films.clip_of("rat"), 8, sampling)
        np.testing.assert_array_equal(one, other)


# ---------------------------------------------------------------- writing


@pytest.mark.parametrize("size", [(96, 64), (97, 63)])
def test_a_written_video_is_read_again(tmp_path, size):
    pictures = [films.draw_frame(number, size) for number in range(9)]
    frames.write_video(tmp_path / "one.mp4", iter(pictures), 12.5)
    read, n_available = films.read_video(tmp_path / "one.mp4", 9)
    assert (films.read_numbers(read), n_available) == (list(range(9)), 9)
    with av.open(str(tmp_path / "one.mp4")) as container:
        assert container.streams.video[0].average_rate == 12.5
