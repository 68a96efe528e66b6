"""Frames as numbered JPEG files, whole clips or none."""

import contextlib
from pathlib import Path

import numpy as np
from PIL import Image

from system import storage
from system.terminal import caution
from video import find

JPEG_QUALITY = 95


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
            temporary = folder / f"{storage.TEMPORARY}{name}-{number:04d}.jpg"
            temporaries.append(temporary)
            image = Image.fromarray(np.ascontiguousarray(picture))
            image.save(temporary, quality=JPEG_QUALITY, comment=note)
        for old in images:
            old.unlink()
        for made in temporaries:
            made.replace(made.with_name(made.name.removeprefix(storage.TEMPORARY)))
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"could not write the frames of {name}: {reason}") from error
    finally:
        for rest in {*temporaries, *leftovers}:
            with contextlib.suppress(OSError):
                rest.unlink()
    return len(temporaries)
