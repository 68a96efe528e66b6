"""Judging runs on the way that the README advises, and on the ways beside it."""

import numpy as np
import pytest
from builders import open_lab, read_csv, read_json
from scipy import stats

from system import tables


def judged(lab, name):
    """Read what validate.py wrote: the result, and the scores of both."""
    path = lab.folder / "predictions" / f"{name}.json"
    rows = read_csv(path.with_suffix(".csv"))
    scores = [
        [float(row[k] or "nan") for k in ("expert_score", "network_score")]
        for row in rows
    ]
    return read_json(path), rows, np.array(scores).T


def check_figures(result, scores, means):
    """Recompute what was found from the scores that were written."""
    expert, network = scores
    clips = result["agreement"]["clips"]
    assert clips["n"] == len(expert)
    assert clips["mae"]["value"] == pytest.approx(np.abs(network - expert).mean())
    assert clips["bias"]["value"] == pytest.approx((network - expert).mean())
    r2 = 1 - ((network - expert) ** 2).sum() / ((expert - means) ** 2).sum()
    assert clips["r2"]["value"] == pytest.approx(r2)
    r = stats.pearsonr(expert - means, network - means)[0]
    assert clips["pearson"]["value"] == pytest.approx(r)
    floor = result["baselines"]["training mean"]
    assert floor["clips"]["mae"]["value"] == pytest.approx(
        np.abs(expert - means).mean()
    )


def means_of(rows):
    return np.array([float(row["training_mean"]) for row in rows])


# ---------------------------------------------------------------- which clips


def test_a_run_with_folds_is_judged_on_its_folds(study):
    told = study.ok("validate")
    assert "--folds" in told.out.splitlines()[0] and "NOT A TEST" not in told.out
    result, rows, scores = judged(study, "Reach-motion-folds")
    assert result["split"] == "folds" and len(rows) == 16
    check_figures(result, scores, means_of(rows))
    groups = {row["animal"]: row["group"] for row in rows}
    beyond = scores[1] - means_of(rows)  # each fold's network has a mean of its own
    own = {a: beyond[[row["animal"] == a for row in rows]].mean() for a in groups}
    above = [
        (own[a] > own[b]) + (own[a] == own[b]) / 2
        for a in own
        for b in own
        if groups[a].casefold() == "lesion" != groups[b].casefold()
    ]
    auroc = result["separation"]["animals"]["auroc"]["value"]
    assert auroc == pytest.approx(np.mean(above))
    study.ok("validate", "--run", "Reach-motion", "--folds")
    again, _, _ = judged(study, "Reach-motion-folds")
    assert again["agreement"] == result["agreement"]


def test_test_rows_that_a_final_network_learned_do_not_stand_before_its_folds(study):
    study.edit(
        lambda row: row.update(split="test") if row["animal"] == "Rat 2" else None
    )
    assert "folds" in study.ok("validate").out.splitlines()[0]


