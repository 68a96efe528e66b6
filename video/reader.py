"""Frames by number, at even distances in time, from a video or a stack of TIFF pages.

Frames are counted as `ffmpeg -i` slices them, as the published clips were: at a
constant rate, by the time stamps. Where a camera dropped pictures or its rate varies,
the picture before is shown on. No picture is dropped.
"""

import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from system.terminal import Problem
from video import decoder, pixels
from video.containers import check_size
from video.find import STACK_SUFFIXES, suffix_of

DEEP_MODES = ("I;16", "I;16B", "I;16L", "I", "F")  # grey of TIFF in 9 to 32 bits
N_COMPARED = 500  # pictures in which a pattern of repeats is looked for
DARK = 64  # of 255; below it, a picture uses less than the upper two bits


def open_reel(path, allow_short=False):
    """Open a video, a Reel, or a stack of TIFF pages, a Stack, to read frames by
    number; `allow_short` takes what is there of a file that was cut short."""
    is_stack = suffix_of(path) in STACK_SUFFIXES
    return Stack(path) if is_stack else Reel(path, allow_short)


class Reel:
    """A video of `n_frames` frames, `rate` a second."""

    def __init__(self, path, allow_short=False):
        self.film = decoder.survey(path)
        if self.film.shortage and not allow_short:
            raise Problem(f"{path}: {self.film.shortage}: {decoder.HINT}")
        self.numbers = self.film.numbers  # at which each picture is first shown
        self.n_frames, self.rate = self.film.n_frames, self.film.rate
        self.depth, self.brightest, self.size = None, 0, self.film.size
        self.thinned = []  # points of its first pictures; see `pixels.find_repeats`

    def list_notes(self):
        """Describe what is unusual, as far as it is known by now, a clause each."""
        film, notes = self.film, [*self.film.oddities]
        if film.n_cut:
            notes.append(
                f"its first {film.n_cut} frames lean on a key frame that was cut away; "
                f"read from its key frame on, {self.n_frames} frames"
            )
        if film.shortage:
            notes.append(f"{film.shortage} and are taken")
        if self.n_frames > len(film.times):
            notes.append(
                f"it has {len(film.times)} pictures in the time of {self.n_frames} "
                "frames; where one is missing, the one before is shown on"
            )
        if n := pixels.find_repeats(self.thinned):
            real = f"{self.rate * (n - 1) / n:.4g} frames a second"
            notes.append(
                f"1 of {n} pictures repeats the one before, as if a film of {real} had "
                "been converted: movement comes in steps"
            )
        if self.depth not in (None, 16):
            notes.append(f"its pixels use {self.depth} of 16 bits; the others are cut")
        if film.bits in range(9, 16) and 0 < self.brightest < DARK:
            notes.append(
                f"no pixel is brighter than {self.brightest} of 255, as if the file "
                f"said a wrong number of bits ({film.bits})"
            )
        return notes

    def iterate(self, wanted=None, start=0, end=None):
        """Yield the frames that are wanted, upright, uint8 (H, W, 3).

        `wanted` are rising numbers from 0, by default all of the range from `start` to
        `end`, which is decoded, and found whole, even if none is wanted. What comes
        before it is decoded from the last key frame on, or all where that fails.
        """
        end = self.n_frames if end is None else end
        wanted = np.arange(start, end) if wanted is None else wanted
        places = np.searchsorted(self.numbers, wanted, side="right") - 1
        first, last = np.searchsorted(self.numbers, [start, end - 1], side="right") - 1
        while first and int(self.film.times[first]) in self.film.can_skip:
            first -= 1
        options = {"first": first, "last": last if end < self.n_frames else None}
        n_shown = 0
        try:
            for picture in self.show(places, options):
                yield picture
                n_shown += 1
        except Problem:
            if not first:
                raise
            options["seek"] = False
            yield from self.show(places[n_shown:], options)

    def show(self, places, options):
        """Decode, and yield the pictures at some places, or what stood there before."""
        if self.depth is None:
            deep = self.film.bits >= 16
            pictures = decoder.iterate(self.film, **options) if deep else ()
            arrays = (frame.to_ndarray(format="rgb48le") for _, frame in pictures)
            self.depth = pixels.find_depth(arrays) if deep else 16
        n_shown, held, self.thinned = 0, None, []
        for place, frame in decoder.iterate(self.film, **options):
            if self.film.bits == 8 and len(self.thinned) < N_COMPARED:
                self.thinned.append(pixels.thin(frame))
            while n_shown < len(places) and places[n_shown] < place:
                if held is None:  # the file led to a key frame too late
                    raise Problem(f"{self.film.path}: damaged at frame {place}")
                yield self.convert(held)
                n_shown += 1
            held = frame
        for _ in places[n_shown:]:
            yield self.convert(held)

    def convert(self, frame):
        picture = pixels.to_rgb(frame, self.depth)
        if self.film.bits > 8:
            self.brightest = max(self.brightest, int(picture.max()))
        return picture


