"""Scores below 0, and a scale where none is asked for."""

import warnings

import pytest

import data
import rate
from rating import scales
from runs.options import Options
from runs.splits import find_targets
from system.terminal import Caution, Problem


def warn(scores):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", Caution)
        scales.warn_of_far(scores, "JB")
    return " ".join(str(each.message) for each in told)


def test_one_score_below_0_is_named_and_a_scale_around_0_is_not():
    scores = {f"c{n}": n % 10 / 2 for n in range(24)}
    assert "c7 -3" in warn(scores | {"c7": -3.0}) and not warn(scores)
    assert not warn({name: score - 2 for name, score in scores.items()})


def test_scores_below_0_that_cannot_be_learned_are_named():
    clips = [data.Clip("train", "R", name, 9, s) for name, s in (("a", -3), ("b", 1))]
    with pytest.raises(Problem, match=r"below 0: a -3\. If they are meant"):
        find_targets(clips, Options())


def test_a_scale_is_refused_where_scores_are_imported(capsys):
    with pytest.raises(SystemExit):
        rate.parse_args(["--join", "mean", "--scale", "0:5:0.5"])
    assert "--scale goes with --rater" in capsys.readouterr().err
