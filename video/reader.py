"""Frames of a video by number, at even distances in time.

Frames are counted as `ffmpeg -i` slices them, as the published clips were: at a
constant rate, by the time stamps. Where a camera dropped pictures or its rate varies,
the picture before is shown on. No picture is dropped.
"""

import numpy as np

from system.terminal import Problem
from video import decoder, pixels

DARK = 65  # of 255; 14 bits that are stored in 16 end below it


class Reel:
    """A video of `n_frames` frames, `rate` a second."""

    def __init__(self, path, allow_short=False):
        self.film = decoder.survey(path)
        if self.film.shortage and not allow_short:
            raise Problem(f"{path}: {self.film.shortage}: {decoder.HINT}")
        self.numbers = self.film.numbers  # at which each picture is first shown
        self.n_frames, self.rate = self.film.n_frames, self.film.rate
        self.size = self.film.size
        self.brightest = 0  # of the pictures converted so far; of more than 8 bits only

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
        if 0 < self.brightest < DARK:
            raise Problem(
                f"{self.film.path}: no pixel is brighter than {self.brightest} of 255, "
                f"as if fewer than its {self.film.bits} bits were used. Export it from "
                "the camera's program with 8 bits a colour"
            )

    def show(self, places, options):
        """Decode, and yield the pictures at some places, or what stood there before."""
        n_shown, held = 0, None
        for place, frame in decoder.iterate(self.film, **options):
            while n_shown < len(places) and places[n_shown] < place:
                if held is None:  # the file led to a key frame too late
                    raise Problem(f"{self.film.path}: damaged at frame {place}")
                yield self.convert(held)
                n_shown += 1
            held = frame
        for _ in places[n_shown:]:
            yield self.convert(held)

    def convert(self, frame):
        picture = pixels.to_rgb(frame)
        if self.film.bits > 8:
            self.brightest = max(self.brightest, int(picture.max()))
        return picture
