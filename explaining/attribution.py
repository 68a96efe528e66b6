"""What a network made its score from: the parts of steps, frames and features.

The value before the last activation is taken apart, so a score that was cut to 0 is
explained too. The value of a recurrent network is a sum over pooled steps plus the
bias, exactly. What frames and features add is told by integrated gradients
(Sundararajan et al. 2017): gradients averaged along the straight path from a baseline
to the sequence. Attributions add up to what the value gains on that path, as far as
the sum approximates the integral; the residual is always returned. There are two
baselines: the sequence of zeros, for all of the value, and the clip's own mean frame
held still, for what its frames add beyond it.
"""

from typing import NamedTuple

import numpy as np

from backend import tf
from explaining.network import Moving, cut, evaluate

TOLERANCE = 0.01  # of what frames add and take that attributions may miss
FIRST_STEPS, MAX_STEPS = 7, 1024  # of the path
BLOCK = 4  # clips whose gradients along the path are held in memory
HELD = 2**30  # numbers in those gradients: about 256 steps of the published network


# ---------------------------------------------------------------- attributions


class Attribution(NamedTuple):
    """Integrated gradients of N clips, from a baseline.

    The attribution of a feature in a frame is its distance from the baseline times
    its gradient averaged along the path.
    """

    gradients: np.ndarray  # float32 (N, T, F), of raw features
    frames: np.ndarray  # float64 (N, T): attributions, summed over features
    gain: np.ndarray  # (N,) value of the sequence minus value of the baseline
    residual: np.ndarray  # (N,) |sum of attributions - gain| / scale
    steps: np.ndarray  # (N,) of the path


def find_scale(frames, gain):
    """Find what a miss is measured by: the gain, or all that frames add and take.

    Where frames cancel, the gain may be near 0, and any miss would look large.
    """
    return np.maximum(np.maximum(np.abs(gain), np.abs(frames).sum(axis=-1)), 1e-9)


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
    moved = sequences - baselines
    for finer in (1, 0.1, 0.01):  # what members gain may cancel, what they miss not
        found = [
            _integrate(network, sequences, baselines, tolerance * finer, max_steps)
            for network in networks
        ]
        gradients = sum(part[0] for part in found) / len(found)
        gain = np.mean([part[1] for part in found], axis=0)
        frames = np.einsum("ntf,ntf->nt", moved, gradients, dtype=float)
        missed = np.abs(frames.sum(axis=1) - gain) / find_scale(frames, gain)
        if len(found) == 1 or missed.max() <= tolerance:
            break
    steps = np.max([part[2] for part in found], axis=0)
    return Attribution(gradients, frames, gain, missed, steps)


def _integrate(network, sequences, baselines, tolerance, max_steps):
    """Integrate one network, a few clips at a time so that memory stays small."""
    if isinstance(network, Moving) and not np.any(baselines):
        return _integrate_movement(network, sequences)
    found = [
        _integrate_block(
            *(network, sequences[first : first + BLOCK]),
            *(baselines[first : first + BLOCK], tolerance, max_steps),
        )
        for first in range(0, len(sequences), BLOCK)
    ]
    return [np.concatenate(each) for each in zip(*found, strict=True)]


def _integrate_movement(network, sequences):
    """Integrate from 0 in closed form.

    The value grows with the root of the sequence's size a, so its gradient on the path
    is the last one divided by the root of a: twice the last one on average.
    """
    found = [network.gradient(network.project(batch)) for batch in cut(sequences)]
    values, gradients = (np.concatenate(each) for each in zip(*found, strict=True))
    gradients = 2 * gradients
    gain = values.astype(float) - evaluate([network], np.zeros_like(sequences[:1]))
    return gradients, gain, np.ones(len(gain), int)


