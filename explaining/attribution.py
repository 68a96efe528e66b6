"""What a network made its score from: the parts of steps, frames and features.

The value before the last activation is taken apart, so a score that was cut to 0 is
explained too. The value of a recurrent network is a sum over pooled steps plus the
bias, exactly. What frames and features add is told by integrated gradients
(Sundararajan et al. 2017): gradients averaged along the straight path from a baseline
to the sequence. Attributions add up to what the value gains on that path, as far as
the sum approximates the integral; the residual is always returned.
"""

from typing import NamedTuple

import numpy as np

from backend import tf
from explaining.network import Moving, cut, evaluate

TOLERANCE = 0.01  # of the gain in value that attributions may miss
FIRST_STEPS, MAX_STEPS = 8, 1024  # of the path
BLOCK = 4  # clips whose gradients along the path are held in memory
HELD = 2**30  # numbers in those gradients: about 256 steps of the published network


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


def integrate(networks, sequences, baselines, tolerance=TOLERANCE, max_steps=MAX_STEPS):
    """Average gradients along the path from baselines to sequences.

    Parameters
    ----------
    networks : sequence of Network
        Their values are averaged, and so are their gradients.
    sequences, baselines : float32, (N, T, F)
    tolerance : float
        The path of a clip is cut finer until its residual is below this.
    max_steps : int

    Returns
    -------
    Attribution
    """
    moved = np.asarray(sequences, float) - baselines
    for finer in (1, 0.1, 0.01):  # what members gain may cancel, what they miss not
        parts = [
            _integrate(m, sequences, baselines, tolerance * finer, max_steps)
            for m in networks
        ]
        gradients = sum(part.gradients for part in parts) / len(parts)
        gain = np.mean([part.gain for part in parts], axis=0)
        missed = _miss(np.einsum("ntf,ntf->n", moved, gradients), gain)
        if len(parts) == 1 or missed.max() <= tolerance:
            break
    steps = np.max([part.steps for part in parts], axis=0)
    return Attribution(gradients, gain, missed, steps)


def _miss(total, gain):
    return np.abs(total - gain) / np.maximum(np.abs(gain), 1e-9)


def _integrate(network, sequences, baselines, tolerance, max_steps):
    """Integrate one network, a few clips at a time so that memory stays small."""
    if isinstance(network, Moving) and not np.any(baselines):
        return _integrate_movement(network, sequences)
    parts = [
        _integrate_block(
            *(network, sequences[first : first + BLOCK]),
            *(baselines[first : first + BLOCK], tolerance, max_steps),
        )
        for first in range(0, len(sequences), BLOCK)
    ]
    return Attribution(*map(np.concatenate, zip(*parts, strict=True)))


def _integrate_movement(network, sequences):
    """Integrate from 0 in closed form.

    The value grows with the root of the sequence's size a, so its gradient on the path
    is the last one divided by the root of a: twice the last one on average.
    """
    found = [network.gradient(network.project(batch)) for batch in cut(sequences)]
    values, gradients = (np.concatenate(each) for each in zip(*found, strict=True))
    gradients = 2 * gradients
    gain = values.astype(float) - evaluate([network], np.zeros_like(sequences[:1]))
    total = np.einsum("ntf,ntf->n", sequences, gradients, dtype=float)
    return Attribution(gradients, gain, _miss(total, gain), np.ones(len(gain), int))


def _integrate_block(network, sequences, baselines, tolerance, max_steps):
    """Integrate with the trapezoidal rule, halving the steps that miss most.

    The gradient jumps where pooling changes from one frame to the other. What a step
    misses is known from the values at its ends, so the steps with a jump are found
    and halved alone; steps of one size would need hundreds.
    """
    start, end = network.project(baselines), network.project(sequences)
    moved = np.asarray(end - start)
    affordable = HELD // (BLOCK * moved[0].size)
    paths = [{} for _ in sequences]  # point of the path to value, slope and gradient
    wanted = [
        (i, a) for i in range(len(paths)) for a in np.linspace(0, 1, FIRST_STEPS + 1)
    ]
    while wanted:
        for batch in cut(wanted):
            index, alphas = zip(*batch, strict=True)
            away = tf.constant(alphas, tf.float32)[:, None, None]
            begin, finish = tf.gather(start, index), tf.gather(end, index)
            found = network.gradient(begin + away * (finish - begin))
            for i, alpha, value, gradient in zip(
                index, alphas, *(each.numpy() for each in found), strict=True
            ):
                slope = np.einsum("tp,tp->", moved[i], gradient, dtype=float)
                paths[i][float(alpha)] = float(value), slope, gradient
        wanted = [
            (i, alpha)
            for i, path in enumerate(paths)
            for alpha in _halve_steps(path, tolerance, min(max_steps, affordable))
        ]
    gains, misses, means = zip(*map(_sum_path, paths), strict=True)
    gains = np.array(gains)
    missed = np.abs(misses) / np.maximum(np.abs(gains), 1e-9)
    gradients = np.asarray(network.pull_back(np.stack(means)))
    steps = np.array([len(path) - 1 for path in paths])
    return Attribution(gradients, gains, missed, steps)


