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

from explaining.inference import correct_holm, correlate_ranks

ALPHA = 0.05
MAX_COMPONENTS = 10
N_PERMUTATIONS = 9999
LOWER, UPPER = "lower network score", "upper network score"
MAX_EXACT = 20000  # relabellings that are all gone through


def find_components(points, seed=0):
    """Find the principal components of frames.

    Parameters
    ----------
    points : float, (P, D)
        One row a frame.

    Returns
    -------
    (float64 (P, n), float64 (n,))
        Coordinates, and the part of the variance of each component; n is at least 2.
    """
    wanted = min(MAX_COMPONENTS, *points.shape)
    pca = PCA(wanted, svd_solver="auto", random_state=seed)
    with np.errstate(invalid="ignore"):  # frames that are all alike have no variance
        coordinates = pca.fit_transform(np.asarray(points, float))
    variances = np.nan_to_num(pca.explained_variance_ratio_)
    missing = max(0, 2 - wanted)
    return np.pad(coordinates, ((0, 0), (0, missing))), np.pad(variances, (0, missing))


def find_elements(coordinates, n_elements, seed=0):
    """Cluster frames with k-means; the largest cluster is element 0.

    Returns
    -------
    (int (P,), float (P,))
        Element of each frame, and its distance from the centre of the element.
    """
    n_elements = min(n_elements, len(np.unique(coordinates, axis=0)))
    means = KMeans(n_elements, n_init=10, random_state=seed).fit(coordinates)
    order = np.argsort(-np.bincount(means.labels_, minlength=n_elements), kind="stable")
    labels = np.argsort(order)[means.labels_]
    away = coordinates - means.cluster_centers_[means.labels_]
    return labels, np.linalg.norm(away, axis=1)


def split_groups(table):
    """Give each clip one of two groups: by name, else by the network's score.

    Parameters
    ----------
    table : pandas.DataFrame
        Clips with animal, group and network_score.

    Returns
    -------
    (list of str, bool)
        Groups (N,), and whether they come from the clip names.
    """
    if table["group"].notna().all() and table["group"].nunique() == 2:
        return list(table["group"]), True
    means = table.groupby("animal")["network_score"].mean()
    high = means > means.median()
    return [UPPER if high[animal] else LOWER for animal in table["animal"]], False


def count_parts(labels, units):
    """Count how large a part of a unit's frames lies in each element.

    Parameters
    ----------
    labels : int, (P,)
    units : (P,) sequence
        What each frame belongs to, say animals.

    Returns
    -------
    (list, float64 (units, elements))
        The units, sorted, and parts that add up to 1 in each row.
    """
    names = sorted(set(units))
    index = {name: row for row, name in enumerate(names)}
    counts = np.zeros((len(names), labels.max() + 1))
    np.add.at(counts, ([index[unit] for unit in units], labels), 1)
    return names, counts / counts.sum(axis=1, keepdims=True)


def describe_elements(labels, clips, animals, groups, scores):
    """Describe each element: where it occurs, and with which network score.

    Parameters
    ----------
    labels : int, (P,)
        Element of each frame.
    clips, animals, groups : (P,) sequence of str
    scores : (P,) float
        Network score of the frame's clip.

    Returns
    -------
    (pandas.DataFrame, list of str, str)
        A row an element: frames; the part of an animal's frames in either group (mean
        over animals), named by the group; p of their difference, and p after Holm's
        correction for the number of elements; Spearman's rho with the network score
        over animals; whether it follows animals and not groups. Then the two groups,
        and why p is not defined, or "".
    """
    animals, groups = np.asarray(animals, str), np.asarray(groups, str)
    names = sorted(set(groups), key=lambda group: (group != "Control", group))
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
    """Tell which elements differ between the animals of a group, clip after clip.

    Coat, cage and camera make an animal's clips alike; so does a habit.

    Parameters
    ----------
    parts : float, (N, K)
        Of a clip's frames, in each element.
    owners : (N,) sequence of (str, str)
        Animal and group.

    Returns
    -------
    bool, (K,)
        By an F test, corrected for the number of elements, and where animals make
        more than half of the variance within groups.
    """
    follows = np.zeros(parts.shape[1], bool)
    n, n_owners = len(parts), len(set(owners))
    n_groups = len({group for _, group in owners})
    if n_groups < n_owners < n:
        left = [center_by(parts, labels) for labels in (owners, [g for _, g in owners])]
        within, total = ((each**2).sum(axis=0) for each in left)
        freedom = n_owners - n_groups, n - n_owners
        error = np.maximum(within / freedom[1], 1e-12)
        p_values = stats.f.sf((total - within) / freedom[0] / error, *freedom)
        large = 1 - error / np.maximum(total / (n - n_groups), 1e-12) > 0.5
        follows = large & (correct_holm(p_values) < ALPHA)
    return follows


