"""Frames of a clip, from numbered images or straight from a video.

Only the frames that are used get converted to RGB, one at a time, so memory does not
grow with the length or the size of a clip.
"""

import math
import warnings
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from PIL import Image, ImageOps

from console import Caution, Problem
from sources import find_source
from video.containers import check_size
from video.reels import open_reel

IMAGE_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr")
SAMPLINGS = ("stride", "uniform")
FRAME_SIZE = 299  # pixels; what InceptionV3 was trained on


class View(NamedTuple):
    """Which part of a clip is seen, in time and in the picture.

    Attributes
    ----------
    start, end : int or None
        Frames from 0, the end not included; by default the whole clip.
    crop : (x, y, width, height) or None
        Pixels of the upright picture.
    mirror : bool
        Exchange left and right, after cropping.
    """

    start: int | None = None
    end: int | None = None
    crop: tuple | None = None
    mirror: bool = False

    def find_range(self, n_frames):
        """Return (start, end) within a clip of `n_frames`."""
        start = 0 if self.start is None else self.start
        end = n_frames if self.end is None else self.end
        if not 0 <= start < end <= n_frames:
            raise Problem(f"frames {start} to {end} are asked for; it has {n_frames}")
        return start, end

    def apply(self, frame):
        """Crop and mirror a frame (H, W, 3)."""
        if self.crop is not None:
            x, y, width, height = self.crop
            rows, columns = frame.shape[:2]
            is_inside = x >= 0 and y >= 0 and width > 0 and height > 0
            if not is_inside or x + width > columns or y + height > rows:
                raise Problem(
                    f"the crop {x},{y},{width},{height} leaves the picture of "
                    f"{columns} x {rows} pixels"
                )
            frame = frame[y : y + height, x : x + width]
        return frame[:, ::-1] if self.mirror else frame


WHOLE = View()
NEARLY = 0.01  # of a frame; times are rounded


def find_view(clip, n_frames, rate):
    """Find which part of its video a clip is, as the table tells.

    Frames belong to it that are first shown at its start or later and before its end,
    as `ffmpeg -ss START -to END` cuts.

    Parameters
    ----------
    clip : Clip
    n_frames : int
        Of the video.
    rate : float or None
        Frames a second.

    Returns
    -------
    View
    """
    start = end = None
    if clip.start is not None or clip.end is not None:
        if not rate:
            raise Problem("start and end need a video that tells its frame rate")
        start = math.ceil((clip.start or 0) * rate - NEARLY)
        end = n_frames
        if clip.end is not None:
            end = math.ceil(clip.end * rate - NEARLY)
        if not start < end <= n_frames:
            asked = f"{clip.start or 0:g} to {end / rate:g} s are asked for"
            raise Problem(f"{asked}; its video lasts {n_frames / rate:.2f} s")
    return View(start, end, clip.crop, bool(clip.mirror))


class Source(NamedTuple):
    """Where a clip comes from.

    Attributes
    ----------
    paths : list of Path
        Its images, or its video.
    n_frames : int
    fps : float or None
        Frames a second; images tell none.
    size : int
        Bytes.
    mtime : float
        When it last changed, seconds since 1970.
    note : str
        What is odd about it although it is read, or "".
    """

    paths: list
    n_frames: int
    fps: float | None
    size: int
    mtime: float
    note: str


