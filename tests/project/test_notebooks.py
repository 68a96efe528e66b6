"""The scripts as people run them in Jupyter and Colab: `%run` and `!python`."""

import sys
from pathlib import Path

import films
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def kernel():
    manager = pytest.importorskip("jupyter_client.manager")
    pytest.importorskip("ipykernel")
    started, client = manager.start_new_kernel(cwd=str(ROOT))
    yield client
    client.stop_channels()
    started.shutdown_kernel(now=True)


def run_cell(client, code):
    """Run a cell; return all that it printed and the errors that it ended with."""
    printed, errors = [], []

    def hook(message):
        content = message["content"]
        if message["msg_type"] == "stream":
            printed.append(content["text"])
        elif message["msg_type"] == "error":
            errors.append(content["ename"])

    client.execute_interactive(code, output_hook=hook, timeout=300)
    return "".join(printed), errors


def make_folder(place):
    films.make_film(place / "train/Reach/v_Control_g01_c01.mp4", 12)
    return place


def test_run_takes_a_notebooks_streams(kernel, tmp_path):
    folder = make_folder(tmp_path)
    printed, errors = run_cell(
        kernel, f"%run extract_files.py --data '{folder}' --rows-only"
    )
    assert not errors and "train,Reach,v_Control_g01_c01,12," in printed


def test_a_problem_is_one_line_in_a_notebook(kernel, tmp_path):
    printed, errors = run_cell(kernel, f"%run score.py '{tmp_path / 'no.avi'}'")
    assert "no such file or folder" in printed and "Traceback" not in printed
    assert errors in ([], ["SystemExit"])


def test_figures_load_under_a_backend_that_only_the_notebook_has(kernel, tmp_path):
    run_cell(kernel, "import matplotlib_inline; %matplotlib inline")
    draw = "__import__('matplotlib.pyplot').pyplot.figure() and print('loaded')"
    load = "import sys; sys.argv = ['x']; from system import terminal"
    script = f"{load}; terminal.run(lambda: {draw})"
    code = (
        "import os; os.environ['MPLBACKEND'] = 'module://no_such_backend'\n"
        f"!'{sys.executable}' -c \"{script}\""
    )
    printed, errors = run_cell(kernel, code)
    assert not errors and "loaded" in printed and "Traceback" not in printed
