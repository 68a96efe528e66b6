"""The networks that turn a sequence into a score.

A sequence is (T, F): F features for each of T frames. Every network here is an
uncompiled `keras.Model` from (B, T, F) to (B, 1); `runs/loading.py` fills them with the
weights of a file.
"""

import numpy as np

from system.backend import keras
from system.terminal import Problem


@keras.saving.register_keras_serializable("behavior_net")
def hard_sigmoid(x):
    """Gate activation of the published LSTM: clip(0.2 x + 0.5, 0, 1).

    Keras 2 called this `hard_sigmoid` and used it in every LSTM unless told
    otherwise. Keras 3 means clip(x / 6 + 0.5, 0, 1) by the same name, so the name
    alone would change the published scores without a word.
    """
    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


ACTIVATIONS = {"hard_sigmoid": hard_sigmoid}  # what Keras 3 would read differently
MODELS = ("lstm", "pool", "motion")
GATES = ("hard_sigmoid", "sigmoid")
MOVEMENT = ("mean", "change", "jerk", "trend")  # statistics over time
LEAST_MOVING = 3  # frames, for a jerk
LEAST_ROOT = 1e-6  # the root has no gradient at 0


def build(
    options,
    shape,
    bias=0.0,
    statistics=None,
    targets=(),
    activation=None,
    layer=keras.layers.LSTM,
    drop=keras.layers.Dropout,
):
    """Build the network that `runs.options.Options` describe for sequences (T, F).

    `bias` and `statistics` as for `build_lstm`, `targets` as for `build_motion`;
    `activation`, `layer` and `drop` are what a training takes for a while. The weights
    are those of `list_weights`.
    """
    activation = activation or options.activation
    if options.model == "motion":
        return build_motion(*shape, activation=activation, targets=targets)
    if options.model == "pool":
        return build_pool(
            *shape, activation=activation, bias=bias, statistics=statistics
        )
    return build_lstm(
        *shape,
        units=options.units,
        dropout=options.dropout,
        activation=activation,
        gates=options.gates,
        bias=bias,
        statistics=statistics,
        layer=layer,
        drop=drop,
    )


def list_weights(options, shape):
    """List the weights of the network that options describe, without building it.

    A dict of shape by the name that Keras gives in a file, as `model.weights` go.
    """
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
    layer=keras.layers.LSTM,
    drop=keras.layers.Dropout,
):
    """Build the published network; 33,689,601 parameters for (125, 2048).

    `dropout` is dropped from the LSTM's input and before the last layer; `activation`
    is that of the score; `gates` are "hard_sigmoid" in its Keras 2 meaning, as
    published, or "sigmoid", which cuDNN computes fast. The score's `bias` starts at the
    mean training score, or a ReLU might give 0 for ever and learn nothing. `statistics`
    are mean and variance (F,) by which features are standardized; `layer` and `drop`
    make LSTM and dropout, with the arguments and weights of Keras's.
    """
    if gates not in GATES:  # of an edited record
        raise ValueError(f"gates must be one of {GATES}. Received: {gates!r}")
    if n_frames < 2:
        raise ValueError(f"two frames at least are pooled. Received: {n_frames}")
    inputs, x = standardize(n_frames, n_features, statistics)
    x = layer(
        units,
        return_sequences=True,
        dropout=dropout,
        recurrent_activation=ACTIVATIONS.get(gates, gates),
        name="lstm",
    )(x)  # (B, T, units)
    x = keras.layers.MaxPooling1D(2, name="pool")(x)  # (B, T // 2, units)
    x = keras.layers.Flatten(name="flatten")(x)
    x = drop(dropout, name="dropout")(x)
    return keras.Model(inputs, score(x, activation, bias))


def build_pool(
    n_frames, n_features=2048, *, activation="relu", bias=0.0, statistics=None
):
    """Build the control that ignores time: mean over frames, then one score."""
    inputs, x = standardize(n_frames, n_features, statistics)
    x = keras.layers.GlobalAveragePooling1D(name="pool")(x)  # (B, F)
    return keras.Model(inputs, score(x, activation, bias))


