"""What to change first: what is worth a line, and what chance does as well."""

import numpy as np
from builders import make_run
from studies import draw_table

from evaluation import evaluate, priorities, verdict


def rank(table, folder):
    run = make_run(control_group="Control")
    result = evaluate.evaluate(table, run)
    result |= verdict.describe_verdict(result)
    return result, priorities.rank_priorities(folder, table, result, run)


def test_animals_are_named_only_where_chance_would_not_do_as_well(tmp_path):
    n_named = 0
    for seed in range(10):
        table = draw_table(n_animals=10, n_clips=4, seed=seed)
        n_named += any("of the error" in text for text in rank(table, tmp_path)[1])
    assert n_named <= 2  # of 10, at a level of 5%

    one = draw_table(n_animals=10, n_clips=1)  # as much as by chance, whoever errs
    one.loc[0, "network_score"] += 5
    assert not any("of the error" in text for text in rank(one, tmp_path)[1])

    far = table["animal"] == "g03"
    table.loc[far, "network_score"] += 2.5
    errors = (table["network_score"] - table["target"]).abs()
    sums = errors.groupby(table["animal"]).sum().sort_values()
    _, texts = rank(table, tmp_path)
    (text,) = [text for text in texts if "of the error" in text]
    share = sums.iloc[-2:].sum() / sums.sum()
    assert f"Of 10 animals 2 made {share:.0%} of the error, by chance about" in text
    assert f"clips of g03, {sums.index[-2]}" in text


def test_raters_are_named_only_where_they_bound_the_error(tmp_path):
    run, table = make_run(control_group="Control"), draw_table(n_animals=10, n_clips=4)
    result = evaluate.evaluate(table, run)
    result |= verdict.describe_verdict(result)
    mae = result["agreement"]["clips"]["mae"]["value"]
    for share, is_named in ((0.4, False), (1.0, True)):
        result["raters"] = {"inter": {"mae": {"value": share * mae}}}
        texts = priorities.rank_priorities(tmp_path, table, result, run)
        assert any(text.startswith("Raters disagree") for text in texts) == is_named


def test_a_network_that_learned_nothing_has_no_guilty_animals(tmp_path):
    table = draw_table(n_animals=10, n_clips=4)
    random = np.random.default_rng(0)
    table["network_score"] = table["training_mean"] + random.normal(0, 2, len(table))
    table.loc[table["animal"] == "g03", "network_score"] += 8
    result, texts = rank(table, tmp_path)
    assert result["label"] == verdict.NO_BETTER
    assert texts[0].startswith("The network is no better than the mean. Check in this")
    assert not any("look at the clips" in text for text in texts)
