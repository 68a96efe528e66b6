"""Where a study is, read from its folder alone, and the next command."""

import shlex

from builders import number_in

from runs import state
from system import tables


def test_the_next_command_follows_from_what_the_folder_holds(lab):
    assert "extract_files.py --from" in state.describe_state(lab.folder)[1]
    lab.write_sequences(["sham", "lesion"] * 3)
    told, command = state.describe_state(lab.folder)
    assert told == "12 clips of 6 animals, 12 with a score; 12 sequences"
    assert command.startswith("python train_reg.py --task Reach --model motion --folds")
    assert command.endswith(f"--data {lab.folder}")
    lab.edit(lambda row: row.update(score=""))
    assert "rate.py --rater" in state.describe_state(lab.folder)[1]
    (lab.folder / "ratings").mkdir()
    (lab.folder / "ratings/JB.csv").write_text("clip,score\n", encoding="utf-8")
    told, command = state.describe_state(lab.folder)
    assert "0 with a score, 1 rater;" in told and "rate.py --join mean" in command
    for path in (lab.folder / "sequences").glob("*-5-*"):
        path.unlink()
    told, command = state.describe_state(lab.folder)
    assert "0 with a score" in told and "sequences" not in told
    assert "rate.py --join mean" in command
    lab.edit(lambda row: row.update(score="1"))
    command = state.describe_state(lab.folder)[1]
    assert "--seq-length 5 --sampling uniform --weights 'made up'" in command
    (lab.folder / "sequences/extraction.json").unlink()
    command = state.describe_state(lab.folder)[1]
    assert "extract_features.py --seq-length 20 --sampling uniform" in command


def test_a_new_training_is_evaluated_and_explained_anew(lab):
    lab.write_sequences(["sham", "lesion"] * 3)
    train = ("train_reg", "--task", "Reach", "--model", "motion", "--final")
    lab.ok(*train, "--folds", "3")
    assert read_next(lab.ok("validate"))[1] == "explain.py"
    told = lab.ok("explain", "--no-places", "--elements", "2")
    assert read_next(told)[1] == "score.py"
    lab.ok("validate", "--compare", "group")
    lab.edit(
        lambda row: row.update(group={"Rat 1": "lesion"}.get(row["animal"], "sham"))
    )
    wanted = ["python", "validate.py", "--compare", "group", "--data"]
    assert read_next(lab.ok("validate", "--status"))[:5] == wanted
    told = lab.ok(*train, "--folds", "2", "--overwrite")
    assert read_next(told)[1] == "validate.py" and "1 run, cross-validated" in told.out
    assert read_next(lab.ok("validate"))[1] == "explain.py"


def test_clips_that_were_scored_later_are_to_be_learned(lab):
    lab.write_sequences(["sham", "lesion"] * 3)
    lab.edit(lambda row: row.update(score="" if "c1" in row["clip"] else row["score"]))
    lab.ok("train_reg", "--task", "Reach", "--model", "motion")
    assert "again" not in read_next(lab.ok("validate", "--status"))
    lab.edit(lambda row: row.update(score="1"))
    assert {"again,", "--overwrite:"} <= {*read_next(lab.ok("validate", "--status"))}


def test_a_folder_elsewhere_is_quoted(lab, tmp_path):
    command = state.describe_state(tmp_path / "my study")[1]
    assert command.endswith(f"--data '{tmp_path / 'my study'}'")
    assert lab.ok("validate", "--status").out.startswith("now:  ")


def read_next(told):
    return shlex.split(told.out.rpartition("next: ")[2])


def give(lab, words):
    """Give the command that was advised."""
    assert words[0] == "python"
    return lab.ok(words[1].removesuffix(".py"), *words[2:], data=False)


def import_raters(lab, **scores):
    """Import sheets in which each rater scores r1_s0_c1 and the others as the table."""
    columns, rows = ("clip", *scores), []
    for row in lab.rows():
        own = [
            n if row["clip"] == "r1_s0_c1" else number_in(row) for n in scores.values()
        ]
        rows.append((row["clip"], *own))
    tables.write_table(lab.place / "sheet.csv", columns, rows)
    asked = ("--scores", lab.place / "sheet.csv", "--rater-columns", ",".join(scores))
    return lab.ok("rate", *asked)


def test_after_other_ratings_they_are_joined_and_learned(lab):
    lab.write_sequences(["sham", "lesion"] * 3)
    lab.edit(lambda row: row.update(score=""))
    joined = give(lab, read_next(import_raters(lab, JB=1)))
    assert "train_reg.py" in joined.out
    train = ("--model", "motion", "--activation", "linear", "--folds", "3", "--final")
    trained = lab.ok("train_reg", *train)
    assert "validate.py" in trained.out
    assert read_next(import_raters(lab, JB=1))[1] == "validate.py"  # the same again
    told = import_raters(lab, MK=3)
    assert read_next(told)[1:4] == ["rate.py", "--join", "mean"]
    told = give(lab, read_next(told))
    again = "next: give the train_reg.py command of Reach-motion again, with --over"
    assert again in told.out and "has changed" in told.out
    assert read_next(lab.ok("train_reg", *train, "--overwrite"))[1] == "validate.py"
    assert read_next(import_raters(lab, MK=4))[1] == "rate.py"  # a corrected sheet


def test_an_import_of_nothing_is_given_again(lab):
    lab.write_sequences(["sham", "lesion"] * 3)
    lab.edit(lambda row: row.update(score=""))
    tables.write_table(lab.place / "sheet.csv", ("clip", "J B"), [("M03_1", 2)])
    asked = ("--scores", lab.place / "sheet.csv", "--rater-columns", "J B")
    words = ("sheet.csv:2: no clip is called 'M03_1'", "give the command again")
    lab.refused("rate", *asked, words=words)
    assert not list(lab.folder.glob("ratings/*.csv"))
    tables.write_table(lab.place / "sheet.csv", ("clip", "J B"), [("r1_s0_c1", 2)])
    assert read_next(lab.ok("rate", *asked))[1:3] == ["rate.py", "--join"]
