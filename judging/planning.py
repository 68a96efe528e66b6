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


def _predict(columns, scores, animals, train, test):
    """Predict test clips from train clips: (ridge, mean)."""
    side = {"scores": scores[train], "animals": animals[train]}
    side["columns"] = columns[train]
    mean = np.full(len(scores[test]), scores[train].mean())
    try:
        return floors.predict_ridge(side, {"scores": []}, columns[test]), mean
    except floors.NoFloor:
        return mean, mean


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
    shuffled = np.random.default_rng(seed).permutation(len(scores))
    clips = np.empty(len(scores), dtype=int)
    clips[shuffled] = np.arange(len(scores)) % n_folds
    of_animal = {
        name: number
        for number, fold in enumerate(data.fold_animals(animals, n_folds, scores, seed))
        for name in fold
    }
    held = np.array([of_animal[name] for name in animals])
    result = {}
    for how, fold in (("animals known", clips), ("animals held out", held)):
        errors = np.empty((2, len(scores)))
        for number in range(n_folds):
            test = fold == number
            sides = _predict(columns, scores, animals, ~test, test)
            errors[:, test] = np.abs(np.array(sides) - scores[test])
        found = average_difference(*errors, animals)
        result[how] = {
            "ridge": found["first"],
            "training mean": found["second"],
            "difference": found["difference"],
        }
    return result


def measure_curve(columns, scores, animals, wanted=None, seed=0):
    """Measure the floors' errors on other animals against the animals learned from.

    Parameters
    ----------
    columns, scores, animals
        As for `measure_leak`.
    wanted : float, optional
        An error: how many animals would it take?
    seed : int

    Returns
    -------
    dict
        "rows", each with "n_animals", "ridge", "training mean" and "sd" (of ridge, over
        sets of animals); "level", where the curve a + b / n levels off; "needed", the
        number of animals for the wanted error as {"value", "low", "high"}, or None and
        "reason".
    """
    scores, animals = np.asarray(scores, dtype=float), np.asarray(animals)
    names = np.unique(animals)
    random = np.random.default_rng(seed)
    sizes = np.unique(np.linspace(3, len(names) - 2, 6).astype(int))
    if len(names) < 6 or len(sizes) < 3:
        return {"rows": [], "needed": None, "reason": "fewer than 6 animals"}
    errors = np.empty((len(sizes), N_DRAWS, 2))
    for place, size in enumerate(sizes):
        for draw in range(N_DRAWS):
            train = np.isin(animals, random.choice(names, size, replace=False))
            sides = _predict(columns, scores, animals, train, ~train)
            errors[place, draw] = np.abs(np.array(sides) - scores[~train]).mean(axis=1)
    rows = [
        {
            "n_animals": int(size),
            "ridge": float(of_size[:, 0].mean()),
            "training mean": float(of_size[:, 1].mean()),
            "sd": float(of_size[:, 0].std(ddof=1)),
        }
        for size, of_size in zip(sizes, errors, strict=True)
    ]
    level, gain = _fit(sizes, errors[..., 0].mean(axis=1))
    result = {"rows": rows, "level": level, "needed": None}
    if wanted is None:
        return result
    picks = random.integers(N_DRAWS, size=(500, N_DRAWS))
    fits = [_fit(sizes, errors[:, pick, 0].mean(axis=1)) for pick in picks]
    return result | _extrapolate(wanted, (level, gain), fits, len(names))


def _fit(sizes, errors):
    """Fit error = a + b / n by least squares; b is not below 0."""
    gain, level = np.polyfit(1 / sizes, errors, 1)
    return (float(level), float(gain)) if gain > 0 else (float(errors.mean()), 0.0)


def _extrapolate(wanted, fit, fits, n_animals):
    """Say how many animals an error takes, if the curve can tell."""
    most = MOST * n_animals
    numbers = [
        gain / (wanted - level) if wanted > level and gain else np.inf
        for level, gain in (fit, *fits)
    ]
    value, low, high = numbers[0], *np.sort(numbers[1:])[[12, 487]]  # 95% of 500
    if not value <= most:
        reason = f"more than {most} animals, or out of reach by animals alone"
        return {"needed": None, "reason": f"{reason} (levels off at {fit[0]:.2f})"}
    ends = [None if not end <= most else float(np.ceil(end)) for end in (low, high)]
    return {"needed": {"value": float(np.ceil(value)), "low": ends[0], "high": ends[1]}}
