"""Do the 95% intervals hold the truth in 95 of 100 studies, and is p uniform?

    python benchmarks/agreement.py [--studies 1000] [--part folds]

Simulates studies whose truth is known, from a study of thousands of times the size or,
for cross-validations, from the trained networks' scores of unused animals.
Prints, for each figure that `validate.py` gives, its bias and how often its interval
held the truth among the studies where there was one; for each test, how often p <= 0.05
where there is nothing to find. 8 to 30 animals, 1 to 6 clips each ("usual") or one
clip each but 20 of every fifth ("unequal"). Half an hour on one core.
"""

import argparse
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from evaluation import (
    agreement,
    comparisons,
    correlation,
    raters,
)
from evaluation.jackknife import CROSSED, average_units

# Published manifest: within an animal ICC(1) of clip scores is about 0.35.
BETWEEN, WITHIN = 1.0, 1.36
SIZES = (8, 15, 30)
N_FEATURES = 20


class Tally:
    """Counts of what intervals held, by name."""

    def __init__(self):
        self.found = defaultdict(list)

    def add(self, name, figure, truth):
        self.found[name].append((figure, truth))

    def tell(self, heading):
        print(f"{heading}\n  {'':34}  truth    bias  held  none")
        for name, pairs in self.found.items():
            truth = np.mean([truth for _, truth in pairs])
            values = [f["value"] for f, _ in pairs if f["value"] is not None]
            with_ends = [(f, t) for f, t in pairs if f.get("low") is not None]
            held = [f["low"] <= t <= f["high"] for f, t in with_ends]
            bias = np.mean(values) - truth if values else np.nan
            share = 100 * np.mean(held) if held else np.nan
            none = 100 * (1 - len(with_ends) / len(pairs))
            print(f"  {name:34} {truth:6.2f}  {bias:6.2f} {share:5.1f} {none:5.1f}")
        sys.stdout.flush()


def draw_counts(random, n_animals, unequal):
    """Draw how many clips each animal has."""
    if unequal:
        return np.where(np.arange(n_animals) % 5 == 0, 20, 1)
    chances = (0.1, 0.1, 0.25, 0.25, 0.2, 0.1)
    return random.choice(np.arange(1, 7), size=n_animals, p=chances)


def simulate_study(random, n_animals, unequal, graded, n_studies=1):
    """Draw clips of studies: expert, network, training mean, animal, group."""
    counts = np.concatenate(
        [draw_counts(random, n_animals, unequal) for _ in range(n_studies)]
    )
    n = len(counts)
    animals = np.repeat(np.arange(n), counts)
    severity = random.normal(2.5, BETWEEN, n)
    expert = severity[animals] + random.normal(0, WITHIN, len(animals))
    if graded:  # as experts score: half points from 0 to 5
        expert = np.clip(np.round(2 * expert) / 2, 0, 5)
    error = random.normal(0, 0.4, n)[animals] + random.normal(0, 0.6, len(animals))
    network = 0.5 + 0.75 * expert + error
    mean = np.full(len(animals), 2.2)
    return expert, network, mean, animals, (severity > 2.5)[animals].astype(int)


def compute_truth(expert, network, mean, animals):
    """Compute the figures of so many clips that they are the truth."""
    averages = [average_units(v, animals) for v in (expert, network, mean)]
    truth = {}
    for what, (x, y, m) in (("clips", (expert, network, mean)), ("animals", averages)):
        values = agreement.compute_errors(x, y, m)
        spread = 1.96 * values.pop("spread")
        values["lower_limit"] = values["bias"] - spread
        values["upper_limit"] = values["bias"] + spread
        values["pearson"] = stats.pearsonr(x, y)[0]
        values["spearman"] = stats.spearmanr(x, y)[0]
        truth[what] = values
    saved = np.abs(mean - expert).mean() - np.abs(network - expert).mean()
    return truth, saved


