"""Pixels of one picture: 8-bit RGB, upright as a player shows it."""

import struct

import av
import numpy as np
from av.sidedata.sidedata import SideDataContainer, Type

from system.terminal import Problem


def to_rgb(frame):
    """Convert a decoded av.VideoFrame to RGB, uint8 (H, W, 3), turned and mirrored as
    the file says."""
    try:
        pixels = frame.to_ndarray(format="rgb24")
    except (av.FFmpegError, ValueError) as error:
        kind = frame.format.name
        raise Problem(f"pixels of kind {kind} are not readable ({error})") from None
    return turn(pixels, frame)


def to_grey(frame):
    """Convert a decoded av.VideoFrame to grey, upright, uint8 (H, W, 1).

    Of 8-bit video that is its first plane as it lies there, at no cost.
    """
    first, plane = frame.format.components[0], frame.planes[0]
    if frame.format.is_rgb or first.bits != 8 or not frame.format.is_planar:
        return to_rgb(frame)[..., 1:2]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return turn(rows[: frame.height, : frame.width, None], frame)


def turn(pixels, frame):
    """Turn and mirror pixels (H, W, 3) as the display matrix of a frame, nine int32
    a b _ c d ... of libavutil/display.h, says: one at (x, y) is shown at
    (a x + c y, b x + d y)."""
    # frame.side_data would be kept in the frame and refer to it: hundreds of frames
    # would stay in memory until the garbage collector comes.
    if (matrix := SideDataContainer(frame).get(Type.DISPLAYMATRIX)) is None:
        return pixels
    a, b, _, c, d = struct.unpack_from("5i", bytes(matrix))
    if (a and d) and not (b or c):
        across, down = a, d
    elif (b and c) and not (a or d):
        pixels, across, down = pixels.transpose(1, 0, 2), c, b
    else:
        raise Problem("the picture is turned by another angle than 90, 180 or 270")
    return pixels[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]
