"""Pages are whole, escaped and self-contained, whatever is put on them."""

import math

import numpy as np
import pytest
from PIL import Image

from reports import page

LEAF = """{% extends "base.html" %}{% import "parts.html" as parts %}
{% block title %}{{ title }}{% endblock %}
{% block body %}{{ parts.table(columns, rows, "a & b") }}
{{ parts.picture(path, "a frame", "what <it> shows") }}
{{ parts.light("bad", "no & no", [{"level": "good", "text": "<b>"}]) }}
{% call parts.fold("more") %}<p>{{ title }}</p>{% endcall %}{% endblock %}"""


@pytest.fixture
def leaf(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.full((20, 30, 3), 99, np.uint8)).save(path)
    rows = [["<i>", 1.0, 7], ["b", math.nan, None]]
    return page.TEMPLATES.from_string(LEAF).render(
        title="<script>&'", columns=("name", "x", "n"), rows=rows, path=path
    )


def test_every_text_is_escaped(leaf):
    for raw in ("<script>", "<i>", "<b>", "what <it>", "no & no"):
        assert raw not in leaf
    assert "&lt;script&gt;&amp;&#39;" in leaf


def test_the_page_fetches_nothing_and_forbids_it(leaf):
    assert "default-src 'none'" in leaf and "script-src" not in leaf
    assert 'src="data:image/' in leaf and "http" not in leaf.replace("http-equiv", "")
    assert 'width="30" height="20"' in leaf


def test_numbers_stand_flush_right_and_nan_is_a_dash(leaf):
    assert '<th scope="col" class="number">x</th>' in leaf
    assert '<td class="number">–</td>' in leaf
    assert '<td class="short">b</td>' in leaf
    assert leaf.count("<figcaption") <= leaf.count("<figure")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"value": 1.0, "low": -0.5, "high": 2.0}, "1.000 [−0.500, 2.000]"),
        ({"value": None, "reason": "one animal"}, "not defined (one animal)"),
        (
            {"value": 2.0, "low": None, "reason": "few"},
            "2.000 (no interval: few)",
        ),
        ({"value": 2.0}, "2.000"),
    ],
)
def test_an_interval_tells_why_it_is_missing(value, words):
    assert page.interval(value) == words
