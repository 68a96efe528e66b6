"""Frames as numbered JPEG files, whole clips or none."""

import contextlib
from pathlib import Path

import numpy as np
from PIL import Image

import files
import sources

JPEG_QUALITY = 95


def write_images(folder, name, pictures):
    """Write pictures, uint8 (H, W, 3), of a clip as `<name>-0001.jpg` and so on.

    They get their names only once all of them are there. As long as one has none, the
    clip counts as unfinished and is sliced again. Returns how many are there, written
    now or before.
    """
    folder = Path(folder)
    leftovers = sources.list_unfinished(folder, name)
    images = sources.list_images(folder, name)
    if images and not leftovers:
        return len(images)
    temporaries = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(pictures, start=1):
            part = folder / f"{files.TEMPORARY}{name}-{number:04d}.jpg"
            temporaries.append(part)
            image = Image.fromarray(np.ascontiguousarray(picture))
            image.save(part, quality=JPEG_QUALITY)
        for part in temporaries:
            part.replace(part.with_name(part.name.removeprefix(files.TEMPORARY)))
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"could not write the frames of {name}: {reason}") from error
    finally:
        for part in {*temporaries, *leftovers}:
            with contextlib.suppress(OSError):
                part.unlink()
    return len(temporaries)
