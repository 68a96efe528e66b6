"""Does the 95% interval hold the truth in 95 of 100 studies, and is p uniform?

    python benchmarks/agreement.py [--studies 1000] [--resamples 1000]

Simulates studies of 15 animals with 1 to 6 clips each (ICC of clip scores within an
animal about 0.35) whose true agreement is known from a study of 20,000 times the
size. Prints, for each figure of `agreement.measure_agreement`, how often its interval
held
the truth; the same for AUROC and for the difference of two correlations; and tests
the p-values of `agreement.permutation_test` under shuffled labels for uniformity.
About two minutes on one core.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from judging import agreement, comparisons

N_ANIMALS = 15
# Published manifest: within an animal ICC(1) of clip scores is about 0.35.
BETWEEN, WITHIN = 1.0, 1.36
TRUTH_STUDIES = 20_000


def simulate_study(random, n_studies=1, graded=True):
    """Draw clips of `n_studies` studies: expert, network, training mean, animal."""
    n_animals = N_ANIMALS * n_studies
    counts = random.choice(
        np.arange(1, 7), size=n_animals, p=(0.1, 0.1, 0.25, 0.25, 0.2, 0.1)
    )
    animals = np.repeat(np.arange(n_animals), counts)
    n = len(animals)
    severity = random.normal(2.5, BETWEEN, n_animals)
    expert = severity[animals] + random.normal(0, WITHIN, n)
    if graded:  # as experts score: half points from 0 to 5
        expert = np.clip(np.round(2 * expert) / 2, 0, 5)
    error = random.normal(0, 0.4, n_animals)[animals] + random.normal(0, 0.6, n)
    network = 0.5 + 0.75 * expert + error
    # Each animal is predicted from the mean of the other animals of its study.
    study = np.arange(n_animals) // N_ANIMALS
    sums, sizes = np.bincount(animals, expert), counts
    others = np.bincount(study, sums)[study] - sums
    others /= np.bincount(study, sizes)[study] - sizes
    return expert, network, others[animals], animals


def find_truth(random, graded):
    """Compute every figure on so many animals that it is the truth."""
    expert, network, mean, animals = simulate_study(random, TRUTH_STUDIES, graded)
    averages = [
        agreement.average_animals(v, animals)[1] for v in (expert, network, mean)
    ]
    truth = {}
    for what, (x, y, m) in (("clips", (expert, network, mean)), ("animals", averages)):
        difference = y - x
        spread, bias = difference.std(), difference.mean()
        covariance = np.cov(x, y, bias=True)
        moments = 2 * covariance[0, 1] / (covariance.trace() + bias**2)
        truth[what] = {
            "mae": np.abs(difference).mean(),
            "rmse": np.sqrt(np.mean(difference**2)),
            "bias": bias,
            "lower_limit": bias - 1.96 * spread,
            "upper_limit": bias + 1.96 * spread,
            "r2": 1 - np.mean(difference**2) / np.mean((x - m) ** 2),
            "pearson": stats.pearsonr(x, y)[0],
            "spearman": stats.spearmanr(x, y)[0],
            "ccc": moments,
            "icc": moments,  # the same where N is large
        }
    return truth


def holds(figure, truth):
    """Say whether an interval holds the truth; one that is not defined does not."""
    return figure["low"] is not None and figure["low"] <= truth <= figure["high"]


def measure_agreement(n_studies, n_resamples, graded):
    """Print the coverage of each figure of agreement; return the mean."""
    random = np.random.default_rng(1)
    truth = find_truth(random, graded)
    held = {what: dict.fromkeys(figures, 0) for what, figures in truth.items()}
    for seed in range(n_studies):
        expert, network, mean, animals = simulate_study(random, graded=graded)
        found = agreement.measure_agreement(
            expert, network, animals, mean, n_resamples=n_resamples, seed=seed
        )
        for what, figures in truth.items():
            for name, value in figures.items():
                held[what][name] += holds(found[what][name], value)
    print(f"{'half points 0-5' if graded else 'normal scores':20}  clips  animals")
    for name in truth["clips"]:
        shares = [100 * held[what][name] / n_studies for what in held]
        print(f"  {name:18}  {shares[0]:5.1f}  {shares[1]:7.1f}")
    everything = [n for names in held.values() for n in names.values()]
    print(f"  {'mean':18}  {100 * np.mean(everything) / n_studies:5.1f}")


def measure_comparisons(n_studies, n_resamples):
    """Print the coverage for AUROC and for the difference of two correlations."""
    random = np.random.default_rng(2)
    auroc = stats.norm.cdf(1.2 / np.sqrt(2 * (1 + 0.25)))  # of single clips
    mixing = np.array([[1, 0.7, 0.5], [0.7, 1, 0.6], [0.5, 0.6, 1]])
    held = np.zeros(2)
    rejected = 0
    for seed in range(n_studies):
        animals = np.repeat(np.arange(N_ANIMALS), random.integers(1, 7, N_ANIMALS))
        group = (np.arange(N_ANIMALS) >= 6)[animals].astype(int)  # 6 control, 9 stroke
        scores = 1.2 * group + random.normal(size=N_ANIMALS)[animals]
        scores += random.normal(0, 0.5, len(animals))
        found = comparisons.separation(
            group, scores, animals, n_resamples=n_resamples, seed=seed
        )
        held[0] += holds(found["clips"]["auroc"], auroc)
        outcome, network, expert = random.multivariate_normal(
            np.zeros(3), mixing, N_ANIMALS
        ).T
        found = comparisons.compare_outcomes(
            outcome, network, expert, n_resamples=n_resamples, seed=seed
        )
        held[1] += holds(found["difference"], 0.7 - 0.5)
        alike = network + random.normal(0, 0.7, N_ANIMALS)
        other = network + random.normal(0, 0.7, N_ANIMALS)
        found = comparisons.compare_outcomes(network, alike, other, n_resamples=2)
        rejected += found["williams"]["p"] < 0.05
    for name, share in zip(("AUROC", "difference of r"), held, strict=True):
        print(f"  {name:18}  {100 * share / n_studies:5.1f}")
    print(
        f"  Williams' test, equal correlations: p < 0.05 in {rejected / n_studies:.3f}"
    )


def measure_permutations(n_studies):
    """Print whether p is uniform when the animals' labels are shuffled."""
    random = np.random.default_rng(3)
    values = {"pearson": [], "mae": []}
    for seed in range(n_studies):
        expert, network, _, animals = simulate_study(random)
        # Each animal keeps its network scores and gets the clips of another animal
        # as its expert scores, drawn again where it has more clips than the other.
        owner = random.permutation(N_ANIMALS)
        shuffled = np.concatenate(
            [
                random.permutation(np.resize(expert[animals == owner[a]], n))
                for a, n in enumerate(np.bincount(animals))
            ]
        )
        found = agreement.permutation_test(
            shuffled, network, animals, n_permutations=999, seed=seed
        )
        for name, p in values.items():
            p.append(found[name]["p"])
    for name, p in values.items():
        test = stats.kstest(p, "uniform")
        shares = ", ".join(
            f"{np.mean(np.array(p) <= a):.3f}" for a in (0.01, 0.05, 0.1)
        )
        print(
            f"  {name:10}  KS distance {test.statistic:.3f} (p = {test.pvalue:.2f}); "
            f"p <= 0.01, 0.05, 0.1: {shares}"
        )


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=1000, help="studies simulated")
    parser.add_argument("--resamples", type=int, default=1000, help="of each bootstrap")
    args = parser.parse_args(argv)
    start = time.perf_counter()
    print(f"{args.studies} studies of {N_ANIMALS} animals, {args.resamples} resamples")
    print("share of 95% intervals that hold the truth, in 100:")
    for graded in (True, False):
        measure_agreement(args.studies, args.resamples, graded)
    measure_comparisons(args.studies, args.resamples)
    print("permutation test under shuffled labels:")
    measure_permutations(args.studies)
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
