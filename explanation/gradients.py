"""Networks of Keras as an explanation sees them: value, gradient, hidden states."""

import numpy as np

from explanation.network import BATCH_SIZE, POINTS, Network
from system.backend import tf
from training.fast_lstm import make_lstm

WIDE = 256  # units from which on the seconds that XLA compiles pay
SIZES = (4, 8, BATCH_SIZE)  # of batches under XLA, which compiles anew for each


class Layered(Network):
    """A network of `models`; its features are standardized, x * scale + shift."""

    def __init__(self, model):
        super().__init__(model)
        self.layers = {layer.name: layer for layer in model.layers}
        self.last, n = self.layers["score"], self.n_inputs
        self.activation, self.bias = self.last.activation, float(self.last.bias[0])
        self.scale, self.shift = np.ones(n, np.float32), np.zeros(n, np.float32)
        if standardize := self.layers.get("standardize"):
            probe = np.stack([self.shift, self.scale])
            self.shift, one = np.asarray(standardize(probe[None]))[0]
            self.scale = one - self.shift


class Pooled(Layered):
    """A network of `models.build_pool`; a step is a frame."""

    has_closed_form = True

    def __init__(self, model):
        super().__init__(model)
        self.bias += float(self.shift @ np.asarray(self.last.kernel)[:, 0])

    @property
    def slopes(self):
        """What the value gains per unit of a feature in one frame, (F,)."""
        return self.scale * np.asarray(self.last.kernel)[:, 0] / self.n_frames

    def value(self, sequences):
        return self.split_steps(sequences).sum(axis=1) + self.bias

    def split_steps(self, sequences):
        """Compute the exact contribution of each frame, float64 (B, T)."""
        return np.asarray(sequences, float) @ self.slopes

    def find_secants(self, sequences, baselines):
        return np.broadcast_to(self.slopes, sequences.shape)

    def find_changes(self, sequences):
        return 0.0


class Recurrent(Layered):
    """A network of `models.build_lstm`; U units, K steps of two frames."""

    step_length = 2

    def __init__(self, model):
        super().__init__(model)
        self.lstm = self.layers["lstm"]
        self.n_inputs = 4 * self.lstm.units
        self.is_wide = self.lstm.units >= WIDE
        gates = self.lstm.activation, self.lstm.recurrent_activation
        self.recur = make_lstm(*gates, is_projected=True, with_xla=self.is_wide)
        self.value = self.compile(self.compute_value)
        self.states = self.compile(self.compute_states)
        starts, paths = (  # a start is one frame, held still
            tf.TensorSpec((None, n_frames, self.n_inputs), tf.float32)
            for n_frames in (None, self.n_frames)
        )
        signature = starts, paths, *2 * [tf.TensorSpec((None,), tf.float32)]
        self.sum_gradients = tf.function(self.compute_gradients, signature)

    def compile(self, compute):
        """Make one graph of a computation that serves batches of every size."""
        inputs = tf.TensorSpec((None, self.n_frames, self.n_inputs), tf.float32)
        graph = tf.function(compute, input_signature=[inputs])

        def run_padded(projected):
            n = len(projected)
            missing = next(size for size in SIZES if n <= size) - n
            found = graph(tf.pad(projected, [(0, missing), (0, 0), (0, 0)]))
            return tf.nest.map_structure(lambda each: each[:n], found)

        return run_padded if self.is_wide else graph

    def project(self, sequences):
        x = tf.convert_to_tensor(sequences, tf.float32) * self.scale + self.shift
        return tf.matmul(x, self.lstm.cell.kernel) + self.lstm.cell.bias

    def pull_back(self, gradients):
        """Turn gradients of projections into gradients of raw features (.., T, F)."""
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
        """Pool states (B, T, U) to steps (B, K, U), as the network does; of an uneven
        number of frames the last is unused."""
        last = self.n_frames // 2 * 2
        return tf.maximum(states[:, 0:last:2], states[:, 1:last:2])

    @property
    def readout(self):
        """Weights of the units in each pooled step, (K, U)."""
        return tf.reshape(self.last.kernel, (self.n_frames // 2, self.lstm.units))

    def compute_value(self, projected):
        pooled = self.pool(self.compute_states(projected))
        return tf.reduce_sum(pooled * self.readout, (1, 2)) + self.bias

    def split_steps(self, sequences):
        """Compute the exact contribution of each pooled step, float64 (B, K)."""
        pooled = self.pool(self.states(self.project(sequences))).numpy().astype(float)
        readout = self.readout.numpy().astype(float)
        return np.einsum("bku,ku->bk", pooled, readout)

    def compute_gradients(self, starts, moved, paces, weights):
        """Sum weighted gradients (C, T, n_inputs) of paths at paces (S,).

        A path is walked as the square of an even pace, d(s^2) = 2 s ds.
        """
        points = starts[:, None] + moved[:, None] * tf.square(paces)[:, None, None]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(points)
            flat = tf.reshape(points, (-1, self.n_frames, self.n_inputs))
            missing = POINTS - tf.shape(flat)[0] if self.is_wide else 0
            value = self.compute_value(tf.pad(flat, [(0, missing), (0, 0), (0, 0)]))
        found = tape.gradient(value, points)
        return tf.einsum("s,cstn->ctn", 2 * paces * weights, found)