class Stack:
    """A TIFF file with a page for each frame; it tells no rate."""

    rate = None

    def __init__(self, path):
        self.path, self.depth, self.range = Path(path), None, None
        with self.opened() as image:
            self.n_frames, self.size = image.n_frames, "{}x{}".format(*image.size)
            described = str(getattr(image, "tag_v2", {}).get(270, ""))
        found = re.search(r"^images=(\d+)", described, re.M)
        if found and int(found[1]) > self.n_frames:
            raise Problem(
                f"{path}: ImageJ says {found[1]} pages, {self.n_frames} can be found. "
                "Open it in ImageJ, and save it as AVI or as an image sequence"
            )

    def opened(self):
        try:
            image = Image.open(self.path, formats=("TIFF",))
            check_size(self.path, *image.size)
            return image
        except (OSError, ValueError, SyntaxError) as error:
            raise Problem(f"{self.path}: no readable TIFF stack ({error})") from None

    def list_notes(self):
        if self.range:
            low, high = self.range
            return [f"its values from {low:g} to {high:g} are scaled to 0 to 255"]
        is_cut = self.depth not in (None, 16)
        return [f"its pixels use {self.depth} of 16 bits"] if is_cut else []

    def iterate(self, wanted=None, start=0, end=None):
        """Yield the frames that are wanted, uint8 (H, W, 3)."""
        if self.depth is None:
            highest, lowest = 0, 0
            for values in self.read_pages(range(self.n_frames), read_deep):
                values = values[np.isfinite(values)]
                highest = max(highest, values.max(initial=0))
                lowest = min(lowest, values.min(initial=0))
                is_decimal = values.dtype.kind == "f"
            self.depth = pixels.find_depth([np.array(highest)])
            if is_decimal or highest >= 2**16 or lowest < 0:
                self.range = float(lowest), float(highest) or 1.0
        whole = range(start, self.n_frames if end is None else end)
        yield from self.read_pages(whole if wanted is None else wanted, self.convert)

    def read_pages(self, numbers, use):
        """Yield what a function makes of each of some pages."""
        number = -1
        try:
            with self.opened() as image:
                for number in map(int, numbers):
                    image.seek(number)
                    check_size(self.path, *image.size)
                    yield use(image)
        except (OSError, ValueError, SyntaxError, EOFError) as error:
            place = f"page {number + 1} of {self.n_frames}"
            raise Problem(f"{self.path}: {place} is not readable ({error})") from None

    def convert(self, image):
        if image.mode in DEEP_MODES:
            grey = np.asarray(image)
            if self.range:
                low, high = self.range
                grey = np.nan_to_num((grey - low) * (255 / (high - low)))
            else:
                grey = grey.astype(np.int64) >> (self.depth - 8)
            return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, 2)
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def read_deep(image):
    """Read the values of a page; of one of 8 bits, whose depth is known, a full one."""
    image.load()
    return np.asarray(image) if image.mode in DEEP_MODES else np.uint16(2**16 - 1)
