"""Figures of a whole run: features, the space of frames.

Functions return a `matplotlib.figure.Figure`, for `style.save`.
"""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.patches import Ellipse

from explanation.elements import PLANE, find_ellipse
from explanation.overlays import LOWERS, RAISES, WIDTH, styled
from reports import style
from reports.style import INK
from system.tables import count


@styled
def draw_features(importance, signed, by_chance, n_shown=30):
    """Draw the most important features (F,), and in how many half of it lies."""
    figure = Figure((WIDTH, 3.3), layout="constrained")
    axes = figure.subplots()
    order = np.argsort(-importance, kind="stable")
    shown = order[:n_shown]
    place = np.arange(len(shown))
    colours = np.where(signed[shown] >= 0, RAISES, LOWERS)
    axes.bar(place, importance[shown], 0.75, color=colours)
    axes.hlines(by_chance[shown], place - 0.42, place + 0.42, color=INK, lw=1.4)
    highest = np.nanmax([importance.max(), *by_chance[shown]])
    axes.set_ylim(0, 1.05 * (highest or 1))
    axes.set_xticks(place, shown, rotation=90)
    axes.set(xlabel="feature", ylabel="importance", xlim=(-0.7, len(shown) - 0.3))
    total = np.cumsum(importance[order]) / (importance.sum() or 1.0)
    half = int(np.searchsorted(total, 0.5)) + 1
    title = "orange: on average it raises the score; blue: it lowers it; half of the "
    title += f"importance lies in {half} of {len(order)} features"
    axes.set_title(title, loc="left")
    return figure


@styled
def draw_space(frames, variances, thumbnails, healthy=None):
    """Draw frames as points, an ellipse for each animal, pictures at extremes.

    `frames` is a table; `thumbnails` are pairs of a row and its picture (H, W, 3).
    """
    figure = Figure((WIDTH, 6.2))
    axes = figure.add_axes((0.2, 0.24, 0.6, 0.6))
    looks = style.choose_looks(list(frames["group"]), healthy)
    for group, (colour, shape) in looks.items():
        inside = frames[frames["group"] == group]
        size = 9 if len(inside) < 2000 else 4
        look = {"color": colour, "marker": shape, "lw": 0}
        axes.scatter(*inside[PLANE].to_numpy().T, size, alpha=0.4, **look)
        told = f"{group} ({count(inside['animal'].nunique(), 'animal')})"
        axes.scatter([], [], 30, label=told, **look)
        for _, own in inside.groupby("animal"):
            if ellipse := find_ellipse(own[PLANE].to_numpy()):
                axes.add_patch(Ellipse(**ellipse, fill=False, ec=colour, lw=0.9))
    axes.autoscale_view()
    axes.set_axis_off()  # the scale has no meaning
    first, second = variances[:2]
    title = f"across: component 1 ({first:.0%} of the variance); up: 2 ({second:.0%})"
    figure.legend(loc="lower center", ncols=3, title=title)
    hang_thumbnails(axes, frames[PLANE].to_numpy(), thumbnails)
    return figure


def hang_thumbnails(axes, points, thumbnails):
    """Hang pictures around the axes, each tied to its point."""
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    reach = np.maximum(np.ptp(points, axis=0), 1e-12)
    away = {index: (points[index] - middle) / reach for index, _ in thumbnails}
    by_angle = sorted(thumbnails, key=lambda pair: np.arctan2(*away[pair[0]][::-1]))
    for number, (index, picture) in enumerate(by_angle):
        angle = 2 * np.pi * (number + 0.5) / len(by_angle) - np.pi
        at = 0.5 + 0.66 * np.cos(angle), 0.5 + 0.6 * np.sin(angle)
        image = OffsetImage(picture, zoom=100 / picture.shape[1])
        look = {"arrowstyle": "-", "color": INK, "lw": 0.5, "alpha": 0.7}
        place = {"xybox": at, "boxcoords": "axes fraction", "pad": 0.1}
        axes.add_artist(AnnotationBbox(image, points[index], arrowprops=look, **place))
        axes.scatter(*points[index], 26, facecolors="none", edgecolors=INK, lw=0.8)
