"""`--model best`: the choice among models, on a run's own training animals alone.

Each candidate foretells every training clip from fits that never saw its animal; the
one with the smallest squared error is then trained on all. Nested in a cross-validation
the choice is made anew for each fold, so that what is reported includes the choosing.
"""

import dataclasses

import numpy as np

import models
import plans
import scoring
from console import Problem

SMALL_LSTM = {  # what suits few clips
    "units": 64,
    "learning_rate": 1e-3,
    "standardize": True,
    "epochs": 150,
    "patience": 10,
}
CANDIDATES = {  # the models whose scores are averaged; the simplest first
    "motion": ("motion",),
    "lstm": ("lstm",),
    "mean of both": ("motion", "lstm"),
}
N_FOLDS, MIN_ANIMALS = 5, 4


def specify(kind, options):
    """Turn the options of a choice into those of one of its models.

    The small LSTM keeps what was asked for otherwise than by default.
    """
    small = {
        name: value
        for name, value in SMALL_LSTM.items()
        if getattr(options, name) == getattr(plans.Options, name)
    }
    own = small if kind == "lstm" else {}
    return dataclasses.replace(options, model=kind, ensemble=1, **own)


def train_best(folder, plan, options, n_features, logs, train):
    """Choose among the candidates, and train the chosen one on all clips of a plan.

    Parameters
    ----------
    folder, plan, options, n_features
        As for `training.train_network`.
    logs : path
    train : callable
        Trains one network: `train(plan, options, place=logs)` gives it and what
        `fitting.fit_network` tells.

    Returns
    -------
    (keras.Model, dict)
        The network, and what `fitting.fit_network` tells, with "choice": the name of
        the chosen one and how each fared.
    """
    if options.ensemble > 1:
        raise Problem("--model best chooses one model; leave out --ensemble")
    animals = {n: plan.animal_of(n, options.animal_pattern) for n in plan.train}

    def train_kind(kind, part, place):
        own = specify(kind, options)
        return train(plans.watch_animals(part, animals, own), own, place=place)

    def foretell(kind, part, names, place):
        model, _ = train_kind(kind, part, place)
        record = {"n_frames": options.n_frames, "n_features": n_features}
        return scoring.score_sequences(
            model, scoring.read_sequences(folder, names, record)
        )

    foretold = foretell_each(plan, animals, logs, foretell)
    errors = measure_errors(np.array([*plan.train.values()]), foretold)
    chosen = min(errors, key=lambda name: errors[name]["rmse"])
    trained = [train_kind(k, plan, logs / k) for k in CANDIDATES[chosen]]
    networks, results = zip(*trained, strict=True)
    model = models.build_ensemble(networks) if len(networks) > 1 else networks[0]
    result = {
        "epochs": sum(each["epochs"] for each in results),
        "best_epoch": max(each["best_epoch"] for each in results),
        "val_loss": errors[chosen]["rmse"] ** 2,
        "choice": {"model": chosen, "candidates": errors},
        "members": [specify(k, options).as_dict() for k in CANDIDATES[chosen]],
    }
    return model, result


def foretell_each(plan, animals, logs, foretell):
    """Foretell every clip of a plan by each model, trained without the clip's animal.

    Returns
    -------
    dict of str to float64 (N,)
    """
    from sklearn.model_selection import GroupKFold

    names = list(plan.train)
    owners = [animals[name] for name in names]
    n_animals = len(set(owners))
    if n_animals < MIN_ANIMALS:
        raise Problem(
            f"--model best compares models on held-out animals and needs {MIN_ANIMALS} "
            f"to train on. Received: {n_animals}. --model motion needs none"
        )
    kinds = sorted({kind for parts in CANDIDATES.values() for kind in parts})
    foretold = {kind: np.empty(len(names)) for kind in kinds}
    folds = GroupKFold(min(N_FOLDS, n_animals)).split(names, groups=owners)
    for number, (kept, left) in enumerate(folds, start=1):
        train = {names[i]: plan.train[names[i]] for i in kept}
        part = plan._replace(train=train, left_out=sorted({owners[i] for i in left}))
        wanted = [names[i] for i in left]
        for kind in kinds:
            place = logs / f"{kind}-inner{number}"
            foretold[kind][left] = foretell(kind, part, wanted, place)
    return foretold


def measure_errors(scores, foretold):
    """Measure how each candidate fared: "rmse" and "mae" of the mean of its models."""
    errors = {}
    for name, parts in CANDIDATES.items():
        missed = np.mean([foretold[kind] for kind in parts], axis=0) - scores
        errors[name] = {
            "rmse": float(np.sqrt((missed**2).mean())),
            "mae": float(np.abs(missed).mean()),
        }
    return errors
