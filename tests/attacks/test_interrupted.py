"""Killed, starved of disk or run twice at once, a script loses nothing."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import films
import pytest
from disks import small_disk

import data
from features import sequences
from system import storage, terminal

STAND_IN = Path(__file__).parents[1] / "stand_in.py"
N_CLIPS, N_FRAMES = 6, 8
EXTRACT = ("--seq-length", str(N_FRAMES), "--weights", "random")


def start(name, folder, *argv, **environ):
    """Start a script with the stand-in for InceptionV3."""
    return subprocess.Popen(
        [sys.executable, str(STAND_IN), name, "--data", str(folder), *argv],
        env={**os.environ, **{key: str(value) for key, value in environ.items()}},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def finish(name, folder, *argv, **environ):
    """Run a script to its end: (exit code, lines of stdout, lines of stderr)."""
    process = start(name, folder, *argv, **environ)
    output, errors = process.communicate(timeout=120)
    return process.returncode, output.splitlines(), errors.splitlines()


def finished(folder, part):
    """Read the files below a part of the folder, temporary ones left out."""
    state = films.read_state(Path(folder) / part)
    return {k: v for k, v in state.items() if storage.TEMPORARY not in k}


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A folder of clips, and the sequences of an undisturbed extraction."""
    folder = tmp_path_factory.mktemp("clips")
    names = [f"v_g{i:02d}_c01" for i in range(N_CLIPS)]
    for i, name in enumerate(names):
        films.make_film(folder / "train/Reach" / f"{name}.avi", 16 + i)
    rows = [("train", "Reach", name, 16 + i, i) for i, name in enumerate(names)]
    films.write_table(folder, rows)
    whole = tmp_path_factory.mktemp("whole") / "data"
    shutil.copytree(folder, whole)
    code, output, _ = finish("extract_features", whole, *EXTRACT)
    assert code == 0 and output[0].startswith(f"{N_CLIPS} sequences written")
    return folder, finished(whole, "sequences")


def check_part(present, expected):
    """See that every file under a final name is whole, and every whole line right."""
    present, expected = dict(present), dict(expected)
    lines, right = (s.pop("sources.csv", b"").split(b"\n") for s in (present, expected))
    assert set(lines[:-1]) <= set(right)
    assert present.items() <= expected.items()


def check_sequences(folder, expected):
    """See that every file under a final name is whole."""
    present = finished(folder, "sequences")
    check_part(present, expected)
    return len(present)


def test_extraction_killed_at_a_renaming(clips, tmp_path):
    source, expected = clips
    folder = shutil.copytree(source, tmp_path / "data")
    for moment in ({"DIE_AFTER": 1}, {"DIE_AT": 2}):
        code, _, _ = finish("extract_features", folder, *EXTRACT, **moment)
        assert code == -signal.SIGKILL
        check_sequences(folder, expected)
    leftovers = list((folder / "sequences").glob(f"{storage.TEMPORARY}*"))
    assert leftovers
    for path in leftovers:
        os.utime(path, (0, 0))
    assert finish("extract_features", folder, *EXTRACT)[0] == 0
    assert films.read_state(folder / "sequences") == expected


def test_slicing_killed_at_any_renaming_is_done_again(clips, tmp_path):
    source, _ = clips
    folder = tmp_path / "data"
    video = "v_g00_c01.avi"
    (folder / "train/Reach").mkdir(parents=True)
    shutil.copy(source / "train/Reach" / video, folder / "train/Reach")
    clip = data.Clip("train", "Reach", "v_g00_c01", 16, 0.0)
    from video import frames

    for moment in ({"DIE_AT": 1}, {"DIE_AT": 9}):
        code, _, _ = finish("extract_files", folder, **moment)
        assert code == -signal.SIGKILL
        images = list((folder / "train/Reach").glob("v_*.jpg"))
        assert len(images) < 16
        if images:
            with pytest.raises(terminal.Problem, match="cut short"):
                frames.read_frames(folder, clip, 4)
        else:
            assert len(frames.read_frames(folder, clip, 4)) == 4
    code, output, _ = finish("extract_files", folder)
    assert (code, output) == (0, ["train,Reach,v_g00_c01,16,"])
    assert len(list((folder / "train/Reach").iterdir())) == 17
    assert films.read_numbers(frames.read_frames(folder, clip, 16)) == list(range(16))


def test_two_extractions_at_once(clips, tmp_path):
    source, expected = clips
    folder = shutil.copytree(source, tmp_path / "data")
    pair = [start("extract_features", folder, *EXTRACT) for _ in range(2)]
    errors = [process.communicate(timeout=120)[1] for process in pair]
    codes = [process.returncode for process in pair]
    assert sorted(codes) in ([0, 2], [0, 0]), errors  # or one after the other
    if 2 in codes:
        said = errors[codes.index(2)].splitlines()[-1]
        assert f"process {pair[codes.index(0)].pid} on" in said
    assert films.read_state(folder / "sequences") == expected
    assert not list(folder.glob(".working-*"))


