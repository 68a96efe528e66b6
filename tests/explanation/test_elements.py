"""The space of frames and its clusters, against known answers."""

import numpy as np
import pandas as pd
import pytest

from explanation import elements, overlays, pipeline


def test_one_frame_or_one_value_gives_a_plane_still():
    table = make_table(["a"], ["g1"], ["Control"], [1.0])
    frames, variances = elements.tabulate_frames(table, np.ones((1, 4, 1)), 6)
    assert len(frames) == 4 and not frames[[*elements.PLANE, "distance"]].any(axis=None)
    assert not frames["element"].any() and not variances.any()


def make_table(clips, animals, groups, scores):
    names = ("clip", "animal", "group", "network_score")
    return pd.DataFrame(dict(zip(names, (clips, animals, groups, scores), strict=True)))


def test_permutation_is_exact():
    shares = np.array([[0.0], [0.1], [0.2], [0.7], [0.8], [0.9]])
    second = np.array([False] * 3 + [True] * 3)
    p, note = elements.compare_groups(shares, list("abcdef"), second)
    assert p[0] == pytest.approx(2 / 20)  # of 20 labellings, this one and its mirror
    assert "can be below 0.1" in note


def test_one_animal_in_both_groups_is_omitted_and_spoils_nothing():
    shares = np.array([[0.0], [0.1], [0.2], [0.7], [0.8], [0.9], [0.1], [0.9]])
    second = np.array([False] * 3 + [True] * 3 + [False, True])
    p, _ = elements.compare_groups(shares, [*"abcdef", "x", "x"], second)
    assert p[0] == pytest.approx(2 / 20)
    p, _ = elements.compare_groups(shares[[*range(6), 6]], [*"abcdefx"], second[:7])
    assert p[0] == pytest.approx(2 / 35)


def test_too_few_animals_have_no_p():
    p, note = elements.compare_groups(
        np.ones((3, 2)), list("abc"), np.array([False, True, True])
    )
    assert np.isnan(p).all() and "needed" in note


def test_a_planted_movement_is_found_and_no_other():
    """Sixteen animals, of which the impaired ones alone visit a far place."""
    random = np.random.default_rng(0)
    animals = [f"g{i:02}" for i in range(16)]
    groups = np.repeat(["Control", "Stroke"], 8)
    table = make_table(animals, animals, groups, 2.0 * (groups == "Stroke"))
    points = random.normal(size=(16, 30, 4))
    away = (groups == "Stroke")[:, None] & (random.random((16, 30)) < 0.4)
    frames, _ = elements.tabulate_frames(table, points + 20 * away[..., None], 3)
    found, names, note = elements.describe_elements(frames)
    assert names == ["Control", "Stroke"] and note == ""
    visits = frames["element"][away.ravel()]
    (planted,) = set(visits)
    row = found.set_index("element").loc[planted]
    assert row["p_holm"] < 0.05 and row["Stroke"] > 0.3 and row["Control"] == 0
    assert row["rho_score"] > 0.7
    assert np.allclose(found[names].sum(), 1)


def test_without_a_difference_none_is_called_one():
    n_false = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        animals = np.repeat([f"g{i}" for i in range(10)], 12)
        groups = np.where(np.repeat(np.arange(10), 12) < 5, "Control", "Stroke")
        labels = (random.random(120) < np.repeat(random.random(10), 12)).astype(int)
        frames = make_table(animals, animals, groups, labels).assign(element=labels)
        found, *_ = elements.describe_elements(frames)
        n_false += (found["p_holm"] < 0.05).any()
    assert n_false <= 5  # 2 are expected


def test_groups_come_from_names_else_from_scores():
    table = pd.DataFrame(
        {
            "animal": ["a", "b", "b"],
            "group": ["Control", "Stroke", "Stroke"],
            "network_score": [3.0, 1.0, 2.0],
        }
    )
    assert elements.split_groups(table) == (["Control", "Stroke", "Stroke"], True)
    groups, named = elements.split_groups(table.assign(group=None))
    assert groups == [elements.UPPER, elements.LOWER, elements.LOWER] and not named
    alone = table[table["animal"] == "b"].assign(group=None)
    assert elements.split_groups(alone) == ([elements.ALL] * 2, False)


def test_central_frames_are_of_different_clips_where_possible():
    columns = {"clip": [*"aabac"], "element": 0, "distance": np.arange(5)}
    frames = pd.DataFrame(columns | {"frame": np.arange(1, 6)})
    found = elements.choose_central(frames, 0, 4)
    assert found == [("a", 0), ("b", 2), ("c", 4), ("a", 1)]


def test_ellipse_has_the_axes_of_the_covariance():
    random = np.random.default_rng(0)
    points = random.normal(size=(4000, 2)) * (3, 1) + (7, 2)
    found = overlays.find_ellipse(points)
    assert np.allclose(found["xy"], (7, 2), atol=0.2)
    assert found["width"] == pytest.approx(12, rel=0.05)
    assert found["height"] == pytest.approx(4, rel=0.05)
    assert abs(np.sin(np.radians(found["angle"]))) < 0.05
    assert overlays.find_ellipse(points[:2]) is None


def test_levels_of_different_networks_explain_no_difference_between_clips():
    """Networks of folds start from other levels; within one, change decides."""
    first, second = object(), object()
    levels = {id(first): 1.0, id(second): 7.0}
    of_clip = [[first]] * 3 + [[second]] * 3
    kinds = [
        np.array([levels[id(own)], change, 0, 0])
        for (own,), change in zip(of_clip, [0, 1, 2, 0, 2, 4], strict=True)
    ]
    found = pipeline.explain_variance(kinds, of_clip)
    assert found == {"mean": 0, "change": 1, "jerk": 0, "trend": 0}
    assert pipeline.explain_variance(kinds[:1], of_clip[:1]) is None
