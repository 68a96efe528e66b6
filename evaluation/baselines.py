"""What the simplest predictions score: the baselines that a network must beat.

Each is fitted on the clips that the network learned from, and chooses what it must
choose on the validation clips of the network. Pure functions on arrays.
"""

import numpy as np
import pandas as pd

from runs.splits import split_groups

ALPHAS = np.logspace(0, 6, 13)  # thousands of features, tens of clips
LEAST_KNOWN = 0.8  # of the training clips, whose sequences are still there
BASELINES = ("training mean", "group mean", "clip length", "clip duration", "ridge")
BASELINES += ("animal known",)
INFORMED = {  # what a baseline knows that no network is given
    "group mean": "knows the group",
    "animal known": "knows the animal's other scores",
}


class NoBaseline(ValueError):
    """A baseline that these clips do not allow; its text says why."""


def summarise_sequence(sequence):
    """Take mean and standard deviation of each feature over time: (T, F) -> (2F,)."""
    sequence = np.asarray(sequence, dtype=np.float32)
    return np.concatenate([sequence.mean(axis=0), sequence.std(axis=0)])


def predict_group_mean(scores, groups, wanted):
    """Predict the mean training score of a clip's group; None is no group."""
    if nameless := sum(group is None for group in (*groups, *wanted)):
        raise NoBaseline(f"clips whose name carries no group: {nameless}")
    means = pd.Series(scores).groupby(list(groups)).mean()
    if missing := sorted(set(wanted) - set(means.index)):
        raise NoBaseline(f"no training clip of group {', '.join(missing)}")
    return means[list(wanted)].to_numpy()


def predict_ridge(columns, scores, animals, wanted, validation=None):
    """Predict wanted clips (M, C) by ridge regression on standardised columns; (M,).

    The penalty is chosen on columns and scores of validation clips or, without them, on
    held-out animals of the train clips.
    """
    columns, n_animals = np.asarray(columns, float), len(set(animals))
    varies = np.ptp(columns, axis=0) > 0
    if not varies.any():
        raise NoBaseline("the training clips do not differ in it")
    mean, scale = columns.mean(axis=0), np.where(varies, columns.std(axis=0), 1)
    # All principal components: the same predictions from N columns in place of 2F.
    u, s, v = np.linalg.svd((columns - mean) / scale, full_matrices=False)
    x, wanted = u * s, (wanted - mean) / scale @ v.T
    if validation is not None and len(validation[1]):
        chosen = (validation[0] - mean) / scale @ v.T
        errors = ((solve_ridge(x, scores, chosen) - validation[1]) ** 2).mean(axis=1)
    elif n_animals < 2:
        raise NoBaseline("the training clips are of fewer than two animals")
    else:
        errors = np.zeros(len(ALPHAS))
        folds = split_groups(animals, min(5, n_animals))
        for fit, out in ((folds != fold, folds == fold) for fold in set(folds)):
            predicted = solve_ridge(x[fit], scores[fit], x[out])
            errors += ((predicted - scores[out]) ** 2).mean(axis=1)
    predicted = solve_ridge(x, scores, wanted)[np.argmin(errors)]
    # A feature that hardly varied in training can throw a clip far off the scale.
    return np.clip(predicted, min(scores), max(scores))


def solve_ridge(x, y, wanted):
    """Predict wanted rows (M, C) from x (N, C), y (N,) with each penalty; (P, M)."""
    centre, mean = x.mean(axis=0), y.mean()
    u, s, v = np.linalg.svd(x - centre, full_matrices=False)
    shrunk = s / (s**2 + ALPHAS[:, None]) * (u.T @ (y - mean))  # (P, K)
    return mean + shrunk @ (v @ (wanted - centre).T)


def predict_known_animal(scores, animals):
    """Predict each clip (N,) from the other scored clips of its animal; nan without."""
    scores = pd.Series(np.asarray(scores, dtype=float))
    of_animal = scores.groupby(np.asarray(animals))
    counts = of_animal.transform("count") - scores.notna()
    others = of_animal.transform("sum") - scores.fillna(0)
    return (others / counts.where(counts > 0)).to_numpy()


def predict_baselines(train, validation, wanted, omitted=()):
    """Predict the wanted clips (M,) by each baseline but those omitted, and why not.

    All clips are dicts as of `predictions.add_baselines`.
    """
    scores = np.asarray(train["scores"], dtype=float)

    def regress(key):
        sides = [np.asarray(s[key], dtype=float) for s in (wanted, train, validation)]
        n_columns = sides[0][0].size
        of_wanted, of_train, chosen = (side.reshape(-1, n_columns) for side in sides)
        has = np.isfinite(of_train).all(axis=1)  # not clips that were deleted since
        if has.mean() < LEAST_KNOWN or not np.isfinite(of_wanted).all():
            raise NoBaseline("it is not known of every clip")
        known = of_train[has], scores[has], np.asarray(train["animals"])[has]
        has = np.isfinite(chosen).all(axis=1)
        chosen = chosen[has], np.asarray(validation["scores"], float)[has]
        return predict_ridge(*known, of_wanted, chosen)

    groups = train["groups"], wanted["groups"]
    ways = {
        "training mean": lambda: np.full(len(wanted["groups"]), scores.mean()),
        "group mean": lambda: predict_group_mean(scores, *groups),
        "clip length": lambda: regress("lengths"),
        "clip duration": lambda: regress("durations"),
        "ridge": lambda: regress("summaries"),
    }
    predictions, reasons = {}, {}
    for name, predict in ways.items():
        if name in omitted:
            continue
        try:
            predictions[name] = predict()
        except NoBaseline as error:
            reasons[name] = str(error)
    alike = [predictions.get(f"clip {name}", np.nan) for name in ("length", "duration")]
    if np.allclose(*alike):
        del predictions["clip duration"]
        reasons["clip duration"] = "as clip length, at one frame rate"
    return predictions, reasons
