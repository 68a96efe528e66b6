"""New videos: scores with intervals from the errors on held-out animals."""

import dataclasses
import zipfile

import films
import numpy as np
import pandas as pd
import pytest
from builders import make_run, read_record
from films import make_film
from trainings import N_FEATURES, N_FRAMES, make_folder, train

import extractor
import score
import share
from runs import intervals, novelty, predict, record, store
from system import storage
from system.terminal import Caution, Problem


class StandIn:
    """Features in the place of InceptionV3's: brightness, and nothing else."""

    def stream(self, reads):
        for key, read in reads:
            try:
                means = [frame.mean() / 99 for frame in read()]
                yield key, np.repeat(np.float32(means)[:, None], N_FEATURES, axis=1)
            except Problem as problem:
                yield key, problem


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = make_folder(tmp_path_factory.mktemp("final"), n_animals=10)
    train(folder, "--folds", "3", "--final", "--epochs", "3")
    for number in (1, 2):
        make_film(folder / f"new/v_RatStrokeMay9_g77_c{number:02d}.avi", N_FRAMES)
    (folder / "new/v_RatStrokeMay9_g78_c01.avi").write_bytes(b"no video")
    return folder


@pytest.fixture
def run_score(trained, monkeypatch, capsys):
    def call(*options):
        monkeypatch.setattr(extractor, "open_for", lambda *_: StandIn())
        argv = [str(trained / "new"), "--data", str(trained)]
        code = score.main([*argv, "--run", "Reach-pool", *options])
        return code, capsys.readouterr()

    return call


def test_the_final_network_carries_the_errors_of_its_folds(trained):
    record = read_record(trained, "Reach-pool")
    found = record["errors"]
    clips = {**record["train_clips"], **record["validation_clips"]}
    assert {c["clip"]: c["target"] for c in found["clips"]} == clips
    assert len(clips) == 30 and record["held_out"] == []
    for clip in found["clips"][::7]:
        run = found["networks"][clip["network"]]["run"]
        assert clip["animal"] in read_record(trained, run)["held_out"]
        networks, fold = store.read_run(storage.checkpoint_path(trained, run))
        read = predict.read_sequences(trained, [clip["clip"]], fold)
        (told,) = predict.score_sequences(networks, read)
        assert told == pytest.approx(clip["score"], abs=1e-4)


def test_scores_come_with_intervals_for_clips_and_animals(trained, run_score, tmp_path):
    code, said = run_score("--output", str(tmp_path / "scores.csv"))
    assert code == 1 and "g78_c01" in said.err  # the broken one, and only that
    table = pd.read_csv(tmp_path / "scores.csv")
    assert list(table["animal"]) == ["g77", "g77"]
    networks, run = store.read_run(storage.checkpoint_path(trained, "Reach-pool"))
    (sequence,) = (s for _, s in StandIn().stream([read_of(trained)]))
    told = predict.score_sequences(networks, [sequence])
    assert table["network_score"][0] == pytest.approx(told[0], abs=1e-4)
    low, high = intervals.find_intervals(run, told)[0]
    assert table["low"][0] == pytest.approx(low, abs=1e-4)
    assert table["high"][0] == pytest.approx(high, abs=1e-4) and high > low >= 0
    means = pd.read_csv(tmp_path / "scores-animals.csv")
    assert means["n_clips"].tolist() == [2]
    assert means["network_score"][0] == pytest.approx(table["network_score"].mean())
    assert "true score of 90% of new animals" in said.out


def read_of(folder):
    from video import frames

    video = folder / "new/v_RatStrokeMay9_g77_c01.avi"
    return video, lambda: films.read_video(
        video, N_FRAMES, "stride", frames.resize_frame
    )[0]


def test_too_few_animals_and_old_runs_say_why_there_is_no_interval(
    trained, run_score, recwarn
):
    _, said = run_score("--level", "0.95")
    said_too = " ".join(str(warning.message) for warning in recwarn)
    assert "95% intervals need 19 held-out animals, and run" in said_too
    assert "[low, high] contains the true score of 90% of new animals" in said.out
    assert "--folds 5 --final" in intervals.explain_missing(make_run())
    assert np.isnan(intervals.find_intervals(make_run(), np.ones(2))).all()


@pytest.mark.parametrize("argv", [["--final"], ["--final", "--leave-out", "g01"]])
def test_final_needs_a_whole_cross_validation(trained, argv, capsys):
    with pytest.raises(SystemExit, match="2"):
        train(trained, *argv)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: --final goes with --folds K")


# ---------------------------------------------------------------- novelty


def make_like(n_animals=24, n_features=40):
    """Describe a training by clips that differ little, three of each animal."""
    random = np.random.default_rng(1)
    base = random.random(n_features) + 1
    animals = np.repeat([f"g{n}" for n in range(n_animals)], 3)
    own = np.repeat(random.normal(0, 0.1, (n_animals, n_features)), 3, axis=0)
    means = base + own + random.normal(0, 0.03, own.shape)
    directions = np.stack([novelty.point(mean[None]) for mean in means])
    features = novelty.describe_features(directions, animals)
    like = record.Likeness(
        n_frames=(100, 200),
        seconds=(1, 2),
        fps=(100, 100),
        brightness=(90, 120),
        size=["640x480"],
        features=features,
    )
    return make_run(train_clips={"a": 0, "b": 4}, clips_were=like), base


LIKE = novelty.Look(150, 100.0, "640x480", 100.0)


