import subprocess
import sys
import time
from pathlib import Path

import films
import numpy as np
import pytest
from extractions import N_FRAMES, call

import extract_features
import extractor
from features import sequences
from system import storage
from system.terminal import Caution, Problem

PROJECT = Path(__file__).parents[1]


def run(*argv):
    """Run the script as a user does: (exit code, stdout, stderr)."""
    done = subprocess.run(
        [sys.executable, "extract_features.py", *map(str, argv)],
        cwd=PROJECT,
        capture_output=True,
        timeout=120,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def read_numbers(folder, name):
    """Read which frames the sequence of a clip is made of."""
    return list(sequences.read_sequence(folder, name, N_FRAMES)[:, 0])


def test_sequences_of_the_right_frames(folder, stand_in, capsys):
    assert call(folder) == 0
    assert read_numbers(folder, "v_Control_g01_c01") == [0, 10, 20]
    assert read_numbers(folder, "v_Stroke_g02_c01") == [0, 10, 20]
    assert read_numbers(folder, "v_Stroke_g03_c01") == [1, 11, 21]  # images from 1
    output, errors = capsys.readouterr()
    assert output.startswith("3 sequences written to ")
    assert "\nnext: python train_reg.py " in output
    assert "0 clips failed" in output
    assert not errors.replace("\r", "").strip() or "extracting" in errors


def test_uniform_sampling_reaches_the_end(folder, stand_in):
    assert call(folder, "--sampling", "uniform") == 0
    assert read_numbers(folder, "v_Control_g01_c01") == [0, 14, 29]
    assert read_numbers(folder, "v_Stroke_g03_c01") == [1, 15, 30]


@pytest.mark.parametrize("batch_size", [1, 7])
def test_batch_size_changes_nothing(folder, stand_in, batch_size):
    call(folder, "--batch-size", str(batch_size))
    for name, first in (("v_Control_g01_c01", 0), ("v_Stroke_g03_c01", 1)):
        assert read_numbers(folder, name) == [first, first + 10, first + 20]


def test_done_clips_are_skipped_and_overwritten_only_when_asked(
    folder, stand_in, capsys
):
    assert call(folder, "--split", "test") == 0
    path = storage.sequence_path(folder, "v_Stroke_g03_c01", N_FRAMES)
    time_before = path.stat().st_mtime_ns
    assert call(folder) == 0
    assert "2 sequences written" in capsys.readouterr().out
    assert path.stat().st_mtime_ns == time_before
    assert call(folder, "--overwrite", "--task", "Reach") == 0
    assert "3 sequences written" in capsys.readouterr().out
    assert path.stat().st_mtime_ns > time_before


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("--sampling", "uniform"), "sampling stride instead of uniform"),
        (("--seq-length", "4"), "sequence length 3 instead of 4"),
        (("--weights", "random"), "weights imagenet instead of random"),
    ],
)
def test_other_settings_are_refused_or_replace_everything(
    folder, stand_in, argv, words
):
    call(folder)
    state = films.read_state(folder)
    with pytest.raises(Problem, match=words):
        call(folder, *argv)
    assert films.read_state(folder) == state
    assert call(folder, "--task", "Reach", *argv, "--overwrite") == 0
    assert len(list((folder / "sequences").glob("*.npy"))) == 6
    assert call(folder, *argv) == 0


def test_what_is_not_made_anew_stays_as_it_was(folder, stand_in):
    call(folder)
    before = films.read_state(folder / "sequences")
    film = folder / "train/Reach/v_Control_g01_c01.avi"
    unplugged = film.rename(folder / "unplugged.avi")
    assert call(folder, "--overwrite", "--sampling", "uniform") == 1
    aside = folder / "sequences-before-1"
    assert films.read_state(aside) == before
    assert len(list((folder / "sequences").glob("*.npy"))) == 4
    unplugged.rename(film)
    assert call(folder, "--sampling", "uniform") == 0
    assert len(list((folder / "sequences").glob("*.npy"))) == 6


def test_without_any_video_nothing_is_lost(folder, stand_in):
    call(folder)
    for place in ("train", "test"):
        (folder / place).rename(folder / f"{place}-unplugged")
    before = films.read_state(folder)
    with pytest.raises(Problem, match="stay as they are"):
        call(folder, "--overwrite", "--sampling", "uniform")
    assert films.read_state(folder) == before


def test_sequences_of_unknown_making_are_refused(folder, stand_in):
    call(folder)
    storage.extraction_path(folder).unlink()
    with pytest.raises(Problem, match="it is unknown how they were made"):
        call(folder)
    assert call(folder, "--overwrite") == 0


def test_edited_record_is_refused(folder, stand_in):
    call(folder)
    films.spoil_record(storage.extraction_path(folder), sampling="uniform")
    with pytest.raises(Problem, match="was edited"):
        call(folder, "--sampling", "uniform")
    assert call(folder, "--overwrite") == 0
    assert sequences.read_extraction(folder)["sampling"] == "stride"


