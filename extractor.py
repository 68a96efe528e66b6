"""InceptionV3 without its top: RGB frames in, 2,048 features a frame out."""

import hashlib
import queue
import socket
import threading
from pathlib import Path

import numpy as np
from PIL import Image

from console import Problem, quietly

with quietly():
    import keras

FRAME_SIZE = 299
N_FEATURES = 2048
MAP_SIZE = 8  # the last block of InceptionV3 sees a frame as 8 x 8 places
BATCH_SIZE = 8
PUBLISHED_WEIGHTS = ("imagenet", "random")
RANDOM_SEED = 0
TIMEOUT = 60  # seconds without an answer after which a download counts as failed


def resize_frame(frame):
    """Resize a frame to 299x299, aspect ratio ignored, by nearest neighbour.

    The published features came from Keras's `load_img`, which then resized so; the
    weights of the published regressor depend on it.

    Parameters
    ----------
    frame : uint8, (H, W, 3)

    Returns
    -------
    uint8, (299, 299, 3)
    """
    image = Image.fromarray(np.ascontiguousarray(frame))
    return np.asarray(image.resize((FRAME_SIZE, FRAME_SIZE), Image.Resampling.NEAREST))


class Extractor:
    """InceptionV3 with its preprocessing inside: pixels in, features out.

    Parameters
    ----------
    weights : str or path
        "imagenet" (downloaded by Keras, once), "random" (seeded, untrained), or a file:
        HDF5 weights of `keras.applications` with or without the top, or a whole
        InceptionV3 as `.keras` or `.h5`.
    batch_size : int
        Frames a pass. Every pass has this many, the last one padded, so a frame's
        features do not depend on its neighbours.

    Attributes
    ----------
    record : dict
        What the features depend on: weights and their sha256, frame size, precision.

    Raises
    ------
    Problem
        When the weights cannot be had or are not InceptionV3's.
    """

    def __init__(self, weights="imagenet", batch_size=BATCH_SIZE):
        self.batch_size = batch_size
        base = build_base(weights)
        self.record = {
            "weights": name_weights(weights),
            "sha256": digest_weights(base),
            "frame_size": FRAME_SIZE,
            "precision": "float32",
        }
        pixels = keras.Input((FRAME_SIZE, FRAME_SIZE, 3), dtype="uint8")
        scaled = keras.ops.cast(pixels, "float32") / 127.5 - 1.0  # preprocess_input
        maps = base(scaled)  # (B, 8, 8, 2048)
        features = keras.layers.GlobalAveragePooling2D()(maps)  # (B, 2048)
        self.model = keras.Model(pixels, features)
        self.map_model = keras.Model(pixels, maps)

    def __call__(self, frames):
        """Extract the features of frames.

        Parameters
        ----------
        frames : sequence of uint8 arrays (H, W, 3), of any size

        Returns
        -------
        float32, (T, 2048)
        """
        return self.predict(self.model, frames)

    def maps(self, frames):
        """Extract the last block's maps, whose means over places are the features.

        Returns
        -------
        float32, (T, 8, 8, 2048)
        """
        return self.predict(self.map_model, frames)

    def predict(self, model, frames):
        pixels = np.stack([resize_frame(frame) for frame in frames])
        parts = [
            model.predict_on_batch(
                pad(pixels[i : i + self.batch_size], self.batch_size)
            )
            for i in range(0, len(pixels), self.batch_size)
        ]
        return np.concatenate(parts)[: len(pixels)].astype(np.float32)

    def stream(self, sources):
        """Extract clip after clip while the next ones are being decoded.

        Frames of several clips share a pass, so that the network is always full.

        Parameters
        ----------
        sources : iterable of (key, callable)
            The callable returns the resized frames of a clip, a list of uint8 arrays
            (299, 299, 3); it runs in another thread and may raise Problem.

        Yields
        ------
        (key, float32 (T, 2048) or Problem)
            In the order of the sources.
        """
        waiting = []  # [key, features so far, frames still without features]
        frames = []
        for key, clip_frames in decode_ahead(sources):
            if isinstance(clip_frames, Problem):
                waiting.append([key, clip_frames, 0])
            else:
                waiting.append([key, [], len(clip_frames)])
                frames += clip_frames
            while len(frames) >= self.batch_size:
                self.share_out(frames[: self.batch_size], waiting)
                frames = frames[self.batch_size :]
            yield from pop_finished(waiting)
        if frames:
            self.share_out(frames, waiting)
        yield from pop_finished(waiting)

    def share_out(self, frames, waiting):
        """Pass frames through the network and hand the features to their clips."""
        features = self(frames)
        for entry in waiting:
            _, collected, n_missing = entry
            if n_missing:
                part, features = features[:n_missing], features[n_missing:]
                collected.extend(part)
                entry[2] -= len(part)


