"""The verdict of a report never contradicts the figures beside it."""

import re

import numpy as np
import pytest
from studies import draw_table, tell

from evaluation.verdict import NO_BETTER
from explanation import summary


def network_of(table, kind):
    target, mean = table["target"], table["training_mean"]
    return {
        "worse": mean - (target - mean) * 0.2,
        "mean": mean,
        "same": target,
        "constant": target * 0 + 1,
    }[kind]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", ["worse", "mean", "same", "constant"])
@pytest.mark.parametrize("n_animals", [1, 3, 8, 15])
@pytest.mark.parametrize("scale", [(20, 0), (0.01, 0), (1, -6)])
def test_no_sentence_is_against_the_reduction(kind, n_animals, scale, capsys):
    table = draw_table(n_animals=n_animals, folds=n_animals > 1)
    size, start = scale
    table["network_score"] = network_of(table, kind)
    table = table.drop(columns="baseline_ridge")
    for name in ("target", "expert_score", "network_score", "training_mean"):
        table[name] = table[name] * size + start
    table["baseline_training_mean"] = table["training_mean"]
    result, verdict, _ = tell(table, capsys)
    own = np.abs(table["network_score"] - table["target"]).mean()
    guess = np.abs(table["training_mean"] - table["target"]).mean()
    reduction = result["baselines"]["training mean"]["reduction"]["value"]
    assert reduction == pytest.approx(guess - own)
    if reduction < 1e-9 * size:
        assert re.search("(WORSE|no better) than the mean: the reduction", verdict)
        assert "is better" not in verdict and result["label"] == NO_BETTER
    if own > 1e-9 * size:
        assert f"by {0:.2f} points" not in verdict


def test_an_explanation_names_what_its_correlations_are_of():
    found = {
        "importance": 0.24,
        "signed": 0.01,
        "frames": -0.1,
        "evaluated": ["signed"],
    }
    found = summary.evaluate_randomisation(found)
    assert found["rhos"] == {"signed": 0.01} and found["level"] == "good"
