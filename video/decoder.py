"""The pictures of a video in the order of display, each where it belongs.

`survey` tells what should come out of a video, `iterate` decodes and compares.
Decoding takes one thread: with more, libavcodec swallows errors near the end of a
file, and how many of them depends on the machine. It costs nothing beside the network,
since clips are decoded while others are computed.
"""

import functools
from pathlib import Path

import av
import numpy as np

from system.terminal import Problem
from video.containers import MAX_PIXELS, check_size, opened
from video.packets import look_through, read_packet

DECODE_OPTIONS = {
    "err_detect": "crccheck+bitstream+buffer+explode",
    "max_pixels": str(MAX_PIXELS),
}
THREADS = 1
KEY_TYPES = (0, 1)  # of a picture that stands alone: the decoder does not tell, or I
HINT = "copied in full? Copy it again, or take what is there with --allow-short"


def survey(path):
    """Find out what should come out of a video, a packets.Film."""
    path = Path(path)
    try:
        stat = path.stat()
    except OSError as error:
        raise Problem(f"{path}: not readable ({error.strerror})") from None
    return survey_once(path, stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=16)
def survey_once(path, _size, _changed):
    """Survey a file once; pictures that lean on a key frame cut away are dropped."""
    film = look_through(path)
    for number, frame in enumerate(decode(film)):  # noqa: B007
        if frame.key_frame or frame.pict_type in KEY_TYPES or film.first.is_hidden:
            break
    else:
        raise Problem(f"{path}: none of its frames can be decoded")
    n_cut = find_place(film, frame, number)
    came_first = number > 0 or not n_cut or frame.pts == film.first.pts
    if not came_first or n_cut >= len(film.times):
        raise Problem(f"{path}: its first {n_cut} frames cannot be decoded")
    return film._replace(times=film.times[n_cut:], n_cut=n_cut)


def iterate(film, first=0, last=None, seek=True):
    """Decode a film, or a range of it, in the order of display.

    `first` and `last` are places in `film.times`, both included. With `seek` it begins
    at the key frame before `first`, not at the start of the film, which fails where the
    file's key frames are none.

    Yields the place of a picture in `film.times`, and the picture, an av.VideoFrame.
    Raises Problem when a part cannot be decoded, or other pictures come than expected.
    """
    last = len(film.times) - 1 if last is None else last
    before = film.keys[film.keys <= film.times[first]]
    known = seek and film.by_time and len(before) and before.max() > film.times[0]
    key = int(before.max()) if known else None
    came = []
    for number, frame in enumerate(decode(film, key)):
        place = find_place(film, frame, number)
        if key is not None and not came and place > first:
            raise Problem(f"{film.path}: its key frame is not found")
        if place > last:
            break
        if place >= first:
            if came and place <= came[-1]:
                raise Problem(f"{film.path}: damaged: frame {place + 1} comes late")
            came.append(place)
            yield place, frame
    check_places(film, came, first, last)


def find_place(film, frame, number):
    """Find the place of a picture in `film.times`; -1 before its start."""
    if not film.by_time:
        return number - film.n_cut
    if frame.pts is None:
        raise Problem(f"{film.path}: damaged: a frame has no time stamp")
    place = int(np.searchsorted(film.times, frame.pts))
    if film.n_cut and frame.pts < film.times[0]:
        return -1
    if film.limit is not None and place == len(film.times):
        return place  # beyond what is surely there
    if place == len(film.times) or film.times[place] != frame.pts:
        raise Problem(f"{film.path}: damaged: a frame has an unknown time stamp")
    return place


def decode(film, key=None):
    """Decode the packets of a film, from a key frame on; yields each av.VideoFrame."""
    n_came, size = 0, None
    with opened(film.path) as (container, stream):
        stream.codec_context.thread_count = THREADS
        stream.codec_context.options = DECODE_OPTIONS
        is_vp9 = stream.codec_context.name == "vp9" and film.bits == 8
        # Two decoders of VP9 take different things for wrong; libvpx knows no 10 bits.
        second = av.CodecContext.create("libvpx-vp9", "r") if is_vp9 else None
        if key is not None:
            container.seek(key, stream=stream)
        for packet in container.demux(stream):
            is_last = packet.size > 0 and read_packet(packet) == film.last
            is_empty = not packet.size and packet.dts is not None
            if is_empty or (is_last and packet.is_corrupt):
                continue  # an empty one tells to show the frame before on
            frames, reason = [], ""
            try:
                with av.logging.Capture() as complaints:
                    frames = packet.decode()
                    if second and packet.size:
                        second.decode(packet)
                if any(frame.is_corrupt for frame in frames):
                    reason = "a picture is damaged"
                elif any("CRC" in text for *_, text in complaints):
                    reason = "a checksum is wrong"
            except av.FFmpegError as error:
                reason = error.strerror
            if reason and is_last and film.shortage:
                continue
            if reason:
                place = f"frame {n_came + 1} of {len(film.times)}"
                raise Problem(f"{film.path}: not decodable at about {place} ({reason})")
            for frame in frames:
                n_came += 1
                check_size(film.path, frame.width, frame.height)
                size = size or (frame.width, frame.height)
                if size != (frame.width, frame.height):
                    raise Problem(
                        f"{film.path}: its picture changes from {size[0]}x{size[1]} "
                        f"to {frame.width}x{frame.height} pixels at frame {n_came}. "
                        "Cut it there, or scale it to one size with ffmpeg -vf scale"
                    )
                yield frame


def check_places(film, came, first, last):
    """Compare the pictures that came with those that should have come."""
    missing = np.setdiff1d(np.arange(first, last + 1), came)
    holes = [place for place in missing if int(film.times[place]) not in film.can_skip]
    n_expected = last - first + 1
    are_fields = abs(2 * len(came) - n_expected) <= 1 < len(came)  # two packets a frame
    if holes and not are_fields:
        raise Problem(
            f"{film.path}: damaged: {len(holes)} frames are missing, the first is "
            f"frame {holes[0] + 1} of {len(film.times)}"
        )
