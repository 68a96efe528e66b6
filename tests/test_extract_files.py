import csv
import os
import random
import shutil
import sys
import unicodedata

import films
import pytest
from builders import Lab
from PIL import Image

import data
import extract_files
from system import storage
from system.terminal import Problem
from video import find, frames


def run(*argv):
    """Run the script as a user does: (exit code, stdout, stderr)."""
    return Lab(".").run("extract_files", *argv, data=False)


def call(folder, *argv):
    return extract_files.main(["--data", str(folder), *argv])


def test_slices_and_tells_the_rows(folder, capsys):
    assert call(folder) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows == [
        "train,Reach,v_Control_g01_c01,30,",
        "train,Reach,v_Stroke_g02_c01,30,",
    ]
    images = sorted((folder / "train/Reach").glob("v_Control*.jpg"))
    assert [path.name[-8:] for path in images] == [f"{n:04d}.jpg" for n in range(1, 31)]
    assert films.read_numbers(films.read_image(p) for p in images) == list(range(30))


def test_slicing_again_changes_nothing(folder, capsys):
    clip = data.read_clips(folder)[0]
    before = frames.read_frames(folder, clip, 6)
    call(folder)
    for one, other in zip(before, frames.read_frames(folder, clip, 6), strict=True):
        assert abs(one.astype(int) - other).mean() < 3
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.jpg")}
    assert call(folder) == 0
    assert times == {path: path.stat().st_mtime_ns for path in folder.rglob("*.jpg")}
    with Image.open(folder / "train/Reach/v_Control_g01_c01-0001.jpg") as image:
        assert (image.format, image.size, image.mode) == ("JPEG", films.SIZE, "RGB")


def test_appends_rows_that_are_not_there(folder, capsys):
    table = folder / "data_file.csv"
    table.write_bytes(
        b"\xef\xbb\xbftrain, Reach, v_Control_g01_c01, 30, 4.5\r\r\n\r\r\n"
    )
    assert call(folder, "--append", "--rows-only") == 0
    assert capsys.readouterr().out.startswith("1 row added to")
    assert table.read_text(encoding="utf-8").splitlines() == [
        "train,Reach,v_Control_g01_c01,30,4.5",
        "train,Reach,v_Stroke_g02_c01,30,",
    ]
    content = table.read_bytes()
    assert call(folder, "--append", "--rows-only") == 0
    assert table.read_bytes() == content
    assert not list(folder.rglob("*g02*.jpg"))  # --rows-only writes none


def test_appended_table_is_read_by_the_others(folder, capsys):
    (folder / "data_file.csv").unlink()
    (folder / "test/Reach").joinpath("b.txt").touch()
    films.make_film(folder / "test/Reach/b.avi", 9)
    assert call(folder, "--append", "--split", "test") == 0
    (clip,) = data.read_clips(folder)
    assert clip[:4] == ("test", "Reach", "b", 9) and not clip.is_scored


def test_a_table_that_cannot_be_read_is_named_before_the_work(folder):
    (folder / "data_file.csv").write_bytes("train,Reach,鼠,30,1".encode("cp932"))
    with pytest.raises(Problem, match="not UTF-8"):
        call(folder, "--append")
    assert not list(folder.rglob("*g02*.jpg"))


def test_two_videos_of_one_clip_name_in_both_splits(folder, capsys):
    films.make_film(folder / "test/Reach/v_Control_g01_c01.avi", 9)
    shutil.copy(
        folder / "train/Reach/v_Stroke_g02_c01.mp4", folder / "test/Reach"
    )  # the same once more, as published
    assert call(folder, "--rows-only") == 1
    output, errors = capsys.readouterr()
    assert len(output.splitlines()) == 3
    assert "is another video than" in errors and errors.startswith("1 of 4")


def test_wrong_videos_are_named_and_the_others_done(folder, capsys):
    place = folder / "train/Reach"
    (place / "broken.avi").write_bytes(b"RIFF1234AVI ")
    (place / "empty.mp4").touch()
    films.make_film(place / "a,b.avi", 3)
    films.make_film(place / "con.avi", 3)
    films.make_film(place / "twice.avi", 3)
    films.make_film(place / "twice.mp4", 3)
    (place / "._ghost.avi").touch()  # as a Mac leaves them on shared disks
    assert call(folder) == 1
    output, errors = capsys.readouterr()
    assert [row[2] for row in csv.reader(output.splitlines())] == [
        "a,b",
        "twice",
        "v_Control_g01_c01",
        "v_Stroke_g02_c01",
    ]
    assert "4 of 8 clips failed:" in errors
    for words in (
        "broken.avi: no video that PyAV can open",
        "empty.mp4: the file is empty",
        "'con' is not a file name on every system",
        "two videos of one clip",
    ):
        assert words in errors
    assert not list(folder.rglob(f"{storage.TEMPORARY}*"))
    assert not list(place.glob("broken-*"))


def test_a_video_damaged_in_the_middle_leaves_no_images(folder, capsys):
    path = films.make_film(folder / "train/Walk/rat.mp4", 60, size=(320, 240))
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 3000
    content[start : start + 600] = random.Random(0).randbytes(600)
    path.write_bytes(content)
    assert call(folder, "--task", "Walk") == 1
    assert list((folder / "train/Walk").iterdir()) == [path]
    assert "rat.mp4: not decodable" in capsys.readouterr().err


def test_exit_codes_and_streams(folder):
    code, output, errors = run("--data", folder)
    assert (code, errors) == (0, "")
    assert output.startswith("train,Reach,v_Control_g01_c01,30,\n")
    (folder / "train/Reach/broken.avi").write_bytes(b"x" * 100)
    code, output, errors = run("--data", folder)
    assert code == 1
    assert output.count("\n") == 2
    assert errors.startswith("1 of 3 clips failed:\n") and errors.count("\n") == 2
    code, output, errors = run("--data", folder / "nowhere")
    assert (code, output) == (2, "")
    assert errors.startswith("error: no video in") and errors.count("\n") == 1
    code, output, errors = run("--data", folder, "--split", "other")
    assert (code, output) == (2, "")
    assert "invalid choice: 'other'" in errors


@pytest.mark.parametrize("name", ["rat 1; echo $(id)", "Ma\u0308uschen & `co`"])
def test_names_of_many_kinds(tmp_path, name):
    films.make_film(tmp_path / "train/Reach" / f"{name}.avi", 5)
    code, _, errors = run("--data", tmp_path, "--append")
    assert (code, errors) == (0, "")
    (row,) = (tmp_path / "data_file.csv").read_text(encoding="utf-8").splitlines()
    assert row == f"train,Reach,{name},5,"
    row = f"train,Reach,{unicodedata.normalize('NFC', name)},5,1\n"
    (tmp_path / "data_file.csv").write_text(row, encoding="utf-8")
    assert call(tmp_path, "--append") == 0  # the same name in another form
    assert (tmp_path / "data_file.csv").read_text(encoding="utf-8") == row
    images = find.list_images(tmp_path / "train/Reach", name)
    assert [path.name for path in images] == [
        f"{name}-{n:04d}.jpg" for n in range(1, 6)
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="needs names of any bytes")
def test_names_that_are_no_text(tmp_path):
    films.make_film(tmp_path / "train/Reach/rat.avi", 5)
    (tmp_path / "train/Reach/rat.avi").rename(
        tmp_path / "train/Reach" / os.fsdecode(b"\xffrat.avi")
    )
    code, output, errors = run("--data", tmp_path)
    assert (code, output) == (1, "")
    assert "invisible character" in errors and "Traceback" not in errors
