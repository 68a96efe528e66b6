"""Figures of agreement, in the style of `figures.py`, one journal column wide.

They draw a table of predictions (columns target, network_score, animal, group, session)
and print what `study.judge` found; nothing is computed again.
"""

import numpy as np
from matplotlib.ticker import MaxNLocator, MultipleLocator

from reports import page, style
from reports.style import EXPERT, FAINT, INK, NETWORK

TARGETS = {"score": "expert score", "group": "group (0 healthy, 1 impaired)"}


def keep_scored(table):
    """Leave out the clips without either score; name the sides x and y."""
    table = table.rename(columns={"target": "x", "network_score": "y"})
    return table.dropna(subset=["x", "y"])


def put_on_scale(axis, limits):
    """Put ticks at the steps of the scoring scale, 0 among them."""
    size = limits[1] - limits[0]
    ticks = MultipleLocator(1 if size > 2.5 else 0.5 if size > 0.7 else 0.1)
    axis.set_major_locator(ticks if size < 11 else MaxNLocator(6, steps=[1, 2, 5, 10]))


def scatter(axes, rows, title=None, healthy=None):
    """Draw clips faint and the means of animals, or of their sessions, strong."""
    groups = [group if isinstance(group, str) else None for group in rows["group"]]
    known = "session" in rows and rows["session"].notna().all()
    units = ["animal", "session"] if known else ["animal"]
    axes.scatter([], [], s=7, color=FAINT, alpha=0.6, linewidths=0, label="clip")
    for group, (colour, shape) in style.choose_looks(groups, healthy).items():
        own = rows[[other == group for other in groups]]
        options = {"marker": shape, "color": colour, "linewidths": 0}
        axes.scatter(own["x"], own["y"], s=7, alpha=0.3, zorder=2, **options)
        means = own.groupby(units)[["x", "y"]].mean()
        label = f"{group or 'animal'} ({own['animal'].nunique()})"
        options |= {"edgecolors": "white", "linewidths": 0.5}
        axes.scatter(means["x"], means["y"], s=28, zorder=3, label=label, **options)
    put_legend_above(axes, ncols=4, title=title, title_fontsize=6.5)


def put_legend_above(axes, **options):
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0)}
    axes.legend(**place, borderaxespad=0.2, columnspacing=1.2, **options)


def say(figure, sign=""):
    """Write a figure with two digits, or that it is not defined."""
    known = figure["value"] is not None
    return f"{figure['value']:{sign}.2f}".replace("-", "−") if known else "not defined"


@style.styled
def draw_agreement(table, agreement, title=None, target="score", healthy=None):
    """Draw network score against expert score; return a Figure.

    Clips faint, animal means strong, the line of identity; r and MAE of the animals
    from `agreement.measure_agreement`; `healthy` is the healthy group.
    """
    figure, (axes,) = style.open_figure(style.WIDTH, title)
    rows = keep_scored(table)
    axes.set(xlabel=TARGETS[target], ylabel="network score")
    if not len(rows):
        style.say_empty(axes, "no clip has both scores")
        return figure
    limits = style.find_limits([0, *rows["x"], *rows["y"]])
    axes.plot(limits, limits, color=FAINT, linewidth=0.8, dashes=(4, 3), zorder=1)
    clips, animals = agreement["clips"], agreement["animals"]
    scatter(
        axes,
        rows,
        f"{page.count(animals['n'], 'animal')}, {page.count(clips['n'], 'clip')}: "
        f"r of animals {say(animals['pearson'])}, MAE of animals {say(animals['mae'])}",
        healthy,
    )
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        put_on_scale(axis, limits)
    return figure


