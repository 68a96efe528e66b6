"""InceptionV3 without its top: its weights, and the form that computes fastest."""

import hashlib
import random
import socket
from pathlib import Path

import numpy as np

from backend import keras
from console import Problem
from frames import FRAME_SIZE
from sequences import NAMED_WEIGHTS

N_FEATURES = 2048
MAP_SIZE = 8  # the last block of InceptionV3 sees a frame as 8 x 8 places
RANDOM_SEED = 0
TIMEOUT = 60  # seconds without an answer after which a download counts as failed


def name_weights(weights):
    """Name weights so that `Extractor` finds them again from any folder."""
    known = weights in NAMED_WEIGHTS
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
        return build_random()
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


def build_random():
    """Build InceptionV3 with the weights that `keras.utils.set_random_seed` gives.

    The seeds are drawn here: Keras draws them from the generator of the whole process,
    which other threads, those of a Dask worker say, use as well.
    """
    model, seeds = build_inception(), random.Random(RANDOM_SEED)
    convolutions = [x for x in model.layers if isinstance(x, keras.layers.Conv2D)]
    # In the order of their making, which is that of the numbers in their names.
    for layer in sorted(convolutions, key=lambda x: (len(x.name), x.name)):
        initializer = keras.initializers.GlorotUniform(seeds.randint(1, int(1e9)))
        layer.kernel.assign(initializer(layer.kernel.shape))
    return model


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


def fold_normalization(base, precision="float32"):
    """Build the same network with batch normalization inside the convolutions.

    A trained normalization is y -> (y - mean) / deviation * gamma + beta, and the
    convolution before it is linear: together they are one convolution with scaled
    kernels and a bias. That spares 94 passes over the largest arrays.

    Parameters
    ----------
    base : keras.Model
    precision : {"float32", "bfloat16"}
        Of the weights and of all that is computed with them.

    Returns
    -------
    keras.Model
    """
    layers = keras.layers

    def copy_layer(layer):
        config = {**layer.get_config(), "dtype": precision}
        if isinstance(layer, layers.Conv2D):
            # Zeros are made faster than random numbers that nobody will see.
            config.update(use_bias=True, kernel_initializer="zeros")
        return type(layer).from_config(config)

    def call_layer(layer, inputs, **options):
        is_folded = isinstance(layer, layers.BatchNormalization)
        return inputs if is_folded else layer(inputs)

    folded = keras.models.clone_model(
        base, clone_function=copy_layer, call_function=call_layer
    )
    normalizations = {
        id(layer.input): layer
        for layer in base.layers
        if isinstance(layer, layers.BatchNormalization)
    }
    for layer in base.layers:
        if isinstance(layer, layers.Conv2D):
            weights = fold_weights(layer, normalizations.get(id(layer.output)))
            folded.get_layer(layer.name).set_weights(weights)
    return folded


def fold_weights(convolution, normalization):
    """Compute kernel and bias of a convolution and its normalization, in float64."""
    kernel, *bias = (w.astype(np.float64) for w in convolution.get_weights())
    bias = bias[0] if bias else np.zeros(kernel.shape[-1])
    if normalization is None:
        return kernel, bias
    *gamma, beta, mean, variance = (
        w.astype(np.float64) for w in normalization.get_weights()
    )
    scale = (gamma[0] if gamma else 1) / np.sqrt(variance + normalization.epsilon)
    return kernel * scale, (bias - mean) * scale + beta
