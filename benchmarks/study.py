"""Do comparisons of groups and sessions keep their size, from folds, too?

    python benchmarks/study.py [--studies 1000] [--animals 8] [--kind films]

Simulates studies of two groups and two sessions, three clips a session, whose scores
ridge regression predicts, each animal by the network of a fold that never saw it.
"nothing": neither scores nor films differ. "scores": the expert's scores differ, the
films show nothing, so a network can learn nothing. "films": both differ. Prints how
often p <= 0.05 and how often the 95% interval contains the difference that the networks
of the study give between thousands of new animals. Ten minutes on one core.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from evaluation import groups
from evaluation.predictions import adjust_scores

N_FEATURES, N_CLIPS, PENALTY, N_NEW = 20, 3, 20, 400
SETTLED = {
    "group": {"groups": ["sham", "lesion"], "sessions": [], "healthy": "sham"},
    "session": {"groups": [], "sessions": ["pre", "post"], "healthy": None},
    "both": {
        "groups": ["sham", "lesion"],
        "sessions": ["pre", "post"],
        "healthy": "sham",
    },
}


def draw(random, n_animals, kind):
    """Draw a table of clips and their features (N, F)."""
    animal = np.repeat(np.arange(n_animals), 2 * N_CLIPS)
    post = np.tile(np.repeat([0, 1], N_CLIPS), n_animals)
    lesion = animal % 2
    effect = 1.5 * lesion - 1.0 * post * lesion
    seen = random.normal(0, 0.6, n_animals)[animal] + effect * (kind == "films")
    seen += random.normal(0, 0.3, (n_animals, 2))[animal, post]  # within an animal
    score = 2.5 + seen + effect * (kind == "scores")
    score = score + random.normal(0, 0.7, len(animal))
    features = random.normal(size=(n_animals, N_FEATURES))[animal] / 2
    features = features + random.normal(size=(len(animal), N_FEATURES)) / 2
    features[:, 0] += 1.5 * seen * (kind != "scores")
    columns = {"animal": [f"a{a:04d}" for a in animal], "expert_score": score}
    columns["group"] = np.where(lesion, "lesion", "sham")
    columns["session"] = np.where(post, "post", "pre")
    return pd.DataFrame(columns), features


def fit(features, scores):
    x, mean = features - features.mean(axis=0), scores.mean()
    weights = np.linalg.solve(
        x.T @ x + PENALTY * np.eye(N_FEATURES), x.T @ (scores - mean)
    )
    return lambda wanted: mean + (wanted - features.mean(axis=0)) @ weights, mean


def simulate(random, n_animals, kind, n_folds):
    """Score a study by folds: comparisons, and the differences between new animals."""
    table, features = draw(random, n_animals, kind)
    new, of_new = draw(random, N_NEW, kind)
    scores = table["expert_score"].to_numpy()
    fold = pd.factorize(table["animal"])[0] // 2 % n_folds  # a pair of both groups
    table = table.assign(network_score=np.nan, training_mean=np.nan)
    every = []
    for number in range(n_folds):
        out = fold == number
        predict, mean = fit(features[~out], scores[~out])
        table.loc[out, "network_score"] = predict(features[out])
        table.loc[out, "training_mean"] = mean
        every.append(predict(of_new))
    table["network_score"] = adjust_scores(table)
    new = new.assign(score=np.mean(every, axis=0))
    means = new.groupby(["group", "session"])["score"].mean().unstack()
    change = means["post"] - means["pre"]
    truths = {
        "group": means.mean(axis=1)["lesion"] - means.mean(axis=1)["sham"],
        "session": change.mean(),
        "both": change["lesion"] - change["sham"],
    }
    table = table.drop(columns="expert_score")
    found = {n: groups.compare(table, s)["found"][-1] for n, s in SETTLED.items()}
    return {n: each["network"] | {"truth": truths[n]} for n, each in found.items()}


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--animals", type=int, nargs="*", default=[6, 8, 12, 20, 30])
    kinds = ("nothing", "scores", "films")
    parser.add_argument("--kind", choices=kinds, nargs="*", default=kinds)
    args = parser.parse_args(argv)
    groups.MOST_PERMUTATIONS = 999
    print("kind     animals  comparison  p <= 0.05  contains  width  bias")
    for kind in args.kind:
        for n_animals in args.animals:
            random = np.random.default_rng(n_animals)
            n_folds = min(5, n_animals // 2)
            done = [
                simulate(random, n_animals, kind, n_folds) for _ in range(args.studies)
            ]
            for name in SETTLED:
                own = [each[name] for each in done]
                p = np.mean([each["p"] <= 0.05 for each in own])
                ends = np.array([each["interval"] for each in own])
                truth = np.array([each["truth"] for each in own])
                held = np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1]))
                width = np.mean(np.ptp(ends, axis=1))
                bias = np.mean([each["difference"] for each in own] - truth)
                print(
                    f"{kind:<8} {n_animals:>7}  {name:<10}  {p:>9.3f}  {held:>8.3f}  "
                    f"{width:>5.2f}  {bias:>5.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