def test_two_extractions_of_different_settings_do_not_mix(clips, tmp_path):
    source, expected = clips
    folder = shutil.copytree(source, tmp_path / "data")
    slow = start("extract_features", folder, *EXTRACT, PACE=2)
    while not list(folder.glob("sequences/[!.]*.npy")):
        time.sleep(0.02)
    if hasattr(signal, "SIGSTOP"):
        slow.send_signal(signal.SIGSTOP)  # works on, however busy the machine is
    other = (*EXTRACT, "--sampling", "uniform")
    code, _, errors = finish("extract_features", folder, *other, "--overwrite")
    assert code == 2 and "works on" in errors[-1]
    slow.kill()
    slow.communicate()
    code, _, errors = finish("extract_features", folder, *other)
    assert code == 2 and "sampling stride instead of uniform" in errors[-1]
    code, _, _ = finish("extract_features", folder, *other, "--overwrite")
    assert code == 0
    assert sequences.read_extraction(folder)["sampling"] == "uniform"
    present = finished(folder, "sequences")
    assert len(present) == len(expected)
    changed = [name for name in expected if present[name] != expected[name]]
    assert len(changed) >= N_CLIPS  # all but clips of 16 frames, where both agree


# ---------------------------------------------------------------- the disk


def test_full_disk_keeps_what_was_done(clips, tmp_path):
    source, expected = clips
    with small_disk(tmp_path / "disk", 420) as disk:
        folder = shutil.copytree(source, disk / "data")
        code, _, errors = finish("extract_features", folder, *EXTRACT)
        assert code == 2
        assert [line for line in errors if "error:" in line] == errors[-1:]
        assert "could not write" in errors[-1]
        assert "No space left" in errors[-1] or "disk full?" in errors[-1]
        state = films.read_state(folder / "sequences")
        check_part(state, expected)  # no temporary file either
        assert 2 <= len(state) < len(expected)
        shutil.rmtree(folder / "train")
        films.write_table(folder, [("train", "Reach", "v_g00_c01", 16, 0)])


def test_full_disk_while_slicing(clips, tmp_path):
    source, _ = clips
    with small_disk(tmp_path / "disk", 150) as disk:
        folder = shutil.copytree(source, disk / "data")
        before = films.read_state(folder)
        code, _, errors = finish("extract_files", folder, "--append")
        assert code == 2 and "could not write the frames" in errors[-1]
        assert "No space left" in errors[-1]
        after = films.read_state(folder)
        assert before.items() <= after.items()
        assert not [name for name in after if storage.TEMPORARY in name]


def test_read_only_disk(clips, tmp_path):
    source, _ = clips
    with small_disk(tmp_path / "disk", 1000) as disk:
        folder = shutil.copytree(source, disk / "data")
        before = films.read_state(folder)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        for name, argv in (("extract_features", EXTRACT), ("extract_files", ())):
            code, _, errors = finish(name, folder, *argv)
            assert code == 2
            assert "could not write" in errors[-1] and "Read-only" in errors[-1]
        assert films.read_state(folder) == before


def test_folder_that_vanishes(clips, tmp_path):
    source, _ = clips
    folder = shutil.copytree(source, tmp_path / "data")
    process = start("extract_features", folder, *EXTRACT, PACE=0.3)
    while not (folder / "sequences/extraction.json").exists():
        time.sleep(0.02)
    folder.rename(tmp_path / "elsewhere")
    _, errors = process.communicate(timeout=120)
    assert process.returncode in (1, 2)
    assert "Traceback" not in errors
    assert "extraction.json" in errors.splitlines()[-1]
    assert not folder.exists()  # nor was it made anew somewhere on the local disk


# ---------------------------------------------------------------- Ctrl-C


def test_interrupt_says_one_line_and_keeps_what_was_done(clips, tmp_path):
    source, expected = clips
    folder = shutil.copytree(source, tmp_path / "data")
    process = start("extract_features", folder, *EXTRACT, PACE=0.3)
    while len(list((folder / "sequences").glob("[!.]*"))) < 3:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert output == ""
    lines = [line for line in errors.splitlines() if line and "warning:" not in line]
    assert lines == ["stopped; what was done is kept"]
    check_part(films.read_state(folder / "sequences"), expected)


def test_interrupt_while_slicing_leaves_no_temporary_files(tmp_path):
    films.make_film(tmp_path / "train/Reach/rat.avi", 900, size=(320, 240))
    process = start("extract_files", tmp_path)
    while not list((tmp_path / "train/Reach").glob(f"{storage.TEMPORARY}*")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.split("\n")[-2] == "stopped; what was done is kept"
    assert [path.name for path in (tmp_path / "train/Reach").iterdir()] == ["rat.avi"]
