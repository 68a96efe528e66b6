"""What the simplest predictions score: the floors that a network must beat.

Each is fitted on the clips that the network learned from, and chooses what it must
choose on the clips that the network watched. Pure functions on arrays.
"""

import numpy as np

ALPHAS = np.logspace(0, 6, 13)  # thousands of features, tens of clips
FLOORS = ("training mean", "group mean", "clip length", "ridge", "animal known")
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
    """Predict with ridge regression on standardised columns.

    Parameters
    ----------
    columns, scores, animals : (N, C), (N,), (N,) arrays
        Of the train clips.
    wanted : (M, C) array
    watched : (columns, scores), optional
        The penalty is chosen on these or, without them, on held-out animals of the
        train clips, as clips of one animal are alike.

    Returns
    -------
    (M,) array

    Raises
    ------
    NoFloor
        When there is nothing to choose the penalty on, or no column varies.
    """
    from sklearn.decomposition import PCA
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, GroupKFold, PredefinedSplit
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if not np.ptp(columns, axis=0).any():
        raise NoFloor("the training clips do not differ in it")
    # All principal components: the same predictions from N columns in place of 2F.
    scaler = make_pipeline(StandardScaler(), PCA(svd_solver="full"))
    x = both = scaler.fit_transform(columns)
    known, n_animals = scores, len(set(animals))
    if watched is not None and len(watched[1]):
        both = np.vstack([x, scaler.transform(watched[0])])
        known = np.concatenate([scores, watched[1]])
        folds = PredefinedSplit(np.where(np.arange(len(both)) < len(x), -1, 0)).split()
    elif n_animals < 2:
        raise NoFloor("the training clips are of fewer than two animals")
    else:
        folds = GroupKFold(min(5, n_animals)).split(x, scores, animals)
    how = {"cv": list(folds), "scoring": "neg_mean_squared_error", "refit": False}
    search = GridSearchCV(Ridge(), {"alpha": ALPHAS}, **how).fit(both, known)
    model = Ridge(**search.best_params_).fit(x, scores)
    # A feature that hardly varied in training can throw a clip far off the scale.
    return np.clip(model.predict(scaler.transform(wanted)), min(scores), max(scores))


def predict_known_animal(scores, animals):
    """Predict each clip from the other clips of its animal: how far the animal tells.

    No floor of a fair test, but what a network seems to reach that has seen the animal.

    Parameters
    ----------
    scores : (N,) array
        Expert scores of the clips that are judged.
    animals : (N,) array of str

    Returns
    -------
    (N,) array
        nan where an animal has no other scored clip.
    """
    scores = np.asarray(scores, dtype=float)
    found = np.isfinite(scores)
    _, index = np.unique(np.asarray(animals).astype(str), return_inverse=True)
    own = np.where(found, scores, 0)
    others = np.bincount(index, own)[index] - own
    counts = np.bincount(index, found)[index] - found
    return np.where(counts > 0, others / np.maximum(counts, 1), np.nan)


def predict_floors(train, watched, wanted, leave=()):
    """Predict the wanted clips by each floor.

    Parameters
    ----------
    train, watched, wanted : dict
        Clips that the network learned from, watched, and is to score: "scores" (N,),
        "animals" (N,), "groups" (N,) of str or None, "lengths" (N,) in frames,
        "summaries" (N, 2F).
    leave : collection of str
        Floors to leave out.

    Returns
    -------
    predictions : dict of (M,) array
        Under the names in FLOORS; a floor that is not defined is left out.
    reasons : dict of str
        Why, for each that was not defined.
    """
    scores = np.asarray(train["scores"], dtype=float)

    def regress(key):
        of_wanted = np.asarray(wanted[key], dtype=float)
        of_wanted = of_wanted.reshape(len(of_wanted), -1)
        of_train, of_watched = (
            np.reshape(side[key], (-1, of_wanted.shape[1])) for side in (train, watched)
        )
        if not np.isfinite(of_train).all() or not np.isfinite(of_wanted).all():
            raise NoFloor("it is not known of every clip")
        chosen = of_watched, watched["scores"]
        return predict_ridge(of_train, scores, train["animals"], of_wanted, chosen)

    groups = train["groups"], wanted["groups"]
    ways = {
        "training mean": lambda: np.full(len(wanted["groups"]), scores.mean()),
        "group mean": lambda: predict_group_mean(scores, *groups),
        "clip length": lambda: regress("lengths"),
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
    return predictions, reasons
