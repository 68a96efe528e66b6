"""The networks that turn a sequence into a score.

A sequence is (T, F): F features for each of T frames. Networks take (B, T, F) and give
(B, 1). Those that are trained step by step are uncompiled `keras.Model`s, and Keras is
loaded where one is built; the score of posture and movement is numpy.
`runs/archives.py` reads and writes their weights.
"""

import numpy as np

from system import backend
from system.terminal import Problem

MODELS = ("lstm", "pool", "motion")
GATES = ("hard_sigmoid", "sigmoid")
MOVEMENT = ("mean", "change", "jerk", "trend")  # statistics over time
LEAST_MOVING = 3  # frames, for a jerk
LEAST_ROOT = 1e-6  # the root has no gradient at 0


def build(options, shape, **given):
    """Build the network of Keras that `runs.options.Options` describe, for (T, F).

    Other arguments are those of `build_lstm`.
    """
    given = {"activation": options.activation, **given}
    if options.model == "pool":
        return build_pool(*shape, **given)
    given |= {"units": options.units, "dropout": options.dropout}
    return build_lstm(*shape, gates=options.gates, **given)


def list_weights(options, shape):
    """List the weights of the network that options describe, without building it. A
    dict of shape by the name that Keras gives in a file, in the order of a network."""
    (n_frames, n_inputs), lstm = shape, {}
    if options.model not in MODELS:
        raise Problem(f"no such model: {options.model!r}")
    if options.model == "lstm":
        units, width = options.units, 4 * options.units
        shapes = (n_inputs, width), (units, width), (width,)
        lstm = {f"lstm/cell/vars/{i}": shape for i, shape in enumerate(shapes)}
        n_inputs = n_frames // 2 * units
    if options.model == "motion":
        n_inputs *= len(MOVEMENT)
    return {**lstm, "dense/vars/0": (n_inputs, 1), "dense/vars/1": (1,)}


def restore(options, shape, targets, arrays):
    """Build a network that learned targets, with the arrays of a file."""
    if options.model == "motion":
        return Motion(*shape, options.activation, targets, arrays)
    statistics = None
    if options.standardize:
        *statistics, arrays = arrays[0], arrays[1], arrays[2:]
    network = build(options, shape, statistics=statistics, layer=blank_lstm)
    assign(network, arrays)
    return network


# ---------------------------------------------------------------- movement


class Motion:
    """Scores movement: one linear score of statistics over time.

    `weights` are those (4F,) of the statistics and the bias, see `motion.fit`. A
    straight line knows no scale: scores are clipped to the range of `targets`, those of
    the training clips, and to 0 where the activation is a ReLU.
    """

    def __init__(self, n_frames, n_features, activation="relu", targets=(), weights=()):
        check_movement(n_frames)
        self.input_shape = (None, n_frames, n_features)
        self.low = 0.0 if activation == "relu" else min(targets, default=-np.inf)
        self.high = max(targets, default=np.inf)
        self.set_weights(weights or (np.zeros(len(MOVEMENT) * n_features), 0))

    def get_weights(self):
        return [self.kernel, self.bias]

    def set_weights(self, weights):
        kernel, bias = (np.asarray(each, np.float32) for each in weights)
        self.kernel, self.bias = kernel.reshape(-1, 1), bias.reshape(1)

    def compute_value(self, sequences):
        """Compute the score before it is clipped, (B, T, F) -> (B, 1)."""
        return summarise_movement(sequences) @ self.kernel + self.bias

    def clip(self, value):
        return np.clip(value, self.low, self.high)

    def predict_on_batch(self, sequences):
        return self.clip(self.compute_value(sequences))


def check_movement(n_frames):
    """Raise Problem where frames are too few for movement."""
    if n_frames < LEAST_MOVING:
        raise Problem(f"movement needs {LEAST_MOVING} frames. Received: {n_frames}")


def summarise_movement(sequences):
    """Compute the statistics over time of the roots of features, (B, T, F) -> (B, 4F).

    In the order of `MOVEMENT`: mean, mean absolute difference of neighbouring frames,
    mean absolute second difference, and slope per frame of the straight line through
    all frames.
    """
    return share_movement(np.sqrt(np.maximum(sequences, LEAST_ROOT**2))).sum(axis=1)


def share_movement(roots):
    """Share the statistics of movement out among frames, (B, T, F) -> (B, T, 4F). They
    add up over frames; a frame's change is that to the frame before."""
    n_clips, n_frames, n_features = roots.shape
    shared = np.zeros((n_clips, n_frames, len(MOVEMENT), n_features), np.float32)
    time = np.arange(n_frames, dtype=np.float32) - (n_frames - 1) / 2
    changes = np.diff(roots, axis=1)
    shared[:, :, 0] = roots / n_frames
    shared[:, 1:, 1] = np.abs(changes) / (n_frames - 1)
    shared[:, 1:-1, 2] = np.abs(np.diff(changes, axis=1)) / (n_frames - 2)
    shared[:, :, 3] = roots * (time / (time @ time))[:, None]
    return shared.reshape(n_clips, n_frames, -1)


