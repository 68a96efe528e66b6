"""Attacks by kinds: spoiled files, ends at bad moments, hostile words."""

import math
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import builders
import numpy as np
import pytest

import score
from runs import folds, record
from runs.options import Options
from system import storage, terminal, untrusted
from system.terminal import Caution, Problem

HOUSE = Path(storage.__file__).parents[1]
posix = pytest.mark.skipif(os.name != "posix", reason="signals and closed streams")


# ---------------------------------------------------------------- backups


class Variable:
    def __init__(self, array):
        self.array = np.asarray(array, np.float32)
        self.shape = self.array.shape

    def __array__(self, dtype=None, copy=None):
        return self.array

    def assign(self, array):
        self.array = np.asarray(array)


def open_progress(folder, level, identity=None):
    """Open a training of two weights whose every number is `level`."""
    from training import trainer

    variables = [Variable(np.full(shape, level)) for shape in ((3, 2), (2,))]
    stand_in = types.SimpleNamespace(
        variables=variables, model=types.SimpleNamespace(weights=variables)
    )
    return trainer.Progress(folder, stand_in, identity or {"a": 1})


def back_up(folder, n_epochs=2):
    progress = open_progress(folder, 7)
    for epoch in range(n_epochs):
        progress.add({"loss": 1.0, "val_loss": 1.0 - epoch / 10})
    progress.back_up()


def take_up(folder, identity=None):
    """Take up a backup; tells the epochs and the numbers in the variables."""
    progress = open_progress(folder, 1, identity)
    progress.restore()
    numbers = {float(x) for v in progress.trainer.variables for x in v.array.flat}
    numbers |= {float(x) for array in progress.best for x in array.flat}
    return len(progress.history), numbers


def test_a_backup_is_taken_up_only_whole_and_by_its_own_training(tmp_path):
    back_up(tmp_path)
    assert take_up(tmp_path) == (2, {7.0})
    assert take_up(tmp_path, {"a": 2}) == (0, {1.0})  # and away it goes
    back_up(tmp_path)
    path = tmp_path / "backup.npz"
    with np.load(path) as stored:
        np.savez(path, **{key: stored[key] for key in stored.files[:-1]})
    with pytest.warns(Caution, match="other arrays.*starting over"):
        assert take_up(tmp_path) == (0, {1.0})


@pytest.mark.filterwarnings("ignore::system.terminal.Caution")
def test_flipped_bits_are_noticed_or_harmless(tmp_path):
    back_up(tmp_path)
    path = tmp_path / "backup.npz"
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    counts = {0: 0, 2: 0}
    for _ in range(300):
        spoiled = bytearray(whole)
        spoiled[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        path.write_bytes(spoiled)
        n_epochs, numbers = take_up(tmp_path)
        assert (n_epochs, numbers) in ((0, {1.0}), (2, {7.0}))
        counts[n_epochs] += 1
    assert counts[0] > 150


# ---------------------------------------------------------------- ends


def run_script(code, **options):
    """Run code within `terminal.run`, as the scripts do."""
    lines = ["import sys, time", "from system import terminal", "def main():"]
    lines += [f"    {line}" for line in code.splitlines()]
    lines += ["terminal.run(main)"]
    return subprocess.Popen(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=HOUSE,
        stdin=subprocess.DEVNULL,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        text=True,
    )


@posix
@pytest.mark.parametrize(
    ("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)]
)
def test_signals_end_a_script_in_a_line(name, code):
    process = run_script("print('begun', flush=True)\ntime.sleep(60)")
    assert process.stdout.readline() == "begun\n"
    process.send_signal(getattr(signal, name))
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, output) == (code, "")
    assert errors == "\nstopped; what was done is kept\n"


@posix
def test_an_interrupt_while_modules_are_imported_is_a_line_too():
    code = "from system import terminal\nprint('begun', flush=True)\n"
    code += "import time\ntime.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=HOUSE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert errors == "\nstopped before anything was begun\n"
    assert process.returncode in (-signal.SIGINT, 130)


@posix
@pytest.mark.parametrize("streams", [">&-", "2>&-", ">&- 2>&-", ">/dev/full"])
@pytest.mark.parametrize("code", ["print('x' * 9999)", "raise terminal.Problem('so')"])
def test_closed_and_full_streams_make_no_traceback(streams, code):
    if "full" in streams and not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    script = "from system import terminal\n"
    script += f"def main():\n    {code}\nterminal.run(main)"
    command = f'exec "$0" -c "$1" {streams}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, script],
        cwd=HOUSE,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr
    assert done.returncode == (2 if "raise" in code or "full" in streams else 0)


HOSTILE = "a\x1b[2Jb\x9b31m\x07\u202ec\x7f"


def test_control_codes_reach_no_terminal():
    code = f"print({HOSTILE!r})\nterminal.caution({HOSTILE!r})\n"
    code += f"raise terminal.Problem({HOSTILE!r})"
    output, errors = run_script(code).communicate(timeout=20)
    for text in (output, errors):
        assert not set("\x1b\x9b\x07\u202e\x7f") & set(text)
        assert "a\\x1b[2Jb\\x9b31m\\x07\\u202ec\\x7f" in text


def test_a_script_runs_without_docstrings():
    command = [sys.executable, "-OO", "score.py", "--help"]
    done = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("seed", "0 1 2147483647", "-1 4294967296 nan 1.5"),
        ("natural", "0 3", "-1 x inf"),
    ],
)
def test_numbers_that_cannot_be_meant_are_refused(kind, right, wrong):
    read = getattr(terminal, kind)
    for text in right.split():
        assert read(text) == float(text)
    for text in wrong.split():
        with pytest.raises(Exception, match="expected a"):
            read(text)


