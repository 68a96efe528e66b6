"""Figures of new scores: animals of groups and sessions, and a score over time."""

import itertools

import numpy as np

from reports.style import COLOURS, FAINT, INK, SHAPES, choose_looks, open_figure, styled


@styled
def draw_study(
    means, pairs=(), title=None, width=None, level="90%", groups=None, healthy=None
):
    """Draw a dot for each animal, and lines from one session to the next.

    Parameters
    ----------
    means : dict of str to dict of str to float
        Score of each animal in each column, from left to right.
    pairs : sequence of (str, str)
        Columns whose animals are joined by lines.
    title : str, optional
    width : float, optional
        How far off the network's score of an animal may be, drawn as a bar.
    level : str
        Share of new animals of which that holds.
    groups : dict of str to str, optional
        The group of each column, which gives its colour; by default the column itself.
    healthy : str, optional
        Which group is the healthy one.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (axes,) = open_figure(2.6, title)
    labels = list(means)
    if groups:
        looks = choose_looks(groups.values(), healthy)
        looks = {label: looks[groups[label]] for label in labels}
    elif healthy:
        looks = choose_looks(labels, healthy)
    else:  # sessions, in their order
        looks = dict(zip(labels, itertools.cycle(zip(COLOURS, SHAPES, strict=True))))
    for first, second in pairs:
        for animal in means[first].keys() & means[second].keys():
            ends = [means[first][animal], means[second][animal]]
            places = [labels.index(first), labels.index(second)]
            axes.plot(places, ends, color=FAINT, linewidth=0.6, zorder=1)
    for place, (label, animals) in enumerate(means.items()):
        values, (colour, shape) = np.array(list(animals.values())), looks[label]
        axes.plot(spread(place, values), values, shape, color=colour, markersize=4)
        axes.hlines(values.mean(), place - 0.25, place + 0.25, color=INK, zorder=3)
    if width and np.isfinite(width):
        low = max(min(min(a.values()) for a in means.values()), 0)
        style = {"color": INK, "capsize": 2, "linewidth": 0.8}
        axes.errorbar(len(labels) - 0.4, low + width, yerr=width, **style)
        axes.annotate(
            f"network's\nerror ({level})",
            (len(labels) - 0.35, low + width),
            va="center",
        )
    axes.set_xlim(-0.6, len(labels) + (0.1 if width else -0.4))
    names = [f"{label}, n = {len(own)}" for label, own in means.items()]
    axes.set_xticks(range(len(labels)), [name.replace(", ", "\n") for name in names])
    axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    axes.set_ylabel("network score (mean of an animal's clips)")
    return figure


def spread(place, values, step=0.09):
    """Place dots that would lie on one another side by side, (N,)."""
    size, order = 0.03 * (np.ptp(values) or 1), np.argsort(values)
    places, taken = np.full(len(values), float(place)), []
    for i in order:
        near = sum(abs(values[i] - values[j]) < size for j in taken)
        places[i] += step * ((near + 1) // 2) * (-1) ** near
        taken.append(i)
    return places


@styled
def draw_windows(seconds, scores, low, high, title=None):
    """Draw a score over time, at the middle of each window, and its interval.

    Parameters
    ----------
    seconds, scores, low, high : sequence of float, (W,)
        NaN where there is no interval.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (axes,) = open_figure(1.9, title)
    colour = COLOURS[0]
    axes.fill_between(seconds, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.plot(seconds, scores, color=colour, marker="o", markersize=2)
    axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    axes.set_xlabel("time in the video (s)")
    axes.set_ylabel("network score")
    return figure
