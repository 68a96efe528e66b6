"""What network scores are good for: separation, outcome, raters, controls.

Pure functions on arrays; figures as in `agreement.py`, intervals over animals.
"""

import numpy as np
from scipy import stats

from judging import resampling
from judging.agreement import (
    MIN_POINTS,
    correlate,
    is_constant,
    measure_agreement,
)
from judging.resampling import (
    describe,
    draw_weights,
    drop_unscored,
    index_animals,
    not_defined,
)


def _find_auroc(labels, scores, weights):
    """AUROC for each row of weights (B, N) -> (B,); nan where a group is missing."""
    positive, negative = labels == 1, labels == 0
    above = scores[positive][:, None] - scores[negative][None, :]
    wins = (above > 0) + 0.5 * (above == 0)  # (P, N - P)
    up, down = weights[:, positive], weights[:, negative]
    pairs = up.sum(axis=1) * down.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return ((up @ wins) * down).sum(axis=1) / np.where(pairs > 0, pairs, np.nan)


def _average_within(labels, scores, index):
    """Average the clips of each animal under each label (an animal can have both)."""
    key = index * 2 + labels.astype(int)
    present, place = np.unique(key, return_inverse=True)
    means = np.bincount(place, scores) / np.bincount(place)
    return present % 2, means, present // 2


def separation(labels, scores, animals, *, n_resamples=resampling.N_RESAMPLES, seed=0):
    """Say how well scores tell impaired from healthy: the area under the ROC curve.

    Parameters
    ----------
    labels : (N,) array
        0 healthy, 1 impaired.
    scores : (N,) array
    animals : (N,) array of str
        Drawn within each group, or over all where an animal has clips in both
        groups (before and after).
    n_resamples, seed : int

    Returns
    -------
    dict
        "clips" and "animals" (means of clips), each with "n" and "auroc".

    Raises
    ------
    ValueError
        When a label is neither 0 nor 1.
    """
    names, labels, scores = drop_unscored(animals, labels, scores)
    unknown = np.setdiff1d(labels, (0, 1))
    if len(unknown):
        raise ValueError(f"expected labels 0 and 1. Received: {unknown.tolist()}")
    animals, index = index_animals(names)
    n_animals = len(animals)
    means = _average_within(labels, scores, index)
    apart = len(means[0]) == n_animals
    weights = draw_weights(
        n_animals, n_resamples, seed, strata=means[0] if apart else None
    )
    smallest = min(np.sum(means[0] == 0), np.sum(means[0] == 1))
    result = {}
    for what, (group, score, place) in (
        ("clips", (labels, scores, index)),
        ("animals", means),
    ):
        n = {"n": len(score)}
        if smallest == 0:
            result[what] = n | {"auroc": not_defined("only one group has scores")}
            continue
        value = _find_auroc(group, score, np.ones((1, len(group))))[0]
        if smallest < 3:
            found = not_defined("no interval: fewer than 3 animals in a group", value)
        else:
            many = _find_auroc(group, score, weights[:, place])
            found = describe(value, many, n_animals, "share", 1 + apart)
        result[what] = n | {"auroc": found}
    return result


def correlate_animals(
    first,
    second,
    animals,
    *,
    n_resamples=resampling.N_RESAMPLES,
    seed=0,
):
    """Correlate two scores of the same clips, on whatever scale each has.

    For scores that share no unit, such as a network's trained on groups and an
    expert's: errors between them would mean nothing.

    Parameters
    ----------
    first, second : (N,) array
    animals : (N,) array of str
    n_resamples, seed : int

    Returns
    -------
    dict
        "clips" and "animals", each with "n", "pearson" and "spearman".
    """
    whole = measure_agreement(
        first, second, animals, n_resamples=n_resamples, seed=seed
    )
    return {
        what: {name: whole[what][name] for name in ("n", "pearson", "spearman")}
        for what in ("clips", "animals")
    }


def within_group_correlation(expert, network, animals, impaired, **options):
    """Correlate scores with severity over all animals and among the impaired alone.

    Over all animals a network earns a correlation by telling the groups apart; only
    within the impaired does it show that its scores are graded.

    Parameters
    ----------
    expert, network : (N,) array
    animals : (N,) array of str
    impaired : (N,) array of bool
    **options
        As for `correlate_animals`.

    Returns
    -------
    dict
        "all" and "impaired", as `correlate_animals` gives them.
    """
    mask = np.asarray(impaired, dtype=bool)
    expert, network, animals = map(np.asarray, (expert, network, animals))
    return {
        "all": correlate_animals(expert, network, animals, **options),
        "impaired": correlate_animals(
            expert[mask], network[mask], animals[mask], **options
        ),
    }


def williams_test(r_first, r_second, r_between, n):
    """Test whether two scores correlate equally with a third thing.

    Williams' t as Steiger (1980, Psychological Bulletin 87, equation 7) gives it,
    for correlations measured on the same animals.

    Parameters
    ----------
    r_first, r_second : float
        Correlation of each score with the outcome.
    r_between : float
        Correlation of the two scores.
    n : int
        Animals.

    Returns
    -------
    dict
        "t" (positive when `r_first` is the greater), "df", "p" (two-sided), or
        None and "reason".
    """
    if n < 4:
        return {"t": None, "df": None, "p": None, "reason": "fewer than 4 animals"}
    determinant = (
        1 - r_first**2 - r_second**2 - r_between**2 + 2 * r_first * r_second * r_between
    )
    mean = (r_first + r_second) / 2
    variance = (
        2 * (n - 1) / (n - 3) * max(determinant, 0) + mean**2 * (1 - r_between) ** 3
    )
    if variance < 1e-12:
        reason = "the two scores say the same"
        return {"t": None, "df": None, "p": None, "reason": reason}
    t = (r_first - r_second) * np.sqrt((n - 1) * (1 + r_between) / variance)
    p = 2 * stats.t.sf(abs(t), n - 3)
    return {"t": float(t), "df": int(n - 3), "p": float(p)}


