"""Access to the value of a network, its gradient and its hidden states.

`Network` takes any network that ends in a dense layer; the value is what that layer
gives before its activation. `Recurrent` knows the form of `models.build_lstm`: there
the value is a sum over pooled steps, and the input is projected once, not hundreds of
times. `Moving` knows that of `models.build_motion`, a sum over frames.
"""

import contextlib

import numpy as np

import models
from system.backend import keras, tf
from training.fast_lstm import make_lstm

BATCH_SIZE = 32
WIDE = 256  # units from which on the seconds that XLA compiles pay
SIZES = (8, BATCH_SIZE)  # of batches under XLA, which compiles anew for each
RECURRENT_FORM = ["lstm", "pool", "flatten", "dropout", "score"]  # names of layers
MOVING_FORM = ["movement", "score"]


class Network:
    """Any network (B, T, F) -> (B, 1); `activation` turns its value into the score."""

    def __init__(self, model):
        self.model, self.last = model, model.layers[-1]
        self.n_frames, self.n_inputs = model.input_shape[1:]
        self.before = keras.Model(model.inputs, self.last.input)
        self.activation = self.last.activation
        self.bias = float(self.last.bias[0])
        self.set_up()
        self.value = self.compile(self.compute_value)
        self.gradient = self.compile(self.compute_gradient)

    def set_up(self):
        """Prepare what a form of network needs further."""

    def compile(self, compute):
        """Make one graph of a computation that serves batches of every size."""
        inputs = tf.TensorSpec((None, self.n_frames, self.n_inputs), tf.float32)
        return tf.function(compute, input_signature=[inputs])

    def project(self, sequences):
        """Apply what is affine at the input, (B, T, F) -> (B, T, inputs)."""
        return tf.convert_to_tensor(sequences, tf.float32)

    def pull_back(self, gradients):
        """Turn gradients of projections into gradients of raw features (.., T, F)."""
        return gradients

    def move(self, projected, features, change):
        """Add a change (T, S) of some features to a projection (T, n_inputs)."""
        moved = np.array(projected)
        moved[:, features] += change
        return moved

    def compute_value(self, projected):
        inner = self.before(projected, training=False)
        return (tf.matmul(inner, self.last.kernel) + self.last.bias)[:, 0]

    def compute_gradient(self, projected):
        """Compute values (B,) and their gradients (B, T, n_inputs)."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(projected)
            value = self.compute_value(projected)
        return value, tape.gradient(value, projected)


class Recurrent(Network):
    """A network of `models.build_lstm`; U units, K steps."""

    step_length = 2  # frames

    def set_up(self):
        layers = {layer.name: layer for layer in self.model.layers}
        self.lstm, n = layers["lstm"], self.n_inputs
        self.scale, self.shift = np.ones(n, np.float32), np.zeros(n, np.float32)
        if standardize := layers.get("standardize"):
            probe = np.stack([self.shift, self.scale])
            self.shift, one = np.asarray(standardize(probe[None]))[0]
            self.scale = one - self.shift
        self.n_inputs = 4 * self.lstm.units
        self.is_wide = self.lstm.units >= WIDE
        gates = self.lstm.activation, self.lstm.recurrent_activation
        self.recur = make_lstm(*gates, is_projected=True, with_xla=self.is_wide)
        self.states = self.compile(self.compute_states)

    def compile(self, compute):
        graph = super().compile(compute)

        def run_padded(projected):
            n = len(projected)
            missing = next(size for size in SIZES if n <= size) - n
            found = graph(tf.pad(projected, [(0, missing), (0, 0), (0, 0)]))
            return tf.nest.map_structure(lambda each: each[:n], found)

        return run_padded if self.is_wide else graph

    @property
    def readout(self):
        """Weights of the units in each pooled step, (K, U)."""
        return tf.reshape(self.last.kernel, (self.n_frames // 2, self.lstm.units))

    def project(self, sequences):
        x = tf.convert_to_tensor(sequences, tf.float32) * self.scale + self.shift
        return tf.matmul(x, self.lstm.cell.kernel) + self.lstm.cell.bias

    def pull_back(self, gradients):
        back = tf.matmul(gradients, self.lstm.cell.kernel, transpose_b=True)
        return back * self.scale

    def move(self, projected, features, change):
        rows = tf.gather(self.lstm.cell.kernel, features)
        return projected + tf.matmul(change * self.scale[features], rows).numpy()

    def compute_states(self, projected):
        """Compute hidden states, (B, T, U)."""
        kernel = tf.convert_to_tensor(self.lstm.cell.recurrent_kernel)
        return self.recur(projected, tf.zeros(0), kernel, tf.zeros(0))

    def pool(self, states):
        """Pool states (B, T, U) to steps (B, K, U), as the network does."""
        last = (
            self.n_frames // 2 * 2
        )  # of an uneven number of frames the last is unused
        return tf.maximum(states[:, 0:last:2], states[:, 1:last:2])

    def compute_value(self, projected):
        pooled = self.pool(self.compute_states(projected))
        return tf.reduce_sum(pooled * self.readout, (1, 2)) + self.bias

    def split_steps(self, sequences):
        """Compute the exact contribution of each pooled step, float64 (B, K)."""
        pooled = self.pool(self.states(self.project(sequences))).numpy().astype(float)
        readout = self.readout.numpy().astype(float)
        return np.einsum("bku,ku->bk", pooled, readout)


class Moving(Network):
    """A network of `models.build_motion`; a step is a frame.

    A change belongs to the later of two frames, a jerk to the middle of three.
    """

    step_length = 1

    def split(self, sequences):
        """Compute exact contributions, (B, T, 4, F), ordered as `models.MOVEMENT`."""
        roots = np.sqrt(np.maximum(sequences, 0), dtype=np.float32)
        shared = models.share_movement(tf.convert_to_tensor(roots)).numpy()
        parts = shared * self.last.get_weights()[0][:, 0]
        return parts.reshape(*parts.shape[:2], len(models.MOVEMENT), -1)

    def split_steps(self, sequences):
        """Compute the exact contribution of each frame, float64 (B, T)."""
        return self.split(sequences).sum(axis=(2, 3), dtype=float)

    def find_secants(self, sequences, baselines):
        """Find what level and trend gain from baselines per unit of feature, (B, T, F).

        The difference of two roots is that of what is under them, divided by their sum.
        """
        slopes = self.split(np.ones_like(sequences[:1]))[:, :, [0, 3]].sum(axis=2)
        roots = np.sqrt(np.maximum(sequences, 0)) + np.sqrt(np.maximum(baselines, 0))
        return np.divide(slopes, roots, out=np.zeros_like(roots), where=roots > 0)

    def find_rates(self, sequence):
        """Find what frames gain per unit of their differences, float64 (T, 2, F).

        From the frame before and to the frame after: the contributions of change and
        jerk in a frame are the sum of both differences of features, each times its
        rate. As a feature is the mean of a map, so is a difference: locations add up.
        """
        n_frames, kernel = len(sequence), self.last.get_weights()[0].astype(float)
        _, of_change, of_jerk, _ = kernel.reshape(len(models.MOVEMENT), -1)
        least = models.LEAST_ROOT**2
        roots = np.sqrt(np.maximum(sequence, least), dtype=float)
        changes, sums = np.diff(roots, axis=0), roots[1:] + roots[:-1]
        jerks = np.sign(np.diff(changes, axis=0)) * of_jerk / (n_frames - 2)
        rates = np.zeros((n_frames, 2, sequence.shape[1]))
        rates[1:, 0] = np.sign(changes) * of_change / (n_frames - 1) / sums
        rates[1:-1, 0] -= jerks / sums[:-1]
        rates[1:-1, 1] = jerks / sums[1:]
        return rates


def split_movement(networks, sequence):
    """Find the contributions of each kind of movement, (T, 4, F), where known."""
    known = [n.split(sequence[None])[0] for n in networks if isinstance(n, Moving)]
    return sum(known) / len(networks) if known else None


def find_rates(networks, sequence):
    """Find the mean rates of networks, see `Moving.find_rates`; None where unknown."""
    known = [n.find_rates(sequence) for n in networks if isinstance(n, Moving)]
    return sum(known) / len(networks) if known else None


def open_network(model):
    names = [layer.name for layer in model.layers[1:] if layer.name != "standardize"]
    if names == MOVING_FORM:
        return Moving(model)
    is_recurrent = names == RECURRENT_FORM and model.get_layer("lstm").use_bias
    return (Recurrent if is_recurrent else Network)(model)


@contextlib.contextmanager
def permuted(networks, random):
    """Permute the weights of networks, array by array, within a `with` block."""
    kept = [network.model.get_weights() for network in networks]
    for network in networks:
        for weight in network.model.trainable_weights:
            weight.assign(random.permuted(weight.numpy(), axis=None))
    try:
        yield
    finally:
        for network, weights in zip(networks, kept, strict=True):
            network.model.set_weights(weights)


def evaluate(networks, sequences):
    """Compute the value before the last activation, averaged over networks, (N,)."""
    values = [
        np.mean([n.value(n.project(batch)) for n in networks], axis=0)
        for batch in cut(sequences)
    ]
    return np.concatenate(values).astype(float)


def cut(items):
    return (items[i : i + BATCH_SIZE] for i in range(0, len(items), BATCH_SIZE))
