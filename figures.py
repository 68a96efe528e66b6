"""Figures of agreement, in the width of one journal column.

Functions take arrays and return a `matplotlib.figure.Figure`; `save` writes it.
Nothing touches pyplot, so figures can be drawn without a display and in threads.
"""

import functools
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

WIDTH = 85 / 25.4  # inches: one column of a journal
INK, FAINT = "#222222", "#8C8C8C"
# Okabe & Ito (2008): colours that the colour-blind tell apart; shapes help in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
SHAPES = ("o", "s", "^", "D", "v", "P")
NETWORK, EXPERT = COLOURS[0], COLOURS[1]
STYLE = {
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "legend.handletextpad": 0.4,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
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
def save(figure, path):
    """Write a figure as PNG (300 dpi) and SVG, each whole or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : Path or str
        Without a suffix.

    Returns
    -------
    list of Path
        The two files.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    written = []
    for kind, metadata in (("png", None), ("svg", {"Date": None})):
        target = path.with_name(f"{path.name}.{kind}")
        partial = path.with_name(f".{path.name}.partial.{kind}")
        try:
            figure.savefig(partial, format=kind, dpi=300, metadata=metadata)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        written.append(target)
    return written


def open_figure(height, title, rows=1, ratios=None):
    """Open a figure of one column and so many inches, with axes below each other."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(
        rows, sharex=True, squeeze=False, gridspec_kw={"height_ratios": ratios}
    )[:, 0]
    if title:
        figure.suptitle(title, fontsize=STYLE["axes.titlesize"], wrap=True)
    return figure, axes


def _keep_scored(expert, network, animals, groups):
    """Leave out the clips without either score."""
    x, y = (np.asarray(scores, dtype=float).ravel() for scores in (expert, network))
    kept = np.isfinite(x) & np.isfinite(y)
    groups = [None] * len(kept) if groups is None else list(groups)
    groups = [group for group, keep in zip(groups, kept, strict=True) if keep]
    return x[kept], y[kept], np.asarray(animals).astype(str)[kept], groups


def _average(values, animals):
    names, index = np.unique(animals, return_inverse=True)
    return names, np.bincount(index, values) / np.bincount(index)


def choose_looks(groups):
    """Give each group a colour and a shape.

    Parameters
    ----------
    groups : sequence of str or None

    Returns
    -------
    dict
        Group to (colour, shape), Control first; None, where there are clips without
        a group, is grey.
    """
    named = sorted(
        {g for g in groups if g is not None}, key=lambda g: (g != "Control", g)
    )
    looks = {
        group: (COLOURS[i % len(COLOURS)], SHAPES[i % len(SHAPES)])
        for i, group in enumerate(named)
    }
    return looks | ({None: ("#555555", "o")} if None in groups or not named else {})


def _scatter(axes, x, y, animals, groups):
    """Draw clips faint and the means of animals strong, group by group."""
    looks = choose_looks(groups)
    axes.scatter([], [], s=7, color=FAINT, alpha=0.6, linewidths=0, label="clip")
    for group, (colour, shape) in looks.items():
        chosen = np.array([g == group for g in groups], dtype=bool)
        options = {"marker": shape, "color": colour, "linewidths": 0}
        axes.scatter(x[chosen], y[chosen], s=7, alpha=0.3, zorder=2, **options)
        _, mean_x = _average(x[chosen], animals[chosen])
        names, mean_y = _average(y[chosen], animals[chosen])
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


def find_limits(values, share=0.06):
    """Find the limits of an axis that leave a margin around values."""
    low, high = float(np.min(values)), float(np.max(values))
    margin = share * (high - low) or 0.5
    return low - margin, high + margin


def _count(n, what):
    return f"{n} {what}" + ("" if n == 1 else "s")


def say_empty(axes, reason):
    """Say on empty axes why nothing is drawn."""
    axes.text(0.5, 0.5, reason, transform=axes.transAxes, ha="center", va="center")


def _print(text):
    return text.replace("-", "−")  # a minus as wide as the plus


def _say_correlation(x, y):
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return "not defined"
    return _print(f"= {np.corrcoef(x, y)[0, 1]:.2f}")


@styled
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
    figure, (axes,) = open_figure(WIDTH * 1.0, title)
    x, y, animals, groups = _keep_scored(expert, network, animals, groups)
    axes.set(xlabel="expert score", ylabel="network score")
    if not len(x):
        say_empty(axes, "no clip has both scores")
        return figure
    limits = find_limits([x.min(), y.min(), x.max(), y.max()])
    axes.plot(limits, limits, color=FAINT, linewidth=0.8, dashes=(4, 3), zorder=1)
    _scatter(axes, x, y, animals, groups)
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    names, mean_x = _average(x, animals)
    mean_y = _average(y, animals)[1]
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


@styled
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
    figure, (axes,) = open_figure(WIDTH * 0.8, title)
    x, y, animals, groups = _keep_scored(expert, network, animals, groups)
    axes.set(
        xlabel="mean of expert score and network score",
        ylabel="network score − expert score",
    )
    if not len(x):
        say_empty(axes, "no clip has both scores")
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
    low, high = find_limits([*difference, *(line[0] for line in lines)], 0.1)
    axes.set(xlim=find_limits((x + y) / 2), ylim=(low, high))
    _put_legend_above(axes)
    return figure


def _scale(values):
    low, high = np.min(values), np.max(values)
    return (values - low) / (high - low) if high > low else np.full(len(values), 0.5)


@styled
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
    figure, (axes,) = open_figure(WIDTH * 0.85, title)
    columns = np.asarray([outcome, network, expert], dtype=float)  # (3, A)
    outcome, network, expert = columns[:, np.isfinite(columns).all(axis=0)]
    axes.set(xlabel="score of an animal, scaled 0 to 1", ylabel=outcome_label)
    if not len(outcome):
        say_empty(axes, "no animal has all three values")
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
    axes.set(xlim=(-0.04, 1.04), ylim=find_limits(outcome))
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
