"""A record of a run is checked and given its types in one place."""

import json
import math

import builders
import pytest

from runs import record
from runs.options import Options
from system.terminal import Problem

WHOLE = {  # as train_reg.py writes it
    **builders.RECORD,
    "task": "Reach",
    "target": "score",
    "options": {"model": "pool", "seed": 3},
    "extraction": {"weights": "random", "sampling": "stride", "sha256": None},
    "validation_clips": {"v_g03_c01": 0},
    "animals": {"v_g01_c01": "Rat 1"},
    "groups": {"v_g01_c01": "sham"},
    "crops": [[1, 2, 30, 40], None],
    "mirrored": ["v_g01_c01"],
    "held_out": ["g04"],
    "scheme": {"kind": "final", "of": "folds", "prefix": ""},
    "epochs": 3,
    "errors": {
        "networks": [{"run": "fold1", "sha256": "", "mean": 1.5}],
        "clips": [
            {"clip": "c", "animal": "g", "network": 0, "target": 1, "score": 1.2}
        ],
    },
    "clips_were": {
        "n_frames": [20, 30],
        "seconds": None,
        "fps": [30.0, 30.0],
        "brightness": [1, 2.5],
        "size": ["64x48"],
        "features": {"centres": [[1, 2, 3, 4]], "limit": 0.1, "false_alarms": 0.05},
    },
    "a field of a later release": [1],
}
ERRORS = WHOLE["errors"]
(CLIP,) = ERRORS["clips"]


def test_values_get_their_types():
    found = record.check_record("a.json", json.loads(json.dumps(WHOLE)))
    assert found.crops == [(1, 2, 30, 40), None] and found.held_out == ["g04"]
    assert found.options == Options(model="pool", seed=3)
    assert found.scheme == record.Scheme(kind="final", of="folds")
    assert found.errors.clips == [record.ClipError("c", "g", 0, 1, 1.2)]
    assert found.clips_were.fps == (30, 30) and found.clips_were.seconds is None
    assert found.clips_were.features.centres == [[1, 2, 3, 4]]
    assert found.animal_of("v_g01_c01") == "Rat 1" and found.animal_of("g9") == "g9"
    assert found.targets == {**WHOLE["train_clips"], **WHOLE["validation_clips"]}
    least = record.check_record("a.json", builders.RECORD)
    assert least.held_out == least.crops == [] and least.scheme == record.Scheme("")


@pytest.mark.parametrize(
    "changes",
    [
        {"train_clips": {"a": "text"}},
        {"train_clips": {"a": math.nan}},
        {"train_clips": {}},
        {"validation_clips": {"a": None}},
        {"held_out": "g01"},
        {"animal_pattern": "(a+)+$"},
        {"group_pattern": ["a"]},
        {"n_frames": 0},
        {"n_features": True},
        {"task": ["Reach"]},
        {"target": "sex"},
        {"options": {"units": "2"}},
        {"extraction": {"weights": 3}},
        {"crops": [[1, 2, 3]]},
        {"crops": [[1, 2, 0, 4]]},
        {"crops": None},
        {"animals": ["Rat 1"]},
        {"groups": {"a": None}},
        {"mirrored": "a"},
        {"scheme": {"prefix": ""}},
        {"scheme": {"kind": "folds", "repeat": "2"}},
        {"versions": {"keras": 3}},
        {"epochs": -1},
        {"errors": {"networks": [], "clips": [CLIP]}},
        {"errors": {**ERRORS, "clips": [{**CLIP, "network": 1}]}},
        {"errors": {**ERRORS, "clips": [{**CLIP, "score": "1"}]}},
        {"errors": {**ERRORS, "networks": [{"run": "x"}]}},
        {"clips_were": {"fps": ["a", 1]}},
        {"clips_were": {"seconds": [2, 1]}},
        {"clips_were": {"features": {"centres": [[1, 2, 3]], "limit": 1}}},
        {"clips_were": {"size": [1]}},
        {"scheme": {"kind": "folds", "fold": "fold1"}},
        {"scheme": {"kind": "leave-one-animal-out", "n_folds": 8}},
    ],
)
def test_records_that_cannot_be_ours_are_refused(changes):
    (field,) = changes
    words = rf"^a\.json lacks a usable {field}( \(.*\))?\. Copy"
    with pytest.raises(Problem, match=words):
        record.check_record("a.json", WHOLE | changes)


@pytest.mark.parametrize("field", builders.RECORD)
def test_what_a_run_needs_is_named(field):
    with pytest.raises(Problem, match=f"lacks a usable {field}"):
        record.check_record("a.json", {k: WHOLE[k] for k in WHOLE if k != field})
