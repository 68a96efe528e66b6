"""Does the interval of a new animal's score hold the truth as often as it says?

    python benchmarks/intervals.py
    python benchmarks/intervals.py --data folder --repeats 5

Simulates studies: animals with a severity and habits of their own, 1 to 6 clips each,
ridge regression in the place of the network, cross-validation by animal, then new
animals. With --data the animals of a working folder are left out in turn: what the
others say of them must hold. Prints the share of clips and of animals whose truth lies
in the interval, and its width beside that of an interval around the training mean.

Cost    about a minute for the simulation; --data some minutes a repeat.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from evaluation import baselines
from runs import intervals

N_FEATURES = 12


def draw_animals(random, n_animals, loadings):
    """Draw clips: features (N, F), scores (N,), animals (N,)."""
    n_clips = random.integers(1, 7, n_animals)
    animals = np.repeat(np.arange(n_animals), n_clips)
    severity = random.uniform(0, 5, n_animals)[animals]
    scores = severity + random.normal(0, 0.4, len(animals))
    habits = random.normal(0, 1, (n_animals, N_FEATURES))[animals]
    noise = random.standard_t(4, (len(animals), N_FEATURES))
    return np.outer(scores, loadings) + habits + noise, scores, animals


def fit_ridge(features, scores, penalty=10.0):
    """Return a function from features to scores."""
    centre, mean = features.mean(axis=0), scores.mean()
    gram = (features - centre).T @ (features - centre) + penalty * np.eye(N_FEATURES)
    weights = np.linalg.solve(gram, (features - centre).T @ (scores - mean))
    return lambda new: (new - centre) @ weights + mean


def fit_mean(_, scores):
    return lambda new: np.full(len(new), scores.mean())


def cross_validate(fit, features, scores, animals, folds):
    """Fit a network a fold and one on all; return that one, and the errors."""
    errors = np.empty(len(scores))
    for fold in range(folds.max() + 1):
        out = folds == fold
        errors[out] = fit(features[~out], scores[~out])(features[out]) - scores[out]
    return fit(features, scores), errors


def average(values, animals):
    """Average rows within animals."""
    names, index = np.unique(animals, return_inverse=True)
    total = np.zeros((len(names), *values.shape[1:]))
    np.add.at(total, index, values)
    counts = np.bincount(index)
    return total / counts.reshape(-1, *[1] * (values.ndim - 1)), counts


def evaluate(told, widths, truth, weights):
    """Share of truths inside, each animal with one vote, and median width."""
    inside = np.abs(told - truth) <= widths
    return np.average(inside, weights=weights), 2 * np.median(widths)


def evaluate_study(train, new, folds, fit):
    """Evaluate the intervals of new animals' clips, and of their means.

    Returns
    -------
    list of float
        Coverage and width for clips, then for animals.
    """
    final, errors = cross_validate(fit, *train, folds)
    features, scores, animals = new
    told = final(features)
    means, counts = average(told, animals)
    votes = (1 / counts)[np.unique(animals, return_inverse=True)[1]]
    width = intervals.find_width(errors, train[2])
    of_clips = evaluate(told, np.full(len(told), width), scores, votes)
    truth = average(scores, animals)[0]
    known = {n: intervals.find_width(errors, train[2], n_clips=n) for n in set(counts)}
    widths = np.array([known[n] for n in counts])
    return [*of_clips, *evaluate(means, widths, truth, np.ones(len(truth)))]


def simulate(n_animals, n_folds, n_studies, n_new=10, seed=0):
    """Evaluate many studies; one row of results a way."""
    random = np.random.default_rng(seed)
    ways = {"network": fit_ridge, "training mean": fit_mean}
    found = {way: [] for way in ways}
    for _ in range(n_studies):
        loadings = random.normal(0, 0.5, N_FEATURES)
        train = draw_animals(random, n_animals, loadings)
        new = draw_animals(random, n_new, loadings)
        folds = random.permutation(np.arange(n_animals) % n_folds)[train[2]]
        for way, fit in ways.items():
            found[way].append(evaluate_study(train, new, folds, fit))
    return {way: np.array(rows) for way, rows in found.items()}


def tell(title, found):
    print(title)
    for way, rows in found.items():
        cover = 100 * rows[:, [0, 2]].mean(axis=0)
        error = 100 * rows[:, [0, 2]].std(axis=0) / np.sqrt(len(rows))
        width = np.median(rows[:, [1, 3]], axis=0)
        print(
            f"  {way:<14} clips {cover[0]:5.1f}% +-{error[0]:.1f}, width {width[0]:.2f}"
            f"   animals {cover[1]:5.1f}% +-{error[1]:.1f}, width {width[1]:.2f}"
        )


# ---------------------------------------------------------------- real clips


def read_folder(folder):
    """Read the clips of a working folder: summaries, scores, animals."""
    import data
    from features import sequences

    clips = data.read_clips(folder)
    once = list({clip.name: clip for clip in clips}.values())
    length = sequences.read_extraction(folder)["n_frames"]
    summaries = [
        baselines.summarise_sequence(sequences.read_sequence(folder, clip.name, length))
        for clip in once
    ]
    animals = np.unique(data.list_animals(once), return_inverse=True)[1]
    return np.stack(summaries), np.array([clip.score for clip in once]), animals


def evaluate_folder(folder, repeats, n_folds):
    """Hold each animal of a folder out, and evaluate what the others predict."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def fit(features, scores):
        model = make_pipeline(StandardScaler(), PCA(10), Ridge(10.0))
        return model.fit(features, scores).predict

    features, scores, animals = read_folder(folder)
    n_animals, random = animals.max() + 1, np.random.default_rng(0)
    found = {"network": [], "training mean": []}
    for _ in range(repeats):
        outer = random.permutation(np.arange(n_animals) % n_folds)[animals]
        for fold in range(n_folds):
            kept = outer != fold
            names, own = np.unique(animals[kept], return_inverse=True)
            inner = random.permutation(np.arange(len(names)) % n_folds)[own]
            train = features[kept], scores[kept], animals[kept]
            new = features[~kept], scores[~kept], animals[~kept]
            for way, use in (("network", fit), ("training mean", fit_mean)):
                found[way].append(evaluate_study(train, new, inner, use))
    return {way: np.array(rows) for way, rows in found.items()}, n_animals


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--data", type=Path, metavar="DIR")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    if args.data:
        found, n_animals = evaluate_folder(args.data, args.repeats, 5)
        tell(f"{args.data.name}: {n_animals} animals, level 90%", found)
        return
    for n_animals, n_folds in ((9, 9), (15, 15), (15, 5), (19, 5), (29, 5), (40, 5)):
        found = simulate(n_animals, n_folds, args.studies)
        tell(f"{n_animals} animals, {n_folds} folds, level 90%", found)


if __name__ == "__main__":
    main()
