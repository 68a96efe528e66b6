"""The figure of a whole run: the space of frames."""

from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from explanation.elements import PLANE, find_ellipse
from explanation.overlays import WIDTH, styled
from reports import style
from system.tables import count


@styled
def draw_space(frames, variances, healthy=None):
    """Draw the frames of a table as points, and an ellipse for each animal."""
    figure = Figure((WIDTH, 6.2), layout="constrained")
    axes = figure.subplots()
    for group, look in style.choose_looks(list(frames["group"]), healthy).items():
        inside = frames[frames["group"] == group]
        size = 9 if len(inside) < 2000 else 4
        look = dict(zip(("color", "marker"), look, strict=True)) | {"lw": 0}
        axes.scatter(*inside[PLANE].to_numpy().T, size, alpha=0.4, **look)
        told = f"{group} ({count(inside['animal'].nunique(), 'animal')})"
        axes.scatter([], [], 30, label=told, **look)
        for _, own in inside.groupby("animal"):
            if ellipse := find_ellipse(own[PLANE].to_numpy()):
                shape = Ellipse(**ellipse, fill=False, ec=look["color"], lw=0.9)
                axes.add_patch(shape)
    axes.autoscale_view()
    axes.set(xlabel=f"component 1 ({variances[0]:.0%} of the variance)")
    axes.set(ylabel=f"component 2 ({variances[1]:.0%})")
    axes.set(xticks=[], yticks=[])  # the scale has no meaning
    figure.legend(loc="outside upper center", ncols=3)
    return figure
