"""Blind rating: which clip comes when, scales, and what is kept of it."""

import collections
import math
import random
import threading
from pathlib import Path

import pytest
from builders import read_csv

import rate
from rating import scales, session
from system.terminal import Problem

ROOT = Path(__file__).parents[2]
SCORE = [scales.Item("Score", scales.parse_scale("0:5:0.5"))]


def test_anchors_say_what_values_mean():
    values = scales.parse_scale("0:5:0.5")
    told = scales.describe_anchors("0=normal, 5 = cannot reach", values)
    assert told == "0: normal · 5: cannot reach"
    (item,) = rate.choose_items("0:2:1", None, "0=normal,2=none")
    assert item.text == "0: normal · 2: none"
    for wrong in ("0", "0=", "6=far", "x=y", "0=a,,"):
        with pytest.raises(Problem, match="--anchors"):
            rate.choose_items("0:5:0.5", None, wrong)


def make_session(folder, clips="abcdefghij", rater="JB", items=SCORE):
    return session.Session(folder, rater, clips, items)


def rate_all(work, choose=lambda: [2.5]):
    while key := work.tell()["current"]:
        assert work.save(key, choose(), 3.25)


@pytest.mark.parametrize("n", [1, 2, 4, 5, 6, 10, 30, 137])
def test_every_clip_comes_once_and_a_tenth_twice_later(n):
    clips = [f"clip {i}" for i in range(n)]
    for rater in ("JB", "MK", "Jörg Weiß", "a, b"):
        viewings = session.plan_viewings(rater, clips)
        assert viewings == session.plan_viewings(rater, reversed(clips))
        counts = collections.Counter(clip for clip, _ in viewings)
        assert set(counts) == set(clips)
        again = [clip for clip in clips if counts[clip] == 2]
        assert len(again) == (max(round(n / 10), 1) if n >= 5 else 0)
        for clip in again:
            gap = viewings.index((clip, "1")) - viewings.index((clip, "0"))
            assert gap > max(n // 4, 1)


def test_clips_that_are_added_disturb_nothing(tmp_path):
    work = make_session(tmp_path)
    for _ in range(4):
        work.save(work.tell()["current"], [1], 1)
    seen = [row["clip"] for row in read_csv(work.path)]
    work = make_session(tmp_path, "abcdefghijklm")
    rate_all(work)
    rows = read_csv(work.path)
    assert [row["clip"] for row in rows[:4]] == seen
    assert {row["clip"] for row in rows} == set("abcdefghijklm")
    firsts = collections.Counter(row["clip"] for row in rows if row["repeat"] == "0")
    assert set(firsts.values()) == {1}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0:5", (0, 1, 2, 3, 4, 5)),
        ("0:1:0.5", (0, 0.5, 1)),
        ("-1:1:1", (-1, 0, 1)),
        ("0:0.3:0.1", (0, 0.1, 0.2, 0.3)),
        ("10:30:10", (10, 20, 30)),
    ],
)
def test_scales(text, values):
    assert scales.parse_scale(text) == values


@pytest.mark.parametrize("text", ["", "5", "5:0", "0:5:0", "0:5:2", "a:b", "0:1:1e-9"])
def test_scales_that_are_none(text):
    with pytest.raises(Problem, match=r"expected say 0:5:0\.5"):
        rate.choose_items(text, None)


def test_items_are_summed_and_keep_their_columns(tmp_path):
    table = tmp_path / "items.csv"
    table.write_text("item;scale;text\nPaw open;0:1:0,5;fingers\nAim;0:1:0.1;\n")
    items = rate.choose_items("", table)
    assert items[0] == ("Paw open", (0, 0.5, 1), "fingers")
    work = make_session(tmp_path, "ab", items=items)
    assert work.save(work.tell()["current"], [0.5, 0.1], 1)
    assert work.save(work.tell()["current"], None, 1)
    lines = work.path.read_text().splitlines()
    assert lines[0] == "clip,Paw open,Aim,score,repeat,seconds,order"
    assert lines[1].endswith(",0.5,0.1,0.6,0,1.0,1")
    assert lines[2].endswith(",,,,0,1.0,2")
    assert make_session(tmp_path, "ab", items=items).tell()["current"] is None
    with pytest.raises(
        Problem, match="holds Paw open, Aim, which is not of this scale"
    ):
        make_session(tmp_path, "ab")


