import os
import random
import re
import socket
import struct
import sys
import unicodedata
import warnings
from pathlib import Path

import av
import films
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import frames
from console import Caution, Problem
from data import Clip
from files import TEMPORARY
from sources import VIDEO_SUFFIXES, is_video
from video import containers, decoding


def clip_of(name="rat", n_frames=30, split="train", task="Reach"):
    return Clip(split, task, name, n_frames, 0.0)


def read_numbers(path, n_frames, sampling="stride"):
    """Read which frames a video's sequence is made of, and how many it has."""
    chosen, n_available = frames.read_video(path, n_frames, sampling)
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


@settings(deadline=None)
@given(st.integers(1, 3000), st.integers(0, 3000), st.sampled_from(frames.SAMPLINGS))
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


KINDS = {
    "mpeg4.avi": {},
    "mpeg4 with B-frames.avi": {"codec": "mpeg4", "options": {"bf": "2"}},
    "mjpeg.avi": {"codec": "mjpeg"},
    "raw.avi": {"codec": "rawvideo", "pixels": "bgr24"},
    "h264.mp4": {},
    "B-frames.mp4": {"options": {"preset": "medium", "bf": "4", "g": "90"}},
    "open groups.mp4": {
        "options": {"preset": "medium", "bf": "3", "x264-params": "open-gop=1:keyint=9"}
    },
    "key frames.mp4": {"options": {"g": "1"}},
    "h265.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "mjpeg.mov": {},
    "ffv1.mkv": {},
    "vp9.webm": {},
    "mpeg1.mpg": {},
    "mpeg2 with B-frames.mpg": {"codec": "mpeg2video", "options": {"bf": "2"}},
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
    (first,), _ = frames.read_video(path, 1)
    assert first.dtype == np.uint8 and first.shape[2] == 3
    red, green, blue = first[2, first.shape[1] // 2].astype(int)
    if "grey" in name:
        assert red == green == blue
    else:
        assert red > 230 and green < 30 and blue < 30


def test_one_frame(tmp_path):
    path = films.make_film(tmp_path / "rat.mp4", 1)
    assert read_numbers(path, 1) == ([0], 1)
    assert read_numbers(path, 1, "uniform") == ([0], 1)


def test_images_give_the_frames_that_a_video_gives(tmp_path):
    films.make_film(tmp_path / "train/Reach/film.mkv", 30)
    films.make_images(tmp_path / "train/Reach", "rat", range(30), suffix=".png")
    for sampling in frames.SAMPLINGS:
        one = frames.read_frames(tmp_path, clip_of("film"), 8, sampling)
        other = frames.read_frames(tmp_path, clip_of("rat"), 8, sampling)
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotated_by_metadata(tmp_path, degrees):
    path = films.make_film(tmp_path / "rat.mp4", 3)
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 44  # the matrix of the track header
    cosine, sine = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    matrix = [cosine, sine, 0, -sine, cosine, 0, 0, 0, 2**14]
    struct.pack_into(">9i", content, place, *(n * 2**16 for n in matrix))
    path.write_bytes(content)
    (frame,), _ = frames.read_video(path, 1)
    expected = np.rot90(films.draw_frame(0), -degrees // 90)  # clockwise
    assert frame.shape == expected.shape
    assert np.abs(frame.astype(int) - expected).mean() < 4


# ---------------------------------------------------------------- bad videos


def spoil(content, kind, chance):
    """Spoil the bytes of a video in a way that disks, cameras and people do."""
    content = bytearray(content)

    def place(limit=None):
        return chance.randrange(min(len(content), limit or len(content)))

    if kind == "cut short":
        return content[: place()]
    if kind == "header only":
        return content[: 4 + place(600)]
    if kind == "empty":
        return b""
    if kind == "zeros in the middle":
        start = place()
        length = len(content[start : start + chance.randrange(1, 4000)])
        content[start : start + length] = bytes(length)
    elif kind == "bytes added":
        start = place()
        content[start:start] = chance.randbytes(chance.randrange(1, 300))
    else:
        limit = 600 if kind == "header flipped" else None
        for _ in range(chance.choice([1, 5, 50])):
            content[place(limit)] = chance.randrange(256)
    return content


SPOILS = (
    *("cut short", "header only", "empty", "zeros in the middle", "bytes added"),
    *("header flipped", "bytes flipped", "wrong extension"),
)


def check_spoiled(sources, folder, n, seed):
    """Read spoiled videos: each gives frames or a Problem.

    Returns
    -------
    (int, int)
        How many gave frames, how many a Problem.
    """
    chance = random.Random(seed)
    n_read = n_refused = 0
    for number in range(n):
        source, kind = chance.choice(sources), SPOILS[number % len(SPOILS)]
        suffix = source.suffix
        content = source.read_bytes()
        if kind == "wrong extension":
            suffix = chance.choice(VIDEO_SUFFIXES[:12])
        else:
            content = spoil(content, kind, chance)
        path = folder / f"spoiled{suffix}"
        path.write_bytes(content)
        try:
            chosen, n_available = frames.read_video(path, 12)
            assert len(chosen) == 12 <= n_available
            assert all(f.dtype == np.uint8 and f.ndim == 3 for f in chosen)
            n_read += 1
        except Problem as problem:
            assert "\n" not in str(problem)
            n_refused += 1
    return n_read, n_refused


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    return [films.make_film(folder / f"rat{s}", 24) for s in films.CODECS]


def measure_memory():
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_spoiled_videos(sources, tmp_path):
    n_read, n_refused = check_spoiled(sources, tmp_path, 40, seed=1)
    assert n_read >= 5 and n_refused >= 10


@pytest.mark.thorough
def test_hundreds_of_spoiled_videos(sources, tmp_path):
    shared = Path(__file__).parents[2] / "shared/data"
    real = [p for p in sorted(shared.rglob("*")) if is_video(p)]
    before = measure_memory() if sys.platform == "linux" else 0
    n_read, n_refused = check_spoiled([*sources, *real[::6]], tmp_path, 400, seed=2)
    assert n_read >= 40 and n_refused >= 100
    if sys.platform == "linux":
        assert measure_memory() - before < 1000


def test_a_stream_of_an_unknown_kind_is_refused(tmp_path):
    path = films.make_film(tmp_path / "rat.avi", 9)
    content = path.read_bytes().replace(b"FMP4", b"QQQQ")
    path.write_bytes(content)
    with pytest.raises(Problem, match="no video of a known kind"):
        frames.read_video(path, 3)


def test_sound_alone_is_no_video(tmp_path):
    path = tmp_path / "rat.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 44100), np.float32), format="fltp", layout="mono"
        )
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(Problem, match="holds no video"):
        frames.read_video(path, 3)


@pytest.mark.parametrize(
    ("codec", "pixels", "start", "form"),
    [("png", "rgb24", b"IHDR", ">II"), ("mjpeg", None, b"\xff\xc0\x00\x11\x08", ">HH")],
)
def test_giant_declared_size_is_refused(tmp_path, codec, pixels, start, form):
    path = films.make_film(tmp_path / "rat.avi", 9, codec=codec, pixels=pixels)
    content = bytearray(path.read_bytes())
    places = [found.end() for found in re.finditer(re.escape(start), bytes(content))]
    assert len(places) == 9
    for place in places:  # each frame tells its size
        struct.pack_into(form, content, place, 60_000, 60_000)
    path.write_bytes(content)
    with pytest.raises(Problem):
        frames.read_video(path, 3)


def test_frames_above_the_limit_are_refused(tmp_path, monkeypatch):
    path = films.make_film(tmp_path / "rat.mp4", 9)
    limit = films.SIZE[0] * films.SIZE[1] - 1
    monkeypatch.setattr(containers, "MAX_PIXELS", limit)
    with pytest.raises(Problem, match=rf"96 x 64 pixels are refused; .* {limit}"):
        frames.read_video(path, 3)
    films.make_images(tmp_path, "rat", [1])
    with pytest.raises(Problem, match="96 x 64 pixels are refused"):
        frames.read_image(tmp_path / "rat-0001.jpg")
    monkeypatch.undo()
    monkeypatch.setitem(decoding.DECODE_OPTIONS, "max_pixels", "100")
    with pytest.raises(Problem):
        frames.read_video(path, 3)


LISTS = {
    "concat": "ffconcat version 1.0\nfile '{other}'\n",
    "playlist": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{other}\n",
    "address": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{address}/x.ts\n",
    "session": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "manifest": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" '
    'type="static" mediaPresentationDuration="PT1S"><Period><AdaptationSet '
    'mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{other}'
    "</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "page": "<!doctype html><html></html>",
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".mkv"])
def test_a_file_is_only_ever_itself(tmp_path, kind, suffix):
    other = films.make_film(tmp_path / "other.mp4", 9)
    os.utime(other, (1, 1))
    path = tmp_path / f"rat{suffix}"
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        path.write_text(LISTS[kind].format(other=other, address=address))
        with pytest.raises(Problem, match="no video that PyAV can open"):
            frames.read_video(path, 3)
        with pytest.raises(TimeoutError):
            server.accept()
    assert other.stat().st_atime == 1  # nobody has read it


@pytest.mark.skipif(os.name == "nt", reason="no such names on Windows")
@pytest.mark.parametrize(
    "name",
    [
        "concat:a.avi",
        "file:other.avi",
        "http:a.avi",
        "pipe:0.avi",
        "-i.avi",
        "%04d.avi",
    ],
)
def test_a_name_is_no_address(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    films.make_film(tmp_path / "other.avi", 5)
    films.make_film(tmp_path / "made.avi", 9)
    Path("made.avi").rename(name)
    assert read_numbers(Path(name), 9) == (list(range(9)), 9)


def test_unreadable_files_are_problems(tmp_path, monkeypatch):
    with pytest.raises(Problem, match="not readable"):
        frames.read_video(tmp_path / "gone.avi", 3)
    (tmp_path / "folder.avi").mkdir()
    with pytest.raises(Problem):
        frames.read_video(tmp_path / "folder.avi", 3)

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "train/Reach").mkdir(parents=True)
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(Problem, match="not readable"):
        frames.find_source(tmp_path, clip_of())


# ---------------------------------------------------------------- finding the source


def test_the_frames_of_rat10_are_not_those_of_rat1(tmp_path):
    place = tmp_path / "train/Reach"
    films.make_images(place, "rat1", range(4))
    films.make_images(place, "rat10", range(10, 15))
    films.make_images(place, "rat1-2", range(20, 24))
    read = {
        name: films.read_numbers(frames.read_frames(tmp_path, clip_of(name, n), n))
        for name, n in (("rat1", 4), ("rat10", 5), ("rat1-2", 4))
    }
    assert read["rat1"] == [0, 1, 2, 3]
    assert read["rat10"] == [10, 11, 12, 13, 14]
    assert read["rat1-2"] == [20, 21, 22, 23]


def test_images_are_ordered_by_number(tmp_path):
    films.make_images(tmp_path / "train/Reach", "rat", range(8, 13), digits=1)
    read = frames.read_frames(tmp_path, clip_of(n_frames=5), 5)
    assert films.read_numbers(read) == [8, 9, 10, 11, 12]


def test_missing_images_are_named(tmp_path):
    films.make_images(tmp_path / "train/Reach", "rat", [1, 2, 4, 5, 9])
    with pytest.raises(Problem, match=r"4 frames are missing in .*: number 3, 6, 7, 8"):
        frames.read_frames(tmp_path, clip_of(n_frames=5), 2)


def test_the_same_number_twice_is_named(tmp_path):
    films.make_images(tmp_path / "train/Reach", "rat", [1, 2])
    films.make_images(tmp_path / "train/Reach", "rat", [2], suffix=".png")
    with pytest.raises(Problem, match="frame 2 twice"):
        frames.read_frames(tmp_path, clip_of(n_frames=2), 2)


def test_two_videos_and_none(tmp_path):
    with pytest.raises(Problem, match=r"neither rat-0001\.jpg nor rat\.avi"):
        frames.read_frames(tmp_path, clip_of(), 2)
    films.make_film(tmp_path / "train/Reach/rat.avi", 3)
    films.make_film(tmp_path / "train/Reach/rat.MP4", 3)
    with pytest.raises(Problem, match="two videos of one clip"):
        frames.read_frames(tmp_path, clip_of(), 2)


def test_a_clip_is_found_in_the_other_split(tmp_path):
    films.make_film(tmp_path / "train/Reach/rat.avi", 3)
    found = frames.find_source(tmp_path, clip_of(split="test"))
    assert found == ([], tmp_path / "train/Reach/rat.avi")


def test_another_count_than_in_the_table_is_a_caution(tmp_path):
    films.make_film(tmp_path / "train/Reach/rat.avi", 20)
    with pytest.warns(Caution, match=r"has 20 frames, data_file\.csv says 30"):
        read = frames.read_frames(tmp_path, clip_of(n_frames=30), 10)
    assert films.read_numbers(read) == list(range(0, 20, 2))  # of what is there


@pytest.mark.parametrize("listed", ["NFC", "NFD"])
@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("name", ["Mäuschen, 1 (links)", "ratón nº2", "크기"])
def test_names_in_either_normal_form(tmp_path, name, listed, stored):
    clip = clip_of(unicodedata.normalize(listed, name), 3)
    on_disk = unicodedata.normalize(stored, name)
    films.make_film(tmp_path / "train/Reach" / f"{on_disk}.avi", 3)
    assert len(frames.read_frames(tmp_path, clip, 3)) == 3
    films.make_images(tmp_path / "train/Reach", on_disk, range(1, 4))
    assert films.read_numbers(frames.read_frames(tmp_path, clip, 3)) == [1, 2, 3]


def test_a_slicing_that_was_cut_short_is_no_clip(tmp_path):
    place = tmp_path / "train/Reach"
    films.make_images(place, "rat", range(1, 4))
    films.make_images(place, f"{TEMPORARY}rat-2", range(1, 4))  # another clip's
    assert len(frames.read_frames(tmp_path, clip_of(n_frames=3), 3)) == 3
    films.make_images(place, f"{TEMPORARY}rat", [4])
    with pytest.raises(Problem, match="cut short"):
        frames.read_frames(tmp_path, clip_of(n_frames=3), 3)


# ---------------------------------------------------------------- images


def save_image(folder, name="rat-0001.jpg", mode="RGB", image=None, **options):
    folder.mkdir(parents=True, exist_ok=True)
    image = image or Image.fromarray(films.draw_frame(5)).convert(mode)
    image.save(folder / name, **options)
    return folder / name


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "YCbCr"])
def test_jpeg_of_every_kind(tmp_path, mode):
    frame = frames.read_image(save_image(tmp_path, mode=mode, quality=95))
    assert frame.shape == (64, 96, 3) and frame.dtype == np.uint8
    assert films.read_number(frame) == 5
    red, green, blue = frame[4, 48].astype(int)
    if mode == "L":
        assert red == green == blue == 76
    else:
        assert red > 240 and green < 20 and blue < 20


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1"])
def test_png_of_every_kind(tmp_path, mode):
    frame = frames.read_image(save_image(tmp_path, "rat-1.png", mode))
    assert frame.shape == (64, 96, 3)
    assert films.read_number(frame) == 5


