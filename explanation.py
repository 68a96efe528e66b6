"""What a network made its score from: shares of steps, attributions, places.

The value before the last activation is taken apart, so a score that was clipped to 0
is explained too. Two splits are exact: the value is a sum over pooled steps plus the
bias, and a feature is the mean of 8 x 8 places. In between stand integrated gradients
(Sundararajan et al. 2017): gradients averaged along the straight path from a baseline
to the sequence. Attributions add up to what the value gains on that path, as far as
the sum approximates the integral; the residual is always returned.
"""

from typing import NamedTuple

import numpy as np

from console import quietly
from members import BATCH_SIZE, cut

with quietly():
    import tensorflow as tf

TOLERANCE = 0.01  # of the gain in value that attributions may miss
FIRST_STEPS, MAX_STEPS = 8, 256  # of the path


# ---------------------------------------------------------------- attributions


class Attribution(NamedTuple):
    """Integrated gradients of N clips.

    The attribution of a feature in a frame is its distance from the baseline times
    its gradient averaged along the path.
    """

    gradients: np.ndarray  # float32 (N, T, F), of raw features
    gain: np.ndarray  # (N,) value of the sequence minus value of the baseline
    residual: np.ndarray  # (N,) |sum of attributions - gain| / |gain|
    steps: np.ndarray  # (N,) of the path


def integrate(members, sequences, baselines, tolerance=TOLERANCE, max_steps=MAX_STEPS):
    """Average gradients along the path from baselines to sequences.

    Parameters
    ----------
    members : sequence of Member
        Their values are averaged, and so are their gradients.
    sequences, baselines : float32, (N, T, F)
    tolerance : float
        The path of a clip is cut finer until its residual is below this.
    max_steps : int

    Returns
    -------
    Attribution
    """
    parts = [_integrate(m, sequences, baselines, tolerance, max_steps) for m in members]
    gradients = sum(part.gradients for part in parts) / len(parts)
    gain = np.mean([part.gain for part in parts], axis=0)
    moved = np.asarray(sequences, float) - baselines
    total = np.einsum("ntf,ntf->n", moved, gradients)
    steps = np.max([part.steps for part in parts], axis=0)
    return Attribution(gradients, gain, _miss(total, gain), steps)


def _miss(total, gain):
    return np.abs(total - gain) / np.maximum(np.abs(gain), 1e-9)


def _integrate(member, sequences, baselines, tolerance, max_steps):
    """Integrate one member with the trapezoidal rule, halving steps where needed."""
    start, end = member.project(baselines), member.project(sequences)
    n_clips = len(sequences)
    sums = np.zeros(end.shape, np.float32)
    alphas = np.linspace(0, 1, FIRST_STEPS + 1)
    weights = np.where((alphas == 0) | (alphas == 1), 0.5, 1.0)
    values = _add_gradients(member, start, end, range(n_clips), alphas, weights, sums)
    gain = (values[:, -1] - values[:, 0]).astype(float)
    steps = np.full(n_clips, FIRST_STEPS)
    moved = (end - start).numpy()
    while True:
        total = np.einsum("ntp,ntp->n", moved, sums, dtype=float) / steps
        coarse = (_miss(total, gain) > tolerance) & (steps < max_steps)
        if not coarse.any():
            break
        halves = (np.arange(steps.max()) + 0.5) / steps.max()
        chosen = np.flatnonzero(coarse)
        _add_gradients(member, start, end, chosen, halves, np.ones(len(halves)), sums)
        steps[chosen] *= 2
    sums /= steps[:, None, None].astype(np.float32)
    gradients = member.pull_back(sums).numpy()
    return Attribution(gradients, gain, _miss(total, gain), steps)


