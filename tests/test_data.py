import dataclasses
import json
import math

import pytest
from builders import make_run
from hypothesis import given, settings
from hypothesis import strategies as st

import data
from data import Clip
from runs import folds, learned, splits
from runs.options import Options
from runs.record import check_record
from system.terminal import Caution, Problem

NAME = "v_RatStrokeApl27_g13_c02"


def test_names_tell_animal_group_and_date():
    assert data.animal_of(NAME) == "g13"
    assert data.group_of(NAME) == "Stroke"
    assert data.date_of(NAME) == (4, 27)
    assert data.date_of("v_RatControlMay02_g01_c01") == (5, 2)
    assert data.animal_of("film 7") == "film 7"
    assert data.group_of("film 7") is None
    assert data.date_of("v_RatAbc12_g01") is None
    assert data.animal_of("mouse12-day3", r"mouse(\d+)") == "12"
    assert data.animal_of("mouse12-day3", r"mouse\d+") == "mouse12"


def make_clips(*names, animals=None):
    animals = animals or [None] * len(names)
    return [
        Clip("train", "Reach", name, 30, 1.0, animal)
        for name, animal in zip(names, animals, strict=True)
    ]


def test_the_table_names_animals_before_the_names_do():
    clips = make_clips(NAME, "b", "c", "d", animals=["Rat 1", "Rat 1", None, None])
    told = (
        r"animal of 2 clips is not known \(c, d\): each counts as an animal by itself"
    )
    with pytest.warns(Caution, match=told) as seen:
        assert data.list_animals(clips) == ["Rat 1", "Rat 1", "c", "d"]
    assert len(seen) == 1 and data.ANIMAL_PATTERN not in str(seen[0].message)
    with pytest.warns(
        Caution, match=r"animal of 1 clip .* another --animal-pattern than b\|c$"
    ):
        data.list_animals(clips, "b|c")
    clip = clips[0]._replace(group="sham")
    assert (data.animal_of(clip), data.group_of(clip)) == ("Rat 1", "sham")
    table = data.tabulate_clips([clip], ["Rat 1"], data.GROUP_PATTERN)
    assert list(table["group"]) == ["sham"]
    with pytest.raises(Problem, match="no clip name matches --animal-pattern"):
        data.list_animals(clips[2:], required=True)


def test_animals_that_a_spreadsheet_made_dates_are_named():
    animals = ["2024-03-04", "04-Mar", "Mar 4", "3-4", "Mars 4", "2024-03"]
    with pytest.warns(Caution, match="are dates: 2024-03-04, 04-Mar, Mar 4. If"):
        data.list_animals(make_clips(*"abcdef", animals=animals))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("g4", "g04"),
        ("Rat12", "rat12"),
        ("rat007", "Rat-7"),
        ("Mäuschen", "Ma\u0308uschen"),
        ("12", "12.0"),
    ],
)
def test_animals_that_look_alike_are_named(one, other):
    clips = make_clips("x", "y", "z", animals=[one, other, "else"])
    with pytest.warns(Caution, match="look alike: ") as seen:
        data.list_animals(clips)
    assert one in str(seen[0].message) and other in str(seen[0].message)


def test_a_run_remembers_the_animals_that_the_table_names():
    owners = [f"Rat {number // 2}" for number in range(10)]
    clips = make_clips(*"abcdefghij", animals=owners)
    clips = [c._replace(group="sham") for c in clips[:6]] + clips[6:]
    targets = splits.find_targets(clips, Options())
    plan = splits.begin_plan("R", clips, Options(), None)
    plan, *_ = splits.plan_folds(plan, clips, targets)
    assert plan.name == "R-Rat 0-features" and plan.held_out == ["Rat 0"]
    run = dataclasses.replace(plan, n_features=8)
    assert check_record("x.json", json.loads(json.dumps(run.as_record()))) == run
    seen = learned.describe_seen(["a", "new", "c"], ["Rat 0", "Rat 1", "Rat 1"], run)
    assert seen[:2] == ["", "animal seen in training"] and seen[2].startswith("clip")
    assert run.group_of("c") == "sham" and run.group_of("i") is None
    table = data.tabulate_clips(clips[:2], ["Rat 0"] * 2, data.GROUP_PATTERN)
    assert len(folds.split_table([run], table)) == 1
    leaky = dataclasses.replace(run, animals={**run.animals, "c": "Rat 0"})
    with pytest.raises(Problem, match="animal seen in training"):
        folds.split_table([leaky], table)


