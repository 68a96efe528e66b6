"""Opening video files: what may be opened, which stream is meant, is it all there."""

import contextlib
import logging
from pathlib import Path

import av
from av.stream import Disposition

from console import Problem

MAX_PIXELS = 2**26  # a frame of 8192 x 8192; more is a broken or hostile file
# A file is only ever itself: no playlist that names other files or addresses.
CONTAINERS = (
    "avi,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpeg,mpegts,mpegvideo,m4v,asf,flv,gif"
)
OPEN_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
TS_PACKETS = {188: 0, 192: 4, 204: 0}  # bytes, and where in them the sign stands
TS_SIGN = 0x47
SEARCHED = 65536  # bytes at the start of a file in which its header stands
ASF_SIZE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")  # its header's head
PREMATURE = "ended prematurely"  # Matroska, cut short

# What libav logs as an error is the only trace of some damage (a wrong checksum of
# FFV1, a hole in Matroska that is skipped). It is collected, not shown.
av.logging.set_level(av.logging.ERROR)
av.logging.set_skip_repeated(False)
logging.getLogger("libav").addHandler(logging.NullHandler())
logging.getLogger("libav").propagate = False


@contextlib.contextmanager
def opened(path):
    """Open a video file and choose its stream.

    Yields
    ------
    (av.container.InputContainer, av.VideoStream)

    Raises
    ------
    Problem
        When it holds no video of a known kind and a sensible size.
    """
    path = Path(path)
    try:
        if path.stat().st_size == 0:
            raise Problem(f"{path}: the file is empty")
        # Absolute, or a name such as `file:x.avi` would be read as an address.
        container = av.open(
            str(path.absolute()), options=OPEN_OPTIONS, metadata_errors="replace"
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Problem(f"{path}: no video that PyAV can open ({reason})") from None
    with container:
        stream = choose_stream(container)
        if stream is None:
            raise Problem(f"{path}: holds no video of a known kind")
        check_size(path, stream.codec_context.width, stream.codec_context.height)
        yield container, stream


def choose_stream(container):
    """Choose as a player does: no cover picture, the default stream, the largest."""
    still = Disposition.attached_pic | Disposition.still_image
    streams = [
        stream
        for stream in container.streams.video
        if stream.codec_context is not None and not stream.disposition & still
    ]

    def rank(stream):
        context = stream.codec_context
        is_default = bool(stream.disposition & Disposition.default)
        return is_default, context.width * context.height, -stream.index

    return max(streams, key=rank, default=None)


def check_size(path, width, height):
    if width * height > MAX_PIXELS:
        raise Problem(
            f"{path}: frames of {width} x {height} pixels are refused; the limit is "
            f"{MAX_PIXELS} pixels"
        )


def is_file_torn(path, kind, complaints):
    """Tell whether a file ends in the middle of something."""
    size = path.stat().st_size
    if kind == "mpegts":
        return size % find_ts_length(path) > 0
    with path.open("rb") as file:
        head = file.read(SEARCHED)
        if kind == "gif":
            file.seek(-1, 2)
            return file.read() != b";"
    if kind == "asf" and ASF_SIZE in head:
        place = head.index(ASF_SIZE) + 40
        return size < int.from_bytes(head[place : place + 8], "little")
    return any(PREMATURE in text for *_, text in complaints)


def find_ts_length(path):
    """Find how long the packets of a transport stream are, in bytes."""
    with path.open("rb") as file:
        head = file.read(4 * max(TS_PACKETS))
    for length, place in TS_PACKETS.items():
        signs = head[place::length][:3]
        if len(signs) == 3 and set(signs) == {TS_SIGN}:
            return length
    return 1