def test_png_of_16_bits_is_refused(tmp_path):
    image = Image.fromarray(np.full((64, 96), 300, np.uint16))
    with pytest.raises(Problem, match="pixels of kind I;16 are not supported"):
        frames.read_image(save_image(tmp_path, "rat-1.png", image=image))


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
    frame = frames.read_image(path)
    assert np.abs(frame.astype(int) - upright).mean() < 5


def test_images_of_several_sizes_are_refused(tmp_path):
    films.make_images(tmp_path / "train/Reach", "rat", [1, 2])
    films.make_images(tmp_path / "train/Reach", "rat", [3], size=(64, 96))
    with pytest.raises(Problem, match=r"rat-0003\.jpg: its size differs"):
        frames.read_frames(tmp_path, clip_of(n_frames=3), 3)


def test_other_formats_under_the_name_of_jpeg_are_refused(tmp_path):
    for kind in ("GIF", "BMP", "TIFF", "WEBP"):
        with pytest.raises(Problem, match="no readable image"):
            frames.read_image(save_image(tmp_path, format=kind))


def check_spoiled_images(folder, n, seed):
    chance = random.Random(seed)
    exif = Image.Exif()
    exif[0x0112] = 6
    paths = [
        save_image(folder, "a.jpg", exif=exif),
        save_image(folder, "b.jpg", progressive=True),
        save_image(folder, "c.jpg", "CMYK"),
        save_image(folder, "a.png", exif=exif),
        save_image(folder, "b.png", "P"),
        save_image(folder, "c.png", "RGBA"),
    ]
    whole = {path: path.read_bytes() for path in paths}
    n_refused = 0
    for _ in range(n):
        path = chance.choice(paths)
        path.write_bytes(spoil(whole[path], chance.choice(SPOILS[:-1]), chance))
        try:
            frame = frames.read_image(path)
            assert frame.dtype == np.uint8 and frame.ndim == 3
        except Problem as problem:
            n_refused += 1
            assert path.name in str(problem)
    return n_refused


