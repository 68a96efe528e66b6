"""Pictures to look at before anything is extracted: regions and proposed trials."""

from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from system.storage import replacing
from system.terminal import Problem, caution
from video import frames

WIDTH, GAP, LABEL = 320, 8, 18  # pixels of a tile, between tiles, of its label
COLUMNS, ROWS = 4, 10  # tiles a page
COLOUR = (255, 64, 0)


def read_picture(reel, number):
    """Read one frame of a video, uint8 (H, W, 3)."""
    number = min(number, reel.n_frames - 1)
    (picture,) = reel.iterate([number], number, number + 1)
    return picture


def make_tile(picture, label, crop=None):
    """Draw a picture, its region, and above a label; the end of a long one is shown."""
    import matplotlib  # whose font knows the letters of most languages

    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    font = ImageFont.truetype(fonts / "DejaVuSans.ttf", 12)
    image = Image.fromarray(np.ascontiguousarray(picture))
    scale = WIDTH / image.width
    image = image.resize((WIDTH, max(1, round(image.height * scale))))
    if crop:
        x, y, w, h = (round(length * scale) for length in crop)
        edges = x, y, x + w - 1, y + h - 1
        ImageDraw.Draw(image).rectangle(edges, outline=COLOUR, width=3)
    tile = Image.new("RGB", (WIDTH, image.height + LABEL), "white")
    ImageDraw.Draw(tile).text((WIDTH - 2, 2), label, "black", font, anchor="ra")
    tile.paste(image, (0, LABEL))
    return tile


def write_pages(path, tiles, columns=COLUMNS):
    """Write tiles on one page, or on several that are numbered: list of Path."""
    size, written = columns * ROWS, []
    for first in range(0, len(tiles), size):
        own = tiles[first : first + size]
        across, down = WIDTH + GAP, max(tile.height for tile in own) + GAP
        n_rows = -(-len(own) // columns)
        shape = columns * across + GAP, n_rows * down + GAP
        page = Image.new("RGB", shape, "white")
        for place, tile in enumerate(own):
            row, column = divmod(place, columns)
            page.paste(tile, (GAP + column * across, GAP + row * down))
        number = f"-{len(written) + 1}" if len(tiles) > size else ""
        written.append(path.with_stem(f"{path.stem}{number}"))
        with replacing(written[-1]) as temporary:
            page.save(temporary)
    return written


def draw_crops(path, clips):
    """Draw the region of each video that is readable into its middle frame."""
    tiles, sizes = [], defaultdict(dict)
    for clip in {(c.video, c.crop, c.mirror): c for c in clips}.values():
        try:
            reel = frames.open_reel(clip.video, allow_short=True)
            picture = read_picture(reel, reel.n_frames // 2)
        except Problem:
            continue  # it is named where its frames are counted
        frames.View(crop=clip.crop).apply(picture)  # refuses what lies outside
        size = "{1}x{0}".format(*picture.shape)
        sizes[clip.crop].setdefault(size, clip.name)
        label = f"{clip.name}  {size}" + "  mirrored" * bool(clip.mirror)
        tiles.append(make_tile(picture, label, clip.crop))
    for crop, of_size in sizes.items():
        if crop and len(of_size) > 1:
            told = ", ".join(f"{size} as {name}" for size, name in of_size.items())
            caution(
                f"the crop {','.join(map(str, crop))} shows another region in pictures "
                f"of several sizes ({told}): give each its own in the column crop"
            )
    return write_pages(path, tiles)


def draw_trials(path, clips):
    """Draw first, middle and last frame of each trial in a row; see `write_pages`."""
    tiles = []
    for clip in clips:
        reel = frames.open_reel(clip.video, allow_short=True)
        first, last = round(clip.start * reel.rate), round(clip.end * reel.rate) - 1
        for number in (first, (first + last) // 2, last):
            label = f"{clip.name}  {number / reel.rate:.2f} s"
            tiles.append(make_tile(read_picture(reel, number), label, clip.crop))
    return write_pages(path, tiles, columns=3)
