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

    Parameters
    ----------
    parts : float, (A, K)
        One row an animal; an animal that is in both groups has two rows.
    owners : (A,) sequence of str
    second : bool, (A,)
        Which rows are of the second group.

    Returns
    -------
    (float (K,), str)
        Two-sided p, and "" or why there is none. Where animals are in both groups,
        only those count, and their two rows are swapped; else labels are permuted.
    """
    owners = np.asarray(owners)
    names, counts = np.unique(owners, return_counts=True)
    undefined = np.full(parts.shape[1], np.nan)
    if (counts == 2).any():
        pairs = [np.flatnonzero(owners == name) for name in names[counts == 2]]
        if len(pairs) < 5:
            return undefined, "five animals with clips in both groups are needed"
        ordered = [sorted(pair, key=lambda row: second[row]) for pair in pairs]
        differences = np.array([parts[b] - parts[a] for a, b in ordered])
        signs = list_signs(len(pairs))
        found, moved = differences.mean(axis=0), signs @ differences / len(pairs)
    else:
        n_second = int(second.sum())
        if min(n_second, len(second) - n_second) < 2 or len(second) < 5:
            return undefined, "two animals in each group, five in all, are needed"
        labels = list_labellings(second)
        weights = labels / n_second - (1 - labels) / (len(second) - n_second)
        found = parts[second].mean(axis=0) - parts[~second].mean(axis=0)
        moved = weights @ parts
    as_far = np.abs(moved) >= np.abs(found) - 1e-12
    return as_far.mean(axis=0), tell_floor(second, owners, parts.shape[1])


def tell_floor(second, owners, n_tests):
    """Say so where there are too few animals for any difference to be shown."""
    n, k = len(second), int(second.sum())
    paired = len(set(owners)) < n
    n_labellings = 2 ** (n - len(set(owners))) if paired else math.comb(n, k)
    lowest = (2 if paired or 2 * k == n else 1) / n_labellings * n_tests
    if lowest < 0.05:
        return ""
    return f"with so few animals no corrected p can be below {min(1, lowest):.2g}"


def list_labellings(second, seed=0):
    """List relabellings of animals (R, A), the true one first; all of them if few."""
    n, k = len(second), int(second.sum())
    if math.comb(n, k) <= MAX_EXACT:
        chosen = itertools.combinations(range(n), k)
        return np.array([np.isin(np.arange(n), rows) for rows in chosen], float)
    random = np.random.default_rng(seed)
    drawn = [random.permutation(second) for _ in range(N_PERMUTATIONS)]
    return np.array([second, *drawn], float)


def list_signs(n, seed=0):
    """List swaps of pairs (R, n) as signs, the true one among them."""
    if 2**n <= MAX_EXACT:
        return np.array(list(itertools.product((1.0, -1.0), repeat=n)))
    random = np.random.default_rng(seed)
    return np.vstack([np.ones(n), random.choice((1.0, -1.0), (N_PERMUTATIONS, n))])


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
