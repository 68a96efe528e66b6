"""The demo's drawings: what is true of them, and that the scripts can read them."""

import itertools

import numpy as np
import pytest
from builders import read_csv

import data
import demo
from synthetic import drawing
from system import storage
from system.terminal import Problem
from video import frames


def new_rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A drawn data set of nine animals, one short clip each."""
    folder = tmp_path_factory.mktemp("demo") / "drawn"
    rng = new_rng(5)
    animals = demo.choose_animals(rng, n_animals=9, n_clips=1)
    demo.prepare_folder(folder, seed=5)
    demo.draw_data_set(folder, animals, rng)
    return folder, animals


def test_only_the_order_of_stages_tells_the_deficit():
    """Every clip holds the same stages equally often; they change more often."""
    rng, counts = new_rng(), []
    for deficit in (0.0, 1.0, 2.5, 4.0, 5.0):
        plans = [drawing.plan_movement(deficit, 20, rng) for _ in range(20)]
        leans = [[pose.lean for pose in poses] for poses in plans]
        assert {tuple(sorted(each)) for each in leans} == {tuple(sorted(leans[0]))}
        paws = [[pose.paw for pose in poses] for poses in plans]
        moves = {sum(a != b for a, b in itertools.pairwise(each)) for each in paws}
        counts.append(moves.pop())
        assert not moves
    assert counts == [2, 5, 10, 14, 17]


@pytest.mark.parametrize("seed", range(20))
def test_test_animals_are_apart_and_span_the_deficits(seed):
    animals = demo.choose_animals(new_rng(seed))
    test = [animal for animal in animals if animal.split == "test"]
    assert len(animals) == demo.N_ANIMALS
    assert len({animal.name for animal in animals}) == len(animals)
    assert len(test) == demo.N_TEST
    means = [np.mean(animal.deficits) for animal in test]
    assert min(means) < 1.5
    assert max(means) > 3.5
    deficits = {deficit for animal in animals for deficit in animal.deficits}
    assert all(0 <= deficit <= 5 and deficit % 0.5 == 0 for deficit in deficits)


def test_the_scripts_read_the_data_set(small):
    folder, animals = small
    clips = data.read_clips(folder)
    assert {clip.task for clip in clips} == {demo.TASK}
    for clip in clips:
        (animal,) = (a for a in animals if a.name == data.animal_of(clip.name))
        assert clip.score == animal.deficits[0]
        assert clip.split == animal.split
        assert data.group_of(clip.name) == animal.group
        assert data.date_of(clip.name) == (5, 2)
        assert len(frames.read_frames(folder, clip, 8)) == 8


def test_a_small_study_is_drawn_as_a_laboratory_has_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "STUDY_ANIMALS", 2)
    monkeypatch.setattr(demo, "STUDY_NEW", 1)
    monkeypatch.setattr(demo, "STUDY_FRAMES", 4)
    demo.main(["--recordings", str(tmp_path / "s")])
    rows = read_csv(tmp_path / "s" / "scores.csv")
    films_there = {path.name for path in (tmp_path / "s" / "recordings").rglob("*.mp4")}
    assert {row["video"] for row in rows} == films_there and len(rows) == 8
    assert all(float(row[rater]) % 0.5 == 0 for row in rows for rater in ("JB", "MK"))
    assert len(list((tmp_path / "s" / "new").rglob("*.mp4"))) == 2
    assert "scores of two raters" in capsys.readouterr().out
    with pytest.raises(Problem, match="name a new folder"):
        demo.main(["--recordings", str(tmp_path / "s")])


def test_a_foreign_folder_is_refused_untouched(tmp_path):
    (tmp_path / "data_file.csv").write_text("train,Reach,a,1,2\n")
    with pytest.raises(Problem, match="--data"):
        demo.prepare_folder(tmp_path, seed=1)
    assert [path.name for path in tmp_path.iterdir()] == ["data_file.csv"]


def test_an_earlier_demo_is_replaced_and_guests_stay(tmp_path):
    demo.prepare_folder(tmp_path, seed=1)
    (tmp_path / "sequences").mkdir()
    (tmp_path / "sequences" / "old.npy").write_text("")
    (tmp_path / "notes.txt").write_text("mine")
    demo.prepare_folder(tmp_path, seed=2)
    assert {path.name for path in tmp_path.iterdir()} == {"demo.json", "notes.txt"}


def test_a_failed_download_falls_back_loudly(tmp_path, monkeypatch, capsys):
    calls = []

    def run(*argv):
        calls.append(argv)
        if "random" not in argv:
            raise Problem("no download")

    monkeypatch.setattr(demo, "run_script", run)
    with pytest.warns(match="no download"):
        assert demo.extract(tmp_path, None) == "random"
    assert "UNTRAINED" in capsys.readouterr().out
    assert calls[-1][-2:] == ("--weights", "random")


@pytest.mark.thorough
@pytest.mark.parametrize("seed", [1, 4, 5])
@pytest.mark.parametrize("weights", ["random", "offline"])
def test_unseen_animals_are_scored(tmp_path, weights, seed, request, capsys):
    """What the demo promises, on three seeds, untrained network and trained one."""
    argv = ["--data", str(tmp_path / "demo"), "--seed", str(seed)]
    file = weights
    if weights == "offline":
        place = request.getfixturevalue("shared") / "weights"
        file = str(place / "inception_v3_offline_notop.h5")
    assert not demo.main([*argv, "--weights", file])
    path = storage.predictions_path(tmp_path / "demo", demo.RUN, "test", ".json")
    report = storage.read_json(path)
    pearson, mae = (
        report["agreement"]["clips"][k]["value"] for k in ("pearson", "mae")
    )
    mean, ridge = (
        report["baselines"][name]["clips"]["mae"]["value"]
        for name in ("training mean", "ridge")
    )
    assert pearson >= 0.9
    assert mae <= mean / 3
    assert mae < ridge / 2
    assert "drawn, not real" in capsys.readouterr().out
