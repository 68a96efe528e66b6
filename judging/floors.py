"""What the simplest predictions score: the floors that a network must beat.

Each is fitted on the clips that the network was trained on. Pure functions on arrays.
"""

import numpy as np

ALPHAS = np.logspace(0, 6, 13)  # thousands of features, tens of clips
FLOORS = ("training mean", "group mean", "ridge")


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


def predict_ridge(summaries, scores, animals, wanted):
    """Predict with ridge regression on summaries of the sequences, standardised.

    Its penalty is chosen on held-out animals, as clips of one animal are alike.

    Parameters
    ----------
    summaries : (N, 2F) array
        Of the training clips, from `summarise_sequence`.
    scores : (N,) array
    animals : (N,) array of str
    wanted : (M, 2F) array
        Summaries of the clips to predict.

    Returns
    -------
    (M,) array

    Raises
    ------
    NoFloor
        When the training clips are of fewer than two animals.
    """
    from sklearn.decomposition import PCA
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    n_animals = len(set(animals))
    if n_animals < 2:
        raise NoFloor("the training clips are of fewer than two animals")
    folds = GroupKFold(min(5, n_animals)).split(summaries, scores, animals)
    ridge = RidgeCV(ALPHAS, cv=list(folds), scoring="neg_mean_squared_error")
    # All principal components: the same predictions from N columns in place of 2F.
    model = make_pipeline(StandardScaler(), PCA(svd_solver="full"), ridge)
    predicted = model.fit(np.asarray(summaries), np.asarray(scores)).predict(wanted)
    # A feature that hardly varied in training can throw a clip far off the scale.
    return np.clip(predicted, np.min(scores), np.max(scores))


def predict_floors(train, wanted):
    """Predict the wanted clips by each floor.

    Parameters
    ----------
    train : dict
        Training clips: "scores" (N,), "animals" (N,), "groups" (N,) of str or None,
        "summaries" (N, 2F).
    wanted : dict
        Clips to predict: "groups" (M,) and "summaries" (M, 2F).

    Returns
    -------
    predictions : dict of (M,) array
        Under the names in FLOORS; a floor that is not defined is left out.
    reasons : dict of str
        Why, for each that was left out.
    """
    scores, groups = train["scores"], train["groups"]
    ways = {
        "training mean": lambda: predict_training_mean(scores, len(wanted["groups"])),
        "group mean": lambda: predict_group_mean(scores, groups, wanted["groups"]),
        "ridge": lambda: predict_ridge(
            train["summaries"], scores, train["animals"], wanted["summaries"]
        ),
    }
    predictions, reasons = {}, {}
    for name in FLOORS:
        try:
            predictions[name] = ways[name]()
        except NoFloor as error:
            reasons[name] = str(error)
    return predictions, reasons