def test_new_test_rows_are_judged_before_folds(study):
    new = study.place / "new"
    for animal in (21, 22):
        study.film(f"new/Rat {animal}/r{animal}_c1.mp4", animal / 5)
    take = ("--from", new, "--task", "Reach", "--split", "test", "--yes", "--append")
    study.ok("extract_files", *take)
    study.edit(lambda row: row.update(score="3") if row["split"] == "test" else None)
    study.extract()
    told = study.ok("validate")
    result, rows, scores = judged(study, "Reach-motion-test")
    assert {row["animal"] for row in rows} == {"Rat 21", "Rat 22"}
    mae = np.abs(scores[1] - scores[0]).mean()
    assert result["agreement"]["clips"]["mae"]["value"] == pytest.approx(mae)
    assert "2 animals" in told.out


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A run on train rows alone, as the README advises, without folds."""
    with open_lab(tmp_path_factory.mktemp("plain")) as lab:
        lab.study(animals=6, groups=["sham", "lesion"] * 3)
        yield lab


def test_without_test_rows_and_folds_all_ways_are_named(plain):
    ways = ("--split train", "--folds 5", "`test`", "Reach-motion")
    plain.refused("validate", words=ways)
    told = plain.ok("validate", "--split", "train").out
    assert "NOT A TEST" in told
    result, rows, scores = judged(plain, "Reach-motion-train")
    check_figures(result, scores, means_of(rows))


# ---------------------------------------------------------------- raters


def test_raters_with_and_without_a_network(study, tmp_path):
    folder = study.place / "ratings"
    folder.mkdir()
    for rater, off in (("JB", 0), ("MK", 0.5)):
        rows = [(row["clip"], i % 4 + off) for i, row in enumerate(study.rows())]
        tables.write_table(folder / f"{rater}.csv", ("clip", "score"), rows)
    alone = ("validate", "--raters", folder, "--data", tmp_path)
    told = study.ok(*alone, data=False)
    assert "network" not in told.out and "only raters alone" in told.err
    with_network = study.ok("validate", "--raters", folder, "--full").out
    assert "network among raters" in with_network
    tables.write_table(folder / "MK.csv", ("clip", "score"), [])
    told = study.ok(*alone, data=False).out
    assert "1 rater, 16 clips: agreement takes two raters" in told
    tables.write_table(folder / "JB.csv", ("clip", "score"), [("r1_c1", "")])
    study.refused(*alone, data=False, words=["no rater has scored a clip"])


# ---------------------------------------------------------------- one page each


def test_every_question_has_a_page_of_its_own(study):
    study.ok("validate", "--folds")
    page = study.folder / "figures" / "Reach-motion" / "report.html"
    before = page.read_bytes()
    told = study.ok("validate", "--split", "train").out
    assert f"{study.folder / 'figures/Reach-motion/train/report.html'}" in told
    assert page.read_bytes() == before


def test_pages_of_a_named_run_and_its_folds_are_two(lab):
    how = ("--model", "motion", "--folds", "3", "--final", "--run", "motor")
    lab.study(*how, animals=6)
    lab.ok("validate", "--run", "motor")
    page = lab.folder / "figures" / "motor" / "report.html"
    before = page.read_bytes()
    lab.ok("validate", "--split", "train", "--run", "motor")
    assert page.read_bytes() == before
    assert b"NOT A TEST" not in before


# ---------------------------------------------------------------- plans, few animals


def test_a_plan_of_negative_scores_measures_the_network_of_the_run(lab):
    def below(row):
        return int(row["animal"][-1]) / 2 - 8

    how = ("--model", "motion", "--activation", "linear", "--folds", "4", "--final")
    lab.study(*how, animals=8, score=below)
    lab.ok("validate", "--folds", "--plan", "0.5")
    result, _, scores = judged(lab, "Reach-motion-folds")
    rows = result["plan"]["rows"]
    mae = np.abs(scores[1] - scores[0]).mean()
    assert result["plan"]["network"]["mae"]["value"] == pytest.approx(mae)
    assert max(row["movement"] for row in rows) < np.abs(scores[0]).mean() / 2


@pytest.mark.parametrize(("n_animals", "n_clips"), [(1, 1), (2, 1), (2, 2)])
def test_few_test_animals_are_judged_as_far_as_they_can_be(plain, n_animals, n_clips):
    def choose(row):
        last = int(row["animal"][-1]) > 6 - n_animals
        row["split"] = "test" if last else "train"
        return not last or int(row["clip"][-1]) <= n_clips

    kept = (plain.folder / "data_file.csv").read_bytes()
    try:
        plain.edit(choose)
        plain.ok("train_reg", "--model", "motion", "--run", f"t{n_animals}{n_clips}")
        told = plain.ok("validate", "--plan", "0.5").out
    finally:
        (plain.folder / "data_file.csv").write_bytes(kept)
    result, rows, scores = judged(plain, f"t{n_animals}{n_clips}-test")
    assert len(rows) == n_animals * n_clips
    mae = result["agreement"]["clips"]["mae"]
    assert mae["value"] == pytest.approx(np.abs(scores[1] - scores[0]).mean())
    assert mae["low"] is None and "fewer than 5 animals" in mae["reason"]
    assert "fewer than 5 animals" in told and "Nothing" not in told


@pytest.mark.parametrize(
    "names",
    [
        "rat_1 rat_2 rat_3 rat_4 rat_5 rat_6",
        "Rat1.0 RAT2 Rat-03 rat4 rat5 rat6",
        "1 2 3.0 4 05 6",
    ],
)
def test_an_outcome_under_names_written_otherwise(tmp_path, names):
    with open_lab(tmp_path) as lab:
        lab.write_sequences(["sham", "lesion"] * 3)
        lab.ok("train_reg", "--model", "motion", "--folds", 3)
        lines = [f"{name};{n},5" for n, name in enumerate(names.split())]
        text = "\n".join(["animal;value", *lines])
        (tmp_path / "les.csv").write_text(text, encoding="utf-8")
        told = lab.ok("validate", "--folds", "--outcome", tmp_path / "les.csv")
        assert "only one side" not in told.err
        assert "outcome of 6 animals" in told.out
        (tmp_path / "les.csv").write_text("animal;value\n8;1\n9;2\n", encoding="utf-8")
        words = ("les.csv is among those with both scores: 8, 9; here: Rat 1, Rat 2,",)
        outcome = ("--outcome", tmp_path / "les.csv")
        lab.refused("validate", "--folds", *outcome, words=words)
