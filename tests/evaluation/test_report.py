"""What a report says of studies that prove little: no sentence claims too much."""

import dataclasses

import numpy as np
import pytest
from builders import make_run
from films import clip_of, make_film, read_numbers
from studies import draw_table, tell

import data
from evaluation import evaluate, report, report_tables
from evaluation.predictions import adjust_scores
from runs.record import Choice, Scheme, describe_shares


def test_a_good_network_is_called_better_than_the_baseline():
    table = draw_table()
    _, verdict, printed = tell(table)  # ridge is as good
    assert verdict.startswith("NOT SHOWN TO BE BETTER") and "than ridge" in printed
    assert "never saw" in verdict and "That is better than the mean" in verdict
    assert "it is not shown that it is better than the best simple method" in verdict
    assert "AUROC" in printed and "centred" in printed and "--repeats" in printed
    table["baseline_ridge"] = table["training_mean"] + 0.2
    result, verdict, _ = tell(table)
    assert result["label"] == "BETTER THAN THE BASELINE" and "by" in verdict


def test_noise_is_not_called_a_finding():
    for seed in range(5):
        table = draw_table(signal=0, seed=seed)
        result, verdict, _ = tell(table)
        assert result["label"] != "BETTER THAN THE BASELINE"
        assert "That is better than the mean" not in verdict
        scores = table.groupby("animal")[["target", "network_score"]].mean()
        assert scores.corr().iloc[0, 1] < 0  # and yet
        centred = result["agreement"]["animals"]["pearson"]
        assert centred["low"] < 0 < centred["high"]


def test_few_animals_have_no_interval_and_no_verdict():
    result, verdict, _ = tell(draw_table(n_animals=4))
    assert result["agreement"]["animals"]["mae"]["low"] is None
    assert "With 4 animals it is not shown that this is better than the mean" in verdict
    assert result["label"] == "NOT SHOWN TO BE BETTER" and "fewer than 5" in verdict
    assert "fewer than 5" not in tell(draw_table(n_animals=5))[1]


def test_sessions_before_a_lesion_do_not_blur_the_groups():
    table = draw_table()
    result, _, printed = tell(table.assign(session=["pre", "post", "post"] * 15))
    assert "separation" not in result and "AUROC" not in printed
    days = table.assign(session=table["animal"])  # a session is who was filmed that day
    assert tell(days)[0]["separation"] == tell(table)[0]["separation"]


def test_a_clip_without_group_is_not_impaired():
    table = draw_table()
    table.loc[:2, "group"] = None
    labels = evaluate.label_groups(table["group"], "Stroke")
    assert np.isnan(labels[:3]).all()
    assert (labels[3:] == (table["group"][3:] == "Control")).all()
    found = evaluate.evaluate(table, make_run(control_group="Control"))["separation"]
    assert found["animals"]["n"] == 14


def test_unscored_animals_are_omitted_and_counted():
    table = draw_table()
    table.loc[table["animal"].isin(["g03", "g04"]), ["target", "expert_score"]] = None
    result, verdict, _ = tell(table)
    assert "On 13 animals (39 clips) that the network never saw" in verdict
    assert result["agreement"]["unscored"] == 6
    table["target"] = np.nan
    assert "Nothing can be evaluated" in tell(table)[1]


def test_a_bias_gets_its_sentence():
    table = draw_table(folds=False)
    table["network_score"] -= 1
    assert "too low: -0.95 [-" in tell(table)[2]


def test_scores_of_one_network_are_not_adjusted():
    table = draw_table(folds=False).assign(training_mean=1 / 3)
    assert adjust_scores(table).equals(table["network_score"])
    folds = draw_table()
    means = folds["training_mean"]
    expected = folds["network_score"] - means + means.mean()
    assert np.allclose(adjust_scores(folds), expected)


def test_repeats_are_compared():
    results = [
        evaluate.evaluate(draw_table(seed=seed), make_run()) for seed in range(3)
    ]
    found = evaluate.spread_repeats(results)["mae"]
    values = [r["agreement"]["clips"]["mae"]["value"] for r in results]
    assert found["mean"] == pytest.approx(np.mean(values))
    assert found["sd"] == pytest.approx(np.std(values, ddof=1))


def test_the_page_leads_with_the_label_and_the_sentences(tmp_path):
    table = draw_table()
    reasons = {"clip length": "<all alike>"}
    result, _, _ = tell(table, reasons=reasons)
    path = tmp_path / "report.html"
    run = make_run(
        name="Reach<x>", model="lstm", scheme=Scheme("folds", n_folds=5, fold="fold1")
    )
    result |= report.write_sentences(result, run, "folds", True)
    result["change_first"] = ["<look>"]
    clips = [data.Clip("test", "Reach", name, 9, 1.0) for name in table["clip"]]
    told = result, run, report_tables.list_sections(result), [], "folds"
    report.write_page(path, tmp_path, clips, *told)
    text = path.read_text(encoding="utf-8")
    assert "Reach&lt;x&gt;" in text and "&lt;all alike&gt;" in text
    assert '<section class="light doubtful">' in text and "&lt;look&gt;" in text
    assert text.index("NOT SHOWN TO BE BETTER than ridge") < text.index(
        "What simple methods reach"
    )
    assert "1.41" in text and "Newcombe" in text and 'src="http' not in text
    mae = result["agreement"]["clips"]["mae"]
    assert f"differed by {mae['value']:.2f} (95% CI {mae['low']:.2f} to" in text
    assert "5-fold" in text and "over animals" in text


def test_methods_name_all_networks_of_a_cross_validation_once():
    result, _, printed = tell(draw_table())
    assert "over clips" in printed and "  MAE over clips " in printed
    choice = Choice(shares={"amount of movement": 0.2, "posture": 0.8})
    run = make_run(
        name="Reach", model="motion", scheme=Scheme("folds", n_folds=5, fold="fold1")
    )
    run = dataclasses.replace(run, choice=choice)
    other = dataclasses.replace(run, choice=Choice(shares={"posture": 1.0}))
    result["networks"] = [30, 36, 36, 36, 36]
    result["shares"] = describe_shares([run, other])
    text = report.write_sentences(result, run, "folds", True)["methods"]
    assert "scored by 5 networks (model motion, each trained on 30 to 36 clips" in text
    assert "They were evaluated on 45 clips of 15 animals, each scored by a" in text
    assert "0% to 20% amount of movement, 80% to 100% posture (over the net" in text
    result["networks"], result["shares"] = [36], describe_shares([run])
    alone = report.write_sentences(result, run, "test", True)["methods"]
    assert "scored by a network (model motion, trained on 36 clips" in alone
    assert "20% amount of movement [20%, 20%], 80% posture" in alone


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
