import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from runs import store
from system import storage
from system.terminal import Problem

# ---------------------------------------------------------------- the working folder


@pytest.mark.parametrize(
    "run", ["../x", "/etc/x", "a/b", "a\\b", "C:x", "..", "", ".x", "nul", "a\nb"]
)
def test_no_run_leads_outside_its_folder(tmp_path, run):
    for find in (
        storage.checkpoint_path,
        storage.logs_folder,
        storage.figures_folder,
        lambda folder, run: storage.predictions_path(folder, run, "test"),
    ):
        with pytest.raises(Problem, match="the run's name"):
            find(tmp_path, run)


def test_checkpoints_are_found_by_name_and_path(tmp_path):
    folder = tmp_path / "checkpoints"
    with pytest.raises(Problem, match=r"holds no run .* Train one with train_reg\.py"):
        store.find_run(tmp_path)
    folder.mkdir()
    (folder / "old.hdf5").touch()
    assert store.find_run(tmp_path).name == "old.hdf5"  # there is no other
    (folder / "older.h5").touch()
    with pytest.raises(Problem, match=r"name one with --run: old, older"):
        store.find_run(tmp_path)
    (folder / "new.keras").touch()
    (folder / f"{storage.TEMPORARY}x.keras").touch()
    (folder / "notes.txt").touch()
    assert store.find_run(tmp_path, "old").name == "old.hdf5"
    assert store.find_run(tmp_path, "older.h5").name == "older.h5"
    assert store.find_run(tmp_path, folder / "old.hdf5").name == "old.hdf5"
    with pytest.raises(Problem, match=r"no run 'x' in .* Runs there: new, old, older"):
        store.find_run(tmp_path, "x")


def test_the_newest_run_is_that_of_the_records(tmp_path):
    folder = tmp_path / "checkpoints"

    def put(name, trained, task="Reach", age=0, **more):
        path = folder / f"{name}.keras"
        content = {"task": task, "trained": trained, **more}
        storage.write_json(path.with_suffix(".json"), content)
        path.touch()
        for each in (path, path.with_suffix(".json")):
            os.utime(each, (age, age))

    day = "2026-01-0{}T00:00:00.000+00:00".format
    put("fold1", day(9), scheme={"kind": "folds", "prefix": ""})
    with pytest.raises(Problem, match=r"on all animals.*--folds K --final"):
        store.find_run(tmp_path)
    put("theirs", day(8), received="theirs.zip")
    put("second", day(5), age=1)
    put("first", day(3), age=10**9)  # copied later
    put("grasp", day(6), task="Grasp")
    assert store.find_run(tmp_path).name == "grasp.keras"
    assert store.find_run(tmp_path, task="Reach").name == "second.keras"
    with pytest.raises(Problem, match="no run of task Lift"):
        store.find_run(tmp_path, task="Lift")
    put("final", day(7), scheme={"kind": "final", "of": "folds", "prefix": ""})
    assert store.find_run(tmp_path, task="Reach").name == "final.keras"


def test_replacing_gives_the_name_only_to_what_is_whole(tmp_path):
    path = tmp_path / "deep/er/file.csv"
    with storage.replacing(path) as temporary:
        assert temporary.parent == path.parent and temporary.suffix == ".csv"
        temporary.write_text("one")
        assert not path.exists()
    assert path.read_text() == "one"
    with pytest.raises(ZeroDivisionError), storage.replacing(path) as temporary:
        temporary.write_text("two")
        raise ZeroDivisionError
    with pytest.raises(KeyboardInterrupt), storage.replacing(path) as temporary:
        temporary.write_text("three")
        raise KeyboardInterrupt
    full = r"could not write .*file\.csv: No space left"
    with pytest.raises(Problem, match=full), storage.replacing(path) as temporary:
        temporary.write_text("four")
        raise OSError(28, "No space left on device")
    assert path.read_text() == "one"
    assert list(path.parent.iterdir()) == [path]
    if os.name != "nt":
        assert path.stat().st_mode & 0o777 == 0o644