def compare_outcomes(
    outcome, network, expert, *, n_resamples=resampling.N_RESAMPLES, seed=0
):
    """Compare how well network score and expert score each predict an outcome.

    Parameters
    ----------
    outcome, network, expert : (A,) array
        One value for each animal; an animal without all three is left out.
    n_resamples, seed : int

    Returns
    -------
    dict
        "n"; "network" and "expert", correlation of each with the outcome as it is;
        "between", of the two scores; "direction", -1 where a higher score goes with
        a lower outcome (recovery), else 1; "difference", network - expert after both
        were multiplied by direction: positive means that the network predicts
        better; "williams", on the same two.
    """
    place, outcome, network, expert = drop_unscored(
        np.arange(len(outcome)), outcome, network, expert
    )
    n = len(place)
    named = (("outcome", outcome), ("network", network), ("expert", expert))
    constant = [name for name, values in named if n and is_constant(values)]
    if n < MIN_POINTS or constant:
        reason = f"fewer than {MIN_POINTS} animals"
        if n >= MIN_POINTS:
            reason = f"{' and '.join(constant)}: all values are equal"
        empty = ("network", "expert", "between", "difference")
        none = {"t": None, "df": None, "p": None, "reason": reason}
        return {
            "n": n,
            "direction": None,
            "williams": none,
            **{name: not_defined(reason) for name in empty},
        }
    weights = np.vstack([np.ones(n), draw_weights(n, n_resamples, seed)])
    r_network = correlate(outcome, network, weights)
    r_expert = correlate(outcome, expert, weights)
    between = correlate(network, expert, weights)
    # Both scores decide the direction: one alone may be near 0 with either sign.
    direction = -1 if r_network[0] + r_expert[0] < 0 else 1
    difference = direction * (r_network - r_expert)
    return {
        "n": n,
        "direction": direction,
        "network": describe(r_network[0], r_network[1:], n, "correlation"),
        "expert": describe(r_expert[0], r_expert[1:], n, "correlation"),
        "between": describe(between[0], between[1:], n, "correlation"),
        "difference": describe(difference[0], difference[1:], n),
        "williams": williams_test(
            direction * r_network[0], direction * r_expert[0], between[0], n
        ),
    }


def _compare_means(before, after, animals, n_resamples, seed):
    """Mean of each column over clips, and of after - before, each with interval."""
    names, index = index_animals(animals)
    n = {"n_clips": len(animals), "n_animals": len(names)}
    if not len(animals):
        return n, [not_defined("no clips with every score")] * 3
    weights = draw_weights(len(names), n_resamples, seed)[:, index]
    weights = np.vstack([np.ones(len(index)), weights])
    weights /= weights.sum(axis=1, keepdims=True)
    means = [weights @ values for values in (before, after, after - before)]
    scales = ("positive", "positive", "plain")
    return n, [
        describe(many[0], many[1:], len(names), scale)
        for many, scale in zip(means, scales, strict=True)
    ]


def compare_raters(
    first, second, network, animals, *, n_resamples=resampling.N_RESAMPLES, seed=0
):
    """Ask whether the network disagrees with experts more than they with each other.

    The network's disagreement is the mean of its distances to the two experts, not
    the distance to their mean, which would flatter it.

    Parameters
    ----------
    first, second : (N,) array
        Scores of two experts.
    network : (N,) array
    animals : (N,) array of str
    n_resamples, seed : int

    Returns
    -------
    dict
        "n_clips", "n_animals"; "experts" and "network", each an MAE; "difference",
        network - experts; "verdict": "within" when the interval of the difference
        lies at or below 0, "beyond" when above, else "undecided" (None without an
        interval).
    """
    kept, first, second, network = drop_unscored(animals, first, second, network)
    experts = np.abs(first - second)
    distance = (np.abs(network - first) + np.abs(network - second)) / 2
    n, found = _compare_means(experts, distance, kept, n_resamples, seed)
    result = n | dict(zip(("experts", "network", "difference"), found, strict=True))
    low, high = found[2]["low"], found[2]["high"]
    verdict = None
    if low is not None:
        verdict = "within" if high <= 0 else "beyond" if low > 0 else "undecided"
    return result | {"verdict": verdict}


def paired_change(
    errors_before, errors_after, animals, *, n_resamples=resampling.N_RESAMPLES, seed=0
):
    """Say how much the MAE changes when something is done to the same clips.

    Parameters
    ----------
    errors_before, errors_after : (N,) array
        Error of each clip, signed or not: as it is, and under a control such as
        frames in shuffled order.
    animals : (N,) array of str
    n_resamples, seed : int

    Returns
    -------
    dict
        "n_clips", "n_animals"; "before" and "after", each an MAE; "change",
        after - before: positive means that the control made the scores worse.
    """
    kept, before, after = drop_unscored(animals, errors_before, errors_after)
    n, found = _compare_means(np.abs(before), np.abs(after), kept, n_resamples, seed)
    return n | dict(zip(("before", "after", "change"), found, strict=True))
