"""Figures of agreement, in the style of `figures.py`, one journal column wide."""

import numpy as np
from matplotlib.ticker import MaxNLocator

import figures
from figures import EXPERT, FAINT, INK, NETWORK
from judging.resampling import average_animals


def _keep_scored(expert, network, animals, groups):
    """Leave out the clips without either score."""
    x, y = (np.asarray(scores, dtype=float).ravel() for scores in (expert, network))
    kept = np.isfinite(x) & np.isfinite(y)
    groups = [None] * len(kept) if groups is None else list(groups)
    groups = [group for group, keep in zip(groups, kept, strict=True) if keep]
    return x[kept], y[kept], np.asarray(animals).astype(str)[kept], groups


def _scatter(axes, x, y, animals, groups):
    """Draw clips faint and the means of animals strong, group by group."""
    looks = figures.choose_looks(groups)
    axes.scatter([], [], s=7, color=FAINT, alpha=0.6, linewidths=0, label="clip")
    for group, (colour, shape) in looks.items():
        chosen = np.array([g == group for g in groups], dtype=bool)
        options = {"marker": shape, "color": colour, "linewidths": 0}
        axes.scatter(x[chosen], y[chosen], s=7, alpha=0.3, zorder=2, **options)
        _, mean_x = average_animals(x[chosen], animals[chosen])
        names, mean_y = average_animals(y[chosen], animals[chosen])
        label = f"{group or 'animal'} ({len(names)})"
        options |= {"edgecolors": "white", "linewidths": 0.5}
        axes.scatter(mean_x, mean_y, s=28, zorder=3, label=label, **options)


def _put_legend_above(axes):
    axes.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=4,
        borderaxespad=0.2,
        columnspacing=1.2,
    )


def _count(n, what):
    return f"{n} {what}" + ("" if n == 1 else "s")


def _print(text):
    return text.replace("-", "−")  # a minus as wide as the plus


def _say_correlation(x, y):
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return "not defined"
    return _print(f"= {np.corrcoef(x, y)[0, 1]:.2f}")


@figures.styled
def draw_agreement(expert, network, animals, groups=None, title=None):
    """Draw network score against expert score.

    Parameters
    ----------
    expert, network : (N,) array
        A clip without either is left out.
    animals : (N,) sequence of str
    groups : (N,) sequence of str or None, optional
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        Clips faint, animal means strong, the line of identity; r and MAE are of
        the animal means.
    """
    figure, (axes,) = figures.open_figure(figures.WIDTH * 1.0, title)
    x, y, animals, groups = _keep_scored(expert, network, animals, groups)
    axes.set(xlabel="expert score", ylabel="network score")
    if not len(x):
        figures.say_empty(axes, "no clip has both scores")
        return figure
    limits = figures.find_limits([x.min(), y.min(), x.max(), y.max()])
    axes.plot(limits, limits, color=FAINT, linewidth=0.8, dashes=(4, 3), zorder=1)
    _scatter(axes, x, y, animals, groups)
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    names, mean_x = average_animals(x, animals)
    mean_y = average_animals(y, animals)[1]
    note = (
        f"{_count(len(names), 'animal')}, {_count(len(x), 'clip')}\n"
        f"r of animals {_say_correlation(mean_x, mean_y)}\n"
        f"MAE of animals = {np.mean(np.abs(mean_x - mean_y)):.2f}"
    )
    _put_aside(axes, note, x, y, limits)
    return figure


def _put_aside(axes, note, x, y, limits):
    """Put the note into the emptier of the corners off the line of identity."""
    u, v = ((values - limits[0]) / np.ptp(limits) for values in (x, y))
    above = np.sum((u < 0.42) & (v > 0.78))
    below = np.sum((u > 0.58) & (v < 0.22))
    left = above <= below
    axes.text(
        0.02 if left else 0.98,
        0.98 if left else 0.02,
        note,
        transform=axes.transAxes,
        ha="left" if left else "right",
        va="top" if left else "bottom",
        linespacing=1.35,
        zorder=4,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1.5},
    )
    _put_legend_above(axes)


