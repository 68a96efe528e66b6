"""The script from end to end, with small networks and a stand-in for InceptionV3."""

import re

import keras
import numpy as np
import pandas as pd
import pytest
from builders import read_json
from PIL import Image

import explain
import extractor
import models
from explanation import overlays
from explanation.places import find_centres
from features import sequences
from runs import archives
from system import storage

N_FRAMES, N_FEATURES = 7, 6
NAMES = [
    f"v_Rat{'Control' if i < 4 else 'Stroke'}May2_g{i // 2:02}_c{i % 2}"
    for i in range(10)
]
AWKWARD = "v_RatStrokeMay2_g05_é$_{x}$&'"


class StandIn:
    """Features are the colours of a frame, and three that never change."""

    def __init__(self):
        self.seen = []

    def maps(self, frames):
        self.seen += [frame.tobytes() for frame in frames]
        cells = [np.asarray(Image.fromarray(f).resize((8, 8))) / 255 for f in frames]
        fixed = np.ones((len(cells), 8, 8, N_FEATURES - 3))
        return np.concatenate([cells, fixed], axis=3).astype(np.float32)

    def __call__(self, frames):
        return self.maps(frames).mean(axis=(1, 2))


def draw_frame(clip, frame):
    """A dark frame with one bright square that wanders."""
    picture = np.full((64, 96, 3), 30, np.uint8)
    left = 8 + 10 * frame
    picture[20:36, left : left + 16] = (250, 20 * clip % 250, 90)
    return picture


def write_clip(folder, number, name):
    """Write the frames of a clip as PNG, and its sequence."""
    from video.frames import resize_frame

    pictures = [draw_frame(number, frame) for frame in range(N_FRAMES)]
    (folder / "test" / "Reach").mkdir(parents=True, exist_ok=True)
    for index, picture in enumerate(pictures, start=1):
        path = folder / "test" / "Reach" / f"{name}-{index:04}.png"
        Image.fromarray(picture).save(path)
    resized = [resize_frame(picture) for picture in pictures]
    sequences.write_sequence(folder, name, StandIn()(resized))


def write_run(folder, run, seed, kind="lstm", **record):
    keras.utils.set_random_seed(seed)
    if kind == "motion":
        weights = np.random.default_rng(seed).normal(size=4 * N_FEATURES)
        model = models.Motion(N_FRAMES, N_FEATURES, weights=(weights, 1.0))
    else:
        model = models.build_lstm(N_FRAMES, N_FEATURES, units=5, bias=0.1)
    path = storage.checkpoint_path(folder, run)
    path.parent.mkdir(exist_ok=True)
    archives.write_networks(path, [model])
    storage.write_json(
        path.with_suffix(".json"),
        {
            "name": run,
            "task": "Reach",
            "model": kind,
            "options": {"model": kind, "units": 5, "n_frames": N_FRAMES},
            "n_frames": N_FRAMES,
            "n_features": N_FEATURES,
            "extraction": {"weights": "random", "sampling": "stride"},
            "train_clips": {"elsewhere": 1.0},
            "sha256": storage.digest_file(path),
            **record,
        },
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A working folder with 11 clips, one of them oddly named, and three runs."""
    folder = tmp_path_factory.mktemp("work")
    rows = [f"test,Reach,{name},{N_FRAMES},1" for name in [*NAMES, AWKWARD]]
    (folder / "data_file.csv").write_text("\n".join(rows), encoding="utf-8")
    for number, name in enumerate([*NAMES, AWKWARD]):
        write_clip(folder, number, name)
    write_run(folder, "own", 0)
    write_run(folder, "moving", 3, "motion")
    write_run(folder, "groups", 4, target="group")
    return folder


@pytest.fixture
def stand_in(monkeypatch, blank_figures):
    monkeypatch.setattr(extractor, "open_for", lambda *_: StandIn())


EXTRACTOR = StandIn()


@pytest.fixture(scope="module")
def everything(folder):
    """What a run with every option writes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extractor, "open_for", lambda *_: EXTRACTOR)
        explain.main(f"--run own --data {folder} --top 3 --elements 3".split())
    return folder / "figures" / "own"


def test_parts_and_places_add_up_in_the_tables(everything):
    clips = pd.read_csv(everything / "clips.csv").set_index("clip")
    places = pd.read_csv(everything / "places.csv")
    assert (clips["residual"] < 0.01).all()
    for name, clip in clips.iterrows():
        steps = pd.read_csv(everything / "parts" / f"{name}.csv")
        assert list(steps["last_frame"]) == [2, 4, 6]  # the 7th is in no pair
        value = steps["part"].sum() + clip["bias"]
        assert max(value, 0) == pytest.approx(clip["network_score"], abs=1e-4)
        frames = pd.read_csv(everything / "frames" / f"{name}.csv").set_index("frame")
        sums = places[places["clip"] == name].groupby("frame")
        assert len(sums) == 3
        for column in ("attribution", "beyond_mean_frame"):
            found = sums[column].sum()
            assert np.allclose(found, frames.loc[found.index, column], atol=1e-5)
    features = pd.read_csv(everything / "features.csv")
    assert sorted(features["feature"]) == list(range(N_FEATURES))
    assert features["importance"].is_monotonic_decreasing