def test_leftovers_of_the_dead_only_are_removed(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    names = {
        "dead": f".writing-{storage.HOST}-{dead.pid}-0.npy",
        "alive": f".writing-{storage.HOST}-{os.getpid()}-0.npy",
        "elsewhere": f".writing-another-{dead.pid}-0.npy",
        "unknown": ".writing-a.npy",
        "other": "c.npy",
    }
    paths = {kind: tmp_path / name for kind, name in names.items()}
    for path in paths.values():
        path.touch()
        os.utime(path, (time.time() - 7200,) * 2)
    storage.remove_leftovers(tmp_path)
    left = set(tmp_path.iterdir())
    assert left == set(paths.values()) - ({paths["dead"]} if os.name != "nt" else set())
    for path in left:
        os.utime(path, (0, 0))
    storage.remove_leftovers.cache_clear()
    storage.remove_leftovers(tmp_path)
    assert set(tmp_path.iterdir()) == {paths["other"]}
    storage.remove_leftovers(tmp_path / "nowhere")


@pytest.mark.skipif(os.name == "nt", reason="modes and links are of other systems")
def test_modes_and_links_stay_as_they_are(tmp_path):
    path, link = tmp_path / "a.json", tmp_path / "link.json"
    kept = os.umask(0o027)
    try:
        storage.write_json(path, {})
    finally:
        os.umask(kept)
    assert path.stat().st_mode & 0o777 == 0o640
    path.chmod(0o664)
    link.symlink_to(path.name)
    storage.write_json(link, {"a": 1})
    assert link.is_symlink() and storage.read_json(path) == {"a": 1}
    assert path.stat().st_mode & 0o777 == 0o664
    path.chmod(0o444)
    for each in (path, link):
        with pytest.raises(Problem, match="read-only"):
            storage.write_json(each, {})
    assert sorted(tmp_path.iterdir()) == [path, link]


CLAIM = "import sys, time\nfrom system import storage\n"
CLAIM += "with storage.claim(sys.argv[1]): "


def claim_elsewhere(path, action):
    code = CLAIM + f"print('mine', flush=True); {action}"
    return subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        cwd=Path(storage.__file__).parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_one_at_a_time_works_on_a_thing_and_the_dead_hold_nothing(tmp_path):
    path = tmp_path / "logs"
    first = claim_elsewhere(path, "time.sleep(60)")
    assert first.stdout.readline() == "mine\n"
    with (
        pytest.raises(Problem, match=f"process {first.pid} on {storage.HOST} works on"),
        storage.claim(path),
    ):
        pass
    first.kill()
    first.communicate()
    with storage.claim(path):
        second = claim_elsewhere(path, "pass")
        _, errors = second.communicate()
        assert f"process {os.getpid()} on" in errors.splitlines()[-1]
        with storage.claim(tmp_path / "other"):
            pass
    assert list(tmp_path.iterdir()) == []


def test_many_claims_at_once_are_never_shared(tmp_path):
    tally = tmp_path / "tally"
    tally.write_text("0")
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom system import storage\n"
        "from system.terminal import Problem\n"
        "path, done = Path(sys.argv[1]), 0\n"
        "while done < 20:\n"
        "  try:\n"
        "    with storage.claim(path):\n"
        "      n = int(path.read_text()); time.sleep(0.001)\n"
        "      path.write_text(str(n + 1)); done += 1\n"
        "  except Problem: time.sleep(0.001)\n"
    )
    command = [sys.executable, "-c", code, str(tally)]
    pool = [
        subprocess.Popen(command, cwd=Path(storage.__file__).parents[1])
        for _ in range(4)
    ]
    assert [process.wait() for process in pool] == [0] * 4
    assert tally.read_text() == "80"
    assert list(tmp_path.iterdir()) == [tally]


def test_json_is_written_whole_and_read_strictly(tmp_path):
    path = tmp_path / "a.json"
    storage.write_json(path, {"name": "Mäuschen", "n": [1, 2.5, None]})
    assert storage.read_json(path) == {"name": "Mäuschen", "n": [1, 2.5, None]}
    with pytest.raises(TypeError):
        storage.write_json(path, {"score": object()})
    assert storage.read_json(path)["n"] == [1, 2.5, None]
    numbers = {"yes": np.bool_(True), "n": np.int64(3), "half": np.float32(0.5)}
    numbers |= {"row": np.arange(2), "none": [math.nan, np.float32(math.inf)]}
    storage.write_json(path, {**numbers, np.int64(3): {"at": Path("a")}, "two": (1, 2)})
    assert storage.read_json(path) == {
        "yes": True,
        "n": 3,
        "half": 0.5,
        "row": [0, 1],
        "none": [None, None],
        "3": {"at": "a"},
        "two": [1, 2],
    }
    assert list(tmp_path.iterdir()) == [path]
    path.write_text("[1]")
    with pytest.raises(Problem, match="holds no JSON object"):
        storage.read_json(path)
