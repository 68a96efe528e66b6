"""What a report says of studies that prove little: no sentence claims too much."""

import json

import numpy as np
import pandas as pd
import pytest
from builders import make_run
from films import clip_of, make_film, read_numbers

import data
from evaluation import evaluate, report, report_tables, verdict


def draw_table(n_animals=15, signal=1.0, groups=True, folds=True, n_clips=3, seed=0):
    """Predictions of a network that tells as much as `signal` of the score."""
    random = np.random.default_rng(seed)
    animals = np.repeat([f"g{i:02d}" for i in range(n_animals)], n_clips)
    severity = np.repeat(random.uniform(0, 5, n_animals), n_clips)
    target = np.clip(np.round(2 * severity) / 2, 0, 5)
    means = np.array([target[animals != a].mean() for a in animals])
    means = means if folds else np.full(len(target), 2.5)
    network = means + signal * (target - means) + random.normal(0, 0.3, len(target))
    names = np.where(severity > 2.5, "Stroke", "Control") if groups else "Stroke"
    return pd.DataFrame(
        {
            "clip": [f"{a}_c{i}" for i, a in enumerate(animals)],
            "animal": animals,
            "group": pd.Series(np.broadcast_to(names, len(animals)), dtype=object),
            "target": target,
            "expert_score": target,
            "network_score": network,
            "training_mean": means,
            "baseline_training_mean": means,
            "baseline_ridge": target + random.normal(0, 0.3, len(target)),
            "seen": "",
        }
    )


def tell(table, capsys, is_test=True, **options):
    """Judge a table and print its report: the result, the verdict, what was printed."""
    result = evaluate.evaluate(table, make_run(control_group="Control"), **options)
    json.dumps(result, allow_nan=False)
    result["verdict"] = verdict.tell_verdict(result, is_test)
    verdict.tell(report_tables.list_sections(result))
    printed = capsys.readouterr().out
    assert "nan" not in printed.lower() and "None" not in printed
    return result, " ".join(result["verdict"]), printed


def test_a_good_network_is_called_better_than_guessing(capsys):
    _, verdict, printed = tell(draw_table(), capsys)
    assert "never seen" in verdict and "That is better than guessing" in verdict
    assert "not shown that either is better" in verdict  # than ridge
    assert "Scores tell impaired from healthy" in verdict
    assert "centred" in printed and "--repeats" in printed


def test_noise_is_not_called_a_finding(capsys):
    for seed in range(5):
        result, verdict, _ = tell(draw_table(signal=0, seed=seed), capsys)
        assert "That is better than guessing" not in verdict
        assert "Scores tell" not in verdict
        assert result["agreement"]["animals"]["pearson"]["value"] < 0  # and yet
        centred = result["agreement"]["animals"]["pearson_centred"]
        assert centred["low"] < 0 < centred["high"]


def test_few_animals_have_no_interval_and_no_verdict(capsys):
    result, verdict, _ = tell(draw_table(n_animals=4), capsys)
    assert result["agreement"]["animals"]["mae"]["low"] is None
    assert "too few for any interval" in verdict and "cannot be told" in verdict
    assert "That is better" not in verdict
    _, verdict, _ = tell(draw_table(n_animals=5), capsys)
    assert "too few for any interval" not in verdict


def test_one_group_is_not_separated(capsys):
    result, verdict, printed = tell(draw_table(groups=False), capsys)
    assert "separation" not in result and "severity" not in result
    assert "AUROC" not in verdict + printed


def test_a_clip_without_group_is_not_impaired():
    table = draw_table()
    table.loc[:2, "group"] = None
    labels = evaluate.label_groups(table["group"], "Stroke")
    assert np.isnan(labels[:3]).all()
    assert (labels[3:] == (table["group"][3:] == "Control")).all()
    found = evaluate.evaluate(table, make_run(control_group="Control"))["separation"]
    assert found["animals"]["n"] == 14


