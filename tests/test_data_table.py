import math
import time
import warnings
from pathlib import Path

import films
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import data
from data import parse_clips
from system import storage
from system.tables import LINE_END
from system.terminal import Caution, Problem

GOOD = "train,Reach,v_Stroke_g01_c01,251,2.5"


def problem_of(content):
    """Parse a wrong table and return what is said of it."""
    if isinstance(content, str):
        content = content.encode()
    with pytest.raises(Problem) as caught:
        parse_clips(content)
    return str(caught.value)


def test_published_table_loads(shared):
    content = (shared / "data/published_data_file.csv").read_bytes()
    assert b"\r\r\n" in content
    with pytest.warns(Caution, match="48 clips stand in both splits"):
        clips = parse_clips(content)
    assert len(clips) == 96
    assert len({clip.name for clip in clips}) == 48
    assert len({data.animal_of(clip.name) for clip in clips}) == 15
    assert {clip.n_frames for clip in clips} == {251, 172, 151}
    scores = [clip.score for clip in clips]
    assert (min(scores), max(scores)) == (0, 5)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_blank_lines_spaces_and_byte_order_mark(end, mark):
    lines = ["", GOOD, "  ", " test , Reach ,\tb, 30 ,  ", ",,,,", ""]
    clips = parse_clips(mark + end.join(lines).encode())
    assert clips[0] == data.Clip("train", "Reach", "v_Stroke_g01_c01", 251, 2.5)
    assert clips[1][:4] == ("test", "Reach", "b", 30)
    assert math.isnan(clips[1].score) and not clips[1].is_scored
    text = problem_of(end.join([GOOD, "", "wrong"]))
    assert text.startswith("data_file.csv:3:")


def test_whole_numbers_that_pandas_wrote_are_whole():
    (clip,) = parse_clips(b"train,Reach,b,20.0,1")
    assert clip.n_frames == 20


def test_every_wrong_line_is_named_at_once():
    wrong = ["train,Reach", "Train,Reach,b,30,1", "train,Reach,c,0,1"]
    others = "test,Reach,../e,30,1", GOOD, "train,Other,v_Stroke_g01_c01,251,2.5"
    text = problem_of("\n".join([GOOD, *wrong, "", "train,Reach,d,30,", *others]))
    lines = [line.split(":")[1] for line in text.splitlines()]
    assert lines == ["2", "3", "4", "7", "8", "9"]
    assert "expected split,task,clip,n_frames,score" in text
    assert "already listed in line 1" in text
    assert "another task than in line 1" in text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("train;Reach;b;30;1", "expected split,task"),
        ("train,Reach,b,30,2,5", "expected split,task"),
        ("train,b,Reach,2.5,30", "n_frames must be a whole number"),
        ("train,b,Reach,20.000,30", "n_frames must be a whole number"),
        ("Reach,train,b,30,1", "split must be train or test"),
        ("train,Reach,b,1e3,1", "n_frames"),
        ("train,Reach,b,١٢,1", "n_frames"),
        ("train,Reach,b,999999999,1", "n_frames"),
        ("train,Reach,b,30,nan", "score must be a number"),
        ("train,Reach,b,30,1e999", "score must be a number"),
        ('train,Reach,"b,30,1', "no row of a table"),
        ("train,Reach," + "b" * 151 + ",30,1", "longer than 150 bytes"),
        ("train,Reach," + "b" * 200_000 + ",30,1", "field larger than"),
        ("train,,b,30,1", "is empty"),
        ("train,Reach,b\0,30,1", ""),
        ("train,Reach,b\u202e,30,1", "invisible"),
    ],
)
def test_wrong_lines_say_what_is_wrong(line, words):
    text = problem_of(GOOD + "\n" + line)
    assert text.startswith("data_file.csv:2:")
    assert words in text
    assert len(text) < 500