def measure_agreement(n_studies, n_animals, unequal, graded):
    """Agreement and reduction in MAE of one network on other animals."""
    random, tally = np.random.default_rng(1), Tally()
    setting = n_animals, unequal, graded
    truth, saved = compute_truth(*simulate_study(random, *setting, n_studies=3000)[:4])
    for _ in range(n_studies):
        expert, network, mean, animals, _ = simulate_study(random, *setting)
        found = agreement.measure_agreement(expert, network, animals, mean)
        for what, values in truth.items():
            for name, value in values.items():
                tally.add(f"{what} {name}", found[what][name], value)
        change = comparisons.paired_change(network - expert, mean - expert, animals)
        tally.add("reduction in MAE", change["change"], saved)
    scores = "half points 0-5" if graded else "normal scores"
    counts = "unequal" if unequal else "usual"
    tally.tell(f"\none network, {n_animals} animals, {counts} clips, {scores}")


# ---------------------------------------------------------------- cross-validation


def fit_ridge(features, scores, penalty):
    centre, mean = features.mean(axis=0), scores.mean()
    x = features - centre
    weights = np.linalg.solve(
        x.T @ x + penalty * np.eye(N_FEATURES), x.T @ (scores - mean)
    )
    return lambda wanted: mean + (wanted - centre) @ weights, mean


def draw_clips(random, n_animals, n_clips, signal):
    """Draw features and scores, of which the first feature tells something."""
    animals = np.repeat(np.arange(n_animals), n_clips)
    severity = random.normal(0, 1, n_animals)
    scores = severity[animals] + random.normal(0, 1, len(animals))
    features = 0.7 * random.normal(size=(n_animals, N_FEATURES))[animals]
    features += 0.7 * random.normal(size=(len(animals), N_FEATURES))
    features[:, 0] += signal * severity[animals]
    return features, scores, animals, (severity > 0)[animals].astype(int)


def measure_new(predict, mean, new):
    """Evaluate a trained network on animals that no network used: the truth."""
    features, scores, animals, labels = new
    network = predict(features)
    error, base = network - scores, mean - scores
    x, y = (average_units(values, animals) for values in (scores, network))
    group = average_units(labels, animals)
    return {
        "clips mae": np.abs(error).mean(),
        "clips rmse": np.sqrt(np.mean(error**2)),
        "clips r2": 1 - np.mean(error**2) / np.mean(base**2),
        "reduction": np.abs(base).mean() - np.abs(error).mean(),
        "clips pearson": np.corrcoef(scores, network)[0, 1],
        "animals pearson": np.corrcoef(x, y)[0, 1],
        "animals auroc": roc_auc_score(group, y),
        "calibration slope": stats.linregress(network, scores).slope,
    }


def measure_folds(n_studies, n_animals, signal, penalty):
    """Pooled held-out animals: raw and centred figures against the truth."""
    random, tally = np.random.default_rng(2), Tally()
    small = defaultdict(int)
    studies, truths = [], []
    for _ in range(n_studies):
        features, scores, animals, labels = draw_clips(random, n_animals, 4, signal)
        new = draw_clips(random, 100, 4, signal)
        network, means = np.empty((2, len(scores)))
        of_folds = []
        for left_out in range(n_animals):
            out = animals == left_out
            predict, mean = fit_ridge(features[~out], scores[~out], penalty)
            network[out], means[out] = predict(features[out]), mean
            of_folds.append(measure_new(predict, mean, new))
        studies.append((scores, network, animals, means, labels))
        truths.append({k: np.mean([f[k] for f in of_folds]) for k in of_folds[0]})
    truth = {name: np.mean([t[name] for t in truths]) for name in truths[0]}
    for scores, network, animals, means, labels in studies:
        found = agreement.measure_agreement(scores, network, animals, means)
        saved = comparisons.paired_change(
            network - scores, means - scores, animals, widen=CROSSED
        )
        given = scores, network, animals
        raw = agreement.measure_agreement(*given, widen=CROSSED)
        for what in ("clips", "animals"):
            r = truth[f"{what} pearson"]
            tally.add(f"{what} pearson raw", raw[what]["pearson"], r)
            tally.add(f"{what} pearson centred", found[what]["pearson"], r)
        for name in ("mae", "rmse", "r2"):
            tally.add(f"clips {name}", found["clips"][name], truth[f"clips {name}"])
        tally.add("reduction in MAE", saved["change"], truth["reduction"])
        for kind, base in (("raw", None), ("centred", means)):
            area = agreement.separate(labels, network, animals, base)["animals"]
            tally.add(f"animals auroc {kind}", area["auroc"], truth["animals auroc"])
        slope = found["clips"]["slope"]
        tally.add("calibration slope", slope, truth["calibration slope"])
        for kind, base in (("raw", None), ("centred", means)):
            beyond = scores if base is None else scores - base
            test = correlation.permutation_test(
                beyond, network, animals, base, draws=(499, 0)
            )
            small[kind] += (test["p"] or 1) <= 0.05
    tally.tell(f"\n{n_animals} animals left out, signal {signal}, penalty {penalty}")
    for kind, count in small.items():
        print(f"  permutation test, {kind}: p <= 0.05 in {count / n_studies:.3f}")


