"""Fits a score of posture and movement in closed form; see `models.Motion`.

Few clips allow only few weights. This model is one linear score of statistics over
time, in two blocks: the amount of movement (change and jerk) and posture (mean and
trend). Each block has its own variance, and both are those that make the training
scores most likely (restricted likelihood; Patterson and Thompson 1971), which needs no
clips held out. Clips of one animal also share box, light and fur, so their errors are
correlated; generalised least squares gives differences between clips of one animal more
weight. Pure functions on arrays: N clips, P statistics.
"""

import numpy as np

from models import MOVEMENT
from runs.splits import split_groups
from system.terminal import Problem

# Kinds of one block share a variance: few animals cannot tell them apart, and four
# variances were no better with 22 sources of fights either (see docs/training.md).
BLOCKS = {"amount of movement": ("change", "jerk"), "posture": ("mean", "trend")}
MEMBERS = np.array([[kind in block for kind in MOVEMENT] for block in BLOCKS.values()])
LEAST, MOST = 1e-4, 1e3  # variance of a block, relative to that of the errors
LEAST_VARIANCE = 0.01  # of a statistic, relative to the median one of its kind


def fit(statistics, scores, animals):
    """Fit one linear score of statistics (N, P) of animals (N,), in closed form.

    Gives weights (P,), the bias, and a dict of what was chosen: "correlation" of the
    errors of one animal's clips; by block of `BLOCKS` its "shares" of the variances and
    its effective "degrees" of freedom. Raises Problem when all scores are equal.
    """
    scores, animals = np.asarray(scores, float), np.asarray(animals).astype(str)
    if np.ptp(scores) == 0:
        raise Problem(
            f"all {len(scores)} clips to train on have the score {scores[0]:g}; there "
            "is nothing to learn"
        )
    mean, scale = measure_scales(statistics)
    rows = (np.asarray(statistics, float) - mean) / scale
    kinds = np.split(rows, len(MOVEMENT), axis=1)
    correlation = choose_correlation(scores, animals)
    whiten = whiten_animals(animals, correlation)
    constant, wanted = whiten.sum(axis=1), whiten @ scores  # after whitening
    kernels = [whiten @ (x @ x.T) @ whiten.T for x in kinds]
    kernels = np.einsum("bk,kij->bij", MEMBERS, kernels)
    variances = choose_variances(kernels, wanted, constant)
    parts = variances[:, None, None] * kernels
    solve = np.linalg.inv(parts.sum(axis=0) + np.eye(len(scores)))
    bias = constant @ solve @ wanted / (constant @ solve @ constant)
    dual = whiten.T @ (solve @ (wanted - bias * constant))
    of_kinds = np.repeat(variances @ MEMBERS, kinds[0].shape[1])
    weights = of_kinds * (rows.T @ dual) / scale
    shares, degrees = variances / variances.sum(), np.einsum("bij,ji->b", parts, solve)
    choice = {
        "correlation": float(correlation),
        "shares": dict(zip(BLOCKS, shares.tolist(), strict=True)),
        "degrees": dict(zip(BLOCKS, degrees.tolist(), strict=True)),
    }
    return weights, float(bias - weights @ mean), choice


def cross_validate(statistics, scores, animals, n_folds=5):
    """Predict each clip (N,) by a fit without its animal, or by the mean score where
    there is nothing to learn from; also the range of each block's share: see `fit`."""
    scores, animals = np.asarray(scores, float), np.asarray(animals)
    predicted, shares = np.full(len(scores), scores.mean()), []
    n_folds = min(n_folds, len(set(animals.tolist())))
    if n_folds < 2:
        return predicted, {}
    folds = split_groups(animals, n_folds)
    for fold in range(n_folds):
        train, test = folds != fold, folds == fold
        predicted[test] = scores[train].mean()
        if np.ptp(scores[train]) > 0:
            weights, bias, choice = fit(
                statistics[train], scores[train], animals[train]
            )
            predicted[test] = statistics[test] @ weights + bias
            shares.append(choice["shares"])
    found = {block: [each[block] for each in shares] for block in BLOCKS if shares}
    return predicted, {block: (min(own), max(own)) for block, own in found.items()}


