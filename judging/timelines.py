"""Figures over time, in the style of `figures.py`: epochs of training, dates."""

from datetime import date

import numpy as np
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

import figures
from figures import COLOURS, FAINT, INK

# Not from `calendar`, whose names follow the language of the machine.
MONTHS = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)
PANELS = (
    ("loss", "loss (squared score)"),
    ("mae", "MAE (score)"),
    ("learning_rate", "learning rate"),
)


def _draw_curves(axes, history, kind):
    epochs = history["epoch"]
    dots = {"marker": "o", "markersize": 2.5} if len(epochs) < 12 else {}
    highest = 0
    for column, label, colour in (
        (kind, "training clips", COLOURS[0]),
        (f"val_{kind}", "watched clips", COLOURS[1]),
    ):
        if column in history:
            axes.plot(epochs, history[column], color=colour, label=label, **dots)
            highest = max(highest, np.nanmax(history[column]))
    axes.set_ylim(0, 1.06 * highest or 1)


def _draw_learning_rate(axes, history):
    rates = np.asarray(history["learning_rate"])
    axes.step(history["epoch"], rates, where="mid", color=INK, linewidth=0.8)
    axes.set_yscale("log")
    axes.set_ylim(rates.min() / 1.4, rates.max() * 1.4)
    axes.yaxis.set_major_locator(FixedLocator(np.unique([rates.min(), rates.max()])))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:.2g}")


@figures.styled
def draw_learning_curves(history, title=None):
    """Draw loss, MAE and learning rate over the epochs.

    Parameters
    ----------
    history : pandas.DataFrame
        Columns epoch, loss, val_loss, mae, val_mae, learning_rate; all but epoch and
        loss may be missing.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        The epoch with the lowest loss on the watched clips is marked.
    """
    panels = [(kind, label) for kind, label in PANELS if kind in history]
    ratios = [0.5 if kind == "learning_rate" else 1 for kind, _ in panels]
    height = 0.5 + 1.15 * sum(ratios)
    figure, rows = figures.open_figure(height, title, len(panels), ratios)
    for axes, (kind, label) in zip(rows, panels, strict=True):
        axes.set_ylabel(label)
        if kind == "learning_rate":
            _draw_learning_rate(axes, history)
        else:
            _draw_curves(axes, history, kind)
    if "val_loss" in history and np.isfinite(history["val_loss"]).any():
        best = int(history["epoch"].iloc[int(np.nanargmin(history["val_loss"]))])
        style = {"color": FAINT, "linewidth": 0.7, "dashes": (3, 2), "zorder": 0}
        for axes in rows:
            line = axes.axvline(best, **style)
            line.set_label(f"best epoch ({best})")
    rows[0].legend(
        loc="lower center", bbox_to_anchor=(0.42, 1), ncols=3, borderaxespad=0.1
    )
    rows[-1].set_xlabel("epoch")
    rows[-1].xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    figure.align_ylabels(rows)
    return figure


def _spread(heights, gap):
    """Move labels apart until neighbours are `gap` from each other."""
    order = np.argsort(heights, kind="stable")
    placed = np.asarray(heights, dtype=float)[order]
    for _ in range(200):
        close = np.diff(placed) < gap * 0.999
        if not close.any():
            break
        push = np.where(close, (gap - np.diff(placed)) / 2, 0)
        placed[:-1] -= push
        placed[1:] += push
    result = np.empty_like(placed)
    result[order] = placed
    return result


def _gather_days(scores, animals, dates, groups):
    """Collect scores by animal and group, then by day: dict of dict of list."""
    points = {}
    for score, animal, day, group in zip(scores, animals, dates, groups, strict=True):
        if day is not None and np.isfinite(score):
            days = points.setdefault((str(animal), group), {})
            days.setdefault(tuple(day), []).append(float(score))
    return points


@figures.styled
def draw_dates(scores, animals, dates, groups=None, title=None, label="network score"):
    """Draw each animal's mean score across dates, such as before and after.

    Parameters
    ----------
    scores : (N,) array
        A clip without a score or a date is left out.
    animals : (N,) sequence of str
    dates : (N,) sequence of (month, day) or None
        Names carry no year: dates count as being of one year.
    groups : (N,) sequence of str or None, optional
    title : str, optional
    label : str
        Whose scores these are.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (axes,) = figures.open_figure(figures.WIDTH * 0.9, title)
    axes.set(xlabel="date", ylabel=f"{label}, mean of an animal")
    groups = [None] * len(scores) if groups is None else list(groups)
    looks = figures.choose_looks(groups)
    points = _gather_days(scores, animals, dates, groups)
    if not points:
        figures.say_empty(axes, "no scored clip carries a date")
        return figure
    every = sorted({day for days in points.values() for day in days})
    # Names carry no year; 2000 has every date, the 29th of February among them.
    place = {(month, day): date(2000, month, day).toordinal() for month, day in every}
    ends, labelled = [], set()
    for (animal, group), days in sorted(points.items(), key=lambda item: item[0][0]):
        colour, shape = looks[group]
        x = [place[day] for day in sorted(days)]
        y = [np.mean(days[day]) for day in sorted(days)]
        name = None if group in labelled or group is None else group
        labelled.add(group)
        dots = {"marker": shape, "markeredgecolor": "white", "markeredgewidth": 0.4}
        axes.plot(x, y, color=colour, alpha=0.85, markersize=4, label=name, **dots)
        ends.append((animal, x[-1], y[-1], colour))
    _finish_dates(axes, place, ends)
    return figure


def _finish_dates(axes, place, ends):
    """Name the lines at their ends and the dates below."""
    low, high = figures.find_limits(_all_y(axes))
    days = np.array(list(place.values()))
    left, right = figures.find_limits(days, 0.05)
    axes.set(xlim=(left, right), ylim=(low, high))
    heights = _spread([end[2] for end in ends], (high - low) / 26)
    for (animal, x, y, colour), height in zip(ends, heights, strict=True):
        axes.annotate(
            animal,
            (x, y),
            xycoords="data",
            xytext=(1.03, height),
            textcoords=("axes fraction", "data"),
            fontsize=6,
            color=colour,
            va="center",
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.3},
        )
    gap, ticks = (right - left) / 7, []
    for (month, day), x in place.items():
        if not ticks or x - ticks[-1][0] >= gap:
            ticks.append((x, f"{day} {MONTHS[month - 1]}"))
    axes.set_xticks(*zip(*ticks, strict=True))
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)


def _all_y(axes):
    return np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.lines])