def center_by(values, labels):
    """Take from each row (N, K) the mean of the rows with its label."""
    _, index = np.unique([str(label) for label in labels], return_inverse=True)
    means = [values[index == i].mean(axis=0) for i in range(index.max() + 1)]
    return values - np.array(means)[index]


def compare_groups(parts, owners, second):
    """Test by permutation whether mean parts differ between two groups of animals.

    The labels of animals that are in one group are permuted; the two rows of an animal
    that is in both are swapped, so that it is compared with itself.

    Parameters
    ----------
    parts : float, (R, K)
        One row an animal; an animal that is in both groups has two rows.
    owners : (R,) sequence of str
    second : bool, (R,)
        Which rows are of the second group.

    Returns
    -------
    (float (K,), str)
        Two-sided p, and "" or why there is none, or why none can be small.
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

    Returns
    -------
    (float (L, R), float)
        1 where a row counts to the second group; the lowest p that they allow.
    """
    _, index = np.unique(owners, return_inverse=True)
    rows = [np.flatnonzero(index == i) for i in range(index.max() + 1)]
    alone = np.array([r[0] for r in rows if len(r) == 1], int)
    pairs = np.array([r for r in rows if len(r) == 2], int).reshape(-1, 2)
    n, k = len(alone), int(second[alone].sum())
    n_labellings = math.comb(n, k) * 2 ** len(pairs)
    if n_labellings <= MAX_EXACT:
        chosen = itertools.combinations(range(n), k)
        of_alone = np.array([np.isin(np.arange(n), c) for c in chosen])
        of_alone = of_alone.reshape(math.comb(n, k), n)
        swaps = itertools.product((False, True), repeat=len(pairs))
        swapped = np.array(list(swaps), bool).reshape(2 ** len(pairs), -1)
        of_alone = np.repeat(of_alone, len(swapped), axis=0)
        swapped = np.tile(swapped, (len(of_alone) // len(swapped), 1))
    else:
        random = np.random.default_rng(seed)
        of_alone = np.stack([second[alone]] * (1 + N_PERMUTATIONS))
        of_alone[1:] = random.permuted(of_alone[1:], axis=1)
        swapped = random.random((1 + N_PERMUTATIONS, len(pairs))) < 0.5
        swapped[0] = False
    labels = np.zeros((len(of_alone), len(second)))
    labels[:, alone] = of_alone
    for column in (0, 1):
        labels[:, pairs[:, column]] = second[pairs[:, column]] ^ swapped
    has_mirror = 2 * k == n
    return labels, (1 + has_mirror) / n_labellings


def choose_central(labels, distances, clips, element, n_chosen):
    """Choose the most central frames of an element, one clip once if that suffices.

    Parameters
    ----------
    labels : int, (P,)
    distances : float, (P,)
    clips : (P,) sequence
        The clip of each frame.

    Returns
    -------
    list of int
        Positions of frames.
    """
    inside = [
        int(i) for i in np.argsort(distances, kind="stable") if labels[i] == element
    ]
    first, seen = [], set()
    for index in inside:
        if clips[index] not in seen:
            seen.add(clips[index])
            first.append(index)
    rest = [index for index in inside if index not in set(first)]
    return (first + rest)[:n_chosen]


def find_extremes(points, n_directions=8, apart=0.3):
    """Find the frames that lie furthest out in evenly spread directions.

    Of frames closer together than `apart` standard deviations one is enough.

    Parameters
    ----------
    points : float, (P, 2)

    Returns
    -------
    list of int
        Positions of frames, counter-clockwise from the right.
    """
    scaled = points / np.maximum(points.std(axis=0), 1e-12)
    angles = np.arange(n_directions) * 2 * np.pi / n_directions
    rays = np.stack([np.cos(angles), np.sin(angles)])
    kept = []
    for index in np.argmax(scaled @ rays, axis=0):
        away = np.linalg.norm(scaled[kept] - scaled[index], axis=1)
        if (away > apart).all():
            kept.append(int(index))
    return kept


def find_ellipse(points, n_deviations=2):
    """Find the ellipse of a covariance, two standard deviations from the mean.

    Returns
    -------
    dict or None
        xy, width, height, angle (degrees) as `matplotlib.patches.Ellipse` takes them;
        None for fewer than three points.
    """
    if len(points) < 3:
        return None
    values, vectors = np.linalg.eigh(np.cov(points.T))
    width, height = 2 * n_deviations * np.sqrt(np.maximum(values[::-1], 0))
    angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
    centre = points.mean(axis=0)
    return {"xy": centre, "width": width, "height": height, "angle": angle}
