"""What a network made its score from: the parts of steps, frames and features.

The value before the last activation is taken apart, so a score that was cut is
explained too. The value of a recurrent network is a sum over pooled steps plus the
bias, exactly; that of the others a sum over frames. What frames and features contribute
is found by integrated gradients (Sundararajan et al. 2017): gradients averaged along
the straight path from a baseline to the sequence. Attributions add up to what the value
gains on that path, as far as the sum approximates the integral; the residual is always
returned. There are two baselines: the sequence of zeros, for all of the value, and the
clip's own mean frame held still, for what its frames add beyond it.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

import models
from explanation.network import POINTS, Moving, cut, evaluate

TOLERANCE = 0.01  # of what frames add and take that attributions may miss
MAX_STEPS = 1024  # of the path
NODES, WEIGHTS = np.polynomial.legendre.leggauss(4)
NODES, WEIGHTS = (NODES + 1) / 2, WEIGHTS / 2  # from 0 to 1


class Attribution(NamedTuple):
    """What frames and features of N clips gain from a still baseline.

    It is the distance from the baseline times the averaged gradient; where a network
    knows changes from frame to frame, their parts come on top.
    """

    gradients: np.ndarray  # float32 (N, T, F), of raw features
    frames: np.ndarray  # float64 (N, T): attributions, summed over features
    features: np.ndarray  # float64 (N, F): the same, summed over frames
    gain: np.ndarray  # (N,) value of the sequence minus value of the baseline
    residual: np.ndarray  # (N,) |sum of attributions - gain| / its size or theirs
    steps: np.ndarray  # (N,) of the path


def open_network(model):
    """Open a network in the form that is known of it."""
    if isinstance(model, models.Motion):
        return Moving(model)
    from explanation import gradients

    is_recurrent = any(layer.name == "lstm" for layer in model.layers)
    return (gradients.Recurrent if is_recurrent else gradients.Pooled)(model)


def attribute(networks, sequences, values=None):
    """Find the attributions (whole, beyond) from zero and from the mean frame.

    Values and gradients of networks are averaged. Sequences are float32 (N, T, F);
    without their `values` (N,) gain and residual are NaN, and no path is refined.
    """
    means = sequences.mean(axis=1, keepdims=True)
    gains = np.full((2, len(sequences)), np.nan)
    if values is not None:
        still = evaluate(networks, np.concatenate([np.zeros_like(means[:1]), means]))
        gains = values - np.stack([np.full(len(values), still[0]), still[1:]])
    found = [
        integrate(networks, sequences[i], means[i], gains[:, i])
        for i in cut(range(len(sequences)), max(1, POINTS // len(NODES) // 2))
    ]
    joined = [np.concatenate(each, axis=1) for each in zip(*found, strict=True)]
    return [Attribution(*(each[i] for each in joined)) for i in (0, 1)]


def integrate(networks, sequences, means, gains):
    """Integrate C clips by Gauss and Legendre, with twice the parts of the path for
    those that are not precise, or in closed form.

    A baseline is one frame held still: zero, then the mean frame (C, 1, F). Returns the
    fields of an `Attribution`, (2, C, ..).
    """
    baselines = np.concatenate([np.zeros_like(means), means])  # (2C, 1, F)
    twice, gain = np.concatenate([sequences, sequences]), gains.ravel()
    moved, paths = twice - baselines, []
    known, changes = np.zeros_like(moved), np.zeros(moved.shape)
    for network in networks:
        if network.has_closed_form:
            known += network.find_secants(twice, baselines)
            changes += network.find_changes(twice)
        else:
            end, start = map(network.project, (sequences, baselines))
            paths.append((network, np.asarray(start), np.tile(end, (2, 1, 1))))
    averages, steps = np.zeros_like(moved), np.ones(len(gain), int)
    todo, n_parts = np.arange(len(gain)), 1
    while True:
        paces = (np.arange(n_parts)[:, None] + NODES).ravel() / n_parts
        points = np.stack([paces, np.tile(WEIGHTS / n_parts, n_parts)], axis=1)
        averages[todo] = 0
        for network, *ends in paths:
            start, end = (each[todo] for each in ends)
            for some in cut(points.astype(np.float32), POINTS // len(todo)):
                total = network.sum_gradients(start, end - start, *some.T)
                averages[todo] += network.pull_back(total)
            steps[todo] = len(points)
        gradients = (known + averages) / len(networks)
        both = np.multiply(moved, gradients, dtype=float) + changes / len(networks)
        frames, features = both.sum(axis=2), both.sum(axis=1)
        scale = np.maximum(abs(gain), np.abs(frames).sum(axis=1))  # frames may cancel
        residual = abs(frames.sum(axis=1) - gain) / np.maximum(scale, 1e-9)
        todo = np.flatnonzero(residual > TOLERANCE)
        if not paths or not len(todo) or len(points) >= MAX_STEPS:
            found = gradients, frames, features, gain, residual, steps
            return [each.reshape(2, -1, *each.shape[1:]) for each in found]
        n_parts *= 2


def average_animals(values, animals):
    """Average values of clips (N, F), each animal counting once, (F,)."""
    return pd.DataFrame(values).groupby(np.asarray(animals)).mean().mean().to_numpy()


class Parts(NamedTuple):
    """What the value of N clips consists of; means over M networks."""

    values: np.ndarray  # float64 (N, M): before the last activation
    scores: np.ndarray  # (N,)
    steps: np.ndarray  # (N, K): the parts of steps and the bias add up to the value
    step_length: int  # frames of a step
    bias: np.ndarray  # (N,)
    whole: Attribution  # from the zero sequence
    beyond: Attribution  # from the clip's mean frame, over and over

    @property
    def value(self):
        return self.values.mean(axis=1)

    def find_importance(self, animals):
        """Mean absolute attribution of each feature over the animals of clips, (F,)."""
        return average_animals(np.abs(self.whole.features), animals)

    @property
    def is_cut(self):
        """Where a score is not the value, which lies outside the scale, (N,)."""
        rounding = 1e-5 * np.maximum(1, np.abs(self.value))
        return np.abs(self.scores - self.value) > rounding


def take_apart(networks, sequences):
    """Find the `Parts` of the value of clips, float32 (N, T, F)."""
    steps = [
        np.concatenate([network.split_steps(batch) for batch in cut(sequences)])
        for network in networks
    ]
    pairs = list(zip(networks, steps, strict=True))
    values = np.stack([s.sum(axis=1) + n.bias for n, s in pairs], axis=1)
    scores = [n.activation(value) for n, value in zip(networks, values.T, strict=True)]
    whole, beyond = attribute(networks, sequences, values.mean(axis=1))
    return Parts(
        values=values,
        scores=np.mean(list(map(np.asarray, scores)), axis=0),
        steps=np.mean(steps, axis=0),
        step_length=networks[0].step_length,
        bias=np.full(len(values), np.mean([network.bias for network in networks])),
        whole=whole,
        beyond=beyond,
    )


def join(found, rows):
    """Join the `Parts` of clips that several networks explain, by their rows (N_i,)."""
    if len(found) == 1:
        return found[0]
    order = np.argsort(np.concatenate(rows))

    def stack(arrays):
        return np.concatenate(arrays)[order]

    values, scores, steps, lengths, biases, *both = zip(*found, strict=True)
    whole, beyond = (Attribution(*map(stack, zip(*of, strict=True))) for of in both)
    arrays = map(stack, (values, scores, steps))
    return Parts(*arrays, lengths[0], stack(biases), whole, beyond)


def choose_frames(importance, n_chosen):
    """Choose the frames (T,) of largest size, largest first, none close by another."""
    apart = len(importance) // (4 * n_chosen)
    chosen = []
    for frame in np.argsort(-np.abs(importance), kind="stable"):
        if len(chosen) < n_chosen and all(abs(frame - c) > apart for c in chosen):
            chosen.append(int(frame))
    return chosen
