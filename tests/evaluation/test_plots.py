import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from PIL import Image

from evaluation import plots as drawings
from evaluation.agreement import measure_agreement
from reports import style
from system.terminal import Problem

TABLE = pd.DataFrame(
    {
        "target": [0, 0.5, 1, 2, 3, 4.5, 5],
        "network_score": [0.4, 0.6, 1.5, 2, 2.5, 4, 4.2],
        "animal": ["g01", "g01", "g02", "g03", "g03", "g04", "g04"],
        "group": ["Control"] * 3 + ["Stroke"] * 4,
    }
)


def draw(kind=drawings.draw_agreement, table=TABLE, title=None, **found):
    scores = table["target"], table["network_score"], table["animal"]
    return kind(table, measure_agreement(*scores) | found, title)


def texts_of(figure):
    figure.draw_without_rendering()  # ticks and legends exist once drawn
    texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_alpha() != 0]
    return [text for text in texts if text.get_text().strip()]


def words_of(figure):
    return "\n".join(text.get_text() for text in texts_of(figure))


@pytest.mark.parametrize("kind", [drawings.draw_agreement, drawings.draw_bland_altman])
def test_figures_fit_one_column_and_can_be_read(kind, tmp_path):
    title = "cost_$x^2$, <a> & \\alpha, $unclosed"  # is no formula
    figure = draw(kind, title=title)
    assert figure.get_figwidth() * 25.4 == pytest.approx(85)
    assert title in words_of(figure)
    width, height = figure.canvas.get_width_height()
    for text in texts_of(figure):
        assert text.get_fontsize() >= 6
        box = text.get_window_extent()
        inside = box.x0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
        assert inside or not text.axes, text.get_text()


def test_agreement_says_n_r_and_mae_of_animals():
    figure = draw(crossed=True)
    words, (axes,) = words_of(figure), figure.axes
    expert, network = [0.25, 1, 2.5, 4.75], [0.5, 1.5, 2.25, 4.1]
    r = np.corrcoef(expert, network)[0, 1]
    assert "4 animals, 7 clips" in words
    assert f"r over animals, centred, {r:.2f}; MAE over clips 0.40" in words
    assert "Control (2)" in words and "Stroke (2)" in words
    dots = [d.get_offsets() for d in axes.collections if d.get_sizes()[0] > 7]
    x, y = np.sort(np.concatenate(dots), axis=0).T
    assert [*x, *y] == pytest.approx([*expert, *network])
    assert axes.get_xlim() == axes.get_ylim()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("expert score", "network score")


def test_bland_altman_lines_stand_at_bias_and_limits():
    figure = draw(drawings.draw_bland_altman)
    difference = TABLE["network_score"] - TABLE["target"]
    bias, spread = difference.mean(), 1.96 * difference.std()
    heights = {line.get_ydata()[0] for line in figure.axes[0].lines}
    wanted = sorted([0, bias, bias - spread, bias + spread])
    assert sorted(heights) == pytest.approx(wanted)


def test_constant_scores_can_be_drawn():
    table = TABLE.assign(network_score=2.0, group=None)
    assert "r over animals not defined" in words_of(draw(table=table))


def test_save_writes_whole_files_of_300_dpi(tmp_path, monkeypatch):
    paths = style.save(draw(), tmp_path / "new" / "Reach.v2")
    names = sorted(p.name for p in (tmp_path / "new").iterdir())
    assert names == ["Reach.v2.png", "Reach.v2.svg"]
    with Image.open(paths[0]) as image:
        assert abs(image.width - 85 / 25.4 * 300) <= 1
        assert round(image.info["dpi"][0]) == 300
    svg = paths[1].read_text(encoding="utf-8")
    assert "expert score" in svg and svg.rstrip().endswith("</svg>")
    again = style.save(draw(), tmp_path / "again")
    assert again[1].read_text(encoding="utf-8") == svg

    def stop(path, **_):
        path.write_text("half")
        raise OSError(28, "disk full")

    figure = draw()
    monkeypatch.setattr(figure, "savefig", stop)
    with pytest.raises(Problem, match="disk"):
        style.save(figure, tmp_path / "half" / "Reach")
    assert not list((tmp_path / "half").iterdir())