def test_no_frame_passes_the_extractor_twice(everything):
    n_clips = len(NAMES) + 1
    assert len(EXTRACTOR.seen) == n_clips * N_FRAMES
    assert len(set(EXTRACTOR.seen)) == len(EXTRACTOR.seen)


def test_places_lie_on_what_moves(everything):
    places = pd.read_csv(everything / "places.csv")
    size = places["beyond_mean_frame"].abs()
    rows = places["row"].isin([3, 4, 5])  # the square wanders along these
    assert size[rows].sum() > 0.9 * size.sum()


def test_movement_is_explained_by_kind_and_by_place(folder, stand_in):
    clip = ("--clip", NAMES[0], "--clip", NAMES[9])
    explain.main(["--run", "moving", "--data", str(folder), "--top", "3", *clip])
    (written,) = (folder / "figures" / "moving").glob("2-clips-*")
    parts = pd.read_csv(written / "parts" / f"{NAMES[0]}.csv")
    assert np.allclose(parts[list(models.MOVEMENT)].sum(axis=1), parts["part"])
    places = pd.read_csv(written / "places.csv")
    frames = pd.read_csv(written / "frames" / f"{NAMES[0]}.csv").set_index("frame")
    sums = places[places["clip"] == NAMES[0]].groupby("frame").sum(numeric_only=True)
    assert np.allclose(sums["attribution"], frames.loc[sums.index, "attribution"])
    size = places["beyond_mean_frame"].abs()  # the square wanders along three rows
    assert size[places["row"].isin([3, 4, 5])].sum() > 0.9 * size.sum() > 0
    results = read_json(written / "explanation.json")
    assert sum(results["kinds"].values()) == pytest.approx(1)
    page = (written / "index.html").read_text(encoding="utf-8")
    assert "from how much changes from frame to frame" in page


def test_page_is_whole_escaped_and_alone(everything):
    text = (everything / "index.html").read_text(encoding="utf-8")
    assert "For the statistician" in text and "Kinds of frames" in text
    assert "é$_{x}$&amp;&#39;" in text and AWKWARD not in text
    assert not re.findall(r'(?:src|href)="(?!data:|#)', text)
    assert text.count("<img") >= len(NAMES) + 5
    for figure in re.split("<figure", text)[1:]:
        assert figure.count("<figcaption") <= 1 and "</figure>" in figure
    assert "<figcaption" not in re.split("<figure", text)[0]


def test_a_run_of_groups_is_compared_with_groups(folder, stand_in):
    clip = ("--clip", NAMES[0], "--clip", NAMES[9], "--no-places")
    explain.main(["--run", "groups", "--data", str(folder), *clip])
    (written,) = (folder / "figures" / "groups").glob("2-clips-*")
    table = pd.read_csv(written / "clips.csv").set_index("clip")
    assert list(table.loc[[NAMES[0], NAMES[9]], "expert_score"]) == [0, 1]
    page = (written / "index.html").read_text(encoding="utf-8")
    assert "group (0 or 1) 1.00" in page and "expert score" not in page


def test_without_pictures_there_are_no_places(tmp_path, folder, stand_in, capsys):
    write_run(tmp_path, "own", 0)
    rows = [f"test,Reach,{name},{N_FRAMES},1" for name in NAMES[:3]]
    (tmp_path / "data_file.csv").write_text("\n".join(rows))
    for name in NAMES[:3]:
        sequence = sequences.read_sequence(folder, name, N_FRAMES)
        sequences.write_sequence(tmp_path, name, sequence)
    explain.main(["--data", str(tmp_path), "--run", "own"])
    printed = capsys.readouterr()
    assert "no locations" in printed.err
    written = tmp_path / "figures" / "own"
    assert (written / "index.html").exists()


def test_overlay_colours_by_sign_and_leaves_the_rest_grey():
    frame = np.full((80, 80, 3), 128, np.uint8)
    places = np.zeros((8, 8))
    places[1, 1], places[6, 6] = 1.0, -1.0
    picture = overlays.overlay(frame, places, 1.0).astype(int)
    red, _, blue = np.moveaxis(picture, 2, 0)
    first, last = (round(at) for at in find_centres(80, 8)[[1, 6]])
    assert (first, last) == (18, 61)  # 37 + 32 i of 299 pixels, as measured
    assert red[first, first] > blue[first, first] + 80
    assert blue[last, last] > red[last, last] + 80
    assert np.ptp(picture[40, 10]) < 6