@keras.saving.register_keras_serializable("behavior_net")
class Movement(keras.layers.Layer):
    """Takes the statistics over time of the roots of features, (B, T, F) -> (B, 4F).

    In the order of `MOVEMENT`: mean, mean absolute difference of neighbouring frames,
    mean absolute second difference, and slope per frame of the straight line through
    all frames.
    """

    def call(self, sequences):
        ops = keras.ops
        roots = ops.sqrt(ops.maximum(sequences, LEAST_ROOT**2))
        return ops.sum(share_movement(roots), axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], len(MOVEMENT) * input_shape[2])


def check_movement(n_frames):
    """Raise Problem where frames are too few for movement."""
    if n_frames < LEAST_MOVING:
        raise Problem(f"movement needs {LEAST_MOVING} frames. Received: {n_frames}")


def share_movement(roots):
    """Share the statistics of movement out among frames, (B, T, F) -> (B, T, 4F).

    They add up over frames; a frame's change is that to the frame before.
    """
    ops, n_frames = keras.ops, roots.shape[1]

    def spread(found, before, after):  # (B, ?, F), its mean over frames
        padded = ops.pad(ops.abs(found), ((0, 0), (before, after), (0, 0)))
        return padded / (n_frames - before - after)

    changes = roots[:, 1:] - roots[:, :-1]
    jerks = changes[:, 1:] - changes[:, :-1]
    time = np.arange(n_frames, dtype=np.float32) - (n_frames - 1) / 2
    parts = (
        roots / n_frames,
        spread(changes, 1, 0),
        spread(jerks, 1, 1),
        roots * (time / (time @ time))[:, None],
    )
    return ops.concatenate(parts, axis=2)


@keras.saving.register_keras_serializable("behavior_net")
class Between:
    """Activation that clips a score to a range; a straight line knows no scale."""

    def __init__(self, low, high):
        self.low, self.high = low, high

    def __call__(self, x):
        return keras.ops.clip(x, self.low, self.high)

    def get_config(self):
        return {"low": self.low, "high": self.high}


def build_motion(
    n_frames,
    n_features=2048,
    *,
    activation="relu",
    weights=None,
    targets=(),
):
    """Build the network that scores movement, from what `motion.fit` found.

    `weights` are those (4F,) of the statistics and the bias; zeros by default. Scores
    are clipped to the range of `targets`, those of the training clips, and to 0.
    """
    check_movement(n_frames)
    inputs = keras.Input((n_frames, n_features), name="sequence")
    x = Movement(name="movement")(inputs)
    if targets:
        low = 0.0 if activation == "relu" else min(targets)
        activation = Between(float(low), float(max(targets)))
    model = keras.Model(inputs, score(x, activation, 0, kernel_initializer="zeros"))
    if weights is not None:
        kernel, bias = weights
        assign(model, [np.reshape(kernel, (-1, 1)), np.reshape(bias, 1)])
    return model


def join(members):
    """Join networks into one whose score is the mean of theirs, for a file.

    They are the layers "member_0", ... of it; one alone stays as it is.
    """
    if len(members) == 1:
        return members[0]
    inputs = keras.Input(members[0].input_shape[1:], name="sequence")
    scores = [
        keras.Model(member.input, member.output, name=f"member_{index}")(inputs)
        for index, member in enumerate(members)
    ]
    return keras.Model(inputs, keras.layers.Average(name="score")(scores))


def assign(model, arrays):
    """Give a network its weights one by one, so that they lie in memory once."""
    for variable, array in zip(model.weights, arrays, strict=True):
        variable.assign(array)


def standardize(n_frames, n_features, statistics):
    """Make the input, and what the network sees of it: both (B, T, F)."""
    inputs = keras.Input((n_frames, n_features), name="sequence")
    if statistics is None:
        return inputs, inputs
    mean, variance = (np.asarray(each, np.float32) for each in statistics)
    layer = keras.layers.Normalization(mean=mean, variance=variance, name="standardize")
    return inputs, layer(inputs)


def score(x, activation, bias, **options):
    return keras.layers.Dense(
        1,
        activation=ACTIVATIONS.get(activation, activation),
        bias_initializer=keras.initializers.Constant(float(bias)),
        name="score",
        **options,
    )(x)  # (B, 1)
