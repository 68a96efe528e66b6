"""Sessions are compared in the order of time, which labels or an option tell."""

import csv
import re

import numpy as np
import pytest
from builders import read_csv, read_json

PAIR = ("--folds", "--pair", "session")
MOTION = ("--model", "motion", "--folds", "3")
GROUPS = ("sham", "lesion") * 3
SAID = r"(?:Results: |\. )([^().]+?) \(n = \d+ animals\) "
SAID += (
    r"(?:and|had network scores [\d.]+ (?:higher|lower) than) ([^().]+?) \(n = \d+\)"
)
SAID += r"(?: were not shown to differ in network scores)?:"


def changes_by_hand(lab, first, last, column):
    """Average each animal's change from one session to another, by hand."""
    path = lab.folder / "predictions/Reach-motion-folds.csv"
    rows = read_csv(path)
    changes = []
    for animal in sorted({row["animal"] for row in rows}):
        own = [row for row in rows if row["animal"] == animal]
        ends = [
            np.mean([float(row[column]) for row in own if row["session"] == session])
            for session in (first, last)
        ]
        changes.append(ends[1] - ends[0])
    return np.mean(changes)


def check(lab, order):
    path = lab.folder / "predictions/Reach-motion-folds.json"
    study = read_json(path)["comparison"]
    assert study["sessions"] == order
    ends = {"first": order[0], "second": order[-1]}.items()
    (found,) = [each for each in study["found"] if ends <= each.items()]
    for side in ("expert", "network"):
        wanted = changes_by_hand(lab, order[0], order[-1], f"{side}_score")
        assert found[side]["n"] == [6, 6]
        assert found[side]["difference"] == pytest.approx(wanted, abs=1e-5)


def test_validation_takes_the_change_from_first_to_last(lab):
    lab.write_sequences(GROUPS, ("pre", "post day 2", "post day 10"), clips=1)
    lab.ok("train_reg", *MOTION)
    order = ["pre", "post day 2", "post day 10"]
    shown = lab.ok("validate", *PAIR)
    assert "sessions: pre -> post day 2 -> post day 10" in shown.out
    check(lab, order)
    assert changes_by_hand(lab, order[0], order[2], "expert_score") > 0.9
    page = (lab.folder / "figures/Reach-motion/report.html").read_text(encoding="utf-8")
    assert "post day 10 - pre" in page
    lab.ok("validate", *PAIR, "--sessions", "post day 10,pre")
    check(lab, ["post day 10", "pre"])
    words = ("--sessions: expected two", "post day 10,post day 2,pre", "pre,past")
    lab.refused("validate", *PAIR, "--sessions", "pre,past", words=words)
    words = ("--sessions goes with --pair session",)
    lab.refused("validate", "--sessions", "pre,past", words=words)


def test_validation_knows_dates(lab):
    dates = ["28.05.2024", "03.06.2024", "01.02.2025"]
    lab.write_sequences(GROUPS, dates, clips=1)
    lab.ok("train_reg", *MOTION)
    assert f"sessions: {' -> '.join(dates)}" in lab.ok("validate", *PAIR).out
    check(lab, dates)


def test_validation_asks_for_an_order_where_it_matters(lab):
    lab.write_sequences(GROUPS, ("right", "left"), clips=1)
    lab.ok("train_reg", *MOTION)
    assert "sessions" not in lab.ok("validate", "--folds").all
    words = ("the order of the sessions is not known: left, right", "--sessions")
    lab.refused("validate", *PAIR, words=words)
    lab.ok("validate", *PAIR, "--sessions", "right,left")
    check(lab, ["right", "left"])


def test_a_session_spelled_in_two_ways_is_one(lab):
    lab.write_sequences(GROUPS, ("day 2", "day 10"), clips=1)

    def spell(row):
        if row["clip"].startswith("r2"):
            row["session"] = row["session"].replace("day ", "Day_0")

    lab.edit(spell)
    lab.ok("train_reg", *MOTION)
    shown = lab.ok("validate", *PAIR)
    assert "sessions: day 2 -> day 10" in shown.out and "taken for one" in shown.err
    check(lab, ["day 2", "day 10"])


@pytest.fixture
def run(lab):
    lab.study("--model", "motion")
    return lab


def film_study(lab, sessions, groups=("sham", "lesion")):
    lines = []
    for animal in range(11, 15):
        for number, session in enumerate(sessions):
            clip = f"n{animal}_{number}"
            lab.film(f"new/{clip}.mp4", animal / 4 + 2 * number, seed=animal)
            lines.append(f'{clip},Rat {animal},{groups[animal % 2]},"{session}"')
    table = lab.place / "new.csv"
    table.write_text("clip,animal,group,session\n" + "\n".join(lines) + "\n", "utf-8")
    return ("new", "--table", table, "--output", "out.csv", "--overwrite")


