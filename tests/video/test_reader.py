"""What a video file says and what comes out of it: no wrong frame in silence."""

import itertools
import warnings
from fractions import Fraction
from pathlib import Path

import av
import films
import numpy as np
import pytest

from data import Clip
from features import provenance
from system.terminal import Caution, Problem
from video import decoder, frames

CASES = Path(__file__).parents[3] / "shared/cases"
N_FRAMES = 48
B_FRAMES = {"preset": "medium", "bf": "3", "g": "12"}
KINDS = {
    "mpeg4.avi": {"options": {"g": "12"}},
    "B-frames.avi": {"codec": "mpeg4", "options": {"bf": "2", "g": "12"}},
    "h264.avi": {"codec": "libx264", "options": B_FRAMES},
    "mjpeg.avi": {"codec": "mjpeg"},
    "huffyuv.avi": {"codec": "huffyuv", "pixels": "yuv422p"},
    "h264.mp4": {"options": B_FRAMES},
    "h265.mp4": {
        "codec": "libx265",
        "options": {"x265-params": "log-level=none:keyint=12"},
    },
    "h264.mkv": {"codec": "libx264", "options": B_FRAMES},
    "ffv1.mkv": {},
    "vp9.webm": {"options": {"g": "12"}},
    "mpeg2.mpg": {"codec": "mpeg2video", "options": {"bf": "2", "g": "12"}},
    "h264.ts": {"codec": "libx264", "options": B_FRAMES},
    "mpeg2.m2ts": {"codec": "mpeg2video", "options": {"bf": "2", "g": "12"}},
    "wmv2.wmv": {"codec": "wmv2"},
    "flv.flv": {"codec": "flv"},
    "mjpeg.mov": {},
    "mpeg4.3gp": {"codec": "mpeg4"},
    "whole.gif": {"codec": "gif", "pixels": "rgb8"},
}


