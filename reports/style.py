"""The style of figures, in the width of one journal column, and how they are saved.

Functions that draw take arrays and return a `Figure`; `save` writes it.
Nothing touches pyplot, so figures can be drawn without a display and in threads.
"""

import functools
import textwrap
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from names.labels import order_groups
from system import storage

WIDTH = 85 / 25.4  # inches: one column of a journal
INK, FAINT = "#222222", "#8C8C8C"
# Okabe & Ito (2008): colours for colour-blind readers; shapes help in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
SHAPES = ("o", "s", "^", "D", "v", "P")
STYLE = dict(
    matplotlib.rc_params_from_file(
        Path(__file__).with_name("figures.mplstyle"), use_default_template=False
    )
)


def styled(draw, style=STYLE):
    """Decorate a function that draws, so that a style holds within it alone."""

    @functools.wraps(draw)
    def wrapper(*args, **kwargs):
        with matplotlib.rc_context(style):
            return draw(*args, **kwargs)

    return wrapper


@styled
def save(figure, path, dpi=300):
    """Write a figure as PNG and SVG, each whole or not at all; return both paths.

    `path` has no suffix; `dpi` are pixels an inch, of photographs in the SVG, too.
    """
    if figure.get_layout_engine():
        figure.draw_without_rendering()  # sets the layout, once for both files
        figure.set_layout_engine("none")
    written = [path.with_name(f"{path.name}.{kind}") for kind in ("png", "svg")]
    for target, metadata in zip(written, (None, {"Date": None}), strict=True):
        with storage.replacing(target) as temporary:
            figure.savefig(temporary, dpi=dpi, metadata=metadata)
    return written


def open_figure(height, title):
    """Open a figure of one column and so many inches: the figure and its axes."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    if title:
        # Matplotlib would take the $ of a name for a formula where it wraps by itself.
        text = textwrap.fill(title, round(17 * WIDTH))
        figure.suptitle(text, fontsize=STYLE["axes.titlesize"])
    return figure, figure.subplots()


def choose_looks(groups, healthy=None):
    """Give each group a colour and a shape: dict, the healthy one first; None is grey.

    The first colour is that of the healthy group, whether it is there or not.
    """
    named = order_groups(groups, healthy)
    start = 1 if healthy and healthy not in named else 0
    looks = {g: (COLOURS[i % 6], SHAPES[i % 6]) for i, g in enumerate(named, start)}
    return looks | ({None: ("#555555", "o")} if None in groups or not named else {})


def find_limits(values, share=0.06):
    """Find the limits of an axis that leave a margin around values."""
    low, high = float(np.min(values)), float(np.max(values))
    margin = share * (high - low) or 0.5
    return low - margin, high + margin
