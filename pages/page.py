"""Pages from templates: one HTML file with everything in it, for screen and paper.

Prose, HTML and CSS stand in the templates beside this file, figures and numbers come
from the steps. HTML templates escape every text. Pictures and films are embedded, so
a page can be sent to somebody; nothing is fetched from elsewhere.
"""

import base64
import io
import math
from pathlib import Path
from typing import NamedTuple

import jinja2
import numpy as np
from PIL import Image

import files

TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".mp4": "video/mp4"}
JPEG_QUALITY = 88


class Embedded(NamedTuple):
    """A picture or film inside the page."""

    source: str  # data URI
    width: int | None = None  # pixels, of a picture
    height: int | None = None


# ---------------------------------------------------------------- figures in words


def count(n, noun, plural=None):
    """Write a number of things: 1 clip, 2 clips."""
    return f"{n} {noun if n == 1 else plural or noun + 's'}"


def number(value, digits=3, sign=False):
    """Write a number, with a minus as wide as a plus; or that it is not defined."""
    if value is None or not math.isfinite(value):
        return "not defined"
    return f"{value:{'+' if sign else ''}.{digits}f}".replace("-", "−")


def interval(found, digits=3):
    """Write a figure {"value", "low", "high"} with its interval, or why it has none."""
    if found["value"] is None:
        return f"not defined ({found['reason']})"
    if found.get("low") is None:
        reason = f" (no interval: {found['reason']})" if found.get("reason") else ""
        return number(found["value"], digits) + reason
    low, high = number(found["low"], digits), number(found["high"], digits)
    return f"{number(found['value'], digits)} [{low}, {high}]"


def percent(value, digits=0):
    """Write a part of 1 as a percentage."""
    if value is None or not math.isfinite(value):
        return "not defined"
    return f"{100 * value:.{digits}f}%".replace("-", "−")


def cell(value):
    """Write a value for a table: numbers with three decimals, NaN as a dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float):
        text = f"{value:.1g}" if 0 < abs(value) < 0.0005 else f"{value:.3f}"
        return text.replace("-", "−")
    return str(value)


def one_line(text):
    """Join the lines of a text, for macros that are written over several."""
    return " ".join(text.split())


def holds_numbers(rows, column):
    """Say whether a column of a table holds nothing but numbers."""
    values = [row[column] for row in rows]
    return all(isinstance(v, (int, float)) or v in ("", "–", None) for v in values)


# ---------------------------------------------------------------- pictures


def embed(picture):
    """Turn a picture into a data URI, packed as small as it looks the same.

    Parameters
    ----------
    picture : path of a PNG, JPEG or MP4 file, or uint8 (H, W, 3)
        A PNG is packed again: drawings in 256 colours, photographs as JPEG.

    Returns
    -------
    Embedded
    """
    if isinstance(picture, np.ndarray):
        return _to_uri(*_pack_photograph(Image.fromarray(picture)), picture.shape)
    path = Path(picture)
    content, kind, shape = path.read_bytes(), TYPES[path.suffix], (None, None)
    if path.suffix == ".png":
        with Image.open(io.BytesIO(content)) as image:
            flat = Image.new("RGB", image.size, "white")
            flat.paste(image, mask=image.getchannel("A") if "A" in image.mode else None)
        packed = [_pack_drawing(flat), _pack_photograph(flat)]
        content, kind = min(packed, key=lambda pair: len(pair[0]))
        shape = flat.size[::-1]
    return _to_uri(content, kind, shape)


def _to_uri(content, kind, shape):
    height, width = shape[:2]
    text = base64.b64encode(content).decode()
    return Embedded(f"data:{kind};base64,{text}", width, height)


def _pack_drawing(image):
    file = io.BytesIO()
    image.quantize(256, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return file.getvalue(), TYPES[".png"]


def _pack_photograph(image):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=True)
    return file.getvalue(), TYPES[".jpg"]


# ---------------------------------------------------------------- templates

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent, encoding="utf-8"),
    autoescape=jinja2.select_autoescape(("html",)),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
for word in (count, number, interval, percent, cell, one_line, holds_numbers):
    TEMPLATES.filters[word.__name__] = word
TEMPLATES.globals["embed"] = embed


def render(template, **context):
    """Fill a template of this folder; `.html` escapes every text, `.txt` none.

    Parameters
    ----------
    template : str
        File name.
    **context
        What the template names; one that is missing is an error.

    Returns
    -------
    str
    """
    return TEMPLATES.get_template(template).render(**context)


def write(path, template, **context):
    """Fill a template and write it, whole or not at all."""
    with files.replacing(path) as temporary:
        temporary.write_text(render(template, **context), encoding="utf-8")