def make(folder, name, n_frames=N_FRAMES, **changes):
    kind = {"codec": films.CODECS.get(Path(name).suffix), **KINDS.get(name, {})}
    options = {**films.OPTIONS.get(kind["codec"], {}), **kind.pop("options", {})}
    return films.make_film(
        folder / name, n_frames, **{**kind, "options": options, **changes}
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return {name: make(folder, name) for name in KINDS}


def read_all(path, **options):
    """Read all frames of a video as numbers, without a caution."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reel = frames.open_reel(path, **options)
        return films.read_numbers(reel.iterate())


def copy_to(path, name, content):
    copy = path / name
    copy.write_bytes(bytes(content))
    return copy


# ---------------------------------------------------------------- the given cases

ANSWERS = {
    "damaged-at-50-of-60.mp4": "not decodable",
    "half-copied.mkv": "the file says 24 frames, 15 are there",
    "half-copied-faststart.mp4": "the file says 60 frames, 52 are there",
    "mirror-h.mp4": 24,
    "metadata-latin.avi": 24,
    "cover-first.mp4": 24,
    "null-frames.avi": 24,
    "ffv1-gray16-12bit.mkv": "no pixel is brighter than",
    "cut-not-at-key.avi": 12,
    "clip.wmv": 24,
}


@pytest.mark.skipif(not CASES.exists(), reason="the material beside the project")
@pytest.mark.parametrize("name", ANSWERS)
def test_given_cases(name):
    answer = ANSWERS[name]
    if isinstance(answer, str):
        with pytest.raises(Problem, match=answer):
            films.read_video(CASES / name, 5)
    else:
        shown = list(frames.open_reel(CASES / name).iterate())
        assert len(shown) == answer and max(frame.max() for frame in shown) > 200


# ---------------------------------------------------------------- cut short, damaged


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_read_whole(made, name):
    assert read_all(made[name]) == list(range(N_FRAMES))


@pytest.mark.parametrize("name", sorted(set(KINDS) - {"mpeg2.mpg", "mjpeg.mov"}))
@pytest.mark.parametrize("part", [0.8, 0.9])
def test_a_film_cut_short_is_refused_or_taken_when_told(made, tmp_path, name, part):
    content = made[name].read_bytes()
    if name.endswith((".mp4", ".3gp")):  # what players need stands at the end
        content = move_index_to_front(made[name], tmp_path)
    path = copy_to(tmp_path, name, content[: int(len(content) * part)])
    with pytest.raises(Problem) as refused:
        films.read_video(path, 4)
    assert "there" in str(refused.value) and "--allow-short" in str(refused.value)
    with pytest.warns(Caution, match="are taken"):
        chosen, n_there = films.read_video(path, 4, allow_short=True)
    assert 4 <= n_there < N_FRAMES
    assert films.read_numbers(chosen) == list(
        range(0, 4 * (n_there // 4), n_there // 4)
    )
    assert read_all(path, allow_short=True) == list(range(n_there))


def move_index_to_front(path, folder):
    """Copy the packets of an MP4 so that its index comes first."""
    copy = folder / f"front{path.suffix}"
    options = {"movflags": "faststart"}
    with av.open(str(path)) as old, av.open(str(copy), "w", options=options) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    return copy.read_bytes()


@pytest.mark.parametrize("name", ["h264.mp4", "h265.mp4", "mpeg4.avi", "h264.mkv"])
@pytest.mark.parametrize("place", [5, 20, 46])
def test_a_damaged_packet_fails_the_clip_wherever_it_stands(
    made, tmp_path, name, place
):
    with av.open(str(made[name])) as container:
        spots = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    content = bytearray(made[name].read_bytes())
    start, size = spots[place]
    content[start : start + size] = bytes(size)
    with pytest.raises(Problem):
        list(frames.open_reel(copy_to(tmp_path, name, content)).iterate(()))


@pytest.mark.parametrize("name", ["ffv1.mkv", "vp9.webm", "mpeg2.mpg", "h264.ts"])
def test_a_hole_in_the_middle_is_not_taken_for_a_pause(made, tmp_path, name):
    content = bytearray(made[name].read_bytes())
    middle, length = len(content) // 2, len(content) // 6
    content[middle : middle + length] = bytes(length)
    with pytest.raises(Problem):
        list(frames.open_reel(copy_to(tmp_path, name, content)).iterate(()))


def test_bytes_that_one_decoder_of_vp9_takes_for_sound_are_refused(made, tmp_path):
    with av.open(str(made["vp9.webm"])) as container:
        spots = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    random = np.random.default_rng(0)
    for start, size in spots[::5]:
        content = bytearray(made["vp9.webm"].read_bytes())
        start += size // 2
        content[start : start + 16] = random.bytes(16)
        with pytest.raises(Problem):
            list(frames.open_reel(copy_to(tmp_path, "vp9.webm", content)).iterate(()))


def test_frames_before_the_first_key_frame_are_left_out(made, tmp_path):
    path = tmp_path / "cut.avi"
    with av.open(str(made["mpeg4.avi"])) as old, av.open(str(path), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(old.demux(video=0)):
            if packet.dts is not None and number >= 7:
                packet.pts -= 7
                packet.dts -= 7
                packet.stream = stream
                new.mux(packet)
    with pytest.warns(Caution, match="first 5 frames lean on a key frame that was cut"):
        chosen, n_frames = films.read_video(path, 36)
    assert films.read_numbers(chosen) == list(range(12, 48)) and n_frames == 36


# ---------------------------------------------------------------- streams


def make_streams(path, plans):
    """Write streams, each (size, what its frames are numbered from, disposition)."""
    with av.open(str(path), "w") as container:
        streams = []
        for size, *_ in plans:
            stream = container.add_stream("mpeg4", rate=30)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            stream.options = films.OPTIONS["mpeg4"]
            streams.append(stream)
        for stream, (*_, disposition) in zip(streams, plans, strict=True):
            stream.disposition = disposition
        for number in range(9):
            for stream, (size, first, _) in zip(streams, plans, strict=True):
                drawn = films.draw_frame(first + number, size)
                frame = av.VideoFrame.from_ndarray(drawn, format="rgb24")
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("names", itertools.permutations(["other", "default", "cover"]))
def test_the_default_stream_is_read(tmp_path, names):
    from av.stream import Disposition

    plans = {
        "other": ((192, 128), 100, Disposition(0)),
        "default": (films.SIZE, 200, Disposition.default),
        "cover": ((192, 128), 300, Disposition.attached_pic),
    }
    path = make_streams(tmp_path / "two.mkv", [plans[name] for name in names])
    chosen, _ = films.read_video(path, 9)
    assert films.read_numbers(chosen) == list(range(200, 209))


# ---------------------------------------------------------------- ranges, crop, mirror


@pytest.mark.parametrize("name", KINDS)
def test_a_range_shows_the_frames_that_decoding_from_the_start_shows(made, name):
    whole = list(frames.open_reel(made[name]).iterate())
    for start, end in ((0, 5), (11, 25), (12, 13), (13, 37), (30, 48), (47, 48)):
        part = list(frames.open_reel(made[name]).iterate(None, start, end))
        np.testing.assert_array_equal(part, whole[start:end])
    view = frames.View(10, 34, crop=(8, 4, 60, 50), mirror=True)
    chosen, n_frames = films.read_video(made[name], 6, view=view)
    assert n_frames == 24
    expected = [whole[n][4:54, 8:68][:, ::-1] for n in range(10, 34, 4)]
    np.testing.assert_array_equal(chosen, expected)


def test_a_range_of_a_film_of_uneven_rate(tmp_path):
    times = [*range(20), *range(20, 60, 3), 70]
    path = make(tmp_path, "h264.mp4", len(times), times=times)
    whole = list(frames.open_reel(path).iterate())
    assert len(whole) == 71
    for start, end in ((0, 7), (17, 24), (21, 22), (45, 65), (60, 71)):
        part = list(frames.open_reel(path).iterate(None, start, end))
        np.testing.assert_array_equal(part, whole[start:end])


def test_a_range_decodes_from_the_key_frame_before_it(tmp_path, monkeypatch):
    path = films.make_film(tmp_path / "long.mp4", 300, options={"g": "30"})
    reel, seen, find_place = frames.open_reel(path), [], decoder.find_place

    def find(film, frame, number):
        seen.append(find_place(film, frame, number))
        return seen[-1]

    monkeypatch.setattr(decoder, "find_place", find)
    assert films.read_numbers(reel.iterate([205], 200, 210)) == [205]
    assert 170 < seen[0] <= 200 and seen[-1] == 210


def test_rates_are_told(made, tmp_path):
    place = tmp_path / "train/Reach"
    for rate in (15, Fraction(30000, 1001), 120):
        path = place / f"rat{float(rate):.0f}.mp4"
        place.mkdir(parents=True, exist_ok=True)
        frames.write_video(path, map(films.draw_frame, range(12)), rate)
        clip = Clip("train", "Reach", path.stem, 12, 0.0)
        origin = provenance.describe_origin(tmp_path, clip)
        assert origin.fps == pytest.approx(float(rate))
        assert (origin.source, origin.n_frames) == (path.name, 12)
        stat = path.stat()
        assert (origin.bytes, origin.modified) == (stat.st_size, int(stat.st_mtime))