NO_FILES = (
    "..|.|../b|a/b|a\\b|/etc/passwd|C:\\b|C:b|\\\\host\\b|con|NUL|aux.x|Com1|b.|-rf"
)
NO_FILES += "|LPT9.avi|.hidden|b:c|a*|a?|<b>|a\u2044b/|a／b|．．|a\tb|b\u200b"


@pytest.mark.parametrize("name", [*NO_FILES.split("|"), "a|b"])
@pytest.mark.parametrize("column", ["task", "clip"])
def test_names_that_are_no_file_names_are_refused(name, column):
    row = {"task": "Reach", "clip": "b", column: name}
    text = problem_of(f'train,"{row["task"]}","{row["clip"]}",30,1')
    assert text.startswith("data_file.csv:1:")


@pytest.mark.parametrize(
    "name", ["rat 1 left", "Mäuschen", "Ma\u0308uschen", "a,b", "鼠", "x'y&z;$(w)", "1"]
)
def test_names_of_many_kinds_are_kept(name):
    (clip,) = parse_clips(f'train,"{name}","{name}",30,1'.encode())
    assert (clip.task, clip.name) == (name, name)


@pytest.mark.parametrize("other", ["RÄT", "rä\uff54", "r\u00adät", "ra\u0308t"])
def test_look_alikes_are_refused_with_both_lines(other):
    text = problem_of(f"train,Reach,rät,30,1\n\ntrain,Reach,{other},30,1")
    assert text.startswith("data_file.csv:3:")
    assert "line 1" in text or "invisible" in text


def test_both_splits_must_agree():
    with pytest.warns(Caution, match="1 clips stand in both splits"):
        assert (
            len(parse_clips(f"{GOOD}\n{GOOD.replace('train', 'test')}".encode())) == 2
        )
    other = "test,Reach,v_Stroke_g01_c01,251,3"
    assert "another score than in line 1" in problem_of(f"{GOOD}\n{other}")


def test_missing_and_empty_tables(tmp_path):
    with pytest.raises(Problem, match=r"data_file\.csv does not exist"):
        data.read_clips(tmp_path)
    films.write_table(tmp_path, [])
    with pytest.raises(Problem, match="lists no clip"):
        data.read_clips(tmp_path)


def test_task_is_chosen_or_named(tmp_path):
    films.write_table(
        tmp_path, [("train", "Reach", "a", 30, 1), ("train", "Walk", "b", 30, 2)]
    )
    assert [clip.name for clip in data.read_clips(tmp_path, "Walk")] == ["b"]
    with pytest.raises(Problem, match=r"has no task 'Swim'. Its tasks: Reach, Walk"):
        data.read_clips(tmp_path, "Swim")


# ---------------------------------------------------------------- generated tables

SCORES = "0|2.5|5||nan|NaN|inf|-inf|-1|1e6|1e7|1e400|2,5|1_0|0x10|--1|٥|1e-400|+.5|5."
COUNTS = "30|125|0|-1|1.5|1e3||nan|٣| 30 "
FIELDS = {
    "split": ["train", "test", "Train", "TEST", "", "valid", "tràin"],
    "task": [
        *("Reach", "reach", "Reach ", "", "../x", "con", "a/b", "Ｒeach"),
        "R\u200beach",
    ],
    "clip": [
        *("a", "b", "A", "v_Control_g01_c01", "v_Stroke_g02_c01", "", "..", "../../x"),
        *("C:\\x", "/etc/passwd", "nul", "LPT1.avi", "a\0b", "x" * 151, "ä", "a\u0308"),
        *("a,b", '"a"', "a\u2215b", "-rf", ".a", "a.", "\ud7ff", "\U0001f400"),
        "a'b;`c`",
    ],
    "n_frames": ["9" * 30, *COUNTS.split("|")],
    "score": SCORES.split("|"),
}
wild = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
field = {name: st.sampled_from(values) | wild for name, values in FIELDS.items()}
tidy = st.tuples(
    st.sampled_from(["train", "test"]),
    st.sampled_from(["Reach", "Walk"]),
    st.sampled_from([f"v_g{i:02d}_c01" for i in range(30)]),
    st.sampled_from(["30", "125"]),
    st.sampled_from(["0", "2.5", "5"]),
)
row = st.one_of(
    tidy,
    st.tuples(*field.values()),
    tidy.map(lambda fields: fields[::-1]),
    st.lists(wild, max_size=8),
)


