"""Pixels of one picture: 8-bit RGB, upright as a player shows it."""

import struct

import av
import numpy as np
from av.sidedata.sidedata import Type

from console import Problem

DEPTHS = (8, 10, 12, 14, 16)  # bits that cameras deliver


def to_rgb(frame, depth=16):
    """Convert a decoded picture to RGB, turned and mirrored as the file says.

    Parameters
    ----------
    frame : av.VideoFrame
    depth : int
        Bits that are in use, of pixels that are stored in 16.

    Returns
    -------
    uint8, (H, W, 3)
    """
    is_deep = depth < 16 and count_bits(frame) == 16
    try:
        pixels = frame.to_ndarray(format="rgb48le" if is_deep else "rgb24")
    except (av.FFmpegError, ValueError) as error:
        kind = frame.format.name
        raise Problem(f"pixels of kind {kind} are not readable ({error})") from None
    if is_deep:
        pixels = np.minimum(pixels >> (depth - 8), 255).astype(np.uint8)
    matrix = frame.side_data.get(Type.DISPLAYMATRIX)
    return pixels if matrix is None else turn(pixels, bytes(matrix))


def turn(pixels, matrix):
    """Turn and mirror pixels (H, W, 3) as a display matrix says.

    Parameters
    ----------
    matrix : bytes
        Nine int32 of libavutil/display.h, a b _ c d ...: a pixel at (x, y) is shown at
        (a x + c y, b x + d y).
    """
    a, b, _, c, d = struct.unpack_from("5i", matrix)
    if (a and d) and not (b or c):
        across, down = a, d
    elif (b and c) and not (a or d):
        pixels, across, down = pixels.transpose(1, 0, 2), c, b
    else:
        raise Problem("the picture is turned by another angle than 90, 180 or 270")
    return pixels[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]


def count_bits(frame):
    return max(component.bits for component in frame.format.components)


def find_depth(frames):
    """Find how many bits are in use of pixels that are stored in 16.

    Cameras of 10, 12 or 14 bits leave the upper ones empty; taken as they are, their
    pictures would be black.

    Parameters
    ----------
    frames : iterable of av.VideoFrame
        All pictures of a clip, so that the answer holds for each sampling.

    Returns
    -------
    int
        8, 10, 12, 14 or 16.
    """
    highest = 0
    for frame in frames:
        if count_bits(frame) < 16:
            return 16
        highest = max(highest, int(frame.to_ndarray(format="rgb48le").max()))
        if highest >= 2 ** DEPTHS[-2]:
            return 16
    return next((bits for bits in DEPTHS if highest < 2**bits), 16)
