"""Work on a Dask cluster ends as it does on one machine, also when a worker dies."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import films
import pytest

import extract_features
import train_reg
from system import dask_cluster, storage
from system.terminal import Problem

pytest.importorskip("distributed")

PROJECT = Path(__file__).parents[2]
STAND_IN = PROJECT / "tests" / "stand_in.py"
N_FRAMES = 4


@contextlib.contextmanager
def start_cluster(place, preload="", **environ):
    """Start a scheduler and two workers of one thread; yields address and workers."""
    place.mkdir()
    (place / "preload.py").write_text(preload)
    python = (sys.executable, "-m")
    settings = {
        "cwd": place,
        "env": {**os.environ, **environ},
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }
    where = place / "scheduler.json"
    command = (*python, "distributed.cli.dask_scheduler", "--port", "0")
    command += ("--host", "127.0.0.1", "--dashboard-address", ":0", "--no-show")
    processes = [
        subprocess.Popen([*command, "--scheduler-file", str(where)], **settings)
    ]
    try:
        deadline = time.monotonic() + 60
        while not (where.is_file() and where.read_text().strip()):
            assert time.monotonic() < deadline, "the scheduler did not start"
            time.sleep(0.05)
        address = storage.read_json(where)["address"]
        command = (*python, "distributed.cli.dask_worker", address, "--nthreads", "1")
        command += ("--no-nanny", "--no-dashboard", "--preload", "preload.py")
        processes += [subprocess.Popen(command, **settings) for _ in range(2)]
        yield address, processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def make_folder(folder, n_clips=8):
    """Write clips, of which one is broken and one has another length than listed."""
    rows = []
    for number in range(n_clips):
        name = f"v_Stroke_g{number:02d}_c01"
        films.make_film(folder / f"train/Reach/{name}.avi", 10)
        rows.append(("train", "Reach", name, 11 if number == 1 else 10, 1.0))
    (folder / "train/Reach/v_Stroke_g03_c01.avi").write_bytes(b"no video")
    films.write_table(folder, rows)


def start(*argv):
    return subprocess.Popen(
        [sys.executable, *map(str, argv)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.thorough
def test_clips_of_a_killed_worker_are_done_by_the_other(tmp_path):
    shared, alone = tmp_path / "shared", tmp_path / "alone"
    make_folder(shared)
    shutil.copytree(shared, alone)
    preload = (
        f"import sys\nsys.path.insert(0, {str(STAND_IN.parent)!r})\n"
        "import stand_in\nstand_in.put_stand_in()\n"
    )
    rest = ("--seq-length", N_FRAMES, "--weights", "random")
    with start_cluster(tmp_path / "dask", preload, PACE="0.2") as (address, workers):
        script = start(
            *(PROJECT / "extract_features.py", "--data", shared, *rest),
            *("--dask", address),
        )
        while script.poll() is None and not list(shared.glob("sequences/[!.]*.npy")):
            time.sleep(0.02)
        workers[0].kill()
        output, errors = script.communicate(timeout=60)
    assert script.returncode == 1, errors
    assert output.startswith("7 sequences written"), errors
    lines = errors.splitlines()
    assert "v_Stroke_g03_c01: " in lines[-1] and "no video" in lines[-1]
    assert any("10 frames, data_file.csv says 11" in line for line in lines)
    script = start(STAND_IN, "extract_features", "--data", alone, *rest)
    script.communicate(timeout=60)
    expected, found = films.read_state(alone), films.read_state(shared)
    assert {k: v for k, v in found.items() if storage.TEMPORARY not in k} == expected


@pytest.mark.thorough
def test_networks_are_trained_on_a_cluster(tmp_path):
    films.write_sequences(tmp_path)
    argv = ("--data", tmp_path, "--leave-one-animal-out", "--units", 2, "--epochs", 2)
    with start_cluster(tmp_path / "dask") as (address, _):
        script = start(PROJECT / "train_reg.py", *argv, "--dask", address)
        output, errors = script.communicate(timeout=200)
    assert script.returncode == 0, errors
    runs = sorted(path.stem for path in tmp_path.glob("checkpoints/*.json"))
    assert runs == [f"Reach-lstm-g{animal:02d}-features" for animal in range(1, 6)]
    assert output.count("2 epochs") == 5
    records = [
        storage.read_json(storage.checkpoint_path(tmp_path, run).with_suffix(".json"))
        for run in runs
    ]
    assert [record["held_out"] for record in records] == [
        [r.split("-")[2]] for r in runs
    ]
    # A record does not tell where it was trained: the same command is done at once.
    assert train_reg.main([*map(str, argv)]) in (0, None)


def call(folder, address):
    where = ["--data", str(folder), "--weights", "random", "--dask", address]
    return extract_features.main([*where, "--seq-length", "10"])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_is_wrong_with_the_cluster_is_said(folder, monkeypatch):
    monkeypatch.setattr(dask_cluster, "PATIENCE", 0.5)
    with pytest.raises(Problem, match="no Dask scheduler answers"):
        call(folder, "tcp://127.0.0.1:1")
    with pytest.raises(Problem, match=r"--dask nonsense: no Dask scheduler answers"):
        call(folder, "nonsense")
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    with pytest.raises(Problem, match=r"pip install 'dask\[distributed\]'"):
        call(folder, "tcp://127.0.0.1:1")
    assert not (folder / "sequences").exists()