def test_unscored_animals_are_omitted_and_counted(capsys):
    table = draw_table()
    table.loc[table["animal"].isin(["g03", "g04"]), ["target", "expert_score"]] = None
    result, verdict, _ = tell(table, capsys)
    assert verdict.startswith("On 13 animals (39 clips) never seen")
    assert result["agreement"]["unscored"] == 6
    table["target"] = np.nan
    assert "Nothing can be evaluated" in tell(table, capsys)[1]


def test_what_is_known_is_no_test(capsys):
    _, verdict, _ = tell(draw_table(folds=False), capsys, is_test=False)
    assert verdict.startswith("NOT A TEST") and "never seen" not in verdict


def test_a_floor_that_misses_clips_says_on_how_many(capsys):
    table = draw_table()
    table.loc[:8, "baseline_ridge"] = np.nan
    _, _, printed = tell(table, capsys, reasons={"ridge": "one animal"})
    assert "on 36 clips; elsewhere: one animal" in printed


def test_a_bias_gets_its_sentence(capsys):
    table = draw_table(folds=False)
    table["network_score"] -= 1
    assert "Scores are too low by 0.95" in tell(table, capsys)[1]


def test_repeats_are_compared():
    results = [
        evaluate.evaluate(draw_table(seed=seed), make_run()) for seed in range(3)
    ]
    found = evaluate.spread_repeats(results)["mae"]
    values = [r["agreement"]["clips"]["mae"]["value"] for r in results]
    assert found["mean"] == pytest.approx(np.mean(values))
    assert found["sd"] == pytest.approx(np.std(values, ddof=1))


def test_the_page_leads_with_the_verdict(tmp_path, capsys):
    table = draw_table()
    result, verdict, _ = tell(table, capsys, reasons={"clip length": "<all alike>"})
    path = tmp_path / "report.html"
    run = make_run(name="Reach<x>", model="lstm")
    versions = {"python": "3.11"}
    told = {"split": "folds", "independence": "", "versions": versions}
    clips = {name: data.Clip("test", "Reach", name, 9, 1.0) for name in table["clip"]}
    report.write_page(path, tmp_path, clips, table, result, run, told, [])
    text = path.read_text(encoding="utf-8")
    assert "Reach&lt;x&gt;" in text and "&lt;all alike&gt;" in text
    assert text.index(verdict[:30]) < text.index("What simple methods reach")
    assert "1.41" in text and "Newcombe" in text and 'src="http' not in text


def test_a_clip_is_shown_from_beginning_to_end_with_a_link(tmp_path):
    folder = tmp_path / "a b"
    path = folder / "test" / "Reach" / "rat 1.avi"
    path.parent.mkdir(parents=True)
    make_film(path, 30)
    page = tmp_path / "figures" / "report.html"
    shown = report.show_clip(page, folder, clip_of("rat 1", split="test"))
    assert shown["link"] == "../a%20b/test/Reach/rat%201.avi"
    frames = np.split(shown["strip"], report.N_PICTURES, axis=1)
    assert read_numbers(frames) == [0, 6, 12, 17, 23, 29]
    assert report.show_clip(page, folder, clip_of("gone"))["strip"] is None


def test_few_animals_are_said_to_be_few(capsys):
    table = draw_table(n_animals=6, seed=1)
    table["baseline_ridge"] = table["network_score"] + 0.01
    _, verdict, _ = tell(table, capsys)
    assert "6 animals are too few to be sure that either is better" in verdict
    table["baseline_ridge"] = 9.0
    assert "No simple method beats guessing" in tell(table, capsys)[1]


def test_ranks_of_few_animals_have_no_interval_of_no_width(capsys):
    result, _, printed = tell(draw_table(n_animals=5, folds=False, seed=1), capsys)
    assert result["agreement"]["clips"]["spearman"]["low"] is None
    assert "the same whichever animal is left out" in printed
