"""Frames of a clip, from numbered images or straight from a video.

Only the frames that are used get converted to RGB, one at a time, so memory does not
grow with the length or the size of a clip.
"""

import contextlib
import itertools
import math
import operator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from PIL import Image, ImageOps

from system.storage import TEMPORARY
from system.terminal import Problem, caution
from video import find
from video.containers import check_size
from video.reader import Reel

IMAGE_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr")  # of 8 bits
UNREADABLE = OSError, EOFError, ValueError, SyntaxError, Image.DecompressionBombError
SAMPLINGS = ("stride", "uniform")
FRAME_SIZE = 299  # pixels; what InceptionV3 was trained on
NEARLY = 0.01  # of a frame; times are rounded
JPEG_QUALITY = 95


class View(NamedTuple):
    """Which part of a clip is seen, in time and in the picture."""

    start: int | None = None  # frames from 0; by default the whole clip
    end: int | None = None  # not included
    crop: tuple | None = None  # x, y, width, height, pixels of the upright picture
    mirror: bool = False  # exchange left and right, after cropping

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


def find_view(clip, n_frames, rate):
    """Find which part of its video of `n_frames`, `rate` a second, a clip is: a View.

    Frames belong to it that are first shown at its start or later and before its end,
    as `ffmpeg -ss START -to END` cuts. The clip's own `fps` counts before the rate.
    """
    start, end, rate = 0, n_frames, clip.fps or rate
    if clip.start is not None or clip.end is not None:
        if not rate:
            raise Problem("start and end need a video that tells its frame rate")
        start = math.ceil((clip.start or 0) * rate - NEARLY)
        end = end if clip.end is None else math.ceil(clip.end * rate - NEARLY)
        if not start < end <= n_frames:
            asked = f"{clip.start or 0:g} to {end / rate:g} s are asked for"
            raise Problem(f"{asked}; its video lasts {n_frames / rate:.2f} s")
    return View(start, end, clip.crop, bool(clip.mirror))