def test_a_folder_that_vanishes_as_its_record_is_written_is_said(
    folder, stand_in, monkeypatch
):
    write = sequences.write_extraction

    def write_and_vanish(*given):
        write(*given)
        folder.rename(folder.with_name("elsewhere"))

    monkeypatch.setattr(sequences, "write_extraction", write_and_vanish)
    with pytest.raises(Problem, match=r"has vanished"):
        call(folder)
    assert not folder.exists()


def make_bad_clips(folder):
    """Add clips that cannot be read: {name: words that say why}."""
    place = folder / "train/Reach"
    films.make_film(place / "short.avi", 2)
    films.make_images(place, "gap", [1, 2, 4, 5])
    films.make_images(place, "sizes", [1, 2])
    films.make_images(place, "sizes", [3], size=(32, 32))
    (place / "cut.mp4").write_bytes(
        films.make_film(folder / "spare.mp4", 30).read_bytes()[:1500]
    )
    (place / "void.avi").touch()
    (place / "list.avi").write_text("ffconcat version 1.0\nfile 'short.avi'\n")
    films.make_images(place, "torn", [1, 2, 3])
    torn = place / "torn-0002.jpg"
    torn.write_bytes(torn.read_bytes()[:300])
    films.make_sound(place / "sound.mp4")
    return {
        "short": "too short: 2 frames, 3 are needed",
        "gap": "Reach: number 3",
        "sizes": "its size differs",
        "cut": "no video that PyAV can open",
        "void": "the file is empty",
        "list": "no video that PyAV can open",
        "torn": "torn-0002.jpg: no readable image",
        "sound": "holds no video",
        "gone": "neither gone-0001.jpg nor gone.avi",
    }


def test_bad_clips_are_named_and_the_others_done(folder, stand_in, capsys):
    bad = make_bad_clips(folder)
    table = folder / "data_file.csv"
    rows = "".join(f"train,Reach,{name},30,1\n" for name in bad)
    table.write_text(rows + table.read_text())
    assert call(folder) == 1
    output, errors = capsys.readouterr()
    assert f"3 sequences written to {folder / 'sequences'}" in output
    assert f"{len(bad)} clips failed" in output
    lines = errors.splitlines()[-len(bad) - 1 :]
    assert lines[0] == f"{len(bad)} of {len(bad) + 3} clips failed:"
    for line, (name, words) in zip(lines[1:], bad.items(), strict=True):
        assert line.startswith(f"  {name}: ") and words in line
    assert read_numbers(folder, "v_Stroke_g02_c01") == [0, 10, 20]
    films.make_film(folder / "train/Reach/gone.avi", 30)  # mended, it is done at last
    assert call(folder) == 1
    assert read_numbers(folder, "gone") == [0, 10, 20]


def test_another_count_than_the_tables_is_a_caution(folder, stand_in):
    table = folder / "data_file.csv"
    table.write_text(table.read_text().replace("g02_c01,30", "g02_c01,251"))
    with pytest.warns(Caution, match="has 30 frames, data_file.csv says 251"):
        extract_features.main(["--data", str(folder), "--seq-length", "3"])


def test_clips_in_both_splits_are_extracted_once(folder, stand_in, capsys):
    with (folder / "data_file.csv").open("a") as file:
        file.write("test,Reach,v_Stroke_g02_c01,30,2.5\n")
    assert call(folder) == 0
    assert "3 sequences written" in capsys.readouterr().out


# ---------------------------------------------------------------- the real script


def test_missing_weights_are_named_before_anything_is_written(folder):
    with pytest.raises(Problem, match=r"gone\.h5: no such file"):
        call(folder, "--weights", str(folder / "gone.h5"))
    assert not (folder / "sequences").exists()


def test_help_answers_at_once():
    started = time.perf_counter()
    code, output, errors = run("--help")
    assert (code, errors) == (0, "") and "--seq-length" in output
    assert time.perf_counter() - started < 5  # one second on a quiet machine


def test_the_real_network_gives_the_same_whatever_came_before(
    folder, random_extractor, monkeypatch, tmp_path_factory
):
    monkeypatch.setattr(extractor, "Extractor", lambda *_, **__: random_extractor)
    assert call(folder, "--weights", "random") == 0
    first = films.read_state(folder / "sequences")
    table = folder / "data_file.csv"
    table.write_text("\n".join(reversed(table.read_text().splitlines())))
    (folder / "train/Reach/v_Control_g01_c01.avi").unlink()  # only two are left
    assert call(folder, "--weights", "random", "--overwrite", "--split", "test") == 0
    name = "v_Stroke_g03_c01-3-features.npy"
    one = np.frombuffer(first[name][128:], np.float32)
    other = np.frombuffer((folder / "sequences" / name).read_bytes()[128:], np.float32)
    np.testing.assert_allclose(other, one, atol=1e-6 * np.abs(one).max())