# ---------------------------------------------------------------- groups, outcomes


def measure_auroc(n_studies, n_healthy, n_impaired, shift, unequal):
    """AUROC of clips and animals, as far as the interval of Newcombe goes."""
    random, tally = np.random.default_rng(3), Tally()
    n = n_healthy + n_impaired
    impaired = (np.arange(n) >= n_healthy).astype(int)

    def draw(n_times):
        counts = np.concatenate(
            [draw_counts(random, n, unequal) for _ in range(n_times)]
        )
        animals = np.repeat(np.arange(n * n_times), counts)
        labels = np.tile(impaired, n_times)[animals]
        scores = shift * labels + random.normal(size=n * n_times)[animals]
        return labels, scores + random.normal(0, 0.5, len(animals)), animals

    labels, scores, animals = draw(300)
    labels_of, scores_of = (average_units(v, animals) for v in (labels, scores))
    truth = {
        "clips": roc_auc_score(labels, scores),
        "animals": roc_auc_score(labels_of, scores_of),
    }
    for _ in range(n_studies):
        found = agreement.separate(*draw(1))
        for what, value in truth.items():
            tally.add(f"{what} auroc", found[what]["auroc"], value)
    counts = "unequal" if unequal else "usual"
    tally.tell(f"\n{n_healthy} healthy, {n_impaired} impaired, {counts} clips")


def measure_outcomes(n_studies, n_animals, r_network, r_expert, r_between):
    """The difference of two correlations with an outcome."""
    random, tally = np.random.default_rng(4), Tally()
    mixing = [
        [1, r_network, r_expert],
        [r_network, 1, r_between],
        [r_expert, r_between, 1],
    ]
    for _ in range(n_studies):
        columns = random.multivariate_normal(np.zeros(3), mixing, n_animals).T
        found = comparisons.compare_outcomes(*columns)
        tally.add("network", found["network"], found["direction"] * r_network)
        tally.add("difference", found["difference"], r_network - r_expert)
    tally.tell(f"\noutcome, {n_animals} animals, r {r_network} and {r_expert}")


def measure_permutations(n_studies, n_animals, unequal):
    """How often p <= 0.05 where network and expert have nothing in common."""
    random = np.random.default_rng(5)
    p = []
    for seed in range(n_studies):
        counts = draw_counts(random, n_animals, unequal)
        animals = np.repeat(np.arange(n_animals), counts)
        expert, network = (
            random.normal(size=n_animals)[animals] + random.normal(0, 3, len(animals))
            for _ in range(2)
        )
        found = correlation.permutation_test(
            expert, network, animals, draws=(499, seed)
        )
        p.append(found["p"])
    p = np.array(p)
    counts = "unequal" if unequal else "usual"
    shares = ", ".join(f"{np.mean(p <= a):.3f}" for a in (0.01, 0.05, 0.1))
    print(f"  {n_animals} animals, {counts}: p <= 0.01, 0.05, 0.1: {shares}")


