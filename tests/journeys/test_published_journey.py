"""The published way: download a checkpoint of Keras 2, validate it, score, explain."""

import functools
import http.server
import json
import threading

import numpy as np
import pytest
from builders import read_csv, read_json
from checkpoints import score_by_hand, write_small

N_FRAMES, N_FEATURES = 20, 2048


@pytest.fixture
def served(lab, monkeypatch):
    """The address of a checkpoint of the published form, and its weights."""
    place = lab.place / "server"
    place.mkdir()
    weights = write_small(place / "g04-features.hdf5", N_FRAMES, N_FEATURES, 8)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    answer = functools.partial(http.server.SimpleHTTPRequestHandler, directory=place)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/g04-features.hdf5", weights
        server.shutdown()
        thread.join()


def write_published(folder, n_animals=6, n_clips=2, parts=("train", "test")):
    """Write a table and text sequences as the authors did: both by clip.

    Every clip is listed as train and as test, lines end with two carriage returns.
    """
    random = np.random.default_rng(0)
    (folder / "sequences").mkdir(parents=True)
    sequences, scores, rows = {}, {}, []
    for animal in range(1, n_animals + 1):
        group = "Control" if animal % 2 else "Stroke"
        for clip in range(1, n_clips + 1):
            name = f"v_Rat{group}Apl27_g{animal:02d}_c{clip:02d}"
            score = animal / 2 + clip / 10
            sequence = random.random((N_FRAMES, N_FEATURES)) * score / 2
            path = folder / "sequences" / f"{name}-{N_FRAMES}-features.txt"
            np.savetxt(path, sequence, fmt="%.5f")
            sequences[name], scores[name] = np.loadtxt(path), score
            rows += [f"{part},Reach,{name},251,{score}" for part in parts]
    (folder / "data_file.csv").write_bytes("\r\r\n".join(rows).encode())
    return sequences, scores


def test_download_validate_score_explain(lab, served):
    url, weights = served
    sequences, experts = write_published(lab.folder)
    lab.ok("download_checkpoint", "--url", url)

    told = lab.ok("validate", "--run", "g04-features")
    assert "NOT A TEST" in told.out and "repeat" in told.out
    path = lab.folder / "predictions/g04-features-test.json"
    found = read_json(path)
    predicted = score_by_hand(list(sequences.values()), weights)
    errors = predicted - np.array([experts[name] for name in sequences])
    figures = found["agreement"]["clips"]
    mae, rmse = np.abs(errors).mean(), np.sqrt((errors**2).mean())
    assert figures["mae"]["value"] == pytest.approx(mae, abs=1e-5)
    assert figures["rmse"]["value"] == pytest.approx(rmse, abs=1e-5)
    r = np.corrcoef(predicted, list(experts.values()))[0, 1]
    assert np.ptp(predicted) > 0.05
    assert figures["pearson"]["value"] == pytest.approx(r, abs=1e-4)
    page = lab.folder / "figures/g04-features/report.html"
    assert "g04-features" in page.read_text(encoding="utf-8")
    rows = {
        row["clip"]: float(row["network_score"])
        for row in read_csv(path.with_suffix(".csv"))
    }
    assert rows == pytest.approx(dict(zip(sequences, predicted, strict=True)), abs=1e-5)

    films = [
        lab.film(f"new/{group}_g2{n}_c1.mp4", speed=n, n_frames=22)
        for n, group in enumerate(("Control", "Control", "Stroke", "Stroke"))
    ]
    argv = ("--compare", "group", "--output", "new.csv")
    told = lab.ok("score", *films, "--run", "g04-features", *argv)
    assert "lstm, trained on unknown clips; 20 frames" in told.out
    lab.ok("explain", "--run", "g04-features", "--no-places")
    told = json.loads(
        (lab.folder / "figures/g04-features/explanation.json").read_text()
    )
    assert told["n_clips"] == len(sequences)


def test_clips_of_test_rows_alone_are_validated(lab, served):
    url, weights = served
    sequences, experts = write_published(lab.folder, 4, parts=("test",))
    lab.ok("download_checkpoint", "--url", url)
    (lab.folder / "sequences").rename(lab.place / "aside")
    command = "python extract_features.py --weights imagenet --seq-length 20 "
    lab.refused("validate", words=["no sequences of 20 frames yet", command])
    (lab.place / "aside").rename(lab.folder / "sequences")
    lab.ok("validate")  # the only checkpoint there is
    path = lab.folder / "predictions/g04-features-test.json"
    found = read_json(path)
    predicted = score_by_hand(list(sequences.values()), weights)
    bias = float(np.mean(predicted - np.array([experts[name] for name in sequences])))
    bias_found = found["agreement"]["clips"]["bias"]["value"]
    assert bias_found == pytest.approx(bias, abs=1e-4)
    assert found["crossed"] is False


def test_training_on_published_sequences_and_on_the_same_converted(lab):
    _, experts = write_published(lab.folder, parts=("train",))
    argv = ("--task", "Reach", "--model", "motion")
    told = lab.ok("train_reg", *argv, "--folds", "3", "--final")
    assert "no movement sequences yet" in told.err
    record = read_json(lab.folder / "checkpoints/Reach-motion.json")
    assert record["extraction"]["weights"] == "imagenet"
    assert record["extraction"]["n_frames"] == record["n_frames"] == N_FRAMES
    assert record["train_clips"] == experts

    lab.ok("validate", "--folds")
    path = lab.folder / "predictions/Reach-motion-folds.json"
    rows = [
        (r["clip"], float(r["network_score"]))
        for r in read_csv(path.with_suffix(".csv"))
    ]
    off = np.mean([abs(score - experts[name]) for name, score in rows])
    mae = read_json(path)["agreement"]["clips"]["mae"]["value"]
    assert mae == pytest.approx(off, abs=1e-6) and len(rows) == len(experts)
    new = lab.film("new/g31_c1.mp4", speed=3, n_frames=22)
    lab.ok("score", new, "--output", "new.csv")

    kept = (lab.folder / "checkpoints/Reach-motion.keras").stat().st_mtime_ns
    lab.ok("train_reg", *argv, "--folds", "3", "--final")  # nothing is left to do
    assert (lab.folder / "checkpoints/Reach-motion.keras").stat().st_mtime_ns == kept
    lab.ok("score", new)
    lab.ok("explain", "--split", "train", "--no-places")