@figures.styled
def draw_bland_altman(expert, network, animals, groups=None, title=None):
    """Draw the difference of the two scores against their mean.

    Parameters
    ----------
    expert, network, animals, groups, title
        As for `draw_agreement`.

    Returns
    -------
    matplotlib.figure.Figure
        With bias and 95% limits of agreement of the clips.
    """
    figure, (axes,) = figures.open_figure(figures.WIDTH * 0.8, title)
    x, y, animals, groups = _keep_scored(expert, network, animals, groups)
    axes.set(
        xlabel="mean of expert score and network score",
        ylabel="network score − expert score",
    )
    if not len(x):
        figures.say_empty(axes, "no clip has both scores")
        return figure
    difference = y - x
    _scatter(axes, (x + y) / 2, difference, animals, groups)
    bias = difference.mean()
    spread = 1.96 * difference.std(ddof=1) if len(x) >= 3 else 0
    lines = [(bias, "bias", {})]
    if spread > 0:
        dashed = {"dashes": (4, 3)}
        lines += [
            (bias + spread, "+1.96 SD", dashed),
            (bias - spread, "-1.96 SD", dashed),
        ]
    axes.axhline(0, color="#D0D0D0", linewidth=0.6, zorder=0)
    for height, text, dashes in lines:
        axes.axhline(height, color=INK, linewidth=0.8, zorder=1, **dashes)
        axes.annotate(
            _print(f"{text}\n{height:+.2f}"),
            (1, height),
            xycoords=("axes fraction", "data"),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=6.5,
        )
    low, high = figures.find_limits([*difference, *(line[0] for line in lines)], 0.1)
    axes.set(xlim=figures.find_limits((x + y) / 2), ylim=(low, high))
    _put_legend_above(axes)
    return figure


def _scale(values):
    low, high = np.min(values), np.max(values)
    return (values - low) / (high - low) if high > low else np.full(len(values), 0.5)


@figures.styled
def draw_outcome(outcome, network, expert, title=None, outcome_label="outcome"):
    """Draw an outcome against network score and expert score, each scaled 0 to 1.

    Parameters
    ----------
    outcome, network, expert : (A,) array
        One value for each animal; an animal without all three is left out.
    title : str, optional
    outcome_label : str
        Name and unit of the outcome.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (axes,) = figures.open_figure(figures.WIDTH * 0.85, title)
    columns = np.asarray([outcome, network, expert], dtype=float)  # (3, A)
    outcome, network, expert = columns[:, np.isfinite(columns).all(axis=0)]
    axes.set(xlabel="score of an animal, scaled 0 to 1", ylabel=outcome_label)
    if not len(outcome):
        figures.say_empty(axes, "no animal has all three values")
        return figure
    filled = {"marker": "o", "color": NETWORK, "edgecolors": "white", "zorder": 3}
    hollow = {"marker": "s", "facecolors": "white", "edgecolors": EXPERT, "zorder": 2}
    for name, scores, points, line in (
        ("network score", network, filled, {"color": NETWORK}),
        ("expert score", expert, hollow, {"color": EXPERT, "dashes": (4, 2)}),
    ):
        x = _scale(scores)
        label = f"{name}, r {_say_correlation(scores, outcome)}"
        axes.scatter(x, outcome, s=24, linewidths=0.9, label=label, **points)
        if len(outcome) >= 3 and np.ptp(scores) > 0:
            slope, start = np.polyfit(x, outcome, 1)
            axes.plot([0, 1], [start, start + slope], zorder=1, **line)
    axes.set(xlim=(-0.04, 1.04), ylim=figures.find_limits(outcome))
    axes.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=2,
        borderaxespad=0.2,
        columnspacing=1.2,
        title=_count(len(outcome), "animal"),
        title_fontsize=6.5,
    )
    return figure