# ---------------------------------------------------------------- networks of Keras


def hard_sigmoid(x):
    """Gate activation of the published LSTM: clip(0.2 x + 0.5, 0, 1).

    Keras 2 called this `hard_sigmoid` and used it in every LSTM unless told
    otherwise. Keras 3 means clip(x / 6 + 0.5, 0, 1) by the same name, so the name
    alone would change the published scores without a word.
    """
    return backend.keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def find_activation(name):
    """Find an activation for Keras, in its Keras 2 meaning that a file can name."""
    register = backend.keras.saving.register_keras_serializable("behavior_net")
    return register(hard_sigmoid) if name == "hard_sigmoid" else name


def build_lstm(
    n_frames,
    n_features=2048,
    *,
    units=2048,
    dropout=0.1,
    activation="relu",
    gates="hard_sigmoid",
    bias=0.0,
    statistics=None,
    layer=None,
    drop=None,
):
    """Build the published network; 33,689,601 parameters for (125, 2048).

    `dropout` is dropped from the LSTM's input and before the last layer; `activation`
    is that of the score; `gates` are "hard_sigmoid" in its Keras 2 meaning, as
    published, or "sigmoid", which cuDNN computes fast. The score's `bias` starts at the
    mean training score, or a ReLU might give 0 for ever and learn nothing. `statistics`
    are mean and variance (F,) by which features are standardized; `layer` and `drop`
    make LSTM and dropout, by default Keras's, with the arguments and weights of these.
    """
    if gates not in GATES:  # of an edited record
        raise ValueError(f"gates must be one of {GATES}. Received: {gates!r}")
    if n_frames < 2:
        raise ValueError(f"two frames at least are pooled. Received: {n_frames}")
    layers = backend.keras.layers
    inputs, x = standardize(n_frames, n_features, statistics)
    x = (layer or layers.LSTM)(
        units,
        return_sequences=True,
        dropout=dropout,
        recurrent_activation=find_activation(gates),
        name="lstm",
    )(x)  # (B, T, units)
    x = layers.MaxPooling1D(2, name="pool")(x)  # (B, T // 2, units)
    x = layers.Flatten(name="flatten")(x)
    x = (drop or layers.Dropout)(dropout, name="dropout")(x)
    return backend.keras.Model(inputs, score(x, activation, bias))


def build_pool(
    n_frames, n_features=2048, *, activation="relu", bias=0.0, statistics=None, **_
):
    """Build the control that ignores time: mean over frames, then one score."""
    inputs, x = standardize(n_frames, n_features, statistics)
    layer = backend.keras.layers.GlobalAveragePooling1D(name="pool")  # (B, F)
    return backend.keras.Model(inputs, score(layer(x), activation, bias))


def join(members):
    """Join networks into one whose score is the mean of theirs, for a file. They are
    the layers "member_0", ... of it; one alone stays as it is."""
    if len(members) == 1:
        return members[0]
    keras = backend.keras
    inputs = keras.Input(members[0].input_shape[1:], name="sequence")
    scores = [
        keras.Model(member.input, member.output, name=f"member_{index}")(inputs)
        for index, member in enumerate(members)
    ]
    return keras.Model(inputs, keras.layers.Average(name="score")(scores))


def blank_lstm(units, **options):
    """Make an LSTM of zeros: drawing random weights takes longer than reading them."""
    zeros = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}
    return backend.keras.layers.LSTM(units, **options, **zeros)


def assign(model, arrays):
    """Give a network its weights one by one, so that they lie in memory once."""
    for variable, array in zip(model.weights, arrays, strict=True):
        variable.assign(array)


def standardize(n_frames, n_features, statistics):
    """Make the input, and what the network sees of it: both (B, T, F)."""
    keras = backend.keras
    inputs = keras.Input((n_frames, n_features), name="sequence")
    if statistics is None:
        return inputs, inputs
    mean, variance = (np.asarray(each, np.float32) for each in statistics)
    layer = keras.layers.Normalization(mean=mean, variance=variance, name="standardize")
    return inputs, layer(inputs)


def score(x, activation, bias):
    return backend.keras.layers.Dense(
        1,
        activation=find_activation(activation),
        bias_initializer=backend.keras.initializers.Constant(float(bias)),
        name="score",
    )(x)  # (B, 1)
