"""What animals are worth: errors with them known, held out, and more of them.

Both are measured with the floors, ridge regression and the mean, on a lab's own clips:
they cost seconds where networks would cost days.
"""

import numpy as np

import data
from judging import floors
from judging.comparisons import average_difference

N_DRAWS = 10  # sets of animals drawn for each number of them
MOST = 3  # times the animals at hand: further out the curve is not continued


def predict(columns, scores, animals, test):
    """Predict test clips, a mask (N,), from all others: errors of ridge and mean."""
    rest = ~test
    mean = np.full(test.sum(), scores[rest].mean())
    try:
        known = columns[rest], scores[rest], animals[rest]
        ridge = floors.predict_ridge(*known, columns[test])
    except floors.NoFloor:
        ridge = mean
    return np.abs(np.array([ridge, mean]) - scores[test])


def measure_leak(columns, scores, animals, n_folds=5, seed=0):
    """Cross-validate the floors over clips, then over animals.

    Over clips, other clips of a clip's animal are known: what is gained by that is no
    skill, but recognition of the animal.

    Parameters
    ----------
    columns : (N, C) array
        Summaries of the clips.
    scores : (N,) array
    animals : (N,) array of str
    n_folds, seed : int

    Returns
    -------
    dict of dict
        "animals known" and "animals held out": "ridge" and "training mean", each an
        MAE, and "difference", training mean - ridge.
    """
    scores, animals = np.asarray(scores, dtype=float), np.asarray(animals)
    n_folds = min(n_folds, len(set(animals)))
    clips = np.empty(len(scores), dtype=int)
    shuffled = np.random.default_rng(seed).permutation(len(scores))
    clips[shuffled] = np.arange(len(scores)) % n_folds
    held = np.empty(len(scores), dtype=int)
    for number, fold in enumerate(data.fold_animals(animals, n_folds, scores, seed)):
        held[np.isin(animals, fold)] = number
    result = {}
    for how, fold in (("animals known", clips), ("animals held out", held)):
        errors = np.empty((2, len(scores)))
        for number in range(n_folds):
            test = fold == number
            errors[:, test] = predict(columns, scores, animals, test)
        found = average_difference(*errors, animals)
        keys = {"ridge": "first", "training mean": "second", "difference": "difference"}
        result[how] = {name: found[key] for name, key in keys.items()}
    return result


def measure_curve(columns, scores, animals, wanted=None, seed=0):
    """Measure the floors' errors on other animals against the animals learned from.

    Parameters
    ----------
    columns, scores, animals, seed
        As for `measure_leak`.
    wanted : float, optional
        An error: how many animals would it take?

    Returns
    -------
    dict
        "rows", each with "n_animals", "ridge", "training mean" and "sd" (of ridge, over
        sets of animals); "level", where the curve a + b / n levels off; "needed", the
        number of animals for the wanted error as {"value", "low", "high"}, or None and
        "reason".
    """
    scores, animals = np.asarray(scores, dtype=float), np.asarray(animals)
    names, random = np.unique(animals), np.random.default_rng(seed)
    sizes = np.unique(np.linspace(3, len(names) - 2, 6).astype(int))
    if len(names) < 6 or len(sizes) < 3:
        return {"rows": [], "needed": None, "reason": "fewer than 6 animals"}
    errors = np.empty((len(sizes), N_DRAWS, 2))
    for place, draw in np.ndindex(errors.shape[:2]):
        chosen = random.choice(names, sizes[place], replace=False)
        test = ~np.isin(animals, chosen)
        errors[place, draw] = predict(columns, scores, animals, test).mean(axis=1)
    ridge, mean = errors.mean(axis=1).T
    columns = sizes.tolist(), ridge, mean, errors[..., 0].std(axis=1, ddof=1)
    keys = "n_animals", "ridge", "training mean", "sd"
    rows = [
        dict(zip(keys, (n, *map(float, row)), strict=True))
        for n, *row in zip(*columns, strict=True)
    ]
    level, gain = fit_curve(sizes, ridge)
    result = {"rows": rows, "level": level, "needed": None}
    if wanted is None:
        return result
    picks = random.integers(N_DRAWS, size=(500, N_DRAWS))
    fits = [fit_curve(sizes, errors[:, pick, 0].mean(axis=1)) for pick in picks]
    return result | extrapolate(wanted, (level, gain), fits, len(names))


def fit_curve(sizes, errors):
    """Fit error = level + gain / n by least squares; gain is not below 0."""
    gain, level = np.polyfit(1 / sizes, errors, 1)
    return (float(level), float(gain)) if gain > 0 else (float(errors.mean()), 0.0)


def extrapolate(wanted, fit, fits, n_animals):
    """Say how many animals an error takes, if the curve can tell."""
    most = MOST * n_animals
    numbers = [
        np.ceil(gain / (wanted - level)) if wanted > level and gain else np.inf
        for level, gain in (fit, *fits)
    ]
    if not numbers[0] <= most:
        reason = f"more than {most} animals, or out of reach by animals alone"
        return {"needed": None, "reason": f"{reason} (levels off at {fit[0]:.2f})"}
    ends = np.sort(numbers[1:])[[12, 487]]  # 95% of 500
    low, high = (float(end) if end <= most else None for end in ends)
    return {"needed": {"value": float(numbers[0]), "low": low, "high": high}}
