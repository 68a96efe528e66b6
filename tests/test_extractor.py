"""Features do not depend on anything but the frame and the weights."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import films
import numpy as np
import pytest
from PIL import Image

from extractor import Extractor, decode_ahead
from system.backend import keras
from system.terminal import Problem
from video.frames import resize_frame

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def pictures():
    """Frames of several sizes, uint8 (H, W, 3)."""
    random = np.random.default_rng(0)
    noise = [
        random.integers(0, 256, (h, w, 3), np.uint8) for h, w in ((40, 60), (5, 7))
    ]
    return [films.draw_frame(5), films.draw_frame(9, (320, 200)), *noise]


@pytest.mark.parametrize(
    "size", [(299, 299), (1, 1), (299, 1), (300, 298), (416, 374), (832, 747), (97, 63)]
)
def test_resizing_is_that_of_pil(size):
    width, height = size
    frame = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    expected = Image.fromarray(frame).resize((299, 299), Image.NEAREST)
    np.testing.assert_array_equal(resize_frame(frame), np.asarray(expected))


def test_features_are_means_of_what_the_network_gives(random_extractor, pictures):
    """The network itself is compared with that of Keras in `test_inception_v3.py`."""
    images = [
        np.asarray(Image.fromarray(picture).resize((299, 299), Image.NEAREST))
        for picture in pictures
    ]
    expected = random_extractor.network.predict_on_batch(np.stack(images))["features"]
    maps, features = random_extractor.maps(pictures), random_extractor(pictures)
    assert features.shape == (4, 2048) and features.dtype == np.float32
    assert (features >= 0).all() and features.max() > 0
    np.testing.assert_allclose(maps, expected, atol=1e-6 * expected.max())
    means = expected.mean((1, 2))
    np.testing.assert_allclose(features, means, rtol=1e-5, atol=1e-6 * means.max())


def test_neighbours_and_batch_size_do_not_matter(random_extractor, pictures):
    together = random_extractor(pictures)
    scale = np.abs(together).max()
    reverse = random_extractor(pictures[::-1])[::-1]
    alone = random_extractor(pictures[1:2])
    np.testing.assert_array_equal(together, random_extractor(pictures))
    np.testing.assert_allclose(reverse, together, atol=1e-6 * scale)
    np.testing.assert_allclose(alone, together[1:2], atol=1e-6 * scale)
    other = Extractor.__new__(Extractor)  # another batch size, without a second network
    vars(other).update(vars(random_extractor), batch_size=3)
    np.testing.assert_allclose(other(pictures), together, atol=1e-6 * scale)


def test_one_pass_gives_both_kinds_and_a_shorter_network_the_same(
    random_extractor, pictures
):
    features = random_extractor(pictures)
    try:
        keras.utils.clear_session(free_memory=False)  # Keras counts names anew
        random_extractor.choose(("features", "movement"))
        both = random_extractor.split(random_extractor(pictures))
        n_layers = len(random_extractor.model.layers)
        random_extractor.choose(("movement",))
        alone, maps = random_extractor(pictures), random_extractor.maps(pictures[:2])
        assert len(random_extractor.model.layers) < 0.75 * n_layers
    finally:
        random_extractor.choose(("features",))
    assert alone.shape == (len(pictures), 1536) and alone.min() >= 0
    np.testing.assert_allclose(both["features"], features, atol=1e-6 * features.max())
    np.testing.assert_allclose(both["movement"], alone, atol=1e-6 * alone.max())
    assert maps.shape == (2, 17, 17, 1536)
    np.testing.assert_allclose(maps.mean((1, 2)), alone[:2], rtol=1e-4, atol=1e-7)


def test_clips_share_passes_and_get_their_own_features(random_extractor, pictures):
    resized = [resize_frame(picture) for picture in pictures]

    def fail():
        raise Problem("broken")

    sources = [
        ("one", lambda: resized[:1]),
        ("bad", fail),
        ("three", lambda: resized[1:]),
        ("again", lambda: resized[:1]),
    ]
    keys, results = zip(*random_extractor.stream(sources), strict=True)
    assert keys == ("one", "bad", "three", "again")
    assert str(results[1]) == "broken"
    expected = random_extractor(pictures)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(results[0], expected[:1], atol=1e-6 * scale)
    np.testing.assert_allclose(results[2], expected[1:], atol=1e-6 * scale)
    np.testing.assert_allclose(results[3], expected[:1], atol=1e-6 * scale)


def test_the_start_loads_no_package_that_nobody_needs():
    code = "import sys; from system import backend; backend.keras; "
    code += "print(*[n for n in backend.UNUSED if n in sys.modules])"
    code += "; import pandas, scipy.stats, sklearn, matplotlib; print('all')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True
    )
    assert done.stdout.split() == ["all"], done.stderr


# ---------------------------------------------------------------- decoding ahead


def test_decoding_keeps_the_order_and_stays_a_little_ahead():
    begun, taken = [], []

    def read(number):
        begun.append(number)
        return number

    sources = ((n, lambda n=n: read(n)) for n in range(20))
    for key, value in decode_ahead(sources, depth=2):
        assert key == value
        taken.append(key)
        time.sleep(0.01)
        assert len(begun) - len(taken) <= 4
    assert taken == list(range(20))


def test_a_bug_reaches_whoever_waits():
    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(decode_ahead([(1, fail)]))


def test_leaving_early_ends_the_thread():
    before = threading.active_count()
    stream = decode_ahead((n, lambda: []) for n in range(10**9))
    next(stream)
    stream.close()
    assert threading.active_count() == before
