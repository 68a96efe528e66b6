import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import data
from data import Clip
from runs import folds, learned, splits, store
from runs.options import Options
from system import storage
from system.terminal import Caution, Problem

NAME = "v_RatStrokeApl27_g13_c02"


def test_animal_group_and_date_of_a_published_name():
    assert data.animal_of(NAME) == "g13"
    assert data.group_of(NAME) == "Stroke"
    assert data.date_of(NAME) == (4, 27)
    assert data.group_of("v_RatControlMay02_g01_c01") == "Control"
    assert data.date_of("v_RatControlMay02_g01_c01") == (5, 2)


def test_names_of_other_kinds():
    assert data.animal_of("film 7") == "film 7"
    assert data.group_of("film 7") is None
    assert data.date_of("film 7") is None
    assert data.date_of("v_RatAbc12_g01") is None
    assert data.animal_of("mouse12-day3", r"mouse(\d+)") == "12"
    assert data.animal_of("mouse12-day3", r"mouse\d+") == "mouse12"


def test_unmatched_names_are_cautioned_once():
    clips = [Clip("train", "Reach", name, 30, 1.0) for name in (NAME, "b", "c")]
    with pytest.warns(
        Caution, match=r"2 clip names do not match .* animal of its own \(b, c\)"
    ) as seen:
        assert data.list_animals(clips) == ["g13", "b", "c"]
    assert len(seen) == 1


def make_clips(*names, animals=None):
    animals = animals or [None] * len(names)
    return [
        Clip("train", "Reach", name, 30, 1.0, animal)
        for name, animal in zip(names, animals, strict=True)
    ]


def test_the_table_names_animals_before_the_names_do():
    clips = make_clips(NAME, "b", "c", animals=["Rat 1", "Rat 1", None])
    with pytest.warns(Caution, match="1 clip names do not match"):
        assert data.list_animals(clips) == ["Rat 1", "Rat 1", "c"]
    clip = clips[0]._replace(group="sham")
    assert (data.animal_of(clip), data.group_of(clip)) == ("Rat 1", "sham")
    table = data.tabulate_clips([clip], ["Rat 1"], data.GROUP_PATTERN)
    assert list(table["group"]) == ["sham"]


def test_where_no_name_matches_nobody_knows_the_animals():
    clips = make_clips("film 1", "film 2")
    with pytest.raises(Problem, match="no clip name matches --animal-pattern"):
        data.list_animals(clips, required=True)
    with pytest.warns(Caution, match="2 clip names do not match"):
        data.list_animals(clips)
    named = [clip._replace(animal="a") for clip in clips]
    assert data.list_animals(named, required=True) == ["a", "a"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("g4", "g04"),
        ("Rat12", "rat12"),
        ("Rat 12", "Rat_12"),
        ("rat007", "Rat-7"),
        ("Mäuschen", "Ma\u0308uschen"),
        ("a.1", "a 1"),
        ("12", "12.0"),
    ],
)
def test_animals_that_look_alike_are_named(one, other):
    clips = make_clips("x", "y", "z", animals=[one, other, "else"])
    with pytest.warns(Caution, match="look alike: ") as seen:
        data.list_animals(clips)
    assert one in str(seen[0].message) and other in str(seen[0].message)


def test_a_run_remembers_the_animals_that_the_table_names():
    owners = [f"Rat {number // 2}" for number in range(10)]
    clips = make_clips(*"abcdefghij", animals=owners)
    clips = [c._replace(group="sham") for c in clips[:6]] + clips[6:]
    animals = {clip.name: clip.animal for clip in clips}
    targets = splits.find_targets(clips, Options())
    plan, *_ = splits.plan_folds("", targets, animals, Options())
    plan = plan.name_clips(clips)
    assert plan.run == "Rat 0-features" and plan.held_out == ["Rat 0"]
    result = {"epochs": 1, "best_epoch": 1, "val_loss": 1.0}
    record = store.describe_run(plan, Options(), None, [result], 8)
    record = json.loads(json.dumps(record))
    seen = learned.describe_seen(["a", "new", "c"], ["Rat 0", "Rat 1", "Rat 1"], record)
    assert seen[:2] == ["", "animal seen in training"] and seen[2].startswith("clip")
    assert learned.group_in(record, "c", data.GROUP_PATTERN) == "sham"
    assert learned.group_in(record, "i", data.GROUP_PATTERN) is None
    table = data.tabulate_clips(clips[:2], ["Rat 0"] * 2, data.GROUP_PATTERN)
    assert len(folds.assign_folds([(Path("x"), record)], table)) == 1
    leaky = {**record, "animals": {**record["animals"], "c": "Rat 0"}}
    with pytest.raises(Problem, match="has seen what it should not"):
        folds.assign_folds([(Path("x"), leaky)], table)


