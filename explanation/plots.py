"""Figures of a whole run: features, tests, the space of frames.

Functions return a `matplotlib.figure.Figure`, for `style.save`.
"""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Ellipse
from matplotlib.ticker import PercentFormatter

from explanation.checks import REPLACED
from explanation.elements import find_ellipse
from explanation.overlays import LOWERS, RAISES, WIDTH, styled
from reports import style
from reports.style import COLOURS, FAINT, INK


@styled
def draw_features(importance, signed, by_chance, n_shown=20):
    """Draw the most important features (F,), and how importance spreads over all."""
    figure = Figure((WIDTH, 3.3), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    order = np.argsort(-importance, kind="stable")
    shown = order[:n_shown]
    place = np.arange(len(shown))
    colours = np.where(signed[shown] >= 0, RAISES, LOWERS)
    left.bar(place, importance[shown], 0.75, color=colours)
    left.hlines(by_chance[shown], place - 0.42, place + 0.42, color=INK, lw=1.4)
    highest = np.nanmax([importance.max(), *by_chance[shown]])
    left.set_ylim(0, 1.05 * (highest or 1))
    left.set_xticks(place, shown, rotation=90)
    left.set(xlabel="feature", ylabel="importance", xlim=(-0.7, len(shown) - 0.3))
    title = "orange: on average it raises the score; blue: it lowers it"
    left.set_title(f"the most important features ({title})", loc="left", fontsize=8.5)
    total = np.cumsum(importance[order]) / (importance.sum() or 1.0)
    half = int(np.searchsorted(total, 0.5)) + 1
    right.plot(np.arange(1, len(order) + 1), total, color=INK)
    right.plot([half, half, 1], [0, 0.5, 0.5], color=FAINT, linewidth=0.8)
    where = {"xytext": (6, -4), "textcoords": "offset points", "va": "top"}
    right.annotate(f"half of it lies in {half} features", (half, 0.5), **where)
    right.set(xscale="log", xlim=(1, len(order)), ylim=(0, 1.02))
    right.set(xlabel="features, by rank", ylabel="fraction of importance")
    right.yaxis.set_major_formatter(PercentFormatter(1))
    right.xaxis.set_major_formatter("{x:g}")  # the usual one writes formulas
    return figure


@styled
def draw_deletion(curves):
    """Draw how the value moves as what is important or random is replaced."""
    figure = Figure((WIDTH, 3.1), layout="constrained")
    left, middle, right = panels = figure.subplots(1, 3)
    signed = {"those that raise it first": RAISES, "those that lower it first": LOWERS}
    looks = signed, signed, {"most important": COLOURS[2]}
    for axes, name, colours in zip(panels, REPLACED, looks, strict=True):
        x = 100 * np.array([0, *REPLACED[name][0]])
        for kind, (label, colour) in enumerate((colours | {"random": FAINT}).items()):
            values = np.pad(curves[name][:, kind], ((0, 0), (1, 0)))
            mean = values.mean(axis=0)
            axes.plot(x, mean, color=colour, label=label, marker="o", markersize=3)
            if len(values) > 2:
                error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
                ends = mean - error, mean + error
                axes.fill_between(x, *ends, color=colour, alpha=0.18, linewidth=0)
    for axes, what in ((left, "frames"), (middle, "features")):
        axes.axhline(0, color=INK, linewidth=0.5)
        axes.set(xlabel=f"{what} replaced (%)", ylabel="change of the value")
    right.set(xlabel="features set to 0 (%)", ylabel="size of the change", ylim=0)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3)
    handles, labels = right.get_legend_handles_labels()
    figure.legend(handles[:1], labels[:1], loc="outside upper right")
    return figure


@styled
def draw_space(coordinates, variances, animals, groups, thumbnails, healthy=None):
    """Draw frames (P, 2) as points, an ellipse for each animal, pictures at extremes.

    `thumbnails` are pairs of a point and its picture (H, W, 3).
    """
    figure = Figure((WIDTH, 6.2))
    place = (0.23, 0.06, 0.54, 0.86) if thumbnails else (0.06, 0.06, 0.88, 0.86)
    axes = figure.add_axes(place)
    points, groups, animals = coordinates[:, :2], np.array(groups), np.array(animals)
    for group, (colour, shape) in style.choose_looks(list(groups), healthy).items():
        inside = groups == group
        size = 9 if inside.sum() < 2000 else 4
        look = {"color": colour, "marker": shape, "lw": 0}
        axes.scatter(*points[inside].T, size, alpha=0.4, **look)
        names = np.unique(animals[inside])
        noun = "animal" if len(names) == 1 else "animals"
        axes.scatter([], [], 30, label=f"{group} ({len(names)} {noun})", **look)
        for animal in names:
            ellipse = find_ellipse(points[inside & (animals == animal)])
            if ellipse:
                axes.add_patch(Ellipse(**ellipse, fill=False, ec=colour, lw=0.9))
    axes.autoscale_view()
    axes.set(xlabel=f"component 1 ({variances[0]:.0%} of the variance)")
    axes.set(xticks=[], yticks=[])  # the scale has no meaning
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    how = {"transform": axes.transAxes, "rotation": 90, "va": "center", "zorder": 5}
    axes.text(0.015, 0.5, f"component 2 ({variances[1]:.0%})", bbox=behind, **how)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    hang_thumbnails(figure, axes, points, thumbnails)
    return figure


def hang_thumbnails(figure, axes, points, thumbnails):
    """Hang pictures left and right of the axes, each tied to its point."""
    by_x = sorted(thumbnails, key=lambda pair: points[pair[0], 0])
    half = len(by_x) // 2
    for left, anchor, edge, part in (
        (0.012, "W", 1, by_x[:half]),
        (0.808, "E", 0, by_x[half:]),
    ):
        part = sorted(part, key=lambda pair: -points[pair[0], 1])
        height = 0.9 / max(len(part), 4)
        for row, (index, frame) in enumerate(part):
            bottom = 0.95 - (row + 1) * height
            image = figure.add_axes((left, bottom, 0.18, height * 0.94))
            image.imshow(frame)
            image.set(xticks=[], yticks=[])
            image.set_anchor(anchor)
            for spine in image.spines.values():
                spine.set(visible=True, color=FAINT, linewidth=0.6)
            ends = (edge, 0.5), points[index]
            look = {"axesA": image, "axesB": axes, "color": INK, "lw": 0.5}
            line = ConnectionPatch(*ends, "axes fraction", "data", alpha=0.7, **look)
            figure.add_artist(line)
            axes.scatter(*points[index], 26, facecolors="none", edgecolors=INK, lw=0.8)