def measure_scales(statistics):
    """Measure mean and scale of each statistic, (P,) each.

    Divided by its scale, a statistic varies as much as the others of its kind, and the
    rows of each kind have a mean squared length of 1.
    """
    statistics = np.asarray(statistics, float)
    variance = statistics.var(axis=0).reshape(len(MOVEMENT), -1)
    bounded = np.stack([bound_variance(kind) for kind in variance])
    length = (variance / bounded).sum(axis=1, keepdims=True)
    scale = np.sqrt(bounded * np.where(length > 0, length, 1))
    return statistics.mean(axis=0), scale.ravel()


def bound_variance(variance):
    """Let what hardly varied count as varying a little, and what never did as 1.

    It would throw an animal in which it does vary far off the scale: on real clips, up
    to 1,400 standard deviations.
    """
    varying = variance > 0
    least = LEAST_VARIANCE * np.median(variance[varying]) if varying.any() else 0
    return np.where(varying, np.maximum(variance, least), 1.0)


def choose_correlation(scores, animals):
    """Choose how far the errors of one animal's clips go together, 0 to 1/2.

    Half the part of the scores' variance that lies within animals. Where all clips of
    an animal have one score, as with lesions, only animals can be compared: 0.
    """
    _, index, counts = np.unique(animals, return_inverse=True, return_counts=True)
    if len(counts) < 2 or len(counts) == len(scores):
        return 0.0
    means = np.bincount(index, scores) / counts
    within = ((scores - means[index]) ** 2).sum() / (len(scores) - len(counts))
    return 0.5 * min(1.0, within / scores.var(ddof=1))


def whiten_animals(animals, correlation):
    """Make the matrix (N, N) after which equally correlated errors are independent."""
    animals = np.asarray(animals).astype(str)
    ratio = correlation / (1 - correlation)  # of the shared to the own variance
    matrix = np.eye(len(animals))
    for name in np.unique(animals):
        (own,) = np.nonzero(animals == name)
        shrunk = 1 - 1 / np.sqrt(1 + ratio * len(own))
        matrix[np.ix_(own, own)] -= shrunk / len(own)
    return matrix


def choose_variances(kernels, scores, constant):
    """Choose the variance of each block, (B,), of the highest restricted likelihood.

    Kernels (B, N, N), scores (N,) and the constant (N,) are whitened. A block without
    information gets 0; where no block has any, the largest keeps a little, so that a
    score always depends on the clip.
    """
    from scipy.linalg import null_space
    from scipy.optimize import minimize

    rest = null_space(constant[None])  # (N, N - 1): what no bias explains
    given = rest.T @ kernels @ rest, rest.T @ scores
    bounds = [(np.log(LEAST), np.log(MOST))] * len(kernels)
    how = {"jac": True, "method": "L-BFGS-B", "bounds": bounds}
    found = minimize(measure_implausibility, np.full(len(kernels), -1.0), given, **how)
    variances = np.exp(found.x)
    variances[(variances < 2 * LEAST) & (variances < variances.max())] = 0
    return variances


def measure_implausibility(logarithms, kernels, scores):
    """Measure how implausible scores are, and the gradient in logarithms of variances.

    Minus the logarithm of the restricted likelihood, whose error variance is the best
    one; what no bias explains is all that is given.
    """
    n, variances = len(scores), np.exp(logarithms)
    parts = variances[:, None, None] * kernels
    covariance = parts.sum(axis=0) + np.eye(n)
    inverse = np.linalg.inv(covariance)
    solved = inverse @ scores
    left = max(scores @ solved, 1e-300)
    value = (n * np.log(left / n) + np.linalg.slogdet(covariance)[1]) / 2
    explained = np.einsum("i,bij,j->b", solved, parts, solved)
    slopes = np.einsum("bij,ij->b", parts, inverse) - n * explained / left
    return value, slopes / 2
