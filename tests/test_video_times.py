"""When each picture of a film was taken: dropped pictures, drift, jumps in time."""

from fractions import Fraction

import av
import films
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import Clip
from system.terminal import Caution, Problem
from video import frames, packets, reader


@settings(deadline=None)
@given(
    st.lists(st.floats(0.001, 0.5), min_size=1, max_size=60),
    st.sampled_from([10, 25, 29.97, 120]),
)
def test_no_picture_is_dropped_and_time_is_kept(steps, rate):
    times = np.cumsum(steps)
    numbers = packets.number_frames(times, rate)
    assert numbers[0] == 0 and (np.diff(numbers) >= 1).all()
    if (np.diff(times) * rate > 1).all() and len(times) > 1:
        assert abs(numbers - (times - times[0]) * rate).max() < 1


TIMES = {
    "dropped": [*range(9), *range(12, 20)],
    "half": [*range(10), *range(10, 40, 2)],
    "late": [*range(100, 110), 115, 116],
}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
def test_where_pictures_were_dropped_the_one_before_is_shown_on(
    tmp_path, suffix, times
):
    path = films.make_film(tmp_path / f"uneven{suffix}", len(times), times=times)
    shown = [
        np.searchsorted(times, t, "right") - 1 for t in range(times[0], times[-1] + 1)
    ]
    with pytest.warns(Caution, match=f"{len(times)} pictures in the time of"):
        chosen, n_frames = frames.read_video(path, len(shown))
    assert (films.read_numbers(chosen), n_frames) == (shown, len(shown))


def test_jitter_moves_no_frame(tmp_path):
    path = tmp_path / "phone.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = *films.SIZE, "yuv420p"
        stream.options = {"preset": "ultrafast"}
        stream.codec_context.time_base = Fraction(1, 90000)
        for number in range(40):
            drawn = films.draw_frame(number)
            frame = av.VideoFrame.from_ndarray(drawn, format="rgb24")
            frame.time_base = Fraction(1, 90000)
            frame.pts = number * 3000 + number * 7919 % 900
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert films.read_numbers(reader.open_reel(path).iterate()) == list(range(40))


def write_timed(path, milliseconds, rate=30):
    """Write a Matroska film that says a rate, with pictures at times of their own."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=rate)
        stream.width, stream.height, stream.pix_fmt = *films.SIZE, "yuvj420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, time in enumerate(milliseconds):
            drawn = films.draw_frame(number % 60)
            frame = av.VideoFrame.from_ndarray(drawn, format="rgb24")
            frame.pts, frame.time_base = round(time), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return reader.open_reel(path)


@pytest.mark.parametrize("real", [25, 29, 29.5, 20, 31])
def test_a_camera_slower_than_it_says_counts_by_its_times(tmp_path, real):
    reel = write_timed(tmp_path / "web.mkv", [n * 1000 / real for n in range(150)])
    assert reel.n_frames == 150 and reel.rate == pytest.approx(real, rel=1e-3)
    view = frames.find_view(
        Clip("train", "R", "a", 1, 0, start=2, end=3), 150, reel.rate
    )
    assert view.start == pytest.approx(2 * real, abs=1)


def test_a_rate_that_drifts_and_pictures_that_are_lost_keep_their_times(tmp_path):
    times = np.cumsum([33] * 60 + [50] * 60)
    reel = write_timed(tmp_path / "vfr.mkv", times)
    shown = (reel.numbers / reel.rate - (times - times[0]) / 1000)[[30, 60, 90, 119]]
    assert np.abs(shown).max() < 1 / reel.rate
    times = np.delete(np.arange(100) * 40, [20, 50, 51, 80])
    reel = write_timed(tmp_path / "lost.mkv", times, rate=25)
    assert reel.n_frames == 100 and reel.rate == 25


@pytest.mark.parametrize("jump", [60, 43200])
def test_a_jump_in_time_is_refused_with_its_place(tmp_path, jump):
    times = [33 * n + 1000 * jump * (n >= 50) for n in range(80)]
    with pytest.raises(Problem, match=rf"jumps by {jump} s after frame 50, 1\.62 s"):
        write_timed(tmp_path / "jump.mkv", times)
    assert write_timed(
        tmp_path / "gap.mkv", [33 * n + 9000 * (n > 9) for n in range(20)]
    )
