"""InceptionV3 as an extractor: RGB frames in, 2,048 features a frame out."""

import queue
import threading
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import inception
from backend import keras, tf
from console import Problem, caution
from frames import FRAME_SIZE, resize_frame
from inception import N_FEATURES

__all__ = ["N_FEATURES", "Extractor"]

# Measured on two cores: 149, 148 and 145 ms of processor time a frame in batches of 4,
# 8 and 16, against 269 one by one. A GPU needs more at once (not measured).
BATCH_SIZE, GPU_BATCH_SIZE = 8, 32
CPU_INFO = Path("/proc/cpuinfo")
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}


class Extractor:
    """InceptionV3 with its preprocessing inside: pixels in, features out.

    Parameters
    ----------
    weights : str or path
        "imagenet" (downloaded by Keras, once), "random" (seeded, untrained), or a file:
        HDF5 weights of `keras.applications` with or without the top, or a whole
        InceptionV3 as `.keras` or `.h5`.
    batch_size : int, optional
        Frames a pass, by default what suits the device. Every pass has this many, the
        last one padded, so a frame's features do not depend on its neighbours.
    precision : {"float32", "bfloat16"}
        What the network computes in. Where bfloat16 brings nothing, a caution says so
        and float32 is used and recorded.

    Attributes
    ----------
    record : dict
        What the features depend on: weights and their sha256, frame size, precision.

    Raises
    ------
    Problem
        When the weights cannot be had or are not InceptionV3's.
    """

    def __init__(self, weights="imagenet", batch_size=None, precision="float32"):
        on_gpu = has_gpu()
        self.batch_size = batch_size or (GPU_BATCH_SIZE if on_gpu else BATCH_SIZE)
        precision = choose_precision(precision, on_gpu)
        base = inception.build_base(weights)
        self.record = {
            "weights": inception.name_weights(weights),
            "sha256": inception.digest_weights(base),
            "frame_size": FRAME_SIZE,
            "precision": precision,
        }
        self.with_openvino = precision == "bfloat16" and not on_gpu
        kept = "float32" if self.with_openvino else precision  # OpenVINO rounds itself
        base = inception.fold_normalization(base, kept)
        pixels = keras.Input((FRAME_SIZE, FRAME_SIZE, 3), dtype="uint8")
        scaled = keras.ops.cast(pixels, "float32") / 127.5 - 1.0  # preprocess_input
        maps = keras.ops.cast(base(scaled), "float32")  # (B, 8, 8, 2048)
        features = keras.layers.GlobalAveragePooling2D()(maps)  # (B, 2048)
        self.model = keras.Model(pixels, features)
        self.map_model = keras.Model(pixels, maps)
        self.compiled = {}

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
        run_pass = self.compile(model) if self.with_openvino else model.predict_on_batch
        parts = [
            run_pass(pad(pixels[i : i + self.batch_size], self.batch_size))
            for i in range(0, len(pixels), self.batch_size)
        ]
        return np.concatenate(parts)[: len(pixels)].astype(np.float32)

    def compile(self, model):
        """Compile a network for bfloat16, once; returns what passes a batch."""
        if id(model) not in self.compiled:
            self.compiled[id(model)] = compile_bfloat16(model, self.batch_size)
        return self.compiled[id(model)]

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


def has_gpu():
    return bool(keras.distribution.list_devices("gpu"))


def choose_precision(wanted, on_gpu):
    """Choose the precision of an extraction: what is wanted, if it is of use here.

    A GPU computes bfloat16 through Keras. On processors OpenVINO is the means: faster
    than Keras there, and with less than half its error.

    Returns
    -------
    str
        "float32", with a caution, where this machine gains nothing from bfloat16.
    """
    if wanted == "float32" or on_gpu:
        return wanted
    if not BFLOAT16_FLAGS & list_cpu_flags():
        reason = "this processor has no instructions for it (avx512_bf16, amx_bf16)"
    elif keras.backend.backend() != "tensorflow" or not find_spec("openvino"):
        reason = "on a processor it needs OpenVINO beside TensorFlow: pip install "
        reason += "openvino"
    else:
        return wanted
    caution(f"bfloat16 brings nothing here: {reason}. Computing in float32")
    return "float32"


def compile_bfloat16(model, batch_size):
    """Compile a network with OpenVINO; returns a function of a batch (B, ...)."""
    import openvino

    batch = tf.TensorSpec((batch_size, *model.input_shape[1:]), tf.uint8)
    graph = tf.function(lambda pixels: model(pixels, training=False))
    network = openvino.convert_model(graph.get_concrete_function(batch))
    hints = {"INFERENCE_PRECISION_HINT": "bf16"}
    compiled = openvino.compile_model(network, "CPU", hints)
    return lambda pixels: compiled(pixels)[0]


def list_cpu_flags():
    """Name what the processor can do; nothing where the system does not tell."""
    try:
        return set(CPU_INFO.read_text().split())
    except OSError:
        return set()
