"""InceptionV3 without its top: its weights, in the form that computes fastest.

A trained normalization is y -> (y - mean) / deviation + beta, and the convolution
before it is linear: together they are one convolution with scaled kernels and a bias.
That spares 94 passes over the largest arrays.
"""

import functools
import hashlib
import random
import socket
from pathlib import Path

import numpy as np

from features.sequences import check_weights
from system import apart
from system.backend import keras
from system.terminal import Problem
from video.frames import FRAME_SIZE

N_FEATURES = 2048  # of the last block, whose maps see a frame as 8 x 8 places
# Movement is read in the middle of the network: the change from frame to frame predicts
# fights of held-out sources best in mixed4 or mixed6, depending on the weights; both
# together come near the better one for either (137 clips
# of 22 sources, `benchmarks/blocks.py`; see docs/training.md).
MIDDLE, N_MOVEMENT = "mixed4+mixed6", 1536  # 17 x 17 places
WIDTHS = {"features": N_FEATURES, "movement": N_MOVEMENT}  # of each kind of sequence
N_CONVOLUTIONS = 94
LAYERS = "features.convolutions:read_layers"
EPSILON = 1e-3  # of the normalizations
RANDOM_SEED = 0
TIMEOUT = 60  # seconds without an answer after which a download counts as failed
IMAGENET = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
IMAGENET_PLACE = (
    "https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/"
)
IMAGENET_MD5 = "bcbd6486424b2319ff4ef7d526e38f63"
# Where blocks begin, and how Keras lists their convolutions and normalizations, each
# numbered in the order of its making. The digest of weights goes by it.
BLOCKS = (
    ((0, 1, 2, 3, 4), "c0 b0"),
    ((5, 12, 19), "c3 b3 c1 c4 b1 b4 c0 c2 c5 c6 b0 b2 b5 b6"),
    ((26,), "c1 b1 c2 b2 c0 c3 b0 b3"),
    ((30, 40, 50, 60), "c4 b4 c5 b5 c1 c6 b1 b6 c2 c7 b2 b7 c0 c3 c8 c9 b0 b3 b8 b9"),
    ((70,), "c2 b2 c3 b3 c0 c4 b0 b4 c1 c5 b1 b5"),
    ((76, 85), "c4 b4 c1 c5 b1 b5 c2 c3 c6 c7 c0 b2 b3 b6 b7 c8 b0 b8"),
)

ORDER = [
    (kind, start + int(number))
    for starts, pattern in BLOCKS
    for start in starts
    for kind, number in pattern.split()
]


def build(weights, precision="float32"):
    """Build InceptionV3 up to its last block, of weights as `Extractor` takes them.

    Returns a keras.Model, uint8 pixels (B, 299, 299, 3) -> float32 maps by kind of
    sequence, "features" (B, 8, 8, 2048) and "movement" (B, 17, 17, 1536), and the
    sha256 of the weights themselves, whatever file they came in.
    """
    network, convolved = build_maps(precision)
    parts = read_parts(weights, [layer.kernel.shape for layer in convolved])
    digest = hashlib.sha256()
    for kind, number in ORDER:
        for array in parts[number][:1] if kind == "c" else parts[number][1:]:
            digest.update(np.ascontiguousarray(array, np.float32).tobytes())
    for layer, part in zip(convolved, parts, strict=True):
        kernel, beta, mean, variance = (array.astype(np.float64) for array in part)
        scale = 1 / np.sqrt(variance + EPSILON)
        layer.set_weights([kernel * scale, beta - mean * scale])
    return network, digest.hexdigest()


def read_parts(weights, shapes):
    """Read kernel, beta, mean and variance of each convolution, in order of making."""
    if check_weights(weights) == "random":
        return draw_parts(shapes)
    path = fetch_imagenet() if weights == "imagenet" else Path(weights)
    is_listed, arrays = apart.read(LAYERS, path, N_CONVOLUTIONS)
    parts = list(zip(*[iter(arrays)] * 4, strict=True))
    if is_listed:
        places = [[n for kind, n in ORDER if kind == which] for which in "cb"]
        found = [[p.index(number) for p in places] for number in range(N_CONVOLUTIONS)]
        parts = [(parts[c][0], *parts[b][1:]) for c, b in found]
    for number, (part, shape) in enumerate(zip(parts, shapes, strict=True), start=1):
        found, expected = [array.shape for array in part], [shape, *[shape[-1:]] * 3]
        if found != expected:
            raise Problem(
                f"{path} holds no InceptionV3 weights (convolution {number}: expected "
                f"{expected}. Received: {found})"
            )
    return parts