def test_animals_that_differ_are_not_named(recwarn):
    pairs = ["g1", "g10", "Rat 12", "Rat 1-2", "a4", "b4", "Rat 100", "Rat 10 0"]
    data.list_animals(make_clips(*pairs, animals=pairs))
    assert not len(recwarn)


@given(
    st.lists(st.tuples(st.integers(0, 12), st.floats(0, 5)), min_size=1, max_size=40),
    st.floats(0, 0.99),
    st.integers(0, 5),
)
def test_some_animals_are_held_out_and_some_are_left(clips, fraction, seed):
    animals = [f"g{animal:02d}" for animal, _ in clips]
    scores = [score for _, score in clips]
    names = set(animals)
    if len(names) < 2:
        with pytest.raises(Problem, match="of one animal"):
            splits.hold_out_animals(animals, scores, fraction, seed)
        return
    held = splits.hold_out_animals(animals, scores, fraction, seed)
    assert held < names
    assert len(held) == min(max(1, round(fraction * len(names))), len(names) - 1)
    assert held == splits.hold_out_animals(animals, scores, fraction, seed)


def test_held_out_animals_spread_over_the_scores():
    animals = [f"g{i:02d}" for i in range(20)]
    scores = [i / 4 for i in range(20)]
    for seed in range(5):
        held = sorted(splits.hold_out_animals(animals, scores, 0.2, seed))
        ranks = [animals.index(name) // 5 for name in held]
        assert ranks == [0, 1, 2, 3]


@pytest.mark.parametrize("n_folds", [None, 2, 3, 7])
def test_folds_leave_each_animal_out_once(n_folds):
    animals = [f"g{i % 7}" for i in range(30)]
    folds = splits.fold_animals(animals, n_folds)
    assert len(folds) == (n_folds or 7)
    assert sorted(name for fold in folds for name in fold) == sorted(set(animals))


def test_folds_spread_over_the_scores_and_follow_the_seed():
    animals = [f"g{i:02d}" for i in range(20) for _ in range(2)]
    scores = [i // 2 for i in range(40)]
    first, again, other = (
        splits.fold_animals(animals, 4, scores, seed) for seed in (0, 0, 1)
    )
    assert first == again != other
    for parts in (first, other):
        assert [len(fold) for fold in parts] == [5] * 4
        for fold in parts:
            assert sorted(int(name[1:]) // 4 for name in fold) == [0, 1, 2, 3, 4]


def test_folds_need_animals():
    with pytest.raises(Problem, match=r"three animals or more. Received: 2"):
        splits.fold_animals(["a", "b", "b"])
    with pytest.raises(Problem, match="between 2 and 3"):
        splits.fold_animals(["a", "b", "c"], 4)


# ---------------------------------------------------------------- the working folder


@pytest.mark.parametrize(
    "run", ["../x", "/etc/x", "a/b", "a\\b", "C:x", "..", "", ".x", "nul", "a\nb"]
)
def test_no_run_leads_outside_its_folder(tmp_path, run):
    for find in (
        storage.checkpoint_path,
        storage.record_path,
        storage.logs_folder,
        storage.figures_folder,
        lambda folder, run: storage.predictions_path(folder, run, "test"),
    ):
        with pytest.raises(Problem, match="the run's name"):
            find(tmp_path, run)


def test_each_artefact_has_its_place(tmp_path):
    paths = [
        storage.sequence_path(tmp_path, "rat", 125),
        storage.extraction_path(tmp_path),
        storage.checkpoint_path(tmp_path, "g04-features"),
        storage.record_path(tmp_path, "g04-features"),
        storage.logs_folder(tmp_path, "g04-features"),
        storage.predictions_path(tmp_path, "g04-features", "test"),
        storage.figures_folder(tmp_path, "g04-features"),
    ]
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        "sequences/rat-125-features.npy",
        "sequences/extraction.json",
        "checkpoints/g04-features.keras",
        "checkpoints/g04-features.json",
        "logs/g04-features",
        "predictions/g04-features-test.csv",
        "figures/g04-features",
    ]


def test_checkpoints_are_found_by_name_and_path(tmp_path):
    folder = tmp_path / "checkpoints"
    with pytest.raises(Problem, match=r"holds no run. Train one with train_reg\.py"):
        store.find_run(tmp_path)
    folder.mkdir()
    (folder / "old.hdf5").touch()
    assert store.find_run(tmp_path).name == "old.hdf5"  # there is no other
    (folder / "older.h5").touch()
    with pytest.raises(Problem, match=r"trained here. Name one .*--run: old, older"):
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
        storage.write_json(path.with_suffix(".json"), {"task": task, **more})
        if trained:
            storage.write_json(
                path.with_suffix(".json"), {"task": task, "trained": trained, **more}
            )
        path.touch()
        for each in (path, path.with_suffix(".json")):
            os.utime(each, (age, age))

    day = "2026-01-0{}T00:00:00.000+00:00".format
    put("fold1-features", day(9), scheme={"kind": "folds", "prefix": ""})
    with pytest.raises(Problem, match=r"only networks of a cross-.*--folds K --final"):
        store.find_run(tmp_path)
    put("theirs", day(8), received="theirs.zip")
    put("old", None, age=1000)  # of a release that wrote no time
    assert store.find_run(tmp_path).name == "old.keras"
    put("second", day(5), age=1)
    put("first", day(3), age=10**9)  # copied later
    put("grasp", day(6), task="Grasp")
    assert store.find_run(tmp_path).name == "grasp.keras"
    assert store.find_run(tmp_path, task="Reach").name == "second.keras"
    with pytest.raises(Problem, match="no run of task Lift; its runs are of Grasp, R"):
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
    assert path.read_text() == "one"
    assert list(path.parent.iterdir()) == [path]
    if os.name != "nt":
        assert path.stat().st_mode & 0o777 == 0o644


def test_folder_that_is_a_file_is_one_problem(tmp_path):
    (tmp_path / "sequences").touch()
    with pytest.raises(Problem, match="could not write"):
        storage.write_json(storage.extraction_path(tmp_path), {})


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
    storage.remove_leftovers(tmp_path)
    assert set(tmp_path.iterdir()) == {paths["other"]}
    storage.remove_leftovers(tmp_path / "nowhere")


@pytest.mark.skipif(os.name == "nt", reason="who lives cannot be asked there")
def test_whatever_is_written_first_takes_leftovers_away(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for folder in (tmp_path / "figures", tmp_path / "predictions"):
        folder.mkdir()
        (folder / f".writing-{storage.HOST}-{dead.pid}-0.html").touch()
        storage.write_json(folder / "a.json", {})
        assert [path.name for path in folder.iterdir()] == ["a.json"]


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


CLAIM = "import files, sys, time\nwith files.claim(sys.argv[1]): "


def claim_elsewhere(path, action):
    code = CLAIM + f"print('mine', flush=True); {action}"
    return subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        cwd=Path(storage.__file__).parent,
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
        "import files, sys, time\nfrom pathlib import Path\n"
        "from console import Problem\n"
        "path, done = Path(sys.argv[1]), 0\n"
        "while done < 20:\n"
        "  try:\n"
        "    with files.claim(path):\n"
        "      n = int(path.read_text()); time.sleep(0.001)\n"
        "      path.write_text(str(n + 1)); done += 1\n"
        "  except Problem: time.sleep(0.001)\n"
    )
    command = [sys.executable, "-c", code, str(tally)]
    pool = [
        subprocess.Popen(command, cwd=Path(storage.__file__).parent) for _ in range(4)
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


def test_digest_is_that_of_the_bytes(tmp_path):
    import hashlib

    content = np.random.default_rng(0).bytes(3 * 2**20 + 1)
    (tmp_path / "a").write_bytes(content)
    assert storage.digest_file(tmp_path / "a") == hashlib.sha256(content).hexdigest()
