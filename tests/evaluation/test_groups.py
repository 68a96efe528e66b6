"""Studies of new scores: the same numbers as scipy and pingouin; the sentences."""

import itertools

import numpy as np
import pandas as pd
import pingouin
import pytest
from scipy import stats

from evaluation import groups, plots
from system.terminal import Problem

CONTROL = pd.Series({"a1": 0.5, "a2": 1.0, "a3": 0.25, "a4": 0.75})
STROKE = pd.Series({"b1": 2.0, "b2": 3.0, "b3": 1.5, "b4": 3.5, "b5": 2.75})


def test_groups_agree_with_scipy_and_pingouin():
    found = groups.compare_groups(CONTROL, STROKE)
    x, y = STROKE.to_list(), CONTROL.to_list()
    table = pingouin.ttest(x, y, correction=True)
    interval = next(table[c].iloc[0] for c in table.columns if c.startswith("CI95"))
    assert found["interval"] == pytest.approx(interval, abs=0.006)  # rounded there
    welch = stats.ttest_ind(x, y, equal_var=False).confidence_interval()
    assert found["interval"] == pytest.approx([welch.low, welch.high], abs=1e-12)
    hedges = pingouin.compute_effsize(x, y, eftype="hedges")
    assert found["effect"] == pytest.approx(hedges, abs=1e-6)
    assert found["p"] == pytest.approx(2 / 126)  # the most extreme of 9 over 4
    assert found["difference"] == pytest.approx(np.mean(x) - np.mean(y))


def test_groups_scored_by_folds_are_compared_with_more_doubt():
    plain, wide = (groups.compare_groups(CONTROL, STROKE, w) for w in (1, 1.1))
    sizes = [np.ptp(found["interval"]) for found in (plain, wide)]
    assert sizes[1] == pytest.approx(1.1 * sizes[0]) and wide["p"] >= plain["p"]
    assert np.mean(wide["interval"]) == pytest.approx(wide["difference"])
    scores = pd.concat([CONTROL, STROKE])
    table = pd.DataFrame({"animal": scores.index, "network_score": scores.to_numpy()})
    table["expert_score"] = table["network_score"]
    table["group"] = ["a" if name in CONTROL else "b" for name in scores.index]
    settled = {"groups": ["a", "b"], "sessions": [], "healthy": "a"}
    means = np.arange(len(table)) % 2
    (found,) = groups.compare(table.assign(training_mean=means), settled)["found"]
    assert found["network"]["interval"] == pytest.approx(wide["interval"])
    assert found["expert"]["interval"] == pytest.approx(plain["interval"])
    (found,) = groups.compare(table.assign(training_mean=1.0), settled)["found"]
    assert found["network"]["p"] == plain["p"]


def test_pairs_agree_with_scipy():
    after = CONTROL + np.array([1, 2, 0.5, 1])
    found = groups.compare_pairs(CONTROL, pd.concat([after, pd.Series({"a9": 7.0})]))
    wanted = stats.ttest_rel(after, CONTROL)
    low, high = wanted.confidence_interval()
    assert found["interval"] == pytest.approx([low, high], abs=1e-12)
    assert found["n"] == [4, 4] and found["p"] == pytest.approx(2 / 2**4)


def test_what_cannot_be_compared_says_why():
    with pytest.raises(Problem, match=r"in both groups: .*Correct the column group"):
        groups.compare_groups(CONTROL, CONTROL)
    table = pd.DataFrame({"animal": ["a", "a", "b"], "session": ["pre", "post", "pre"]})
    with pytest.raises(Problem, match="two or more animals with both pre and post"):
        groups.check_sizes(table, {"groups": [], "sessions": ["pre", "post"]})


DAYS = ("day 1", "day 7", "day 28")


@pytest.mark.parametrize("scored", [DAYS, DAYS[1:], ()])
def test_experts_need_not_have_scored_every_session(scored):
    random, rows = np.random.default_rng(0), []
    for number, day in itertools.product(range(8), DAYS):
        group = "Stroke" if number % 2 else "Control"
        score = number + (number % 2) * DAYS.index(day) + random.normal()
        rows.append((f"r{number}", group, day, score, score + random.normal()))
    names = ["animal", "group", "session", "network_score", "expert_score"]
    table = pd.DataFrame(rows, columns=names)
    settled = {"groups": ["Control", "Stroke"], "sessions": list(DAYS), "healthy": None}
    whole = {each["name"]: each for each in groups.compare(table, settled)["found"]}
    table.loc[~table["session"].isin(scored), "expert_score"] = np.nan
    compared = groups.compare(table, settled)
    for each in compared["found"]:
        assert each["network"] == whole[each["name"]]["network"]
        is_known = {day for day in DAYS if day in each["name"]} <= {*scored}
        assert ("expert" in each) == is_known
        if is_known:  # corrected for the number that is there
            expected = whole[each["name"]]["expert"] | {"p_holm": None}
            assert each["expert"] | {"p_holm": None} == expected
    assert ("expert" in compared.get("trend", {})) == (scored == DAYS)
    if not scored:
        assert "expert_means" not in compared
        return
    drawn = plots.draw_study(compared, kind="expert_means")
    texts = [label.get_text() for label in drawn.axes[0].get_xticklabels()]
    assert len(texts) == 2 * len(scored)


def test_the_smallest_p_of_folds_is_what_so_few_animals_allow():
    low, high = np.array([1.0, 1.1, 1.2, 1.3]), np.array([3.0, 3.1, 3.2, 3.4])
    names = [f"r{i}" for i in range(8)]
    sides = pd.Series(low, names[:4]), pd.Series(high, names[4:])
    found = groups.compare_groups(*sides, widen=groups.FOLDED)
    assert found["p"] == pytest.approx(2 / 70) == found["least_p"]