def change_of(lab, first, last, n):
    """Average the change of network scores between films of two sessions, by hand."""
    score = {
        r["clip"]: float(r["network_score"]) for r in read_csv(lab.place / "out.csv")
    }
    told = csv.DictReader((lab.place / "new.csv").open(encoding="utf-8"))
    by = {(r["animal"], r["session"]): score[r["clip"]] for r in told}
    animals = sorted({animal for animal, _ in by})
    assert len(animals) == n
    return np.mean([by[a, last] - by[a, first] for a in animals])


def test_new_films_are_compared_from_first_to_last(run):
    lab, order = run, ("pre", "day3", "day21")
    study = film_study(lab, order)
    shown = lab.ok("score", *study, "--pair", "session")
    assert "sessions: pre -> day3 -> day21" in shown.out
    assert re.findall(SAID, shown.out) == [("day3", "pre"), ("day21", "pre")]
    found = re.findall(r"difference (-?[\d.]+), 95%", shown.out)
    for text, day in zip(found, order[1:], strict=True):
        assert float(text) == pytest.approx(change_of(lab, "pre", day, 4), abs=0.006)
    both = lab.ok("score", *study, "--pair", "session", "--compare", "group")
    assert "healthy group: sham" in both.out
    assert "lesion (n = 2 animals) and sham (n = 2) were not shown" in both.out
    assert ("sham, day3", "sham, pre") in re.findall(SAID, both.out)
    turned = ("--control-group", "lesion", "--sessions", "pre,day21")
    other = lab.ok("score", *study, "--pair", "session", "--compare", "group", *turned)
    assert "sham (n = 2 animals) and lesion (n = 2) were not shown" in other.out
    assert "session day3 is omitted from the comparison: 4 clips of" in other.err
    assert "day3 (n" not in other.out


def test_new_films_of_unknown_order_are_asked_about_before_they_are_scored(run):
    lab = run
    study = film_study(lab, ("A", "B"), ("young", "old"))
    words = ("order of the sessions is not known: A, B", "--sessions A,B")
    asked = lab.refused("score", *study, "--pair", "session", words=words)
    assert "network scores of run" not in asked.out
    lab.ok("score", *study)  # an order matters to a comparison only
    shown = lab.ok("score", *study, "--compare", "group")
    assert "which group is healthy is not known: old, young" in shown.err
    told = lab.ok("score", *study, "--pair", "session", "--sessions", "B,A")
    assert re.findall(SAID, told.out) == [("A", "B")]
    found = float(re.search(r"difference (-?[\d.]+), 95%", told.out)[1])
    assert found == pytest.approx(change_of(lab, "B", "A", 4), abs=0.006)


def test_extraction_shows_sessions_in_order(lab):
    films = lab.record_animals(animals=2, clips=1, sessions=("day 10", "day 2"))
    shown = lab.ok("extract_files", "--from", films, "--task", "Reach")
    assert "sessions: day 2 -> day 10" in shown.out


def test_a_session_that_too_few_animals_have_is_named(lab):
    lab.write_sequences(GROUPS, ("pre", "post-d3", "post-d10"), clips=1)
    early = {"r1_s2", "r2_s2", "r4_s2"}  # of sham 1 animal, of lesion 2
    lab.edit(lambda r: "s2" not in r["clip"] or r["clip"][:5] in early)
    lab.ok("train_reg", *MOTION)
    words = ("two or more animals with both pre and post-d10 in sham. Received: 1",)
    both = (*PAIR, "--compare", "group")
    lab.refused("validate", *both, words=(*words, "--sessions names those to compare"))
    lab.ok("validate", *both, "--sessions", "pre,post-d3")
    path = lab.folder / "predictions/Reach-motion-folds.json"
    study = read_json(path)["comparison"]
    assert study["sessions"] == ["pre", "post-d3"]
    assert {each["network"]["n"][0] for each in study["found"]} == {3}
    told = lab.ok("validate", *PAIR)  # without groups three animals have it
    assert "sessions: pre -> post-d3 -> post-d10" in told.out


def test_groups_by_the_mean_over_sessions_are_said_to_be_so(lab):
    lab.write_sequences(GROUPS, ("pre", "post-d3", "post-d10"), clips=1)
    lab.ok("train_reg", *MOTION)
    told = lab.ok("validate", "--folds", "--compare", "group").err
    assert told.count("over its sessions: pre, post-d3, post-d10. --pair session") == 1
    assert "over its" not in lab.ok("validate", *PAIR, "--compare", "group").err
    lab.edit(lambda r: r["session"] == "pre")
    told = lab.ok("validate", "--folds", "--compare", "group").err
    assert "over its sessions" not in told
