"""Networks taken apart, so that each part of a score can be asked for.

Computes what `models.build_lstm` and `models.build_pool` compute, with the value
before the last activation, the hidden states and the gradient of the input within
reach.
"""

import copy
import re

import numpy as np

from backend import keras, tf
from console import Problem
from explaining import recurrence

BATCH_SIZE = 32


class Member:
    """One network in the form of `models.build_lstm` or `models.build_pool`.

    Parameters
    ----------
    model : keras.Model
        (B, T, F) -> (B, 1).

    Attributes
    ----------
    kind : {"lstm", "pool"}
    width : int
        Units U of the LSTM; F of a pool network.
    readout : float32, (K, width)
        Weights of each pooled step. A pool network has a step for each frame.
    bias : float
    activation : callable
        From value to score.

    Raises
    ------
    Problem
        When the network has another form.
    """

    def __init__(self, model):
        layers = {layer.name: layer for layer in model.layers}
        self.n_frames, self.n_features = model.input_shape[1:]
        lstm, pool, score = (layers.get(name) for name in ("lstm", "pool", "score"))
        if isinstance(lstm, keras.layers.LSTM):
            self.kind, self.width = "lstm", lstm.units
            self.weights = [tf.constant(weight) for weight in lstm.get_weights()]
            self.gates = lstm.activation, lstm.recurrent_activation
        elif isinstance(pool, keras.layers.GlobalAveragePooling1D):
            self.kind, self.width, self.weights = "pool", self.n_features, []
        else:
            raise Problem("only lstm and pool networks of train_reg.py are explained")
        readout, *bias = score.get_weights()
        steps = self.n_frames // 2 if self.kind == "lstm" else 1
        self.readout = readout.reshape(steps, self.width)
        if self.kind == "pool":
            rows = np.repeat(self.readout, self.n_frames, axis=0)
            self.readout = rows / self.n_frames
        self.bias = float(bias[0][0]) if bias else 0.0
        self.activation = score.activation
        self.scale, self.shift = _read_standardization(layers, self.n_features)
        self.n_inputs = int(self.weights[0].shape[1]) if lstm else self.n_features
        self._compile()

    def _compile(self):
        """Make graphs of the computations, one for batches of every size."""
        signature = [tf.TensorSpec((None, self.n_frames, self.n_inputs), tf.float32)]
        self.states = tf.function(self._states, input_signature=signature)
        self.value = tf.function(self._value, input_signature=signature)
        self.gradient = tf.function(self._gradient, input_signature=signature)

    def shuffle(self, random):
        """Make a member with the same weights in another order, array by array."""
        other = copy.copy(self)
        mixed = [random.permuted(w.numpy(), axis=None) for w in self.weights]
        other.weights = [tf.constant(weight) for weight in mixed]
        other.readout = random.permuted(self.readout, axis=None)
        other._compile()
        return other

    def project(self, sequences):
        """Apply what comes before the recurrence, which is affine.

        (B, T, F) -> (B, T, n_inputs). Mixing sequences and mixing projections is the
        same, so the path of integrated gradients needs one projection, not hundreds.
        """
        x = tf.convert_to_tensor(sequences, tf.float32) * self.scale + self.shift
        return tf.matmul(x, self.weights[0]) if self.kind == "lstm" else x

    def pull_back(self, gradients):
        """Turn gradients of projections into gradients of raw features (.., T, F)."""
        if self.kind == "lstm":
            gradients = tf.matmul(gradients, self.weights[0], transpose_b=True)
        return gradients * self.scale

    def _states(self, projected):
        """Compute hidden states, (B, T, width); of a pool network, what it averages."""
        if self.kind == "pool":
            return projected
        return recurrence.run_lstm(projected, *self.weights[1:], *self.gates)

    def _value(self, projected):
        """Compute the value before the last activation, (B,)."""
        pooled = self.pool(self._states(projected))
        return tf.reduce_sum(pooled * self.readout, (1, 2)) + self.bias

    def _gradient(self, projected):
        """Compute values (B,) and their gradients (B, T, n_inputs)."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(projected)
            value = self._value(projected)
        return value, tape.gradient(value, projected)

    def pool(self, states):
        """Pool states (B, T, width) to steps (B, K, width), as the network does."""
        if self.kind == "pool":
            return states
        last = self.n_frames // 2 * 2  # of an odd number of frames the last is unused
        return tf.maximum(states[:, 0:last:2], states[:, 1:last:2])

    def share_steps(self, states):
        """Compute the exact share of each pooled step in the value, float64 (B, K)."""
        pooled = self.pool(states).numpy().astype(float)
        return np.einsum("bku,ku->bk", pooled, self.readout.astype(float))


def _read_standardization(layers, n_features):
    """Read the fixed standardization x * scale + shift; 1 and 0 where there is none."""
    layer = layers.get("standardize")
    if layer is None:
        return np.ones(n_features, np.float32), np.zeros(n_features, np.float32)
    probe = np.stack([np.zeros(n_features), np.ones(n_features)]).astype(np.float32)
    at_zero, at_one = np.asarray(layer(probe[None]))[0]
    return at_one - at_zero, at_zero


def open_members(model):
    """Take a network apart into its members; one that is no ensemble has itself.

    Returns
    -------
    list of Member
    """
    nested = [x for x in model.layers if re.fullmatch(r"member_\d+", x.name)]
    return [Member(member) for member in nested or [model]]


def evaluate(members, sequences):
    """Compute the value before the last activation, averaged over members, (N,)."""
    values = [
        np.mean([m.value(m.project(batch)) for m in members], axis=0)
        for batch in cut(sequences)
    ]
    return np.concatenate(values).astype(float)


def cut(items):
    """Cut sequences into batches."""
    return (items[i : i + BATCH_SIZE] for i in range(0, len(items), BATCH_SIZE))
