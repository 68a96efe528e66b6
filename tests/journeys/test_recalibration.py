"""A run of another lab is fitted to the few clips that this lab has scored."""

import re

import builders
import numpy as np
import pytest
from builders import read_json, read_record

from system import storage

ARGS = ("validate", "--run", "Reach-motion", "--recalibrate")


def visit(lab, animals=6, of=None):
    """Pack a run, open a second lab with films of its own, and score them."""
    lab.study("--model", "motion", "--activation", "linear", animals=6, clips=2)
    lab.ok("share", "Reach-motion", "--output", lab.place / "R.zip")
    other = builders.Lab(lab.place / "other")
    films = other.record_animals("films", animals=animals, clips=2)
    for path in sorted(films.rglob("*.mp4")):
        path.rename(path.with_name(f"lab2_{path.name}"))
    other.ok("extract_files", "--from", films, "--task", "Reach", "--yes")
    other.score(of or (lambda row: 2 * builders.number_in(row) + 3))
    other.extract()
    return other


def test_a_received_run_is_fitted_to_clips_scored_here(lab):
    other = visit(lab)
    plain = other.ok("validate", "--run", lab.place / "R.zip")
    assert "next: python explain.py --run Reach-motion --data" in plain.out
    (mae,) = re.findall(r"MAE over clips +(.*\])", plain.out)
    told = other.ok("validate", "--run", lab.place / "R.zip", "--recalibrate")
    assert "12 clips of 6 animals that Reach-motion never saw" in told.out
    assert f"Reach-motion as it is {mae}" in told.out
    assert "score.py NEW_VIDEOS --run Reach-motion-recalibrated" in told.out
    new = read_record(other.folder, "Reach-motion-recalibrated")
    old = read_record(other.folder, "Reach-motion")
    theirs = read_record(lab.folder, "Reach-motion")
    assert {**old, "received": ""} == {**theirs, "received": ""}
    kept = storage.digest_file(other.folder / "checkpoints/Reach-motion.keras")
    assert kept == theirs["sha256"] == new["base"]["sha256"]
    assert 1.5 < new["base"]["slope"] < 2.6
    clips = new["errors"]["clips"]
    assert len(clips) == 12 and len({clip["animal"] for clip in clips}) == 6

    # New films, first of the animals that were fitted, then of others so named.
    more = other.record_animals("more", animals=6, clips=3)
    films = [p.rename(p.with_name(f"new_{p.name}")) for p in more.rglob("*_c3.mp4")]
    told = other.ok("score", *films, "--run", "Reach-motion-recalibrated")
    assert "no interval for 6 of 6" in told.err
    others = ("--other-animals", "--output", other.place / "s.csv")
    told = other.ok("score", *films, "--run", "Reach-motion-recalibrated", *others)
    rows = builders.read_csv(other.place / "s.csv")
    wanted = [2 * builders.number_in(row) + 3 for row in rows]
    scores = [float(row["network_score"]) for row in rows]
    assert np.abs(np.subtract(scores, wanted)).mean() < 2
    assert all(row["low"] for row in rows) and "85%" in told.all

    # Clips that were fitted are no test, and a recalibrated run travels on.
    told = other.ok(
        "validate", "--run", "Reach-motion-recalibrated", "--split", "train"
    )
    assert "NOT A TEST" in told.out
    other.refused("validate", "--run", ARGS[2] + "-recalibrated", words=("fitted to",))
    other.refused(*ARGS, words=("there already", "--recalibrate NAME"))
    again = (*ARGS[:2], "Reach-motion-recalibrated", "--recalibrate", "x")
    other.refused(*again, words=("Reach-motion recalibrated",))
    packed = other.place / "New.zip"
    other.ok("share", "Reach-motion-recalibrated", "--output", packed)
    first = lab.ok("validate", "--run", packed, "--split", "train")
    assert "NOT A TEST" in first.out  # the first lab's own clips
    back = read_json(lab.folder / "checkpoints/Reach-motion-recalibrated.json")
    assert back["received"] == "New.zip"