def _add_gradients(member, start, end, chosen, alphas, weights, sums):
    """Add weighted gradients at points of the path to `sums`, clips mixed in a batch.

    Returns
    -------
    float32, (len(chosen), len(alphas))
        Values on the way.
    """
    points = [(i, a, w) for i in chosen for a, w in zip(alphas, weights, strict=True)]
    values = []
    for first in range(0, len(points), BATCH_SIZE):
        index, alpha, weight = zip(*points[first : first + BATCH_SIZE], strict=True)
        away = tf.constant(alpha, tf.float32)[:, None, None]
        begin, finish = tf.gather(start, index), tf.gather(end, index)
        value, gradient = member.gradient(begin + away * (finish - begin))
        values.append(value.numpy())
        np.add.at(sums, list(index), gradient * np.float32(weight)[:, None, None])
    return np.concatenate(values).reshape(len(chosen), len(alphas))


# ---------------------------------------------------------------- explanations


class Explanation(NamedTuple):
    """All that is known of N clips; values are means over M members."""

    values: np.ndarray  # float64 (N, M): before the last activation
    scores: np.ndarray  # (N,)
    shares: np.ndarray  # (N, K): shares and bias add up to the mean value
    bias: float
    attribution: Attribution  # from the zero sequence
    frames: np.ndarray  # (N, T): attributions, summed over features
    beyond: np.ndarray  # (N, T): the same from the clip's mean frame on
    features: np.ndarray  # (N, F): attributions, summed over frames

    @property
    def value(self):
        return self.values.mean(axis=1)

    @property
    def importance(self):
        """Mean absolute attribution of each feature over the clips, (F,)."""
        return np.abs(self.features).mean(axis=0)

    @property
    def clipped(self):
        """Where the score lost what the value says: some member is below 0, (N,)."""
        return (self.values < 0).any(axis=1) & (self.scores != self.value)


def explain(members, sequences):
    """Explain the value of clips.

    Parameters
    ----------
    members : sequence of Member
    sequences : float32, (N, T, F)

    Returns
    -------
    Explanation
    """
    values, shares = [], []
    for member in members:
        parts = [
            member.share_steps(member.states(member.project(batch)))
            for batch in cut(sequences)
        ]
        shares.append(np.concatenate(parts))
        values.append(shares[-1].sum(axis=1) + member.bias)
    scores = [
        np.asarray(member.activation(value))
        for member, value in zip(members, values, strict=True)
    ]
    attribution = integrate(members, sequences, np.zeros_like(sequences))
    gradients = attribution.gradients
    away = sequences - sequences.mean(axis=1, keepdims=True)
    return Explanation(
        np.stack(values, axis=1),
        np.mean(scores, axis=0),
        np.mean(shares, axis=0),
        float(np.mean([member.bias for member in members])),
        attribution,
        np.einsum("ntf,ntf->nt", sequences, gradients, dtype=float),
        np.einsum("ntf,ntf->nt", away, gradients, dtype=float),
        np.einsum("ntf,ntf->nf", sequences, gradients, dtype=float),
    )


def choose_frames(importance, n_chosen):
    """Choose the most important frames of a clip, none close beside another.

    Parameters
    ----------
    importance : (T,)
        Signed; the size counts.
    n_chosen : int

    Returns
    -------
    int, (n,)
        By falling importance.
    """
    apart = len(importance) // (4 * n_chosen)
    chosen = []
    for frame in np.argsort(-np.abs(importance), kind="stable"):
        if len(chosen) < n_chosen and all(abs(frame - c) > apart for c in chosen):
            chosen.append(int(frame))
    return chosen


def share_places(gradients, maps):
    """Spread the attribution of frames over the places they were seen in.

    A feature is the mean of its map, so each place has an exact share.

    Parameters
    ----------
    gradients : (n, F)
        Averaged gradients of frames.
    maps : (n, 8, 8, F)
        Maps of the last block, or how far they are from others.

    Returns
    -------
    float64, (n, 8, 8)
        Adds up, frame by frame, to gradients times mean of the maps.
    """
    n_places = maps.shape[1] * maps.shape[2]
    return np.einsum("nrcf,nf->nrc", maps, gradients, dtype=float) / n_places
