"""The page of a whole study: its commands run, and their output is still as shown."""

import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS))


def shape(text):
    """The words of a page without its numbers."""
    return re.sub(r"[-+]?\d[\d.,]*", "0", text).split()


@pytest.mark.thorough
def test_the_study_in_ten_minutes_is_as_the_page_shows(tmp_path):
    import build

    page = tmp_path / "ten_minutes.md"
    shown = (DOCS / "ten_minutes.md").read_text(encoding="utf-8")
    page.write_text(shown, encoding="utf-8")
    build.build(page)
    assert shape(page.read_text(encoding="utf-8")) == shape(shown)
    assert list(tmp_path.glob("pictures/*.png"))
