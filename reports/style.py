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

WIDTH = 85 / 25.4  # inches: one column of a journal
INK, FAINT = "#222222", "#8C8C8C"
# Okabe & Ito (2008): colours for colour-blind readers; shapes help in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
SHAPES = ("o", "s", "^", "D", "v", "P")
NETWORK, EXPERT = COLOURS[0], COLOURS[1]
LINES = ("axes.edgecolor", "axes.labelcolor", "text.color")
LINES += ("xtick.color", "ytick.color")
SIZES = ("xtick.labelsize", "ytick.labelsize", "legend.fontsize")
STYLE = {
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7,
    **dict.fromkeys(SIZES, 6.5),
    **dict.fromkeys(LINES, INK),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
    **dict.fromkeys(("axes.linewidth", "xtick.major.width", "ytick.major.width"), 0.6),
    **dict.fromkeys(("xtick.major.size", "ytick.major.size"), 2.5),
    "legend.frameon": False,
    "legend.handletextpad": 0.4,
    "lines.linewidth": 1.0,
    "text.parse_math": False,  # a name with $ or _ is a name, not a formula
    "svg.fonttype": "none",  # text stays text in the SVG
    "svg.hashsalt": "agreement",  # the same figure gives the same bytes
}


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
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if figure.get_layout_engine():
        figure.draw_without_rendering()  # sets the layout, once for both files
        figure.set_layout_engine("none")
    written = [path.with_name(f"{path.name}.{kind}") for kind in ("png", "svg")]
    for target, metadata in zip(written, (None, {"Date": None}), strict=True):
        partial = path.with_name(f".{path.name}.partial{target.suffix}")
        try:
            kind = target.suffix[1:]
            figure.savefig(partial, format=kind, dpi=dpi, metadata=metadata)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    return written


def open_figure(height, title, rows=1, ratios=None):
    """Open a figure of one column and so many inches, with axes below each other."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    options = {"squeeze": False, "gridspec_kw": {"height_ratios": ratios}}
    axes = figure.subplots(rows, sharex=True, **options)[:, 0]
    if title:
        # Matplotlib would take the $ of a name for a formula where it wraps by itself.
        text = textwrap.fill(title, round(17 * WIDTH))
        figure.suptitle(text, fontsize=STYLE["axes.titlesize"])
    return figure, axes


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


def note_empty(axes, reason):
    """Say on empty axes why nothing is drawn."""
    axes.text(0.5, 0.5, reason, transform=axes.transAxes, ha="center", va="center")
