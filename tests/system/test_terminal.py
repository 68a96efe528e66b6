"""How a script ends when something breaks: a line, an exit code, never 1."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from system import terminal

HOUSE = Path(__file__).parents[2]
SCRIPTS = (
    *("extract_files", "rate", "extract_features", "train_reg", "validate", "score"),
    *("explain", "share", "download_checkpoint", "demo"),
)


def end(error, capsys):
    """Let a script's main raise an error; (exit code, what it says)."""

    def fail():
        raise error

    with pytest.raises(SystemExit) as left:
        terminal.run(fail)
    output, errors = capsys.readouterr()
    assert output == ""
    return left.value.code, errors


@pytest.fixture
def no_packages(tmp_path):
    """A Python that has no package, and the project's modules."""
    site = tmp_path / "bare"
    site.mkdir()
    for path in [*HOUSE.glob("*.py"), *HOUSE.glob("*/__init__.py")]:
        source = path if path.parent == HOUSE else path.parent
        (site / source.name).symlink_to(source)

    def call(script):
        command = [sys.executable, "-S", "-E", str(site / f"{script}.py")]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    return call


def test_each_script_says_in_a_line_which_package_is_missing(no_packages):
    for script in SCRIPTS:
        done = no_packages(script)
        if "lists all options" in done.stderr:
            continue  # it needs no package to say that an option is missing
        assert done.returncode == 2, (script, done.stderr)
        assert done.stderr.startswith("error: the package "), (script, done.stderr)
        assert "source .venv/bin/activate" in done.stderr
        assert done.stderr.count("\n") == 1, (script, done.stderr)


def test_every_requirement_is_known():
    lines = (HOUSE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    required = {line.split(">")[0].strip() for line in lines if line.strip()}
    imported = {"pillow": "PIL", "scikit-learn": "sklearn"}
    assert {imported.get(p, p) for p in required} == {*terminal.PACKAGES.split()}


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("no module named 'scoring'", name="scoring"),
        ImportError("cannot import name", name="numpy"),
        ZeroDivisionError("by zero"),
        RecursionError("too deep"),
        AssertionError(),
        RuntimeError("the OOM killer is no excuse"),
    ],
)
def test_a_bug_is_an_internal_error_with_its_traceback(error, capsys):
    code, errors = end(error, capsys)
    assert code == 70
    assert "Traceback" in errors and type(error).__name__ in errors
    last = errors.rstrip().splitlines()[-1]
    assert last.startswith("internal error: ") and "python 3." in last


@pytest.mark.parametrize(
    ("where", "code"),
    [
        ("from system import terminal\n1 / 0", 70),
        ("from system import terminal; import nowhere_to_be_found", 70),
        ("from system import terminal\nimport numpy as np, tensorflow_nowhere", 70),
        (
            "from system import terminal\n"
            "raise ModuleNotFoundError('x', name='keras.ops')",
            2,
        ),
        ("from system import terminal\nraise MemoryError", 2),
    ],
)
def test_what_breaks_while_a_script_imports_never_leaves_with_1(where, code):
    done = subprocess.run(
        [sys.executable, "-c", where], cwd=HOUSE, capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr
    assert ("Traceback" in done.stderr) == (code == 70)


def test_an_older_python_is_told():
    script = "import sys; sys.version_info = (3, 8, 1); from system import terminal"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=HOUSE, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "Python 3.10 to 3.13 is needed; this is Python 3.8" in done.stderr


def make_tensorflow_error(kind, text):
    """An error that is named, and descends, as TensorFlow's are."""
    base = type("OpError", (Exception,), {})
    return type(kind, (base,), {})(text)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("no 9 TB"),
        make_tensorflow_error("ResourceExhaustedError", "OOM when allocating tensor"),
        make_tensorflow_error("ResourceExhaustedError", "{{node a}} of shape [9]"),
        make_tensorflow_error("InternalError", "CUDA_ERROR_OUT_OF_MEMORY: out of m"),
        make_tensorflow_error("InternalError", "Failed to allocate request for 2GiB"),
        make_tensorflow_error("UnknownError", "RESOURCE_EXHAUSTED: Out of memory"),
    ],
)
def test_too_little_memory_is_one_line(error, capsys):
    code, errors = end(error, capsys)
    assert code == 2 and "Traceback" not in errors
    assert errors.startswith("error: not enough memory: close other programs")
    assert "--batch-size" in errors and errors.count("\n") == 1


def test_other_errors_of_tensorflow_are_no_lack_of_memory(capsys):
    for kind, text in (
        ("InternalError", "libdevice"),
        ("NotFoundError", "no op"),
        ("ResourceExhaustedError", "events: No space left on device"),
    ):
        code, _ = end(make_tensorflow_error(kind, text), capsys)
        assert code == 70


def test_real_tensorflow_errors_are_known():
    from system.backend import tf

    errors = tf.errors
    full = errors.ResourceExhaustedError(None, None, "OOM when allocating")
    assert terminal.is_memory_full(full)
    assert terminal.is_memory_full(errors.InternalError(None, None, "out of memory"))
    assert not terminal.is_memory_full(errors.InternalError(None, None, "a bug"))


@pytest.mark.skipif(os.name != "posix", reason="needs process groups")
@pytest.mark.parametrize("wait", [0.0, 0.2, 0.6, 1.5])
def test_ctrl_c_while_processes_start_is_one_line(tmp_path, wait):
    script = tmp_path / "work.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(HOUSE)!r})\n"
        "import time\nfrom system import processes, terminal\n"
        "def main():\n"
        "    print('begun', flush=True)\n"
        "    list(processes.run(3, time.sleep, [(30,), (31,), (32,)]))\n"
        "if __name__ == '__main__':\n    terminal.run(main)\n"
    )
    process = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    process.stdout.readline()
    time.sleep(wait)
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors == "\nstopped; what was done is kept\n"
