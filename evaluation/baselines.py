"""What the simplest predictions score: the floors that a network must beat.

Each is fitted on the clips that the network learned from, and chooses what it must
choose on the clips that the network watched. Pure functions on arrays.
"""

import numpy as np
import pandas as pd

ALPHAS = np.logspace(0, 6, 13)  # thousands of features, tens of clips
FLOORS = ("training mean", "group mean", "clip length", "clip duration", "ridge")
FLOORS += ("animal known",)
TOLD = {  # what a floor knows that no network is told
    "group mean": "told the group",
    "animal known": "told the animal's other scores",
}


class NoFloor(ValueError):
    """A floor that these clips do not allow; its text says why."""


def summarise_sequence(sequence):
    """Take mean and standard deviation of each feature over time: (T, F) -> (2F,)."""
    sequence = np.asarray(sequence, dtype=np.float32)
    return np.concatenate([sequence.mean(axis=0), sequence.std(axis=0)])


def predict_group_mean(scores, groups, wanted):
    """Predict the mean training score of a clip's group; None is no group."""
    groups = np.array(groups, dtype=object)
    if nameless := sum(group is None for group in (*groups, *wanted)):
        raise NoFloor(f"clips whose name carries no group: {nameless}")
    means = {group: np.mean(scores[groups == group]) for group in set(groups)}
    if missing := sorted(set(wanted) - set(means)):
        raise NoFloor(f"no training clip of group {', '.join(missing)}")
    return np.array([means[group] for group in wanted])


def predict_ridge(columns, scores, animals, wanted, watched=None):
    """Predict wanted clips (M, C) by ridge regression on standardised columns; (M,).

    Fitted on the columns (N, C), scores (N,) and animals (N,) of train clips. The
    penalty is chosen on the columns and scores of watched clips or, without them, on
    held-out animals of the train clips, as clips of one animal are alike.
    """
    from sklearn.decomposition import PCA
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if not np.ptp(columns, axis=0).any():
        raise NoFloor("the training clips do not differ in it")
    # All principal components: the same predictions from N columns in place of 2F.
    scaler = make_pipeline(StandardScaler(), PCA(svd_solver="full"))
    x, n_animals = scaler.fit_transform(np.asarray(columns, float)), len(set(animals))
    if watched is not None and len(watched[1]):
        known = scaler.transform(watched[0])
        errors = solve_ridge(x, scores, known) - watched[1]
        errors = (errors**2).mean(axis=1)
    elif n_animals < 2:
        raise NoFloor("the training clips are of fewer than two animals")
    else:
        errors = np.zeros(len(ALPHAS))
        for fit, out in GroupKFold(min(5, n_animals)).split(x, scores, animals):
            predicted = solve_ridge(x[fit], scores[fit], x[out])
            errors += ((predicted - scores[out]) ** 2).mean(axis=1)
    predicted = solve_ridge(x, scores, scaler.transform(wanted))[np.argmin(errors)]
    # A feature that hardly varied in training can throw a clip far off the scale.
    return np.clip(predicted, min(scores), max(scores))


def solve_ridge(x, y, wanted):
    """Predict wanted rows (M, C) from x (N, C), y (N,) with each penalty; (P, M)."""
    centre, mean = x.mean(axis=0), y.mean()
    u, s, v = np.linalg.svd(x - centre, full_matrices=False)
    shrunk = s / (s**2 + ALPHAS[:, None]) * (u.T @ (y - mean))  # (P, K)
    return mean + shrunk @ (v @ (wanted - centre).T)


def predict_known_animal(scores, animals):
    """Predict each clip (N,) from the other scored clips of its animal; nan without.

    No floor of a fair test, but what a network seems to reach that has seen the animal.
    """
    scores = pd.Series(np.asarray(scores, dtype=float))
    of_animal = scores.groupby(np.asarray(animals))
    counts = of_animal.transform("count") - scores.notna()
    others = of_animal.transform("sum") - scores.fillna(0)
    return (others / counts.where(counts > 0)).to_numpy()


def predict_floors(train, watched, wanted, leave=()):
    """Predict the wanted clips by each floor but those to leave out.

    Clips that the network learned from, watched, and is to score are dicts of "scores",
    "animals", "groups" (str or None), "lengths" in frames, "durations" in seconds, (N,)
    each, and "summaries" (N, 2F). Dict of predictions (M,), and why others are not
    defined.
    """
    scores = np.asarray(train["scores"], dtype=float)

    def regress(key):
        of_wanted = np.asarray(wanted[key], dtype=float)
        of_wanted = of_wanted.reshape(len(of_wanted), -1)
        of_train, of_watched = (
            np.reshape(side[key], (-1, of_wanted.shape[1])) for side in (train, watched)
        )
        if not all(np.isfinite(x).all() for x in (of_train, of_watched, of_wanted)):
            raise NoFloor("it is not known of every clip")
        chosen = of_watched, watched["scores"]
        return predict_ridge(of_train, scores, train["animals"], of_wanted, chosen)

    groups = train["groups"], wanted["groups"]
    ways = {
        "training mean": lambda: np.full(len(wanted["groups"]), scores.mean()),
        "group mean": lambda: predict_group_mean(scores, *groups),
        "clip length": lambda: regress("lengths"),
        "clip duration": lambda: regress("durations"),
        "ridge": lambda: regress("summaries"),
    }
    predictions, reasons = {}, {}
    for name in ways:
        if name in leave:
            continue
        try:
            predictions[name] = ways[name]()
        except NoFloor as error:
            reasons[name] = str(error)
    alike = [predictions.get(f"clip {name}", np.nan) for name in ("length", "duration")]
    if np.allclose(*alike):
        del predictions["clip duration"]
        reasons["clip duration"] = "as clip length, at one frame rate"
    return predictions, reasons
