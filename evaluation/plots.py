"""Figures of an evaluation, one journal column wide; `reports/style.py` has the style.

They draw a table of predictions (columns target, network_score, animal, group), both
scores known, and print what `evaluate.evaluate` found; nothing is computed again.
"""

import numpy as np
import pandas as pd

from reports import page, style
from reports.style import COLOURS, FAINT, INK
from system.tables import count

SCALE = {"nbins": 6, "steps": [1, 2, 5, 10]}  # of ticks
TARGETS = {"score": "expert score", "group": "group (0 healthy, 1 impaired)"}


def scatter(axes, x, y, table, title=None, healthy=None):
    """Draw clips faint and the means of animals strong, each with its first group."""
    rows = table.assign(x=x, y=y)
    groups = [group if isinstance(group, str) else None for group in rows["group"]]
    first = dict(zip(rows["animal"][::-1], groups[::-1], strict=True))
    of_animals = [first[animal] for animal in rows["animal"]]
    axes.scatter([], [], s=7, color=FAINT, alpha=0.6, linewidths=0, label="clip")
    for group, (colour, shape) in style.choose_looks(groups, healthy).items():
        own = rows[[other == group for other in groups]]
        options = {"marker": shape, "color": colour, "linewidths": 0}
        axes.scatter(own["x"], own["y"], s=7, alpha=0.3, zorder=2, **options)
        own = rows[[other == group for other in of_animals]]
        means = own.groupby("animal")[["x", "y"]].mean()
        label = f"{group or 'animal'} ({len(means)})"
        options |= {"edgecolors": "white", "linewidths": 0.5}
        axes.scatter(means["x"], means["y"], s=28, zorder=3, label=label, **options)
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "borderaxespad": 0.2}
    axes.legend(**place, columnspacing=1.2, ncols=4, title=title, title_fontsize=6.5)


@style.styled
def draw_agreement(table, agreement, title=None, target="score", healthy=None):
    """Draw network score against expert score, and the figures of the verdict.

    `agreement` is "crossed" where its r over animals is the centred one.
    """
    figure, axes = style.open_figure(style.WIDTH, title)
    axes.set(xlabel=TARGETS[target], ylabel="network score")
    expert, network = table["target"], table["network_score"]
    limits = style.find_limits([0, *expert, *network])
    axes.plot(limits, limits, color=FAINT, linewidth=0.8, dashes=(4, 3), zorder=1)
    clips, animals = agreement["clips"], agreement["animals"]
    centred = ", centred," if agreement.get("crossed") else ""
    r, mae = (page.number(f["value"], 2) for f in (animals["pearson"], clips["mae"]))
    told = f"r over animals{centred} {r}; MAE over clips {mae}"
    n = f"{count(animals['n'], 'animal')}, {count(clips['n'], 'clip')}"
    scatter(axes, expert, network, table, f"{n}\n{told}", healthy)
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    axes.locator_params(**SCALE)
    return figure


@style.styled
def draw_bland_altman(table, agreement, title=None, target="score", healthy=None):
    """Draw differences against means, with bias and limits of agreement of clips."""
    figure, axes = style.open_figure(style.WIDTH * 0.8, title)
    other, clips = TARGETS[target].partition(" (")[0], agreement["clips"]
    labels = f"mean of {other} and network score", f"network score − {other}"
    axes.set(xlabel=labels[0], ylabel=labels[1])
    mean = (table["network_score"] + table["target"]) / 2
    difference = table["network_score"] - table["target"]
    scatter(axes, mean, difference, table, healthy=healthy)
    axes.axhline(0, color="#D0D0D0", linewidth=0.6, zorder=0)
    words = {"lower_limit": "−1.96 SD", "bias": "bias", "upper_limit": "+1.96 SD"}
    lines = {key: clips[key] for key in words if clips[key]["value"] is not None}
    ends = [end for line in lines.values() for end in line.values()]
    ends = [end for end in ends if isinstance(end, float)]
    ticks = {}
    for key, line in lines.items():
        dashes = {} if key == "bias" else {"dashes": (4, 3)}
        axes.axhline(line["value"], color=INK, linewidth=0.8, zorder=1, **dashes)
        if line["low"] is not None:
            axes.axhspan(line["low"], line["high"], color=INK, alpha=0.06, linewidth=0)
        number = page.number(line["value"], 2, sign=True)
        ticks[line["value"]] = f"{words[key]}\n{number}"
    axes.secondary_yaxis("right").set_yticks(list(ticks), list(ticks.values()))
    axes.locator_params("x", **SCALE)
    ylim = style.find_limits([*difference, 0, *ends], 0.04)
    axes.set(xlim=style.find_limits([0, *mean]), ylim=ylim)
    return figure


