"""A lab for each journey."""

import shutil

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


@pytest.fixture(scope="session")
def studied(tmp_path_factory):
    """A study of 8 animals in two groups, with folds and the network to use."""
    place, patch = tmp_path_factory.mktemp("studied"), pytest.MonkeyPatch()
    import extractor

    patch.setattr(extractor, "Extractor", builders.make_stand_in())
    lab = builders.Lab(place, None)
    with builders.silent(lab):
        options = ("--task", "Reach", "--model", "motion", "--folds", "4", "--final")
        options += ("--activation", "linear")  # whose intervals may begin below 0
        groups = ["sham", "lesion"] * 4
        lab.study(*options, "--control-group", "Sham", groups=groups, animals=8)
    yield lab
    patch.undo()


@pytest.fixture
def study(lab, studied):
    """A lab with a copy of the study's working folder; its films are at `films`."""
    shutil.copytree(studied.folder, lab.folder)
    lab.films = studied.place / "films"
    return lab
