"""Pages from templates: one HTML file with everything in it, for screen and paper.

Pictures are embedded and nothing is fetched from elsewhere, so a page can be sent.
"""

import base64
import io
import math
from pathlib import Path
from typing import NamedTuple

import jinja2
import numpy as np
from PIL import Image

from system import storage
from system.tables import count


class Embedded(NamedTuple):
    """A picture inside the page: data URI, and size in pixels."""

    source: str
    width: int
    height: int


def number(value, digits=3, sign=False):
    """Write a number, with a minus as wide as a plus; or that it is not defined."""
    if value is None or not math.isfinite(value):
        return "not defined"
    value = round(value, digits) + 0.0  # no minus before 0
    return f"{value:{'+' if sign else ''}.{digits}f}".replace("-", "−")


def interval(found, digits=3):
    """Write a figure {"value", "low", "high"} with its interval, or why it has none."""
    if found["value"] is None:
        return f"not defined ({found['reason']})"
    if found.get("low") is None:
        reason = f" (no interval: {found['reason']})" if found.get("reason") else ""
        return number(found["value"], digits) + reason
    value, low, high = (number(found[k], digits) for k in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def percent(value, digits=0):
    """Write a part of 1 as a percentage."""
    known = value is not None and math.isfinite(value)
    return f"{number(100 * value, digits)}%" if known else "not defined"


def cell(value, digits=3):
    """Write a value for a table; a note beside the table gives reasons of figures."""
    if isinstance(value, dict):
        known = value["value"] is not None
        return interval(value | {"reason": None} if known else value, digits)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float) and 0 < abs(value) < 0.0005:
        return f"{value:.1g}".replace("-", "−")
    return number(value, digits) if isinstance(value, float) else str(value)


def one_line(text):
    """Join the lines that a text is written over."""
    return " ".join(text.split())


def holds_numbers(rows, column):
    """Say whether a column of a table holds nothing but numbers."""
    return all(isinstance(row[column], (int, float, type(None))) for row in rows)


def embed(picture):
    """Pack the path of a drawing, or pixels (H, W, 3), into a data URI (Embedded)."""
    if isinstance(picture, np.ndarray):
        image = Image.fromarray(picture)
    else:
        with Image.open(picture) as drawn:
            image = Image.new("RGB", drawn.size, "white")
            image.paste(drawn, mask=drawn.convert("RGBA").getchannel("A"))
    packed = io.BytesIO()
    image.save(packed, "WEBP", quality=88)
    text = base64.b64encode(packed.getvalue()).decode()
    return Embedded(f"data:image/webp;base64,{text}", *image.size)


TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=jinja2.select_autoescape(("html",)),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
for word in (count, number, interval, percent, cell, one_line, holds_numbers):
    TEMPLATES.filters[word.__name__] = word
TEMPLATES.globals["embed"] = embed


def render(template, **context):
    """Fill a template of this folder; `.html` escapes every text, `.txt` none."""
    return TEMPLATES.get_template(template).render(**context)


def write(path, template, **context):
    """Fill a template and write it, whole or not at all."""
    with storage.replacing(path) as temporary:
        temporary.write_text(render(template, **context), encoding="utf-8")