def draw_parts(shapes):
    """Draw the weights that `keras.utils.set_random_seed` would give.

    The seeds are drawn here: Keras draws them from the generator of the whole process,
    which other threads, those of a Dask worker say, use as well.
    """
    seeds, parts = random.Random(RANDOM_SEED), []
    for shape in shapes:
        initializer = keras.initializers.GlorotUniform(seeds.randint(1, int(1e9)))
        kernel = keras.ops.convert_to_numpy(initializer(shape))
        zeros, ones = np.zeros(shape[-1], np.float32), np.ones(shape[-1], np.float32)
        parts.append((kernel, zeros, zeros, ones))
    return parts


def fetch_imagenet():
    """Return where Keras keeps its ImageNet weights, downloaded once."""
    kept = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        kind = {"cache_subdir": "models", "file_hash": IMAGENET_MD5}
        return Path(keras.utils.get_file(IMAGENET, IMAGENET_PLACE + IMAGENET, **kind))
    except Exception:  # whatever the network may raise
        raise Problem(
            "the ImageNet weights of InceptionV3 could not be downloaded. Without "
            f"internet give --weights FILE, a copy of {IMAGENET} from ~/.keras/models "
            "of another computer, or --weights random to try things out untrained"
        ) from None
    finally:
        socket.setdefaulttimeout(kept)


def build_maps(precision):
    """Build the network of `build` with zeros for weights, and list its convolutions.

    Szegedy et al., Rethinking the Inception Architecture for Computer Vision (2016),
    as Keras has it.
    """
    layers, made = keras.layers, []

    def conv(x, filters, rows, columns, **options):
        kind = {"padding": "same", "activation": "relu", "dtype": precision, **options}
        # Zeros are made faster than random numbers that are replaced anyway.
        size = (rows, columns)
        made.append(layers.Conv2D(filters, size, kernel_initializer="zeros", **kind))
        return made[-1](x)

    def chain(x, *sizes):
        return functools.reduce(lambda y, size: conv(y, *size), sizes, x)

    def halve(x, filters):
        return conv(x, filters, 3, 3, strides=2, padding="valid")

    def largest(x):
        return layers.MaxPooling2D(3, 2, dtype=precision)(x)

    def mean(x):
        return layers.AveragePooling2D(3, 1, "same", dtype=precision)(x)

    def join(*branches):
        return layers.Concatenate(dtype=precision)(branches)

    def fork(x):
        return join(conv(x, 384, 1, 3), conv(x, 384, 3, 1))

    pixels = keras.Input((FRAME_SIZE, FRAME_SIZE, 3), dtype="uint8")
    x = halve(keras.ops.cast(pixels, "float32") / 127.5 - 1.0, 32)
    x = largest(conv(conv(x, 32, 3, 3, padding="valid"), 64, 3, 3))
    x = conv(conv(x, 80, 1, 1, padding="valid"), 192, 3, 3, padding="valid")
    x = largest(x)
    for n in (32, 64, 64):
        one, five = conv(x, 64, 1, 1), chain(x, (48, 1, 1), (64, 5, 5))
        three = chain(x, (64, 1, 1), (96, 3, 3), (96, 3, 3))
        x = join(one, five, three, conv(mean(x), n, 1, 1))
    three = halve(x, 384)
    x = join(three, halve(chain(x, (64, 1, 1), (96, 3, 3)), 96), largest(x))
    middle = []  # mixed4 to mixed7
    for n in (128, 160, 160, 192):
        one, seven = conv(x, 192, 1, 1), chain(x, (n, 1, 1), (n, 1, 7), (192, 7, 1))
        twice = chain(x, (n, 1, 1), (n, 7, 1), (n, 1, 7), (n, 7, 1), (192, 1, 7))
        x = join(one, seven, twice, conv(mean(x), 192, 1, 1))
        middle.append(x)
    three = halve(conv(x, 192, 1, 1), 320)
    seven = halve(chain(x, (192, 1, 1), (192, 1, 7), (192, 7, 1)), 192)
    x = join(three, seven, largest(x))
    for _ in range(2):
        one, three = conv(x, 320, 1, 1), fork(conv(x, 384, 1, 1))
        twice = fork(chain(x, (448, 1, 1), (384, 3, 3)))
        x = join(one, three, twice, conv(mean(x), 192, 1, 1))
    maps = {"features": x, "movement": join(middle[0], middle[2])}
    maps = {kind: keras.ops.cast(x, "float32") for kind, x in maps.items()}
    return keras.Model(pixels, maps), made
