import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from PIL import Image

from evaluation import plots as drawings
from evaluation.agreement import measure_agreement
from evaluation.comparisons import compare_outcomes
from reports import style

EXPERT = np.array([0, 0.5, 1, 2, 3, 4.5, 5, np.nan])
NETWORK = np.array([0.4, 0.6, 1.5, 2, 2.5, 4, 4.2, 3])
ANIMALS = ["g01", "g01", "g02", "g03", "g03", "g04", "g04", "g05"]
GROUPS = ["Control"] * 3 + ["Stroke"] * 5


def tabulate(expert=EXPERT, network=NETWORK, animals=ANIMALS, groups=GROUPS):
    columns = {"target": expert, "network_score": network, "animal": animals}
    groups = pd.Series(np.broadcast_to(groups, len(animals)), dtype=object)
    return pd.DataFrame(columns | {"group": groups})


def draw(kind, *columns, title=None, **options):
    """Draw a figure of agreement with what was measured."""
    table = tabulate(*columns, **options)
    scores = table["target"], table["network_score"], table["animal"]
    return kind(table, measure_agreement(*scores), title)


def draw_outcome(outcome, network, expert, title=None):
    means = {"outcome": outcome, "network_score": network, "expert_score": expert}
    found = compare_outcomes(outcome, network, expert)
    return drawings.draw_outcome(pd.DataFrame(means), found, title)


def texts_of(figure):
    figure.draw_without_rendering()  # ticks and legends exist once drawn
    return figure.findobj(Text)


def words_of(figure):
    return "\n".join(text.get_text() for text in texts_of(figure))


def draw_all(title="Reach"):
    return {
        "agreement": draw(drawings.draw_agreement, title=title),
        "bland-altman": draw(drawings.draw_bland_altman, title=title),
        "outcome": draw_outcome(EXPERT * 9, NETWORK, EXPERT, title),
    }


def test_figures_fit_one_column_and_can_be_read():
    for name, figure in draw_all().items():
        assert figure.get_figwidth() * 25.4 == pytest.approx(85), name
        sizes = [t.get_fontsize() for t in texts_of(figure) if t.get_text().strip()]
        assert sizes and min(sizes) >= 6, name


def test_text_stays_within_the_figure():
    for name, figure in draw_all().items():
        width, height = figure.canvas.get_width_height()
        for text in texts_of(figure):
            if text.get_visible() and text.get_text().strip() and text.get_alpha() != 0:
                box = text.get_window_extent()
                inside = box.x0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
                assert inside or not text.axes, (name, text.get_text())


def test_agreement_says_n_r_and_mae_of_animals():
    words = words_of(draw(drawings.draw_agreement))
    expert, network = [0.25, 1, 2.5, 4.75], [0.5, 1.5, 2.25, 4.1]
    r = np.corrcoef(expert, network)[0, 1]
    assert "4 animals, 7 clips" in words
    assert f"r over animals {r:.2f}" in words and "MAE over clips 0.40" in words
    assert "Control (2)" in words and "Stroke (2)" in words


def test_agreement_shows_a_dot_for_each_animal_that_r_is_computed_from():
    table = tabulate().assign(session=["pre", "post"] * 4)
    scores = table["target"], table["network_score"], table["animal"]
    found = measure_agreement(*scores) | {"crossed": True}
    figure = drawings.draw_agreement(table, found)
    sizes = [dots.get_sizes()[0] for dots in figure.axes[0].collections]
    assert set(sizes) == {7, 28}
    dots = [d.get_offsets() for d in figure.axes[0].collections if d.get_sizes()[0] > 7]
    x, y = np.concatenate(dots).T
    assert len(x) == found["animals"]["n"] == 4
    r = np.corrcoef(x, y)[0, 1]
    assert f"r over animals, centred, {r:.2f}" in words_of(figure)


def test_agreement_axes_are_equal():
    (axes,) = draw(drawings.draw_agreement, groups=None).axes
    assert axes.get_xlim() == axes.get_ylim()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("expert score", "network score")


def test_bland_altman_lines_stand_at_bias_and_limits():
    figure = draw(drawings.draw_bland_altman)
    difference = (NETWORK - EXPERT)[:-1]
    bias, spread = difference.mean(), 1.96 * difference.std(ddof=1)
    heights = {line.get_ydata()[0] for line in figure.axes[0].lines}
    assert sorted(heights) == pytest.approx(
        sorted([0, bias, bias - spread, bias + spread])
    )


def test_outcome_scales_each_score_from_0_to_1():
    figure = draw_outcome([10, 20, 40], [2, 3, 4], [1, 1.5, 5])
    points = [dots.get_offsets()[:, 0] for dots in figure.axes[0].collections]
    assert points[0].tolist() == pytest.approx([0, 0.5, 1])
    assert points[1].tolist() == pytest.approx([0, 0.125, 1])
    assert "network score, r 0.98" in words_of(figure)


def test_names_are_not_formulas(tmp_path):
    title = "cost_$x^2$, <a> & \\alpha, $unclosed"
    for name, figure in draw_all(title).items():
        assert title in words_of(figure)
        style.save(figure, tmp_path / name)


def test_nothing_to_draw_says_so():
    empty = [np.nan]
    for figure in (
        draw(drawings.draw_agreement, empty, [1], ["g01"], None),
        draw(drawings.draw_bland_altman, empty, [1], ["g01"], None),
        draw_outcome(empty, [1], [1]),
    ):
        assert "no " in words_of(figure)


def test_constant_scores_can_be_drawn():
    figure = draw(drawings.draw_agreement, [1, 2, 3], [2, 2, 2], list("abc"), None)
    assert "r over animals not defined" in words_of(figure)
    assert "not defined" in words_of(draw_outcome([1, 2, 3], [2] * 3, [1, 2, 4]))


def test_save_writes_whole_files_of_300_dpi(tmp_path):
    figure = draw(drawings.draw_agreement)
    paths = style.save(figure, tmp_path / "new" / "Reach.v2")
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [
        "Reach.v2.png",
        "Reach.v2.svg",
    ]
    with Image.open(paths[0]) as image:
        assert abs(image.width - 85 / 25.4 * 300) <= 1
        assert round(image.info["dpi"][0]) == 300
    svg = paths[1].read_text(encoding="utf-8")
    assert "expert score" in svg and svg.rstrip().endswith("</svg>")


def test_failed_save_leaves_nothing(tmp_path, monkeypatch):
    figure = draw(drawings.draw_agreement)

    def stop(path, **_):
        path.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", stop)
    with pytest.raises(OSError, match="disk full"):
        style.save(figure, tmp_path / "Reach")
    assert not list(tmp_path.iterdir())


def test_same_figure_gives_the_same_svg(tmp_path):
    for name in ("first", "second"):
        style.save(draw(drawings.draw_agreement), tmp_path / name)
    first, second = (tmp_path / f"{n}.svg" for n in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
