"""Clips as browsers play them, with nothing in them that tells where they are from."""

import tempfile
from pathlib import Path

from video import frames
from video.reader import Reel

IMAGES_PER_SECOND = 30  # of clips that are images, whose rate is unknown
MAX_RATE = 240
CRF = 16  # no loss that can be seen


def encode(folder, clip):
    """Encode a clip anew, H.264 at an even rate, without metadata: the film as bytes,
    and its frames per second, by which the page steps."""
    # What is there of a truncated film can still be scored.
    reel, view = frames.open_clip(folder, clip, allow_short=True)
    rate = reel.rate
    if not rate or not 1 <= rate <= MAX_RATE:
        rate = IMAGES_PER_SECOND
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "film.mp4"
        # All of the picture, and no mirror: the rater sees what was filmed.
        pictures = reel.iterate(range(view.start, view.end), view.start, view.end)
        aspect = reel.film.aspect if isinstance(reel, Reel) else 1
        frames.write_video(path, pictures, rate, CRF, aspect)
        return path.read_bytes(), float(rate)