@pytest.mark.parametrize(
    ("look", "score", "kind"),
    [
        (LIKE, 2, None),
        (LIKE._replace(n_frames=301), 2, "length"),
        (LIKE._replace(n_frames=49), 2, "length"),
        (LIKE._replace(fps=50.0, n_frames=75), 2, "frame rate"),
        (LIKE._replace(size="320x240"), 2, "frame size"),
        (LIKE._replace(brightness=40.0), 2, "brightness"),
        (LIKE, 8.4, "score"),
        (LIKE._replace(fps=None, n_frames=400), 2, "length"),
    ],
)
def test_how_a_video_differs_from_the_training_is_named(look, score, kind):
    run, base = make_like()
    found = novelty.list_warnings(run, look, score, base[None])
    assert set(found) == ({kind} if kind else set())


def test_features_of_another_scene_are_named_and_new_animals_seldom():
    run, base = make_like()
    random = np.random.default_rng(5)
    other = random.random((1, len(base))) * 3
    assert "features" in novelty.list_warnings(run, LIKE, 2, other)
    like, point = run.clips_were, [novelty.point(other)]
    (far,) = novelty.measure_distances(point, np.asarray(like.features.centres))
    features = dataclasses.replace(like.features, limit=far * 0.9999)
    near = dataclasses.replace(like, features=features)
    told = novelty.list_warnings(
        dataclasses.replace(run, clips_were=near), LIKE, 2, other
    )
    assert "(1.01 times the" in told["features"]
    new = base + random.normal(0, 0.1, (400, 1, len(base)))
    new += random.normal(0, 0.03, new.shape)
    flagged = [bool(novelty.list_warnings(run, LIKE, 2, each)) for each in new]
    assert np.mean(flagged) < 0.12
    with pytest.warns(Caution, match="1 of 2 videos differs from the training videos"):
        novelty.report_warnings(run, [{"features": ""}, {}])


def test_old_runs_say_what_they_cannot_tell():
    assert "length, frame size" in novelty.explain_missing(make_run())
    assert not novelty.explain_missing(make_like()[0])
    run = make_run(train_clips=None)
    assert novelty.list_warnings(run, LIKE, 9, np.ones((1, 4))) == {}


def test_strict_refuses_what_differs(trained, run_score, tmp_path):
    path = storage.checkpoint_path(trained, "Reach-pool").with_suffix(".json")
    record = storage.read_json(path)
    try:
        likeness = {**record["clips_were"], "fps": [200, 200]}
        storage.write_json(path, {**record, "clips_were": likeness})
        _, said = run_score()
        assert said.out.count("! frame rate 30 a second, in training 200") == 2
        code, said = run_score("--strict", "--output", str(tmp_path / "s.csv"))
    finally:
        storage.write_json(path, record)
    assert code == 1 and said.err.count("--strict refuses it, frame rate 30") == 2
    assert not (tmp_path / "s.csv").exists()


def test_a_long_video_is_scored_over_time(run_score, trained, tmp_path):
    long = make_film(tmp_path / "long.avi", 60)
    output = tmp_path / "long.csv"
    reading = ["--every", "0.4", "--window", "0.8", "--output", str(output)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extractor, "open_for", lambda *_: StandIn())
        argv = [str(long), "--data", str(trained), "--run", "Reach-pool", *reading]
        assert score.main(argv) == 0
    table = pd.read_csv(output)
    step = table["start"].diff().dropna()
    assert len(table) > 3 and np.allclose(step, 0.4, atol=0.05)
    assert np.allclose(table["end"] - table["start"], 0.8, atol=0.05)
    assert table["network_score"].nunique() > 1  # brightness changes along the film
    assert (tmp_path / "long-long.png").stat().st_size > 5000


def test_videos_deeper_in_a_folder_are_taken_and_those_of_the_system_are_not(tmp_path):
    hidden = (".cache/d.avi", "__MACOSX/e.avi", "@eaDir/f.avi", "below/._b.avi")
    for name in ("a.avi", "below/b.avi", "notes/c.txt", *hidden):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    wanted = [tmp_path / "a.avi", tmp_path / "below/b.avi"]
    assert score.list_videos([tmp_path, tmp_path / "below"]) == wanted


def test_a_run_travels_in_one_file(trained, tmp_path, capsys):
    packed = tmp_path / "run.zip"
    share.main(["Reach-pool", "--data", str(trained), "--output", str(packed)])
    assert "10 animals held out in turn, 90% of its scores" in capsys.readouterr().out
    assert store.find_run(trained, packed).parent.parent == trained  # its own, as it is
    assert read_record(trained, "Reach-pool")["received"] == ""
    other = tmp_path / "other"
    path = store.find_run(other, packed)
    known = storage.read_json(path.with_suffix(".json"))
    assert known == read_record(trained, "Reach-pool") | {"received": "run.zip"}
    assert store.find_run(other, packed) == path  # once more, the same
    path.write_bytes(b"another of its name")
    with pytest.warns(Caution, match="Reach-pool is here already"):
        second = store.find_run(other, packed)
    assert path.read_bytes() == b"another of its name"
    assert store.read_run(second)[1].name == second.stem != path.stem


@pytest.mark.parametrize("names", [(), ("../x.keras", "../x.json"), ("x.keras",)])
def test_a_file_that_is_no_packed_run_is_refused(tmp_path, names):
    packed = tmp_path / "bad.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, "{}")
    with pytest.raises(Problem):
        store.find_run(tmp_path / "data", packed)
    assert not list(tmp_path.rglob("*.keras"))
