"""Pictures to look at before anything is extracted: regions and proposed trials."""

import functools
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import frames
from files import replacing

WIDTH, GAP, LABEL = 320, 8, 18  # pixels of a tile, between tiles, of its label
COLUMNS, ROWS = 4, 10  # tiles a page
COLOUR = (255, 64, 0)


def read_picture(video, number):
    """Read one frame of a video, uint8 (H, W, 3)."""
    reel = frames.open_reel(video)
    number = min(number, reel.n_frames - 1)
    (picture,) = reel.iterate([number], number, number + 1)
    return picture


@functools.cache
def open_font():
    """Open a font that knows the letters of most languages."""
    import matplotlib

    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(fonts / "DejaVuSans.ttf", 12)


def make_tile(picture, label, crop=None, mirror=False):
    """Draw a picture of `WIDTH` pixels with its region and a label above.

    The label tells the size of the picture, in which a region is counted.
    """
    height, width = picture.shape[:2]
    scale = WIDTH / width
    image = Image.fromarray(np.ascontiguousarray(picture))
    image = image.resize((WIDTH, max(1, round(height * scale))))
    draw = ImageDraw.Draw(image)
    if crop:
        x, y, w, h = (round(length * scale) for length in crop)
        draw.rectangle((x, y, x + w - 1, y + h - 1), outline=COLOUR, width=3)
    tile = Image.new("RGB", (WIDTH, image.height + LABEL), "white")
    text = f"{label}  {width}x{height}" + ("  mirrored" if mirror else "")
    draw = ImageDraw.Draw(tile)
    font = open_font()
    while draw.textlength(text, font) > WIDTH - 4:
        text = "…" + text[2:]
    draw.text((2, 2), text, "black", font)
    tile.paste(image, (0, LABEL))
    return tile


def write_pages(path, tiles, columns=COLUMNS):
    """Write tiles on one page, or on several that are numbered.

    Returns
    -------
    list of Path
    """
    path, size, written = Path(path), columns * ROWS, []
    for first in range(0, len(tiles), size):
        rows = [
            tiles[i : i + columns]
            for i in range(first, min(first + size, len(tiles)), columns)
        ]
        heights = [max(tile.height for tile in row) for row in rows]
        across = columns * (WIDTH + GAP) + GAP
        page = Image.new("RGB", (across, sum(heights) + GAP * (len(rows) + 1)), "white")
        top = GAP
        for row, height in zip(rows, heights, strict=True):
            for place, tile in enumerate(row):
                page.paste(tile, (GAP + place * (WIDTH + GAP), top))
            top += height + GAP
        number = f"-{len(written) + 1}" if len(tiles) > size else ""
        target = path.with_stem(f"{path.stem}{number}")
        with replacing(target) as temporary:
            page.save(temporary)
        written.append(target)
    return written


def draw_crops(path, clips):
    """Draw the region of each video into its middle frame; see `write_pages`."""
    tiles, seen = [], set()
    for clip in clips:
        if (key := (clip.video, clip.crop, clip.mirror)) in seen:
            continue
        seen.add(key)
        middle = frames.open_reel(clip.video).n_frames // 2
        picture = read_picture(clip.video, middle)
        frames.View(crop=clip.crop).apply(picture)  # refuses what lies outside
        tiles.append(make_tile(picture, clip.name, clip.crop, clip.mirror))
    return write_pages(path, tiles)


def draw_trials(path, clips):
    """Draw first, middle and last frame of each trial in a row; see `write_pages`."""
    tiles = []
    for clip in clips:
        rate = frames.open_reel(clip.video).rate
        first, last = round(clip.start * rate), round(clip.end * rate) - 1
        for number in (first, (first + last) // 2, last):
            label = f"{clip.name}  {number / rate:.2f} s"
            picture = read_picture(clip.video, number)
            tiles.append(make_tile(picture, label, clip.crop))
    return write_pages(path, tiles, columns=3)
