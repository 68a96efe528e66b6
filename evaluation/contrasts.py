"""What a study finds: scores of groups of animals, and of sessions, compared.

The animal is the unit: its clips, of a session, count with their mean, so numbers of
clips do not matter and no mixed model is needed. Intervals are Welch's for groups and
Student's for changes; effect sizes are Hedges's g, corrected for few animals (Hedges
1981, Journal of Educational Statistics 6); p comes from permutations of animals, exact
where they can all be listed.
"""

import numpy as np
from scipy import stats

from system.terminal import Problem

LEVEL = 0.95
MOST_PERMUTATIONS = 100_000  # listed one by one up to here, else drawn


def average(scores, animals, labels):
    """Average scores (N,) over each animal and label: {label: {animal: mean}}."""
    found = {}
    for score, animal, label in zip(scores, animals, labels, strict=True):
        found.setdefault(label, {}).setdefault(animal, []).append(score)
    return {
        label: {animal: float(np.mean(own)) for animal, own in animals.items()}
        for label, animals in found.items()
    }


def compare_groups(first, second):
    """Compare the means of other animals: second minus first.

    Parameters
    ----------
    first, second : dict of str to float
        Score of each animal.

    Returns
    -------
    dict
        "n", "means", "difference" with its 95% "interval", "effect" (Hedges's g), "p".

    Raises
    ------
    Problem
        When a group has fewer than two animals, or an animal is in both.
    """
    if both := sorted(first.keys() & second.keys()):
        raise Problem(f"{', '.join(both)} is in both groups: compare it with --pair")
    x, y = (np.array(list(group.values())) for group in (second, first))
    refuse_few(min(len(x), len(y)), "animals in each group")
    welch = stats.ttest_ind(x, y, equal_var=False)
    pooled = (x.var(ddof=1) * (len(x) - 1) + y.var(ddof=1) * (len(y) - 1)) / (
        len(x) + len(y) - 2
    )
    permuted = stats.permutation_test(
        (x, y),
        lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
        vectorized=True,
        n_resamples=MOST_PERMUTATIONS,
        random_state=0,
    )
    return describe(
        [len(y), len(x)],
        [y.mean(), x.mean()],
        welch.confidence_interval(LEVEL),
        np.sqrt(pooled),
        len(x) + len(y) - 2,
        permuted.pvalue,
    )


def compare_pairs(before, after):
    """Compare two sessions of the same animals: after minus before.

    Animals of one session only are left out. Returns a dict as `compare_groups` does;
    the effect is in standard deviations of the changes.
    """
    animals = [animal for animal in before if animal in after]
    refuse_few(len(animals), "animals with both sessions")
    x, y = (np.array([session[a] for a in animals]) for session in (after, before))
    student = stats.ttest_1samp(x - y, 0)
    permuted = stats.permutation_test(
        (x, y),
        lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=MOST_PERMUTATIONS,
        random_state=0,
    )
    return describe(
        [len(animals)] * 2,
        [y.mean(), x.mean()],
        student.confidence_interval(LEVEL),
        (x - y).std(ddof=1),
        len(animals) - 1,
        permuted.pvalue,
    )


def refuse_few(n, what):
    if n < 2:
        raise Problem(f"a comparison needs two or more {what}. Received: {n}")


def describe(n, means, interval, deviation, freedom, p):
    difference = float(means[1] - means[0])
    corrected = (1 - 3 / (4 * freedom - 1)) if freedom > 1 else 1
    return {
        "n": n,
        "means": [float(mean) for mean in means],
        "difference": difference,
        "interval": [float(interval.low), float(interval.high)],
        "effect": corrected * difference / deviation if deviation > 0 else None,
        "p": float(p),
    }


def tell(first, second, found, measured="network scores"):
    """Say what a comparison found, in one sentence for Results."""
    (n_first, n_second), (low, high) = found["n"], found["interval"]
    mean_first, mean_second = found["means"]
    difference = found["difference"]
    if abs(difference) < 0.005:
        how = "the same as"
    else:
        how = f"{abs(difference):.2f} {'higher' if difference > 0 else 'lower'} than"
    effect = "" if found["effect"] is None else f"; Hedges's g = {found['effect']:.2f}"
    return (
        f"{second} (n = {n_second} animals) had {measured} {how} {first} "
        f"(n = {n_first}): {mean_second:.2f} against {mean_first:.2f}, difference "
        f"{difference:.2f}, 95% interval [{low:.2f}, {high:.2f}]{effect}; permutation "
        f"test p {show_p(found['p'])}"
    )


def show_p(p):
    return f"= {p:.3f}" if p >= 0.001 else "< 0.001"