def test_too_few_clips_or_animals_are_refused_in_one_line(lab):
    other = visit(lab)
    rows = other.rows()
    few = {row["clip"] for row in rows[:3]}
    argv = ("validate", "--run", lab.place / "R.zip", "--recalibrate")
    other.edit(lambda row: row.update(score="" if row["clip"] in few else row["score"]))
    told = other.refused(*argv, words=("9 clips of 5 animals",))
    assert told.err.splitlines()[-1].startswith("error: --recalibrate needs 10")
    other.edit(lambda row: row.update(animal=f"Rat {int(row['animal'][4:]) % 4}"))
    other.score(lambda row: -builders.number_in(row))
    other.refused(*argv, words=("12 clips of 4 animals",))
    lab.refused("validate", "--recalibrate", words=("--run R",))
    assert not list(other.folder.glob("checkpoints/*recalibrated*"))


def test_scores_that_run_the_other_way_make_no_run(lab):
    other = visit(lab, of=lambda row: 30 - 3 * builders.number_in(row))
    argv = ("validate", "--run", lab.place / "R.zip", "--recalibrate")
    other.refused(*argv, words=("go in opposite directions",))
    assert not list(other.folder.glob("checkpoints/*recalibrated*"))


@pytest.mark.parametrize("model", ["motion", "pool"])
def test_what_is_written_scores_as_the_line_does(lab, model):
    """Animals scored after the training, say, by a second camera: our own run, too."""
    from runs import predict, store

    lab.write_sequences(["a"] * 12, clips=1)
    scores = builders.by_clip(lab, "score")
    late = {row["clip"] for row in lab.rows() if int(row["animal"][4:]) > 6}
    lab.edit(lambda row: row.update(score="" if row["clip"] in late else row["score"]))
    options = ["--activation", "linear"]
    if model == "pool":
        options = ["--ensemble", "2", "--epochs", "60", "--learning-rate", "0.05"]
        options += ["--standardize"]
    lab.ok("train_reg", "--model", model, *options)
    run = f"Reach-{model}"
    argv = ("validate", "--run", run, "--recalibrate", "second")
    lab.refused(*argv, words=("0 clips of 0 animals",))
    lab.edit(lambda row: row.update(score=scores[row["clip"]]))
    lab.refused(*argv, words=("6 clips of 6 animals",))
    lab.write_sequences(["a"] * 18, clips=1)
    lab.edit(lambda row: row.update(score=f"{0.4 * float(row['score']) + 1:.2f}"))
    lab.ok(*argv)
    old, new = (store.open_run(store.find_run(lab.folder, n)) for n in (run, "second"))
    assert len(new.train_clips) == 12 and new.base.clips == old.targets
    found = []
    for run in (old, new):
        networks, run = store.load_networks(run)
        read = predict.read_sequences(lab.folder, list(new.train_clips), run)
        found.append(predict.score_sequences(networks, read))
    line = new.base.slope * found[0] + new.base.offset
    if model == "motion":
        ends = [*old.targets.values()]
        inside = (found[0] > min(ends)) & (found[0] < max(ends))
        line = np.clip(line, min(new.targets.values()), max(new.targets.values()))
        assert inside.sum() > 1
    else:
        inside = found[0] > 0.1
    assert found[1][inside] == pytest.approx(line[inside], abs=1e-3)


def test_a_line_goes_into_the_weights_of_an_lstm():
    import models
    from evaluation import recalibration

    random = np.random.default_rng(0)
    network = models.build_lstm(6, 4, units=3, bias=0.2)
    weights = [random.normal(0, 0.7, w.shape) for w in network.get_weights()]
    network.set_weights(weights)
    sequences = random.normal(size=(9, 6, 4)).astype(np.float32)
    clipped = np.asarray(network(sequences))
    recalibration.unclip(network)
    values = network.predict_on_batch(sequences)
    assert values.min() < 0
    assert np.maximum(values, 0) == pytest.approx(clipped, abs=1e-6)
    recalibration.move(network, (2.5, 0.4))
    expected = 2.5 * values + 0.4
    assert network.predict_on_batch(sequences) == pytest.approx(expected, abs=1e-5)
