"""Figures over time, in the style of `figures.py`: epochs of training, dates."""

from datetime import date

import numpy as np
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from data import MONTHS
from evaluation.plots import put_legend_above, spread
from names.sessions import turn_year
from reports import style
from reports.style import COLOURS, FAINT, INK

PANELS = {
    "loss": "loss (squared score)",
    "mae": "MAE (score)",
    "learning_rate": "learning rate",
}


@style.styled
def draw_learning_curves(history, title=None):
    """Draw loss, MAE and learning rate over the epochs; return a Figure.

    Of columns epoch, loss, val_loss, mae, val_mae, learning_rate all but the first two
    may be missing. The epoch with the lowest loss on the watched clips is marked.
    """
    panels = [kind for kind in PANELS if kind in history]
    ratios = [0.5 if kind == "learning_rate" else 1 for kind in panels]
    height = 0.5 + 1.15 * sum(ratios)
    figure, rows = style.open_figure(height, title, len(panels), ratios)
    epochs = history["epoch"]
    dots = {"marker": "o", "markersize": 2.5} if len(epochs) < 12 else {}
    for axes, kind in zip(rows, panels, strict=True):
        axes.set_ylabel(PANELS[kind])
        if kind == "learning_rate":
            draw_learning_rate(axes, epochs, np.asarray(history[kind]))
            continue
        names = {kind: "training clips", f"val_{kind}": "watched clips"}
        drawn = [name for name in names if name in history]
        for name, colour in zip(drawn, COLOURS, strict=False):
            label = names[name]
            axes.plot(epochs, history[name], color=colour, label=label, **dots)
        axes.set_ylim(0, 1.06 * np.nanmax(history[drawn]) or 1)
    if "val_loss" in history and np.isfinite(history["val_loss"]).any():
        best = int(epochs.iloc[int(np.nanargmin(history["val_loss"]))])
        line = {"color": FAINT, "linewidth": 0.7, "dashes": (3, 2), "zorder": 0}
        for axes in rows:
            axes.axvline(best, label=f"best epoch ({best})", **line)
    put_legend_above(rows[0], ncols=3)
    rows[-1].set_xlabel("epoch")
    rows[-1].xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    figure.align_ylabels(rows)
    return figure


def draw_learning_rate(axes, epochs, rates):
    axes.step(epochs, rates, where="mid", color=INK, linewidth=0.8)
    axes.set_yscale("log")
    axes.set_ylim(rates.min() / 1.4, rates.max() * 1.4)
    axes.yaxis.set_major_locator(FixedLocator(np.unique([rates.min(), rates.max()])))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:.2g}")


@style.styled
def draw_dates(table, dates, title=None, healthy=None):
    """Draw each animal's mean network score across dates (month, day) or None.

    Names carry no year: dates count as being of one year, or of two with the new year
    between them. `healthy` is the healthy group. Returns a Figure.
    """
    figure, (axes,) = style.open_figure(style.WIDTH * 0.9, title)
    axes.set(xlabel="date", ylabel="network score, mean of an animal")
    # 2000 has every date, the 29th of February among them; what lies before the first
    # of its dates is of the next year.
    known = sorted({date(2000, *d) for d in dates if d})
    first = (turn_year(known) or known or [None])[0]
    days = [d and date(2000, *d) for d in dates]
    days = [d and d.toordinal() + 366 * (d < first) for d in days]
    rows = table.assign(day=days, group=table["group"].astype(object)).dropna(
        subset=["network_score", "day"]
    )
    if not len(rows):
        style.say_empty(axes, "no scored clip carries a date")
        return figure
    groups = [group if isinstance(group, str) else None for group in rows["group"]]
    looks, ends = style.choose_looks(groups, healthy), []
    for (group, animal), own in rows.assign(group=groups).groupby(
        ["group", "animal"], dropna=False
    ):
        colour, shape = looks[group if isinstance(group, str) else None]
        means = own.groupby("day")["network_score"].mean()
        known = {text for _, _, _, _, text in ends} | {None}
        dots = {"marker": shape, "markeredgecolor": "white", "markeredgewidth": 0.4}
        label = None if group in known or not isinstance(group, str) else group
        axes.plot(means, color=colour, alpha=0.85, markersize=4, label=label, **dots)
        ends.append((animal, means.index[-1], means.iloc[-1], colour, group))
    finish_dates(axes, sorted(set(rows["day"])), ends)
    return figure


def finish_dates(axes, days, ends):
    """Name the lines at their ends and the dates below; 0 is shown."""
    every = np.concatenate([np.asarray(line.get_ydata()) for line in axes.lines])
    low, high = style.find_limits([0, *every])
    left, right = style.find_limits(days, 0.05)
    axes.set(xlim=(left, right), ylim=(low, high))
    heights = spread([end[2] for end in ends], (high - low) / 26)
    for (animal, x, y, colour, _), height in zip(ends, heights, strict=True):
        place = {"xy": (x, y), "xycoords": "data", "xytext": (1.03, height)}
        place |= {"textcoords": ("axes fraction", "data"), "va": "center"}
        arrow = {"arrowstyle": "-", "color": colour, "linewidth": 0.3}
        axes.annotate(animal, fontsize=6, color=colour, arrowprops=arrow, **place)
    ticks = []
    for day in days:
        if not ticks or day - ticks[-1] >= (right - left) / 7:
            ticks.append(day)
    shown = [date.fromordinal(int(day)) for day in ticks]
    axes.set_xticks(ticks, [f"{d.day} {MONTHS[d.month - 1]}" for d in shown])
    if axes.get_legend_handles_labels()[1]:
        put_legend_above(axes, ncols=3)
