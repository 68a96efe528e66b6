"""A study from recordings to another lab: each step builds on the one before."""

import json
import re
import zipfile

import numpy as np
import pytest
from builders import Lab, open_lab, read_csv, read_json, read_record
from scipy import stats

from reports import style
from system import tables

CROP = "0,8,64,32"
SESSIONS = ("pre", "post")
LESIONED = {"Rat 5", "Rat 6", "Rat 7", "Rat 8", "Rat 9", "Rat 10"}
RATERS = {"JB": 0.25, "MK": -0.25}  # how far each is off the truth


def group_of(animal):
    return "lesion" if animal in LESIONED else "sham"


def truth(clip):
    """The score of a clip: higher after the lesion, by animal, half a point a clip."""
    animal, session, number = re.fullmatch(r"r(\d+)_(\w+)_c(\d)", clip).groups()
    lesioned = f"Rat {animal}" in LESIONED
    return 1 + int(animal) / 4 + (session == "post") * (1 + lesioned) + int(number) / 2


def film(lab, folder, animals):
    for animal in animals:
        for session in SESSIONS:
            for number in (1, 2):
                clip = f"r{animal}_{session}_c{number}"
                place = f"{folder}/Rat {animal}/{session}/{clip}.mp4"
                lab.film(place, truth(clip), seed=animal)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A lab of all steps, whose figures are drawn."""
    with open_lab(tmp_path_factory.mktemp("lab"), save=style.save) as opened:
        yield opened


@pytest.fixture(scope="module")
def told(place):
    """What the first five commands say, by name."""
    said = {}
    film(place, "recordings/Cohort 1", range(1, 7))
    film(place, "recordings/Cohort 2", range(7, 11))
    options = ("--from", place.place / "recordings", "--task", "Reach", "--crop", CROP)
    said["look"] = place.ok("extract_files", *options)
    assert not (place.folder / "data_file.csv").exists()
    said["files"] = place.ok("extract_files", *options, "--yes")

    def fill(row):
        row["group"] = group_of(row["animal"])
        row["mirror"] = "yes" if row["animal"] == "Rat 10" else ""

    place.edit(fill)
    clips = [row["clip"] for row in place.rows()]
    rows = [(f"{c}.mp4", *(truth(c) + off for off in RATERS.values())) for c in clips]
    tables.write_table(place.place / "sheet.csv", ("Video", *RATERS), rows)
    told_columns = ("--clip-column", "Video", "--rater-columns", ",".join(RATERS))
    sheet = ("--scores", place.place / "sheet.csv", *told_columns)
    said["rate"] = place.ok("rate", *sheet, "--join", "mean")
    said["extract"] = place.extract()
    how = ("--task", "Reach", "--model", "motion", "--folds", "5", "--final")
    said["train"] = place.ok("train_reg", *how)
    ratings = place.folder / "ratings"
    said["validate"] = place.ok("validate", "--folds", "--raters", ratings)
    return said


def test_folders_tell_animals_and_sessions(place, told):
    assert "40 clips, 10 animals, 2 sessions" in told["files"].out
    rows = place.rows()
    assert {(r["animal"], r["session"]) for r in rows} == {
        (f"Rat {n}", s) for n in range(1, 11) for s in SESSIONS
    }
    assert {r["crop"] for r in rows} == {CROP.replace(",", " ")}
    assert sum(r["mirror"] == "yes" for r in rows) == 4


def test_joined_scores_are_the_mean_of_two_raters(place, told):
    for row in place.rows():
        assert float(row["score"]) == pytest.approx(truth(row["clip"]), abs=1e-4)
    assert "40" in told["rate"].out and "2 raters" in told["rate"].out


def test_the_run_says_its_healthy_group(told):
    assert "healthy group: sham" in told["train"].out


def test_each_prediction_comes_from_a_network_that_never_saw_the_animal(place, told):
    rows = read_csv(place.folder / "predictions" / "Reach-motion-folds.csv")
    assert len(rows) == 40
    record = read_record(place.folder, "Reach-motion")
    errors = record["errors"]
    for clip in errors["clips"]:
        network = errors["networks"][clip["network"]]["run"]
        fold = read_record(place.folder, network)
        assert clip["animal"] in fold["held_out"]
        assert clip["clip"] not in fold["train_clips"]
        (row,) = [row for row in rows if row["clip"] == clip["clip"]]
        assert float(row["network_score"]) == pytest.approx(clip["score"], abs=1e-5)


def figures_of(place):
    rows = read_csv(place.folder / "predictions" / "Reach-motion-folds.csv")
    columns = ("network_score", "expert_score")
    network, expert = (np.array([float(r[c]) for r in rows]) for c in columns)
    return rows, network, expert


def test_agreement_is_what_numpy_finds(place, told):
    rows, network, expert = figures_of(place)
    means = np.array([float(row["training_mean"]) for row in rows])
    path = place.folder / "predictions" / "Reach-motion-folds.json"
    found = read_json(path)["agreement"]["clips"]
    assert found["n"] == 40
    off = network - expert
    assert found["mae"]["value"] == pytest.approx(np.abs(off).mean())
    assert found["rmse"]["value"] == pytest.approx(np.sqrt((off**2).mean()))
    assert found["pearson"]["value"] == pytest.approx(
        stats.pearsonr(network - means, expert - means).statistic
    )


def test_raters_differ_by_half_a_point(place, told):
    path = place.folder / "predictions" / "Reach-motion-folds.json"
    raters = read_json(path)["raters"]
    assert "0.5" in json.dumps(raters)


@pytest.fixture(scope="module")
def scored(place, told):
    """New animals of both groups and sessions, labelled in a table."""
    film(place, "new", (12, 13, 14, 15, 16, 17))
    new = place.place / "new"
    rows = []
    for number in (12, 13, 14, 15, 16, 17):
        group = "sham" if number < 15 else "lesion"
        for session in SESSIONS:
            for clip in (1, 2):
                name = f"r{number}_{session}_c{clip}"
                rows.append((name, f"Rat {number}", group, session))
    columns = ("clip", "animal", "group", "session")
    tables.write_table(place.place / "labels.csv", columns, rows)
    table = ("--table", place.place / "labels.csv", "--run", "Reach-motion")
    asked = ("--compare", "group", "--pair", "session")
    output = place.place / "study.csv"
    return place.ok("score", new, *table, *asked, "--output", output)


def test_new_animals_are_cropped_as_in_training(scored):
    assert f"cropped to {CROP}" in scored.out


def test_the_change_goes_from_pre_to_post(place, scored):
    rows = read_csv(place.place / "study.csv")
    assert len(rows) == 24
    change = {}
    for number in range(12, 18):
        own = {
            session: np.mean(
                [
                    float(r["network_score"])
                    for r in rows
                    if r["clip"].startswith(f"r{number}_{session}")
                ]
            )
            for session in SESSIONS
        }
        change[number] = own["post"] - own["pre"]
    sham, lesion = (
        [change[n] for n in group] for group in ((12, 13, 14), (15, 16, 17))
    )
    difference = np.mean(lesion) - np.mean(sham)
    low, high = stats.ttest_ind(lesion, sham, equal_var=False).confidence_interval()
    p = stats.permutation_test(
        (lesion, sham), lambda a, b: np.mean(a) - np.mean(b), n_resamples=9999
    ).pvalue
    told = (
        f"{np.mean(lesion):.2f} against {np.mean(sham):.2f}, difference "
        f"{difference:.2f}, 95% interval [{low:.2f}, {high:.2f}]"
    )
    results = scored.out.split("Methods:")[0]
    assert "from pre to post" in results and told in results, results
    assert f"p = {p:.3f}" in results[results.index(told) :]


def test_intervals_are_the_errors_of_animals_held_out(place, scored):
    """Ten animals at 90%: the largest but one rank, 8.9 of 0 to 9, between the last."""
    rows = read_csv(place.folder / "predictions" / "Reach-motion-folds.csv")
    errors = {}
    for row in rows:
        off = abs(float(row["network_score"]) - float(row["expert_score"]))
        errors.setdefault(row["animal"], []).append(off)
    random, widths = np.random.default_rng(1), []
    for _ in range(20000):
        ranked = np.sort([random.choice(own) for own in errors.values()])
        widths.append(ranked[8] + 0.9 * (ranked[9] - ranked[8]))
    half = np.median(widths)
    for row in read_csv(place.place / "study.csv"):
        low, high, score = (float(row[k]) for k in ("low", "high", "network_score"))
        assert high - score == pytest.approx(half, rel=0.1)
        assert low == pytest.approx(max(0, score - (high - score)))


def test_what_the_page_explains(place, told, blank_figures):
    place.ok("explain", "--run", "Reach-motion", "--split", "all")
    page = place.folder / "figures" / "Reach-motion" / "index.html"
    assert "40 clips" in page.read_text(encoding="utf-8")


def test_another_lab_scores_alike(place, scored):
    packed = place.place / "Reach-motion.zip"
    place.ok("share", "Reach-motion", "--species", "rat", "--output", packed)
    with zipfile.ZipFile(packed) as archive:
        card = archive.read("card.md").decode()
    assert "40 clips of 10 animals" in card
    record = read_record(place.folder, "Reach-motion")
    scores = record["train_clips"].values()
    assert f"scores {min(scores):g} to {max(scores):g}" in card
    other = Lab(place.place / "other lab")
    other.place.mkdir()
    output = other.place / "there.csv"
    other.ok("score", place.place / "new", "--run", packed, "--output", output)
    here, there = read_csv(place.place / "study.csv"), read_csv(output)
    assert [(r["clip"], r["network_score"], r["low"]) for r in here] == [
        (r["clip"], r["network_score"], r["low"]) for r in there
    ]


def test_another_lab_judges_it_on_its_own_clips(place, scored):
    packed = place.place / "Reach-motion-2.zip"
    place.ok("share", "Reach-motion", "--species", "rat", "--output", packed)
    other = Lab(place.place / "third lab")
    film(other, "own", (21, 22, 23))
    recordings = ("--from", other.place / "own", "--task", "Pellet", "--crop", CROP)
    other.ok("extract_files", *recordings, "--split", "test", "--yes")
    other.score(lambda row: truth(row["clip"]))
    other.extract()
    other.ok("validate", "--run", packed, "--task", "Pellet")
    (path,) = (other.folder / "predictions").glob("*-test.csv")
    found = read_json(path.with_suffix(".json"))
    rows = read_csv(path)
    off = [float(r["network_score"]) - float(r["expert_score"]) for r in rows]
    assert len(rows) == 12
    assert found["agreement"]["clips"]["mae"]["value"] == pytest.approx(
        np.abs(off).mean()
    )