def pop_finished(waiting):
    while waiting and waiting[0][2] == 0:
        key, collected, _ = waiting.pop(0)
        failed = isinstance(collected, Problem)
        yield key, collected if failed else np.stack(collected)


def decode_ahead(sources, depth=2):
    """Run the callables of `sources` in a thread, at most `depth` results ahead.

    Yields
    ------
    (key, list of frames or Problem)
    """
    ready = queue.Queue(depth)
    stopped = threading.Event()

    def put(item):
        while not stopped.is_set():
            try:
                return ready.put(item, timeout=0.1)
            except queue.Full:
                continue

    def work():
        try:
            for key, read in sources:
                try:
                    put((key, read()))
                except Problem as problem:
                    put((key, problem))
                if stopped.is_set():
                    return
            put(None)
        except BaseException as error:  # a bug belongs to the thread that waits
            put(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()


def pad(batch, size):
    """Repeat the last entry until the batch has `size`."""
    missing = size - len(batch)
    return np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)])


def name_weights(weights):
    """Name weights so that `Extractor` finds them again from any folder."""
    known = weights in PUBLISHED_WEIGHTS
    return weights if known else str(Path(weights).resolve())


def digest_weights(base):
    """Compute the sha256 of the weights themselves, whatever file they came in."""
    digest = hashlib.sha256()
    for weight in base.get_weights():
        digest.update(np.ascontiguousarray(weight, np.float32).tobytes())
    return digest.hexdigest()


def build_base(weights):
    """Build InceptionV3 up to its last block, (B, 299, 299, 3) -> (B, 8, 8, 2048)."""
    if weights == "imagenet":
        return download_imagenet()
    if weights == "random":
        keras.utils.set_random_seed(RANDOM_SEED)
        return build_inception()
    path = Path(weights)
    if not path.is_file():
        raise Problem(
            f"--weights {weights}: no such file. Give imagenet, random, or a file of "
            "InceptionV3 weights"
        )
    try:
        if path.suffix == ".keras":
            return take_base(keras.saving.load_model(path, compile=False))
        return load_hdf5(path)
    except Problem:
        raise
    except Exception as error:  # h5py and Keras raise many kinds on a wrong file
        reason = str(error).strip().splitlines()[0][:150] if str(error) else error
        raise Problem(f"{path} holds no InceptionV3 weights ({reason})") from None


def build_inception(weights=None, include_top=False):
    shape = (FRAME_SIZE, FRAME_SIZE, 3)
    return keras.applications.InceptionV3(
        include_top=include_top, weights=weights, input_shape=shape
    )


def download_imagenet():
    kept = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        return build_inception("imagenet")
    except Exception as error:  # whatever the network may raise
        raise Problem(
            "the ImageNet weights of InceptionV3 could not be downloaded "
            f"({type(error).__name__}). Without internet give --weights FILE, or "
            "--weights random to try things out untrained"
        ) from None
    finally:
        socket.setdefaulttimeout(kept)


def load_hdf5(path):
    import h5py

    with h5py.File(path) as file:
        is_whole = "model_weights" in file or "model_config" in file.attrs
        names = file.attrs.get("layer_names", [])
        has_top = any("predictions" in str(name) for name in names)
    if is_whole:
        return take_base(keras.saving.load_model(path, compile=False))
    model = build_inception(include_top=has_top)
    model.load_weights(path)
    return take_base(model)


def take_base(model):
    """Cut an InceptionV3 after its last block, the layer `mixed10`."""
    try:
        base = keras.Model(model.inputs, model.get_layer("mixed10").output)
    except ValueError:
        raise Problem(
            "a whole model must be InceptionV3 with a layer mixed10"
        ) from None
    expected = (None, MAP_SIZE, MAP_SIZE, N_FEATURES)
    if base.output_shape != expected:
        raise Problem(f"expected maps {expected}. Received: {base.output_shape}")
    return base
