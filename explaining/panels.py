"""Figures of a whole run: features, checks, the space of frames, movement elements.

Functions return a `matplotlib.figure.Figure`, for `figures.save`.
"""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Ellipse
from matplotlib.ticker import PercentFormatter

import figures
from explaining.checks import FEATURE_AMOUNTS, FRAME_AMOUNTS
from explaining.overlays import LOWERS, RAISES, WIDTH, styled
from figures import COLOURS, FAINT, INK

# ---------------------------------------------------------------- features


@styled
def draw_features(importance, signed, by_chance, n_shown=20):
    """Draw the most important features, and how importance spreads over all.

    Parameters
    ----------
    importance : (F,)
        Mean absolute attributions over clips.
    signed : (F,)
        Mean attributions.
    by_chance : (F,)
        Importance with shuffled weights, NaN where it is not defined.
    """
    figure = Figure((WIDTH, 3.3), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    order = np.argsort(-importance, kind="stable")
    shown = order[:n_shown]
    colours = np.where(signed[shown] >= 0, RAISES, LOWERS)
    left.bar(np.arange(len(shown)), importance[shown], 0.75, color=colours)
    place = np.arange(len(shown))
    left.hlines(by_chance[shown], place - 0.42, place + 0.42, color=INK, lw=1.4)
    left.set_xticks(place, shown, rotation=90)
    left.set(xlabel="feature", ylabel="importance", xlim=(-0.7, len(shown) - 0.3))
    left.set_title(
        "the most important features  (vermilion: on average they raise the score; "
        "blue: they lower it)",
        loc="left",
        fontsize=8.5,
    )
    total = importance.sum() or 1.0
    right.plot(
        np.arange(1, len(order) + 1), np.cumsum(importance[order]) / total, color=INK
    )
    half = int(np.searchsorted(np.cumsum(importance[order]) / total, 0.5)) + 1
    right.plot([half, half, 1], [0, 0.5, 0.5], color=FAINT, linewidth=0.8)
    right.annotate(
        f"half of it lies in {half} features",
        (half, 0.5),
        xytext=(6, -4),
        textcoords="offset points",
        va="top",
    )
    right.set(xscale="log", xlim=(1, len(order)), ylim=(0, 1.02))
    right.set(xlabel="features, by rank", ylabel="part of all importance")
    right.yaxis.set_major_formatter(PercentFormatter(1))
    right.xaxis.set_major_formatter("{x:g}")  # the usual one writes formulas
    return figure


@styled
def draw_comparison(first, second, names, rho):
    """Draw the importance of each feature in one network against another.

    Parameters
    ----------
    first, second : (F,)
    names : (str, str)
    rho : float or None
        Their rank correlation.
    """
    figure = Figure((5.2, 5.0), layout="constrained")
    axes = figure.subplots()
    axes.scatter(first, second, s=8, color=COLOURS[0], alpha=0.35, linewidths=0)
    values = np.concatenate([first, second])
    if (values > 0).any():
        low = values[values > 0].min()
        for name in ("x", "y"):
            getattr(axes, f"set_{name}scale")("symlog", linthresh=max(low, 1e-12))
            getattr(axes, f"{name}axis").set_major_formatter("{x:.0e}")
    axes.set(xlabel=f"importance in {names[0]}", ylabel=f"importance in {names[1]}")
    text = "not defined" if rho is None else f"{rho:.2f}".replace("-", "−")
    axes.set_title(f"{len(first)} features, rank correlation {text}", loc="left")
    return figure


# ---------------------------------------------------------------- checks


@styled
def draw_deletion(curves):
    """Draw how the value moves as what is important is replaced, or random parts.

    Parameters
    ----------
    curves : dict
        Of `checks.check_deletion`.
    """
    figure = Figure((WIDTH, 3.1), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    signed = (
        (RAISES, "those that raise it first"),
        (LOWERS, "those that lower it first"),
        (FAINT, "random"),
    )
    sized = ((COLOURS[2], "most important"), (FAINT, "random"))
    for axes, name, amounts, looks in (
        (left, "frames", FRAME_AMOUNTS, signed),
        (middle, "features", FEATURE_AMOUNTS, signed),
        (right, "importance", FEATURE_AMOUNTS, sized),
    ):
        x = 100 * np.array([0, *amounts])
        for kind, (colour, label) in enumerate(looks):
            values = np.pad(curves[name][:, kind], ((0, 0), (1, 0)))
            mean = values.mean(axis=0)
            axes.plot(x, mean, color=colour, label=label, marker="o", markersize=3)
            if len(values) > 2:
                error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
                ends = mean - error, mean + error
                axes.fill_between(x, *ends, color=colour, alpha=0.18, linewidth=0)
    for axes in (left, middle):
        axes.axhline(0, color=INK, linewidth=0.5)
    left.set(xlabel="frames replaced (%)", ylabel="change of the value")
    middle.set(xlabel="features replaced (%)", ylabel="change of the value")
    right.set(xlabel="features set to 0 (%)", ylabel="size of the change", ylim=0)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3)
    handles, labels = right.get_legend_handles_labels()
    figure.legend(handles[:1], labels[:1], loc="outside upper right")
    return figure


# ---------------------------------------------------------------- space, elements


@styled
def draw_space(coordinates, variances, animals, groups, thumbnails, find_ellipse):
    """Draw frames as points, an ellipse for each animal, pictures at the extremes.

    Parameters
    ----------
    coordinates : (P, >= 2)
    variances : (>= 2,)
        Of the variance of the components.
    animals, groups : (P,) sequence of str
    thumbnails : sequence of (int, frame (H, W, 3))
        Points and their pictures.
    find_ellipse : callable
        Points (n, 2) to an ellipse or None.
    """
    figure = Figure((WIDTH, 6.2))
    place = (0.23, 0.06, 0.54, 0.86) if thumbnails else (0.06, 0.06, 0.88, 0.86)
    axes = figure.add_axes(place)
    animals, groups = np.asarray(animals), np.asarray(groups)
    points = coordinates[:, :2]
    looks = figures.choose_looks(groups)
    for group, (colour, shape) in looks.items():
        inside = groups == group
        size = 9 if inside.sum() < 2000 else 4
        axes.scatter(
            *points[inside].T, size, color=colour, marker=shape, alpha=0.4, lw=0
        )
        n_animals = len(set(animals[inside]))
        noun = "animal" if n_animals == 1 else "animals"
        label = f"{group} ({n_animals} {noun})"
        axes.scatter([], [], 30, color=colour, marker=shape, label=label, lw=0)
        for animal in np.unique(animals[inside]):
            ellipse = find_ellipse(points[inside & (animals == animal)])
            if ellipse:
                axes.add_patch(Ellipse(**ellipse, fill=False, ec=colour, lw=0.9))
    axes.autoscale_view()
    axes.set(xlabel=f"component 1 ({variances[0]:.0%} of the variance)")
    axes.set(xticks=[], yticks=[])  # the scale has no meaning
    axes.text(
        *(0.015, 0.5, f"component 2 ({variances[1]:.0%})"),
        transform=axes.transAxes,
        rotation=90,
        va="center",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        zorder=5,
    )
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    _hang_thumbnails(figure, axes, points, thumbnails)
    return figure


def _hang_thumbnails(figure, axes, points, thumbnails):
    """Hang pictures left and right of the axes, each tied to its point."""
    by_x = sorted(thumbnails, key=lambda pair: points[pair[0], 0])
    half = len(by_x) // 2
    for side, part in (("left", by_x[:half]), ("right", by_x[half:])):
        part = sorted(part, key=lambda pair: -points[pair[0], 1])
        for row, (index, frame) in enumerate(part):
            height = 0.9 / max(len(part), 4)
            bottom = 0.95 - (row + 1) * height
            left = 0.012 if side == "left" else 0.808
            image = figure.add_axes((left, bottom, 0.18, height * 0.94))
            image.imshow(frame)
            image.set(xticks=[], yticks=[])
            image.set_anchor("W" if side == "left" else "E")
            for spine in image.spines.values():
                spine.set(visible=True, color=FAINT, linewidth=0.6)
            edge = 1 if side == "left" else 0
            line = ConnectionPatch(
                *((edge, 0.5), points[index], "axes fraction", "data"),
                axesA=image,
                axesB=axes,
                color=INK,
                lw=0.5,
                alpha=0.7,
            )
            figure.add_artist(line)
            axes.scatter(*points[index], 26, facecolors="none", edgecolors=INK, lw=0.8)
