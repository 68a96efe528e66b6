"""The space of frames, and movement elements: clusters of frames in it.

A frame is a point. Groups are compared animal by animal, since frames and clips of
one animal are not independent.
"""

import itertools
import math

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from explanation.statistics import ALPHA, correct_holm, correlate_ranks
from names.labels import order_groups

MAX_COMPONENTS = 10
N_PERMUTATIONS = 9999
LOWER, UPPER = "lower network score", "upper network score"
MAX_EXACT = 20000  # relabellings that are all gone through


def find_components(points, seed=0):
    """Find principal components of frames, (P, n >= 2), and their parts of variance."""
    wanted = min(MAX_COMPONENTS, *points.shape)
    pca = PCA(wanted, svd_solver="auto", random_state=seed)
    with np.errstate(invalid="ignore"):  # frames that are all alike have no variance
        coordinates = pca.fit_transform(np.asarray(points, float))
    variances = np.nan_to_num(pca.explained_variance_ratio_)
    missing = max(0, 2 - wanted)
    return np.pad(coordinates, ((0, 0), (0, missing))), np.pad(variances, (0, missing))


def find_elements(coordinates, n_elements, seed=0):
    """Cluster frames by k-means, the largest first; also distances to centres."""
    n_elements = min(n_elements, len(np.unique(coordinates, axis=0)))
    means = KMeans(n_elements, n_init=10, random_state=seed).fit(coordinates)
    order = np.argsort(-np.bincount(means.labels_, minlength=n_elements), kind="stable")
    away = coordinates - means.cluster_centers_[means.labels_]
    return np.argsort(order)[means.labels_], np.linalg.norm(away, axis=1)


def split_groups(table):
    """Give each clip one of two groups; returns whether by name or network score."""
    if table["group"].notna().all() and table["group"].nunique() == 2:
        return list(table["group"]), True
    means = table.groupby("animal")["network_score"].mean()
    high = means > means.median()
    return [UPPER if high[animal] else LOWER for animal in table["animal"]], False


def count_parts(labels, units):
    """Count the units, sorted, and the part of their frames in each element, (U, K)."""
    names = sorted(set(units))
    index = {name: row for row, name in enumerate(names)}
    counts = np.zeros((len(names), labels.max() + 1))
    np.add.at(counts, ([index[unit] for unit in units], labels), 1)
    return names, counts / counts.sum(axis=1, keepdims=True)


def describe_elements(labels, clips, animals, groups, scores, healthy=None):
    """Describe each element: where it occurs, and with which network score.

    All arguments are of frames, (P,), but the last, the healthy group. Gives a table, a
    row an element: frames; the fraction of an animal's frames in either group (mean
    over animals), named by the group; Spearman's rho with the network score over
    animals; p of the groups' difference, and after Holm's correction; whether it
    follows animals and not groups. Then the two groups, and why p is not defined or
    cannot be small, or "".
    """
    animals, groups = np.asarray(animals, str), np.asarray(groups, str)
    names = order_groups(map(str, groups), healthy)
    units, parts = count_parts(labels, [*zip(animals, groups, strict=True)])
    second = np.array([group == names[-1] for _, group in units])
    if len(names) == 2:
        p_values, reason = compare_groups(parts, [a for a, _ in units], second)
    else:
        p_values, reason = np.full(parts.shape[1], np.nan), "there is one group"
    owners, whole = count_parts(labels, animals.tolist())
    means = [np.mean(np.asarray(scores)[animals == owner]) for owner in owners]
    corrected = correct_holm(p_values)
    by_clip, of_clips = count_parts(labels, [*zip(clips, animals, groups, strict=True)])
    follows = follow_animals(of_clips, [unit[1:] for unit in by_clip])
    table = {
        "element": np.arange(parts.shape[1]),
        "frames": np.bincount(labels),
        **{name: parts[second == (name == names[-1])].mean(axis=0) for name in names},
        "rho_score": [correlate_ranks(column, means) for column in whole.T],
        "p": p_values,
        "p_holm": corrected,
        "follows_animals": follows & ~(corrected < ALPHA),
    }
    return pd.DataFrame(table), names, reason


def follow_animals(parts, owners):
    """Find which elements (K,) differ between the animals of a group, clip after clip.

    Coat, cage and camera make an animal's clips alike; so does a habit. Animals make
    more than half of the variance within groups, and an F test, corrected, agrees.
    `parts` are of clips (N, K), `owners` their (animal, group).
    """
    n, n_owners = len(parts), len(set(owners))
    n_groups = len({group for _, group in owners})
    if not n_groups < n_owners < n:
        return np.zeros(parts.shape[1], bool)
    left = [center_by(parts, labels) for labels in (owners, [g for _, g in owners])]
    within, total = ((each**2).sum(axis=0) for each in left)
    freedom = n_owners - n_groups, n - n_owners
    error = np.maximum(within / freedom[1], 1e-12)
    p_values = stats.f.sf((total - within) / freedom[0] / error, *freedom)
    is_large = 1 - error / np.maximum(total / (n - n_groups), 1e-12) > 0.5
    return is_large & (correct_holm(p_values) < ALPHA)


