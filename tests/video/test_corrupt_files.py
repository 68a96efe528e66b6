"""Spoiled, foreign and hostile files: frames, or a Problem in one line."""

import os
import re
import socket
import struct
from pathlib import Path

import films
import pytest

from system.terminal import Problem
from video import containers, decoder, find


def test_a_stream_of_an_unknown_kind_is_refused(tmp_path):
    path = films.make_film(tmp_path / "rat.avi", 9)
    content = path.read_bytes().replace(b"FMP4", b"QQQQ")
    path.write_bytes(content)
    with pytest.raises(Problem, match="no video of a known kind"):
        films.read_video(path, 3)


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
        films.read_video(path, 3)


def test_frames_above_the_limit_are_refused(tmp_path, monkeypatch):
    path = films.make_film(tmp_path / "rat.mp4", 9)
    limit = films.SIZE[0] * films.SIZE[1] - 1
    monkeypatch.setattr(containers, "MAX_PIXELS", limit)
    with pytest.raises(Problem, match=rf"96 x 64 pixels are refused; .* {limit}"):
        films.read_video(path, 3)
    films.make_images(tmp_path, "rat", [1])
    with pytest.raises(Problem, match="96 x 64 pixels are refused"):
        films.read_image(tmp_path / "rat-0001.jpg")
    monkeypatch.undo()
    monkeypatch.setitem(decoder.DECODE_OPTIONS, "max_pixels", "100")
    with pytest.raises(Problem):
        films.read_video(path, 3)


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
            films.read_video(path, 3)
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
    chosen, n_frames = films.read_video(Path(name), 9)
    assert (films.read_numbers(chosen), n_frames) == (list(range(9)), 9)


def test_unreadable_files_are_problems(tmp_path, monkeypatch):
    with pytest.raises(Problem, match="not readable"):
        films.read_video(tmp_path / "gone.avi", 3)
    (tmp_path / "folder.avi").mkdir()
    with pytest.raises(Problem):
        films.read_video(tmp_path / "folder.avi", 3)

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "train/Reach").mkdir(parents=True)
    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(Problem, match="not readable"):
        find.find_source(tmp_path, films.clip_of())
