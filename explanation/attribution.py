"""What a network made its score from: the parts of steps, frames and features.

The value before the last activation is taken apart, so a score that was cut is
explained too. The value of a recurrent network is a sum over pooled steps plus the
bias, exactly; that of movement over time a sum over frames. What frames and features
add to any other is told by integrated gradients (Sundararajan et al. 2017): gradients
averaged along the straight path from a baseline to the sequence. Attributions add up
to what the value gains on that path, as far as the sum approximates the integral; the
residual is always returned. There are two baselines: the sequence of zeros, for all of
the value, and the clip's own mean frame held still, for what its frames add beyond it.
"""

from typing import NamedTuple

import numpy as np

from explanation.network import Moving, cut, evaluate
from system.backend import tf

TOLERANCE = 0.01  # of what frames add and take that attributions may miss
FIRST_STEPS, MAX_STEPS = 7, 1024  # of the path
BLOCK = 4  # clips whose gradients along the path are held in memory
HELD = 2**30  # numbers in those gradients: about 256 steps of the published network


class Attribution(NamedTuple):
    """What frames and features of N clips gain from a still baseline.

    It is the distance from the baseline times the averaged gradient; where a network
    knows changes from frame to frame, their parts come on top.
    """

    gradients: np.ndarray  # float32 (N, T, F), of raw features
    frames: np.ndarray  # float64 (N, T): attributions, summed over features
    features: np.ndarray  # float64 (N, F): the same, summed over frames
    gain: np.ndarray  # (N,) value of the sequence minus value of the baseline
    residual: np.ndarray  # (N,) |sum of attributions - gain| / scale
    steps: np.ndarray  # (N,) of the path


def find_scale(frames, gain):
    """Find what a miss is measured by: the gain, or where frames cancel their sizes."""
    return np.maximum(np.maximum(np.abs(gain), np.abs(frames).sum(axis=-1)), 1e-9)


def integrate(networks, sequences, baselines, tolerance=TOLERANCE, max_steps=MAX_STEPS):
    """Average gradients along the path from baselines to sequences.

    Values and gradients of networks are averaged. Sequences are float32 (N, T, F); each
    baseline is one frame, held still. The path of a clip is cut finer until its
    residual is below the tolerance. Returns an `Attribution`.
    """
    moved = sequences - baselines
    for finer in (1, 0.1, 0.01):  # what members gain may cancel, what they miss not
        found = [
            integrate_one(network, sequences, baselines, tolerance * finer, max_steps)
            for network in networks
        ]
        gradients, changes = (sum(f[i] for f in found) / len(found) for i in (0, 1))
        gain = np.mean([f[2] for f in found], axis=0)
        frames = np.einsum("ntf,ntf->nt", moved, gradients, dtype=float)
        frames += changes.sum(axis=2, dtype=float)
        features = np.einsum("ntf,ntf->nf", moved, gradients, dtype=float)
        features += changes.sum(axis=1, dtype=float)
        missed = np.abs(frames.sum(axis=1) - gain) / find_scale(frames, gain)
        if len(found) == 1 or missed.max() <= tolerance:
            break
    steps = np.max([f[3] for f in found], axis=0)
    return Attribution(gradients, frames, features, gain, missed, steps)


def integrate_one(network, sequences, baselines, *limits):
    """Find gradients, parts of changes, gains and steps of one network, by blocks."""
    compute = integrate_movement if isinstance(network, Moving) else integrate_block
    found = [
        compute(network, sequences[i : i + BLOCK], baselines[i : i + BLOCK], *limits)
        for i in range(0, len(sequences), BLOCK)
    ]
    return [np.concatenate(each) for each in zip(*found, strict=True)]


def integrate_movement(network, sequences, baselines, *_limits):
    """Integrate in closed form."""
    gains = evaluate([network], sequences) - evaluate([network], baselines)
    secants = network.find_secants(sequences, baselines)
    changes = network.split(sequences)[:, :, 1:3].sum(axis=2)
    return secants, changes, gains, np.ones(len(gains), int)


