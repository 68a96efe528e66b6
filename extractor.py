"""InceptionV3 as an extractor: RGB frames in, features out.

One pass can give two kinds of sequence: "features", the published 2,048 of the last
block, and "movement", 1,536 of two middle blocks.
"""

import collections
import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PureWindowsPath

import numpy as np

from features import inception_v3
from features.inception_v3 import WIDTHS
from features.sequences import NAMED_WEIGHTS, check_weights
from system.backend import keras
from system.terminal import Problem, caution
from video.frames import FRAME_SIZE, resize_frame

# Measured on two cores: 149, 148 and 145 ms of processor time a frame in batches of 4,
# 8 and 16, against 269 one by one. A GPU needs more at once (not measured).
BATCH_SIZE, GPU_BATCH_SIZE = 8, 32


class Extractor:
    """InceptionV3 with its preprocessing inside: pixels in, features out.

    `weights` are "imagenet" (downloaded by Keras, once), "random" (seeded, untrained),
    or a file of weights or of a whole InceptionV3 of Keras, `.h5` or `.keras`; Problem
    is raised when they cannot be had or are not InceptionV3's. Every pass has
    `batch_size` frames, by default what suits the device; the last one is padded, so a
    frame's features do not depend on its neighbours. A GPU can compute in the
    `precision` "bfloat16"; processors gain nothing from it.

    `record` names what the features depend on, a dict: weights and their sha256, frame
    size, precision, middle blocks.
    """

    kinds = ("features",)

    def __init__(self, weights="imagenet", batch_size=None, precision="float32"):
        on_gpu = bool(keras.distribution.list_devices("gpu"))
        self.batch_size = batch_size or (GPU_BATCH_SIZE if on_gpu else BATCH_SIZE)
        if precision != "float32" and not on_gpu:
            caution("bfloat16 brings nothing on a processor: computing in float32")
            precision = "float32"
        self.network, digest = inception_v3.build(weights, precision)
        self.record = {
            "weights": check_weights(weights),
            "sha256": digest,
            "frame_size": FRAME_SIZE,
            "precision": precision,
            "movement": inception_v3.MIDDLE,
        }
        self.choose(self.kinds)

    def choose(self, kinds):
        """Set which kinds of sequence are extracted; initially it is features only.

        The network ends with the last block that is needed.
        """
        if hasattr(self, "model") and tuple(kinds) == self.kinds:
            return
        self.kinds = tuple(kinds)
        maps = [self.network.output[kind] for kind in self.kinds]
        # Named, as Keras may count anew and give a name that the network has already.
        pooled = [
            keras.layers.GlobalAveragePooling2D(name=f"mean_of_{kind}")(each)
            for kind, each in zip(self.kinds, maps, strict=True)
        ]
        if len(pooled) > 1:
            pooled = [keras.layers.Concatenate(name="kinds")(pooled)]
        self.model = keras.Model(self.network.inputs[0], pooled[0])
        self.map_model = keras.Model(self.network.inputs[0], maps[0])

    @property
    def width(self):
        """Numbers a frame, over all kinds."""
        return sum(WIDTHS[kind] for kind in self.kinds)

    def split(self, extracted):
        """Split what was extracted, (T, width), into its kinds: a dict of (T, F)."""
        ends = np.cumsum([WIDTHS[kind] for kind in self.kinds])[:-1]
        return dict(zip(self.kinds, np.split(extracted, ends, axis=1), strict=True))

    def __call__(self, frames):
        """Extract float32 (T, width), kind after kind, of frames (H, W, 3)."""
        return self.predict(self.model, frames)

    def maps(self, frames):
        """Extract the maps whose means over places are the features of the first kind.

        Returns float32, (T, 8, 8, 2048) or (T, 17, 17, 1536).
        """
        return self.predict(self.map_model, frames)

    def predict(self, model, frames):
        pixels, size = np.stack([resize_frame(f) for f in frames]), self.batch_size
        missing = -len(pixels) % size  # the last frame is repeated until a pass is full
        padded = np.concatenate([pixels, np.repeat(pixels[-1:], missing, axis=0)])
        passes = padded.reshape(-1, size, *pixels.shape[1:])
        parts = [model.predict_on_batch(one) for one in passes]
        return np.concatenate(parts)[: len(pixels)].astype(np.float32)

    def stream(self, sources):
        """Extract clip after clip while the next ones are being decoded.

        Frames of several clips share a pass, so that the network is always full.
        `sources` are pairs of a key and a callable that returns the resized frames of
        a clip, a list of uint8 (299, 299, 3); it runs in another thread and may raise
        Problem. Yields each key with float32 (T, width) or the Problem.
        """
        waiting, frames, features = collections.deque(), [], []
        for key, read in decode_ahead(sources):
            failed = isinstance(read, Problem)
            waiting.append((key, read if failed else len(read)))
            frames += [] if failed else read
            while len(frames) >= self.batch_size:
                features.extend(self(frames[: self.batch_size]))
                del frames[: self.batch_size]
            yield from hand_out(waiting, features)
        if frames:
            features.extend(self(frames))
        yield from hand_out(waiting, features)


def hand_out(waiting, features):
    """Take off, and yield, the clips that failed or whose features are all there.

    `waiting` are pairs of a key and a Problem or T; `features` come in that order.
    """
    while waiting:
        key, found = waiting[0]
        if not isinstance(found, Problem):
            if len(features) < found:
                return
            n_frames, found = found, np.stack(features[:found])
            del features[:n_frames]
        waiting.popleft()
        yield key, found


def decode_ahead(sources, depth=2):
    """Run the callables of `sources` in a thread, at most `depth` results ahead.

    Yields (key, list of frames or Problem).
    """
    pool, waiting = ThreadPoolExecutor(1), collections.deque()
    try:
        for source in itertools.chain(sources, [None] * depth):
            waiting.append(source and (source[0], pool.submit(source[1])))
            if len(waiting) > depth and (first := waiting.popleft()):
                key, future = first
                try:
                    read = future.result()
                except Problem as problem:
                    read = problem
                yield key, read
    finally:
        pool.shutdown(cancel_futures=True)


def open_for(run, wanted):
    """Open the extractor of a `Run`; see `predict.settle_weights`."""
    made, digest = run.extraction, run.extraction.get("sha256")
    name = PureWindowsPath(made["weights"]).name  # of a file on another computer, too
    took = f"run {run.name} took its features with the weights {name}"
    took += f" (SHA-256 {digest[:12]})" if digest else ""
    if wanted not in NAMED_WEIGHTS and not Path(wanted).is_file():
        given = f"{wanted} is no file; " if wanted != made["weights"] else ""
        told = f"{given}{took}, which are not here: give your copy with --weights FILE"
        raise Problem(told)
    extractor = Extractor(wanted, precision=made.get("precision", "float32"))
    extractor.choose((run.options.reads,))
    if digest not in (None, extractor.record["sha256"]):
        raise Problem(f"--weights {wanted} are others: {took}")
    return extractor