def measure_fold_permutations(n_studies, n_animals, n_folds, signal):
    """How often p <= 0.05 for networks of folds, without and with a signal."""
    random, p = np.random.default_rng(8), []
    for seed in range(n_studies):
        features, scores, animals, _ = draw_clips(random, n_animals, 1, signal)
        network, means = np.empty((2, len(scores)))
        for fold in range(n_folds):
            out = animals % n_folds == fold
            predict, mean = fit_ridge(features[~out], scores[~out], 5)
            network[out], means[out] = predict(features[out]), mean
        found = correlation.permutation_test(
            scores - means, network, animals, means, draws=(499, seed)
        )
        p.append(found["p"])
    where = f"{n_animals} animals in {n_folds} folds, signal {signal}"
    print(f"  {where}: p <= 0.05: {np.mean(np.array(p) <= 0.05):.3f}")


def measure_raters(n_studies, n_animals):
    """Three raters and a network: ICC, kappa, parts within a point, difference."""
    random, tally = np.random.default_rng(6), Tally()
    biases = np.array([-0.2, 0.0, 0.3])

    def draw(n_times):
        counts = draw_counts(random, n_animals * n_times, False)
        animals = np.repeat(np.arange(n_animals * n_times), counts)
        true = random.normal(2.5, BETWEEN, n_animals * n_times)[animals]
        true = true + random.normal(0, WITHIN, len(animals))
        noise = random.normal(0, 0.5, (3, len(animals)))
        given = np.round(2 * (true + biases[:, None] + noise)) / 2
        return given, true + random.normal(0, 0.5, len(animals)), animals

    ratings, network, animals = draw(max(1, 1500 // n_animals))
    truth = raters.describe_pairs(ratings)
    apart = raters.compare_network(ratings, network, animals)["difference"]
    names = ("icc", "kappa", "mae", "half_point", "one_point", "detectable")
    for _ in range(n_studies):
        ratings, network, animals = draw(1)
        found = raters.compare_ratings(ratings, animals)
        for name in names:
            tally.add(f"raters {name}", found[name], truth[name])
        found = raters.compare_network(ratings, network, animals)["difference"]
        tally.add("network - experts", found, apart["value"])
    tally.tell(f"\nthree raters, {n_animals} animals")


def run_agreement(n):
    for n_animals in SIZES:
        for unequal in (False, True):
            measure_agreement(n, n_animals, unequal, graded=True)
    measure_agreement(n, 15, unequal=False, graded=False)


def run_folds(n):
    for n_animals in (8, 10, 15, 30):
        for signal in (0, 1):
            for penalty in (20, 200):
                measure_folds(n, n_animals, signal, penalty)


def run_groups(n):
    for sizes in ((4, 4), (6, 9), (15, 15)):
        for shift in (0, 1.2, 2.5):
            measure_auroc(n, *sizes, shift, unequal=False)
        measure_auroc(n, *sizes, 1.2, unequal=True)


def run_outcomes(n):
    for n_animals in SIZES:
        for correlations in ((0.7, 0.5, 0.6), (0.5, 0.5, 0.5), (0.9, 0.85, 0.9)):
            measure_outcomes(n, n_animals, *correlations)


def run_tests(n):
    print("\npermutation test where there is nothing to find")
    for n_animals in SIZES:
        for unequal in (False, True):
            measure_permutations(n, n_animals, unequal)
    for n_animals, n_folds in ((8, 8), (12, 5), (20, 5), (30, 5)):
        for signal in (0, 2):
            measure_fold_permutations(n, n_animals, n_folds, signal)


def run_raters(n):
    for n_animals in SIZES:
        measure_raters(n, n_animals)


PARTS = {
    "agreement": run_agreement,
    "folds": run_folds,
    "groups": run_groups,
    "outcomes": run_outcomes,
    "tests": run_tests,
    "raters": run_raters,
}


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=1000, help="studies simulated")
    parser.add_argument("--part", choices=PARTS, action="append", help="only this")
    args = parser.parse_args(argv)
    for part in args.part or PARTS:
        start = time.perf_counter()
        PARTS[part](args.studies)
        print(f"{part}: {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