@style.styled
def draw_bland_altman(table, agreement, title=None, target="score", healthy=None):
    """Draw the difference of the two scores against their mean; return a Figure.

    With bias and 95% limits of agreement of the clips, their intervals as bands.
    """
    figure, (axes,) = style.open_figure(style.WIDTH * 0.8, title)
    rows, clips = keep_scored(table), agreement["clips"]
    other = TARGETS[target].partition(" (")[0]
    axes.set(
        xlabel=f"mean of {other} and network score",
        ylabel=f"network score − {other}",
    )
    if not len(rows):
        style.say_empty(axes, "no clip has both scores")
        return figure
    rows = rows.assign(x=(rows["x"] + rows["y"]) / 2, y=rows["y"] - rows["x"])
    scatter(axes, rows, healthy=healthy)
    axes.axhline(0, color="#D0D0D0", linewidth=0.6, zorder=0)
    words = {"bias": "bias", "upper_limit": "+1.96 SD", "lower_limit": "−1.96 SD"}
    lines = {key: clips[key] for key in words if clips[key]["value"] is not None}
    reach = [end for line in lines.values() for end in line.values()]
    reach = [*rows["y"], 0, *(end for end in reach if isinstance(end, float))]
    low, high = style.find_limits(reach, 0.04)
    heights = spread([line["value"] for line in lines.values()], (high - low) / 9)
    for (key, line), height in zip(lines.items(), heights, strict=True):
        dashed = {} if key == "bias" else {"dashes": (4, 3)}
        axes.axhline(line["value"], color=INK, linewidth=0.8, zorder=1, **dashed)
        if line["low"] is not None:
            axes.axhspan(line["low"], line["high"], color=INK, alpha=0.06, linewidth=0)
        place = {"xy": (1, height), "xycoords": ("axes fraction", "data")}
        place |= {"xytext": (3, 0), "textcoords": "offset points", "va": "center"}
        axes.annotate(f"{words[key]}\n{say(line, '+')}", fontsize=6.5, **place)
    limits = style.find_limits([0, *rows["x"]])
    put_on_scale(axes.xaxis, limits)
    axes.set(xlim=limits, ylim=(low, high))
    return figure


def spread(heights, gap):
    """Move labels apart until neighbours are `gap` from each other."""
    order = np.argsort(heights, kind="stable")
    placed = np.asarray(heights, dtype=float)[order]
    for _ in range(200):
        close = np.diff(placed) < gap * 0.999
        push = np.where(close, (gap - np.diff(placed)) / 2, 0)
        placed[:-1] -= push
        placed[1:] += push
    return placed[np.argsort(order)]


@style.styled
def draw_outcome(means, outcome, title=None):
    """Draw an outcome against both scores, each scaled 0 to 1; return a Figure.

    `means` has a row an animal, with outcome, network_score and expert_score; `outcome`
    is from `comparisons.compare_outcomes`.
    """
    figure, (axes,) = style.open_figure(style.WIDTH * 0.85, title)
    means = means.dropna()
    axes.set(xlabel="score of an animal, scaled 0 to 1", ylabel="outcome")
    if not len(means):
        style.say_empty(axes, "no animal has all three values")
        return figure
    filled = {"marker": "o", "color": NETWORK, "edgecolors": "white", "zorder": 3}
    hollow = {"marker": "s", "facecolors": "white", "edgecolors": EXPERT, "zorder": 2}
    for name, points, line in (
        ("network", filled, {"color": NETWORK}),
        ("expert", hollow, {"color": EXPERT, "dashes": (4, 2)}),
    ):
        scores, y = means[f"{name}_score"], means["outcome"]
        size = np.ptp(scores)
        x = (scores - scores.min()) / size if size else np.full(len(scores), 0.5)
        label = f"{name} score, r {say(outcome[name])}"
        axes.scatter(x, y, s=24, linewidths=0.9, label=label, **points)
        if len(y) >= 3 and size:
            slope, start = np.polyfit(x, y, 1)
            axes.plot([0, 1], [start, start + slope], zorder=1, **line)
    axes.set(xlim=(-0.04, 1.04), ylim=style.find_limits(means["outcome"]))
    count = page.count(len(means), "animal")
    put_legend_above(axes, ncols=2, title=count, title_fontsize=6.5)
    return figure
