"""Pictures of explanations: overlays on frames, traces, the space of frames, sheets.

Two colours mean the same everywhere: vermilion raises the score, blue lowers it.
Functions return a `matplotlib.figure.Figure`; `save` writes it as PNG.
"""

import functools

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

import figures
import files
from figures import COLOURS, INK

WIDTH = 10  # inches: the width of the page at 100 pixels an inch
DPI = 150
RAISES, LOWERS = COLOURS[1], COLOURS[0]
SIGNED = LinearSegmentedColormap.from_list("signed", [LOWERS, "#FFFFFF", RAISES])
STYLE = figures.STYLE | {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
}
styled = functools.partial(figures.styled, style=STYLE)


@styled
def save(figure, path):
    """Write a figure as PNG, whole or not at all.

    Returns
    -------
    Path
    """
    with files.replacing(path) as temporary:
        figure.savefig(temporary, dpi=DPI)
    return path


def sign(value, digits=3):
    """Write a number with its sign, and a minus as wide as the plus."""
    return f"{value:+.{digits}f}".replace("-", "−")


# ---------------------------------------------------------------- places


def enlarge(places, height, width):
    """Enlarge a map (8, 8) smoothly to the size of a frame, float32 (H, W)."""
    image = Image.fromarray(np.asarray(places, np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def overlay(frame, places, limit):
    """Lay shares of places in colour over a frame.

    Parameters
    ----------
    frame : uint8, (H, W, 3)
    places : float, (8, 8)
    limit : float
        The share that gets the full colour.

    Returns
    -------
    uint8, (H, W, 3)
        The frame in grey where the shares are 0.
    """
    shares = enlarge(places, *frame.shape[:2]) / max(limit, 1e-30)
    grey = np.repeat(frame.mean(axis=2, keepdims=True), 3, axis=2) / 255
    strength = 0.72 * np.clip(np.abs(shares), 0, 1)[..., None]
    ends = [matplotlib.colors.to_rgb(colour) for colour in (LOWERS, RAISES)]
    colour = np.where(shares[..., None] < 0, *ends)
    mixed = (0.25 + 0.7 * grey) * (1 - strength) + colour * strength
    return np.round(255 * mixed).clip(0, 255).astype(np.uint8)


# ---------------------------------------------------------------- one clip


def plot_trace(axes, shares, n_frames):
    """Plot the share of every pooled step along the frames of a clip."""
    length = n_frames // len(shares)  # frames a step
    starts = np.arange(len(shares)) * length
    colours = np.where(shares >= 0, RAISES, LOWERS)
    axes.bar(starts + 0.5, shares, 0.86 * length, color=colours, align="edge")
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set(xlim=(0.3, n_frames + 0.7), xlabel="frame", ylabel="share of score")
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True, min_n_ticks=4))


@styled
def draw_clip(shares, n_frames, title, pictures=()):
    """Draw how the score of a clip came about.

    Parameters
    ----------
    shares : (K,)
        Of the pooled steps.
    n_frames : int
        T.
    title : str
    pictures : sequence of (int, frame (H, W, 3), places (8, 8), float)
        Key frames by time: index, picture, shares of places, and their sum.

    Returns
    -------
    matplotlib.figure.Figure
    """
    n = len(pictures)
    if not n:
        figure = Figure((WIDTH, 2.1), layout="constrained")
        axes = figure.subplots()
        axes.set_title(title, loc="left", wrap=True)
        plot_trace(axes, shares, n_frames)
        return figure
    height, width = pictures[0][1].shape[:2]
    columns = max(n, 5)
    row = 0.85 * 0.96 * WIDTH / columns * height / width
    figure = Figure((WIDTH, 2.6 + 2 * row))
    total = figure.get_figheight()
    axes = figure.add_axes((0.075, 1 - 1.65 / total, 0.85, 1.2 / total))
    axes.set_title(title, loc="left", pad=15)
    plot_trace(axes, shares, n_frames)
    limit = max(np.abs(places).max() for _, _, places, _ in pictures) or 1.0
    cell = 0.85 / columns
    for column, (index, frame, places, added) in enumerate(pictures):
        left = 0.075 + column * cell
        for line, picture in enumerate((frame, overlay(frame, places, limit))):
            bottom = (0.15 + (1 - line) * (row + 0.06)) / total
            image = figure.add_axes((left, bottom, cell * 0.96, row / total))
            image.imshow(picture, aspect="auto", interpolation="antialiased")
            image.set_axis_off()
            if line == 0:
                image.set_title(f"{index + 1}   {sign(added)}", pad=3)
        axes.annotate(
            *("▾", (index + 1, 1)),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="bottom",
            annotation_clip=False,
        )
    bar = figure.add_axes((0.935, 0.15 / total, 0.009, row / total))
    add_colour_bar(figure, bar, limit)
    return figure


def add_colour_bar(figure, axes, limit):
    """Draw what the colours of an overlay mean."""
    scale = ScalarMappable(Normalize(-limit, limit), SIGNED)
    bar = figure.colorbar(scale, cax=axes, ticks=[-limit, 0, limit])
    ends = [f"{end:+.1g}".replace("-", "−") for end in (-limit, limit)]
    bar.ax.set_yticklabels([ends[0], "0", ends[1]], fontsize=7.5)
    bar.outline.set_visible(False)