def _integrate_block(network, sequences, baselines, tolerance, max_steps):
    """Integrate with the trapezoidal rule, halving the steps that miss most.

    The gradient jumps where pooling changes from one frame to the other. What a step
    misses is known from the values at its ends, so the steps with a jump are found
    and halved alone; steps of one size would need hundreds. The path is walked as the
    square of an even pace, d(s^2) = 2 s ds, which tames the slope of a root at 0.

    Returns
    -------
    (float32 (N, T, F), float64 (N,), int (N,))
        Gradients, gain, steps.
    """
    start, end = network.project(baselines), network.project(sequences)
    moved = np.asarray(end - start)
    affordable = HELD // (BLOCK * moved[0].size)
    paths = [{} for _ in sequences]  # pace s to value, slopes and gradient by s
    wanted = [
        (i, s) for i in range(len(paths)) for s in np.linspace(0, 1, FIRST_STEPS + 1)
    ]
    while wanted:
        for batch in cut(wanted):
            index, paces = zip(*batch, strict=True)
            away = tf.constant(np.square(paces), tf.float32)[:, None, None]
            begin, finish = tf.gather(start, index), tf.gather(end, index)
            found = network.gradient(begin + away * (finish - begin))
            for i, pace, value, gradient in zip(
                index, paces, *(each.numpy() for each in found), strict=True
            ):
                gradient = np.float32(2 * pace) * np.nan_to_num(
                    gradient, posinf=0, neginf=0
                )
                slopes = np.einsum("tp,tp->t", moved[i], gradient, dtype=float)
                paths[i][float(pace)] = float(value), slopes, gradient
        wanted = [
            (i, pace)
            for i, path in enumerate(paths)
            for pace in _halve_steps(path, tolerance, min(max_steps, affordable))
        ]
    gradients = np.asarray(network.pull_back(np.stack(list(map(_average, paths)))))
    gains = np.array([path[1.0][0] - path[0.0][0] for path in paths])
    return gradients, gains, np.array([len(path) - 1 for path in paths])


def _halve_steps(path, tolerance, max_steps):
    """Choose new points in the steps that miss most; none where it is good enough."""
    paces = np.array(sorted(path))
    values = np.array([path[pace][0] for pace in paces])
    slopes = np.array([path[pace][1] for pace in paces])  # (points, T)
    widths = np.diff(paces)
    frames = widths[:, None] * (slopes[1:] + slopes[:-1]) / 2  # (steps, T)
    misses = np.diff(values) - frames.sum(axis=1)
    allowed = tolerance * find_scale(frames.sum(axis=0), values[-1] - values[0])
    if abs(misses.sum()) <= allowed or len(widths) >= max_steps:
        return []
    worst = np.argsort(-np.abs(misses))[: max(1, len(misses) // 4)]
    return [paces[i] + widths[i] / 2 for i in worst]


def _average(path):
    """Average the gradients (T, n_inputs) along a path by the trapezoidal rule."""
    paces = sorted(path)
    weights = np.zeros(len(paces), np.float32)
    weights[1:] += np.diff(paces) / 2
    weights[:-1] += np.diff(paces) / 2
    return sum(w * path[pace][2] for w, pace in zip(weights, paces, strict=True))


# ---------------------------------------------------------------- parts of a score


class Parts(NamedTuple):
    """What the value of N clips consists of; means over M networks."""

    values: np.ndarray  # float64 (N, M): before the last activation
    scores: np.ndarray  # (N,)
    steps: np.ndarray  # (N, K): the parts of steps and the bias add up to the value
    step_length: int  # frames of a step
    bias: float
    whole: Attribution  # from the zero sequence
    beyond: Attribution  # from the clip's mean frame, over and over
    features: np.ndarray  # (N, F): attributions of the whole, summed over frames

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
    is_alike = len({type(network) for network in networks}) == 1
    is_exact = is_alike and hasattr(networks[0], "split_steps")
    tolerance = TOLERANCE if is_exact else TOLERANCE / 10  # nothing else adds up
    whole = integrate(networks, sequences, np.zeros_like(sequences), tolerance)
    means = np.broadcast_to(sequences.mean(axis=1, keepdims=True), sequences.shape)
    beyond = integrate(networks, sequences, means, tolerance)
    if is_exact:
        steps = [
            np.concatenate([n.split_steps(batch) for batch in cut(sequences)])
            for n in networks
        ]
        values = [s.sum(axis=1) + n.bias for s, n in zip(steps, networks, strict=True)]
        steps, length = np.mean(steps, axis=0), networks[0].step_length
        bias = float(np.mean([network.bias for network in networks]))
    else:
        values = [evaluate([network], sequences) for network in networks]
        steps, length = whole.frames, 1
        bias = float(evaluate(networks, np.zeros_like(sequences[:1]))[0])
    scores = [
        np.asarray(network.activation(value))
        for network, value in zip(networks, values, strict=True)
    ]
    features = np.einsum("ntf,ntf->nf", sequences, whole.gradients, dtype=float)
    return Parts(
        *(np.stack(values, axis=1), np.mean(scores, axis=0), steps, length, bias),
        *(whole, beyond, features),
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