def sample_indices(n_available, n_frames, sampling="stride"):
    """Choose which frames of a clip make its sequence of T = `n_frames`: int, (T,).

    "stride" takes the first T of every (n_available // T)-th frame, as published;
    "uniform" spans the whole clip, its first and its last frame included. Raises
    Problem when the clip is too short.
    """
    if sampling not in SAMPLINGS:
        raise Problem(f"no such sampling: {sampling!r}")
    if n_available < n_frames:
        raise Problem(f"too short: {n_available} frames, {n_frames} are needed")
    if sampling == "stride":
        return np.arange(n_frames) * (n_available // n_frames)
    return np.linspace(0, n_available - 1, n_frames).round().astype(int)


def measure_interval(n_available, n_frames, sampling, rate):
    """Measure the mean seconds from one frame of a sequence to the next."""
    taken = sample_indices(n_available, n_frames, sampling)
    return float(taken[-1] - taken[0]) / max(n_frames - 1, 1) / rate


# ---------------------------------------------------------------- reading


def open_reel(path, allow_short=False):
    """Open a video, a Reel, or a stack of TIFF pages, Images, to read frames by number;
    `allow_short` takes what is there of a video that is truncated."""
    if find.suffix_of(path) not in find.STACK_SUFFIXES:
        return Reel(path, allow_short)
    with opened_image(path) as image:
        n_pages, (height, width, _) = image.n_frames, convert_image(image, path).shape
    if n_pages == 1:
        raise Problem(
            f"{path}: one page can be found. ImageJ hides the others where a stack has "
            "more than 4 GB: save it there as AVI"
        )
    return Images([(path, page) for page in range(n_pages)], f"{width}x{height}")


class Images:
    """Images, each a path and a page in that file, read as a `video.reader.Reel`."""

    rate = None

    def __init__(self, places, size=""):
        self.places, self.n_frames, self.size = places, len(places), size

    def list_notes(self):
        return []

    def iterate(self, wanted=None, start=0, end=None):
        """Yield the frames that are wanted, uint8 (H, W, 3)."""
        whole = range(start, self.n_frames if end is None else end)
        numbers, shape = whole if wanted is None else wanted, None
        chosen = [self.places[number] for number in numbers]
        for path, places in itertools.groupby(chosen, key=operator.itemgetter(0)):
            with opened_image(path) as image:
                for _, page in places:
                    image.seek(page)
                    frame = convert_image(image, path)
                    if shape not in (None, frame.shape):
                        raise Problem(f"{path}: its size differs from those before it")
                    shape = frame.shape
                    yield frame


@contextlib.contextmanager
def opened_image(path):
    """Open an image, of the format that its name says; errors become one line."""
    is_stack = find.suffix_of(path) in find.STACK_SUFFIXES
    formats = ["TIFF"] if is_stack else ["JPEG", "PNG"]
    try:
        with Image.open(path, formats=formats) as image:
            yield image
    except UNREADABLE as error:
        raise Problem(f"{path}: no readable image ({error})") from None


def convert_image(image, path):
    """Convert an opened image of Pillow to RGB, upright: uint8 (H, W, 3)."""
    check_size(path, *image.size)
    if image.mode not in IMAGE_MODES:
        raise Problem(
            f"{path}: pixels of kind {image.mode} are not supported. Save it "
            "with 8 bits a colour: in ImageJ, Image > Type > 8-bit"
        )
    return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def open_clip(folder, clip, allow_short=False):
    """Open the images of a clip or, where there are none, its video, and the part that
    the clip is: (Images or Reel, View)."""
    paths = find.find_source(folder, clip)
    if film := find.find_replaced(paths, clip.name):
        raise Problem(
            f"{film} was replaced after it was sliced, and the images beside it show "
            "the film before. Give extract_files.py again, or delete the images"
        )
    is_video = not find.is_image(paths[0])
    images = Images([(path, 0) for path in paths])
    reel = open_reel(paths[0], allow_short) if is_video else images
    return reel, find_view(clip, reel.n_frames, reel.rate)


def read_frames(
    folder, clip, n_frames, sampling="stride", convert=np.asarray, allow_short=False
):
    """Read the frames of a clip in a working folder that make its sequence: list, (T,).

    `n_frames`, `sampling`: see `sample_indices`; `convert` is applied to each used
    frame, uint8 (H, W, 3), as soon as it is read. Raises Problem when the clip is
    missing, too short or cannot be read.
    """
    reel, view = open_clip(folder, clip, allow_short)
    frames, n_available = read_reel(reel, n_frames, sampling, convert, view)
    for note in reel.list_notes():
        caution(f"{clip.name}: {note}")
    if n_available != clip.n_frames:
        listed = f"data_file.csv says {clip.n_frames}"
        caution(f"clip {clip.name} has {n_available} frames, {listed}")
    return frames


def read_reel(reel, n_frames, sampling="stride", convert=np.asarray, view=WHOLE):
    """Read the frames (T,) of an open video, converted, and how many `view` has."""
    start, end = view.find_range(reel.n_frames)
    wanted = start + sample_indices(end - start, n_frames, sampling)
    pictures = reel.iterate(wanted, start, end)
    return [convert(view.apply(picture)) for picture in pictures], end - start


def resize_frame(frame):
    """Resize a frame (H, W, 3) to 299x299, aspect ratio ignored, by nearest neighbour.

    The published features came from Keras's `load_img`, which then resized so; the
    weights of the published regressor depend on it. One of that size stays as it is.
    """
    if frame.shape[:2] == (FRAME_SIZE, FRAME_SIZE):
        return frame
    image = Image.fromarray(np.ascontiguousarray(frame))
    return np.asarray(image.resize((FRAME_SIZE, FRAME_SIZE), Image.Resampling.NEAREST))


def shrink(frame, side):
    """Shrink a frame (H, W, 3) that is longer than so many pixels on a side."""
    image = Image.fromarray(np.ascontiguousarray(frame))
    image.thumbnail((side, side))
    return np.asarray(image)


class Resizer:
    """Resizes frames with `resize_frame`, and notes what the first of them is like."""

    size, brightness = "", None  # "640x480"; mean over pixels and colours, 0 to 255

    def __call__(self, frame):
        resized = resize_frame(frame)
        if not self.size:
            self.size = f"{frame.shape[1]}x{frame.shape[0]}"
            self.brightness = round(float(resized.mean()), 1)
        return resized


def write_images(folder, name, pictures, film, part=""):
    """Write pictures, uint8 (H, W, 3), of a clip as `<name>-0001.jpg` and so on: all,
    or none. They are made anew where some are missing, or where `film`, or the `part`
    of it in words, is no longer what they were made of. Returns how many are there."""
    folder = Path(folder)
    leftovers = find.list_unfinished(folder, name)
    images = find.list_images(folder, name)
    if images and not leftovers:
        if find.is_made_of(images[0], film, part):
            return len(images)
        caution(f"{name}: its images show another film or part, and are made anew")
    temporaries, note = [], find.describe_film(film, part)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(pictures, start=1):
            temporary = folder / f"{TEMPORARY}{name}-{number:04d}.jpg"
            temporaries.append(temporary)
            image = Image.fromarray(np.ascontiguousarray(picture))
            image.save(temporary, quality=JPEG_QUALITY, comment=note)
        for old in images:
            old.unlink()
        for made in temporaries:
            made.replace(made.with_name(made.name.removeprefix(TEMPORARY)))
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"could not write the frames of {name}: {reason}") from error
    finally:
        for rest in {*temporaries, *leftovers}:
            with contextlib.suppress(OSError):
                rest.unlink()
    return len(temporaries)


def write_video(path, pictures, rate, crf=20, aspect=1):
    """Write RGB pictures (H, W, 3) as an .mp4, H.264 that every browser plays.

    They are of one size; an uneven height or width repeats its last row or column.
    `rate` is pictures a second, `crf` the loss from 0 (none) over 20 (hardly visible)
    to 51, `aspect` the width of a pixel to its height.
    """
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        rate = Fraction(rate).limit_denominator(1001)
        stream = container.add_stream("libx264", rate=rate)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        # The same pictures give the same bytes: with macroblock trees x264 gives others
        # now and then, with more threads they depend on the cores.
        exact = "mbtree=0:aq-mode=0"
        stream.options = {"crf": str(crf), "preset": "veryfast", "x264-params": exact}
        stream.thread_count = 1
        for number, picture in enumerate(pictures):
            extra = [(0, length % 2) for length in picture.shape[:2]]
            picture = np.pad(picture, (*extra, (0, 0)), "edge")
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