def test_what_a_table_lacks_is_named():
    run, clips = make_run(task="Reach"), make_clips("a", "b")
    with pytest.raises(
        Problem, match=r"no test row of task Reach; all are train rows$"
    ):
        learned.choose_clips(clips, run, "test")
    clips = [c._replace(task=t) for c, t in zip(clips, ("Walk", "Swim"), strict=True)]
    with pytest.raises(Problem, match=r"no row of task Reach; its tasks: Swim, Walk$"):
        learned.choose_clips(clips, run)


def test_scores_that_were_edited_after_training_are_named(tmp_path):
    run = make_run(train_clips={"a": 1.0, "b": 2.0, "c": 1.0, "gone": 1.0})
    clips = make_clips("a", "b", "c", "new")
    clips[2] = clips[2]._replace(score=math.nan)
    with pytest.warns(Caution) as told:
        learned.caution_edited([run, run], clips, tmp_path)
    changed, removed = (str(each.message) for each in told)
    assert changed.startswith("the expert scores of 1 clip changed after training")
    assert changed.endswith("ones: b. Train again with --overwrite")
    assert "scores of 1 clip were removed after" in removed and "ones: c." in removed
    both = [*clips, clips[2]._replace(split="test", score=1.0)]
    assert learned.find_edited(run, both, tmp_path) == {
        "b": ("expert scores", "changed")
    }
    other = dataclasses.replace(run, received="R.zip")
    assert not learned.find_edited(other, clips, tmp_path)


def test_animals_that_differ_are_not_named(recwarn):
    pairs = ["g1", "g10", "Rat 12", "Rat 1-2", "a4", "b4", "Rat 100", "Rat 10 0"]
    data.list_animals(make_clips(*pairs, animals=pairs))
    assert not len(recwarn)


@settings(deadline=None)  # of a busy machine
@given(
    st.lists(st.tuples(st.integers(0, 12), st.floats(0, 5)), min_size=1, max_size=40),
    st.floats(0, 0.99),
    st.integers(0, 5),
)
def test_some_animals_are_held_out_and_some_are_left(clips, fraction, seed):
    animals = [f"g{animal:02d}" for animal, _ in clips]
    scores = [score for _, score in clips]
    names = set(animals)
    if len(names) < 2:
        with pytest.raises(Problem, match="of one animal"):
            splits.hold_out_animals(animals, scores, fraction, seed)
        return
    held = splits.hold_out_animals(animals, scores, fraction, seed)
    assert held < names
    assert len(held) == min(max(1, round(fraction * len(names))), len(names) - 1)
    assert held == splits.hold_out_animals(animals, scores, fraction, seed)


@pytest.mark.parametrize("seed", range(3))
def test_held_out_animals_and_folds_spread_over_the_scores(seed):
    animals, scores = [f"g{i:02d}" for i in range(20)], [i / 4 for i in range(20)]
    held = sorted(splits.hold_out_animals(animals, scores, 0.2, seed))
    assert [animals.index(name) // 5 for name in held] == [0, 1, 2, 3]
    folds = splits.fold_animals(animals, 4, scores, seed)
    assert folds == splits.fold_animals(animals, 4, scores, seed)
    assert folds != splits.fold_animals(animals, 4, scores, seed + 1)
    assert sorted(name for fold in folds for name in fold) == animals
    for fold in folds:
        assert sorted(int(name[1:]) // 4 for name in fold) == [0, 1, 2, 3, 4]


def test_folds_leave_each_animal_out_once_and_need_three():
    assert len(splits.fold_animals([f"g{i % 7}" for i in range(30)])) == 7
    with pytest.raises(Problem, match=r"three animals or more. Received: 2"):
        splits.fold_animals(["a", "b", "b"])
    with pytest.raises(Problem, match="between 2 and 3"):
        splits.fold_animals(["a", "b", "c"], 4)
