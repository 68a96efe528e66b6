"""Opening video files: what may be opened, which stream is meant, is it all there."""

import contextlib
import logging
from pathlib import Path

import av
from av.stream import Disposition

from system.terminal import Problem

MAX_PIXELS = 2**26  # a frame of 8192 x 8192; more is a broken or hostile file
# A file is only ever itself: no playlist that names other files or addresses.
CONTAINERS = (
    "avi,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpeg,mpegts,mpegvideo,m4v,asf,flv,gif"
)
OPEN_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
STILL = Disposition.attached_pic | Disposition.still_image
TS_PACKETS = {188: 0, 192: 4, 204: 0}  # bytes, and where in them a G stands
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
    """Open a video file; yields (av.container.InputContainer, av.VideoStream).

    The stream is the one that a player shows: no cover picture, the default one, the
    largest. Raises Problem where there is none of a known kind and a sensible size.
    """
    path = Path(path)
    try:
        if path.stat().st_size == 0:
            raise Problem(f"{path}: the file is empty")
        # Absolute, or a name such as `file:x.avi` would be read as an address.
        how = {"options": OPEN_OPTIONS, "metadata_errors": "replace"}
        container = av.open(str(path.absolute()), **how)
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Problem(f"{path}: no video that PyAV can open ({reason})") from None
    with container:
        known = [s for s in container.streams.video if s.codec_context is not None]
        films = [stream for stream in known if not stream.disposition & STILL]
        if not films:
            raise Problem(f"{path}: holds no video of a known kind")
        stream = max(films, key=rank)
        check_size(path, stream.codec_context.width, stream.codec_context.height)
        yield container, stream


def rank(stream):
    context = stream.codec_context
    is_default = bool(stream.disposition & Disposition.default)
    return is_default, context.width * context.height, -stream.index


def check_size(path, width, height):
    """Refuse pictures of more than `MAX_PIXELS`."""
    if width * height > MAX_PIXELS:
        raise Problem(
            f"{path}: frames of {width} x {height} pixels are refused; the limit is "
            f"{MAX_PIXELS} pixels"
        )


def is_file_truncated(path, kind, complaints):
    """Tell whether a file ends in the middle of something."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(SEARCHED)
        file.seek(-1, 2)
        end = file.read()
    if kind == "gif":
        return end != b";"
    if kind == "mpegts":
        fitting = (n for n, g in TS_PACKETS.items() if head[g::n][:3] == b"GGG")
        return size % next(fitting, 1) > 0
    if kind == "asf" and ASF_SIZE in head:
        place = head.index(ASF_SIZE) + 40
        return size < int.from_bytes(head[place : place + 8], "little")
    return any(PREMATURE in text for *_, text in complaints)
