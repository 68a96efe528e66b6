"""Fixtures that several test files share."""

import os
import signal
from pathlib import Path

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # as in `terminal`

import films
import pytest

for name in ("SIGINT", "SIGHUP"):  # `&` and `nohup` let all that they start ignore them
    number = getattr(signal, name, None)
    if number and signal.getsignal(number) == signal.SIG_IGN:
        usual = signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
        signal.signal(number, usual)

SHARED = Path(__file__).parents[2] / "shared"
LONG = ("interrupted", "train_reg", "validate", "explain", "new_videos", "models")
LONG += ("extractor",)


def pytest_collection_modifyitems(items):
    """Begin with the long files, so that two cores are done at about the same time."""
    items.sort(key=lambda item: not item.path.stem.endswith(LONG))


@pytest.fixture(scope="session")
def shared():
    """The folder of real clips beside the checkout; skips where there is none."""
    if not (SHARED / "data").is_dir():
        pytest.skip("needs ../shared/data")
    return SHARED


@pytest.fixture(scope="session")
def random_extractor():
    """InceptionV3 with seeded random weights, built once."""
    from extractor import Extractor

    return Extractor("random", batch_size=4)


@pytest.fixture
def stand_in(monkeypatch):
    """Features from the frame's number instead of from a network."""
    from stand_in import make_stand_in

    monkeypatch.setattr("extractor.Extractor", make_stand_in(films.read_number))


@pytest.fixture
def blank_figures(monkeypatch):
    """Figures are saved blank: drawing takes most of the time of a report."""
    import builders

    monkeypatch.setattr("reports.style.save", builders.save_blank)


@pytest.fixture
def folder(tmp_path):
    """A working folder of three clips, 30 frames each, as avi, mp4 and images."""
    films.make_film(tmp_path / "train/Reach/v_Control_g01_c01.avi", 30)
    films.make_film(tmp_path / "train/Reach/v_Stroke_g02_c01.mp4", 30)
    films.make_images(tmp_path / "test/Reach", "v_Stroke_g03_c01", range(1, 31))
    films.write_table(
        tmp_path,
        [
            ("train", "Reach", "v_Control_g01_c01", 30, 0),
            ("train", "Reach", "v_Stroke_g02_c01", 30, 2.5),
            ("test", "Reach", "v_Stroke_g03_c01", 30, ""),
        ],
    )
    return tmp_path