# ---------------------------------------------------------------- outputs


@pytest.mark.parametrize("name", ["clip.avi", "clip", "clip.csv.avi", "scores.json"])
def test_an_output_is_a_csv(tmp_path, name):
    with pytest.raises(Problem, match=r"ends \.csv or \.xlsx"):
        score.check_outputs(tmp_path / name, (), overwrite=True)


def test_an_output_replaces_only_earlier_outputs(tmp_path):
    path = tmp_path / "scores.csv"
    score.check_outputs(path, ())
    score.check_outputs(None, ())
    path.write_text("clip,score\nmine,3\n")
    with pytest.raises(Problem, match="--overwrite"):
        score.check_outputs(path, ())
    score.check_outputs(path, (), overwrite=True)
    path.write_text("clip,video,n_frames,network_score\na,a.avi,3,2.5\n")
    score.check_outputs(path, ())


# ---------------------------------------------------------------- records


@pytest.mark.parametrize("content", ["{", "[]", '{"scheme": [1]}', '{"scheme": "x"}'])
@pytest.mark.filterwarnings("ignore::system.terminal.Caution")
def test_foreign_json_among_the_folds_is_left_out(tmp_path, content):
    kind = "leave-one-animal-out"
    scheme = {"kind": kind, "n_folds": 2, "fold": "g01"}
    scheme = {"scheme": scheme, "task": "Reach"}
    storage.write_json(tmp_path / "checkpoints/g01.json", builders.RECORD | scheme)
    (tmp_path / "checkpoints/other.json").write_text(content)
    for name in ("g01", "other"):
        (tmp_path / f"checkpoints/{name}.keras").touch()
    found = folds.find_folds(tmp_path, kind)
    assert [run.path.name for run in found] == ["g01.keras"]


@pytest.mark.parametrize(
    ("pattern", "is_quick"),
    [
        (r"_(g\d+)_", True),
        (r"(Control|Stroke)", True),
        (r"^v_(?:Rat)?(?P<group>[A-Z][a-z]+)_\d{2}", True),
        (r"(a+)+$", False),
        (r"(a|a)*$", False),
        (r"(a|aa){1,99}$", False),
        ("a?" * 26 + "a" * 26, False),
        (r".*.*.*.*b", False),
        ("(" * 300, False),
        ("a" * 201, False),
    ],
)
def test_foreign_patterns_are_quick(pattern, is_quick):
    assert untrusted.is_quick_pattern(pattern) == is_quick
    if is_quick:
        import re

        started = time.perf_counter()
        for name in ("a" * 150, "v_Rat" * 30, "_g1" * 50):
            re.search(pattern, name)
        assert time.perf_counter() - started < 1


@pytest.mark.parametrize(
    "values",
    [{"units": "2"}, {"units": True}, {"dropout": math.nan}, {"model": 3}],
)
def test_foreign_options_are_of_their_kind(values):
    with pytest.raises((TypeError, ValueError)):
        record.take(values, Options)
    assert record.take({"dropout": 0, "new": 1}, Options).dropout == 0
