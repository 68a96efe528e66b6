"""Pixels of one picture: 8-bit RGB, upright as a player shows it."""

import functools
import struct

import av
import numpy as np
from av.sidedata.sidedata import Type

from system.terminal import Problem

DEPTHS = (8, 10, 12, 14, 16)  # bits that cameras deliver
GRID = 24, 32  # points of a picture that are compared with the next
MOVED = 20  # of 255; a coder changes a picture that stays by less
LONGEST_PATTERN, SEEN = 6, 8  # pictures; how often a pattern must be seen


def to_rgb(frame, depth=16):
    """Convert a decoded av.VideoFrame to RGB, uint8 (H, W, 3), turned and mirrored as
    the file says; `depth` bits are in use of pixels that are stored in 16."""
    is_deep = depth < 16 and max(p.bits for p in frame.format.components) == 16
    try:
        pixels = frame.to_ndarray(format="rgb48le" if is_deep else "rgb24")
    except (av.FFmpegError, ValueError) as error:
        kind = frame.format.name
        raise Problem(f"pixels of kind {kind} are not readable ({error})") from None
    if is_deep:
        pixels = np.minimum(pixels >> (depth - 8), 255).astype(np.uint8)
    return turn(pixels, frame)


def to_grey(frame):
    """Convert a decoded av.VideoFrame to grey, upright, uint8 (H, W, 1); see `to_rgb`.

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
    if (matrix := frame.side_data.get(Type.DISPLAYMATRIX)) is None:
        return pixels
    a, b, _, c, d = struct.unpack_from("5i", bytes(matrix))
    if (a and d) and not (b or c):
        across, down = a, d
    elif (b and c) and not (a or d):
        pixels, across, down = pixels.transpose(1, 0, 2), c, b
    else:
        raise Problem("the picture is turned by another angle than 90, 180 or 270")
    return pixels[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]


def find_depth(pictures):
    """Find how many bits are in use of all pictures of a clip, stored in 16; those of
    cameras of 10, 12 or 14 bits would be black as they are."""
    highest = 0
    for picture in pictures:
        highest = max(highest, int(picture.max()))
        if highest >= 2 ** DEPTHS[-2]:
            return 16
    return next(bits for bits in DEPTHS if highest < 2**bits)


@functools.lru_cache(maxsize=8)
def choose_points(height, width, line_size):
    """Choose points of a grid over a picture, as places in its bytes: int, (P,)."""
    sizes = zip((height, width), GRID, strict=True)
    rows, columns = (np.linspace(0, size - 1, n).astype(int) for size, n in sizes)
    return (rows[:, None] * line_size + columns).ravel()


def thin(frame):
    """Take some points of a decoded picture, to compare it with the next: (P,)."""
    plane = frame.planes[0]
    places = choose_points(frame.height, plane.width, plane.line_size)
    return np.frombuffer(plane, np.uint8)[places]


def find_repeats(pictures):
    """Find whether every n-th picture repeats the one before: n, or None.

    `pictures` are as of `thin`. An animal at rest repeats pictures, too, but not at one
    place of a pattern and at no other.
    """
    if len(pictures) < 2:
        return None
    steps = np.diff(np.stack(pictures).astype(np.int16), axis=0)
    changes = np.abs(steps).max(axis=1)
    least = max(MOVED, np.percentile(changes, 95) / 3)  # coders add noise
    moves = np.flatnonzero(changes > least)
    for n in range(2, LONGEST_PATTERN + 1):
        counts = np.sort(np.bincount(moves % n, minlength=n))
        is_seen = len(moves) >= SEEN * n and counts[1] > len(moves) / n / 2
        if is_seen and counts[0] <= len(moves) / n / 20:
            return n
    return None