def center_by(values, labels):
    """Take from each row (N, K) the mean of the rows with its label."""
    labels = [str(label) for label in labels]
    return values - pd.DataFrame(values).groupby(labels).transform("mean").to_numpy()


def compare_groups(parts, owners, second):
    """Test by permutation whether mean parts differ between two groups of animals.

    A row of parts (R, K) is of an animal, or of one in one of two groups; then its two
    rows are swapped, so that it is compared with itself. The labels of the others are
    permuted. Returns p (K,), two-sided, and why there is none or none can be small.
    """
    n_second, n_animals = int(second.sum()), len(set(owners))
    if min(n_second, len(second) - n_second) < 2 or n_animals < 5:
        reason = "two animals in each group, five in all, are needed"
        return np.full(parts.shape[1], np.nan), reason
    labels, lowest = list_labellings(second, owners)
    weights = labels / n_second - (1 - labels) / (len(second) - n_second)
    found = parts[second].mean(axis=0) - parts[~second].mean(axis=0)
    as_far = np.abs(weights @ parts) >= np.abs(found) - 1e-12
    lowest *= parts.shape[1]  # as many tests, corrected
    few = f"with so few animals no corrected p can be below {min(1, lowest):.2g}"
    return as_far.mean(axis=0), few if lowest >= ALPHA else ""


def list_labellings(second, owners, seed=0):
    """List relabellings of rows, the true one among them; all of them if few.

    (L, R), 1 where a row counts to the second group; and the lowest p that they allow.
    """
    _, index, counts = np.unique(owners, return_inverse=True, return_counts=True)
    pairs = [np.flatnonzero(index == i) for i in np.flatnonzero(counts == 2)]
    alone = np.flatnonzero(counts[index] == 1)
    n, k = len(alone), int(second[alone].sum())
    n_labellings = math.comb(n, k) * 2 ** len(pairs)
    n_listed = n_labellings if n_labellings <= MAX_EXACT else 1 + N_PERMUTATIONS
    labels = np.tile(second, (n_listed, 1))
    if n_listed == n_labellings:
        swaps = [*itertools.product((False, True), repeat=len(pairs))]
        chosen = itertools.combinations(alone.tolist(), k)
        for row, (ones, _) in zip(
            labels, itertools.product(chosen, swaps), strict=True
        ):
            row[alone] = np.isin(alone, ones)
        swapped = np.tile(np.array(swaps, bool), (math.comb(n, k), 1))
    else:
        random = np.random.default_rng(seed)
        labels[1:, alone] = random.permuted(labels[1:, alone], axis=1)
        swapped = random.random((n_listed, len(pairs))) < 0.5
        swapped[0] = False
    for i, pair in enumerate(pairs):
        labels[:, pair] ^= swapped[:, i, None]
    has_mirror = 2 * k == n
    return labels.astype(float), (1 + has_mirror) / n_labellings


def choose_central(labels, distances, clips, element, n_chosen):
    """Choose the most central frames of an element, one of each clip while it lasts."""
    order = np.argsort(distances, kind="stable")
    inside = [int(i) for i in order if labels[i] == element]
    firsts = list({clips[i]: i for i in reversed(inside)}.values())
    firsts = sorted(firsts, key=inside.index)
    return (firsts + [i for i in inside if i not in set(firsts)])[:n_chosen]


def find_extremes(points, n_directions=8, apart=0.3):
    """Find the frames (P, 2) that lie furthest out in evenly spread directions.

    Of those closer together than `apart` standard deviations one is enough.
    """
    scaled = points / np.maximum(points.std(axis=0), 1e-12)
    angles = np.arange(n_directions) * 2 * np.pi / n_directions
    kept = []
    for index in np.argmax(scaled @ [np.cos(angles), np.sin(angles)], axis=0):
        away = np.linalg.norm(scaled[kept] - scaled[index], axis=1)
        if (away > apart).all():
            kept.append(int(index))
    return kept


def find_ellipse(points, n_deviations=2):
    """Find the ellipse of the covariance of points (n, 2) as matplotlib takes it."""
    if len(points) < 3:
        return None
    values, vectors = np.linalg.eigh(np.cov(points.T))
    width, height = 2 * n_deviations * np.sqrt(np.maximum(values[::-1], 0))
    angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
    return {"xy": points.mean(axis=0), "width": width, "height": height, "angle": angle}