def _list_misses(path):
    """List how far each step is off: float64 points, widths, misses."""
    alphas = np.array(sorted(path))
    values, slopes = np.array([path[alpha][:2] for alpha in alphas]).T
    widths = np.diff(alphas)
    return alphas, widths, np.diff(values) - widths * (slopes[1:] + slopes[:-1]) / 2


def _halve_steps(path, tolerance, max_steps):
    """Choose new points in the steps that miss most; none where it is good enough."""
    alphas, widths, misses = _list_misses(path)
    gain = path[1.0][0] - path[0.0][0]
    if abs(misses.sum()) <= tolerance * abs(gain) or len(widths) >= max_steps:
        return []
    worst = np.argsort(-np.abs(misses))[: max(1, len(misses) // 4)]
    return [alphas[i] + widths[i] / 2 for i in worst]


def _sum_path(path):
    """Return gain, what the sum misses of it, and the mean gradient (T, inputs)."""
    alphas, widths, misses = _list_misses(path)
    weights = np.zeros(len(alphas))
    weights[1:] += widths / 2
    weights[:-1] += widths / 2
    mean = sum(
        np.float32(weight) * path[alpha][2]
        for alpha, weight in zip(alphas, weights, strict=True)
    )
    return path[1.0][0] - path[0.0][0], misses.sum(), mean


# ---------------------------------------------------------------- parts of a score


class Parts(NamedTuple):
    """What the value of N clips consists of; means over M networks."""

    values: np.ndarray  # float64 (N, M): before the last activation
    scores: np.ndarray  # (N,)
    steps: np.ndarray  # (N, K): the parts of steps and the bias add up to the value
    step_length: int  # frames of a step
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
    def cut_to_0(self):
        """Where the score lost what the value says: some network is below 0, (N,)."""
        return (self.values < 0).any(axis=1) & (self.scores != self.value)


def take_apart(networks, sequences):
    """Find the parts of the value of clips.

    Where the networks are not all of one known form, a step is a frame, its part is
    the frame's attribution, and the bias is the value of the zero sequence.

    Parameters
    ----------
    networks : sequence of Network
    sequences : float32, (N, T, F)

    Returns
    -------
    Parts
    """
    attribution = integrate(networks, sequences, np.zeros_like(sequences))
    gradients = attribution.gradients
    frames = np.einsum("ntf,ntf->nt", sequences, gradients, dtype=float)
    is_alike = len({type(network) for network in networks}) == 1
    if is_alike and hasattr(networks[0], "split_steps"):
        steps = [
            np.concatenate([n.split_steps(batch) for batch in cut(sequences)])
            for n in networks
        ]
        values = [s.sum(axis=1) + n.bias for s, n in zip(steps, networks, strict=True)]
        steps, length = np.mean(steps, axis=0), networks[0].step_length
        bias = float(np.mean([network.bias for network in networks]))
    else:
        values = [evaluate([network], sequences) for network in networks]
        steps, length = frames, 1
        bias = float(evaluate(networks, np.zeros_like(sequences[:1]))[0])
    scores = [
        np.asarray(network.activation(value))
        for network, value in zip(networks, values, strict=True)
    ]
    away = sequences - sequences.mean(axis=1, keepdims=True)
    return Parts(
        np.stack(values, axis=1),
        np.mean(scores, axis=0),
        *(steps, length, bias, attribution, frames),
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
