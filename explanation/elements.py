"""The space of frames, and movement elements: clusters of frames in it.

A frame is a point. Groups are compared animal by animal, since frames and clips of
one animal are not independent.
"""

import math

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from evaluation.groups import correct_holm, permute, subtract_means
from explanation.checks import ALPHA, correlate_ranks
from names.labels import order_groups

MAX_COMPONENTS = 10
SEED = 0
PLANE = ["component_1", "component_2"]
LOWER, UPPER = "lower network score", "upper network score"
ALL = "all of these clips"


def tabulate_frames(table, points, n_elements):
    """Tabulate frames: whose they are, principal components, element (the largest is 0)
    and distance to its centre, found by k-means; also parts of variance.

    `table` is of N clips, `points` (N, T, D).
    """
    n_clips, n_frames, _ = points.shape
    points = points.reshape(n_clips * n_frames, -1)
    coordinates, variances = find_components(points)
    n_elements = min(n_elements, len(np.unique(coordinates, axis=0)))
    means = KMeans(n_elements, n_init=10, random_state=SEED).fit(coordinates)
    order = np.argsort(-np.bincount(means.labels_, minlength=n_elements), kind="stable")
    away = coordinates - means.cluster_centers_[means.labels_]
    frames = table[["clip", "animal", "group", "network_score"]]
    frames = frames.loc[frames.index.repeat(n_frames)].reset_index(drop=True)
    components = {f"component_{i + 1}": each for i, each in enumerate(coordinates.T)}
    frames = frames.assign(
        frame=np.tile(np.arange(1, n_frames + 1), n_clips),
        **components,
        element=np.argsort(order)[means.labels_],
        distance=np.linalg.norm(away, axis=1),
    )
    return frames, variances


def find_components(points):
    """Find principal components of frames, (P, n >= 2), and their parts of variance."""
    wanted = min(MAX_COMPONENTS, *points.shape)
    pca = PCA(wanted, random_state=SEED)
    with np.errstate(invalid="ignore"):  # frames that are all alike have no variance
        coordinates = pca.fit_transform(np.asarray(points, float))
    variances = np.nan_to_num(pca.explained_variance_ratio_)
    missing = max(0, 2 - wanted)
    return np.pad(coordinates, ((0, 0), (0, missing))), np.pad(variances, (0, missing))


def split_groups(table):
    """Give each clip one of two groups; returns whether by name or network score.

    Where no two can be made, as of one animal, all clips are in one.
    """
    if table["group"].notna().all() and table["group"].nunique() == 2:
        return list(table["group"]), True
    means = table.groupby("animal")["network_score"].mean()
    high = means > means.median()
    if not high.any():
        return [ALL] * len(table), False
    return [UPPER if high[animal] else LOWER for animal in table["animal"]], False


def describe_elements(frames, healthy=None):
    """Describe each element: where it occurs, and with which network score.

    Gives a table, a row an element: frames; the fraction of an animal's frames by
    group; Spearman's rho with the score over animals; p of the groups' difference. Then
    the groups, and why p is not defined or cannot be small, or "".
    """
    labels, names = frames["element"], order_groups(set(frames["group"]), healthy)
    units = [frames["animal"], frames["group"]]
    found = pd.crosstab(units, labels, normalize="index")
    owners, of_group = (found.index.get_level_values(level) for level in (0, 1))
    parts, second = found.to_numpy(), of_group == names[-1]
    if len(names) == 2:
        p_values, reason = compare_groups(parts, owners, second)
    else:
        p_values, reason = np.full(parts.shape[1], np.nan), "there is one group"
    whole = pd.crosstab(frames["animal"], labels, normalize="index").to_numpy()
    means = frames.groupby("animal")["network_score"].mean()
    table = {
        "element": np.arange(parts.shape[1]),
        "frames": np.bincount(labels),
        **{name: parts[second == (name == names[-1])].mean(axis=0) for name in names},
        "rho_score": [correlate_ranks(column, means) for column in whole.T],
        "p": p_values,
        "p_holm": np.array(correct_holm(p_values)),
    }
    return pd.DataFrame(table), names, reason


def compare_groups(parts, owners, second):
    """Test by permutation whether mean parts (R, K) of animals differ between groups.

    Animals in both groups are omitted. Returns p (K,), and why there is none or none
    can be small.
    """
    alone = ~pd.Series(owners).duplicated(keep=False).to_numpy()
    kept = [parts[alone & second], parts[alone & ~second]]
    sizes = list(map(len, kept))
    if min(sizes) < 2 or sum(sizes) < 5:
        reason = "two animals that are in one group alone, five in all, are needed"
        return np.full(parts.shape[1], np.nan), reason
    p = permute(kept, subtract_means)
    lowest = parts.shape[1] * 2 / math.comb(sum(sizes), sizes[0])  # corrected
    few = f"with so few animals no corrected p can be below {min(1, lowest):.2g}"
    return p, few if lowest >= ALPHA else ""


def choose_central(frames, element, n_chosen):
    """Choose the most central frames of an element, one of each clip while it lasts:
    list of (clip name, index)."""
    inside = frames[frames["element"] == element].sort_values("distance", kind="stable")
    again = inside["clip"].duplicated()
    chosen = pd.concat([inside[~again], inside[again]])[:n_chosen]
    return list(zip(chosen["clip"], chosen["frame"] - 1, strict=True))
