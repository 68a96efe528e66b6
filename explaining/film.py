"""A film of one clip: what the network looked at, and what came of it.

Left the frame, right the overlay of places, below the parts of the pooled steps with
a line that runs along them. H.264 in yuv420p, which every browser plays.
"""

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

import files
from explaining import overlays
from frames import write_video

HALF_WIDTH = 480  # pixels of either picture
TRACE_HEIGHT = 190
FRAMES_PER_SECOND = 10


def render_trace(trace, title):
    """Render the trace once, uint8 (190, 960, 3); and what tells a frame's line."""
    with matplotlib.rc_context(overlays.STYLE):
        figure = Figure((2 * HALF_WIDTH / 100, TRACE_HEIGHT / 100), dpi=100)
        axes = figure.add_axes((0.085, 0.25, 0.895, 0.6))
        axes.set_title(title, loc="left")
        overlays.plot_trace(axes, trace)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        ends = [(trace.at(k + 0.5), 0) for k in (0, 1)]
        first, second = axes.transData.transform(ends)[:, 0]
        box = axes.get_window_extent()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].copy()
    span = TRACE_HEIGHT - box.y1, TRACE_HEIGHT - box.y0
    return pixels, lambda frame: (first + frame * (second - first), span)


def compose(frame, places, limit, trace, locate, index):
    """Compose one picture of the film, uint8 (H, W, 3) with even H and W."""
    height = round(frame.shape[0] * HALF_WIDTH / frame.shape[1] / 2) * 2
    size = (HALF_WIDTH, height)
    small = np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS))
    line = Image.fromarray(trace)
    x, (top, bottom) = locate(index)
    ImageDraw.Draw(line).line([(x, top), (x, bottom)], fill=overlays.INK, width=2)
    pair = np.hstack([small, overlays.overlay(small, places, limit)])
    return np.vstack([pair, np.asarray(line)])


def write_film(path, frames, places, trace, title):
    """Write a clip's film: frames, T of uint8 (H, W, 3), and places, (T, 8, 8)."""
    picture, locate = render_trace(trace, title)
    # One stray bright place would leave the rest of the film without colour.
    limit = float(np.quantile(np.abs(places), 0.995)) or 1.0
    pictures = (
        compose(frame, place, limit, picture, locate, index)
        for index, (frame, place) in enumerate(zip(frames, places, strict=True))
    )
    with files.replacing(path) as temporary:
        write_video(temporary, pictures, FRAMES_PER_SECOND)
