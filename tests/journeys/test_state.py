"""Where a study is, read from its folder alone, and the next command."""

from runs import state


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


def test_a_folder_elsewhere_is_quoted(lab, tmp_path):
    command = state.describe_state(tmp_path / "my study")[1]
    assert command.endswith(f"--data '{tmp_path / 'my study'}'")
    assert lab.ok("validate", "--status").out.startswith("now:  ")
