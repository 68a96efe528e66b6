"""What the network saw, drawn on frames and along time.

Two colours mean the same everywhere: vermilion raises the score, blue lowers it.
Functions return a `matplotlib.figure.Figure`, for `style.save`.
"""

import functools
import textwrap
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from matplotlib.ticker import MaxNLocator
from scipy import ndimage

from explanation.elements import PLANE
from explanation.places import find_centres
from reports import style
from reports.style import COLOURS, INK
from system.tables import count

WIDTH = 10  # inches: the width of the page at 100 pixels an inch
DPI = 150
RAISES, LOWERS = COLOURS[1], COLOURS[0]
STYLE = style.STYLE | {"font.size": 9, "axes.titlesize": 9.5, "axes.labelsize": 9}
STYLE |= dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 8.5)
styled = functools.partial(style.styled, style=STYLE)


def enlarge(places, height, width):
    """Enlarge a map (R, C) smoothly to the size of a frame, float32 (H, W).

    Outside the centres of the outermost places their values go on.
    """
    rows, columns = (
        np.interp(np.arange(n) + 0.5, find_centres(n, size), np.arange(size))
        for n, size in zip((height, width), places.shape, strict=True)
    )
    grid, places = np.ix_(rows, columns), np.asarray(places, np.float32)
    grid = np.broadcast_arrays(*grid)
    return ndimage.map_coordinates(places, grid, order=3, mode="nearest")


def overlay(frame, places, limit):
    """Lay contributions of locations (R, C) in colour over a frame (H, W, 3).

    A contribution as large as `limit` gets the full colour; 0 is grey.
    """
    parts = enlarge(places, *frame.shape[:2]) / max(limit, 1e-30)
    grey = np.repeat(frame.mean(axis=2, keepdims=True), 3, axis=2) / 255
    strength = 0.72 * np.clip(np.abs(parts), 0, 1)[..., None]
    ends = [matplotlib.colors.to_rgb(colour) for colour in (LOWERS, RAISES)]
    colour = np.where(parts[..., None] < 0, *ends)
    mixed = (0.25 + 0.7 * grey) * (1 - strength) + colour * strength
    return np.round(255 * mixed).clip(0, 255).astype(np.uint8)


class Trace(NamedTuple):
    """The contributions of the steps of one clip, along its time."""

    parts: np.ndarray  # (K,)
    length: int  # frames of a step
    n_frames: int  # T
    interval: float | None = None  # seconds from one frame to the next, where known
    limits: tuple | None = None  # of the contributions of all clips on a page

    def at(self, frame):
        """Where a frame's bar begins: around its time in seconds, else its number."""
        return frame + 0.5 if self.interval is None else (frame - 0.5) * self.interval

    def format_time(self, frame):
        """Write the time of a frame in seconds, else its number."""
        if self.interval is None:
            return f"frame {frame + 1}"
        return f"{frame * self.interval:.2f} s"


def plot_trace(axes, trace):
    """Plot the contribution of every step along the time of a clip."""
    starts = np.array([trace.at(k * trace.length) for k in range(len(trace.parts))])
    width = trace.at(trace.length) - trace.at(0)
    colours = np.where(trace.parts >= 0, RAISES, LOWERS)
    left, wide = starts + 0.07 * width, 0.86 * width
    axes.bar(left, trace.parts, wide, color=colours, align="edge")
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set(xlim=(trace.at(0), trace.at(trace.n_frames)), ylabel="contribution")
    axes.set_ylim(trace.limits)
    axes.set_xlabel("frame" if trace.interval is None else "time (s)")
    axes.yaxis.set_major_locator(MaxNLocator(4))
    ticks = MaxNLocator(12, integer=trace.interval is None, min_n_ticks=4)
    axes.xaxis.set_major_locator(ticks)


