"""A lab for each journey."""

import builders
import pytest


@pytest.fixture
def lab(tmp_path, capsys, monkeypatch):
    """A lab whose commands need no InceptionV3; see `builders.Lab`."""
    import extractor

    monkeypatch.setattr(extractor, "Extractor", builders.make_stand_in())
    monkeypatch.chdir(tmp_path)
    yield builders.Lab(tmp_path, capsys)
    builders.forget_models()
