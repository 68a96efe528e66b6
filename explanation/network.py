"""Access to the value of a network, whatever its form.

The value is what the last layer gives before its activation: a sum over steps and the
bias. `Moving` has the form of `models.Motion` and needs no Keras; `gradients` has those
of Keras, where the input of an LSTM is projected once, not hundreds of times.
"""

import contextlib
import itertools

import numpy as np

import models

BATCH_SIZE, POINTS = 32, 16  # of values, and of gradients


class Network:
    """What all networks share; by default a value is computed from the input itself."""

    step_length = 1  # frames
    has_closed_form = False  # of the gains from a baseline

    def __init__(self, model):
        self.model = model
        _, self.n_frames, self.n_inputs = model.input_shape

    def project(self, sequences):
        """Apply what is affine at the input, (B, T, F) -> (B, T, inputs)."""
        return np.asarray(sequences, np.float32)

    def move(self, projected, features, change):
        """Add a change (T, S) of some features to a projection (T, n_inputs)."""
        moved = np.array(projected)
        moved[:, features] += change
        return moved


class Moving(Network):
    """A `models.Motion`; a step is a frame.

    A change belongs to the later of two frames, a jerk to the middle of three.
    """

    has_closed_form = True

    def __init__(self, model):
        super().__init__(model)
        self.activation, self.bias = model.clip, float(model.bias[0])

    def value(self, sequences):
        return self.model.compute_value(sequences)[:, 0]

    def split(self, sequences):
        """Compute exact contributions, (B, T, 4, F), ordered as `models.MOVEMENT`."""
        roots = np.sqrt(np.maximum(sequences, 0), dtype=np.float32)
        parts = models.share_movement(roots) * self.model.kernel[:, 0]
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

    def find_changes(self, sequences):
        """Find what change and jerk contribute, (B, T, F)."""
        return self.split(sequences)[:, :, 1:3].sum(axis=2)

    def find_rates(self, sequence):
        """Find what frames gain per unit of their differences, float64 (T, 2, F).

        Two rates a frame: for the difference from the frame before, and for that to the
        frame after. Their sum, each times its difference, is the contribution of change
        and jerk. As features are means of maps, contributions of locations add up.
        """
        n_frames, kernel = len(sequence), self.model.kernel.astype(float)
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


@contextlib.contextmanager
def permuted(networks, random):
    """Permute the weights of networks, array by array, within a `with` block."""
    kept = [network.model.get_weights() for network in networks]
    for network, weights in zip(networks, kept, strict=True):
        mixed = [random.permuted(array, axis=None) for array in weights]
        network.model.set_weights(mixed)
    try:
        yield
    finally:
        for network, weights in zip(networks, kept, strict=True):
            network.model.set_weights(weights)


def evaluate(networks, sequences):
    """Compute the value before the last activation, averaged over networks, (N,), of
    sequences (N, T, F) or of single frames held still (N, 1, F)."""

    def compute(network, batch):
        shape = len(batch), network.n_frames, network.n_inputs
        return network.value(np.broadcast_to(network.project(batch), shape))

    values = [
        np.mean([compute(n, b) for n in networks], axis=0) for b in cut(sequences)
    ]
    return np.concatenate(values).astype(float)


def cut(items, size=BATCH_SIZE):
    """Cut an array, or the arrays that an iterator gives, into batches."""
    items = iter(items)
    while batch := list(itertools.islice(items, size)):
        yield np.stack(batch)
