"""When each picture of a film was taken: dropped pictures, drift, jumps in time."""

from fractions import Fraction

import av
import films
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import Clip
from rating import server
from system.terminal import Caution, Problem
from video import frames, packets


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
        chosen, n_frames = films.read_video(path, len(shown))
    assert (films.read_numbers(chosen), n_frames) == (shown, len(shown))


def test_jitter_moves_no_frame(tmp_path):
    times = [number * 3000 + number * 7919 % 900 for number in range(40)]
    unit = Fraction(1, 90000)
    path = films.make_film(tmp_path / "phone.mp4", 40, times=times, unit=unit)
    assert films.read_numbers(frames.open_reel(path).iterate()) == list(range(40))


def write_timed(path, milliseconds, rate=30):
    """Write a Matroska film that says a rate, with pictures at times of their own."""
    times, unit = [round(time) for time in milliseconds], Fraction(1, 1000)
    drawn = [films.draw_frame(number % 60) for number in range(len(times))]
    kind = "mjpeg", "yuvj420p"
    films.write_film(path, drawn, *kind, times=times, rate=rate, unit=unit)
    return frames.open_reel(path)


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


# ---------------------------------------------------------------- what is odd


def test_what_a_file_says_of_its_making_is_told(tmp_path):
    path = tmp_path / "phone.mp4"
    options = {"movflags": "use_metadata_tags"}
    with av.open(str(path), "w", options=options) as container:
        container.metadata["com.android.capture.fps"] = "240.0"
        made = [container.add_stream("libx264", rate=30) for _ in range(2)]
        for stream in made:
            stream.width, stream.height = films.SIZE
            stream.pix_fmt = "yuv420p"
            stream.codec_context.color_trc = 18  # HLG
            stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        for number in range(12):
            drawn = films.draw_frame(number)
            for stream in made:
                frame = av.VideoFrame.from_ndarray(drawn, format="rgb24")
                frame.color_trc = 18
                container.mux(stream.encode(frame))
        for stream in made:
            container.mux(stream.encode(None))
    told = " ".join(frames.open_reel(path).list_notes())
    assert "filmed at 240 frames a second and plays at 30" in told
    assert "write 240 into a column fps" in told
    assert "not square (4/3)" in told
    assert "colours are HDR" in told and "it holds 2 films; number 1 is read" in told
    clip = Clip("train", "R", "a", 12, 0.0, video=str(path))
    shown = tmp_path / "shown.mp4"
    shown.write_bytes(server.encode(tmp_path, clip)[0])
    assert frames.open_reel(shown).film.aspect == Fraction(4, 3)
