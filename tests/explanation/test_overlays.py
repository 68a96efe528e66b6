"""Pictures of one clip: where its frames stand in time."""

import numpy as np
import pytest

from explanation import overlays


@pytest.mark.parametrize("interval, said", [(0.1, "1.20 s"), (None, "frame 13")])
def test_a_mark_stands_at_the_time_that_is_written_below_the_picture(interval, said):
    trace = overlays.Trace(np.ones(20), 1, 20, interval, (0, 1))
    figure = overlays.draw_trace(trace, [(12, "B")])
    (axes,) = figure.axes
    (mark,) = axes.texts
    bar = axes.patches[12]
    assert trace.format_time(12) == said
    assert mark.xy[0] == pytest.approx(float(said.strip(" sframe")))
    assert bar.get_x() < mark.xy[0] < bar.get_x() + bar.get_width()