@st.composite
def tables(draw):
    """Bytes that somebody may have saved as `data_file.csv`."""
    quote = draw(st.sampled_from(["", '"', "'", '"']))
    comma = draw(st.sampled_from([",", ",", ",", ", ", ";", "\t"]))
    lines = [
        comma.join(f"{quote}{item}{quote}" for item in fields)
        for fields in draw(st.lists(row, max_size=8))
    ]
    lines = draw(st.permutations(lines + draw(st.lists(st.just(""), max_size=2))))
    text = draw(st.sampled_from(["\n", "\r\n", "\r\r\n", "\r"])).join(lines)
    encoding = draw(st.sampled_from(["utf-8"] * 4 + ["utf-8-sig", "utf-16", "latin-1"]))
    content = bytearray(text.encode(encoding, errors="replace"))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 3]))):
        if content:
            place = draw(st.integers(0, len(content) - 1))
            content[place] = draw(st.integers(0, 255))
    return bytes(content)


def check_table(content):
    """See that a table gives sound clips or one Problem that names its lines."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", Caution)
        try:
            clips = parse_clips(content)
        except Problem as problem:
            lines = str(problem).split("\n")
            assert len(lines) <= 21
            n_lines = len(LINE_END.split(content.decode("latin-1")))
            for line in lines:
                if "lists no clip" in line or "separated by any of" in line:
                    continue
                if line.startswith("... and"):
                    continue
                source, number, _ = line.split(":", 2)
                assert source == "data_file.csv"
                assert 1 <= int(number) <= n_lines
            return
    assert clips
    folder = Path("/somewhere/folder")
    for clip in clips:
        assert clip.split in data.SPLITS
        assert 1 <= clip.n_frames <= data.MAX_FRAMES
        assert not clip.is_scored or abs(clip.score) <= data.MAX_SCORE
        for name in (clip.task, clip.name):
            path = folder / name
            assert path.parent == folder and path.name == name
            assert not Path(name).is_absolute()
            assert not set(name) & set('<>:"/\\|?*\0')
        path = storage.sequence_path(folder, clip.name, 125)
        assert path.parent == folder / "sequences"
        assert len(path.name.encode()) < 255
    assert len({(clip.split, clip.name) for clip in clips}) == len(clips)


@example(b"")
@example(b"\xef\xbb\xbf")
@example(b"\xff\xfe")
@example(b"\x00" * 100)
@example(b'"' * 1001)
@example(b"train,Reach,a,30,1\ntest,Reach,a,30,")
@example(b"train,Reach,a,30,")
@given(tables() | st.binary(max_size=200))
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_generated_tables(content):
    check_table(content)


@pytest.mark.thorough
@given(tables() | st.binary(max_size=200))
@settings(max_examples=12_000, deadline=None, suppress_health_check=list(HealthCheck))
def test_twelve_thousand_generated_tables(content):
    check_table(content)


@pytest.mark.parametrize(
    "n_lines", [5_000, pytest.param(1_000_000, marks=pytest.mark.thorough)]
)
def test_many_lines(n_lines):
    started = time.process_time()
    lines = [f"train,Reach,v_g{i}_c01,251,2.5" for i in range(n_lines)]
    assert len(parse_clips("\n".join(lines).encode())) == n_lines
    text = problem_of("\n".join(["train,Reach,v"] * n_lines))
    assert text.splitlines()[-1] == f"... and {n_lines - 20} more lines"
    assert time.process_time() - started < 120e-6 * n_lines + 5
