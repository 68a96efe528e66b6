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

SMALL_LSTM = {"units": 64, "learning_rate": 1e-3, "standardize": True}  # for few clips
SMALL_LSTM |= {"epochs": 150, "patience": 10}
CANDIDATES = {  # the models whose scores are averaged; the simplest first
    "motion": ("motion",),
    "lstm": ("lstm",),
    "mean of both": ("motion", "lstm"),
}
KINDS = CANDIDATES["mean of both"]
N_FOLDS, MIN_ANIMALS = 5, 4


def specify(kind, options):
    """Turn the options of a choice into those of one of its models.

    The small LSTM keeps what was asked for otherwise than by default.
    """
    own = {}
    if kind == "lstm":
        usual, asked = plans.Options().as_dict(), options.as_dict()
        own = {k: v for k, v in SMALL_LSTM.items() if asked[k] == usual[k]}
    return dataclasses.replace(options, model=kind, ensemble=1, **own)


def train_best(folder, plan, options, n_features, logs, train):
    """Choose among the candidates, and train the chosen one on all clips of a plan.

    `train(plan, options, place)` trains one network with its logs in a place, and gives
    it and what `fitting.fit_network` tells. Gives the same of the chosen one, with
    "choice": its name and how each fared.
    """
    if options.ensemble > 1:
        raise Problem("--model best chooses one model; leave out --ensemble")
    animals = {n: plan.animal_of(n, options.animal_pattern) for n in plan.train}

    def train_kind(kind, part, place):
        own = specify(kind, options)
        return train(plans.watch_animals(part, animals, own), own, place)

    def foretell(kind, part, names, place):
        model, _ = train_kind(kind, part, place)
        record = {"n_frames": options.n_frames, "n_features": n_features}
        sequences = scoring.read_sequences(folder, names, record)
        return scoring.score_sequences(model, sequences)

    foretold = foretell_each(plan, animals, logs, foretell)
    errors = measure_errors(np.array([*plan.train.values()]), foretold)
    chosen = min(errors, key=lambda name: errors[name]["rmse"])
    kinds = CANDIDATES[chosen]
    trained = [train_kind(kind, plan, logs / kind) for kind in kinds]
    networks, results = zip(*trained, strict=True)
    result = {
        "epochs": sum(each["epochs"] for each in results),
        "best_epoch": max(each["best_epoch"] for each in results),
        "val_loss": errors[chosen]["rmse"] ** 2,
        "choice": {"model": chosen, "candidates": errors},
        "members": [specify(kind, options).as_dict() for kind in kinds],
    }
    return models.build_ensemble(networks), result


def foretell_each(plan, animals, logs, foretell):
    """Foretell every clip of a plan by each model, trained without its animal."""
    from sklearn.model_selection import GroupKFold

    names, owners = list(plan.train), [animals[name] for name in plan.train]
    n_animals = len(set(owners))
    if n_animals < MIN_ANIMALS:
        raise Problem(
            f"--model best compares models on held-out animals and needs {MIN_ANIMALS} "
            f"to train on. Received: {n_animals}. --model motion needs none"
        )
    foretold = {kind: np.empty(len(names)) for kind in sorted(KINDS)}
    folds = GroupKFold(min(N_FOLDS, n_animals)).split(names, groups=owners)
    for number, (kept, left) in enumerate(folds, start=1):
        train = {names[i]: plan.train[names[i]] for i in kept}
        part = plan._replace(train=train, left_out=sorted({owners[i] for i in left}))
        for kind, found in foretold.items():
            place = logs / f"{kind}-inner{number}"
            found[left] = foretell(kind, part, [names[i] for i in left], place)
    return foretold


def measure_errors(scores, foretold):
    """Measure how each candidate fared: "rmse" and "mae" of the mean of its models."""
    errors = {}
    for name, parts in CANDIDATES.items():
        missed = np.mean([foretold[kind] for kind in parts], axis=0) - scores
        rmse, mae = np.sqrt((missed**2).mean()), np.abs(missed).mean()
        errors[name] = {"rmse": float(rmse), "mae": float(mae)}
    return errors
