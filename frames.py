"""Frames of a clip, from numbered images or straight from a video.

Only the frames that are used get converted to RGB, one at a time, so memory does not
grow with the length or the size of a clip.
"""

import os
import re
import unicodedata
import warnings
from collections import Counter
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageOps

from console import Caution, Problem
from files import TEMPORARY

VIDEO_SUFFIXES = (".avi", ".mp4", ".mov", ".mkv", ".mpg", ".webm", ".m4v")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
IMAGE_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr")
SAMPLINGS = ("stride", "uniform")
FRAME_SIZE = 299  # pixels; what InceptionV3 was trained on
MAX_PIXELS = 2**26  # a frame of 8192 x 8192; more is a broken or hostile file
# A file is only ever itself: no playlist that names other files or addresses.
CONTAINERS = "avi,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpeg,mpegts,mpegvideo,m4v"
OPEN_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
DECODE_OPTIONS = {"err_detect": "explode", "max_pixels": str(MAX_PIXELS)}


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


def read_frames(folder, clip, n_frames, sampling="stride", convert=np.asarray):
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

    Returns
    -------
    list, (T,)

    Raises
    ------
    Problem
        When the clip is missing, too short or cannot be read.
    """
    images, video = find_source(folder, clip)
    if images:
        n_available = len(images)
        chosen = sample_indices(n_available, n_frames, sampling)
        frames = convert_images([images[i] for i in chosen], convert)
    else:
        frames, n_available = read_video(video, n_frames, sampling, convert)
    if n_available != clip.n_frames:
        warnings.warn(
            f"clip {clip.name} has {n_available} frames, data_file.csv says "
            f"{clip.n_frames}",
            Caution,
            stacklevel=2,
        )
    return frames


def find_source(folder, clip):
    """Find the images of a clip, ordered by number, and its video.

    A clip that moved from one split to the other in the table is found where it was.

    Returns
    -------
    (list of Path, Path or None)
    """
    splits = sorted(("train", "test"), key=lambda split: split != clip.split)
    folders = [Path(folder) / split / clip.task for split in splits]
    for place in folders:
        images = list_images(place, clip.name)
        if images and list_unfinished(place, clip.name):
            raise Problem("its slicing was cut short. Give extract_files.py again")
        if images:
            return images, None
        videos = [
            p
            for p in list_files(place, clip.name)
            if p.suffix.lower() in VIDEO_SUFFIXES and is_same(p.stem, clip.name)
        ]
        if len(videos) > 1:
            raise Problem(f"two videos of one clip: {videos[0]} and {videos[1].name}")
        if videos:
            return [], videos[0]
    raise Problem(
        f"neither {clip.name}-0001.jpg nor {clip.name}.avi (or {VIDEO_SUFFIXES[1]} "
        f"...) in {folders[0]} or {folders[1]}"
    )


def list_files(folder, start):
    """List the files of a folder whose name begins with `start`, sorted."""
    start = unicodedata.normalize("NFC", start)
    try:
        with os.scandir(folder) as entries:
            return sorted(
                Path(entry.path)
                for entry in entries
                if unicodedata.normalize("NFC", entry.name).startswith(start)
            )
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise Problem(f"{folder}: not readable ({error.strerror})") from None


def is_same(name, other):
    """Compare names as a person reads them: a Mac stores umlauts in two pieces."""
    return unicodedata.normalize("NFC", name) == unicodedata.normalize("NFC", other)


def number_of(path, name):
    """Read the number of an image `<name>-<digits>.<ext>`; None for other files."""
    found = re.fullmatch(r"(.*)-(\d+)", path.stem, re.DOTALL | re.ASCII)
    if found and path.suffix.lower() in IMAGE_SUFFIXES and is_same(found[1], name):
        return int(found[2])
    return None


def list_unfinished(folder, name):
    """List the images that a killed slicing left under their temporary names."""
    start = f"{TEMPORARY}{name}"
    return [p for p in list_files(folder, start) if number_of(p, start) is not None]


def list_images(folder, name):
    """List the images `<name>-<digits>.<ext>` by number; none may be missing."""
    numbered = {}
    for path in list_files(folder, name):
        number = number_of(path, name)
        if number in numbered:
            raise Problem(f"frame {number} twice: {numbered[number]} and {path}")
        if number is not None:
            numbered[number] = path
    numbers = sorted(numbered)
    if numbers and numbers[-1] - numbers[0] >= len(numbers):
        missing = (n for n in range(numbers[0], numbers[-1]) if n not in numbered)
        shown = ", ".join(str(n) for n, _ in zip(missing, range(10), strict=False))
        n_missing = numbers[-1] - numbers[0] + 1 - len(numbers)
        raise Problem(f"{n_missing} frames are missing in {folder}: number {shown}")
    return [numbered[number] for number in numbers]


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


def read_video(path, n_frames, sampling="stride", convert=np.asarray):
    """Read the frames of a video that make its sequence.

    Parameters
    ----------
    path : path
    n_frames, sampling, convert
        As for `read_frames`.

    Returns
    -------
    (list, int)
        The converted frames (T,), and how many frames the video has.
    """
    # The packets tell how many frames to expect without decoding. Where decoding finds
    # another number (a file cut short, interlaced fields), its number counts.
    n_expected = count_packets(path)
    try:
        wanted = sample_indices(n_expected, n_frames, sampling)
    except Problem:
        wanted = []
    frames, n_available = decode(path, wanted, convert)
    if n_available != n_expected or len(frames) < n_frames:
        wanted = sample_indices(n_available, n_frames, sampling)
        frames, _ = decode(path, wanted, convert)
    return frames, n_available


def iterate_video(path):
    """Yield the decoded frames of a video in the order of display.

    Yields
    ------
    av.VideoFrame

    Raises
    ------
    Problem
        When the file is no video, or any part of it cannot be decoded.
    """
    try:
        with open_video(path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            stream.codec_context.options = DECODE_OPTIONS
            number = 0
            for number, frame in enumerate(container.decode(stream), start=1):
                if frame.is_corrupt:
                    raise Problem(f"{path}: frame {number} is damaged")
                check_size(path, frame.width, frame.height)
                yield frame
        if number == 0:
            raise Problem(f"{path}: none of its frames can be decoded")
    except av.FFmpegError as error:
        raise Problem(f"{path}: not decodable ({error.strerror})") from None


def decode(path, wanted, convert):
    """Decode a whole video and convert the wanted frames.

    Returns
    -------
    (list, int)
        Converted frames, and the number of frames decoded.
    """
    wanted, frames, number = set(map(int, wanted)), [], -1
    for number, frame in enumerate(iterate_video(path)):
        if number in wanted:
            frames.append(convert(to_rgb(frame)))
    return frames, number + 1


def to_rgb(frame):
    """Convert a decoded frame to uint8 (H, W, 3), upright as a player shows it."""
    try:
        pixels = frame.to_ndarray(format="rgb24")
    except (av.FFmpegError, ValueError) as error:
        kind = frame.format.name
        raise Problem(f"pixels of kind {kind} are not readable ({error})") from None
    return np.rot90(pixels, round(frame.rotation / 90)) if frame.rotation else pixels


def count_packets(path):
    """Count the packets of a video, one a frame as a rule."""
    try:
        with open_video(path) as container:
            return sum(p.size > 0 for p in container.demux(container.streams.video[0]))
    except av.FFmpegError as error:
        raise Problem(f"{path}: not readable ({error.strerror})") from None


def read_rate(path):
    """Read how many frames a second a video has, None if untold, and how many frames.

    Returns
    -------
    (float or None, int)
    """
    with open_video(path) as container:
        rate = container.streams.video[0].average_rate
    return float(rate) if rate else None, count_packets(path)


def open_video(path):
    """Open a video file and check that it holds video of a sensible size."""
    path = Path(path)
    try:
        if path.stat().st_size == 0:
            raise Problem(f"{path}: the file is empty")
        # Absolute, or a name such as `file:x.avi` would be read as an address.
        container = av.open(str(path.absolute()), options=OPEN_OPTIONS)
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Problem(f"{path}: no video that PyAV can open ({reason})") from None
    videos = container.streams.video
    context = videos[0].codec_context if videos else None
    if context is None:
        container.close()
        raise Problem(f"{path}: holds no video of a known kind")
    check_size(path, context.width, context.height)
    return container


def check_size(path, width, height):
    if width * height > MAX_PIXELS:
        raise Problem(
            f"{path}: frames of {width} x {height} pixels are refused; the limit is "
            f"{MAX_PIXELS} pixels"
        )
