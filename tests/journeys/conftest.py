"""A lab for each journey, one that a file shares, and a study that all start from."""

import shutil

import builders
import pytest


@pytest.fixture
def lab(tmp_path):
    """A lab whose commands need no InceptionV3; see `builders.Lab`."""
    with builders.open_lab(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A lab of all journeys of a file, which build on one another's files."""
    with builders.open_lab(tmp_path_factory.mktemp("lab")) as opened:
        yield opened


@pytest.fixture(scope="session")
def studied(tmp_path_factory):
    """A study of 8 animals in two groups, with folds and the network to use."""
    with builders.open_lab(tmp_path_factory.mktemp("studied")) as lab:
        options = ("--task", "Reach", "--model", "motion", "--folds", "4", "--final")
        options += ("--activation", "linear")  # whose intervals may begin below 0
        groups = ["sham", "lesion"] * 4
        lab.study(*options, "--control-group", "Sham", groups=groups, animals=8)
    return lab


@pytest.fixture
def study(lab, studied):
    """A lab with a copy of the study's working folder; its films are at `films`."""
    shutil.copytree(studied.folder, lab.folder)
    lab.films = studied.place / "films"
    return lab