def test_spoiled_images(tmp_path):
    assert check_spoiled_images(tmp_path, 150, seed=1) > 50


@pytest.mark.thorough
def test_thousands_of_spoiled_images(tmp_path):
    assert check_spoiled_images(tmp_path, 5000, seed=2) > 1000


def test_truncated_image_is_named(tmp_path):
    path = save_image(tmp_path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(Problem, match=r"rat-0001\.jpg: no readable image"):
        frames.read_image(path)


def test_only_used_frames_are_converted(tmp_path):
    films.make_film(tmp_path / "train/Reach/rat.avi", 30)
    seen = []

    def convert(frame):
        seen.append(films.read_number(frame))
        return len(seen)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = frames.read_frames(tmp_path, clip_of(), 5, "stride", convert)
    assert seen == [0, 6, 12, 18, 24]
    assert read == [1, 2, 3, 4, 5]


# ---------------------------------------------------------------- writing


@pytest.mark.parametrize("size", [(96, 64), (97, 63)])
def test_a_written_video_is_read_again(tmp_path, size):
    pictures = [films.draw_frame(number, size) for number in range(9)]
    paths = [tmp_path / name for name in ("one.mp4", "other.mp4")]
    for path in paths:
        frames.write_video(path, iter(pictures), 12.5)
    read, n_available = frames.read_video(paths[0], 9)
    assert (films.read_numbers(read), n_available) == (list(range(9)), 9)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with av.open(str(paths[0])) as container:
        assert container.streams.video[0].average_rate == 12.5