def integrate_block(network, sequences, baselines, tolerance, max_steps):
    """Integrate with the trapezoidal rule, halving the steps that miss most.

    The gradient jumps where pooling changes frames. What a step misses is known from
    the values at its ends; steps of one size would need hundreds. The path is walked as
    the square of an even pace, d(s^2) = 2 s ds, which tames the slope of a root at 0.
    """
    start, end = network.project(baselines), network.project(sequences)
    moved = np.asarray(end - start)
    max_steps = min(max_steps, HELD // (BLOCK * moved[0].size))
    paths = [{} for _ in sequences]  # pace s to value, slopes and gradient by s
    first = np.linspace(0, 1, FIRST_STEPS + 1)
    wanted = [(i, s) for i in range(len(paths)) for s in first]
    while wanted:
        for batch in cut(wanted):
            index, paces = zip(*batch, strict=True)
            away = tf.constant(np.square(paces), tf.float32)[:, None, None]
            begin, finish = tf.gather(start, index), tf.gather(end, index)
            values, gradients = network.gradient(begin + away * (finish - begin))
            gradients = np.nan_to_num(gradients.numpy(), posinf=0, neginf=0)
            for i, pace, value, gradient in zip(
                index, paces, values.numpy(), gradients, strict=True
            ):
                gradient = np.float32(2 * pace) * gradient
                slopes = np.einsum("tp,tp->t", moved[i], gradient, dtype=float)
                paths[i][float(pace)] = float(value), slopes, gradient
        wanted = [
            (i, pace)
            for i, path in enumerate(paths)
            for pace in halve_steps(path, tolerance, max_steps)
        ]
    gradients = np.asarray(network.pull_back(np.stack(list(map(average, paths)))))
    gains = np.array([path[1.0][0] - path[0.0][0] for path in paths])
    steps = np.array([len(path) - 1 for path in paths])
    return gradients, np.zeros((len(paths), 1, 1)), gains, steps


def halve_steps(path, tolerance, max_steps):
    """Choose new points in the steps that miss most; none where it is good enough."""
    paces = np.array(sorted(path))
    values, slopes = (np.array([path[pace][i] for pace in paces]) for i in (0, 1))
    widths = np.diff(paces)
    frames = widths[:, None] * (slopes[1:] + slopes[:-1]) / 2  # (steps, T)
    misses = np.diff(values) - frames.sum(axis=1)
    allowed = tolerance * find_scale(frames.sum(axis=0), values[-1] - values[0])
    if abs(misses.sum()) <= allowed or len(widths) >= max_steps:
        return []
    worst = np.argsort(-np.abs(misses))[: max(1, len(misses) // 4)]
    return [paces[i] + widths[i] / 2 for i in worst]


def average(path):
    """Average the gradients (T, n_inputs) along a path by the trapezoidal rule."""
    paces = sorted(path)
    weights = np.zeros(len(paces), np.float32)
    weights[1:] += np.diff(paces) / 2
    weights[:-1] += np.diff(paces) / 2
    return sum(w * path[pace][2] for w, pace in zip(weights, paces, strict=True))


class Parts(NamedTuple):
    """What the value of N clips consists of; means over M networks."""

    values: np.ndarray  # float64 (N, M): before the last activation
    scores: np.ndarray  # (N,)
    steps: np.ndarray  # (N, K): the parts of steps and the bias add up to the value
    step_length: int  # frames of a step
    bias: float
    whole: Attribution  # from the zero sequence
    beyond: Attribution  # from the clip's mean frame, over and over

    @property
    def value(self):
        return self.values.mean(axis=1)

    @property
    def importance(self):
        """Mean absolute attribution of each feature over the clips, (F,)."""
        return np.abs(self.whole.features).mean(axis=0)

    @property
    def is_cut(self):
        """Where a score is not the value, which lies outside the scale, (N,)."""
        rounding = 1e-5 * np.maximum(1, np.abs(self.value))
        return np.abs(self.scores - self.value) > rounding


def attribute(networks, sequences, tolerance=TOLERANCE):
    """Find the attributions (whole, beyond) from zero and from the mean frame."""
    means = np.broadcast_to(sequences.mean(axis=1, keepdims=True), sequences.shape)
    baselines = np.zeros_like(sequences), means
    return [integrate(networks, sequences, each, tolerance) for each in baselines]


def take_apart(networks, sequences):
    """Find the `Parts` of the value of clips, float32 (N, T, F).

    Where the networks are not all of one known form, a step is a frame, its part is
    the frame's attribution, and the bias is the value of the zero sequence.
    """
    (kind, *others) = {type(network) for network in networks}
    is_exact = not others and hasattr(kind, "split_steps")
    tolerance = TOLERANCE if is_exact else TOLERANCE / 10  # nothing else adds up
    whole, beyond = attribute(networks, sequences, tolerance)
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
    pairs = zip(networks, values, strict=True)
    scores = np.mean([np.asarray(n.activation(value)) for n, value in pairs], axis=0)
    return Parts(np.stack(values, axis=1), scores, steps, length, bias, whole, beyond)


def choose_frames(importance, n_chosen):
    """Choose the frames (T,) of largest size, largest first, none close by another."""
    apart = len(importance) // (4 * n_chosen)
    chosen = []
    for frame in np.argsort(-np.abs(importance), kind="stable"):
        if len(chosen) < n_chosen and all(abs(frame - c) > apart for c in chosen):
            chosen.append(int(frame))
    return chosen
