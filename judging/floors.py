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
    """Take the mean and standard deviation over time of each feature.

    Parameters
    ----------
    sequence : (T, F) array

    Returns
    -------
    (2F,) float32 array
        Means, then standard deviations.
    """
    sequence = np.asarray(sequence, dtype=np.float32)
    return np.concatenate([sequence.mean(axis=0), sequence.std(axis=0)])


def predict_training_mean(scores, n_clips):
    """Predict the mean training score.

    Parameters
    ----------
    scores : (N,) array
        Expert scores of the training clips.
    n_clips : int

    Returns
    -------
    (n_clips,) array
    """
    return np.full(n_clips, np.mean(scores, dtype=float))


def predict_group_mean(scores, groups, wanted):
    """Predict the mean training score of a clip's group.

    Parameters
    ----------
    scores : (N,) array
        Expert scores of the training clips.
    groups : (N,) sequence of str or None
    wanted : (M,) sequence of str or None
        Groups of the clips to predict.

    Returns
    -------
    (M,) array

    Raises
    ------
    NoFloor
        When a clip has no group, or a group no training clip.
    """
    scores, groups = np.asarray(scores, dtype=float), list(groups)
    nameless = sum(group is None for group in (*groups, *wanted))
    if nameless:
        raise NoFloor(f"clips whose name carries no group: {nameless}")
    means = {
        group: scores[[other == group for other in groups]].mean()
        for group in set(groups)
    }
    missing = sorted(set(wanted) - set(means))
    if missing:
        raise NoFloor(f"no training clip of group {', '.join(missing)}")
    return np.array([means[group] for group in wanted])


def predict_ridge(train, watched, wanted):
    """Predict with ridge regression on standardised columns.

    Parameters
    ----------
    train, watched : dict
        "scores" (N,), "animals" (N,) and "columns" (N, C) of clips. The penalty is
        chosen on the watched ones or, where there are none, on held-out animals of
        the train clips, as clips of one animal are alike.
    wanted : (M, C) array

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

    columns, scores = np.asarray(train["columns"]), np.asarray(train["scores"])
    if not np.ptp(columns, axis=0).any():
        raise NoFloor("the training clips do not differ in it")
    # All principal components: the same predictions from N columns in place of 2F.
    scaler = make_pipeline(StandardScaler(), PCA(svd_solver="full"))
    x, y = scaler.fit_transform(columns), scores
    if len(watched["scores"]):
        side = np.repeat([-1, 0], [len(x), len(watched["scores"])])
        folds = PredefinedSplit(side).split()
        both = np.vstack([x, scaler.transform(watched["columns"])])
        known = np.concatenate([y, watched["scores"]])
    else:
        n_animals = len(set(train["animals"]))
        if n_animals < 2:
            raise NoFloor("the training clips are of fewer than two animals")
        folds = GroupKFold(min(5, n_animals)).split(x, y, train["animals"])
        both, known = x, y
    search = GridSearchCV(
        Ridge(),
        {"alpha": ALPHAS},
        cv=list(folds),
        scoring="neg_mean_squared_error",
        refit=False,
    )
    alpha = search.fit(both, known).best_params_["alpha"]
    predicted = Ridge(alpha=alpha).fit(x, y).predict(scaler.transform(wanted))
    # A feature that hardly varied in training can throw a clip far off the scale.
    return np.clip(predicted, np.min(scores), np.max(scores))


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
    sums = np.bincount(index, np.where(found, scores, 0))[index]
    counts = np.bincount(index, found)[index]
    with np.errstate(invalid="ignore", divide="ignore"):
        others = (sums - np.where(found, scores, 0)) / (counts - found)
    return np.where(counts > found, others, np.nan)


def predict_floors(train, watched, wanted, leave=()):
    """Predict the wanted clips by each floor.

    Parameters
    ----------
    train, watched : dict
        Clips that the network learned from and watched: "scores" (N,), "animals"
        (N,), "groups" (N,) of str or None, "lengths" (N,) in frames, "summaries"
        (N, 2F).
    wanted : dict
        Clips to predict: "groups" (M,), "lengths" (M,) and "summaries" (M, 2F).
    leave : collection of str
        Floors to leave out.

    Returns
    -------
    predictions : dict of (M,) array
        Under the names in FLOORS; a floor that is not defined is left out.
    reasons : dict of str
        Why, for each that was not defined.
    """

    def regress(key):
        columns = np.asarray(wanted[key], dtype=float)
        columns = columns.reshape(len(columns), -1)
        sides = [
            side | {"columns": np.reshape(side[key], (-1, columns.shape[1]))}
            for side in (train, watched)
        ]
        if not all(np.isfinite(c).all() for c in (sides[0]["columns"], columns)):
            raise NoFloor("it is not known of every clip")
        return predict_ridge(*sides, columns)

    scores, groups = train["scores"], train["groups"]
    ways = {
        "training mean": lambda: predict_training_mean(scores, len(wanted["groups"])),
        "group mean": lambda: predict_group_mean(scores, groups, wanted["groups"]),
        "clip length": lambda: regress("lengths"),
        "ridge": lambda: regress("summaries"),
    }
    predictions, reasons = {}, {}
    for name, predict in ways.items():
        if name in leave:
            continue
        try:
            predictions[name] = predict()
        except NoFloor as error:
            reasons[name] = str(error)
    return predictions, reasons