def sample_indices(n_available, n_frames, sampling="stride"):
    """Choose which frames of a clip make its sequence.

    Parameters
    ----------
    n_available : int
        Frames of the clip.
    n_frames : int
        Frames of the sequence, T.
    sampling : {"stride", "uniform"}
        "stride" takes the first T of every (n_available // T)-th frame, as published;
        "uniform" spans the whole clip, its first and its last frame included.

    Returns
    -------
    int, (T,)
        Rising; the first is 0.

    Raises
    ------
    Problem
        When the clip is shorter than the sequence.
    """
    if n_available < n_frames:
        raise Problem(f"too short: {n_available} frames, {n_frames} are needed")
    if sampling == "stride":
        return np.arange(n_frames) * (n_available // n_frames)
    return np.linspace(0, n_available - 1, n_frames).round().astype(int)


def read_frames(
    folder,
    clip,
    n_frames,
    sampling="stride",
    convert=np.asarray,
    view=None,
    allow_short=False,
):
    """Read the frames of a clip that make its sequence.

    Parameters
    ----------
    folder : path
        The working folder.
    clip : Clip
        Its images `<clip>-<digits>.jpg` are used where there are any, else its video.
    n_frames : int
        Frames of the sequence, T.
    sampling : {"stride", "uniform"}
    convert : callable
        Applied to each used frame, uint8 (H, W, 3), as soon as it is read.
    view : View, optional
        Which part of its video is seen, by default what the table tells.
    allow_short : bool
        Take what is there of a video that was cut short.

    Returns
    -------
    list, (T,)

    Raises
    ------
    Problem
        When the clip is missing, too short or cannot be read.
    """
    images, path = find_source(folder, clip)
    if view is None:
        reel = None if images else open_reel(path, allow_short)
        n_all, rate = (reel.n_frames, reel.rate) if reel else (len(images), None)
        view = find_view(clip, n_all, rate)
    if images:
        start, end = view.find_range(len(images))
        n_available = end - start
        chosen = start + sample_indices(n_available, n_frames, sampling)
        paths = [images[i] for i in chosen]
        frames = convert_images(paths, lambda frame: convert(view.apply(frame)))
    else:
        frames, n_available = read_video(
            path, n_frames, sampling, convert, view, allow_short
        )
    if n_available != clip.n_frames:
        warnings.warn(
            f"clip {clip.name} has {n_available} frames, data_file.csv says "
            f"{clip.n_frames}",
            Caution,
            stacklevel=2,
        )
    return frames


def read_video(
    path,
    n_frames,
    sampling="stride",
    convert=np.asarray,
    view=WHOLE,
    allow_short=False,
):
    """Read the frames of a video that make its sequence.

    Parameters
    ----------
    path : path
    n_frames, sampling, convert, view, allow_short
        As for `read_frames`. Of a range only what lies before it, back to the key
        frame, is decoded besides it.

    Returns
    -------
    (list, int)
        The converted frames (T,), and how many frames the video (or range) has.
    """
    path = Path(path)
    reel = open_reel(path, allow_short)
    start, end = view.find_range(reel.n_frames)
    wanted = start + sample_indices(end - start, n_frames, sampling)
    pictures = reel.iterate(wanted, start, end)
    frames = [convert(view.apply(picture)) for picture in pictures]
    for note in reel.list_notes():
        warnings.warn(f"{path.name}: {note}", Caution, stacklevel=2)
    return frames, end - start


def describe_source(folder, clip):
    """Describe where a clip comes from, without decoding it.

    Parameters
    ----------
    folder : path
        The working folder.
    clip : Clip

    Returns
    -------
    Source
    """
    images, path = find_source(folder, clip)
    paths = images or [path]
    stats = [each.stat() for each in paths]
    size, mtime = sum(s.st_size for s in stats), max(s.st_mtime for s in stats)
    if images:
        return Source(paths, len(images), None, size, mtime, "")
    reel = open_reel(path, allow_short=True)
    note = "; ".join(reel.list_notes())
    view = find_view(clip, reel.n_frames, reel.rate)
    start, end = view.find_range(reel.n_frames)
    return Source(paths, end - start, reel.rate, size, mtime, note)


def convert_images(paths, convert):
    frames, sizes = [], Counter()
    for path in paths:
        frame = read_image(path)
        sizes[frame.shape] += 1
        if len(sizes) > 1:
            raise Problem(f"{path}: its size differs from the frames before it")
        frames.append(convert(frame))
    return frames


def read_image(path):
    """Read a JPEG or PNG file, upright.

    Returns
    -------
    uint8, (H, W, 3)
    """
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            check_size(path, *image.size)
            if image.mode not in IMAGE_MODES:
                raise Problem(f"{path}: pixels of kind {image.mode} are not supported")
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Problem(f"{path}: no readable image ({error})") from None


def resize_frame(frame):
    """Resize a frame to 299x299, aspect ratio ignored, by nearest neighbour.

    The published features came from Keras's `load_img`, which then resized so; the
    weights of the published regressor depend on it.

    Parameters
    ----------
    frame : uint8, (H, W, 3)

    Returns
    -------
    uint8, (299, 299, 3)
    """
    image = Image.fromarray(np.ascontiguousarray(frame))
    return np.asarray(image.resize((FRAME_SIZE, FRAME_SIZE), Image.Resampling.NEAREST))


def write_video(path, pictures, rate, crf=20):
    """Write pictures as H.264 in yuv420p, which every browser plays.

    Parameters
    ----------
    path : path
        Ends in .mp4.
    pictures : iterable of uint8 (H, W, 3), RGB
        Of one size; an odd height or width is made even by its last row or column.
    rate : float
        Pictures a second.
    crf : int
        Loss, from 0 (none) over 20 (hardly visible) to 51.
    """
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        rate = Fraction(rate).limit_denominator(1001)
        stream = container.add_stream("libx264", rate=rate)
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast"}
        stream.thread_count = 1  # the same bytes on every machine
        for number, picture in enumerate(pictures):
            odd = [(0, length % 2) for length in picture.shape[:2]]
            picture = np.pad(picture, (*odd, (0, 0)), "edge")
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
