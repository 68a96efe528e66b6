"""Fits a score of movement in closed form; see `models.build_motion`.

Few clips bear few weights that are trained together. Here nothing is learned but one
linear score of statistics over time. Clips of one animal share what is no movement:
box, light, fur. The score is therefore fitted by generalised least squares, in which
errors of one animal's clips go together, so that comparing clips of one animal counts
for more, as far as their scores differ at all. The ridge penalty is the one that makes
the training scores most likely (restricted likelihood; Patterson and Thompson 1971),
which needs no clips held out. Pure functions on arrays: N clips, P statistics.
"""

import numpy as np

from system.terminal import Problem

PENALTIES = np.logspace(-3, 4, 29)  # relative to the mean squared length of a row
LEAST_VARIANCE = 0.01  # of the median one of its kind
N_KINDS = 4  # of statistics, see `models.MOVEMENT`


def fit(statistics, scores, animals):
    """Fit one linear score of statistics, in closed form.

    Parameters
    ----------
    statistics, scores, animals : (N, P), (N,) and (N,) array

    Returns
    -------
    weights : float64 (P,)
    bias : float
    choice : dict
        "penalty", relative, and "correlation" of the errors of one animal's clips.

    Raises
    ------
    Problem
        When the scores are all the same.
    """
    scores = np.asarray(scores, float)
    if np.ptp(scores) == 0:
        raise Problem(
            f"all {len(scores)} clips to train on have the score {scores[0]:g}; there "
            "is nothing to learn"
        )
    mean, scale = measure_scales(statistics)
    rows = (np.asarray(statistics, float) - mean) / scale
    kernel = rows @ rows.T
    kernel_size = np.trace(kernel) / len(kernel)
    correlation = choose_correlation(scores, animals)
    whiten = whiten_animals(animals, correlation)
    constant = whiten.sum(axis=1)  # what the bias looks like after whitening
    gram = whiten @ kernel @ whiten.T / kernel_size
    penalty = choose_penalty(gram, whiten @ scores, constant)
    solve = np.linalg.inv(gram + penalty * np.eye(len(gram)))
    bias = constant @ solve @ (whiten @ scores) / (constant @ solve @ constant)
    dual = whiten.T @ solve @ (whiten @ scores - bias * constant)
    weights = rows.T @ dual / kernel_size / scale
    choice = {"penalty": float(penalty), "correlation": float(correlation)}
    return weights, float(bias - weights @ mean), choice


def cross_validate(statistics, scores, animals, n_folds=5):
    """Foretell each clip by a fit without its animal, float64 (N,); see `fit`.

    Where there is nothing to learn from, the mean score is foretold.
    """
    from sklearn.model_selection import GroupKFold

    scores, animals = np.asarray(scores, float), np.asarray(animals)
    foretold = np.full(len(scores), scores.mean())
    n_folds = min(n_folds, len(set(animals.tolist())))
    if n_folds < 2:
        return foretold
    for train, test in GroupKFold(n_folds).split(statistics, groups=animals):
        foretold[test] = scores[train].mean()
        if np.ptp(scores[train]) > 0:
            weights, bias, _ = fit(statistics[train], scores[train], animals[train])
            foretold[test] = statistics[test] @ weights + bias
    return foretold


def measure_scales(statistics):
    """Measure mean and spread of each statistic, (P,) each; see `bound_variance`."""
    statistics = np.asarray(statistics, float)
    variance = statistics.var(axis=0).reshape(N_KINDS, -1)
    kinds = [bound_variance(kind) for kind in variance]
    return statistics.mean(axis=0), np.sqrt(np.concatenate(kinds))


def bound_variance(variance):
    """Let what hardly varied count as varying a little, and what never did as 1.

    It would throw an animal in which it does vary far off the scale: on real clips, up
    to 1,400 standard deviations.
    """
    varying = variance > 0
    floor = LEAST_VARIANCE * np.median(variance[varying]) if varying.any() else 0
    return np.where(varying, np.maximum(variance, floor), 1.0)


def choose_correlation(scores, animals):
    """Choose how far the errors of one animal's clips go together, 0 to 1/2.

    Half the part of the scores' variance that lies within animals. Where all clips of
    an animal have one score, as with lesions, only animals can be compared: 0.
    """
    animals = np.asarray(animals).astype(str)
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


def choose_penalty(gram, scores, constant):
    """Choose the penalty of the highest restricted likelihood; all is whitened."""
    from scipy.linalg import null_space

    rest = null_space(constant[None])  # (N, N - 1): what no bias explains
    sizes, axes = np.linalg.eigh(rest.T @ gram @ rest)
    along = (axes.T @ (rest.T @ scores)) ** 2
    spread = np.maximum(sizes, 0)[:, None] + PENALTIES  # (N - 1, penalties)
    unlikely = len(along) * np.log((along[:, None] / spread).mean(axis=0))
    return PENALTIES[np.argmin(unlikely + np.log(spread).sum(axis=0))]