@style.styled
def draw_outcome(outcome, title=None):
    """Draw an outcome of animals against both scores, each scaled 0 to 1."""
    figure, axes = style.open_figure(style.WIDTH * 0.85, title)
    axes.set(xlabel="score of an animal, scaled 0 to 1", ylabel="outcome")
    values = outcome["values"]
    filled = {"marker": "o", "color": COLOURS[0]}
    hollow = {"marker": "s", "facecolors": "none", "edgecolors": COLOURS[1]}
    for name, look in (("network", filled), ("expert", hollow)):
        scores = np.asarray(outcome["scores"][name])
        scaled = (scores - scores.min()) / (np.ptp(scores) or 1)
        r = page.number(outcome[name]["value"], 2)
        axes.scatter(scaled, values, s=24, label=f"{name} score, r {r}", **look)
    axes.set(xlim=(-0.04, 1.04), ylim=style.find_limits(values))
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": 2}
    axes.legend(**place, title=count(len(values), "animal"), title_fontsize=6.5)
    return figure


@style.styled
def draw_study(study, title=None, width=None, level="90%", kind="means"):
    """Draw a dot for each animal, and lines from one session to the next, of what
    `groups.compare` found ("means" or "expert_means"); the network's error for a share
    (`level`) of new animals as a bar, `width` to either side.
    """
    figure, axes = style.open_figure(2.6, title)
    means, labels = study[kind], list(study[kind])
    looks = style.choose_looks(study["groups"], study["healthy"])
    for pair in (p for p in study["pairs"] if means.keys() >= {*p}):
        for animal in (name for name in means[pair[0]] if name in means[pair[1]]):
            ends = [means[label][animal] for label in pair]
            places = [labels.index(label) for label in pair]
            axes.plot(places, ends, color=FAINT, linewidth=0.6, zorder=1)
    for place, (label, animals) in enumerate(means.items()):
        values, group = pd.Series(animals), study["columns"][label]
        colour, shape = looks.get(group, (style.COLOURS[0], "o"))  # of sessions alone
        beside = place + 0.09 * values.groupby(values.round(1)).cumcount()
        axes.plot(beside, values, shape, color=colour, markersize=4)
        axes.hlines(values.mean(), place - 0.25, place + 0.25, color=INK, zorder=3)
    if width and np.isfinite(width):
        low = max(min(min(a.values()) for a in means.values()), 0)
        bar = {"color": INK, "capsize": 2, "linewidth": 0.8}
        axes.errorbar(len(labels) - 0.4, low + width, yerr=width, **bar)
        text = f"network's\nerror ({level})"
        axes.annotate(text, (len(labels) - 0.35, low + width), va="center")
    axes.set_xlim(-0.6, len(labels) + (0.1 if width else -0.4))
    names = [f"{label}, n = {len(own)}" for label, own in means.items()]
    axes.set_xticks(range(len(labels)), [name.replace(", ", "\n") for name in names])
    each = [study[k].values() for k in ("means", "expert_means") if k in study]
    every = [score for means in each for own in means for score in own.values()]
    low, high = style.find_limits([0, *every])  # alike in both figures
    axes.set_ylim(low, max(high, axes.get_ylim()[1]) if width else high)
    who = "adjusted network" if study.get("adjusted") else "network"
    who = "expert" if kind == "expert_means" else who
    axes.set_ylabel(f"{who} score, mean of clips")
    return figure


@style.styled
def draw_windows(seconds, scores, low, high, title=None):
    """Draw a score (W,) over time, at the middle of each window, and its interval."""
    figure, axes = style.open_figure(1.9, title)
    colour = style.COLOURS[0]
    axes.fill_between(seconds, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.plot(seconds, scores, color=colour, marker="o", markersize=2)
    axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    axes.set(xlabel="time in the video (s)", ylabel="network score")
    return figure