def test_what_was_said_is_kept_and_taken_back(tmp_path):
    work = make_session(tmp_path)
    first, following = work.tell()["current"], work.tell()["next"]
    assert work.save(first, [2.5], 12.34)
    assert work.tell()["current"] == following
    assert not work.save(first, [3], 1)  # a second window, later
    assert work.undo(following) and not work.undo(following)
    assert work.tell()["current"] == first
    for values in ([2.4], [], [1, 2], ["1"], [math.nan], "1"):
        with pytest.raises((ValueError, TypeError)):
            work.save(first, values, 1)
    assert work.save(first, None, 1)
    again = make_session(tmp_path)  # another program
    assert again.tell()["number"] == 2 and again.list_next() == work.list_next()
    key = again.tell()["current"]
    assert again.save(key, [5], 1)
    assert work.tell()["number"] == 3  # the first program sees it
    rate_all(work)
    rows = read_csv(work.path)
    assert [int(row["order"]) for row in rows] == list(range(1, 12))
    assert sum(row["repeat"] == "1" for row in rows) == 1
    with pytest.raises(Problem, match=r"holds 5, which is not of this scale"):
        make_session(tmp_path, items=[scales.Item("Score", (0, 1, 2, 2.5))])


@pytest.mark.parametrize("rater", ["Jörg Müller", "Jo\u0308rg", "鼠", "a, b", "=1+1"])
def test_raters_of_many_names(tmp_path, rater):
    folder = tmp_path / "Meine Vidéos"
    rate_all(make_session(folder, "ab", rater))
    assert make_session(folder, "ab", rater).tell()["current"] is None


@pytest.mark.parametrize(
    "rater", ["", "..", "a/b", "C:x", "con", ".x", "x" * 200, "a\n"]
)
def test_raters_that_are_no_file_names(tmp_path, rater):
    with pytest.raises(Problem, match="the rater's name"):
        make_session(tmp_path, rater=rater)


def test_many_windows_at_once_lose_and_double_nothing(tmp_path):
    work = make_session(tmp_path, [f"clip {i}" for i in range(40)])

    def window():
        while key := work.tell()["current"]:
            work.save(key, [random.choice(SCORE[0].values)], 1)

    threads = [threading.Thread(target=window) for _ in range(5)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    rows = read_csv(work.path)
    assert [(row["clip"], row["repeat"]) for row in rows] == work.viewings


@pytest.mark.parametrize(
    ("said", "far"),
    [
        ([0, 1, 2, 3, 4, 5, 99], [99]),
        ([0, 0.5, 1, 2, 3, 425, 5, 4], [425]),
        ([1, 2, 3, 4, 5, 45, 2.5, 999], [45, 999]),
        ([0, 1, 2, 3, -9, -9, 4, 5, 2], [-9, -9]),
        ([0, 1, 0, 1, 1], []),
        ([0, 0, 0, 5, 5], []),
        ([0, 1, 2, 3, 4, 5, 8], []),
        ([0, 0.5, 1] * 9 + [2.5, 3, 4.5], []),  # after a stroke
        ([0, 1, 2, 3] * 9 + [40, 70, 90], []),  # in per cent
        ([0, 0.5, 1] * 9 + [25, 30, 45], [25, 30, 45]),
        ([0, 0.5, 1] * 9 + [9, 9], [9, 9]),
        *(([0, 1, 2, 3, 4, 5] * 5 + [x], [x]) for x in (33, 45, 50, -40, 45292)),
        ([0, 1, 2, 3, 4, 5] * 10 + [33, 50], [33, 50]),
        ([0, 1, 2, 3, 4, 5, 45292, 45323], [45292, 45323]),  # days of Excel
        ([0, 1, 2] * 9 + [12, 14, 17, 20], []),  # of 36 points
        ([0, 0.25, 1] * 9 + [2.5, 4, 9, 20.5], []),
    ],
)
def test_scores_far_outside_the_others(said, far):
    assert sorted(scales.find_far(said)) == sorted(far)
