"""What more animals are worth: errors against the number of animals.

They are measured on a lab's own clips, with what is fitted in closed form, in seconds:
a network of movement, ridge regression and the mean.
"""

import numpy as np
import pandas as pd

from evaluation import baselines, predictions
from system.terminal import Problem
from training import motion, train

N_DRAWS = 10  # sets of animals drawn for each number of them
MOST = 3  # times the animals at hand: further out the curve is not continued
WAYS = ("movement", "ridge", "training mean")


def measure_plan(folder, table, run, wanted, mae):
    """Measure what more animals are worth, on the clips that are evaluated, of which a
    network has an MAE: that of `measure_curve`, and "network"."""
    scored = table.dropna(subset=["target"])
    names = list(scored["clip"])
    kind = predictions.choose_kind(folder, names, run, "movement")
    clips = (
        train.measure_movement(folder, names, run.n_frames, None, kind),
        predictions.summarise_clips(folder, names, run),
        scored["target"].to_numpy(float),
        scored["animal"].to_numpy(str),
    )
    known = {run.animal_of(name) for name in run.train_clips or ()}
    found = measure_curve(clips, wanted, run.options.activation == "relu")
    return found | {"network": {"n_animals": len(known), "mae": mae}}


def measure_errors(clips, test, is_clipped):
    """Predict test clips, a mask (N,), from all others: absolute errors (3, M)."""
    movement, columns, scores, animals = clips
    rest, mean = ~test, np.full(test.sum(), scores[~test].mean())
    moved = ridge = mean
    try:
        weights, bias, _ = motion.fit(movement[rest], scores[rest], animals[rest])
        moved = movement[test] @ weights + bias
        low = 0 if is_clipped else scores[rest].min()
        moved = np.clip(moved, low, max(low, scores[rest].max()))
        ridge = baselines.predict_ridge(
            columns[rest], scores[rest], animals[rest], columns[test]
        )
    except (Problem, baselines.NoBaseline):  # nothing varies
        pass
    return np.abs(np.array([moved, ridge, mean]) - scores[test])


def measure_curve(clips, wanted, is_clipped=True):
    """Measure errors on other animals against the number of animals learned from.

    `clips` are statistics of movement (N, 4F), summaries (N, 2F), scores (N,) and
    animals (N,); `wanted` is an error; scores of movement may be clipped at 0. Dict of
    "rows"; "way", the better of movement and ridge with most animals; "level", where
    its curve a + b / n levels off; "needed", the animals for the error, or None and
    "reason".
    """
    animals = clips[3]
    names, random = np.unique(animals), np.random.default_rng(0)
    sizes = np.unique(np.linspace(3, len(names) - 2, 6).astype(int))
    if len(names) < 6 or len(sizes) < 3:
        return {"rows": [], "needed": None, "reason": "fewer than 6 animals"}
    errors = np.empty((len(sizes), N_DRAWS, 3))
    for place, draw in np.ndindex(errors.shape[:2]):
        chosen = random.choice(names, sizes[place], replace=False)
        found = measure_errors(clips, ~np.isin(animals, chosen), is_clipped)
        errors[place, draw] = found.mean(axis=1)
    rows = pd.DataFrame(errors.mean(axis=1), columns=WAYS)
    best = int(np.argmin(errors[-1, :, :2].mean(axis=0)))
    errors = errors[..., best]
    rows = rows.assign(n_animals=sizes, sd=errors.std(axis=1, ddof=1))
    level, gain = fit_curve(sizes, errors.mean(axis=1))
    picks = random.integers(N_DRAWS, size=(500, N_DRAWS))
    fits = [fit_curve(sizes, errors[:, pick].mean(axis=1)) for pick in picks]
    result = {"rows": rows.to_dict("records"), "way": WAYS[best], "level": level}
    return result | extrapolate(wanted, (level, gain), fits, len(names))


def fit_curve(sizes, errors):
    """Fit error = level + gain / n by least squares; gain is not below 0."""
    gain, level = np.polyfit(1 / sizes, errors, 1)
    return (float(level), float(gain)) if gain > 0 else (float(errors.mean()), 0.0)


def extrapolate(wanted, fit, fits, n_animals):
    """Find how many animals an error takes, if the curve reaches it."""
    most = MOST * n_animals
    numbers = [  # fewer than 3 were not tried
        max(3, np.ceil(gain / (wanted - level))) if wanted > level else np.inf
        for level, gain in (fit, *fits)
    ]
    if not numbers[0] <= most:
        reason = f"more than {most} animals, or out of reach by animals alone"
        return {"needed": None, "reason": f"{reason} (levels off at {fit[0]:.2f})"}
    ends = np.sort(numbers[1:])[[12, 487]]  # 95% of 500
    low, high = (float(end) if end <= most else None for end in ends)
    return {"needed": {"value": float(numbers[0]), "low": low, "high": high}}