@styled
def draw_clip(trace, title, cards=()):
    """Draw how the score of a clip came about.

    `cards` are key frames by time: index, picture (H, W, 3), map (R, C).
    """
    if not cards:
        return draw_trace(trace, title=title)
    limit = find_limit(places for *_, places in cards)
    tiles = join([np.vstack([f, overlay(f, places, limit)]) for _, f, places in cards])
    wide = 0.85 * min(1, len(cards) / 5)  # parts of the figure
    high = wide * WIDTH * tiles.shape[0] / tiles.shape[1]  # inches
    total = 2.5 + high
    figure = Figure((WIDTH, total))
    axes = figure.add_axes((0.075, 1 - 1.65 / total, 0.85, 1.2 / total))
    axes.set_title(title, loc="left", pad=15)
    plot_trace(axes, trace)
    image = figure.add_axes((0.075, 0.15 / total, wide, high / total))
    image.imshow(tiles, aspect="auto", interpolation="antialiased")
    image.set_axis_off()
    place = {"va": "bottom", "fontsize": 8}
    for column, (index, _, places) in enumerate(cards):
        at = 0.075 + (column + 0.48) * wide / len(cards), (0.2 + high) / total
        added = f"{places.sum():+.3f}".replace("-", "−")
        text = f"{trace.format_time(index)}   {added}"
        figure.text(*at, text, ha="center", **place)
        mark(axes, trace, index, "▾")
    text = f"full colour: ±{limit:.1g}"
    figure.text(0.08 + wide, 0.15 / total, text, rotation=90, **place)
    return figure


def join(pictures):
    """Join pictures (H, W, 3) in a row, with a white gap of 4% right of each."""
    height, width = pictures[0].shape[:2]
    gap = np.full((height, max(1, round(width / 24)), 3), 255, np.uint8)
    return np.hstack([part for picture in pictures for part in (picture, gap)])


@styled
def draw_trace(trace, marks=(), title=""):
    """Draw the trace of a clip alone, with letters above some of its frames."""
    figure = Figure((WIDTH, 2.1 if title else 1.9), layout="constrained")
    axes = figure.subplots()
    axes.set_title(textwrap.fill(title, 13 * WIDTH), loc="left")
    plot_trace(axes, trace)
    for frame, letter in marks:
        mark(axes, trace, frame, f"{letter}\n▾")
    return figure


def mark(axes, trace, frame, text):
    """Mark a frame above a trace."""
    at = (trace.at(frame + 0.5), 1)
    how = {"ha": "center", "va": "bottom", "annotation_clip": False}
    axes.annotate(text, at, xycoords=("data", "axes fraction"), **how)


def find_limit(maps):
    """Find the contribution that gets the full colour in a row of pictures."""
    return max(np.abs(places).max() for places in maps) or 1.0


@styled
def draw_space(frames, variances, healthy=None):
    """Draw the frames of a table as points, and an ellipse for each animal."""
    figure = Figure((WIDTH, 6.2), layout="constrained")
    axes = figure.subplots()
    for group, look in style.choose_looks(list(frames["group"]), healthy).items():
        inside = frames[frames["group"] == group]
        size = 9 if len(inside) < 2000 else 4
        look = dict(zip(("color", "marker"), look, strict=True)) | {"lw": 0}
        axes.scatter(*inside[PLANE].to_numpy().T, size, alpha=0.4, **look)
        told = f"{group} ({count(inside['animal'].nunique(), 'animal')})"
        axes.scatter([], [], 30, label=told, **look)
        for _, own in inside.groupby("animal"):
            if ellipse := find_ellipse(own[PLANE].to_numpy()):
                shape = Ellipse(**ellipse, fill=False, ec=look["color"], lw=0.9)
                axes.add_patch(shape)
    axes.autoscale_view()
    axes.set(xlabel=f"component 1 ({variances[0]:.0%} of the variance)")
    axes.set(ylabel=f"component 2 ({variances[1]:.0%})")
    axes.set(xticks=[], yticks=[])  # the scale has no meaning
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def find_ellipse(points):
    """Find the ellipse of two deviations of points (n, 2) as matplotlib takes it."""
    if len(points) < 3:
        return None
    values, vectors = np.linalg.eigh(np.cov(points.T))
    width, height = 4 * np.sqrt(np.maximum(values[::-1], 0))
    angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
    return {"xy": points.mean(axis=0), "width": width, "height": height, "angle": angle}
