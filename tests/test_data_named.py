"""Tables of clips with a header line, and what is appended to any table."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import data
from data import parse_clips
from recordings import listing
from system import tables
from system.terminal import Problem

GOOD = "train,Reach,v_Stroke_g01_c01,251,2.5"
HEADER = "Clip,task,split,n_frames,score,animal,group,session,video,start,end,crop"
NAMED = f"""{HEADER},mirror,note
a,Reach,train,30,2.5,Rat 4,sham,day 3,../R 4.avi,1:02.5,1:05,"10,20,300,200",yes,hm
b,Reach,test,30,,Rat 5,,,,,,,,
"""
IN_SPACES = NAMED.replace('"10,20,300,200"', "10 20 300 200")


def problem_of(text):
    with pytest.raises(Problem) as caught:
        parse_clips(text.encode())
    return str(caught.value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n"])
def test_a_table_with_names_tells_what_the_name_of_a_clip_cannot(
    delimiter, encoding, end
):
    text = IN_SPACES.replace(",", delimiter).replace("\n", end)
    first, second = parse_clips(text.encode(encoding))
    assert first == data.Clip(
        *("train", "Reach", "a", 30, 2.5, "Rat 4", "sham", "day 3"),
        *("../R 4.avi", 62.5, 65.0, (10, 20, 300, 200), True),
    )
    assert second[:4] == ("test", "Reach", "b", 30) and not second.is_scored
    assert second[5:] == ("Rat 5", *[None] * 8)
    assert parse_clips(NAMED.encode())[0] == first


def test_header_lines_in_any_case_and_without_scores_yet():
    text = NAMED.upper().replace("TRAIN", "train").replace("TEST", "test")
    assert len(parse_clips(text.encode())) == 2
    table = "split,task,clip,n_frames\ntest,Reach,a,30\n"
    assert not parse_clips(table.encode())[0].is_scored


@pytest.mark.parametrize(
    ("header", "row", "words"),
    [
        ("start", "ten", "start expected a number"),
        ("start", "1:75", "start must be seconds, m:ss"),
        ("start", "-1", "start must be seconds"),
        ("start,end", "3,2", "end 2 s must lie after start 3 s"),
        ("crop", "1 2 3", "crop must be x,y,w,h"),
        ("crop", "1 2 0 5", "crop must be x,y,w,h"),
        ("mirror", "perhaps", "mirror must be yes or no"),
        ("animal", "../g01", "animal '../g01' must be a plain file name"),
        ("group", "a\u202eb", "holds an invisible character"),
    ],
)
def test_wrong_fields_of_a_table_with_names(header, row, words):
    columns = f"split,task,clip,n_frames,score,{header}"
    text = problem_of(f"{columns}\ntrain,Reach,a,30,1,{row}\n")
    assert text.startswith("data_file.csv:2:") and words in text


def test_rows_above_a_header_line_are_not_lost():
    text = problem_of(f"{GOOD}\nsplit,task,clip,n_frames,score\n")
    assert text.startswith("data_file.csv:1:") and "above the header line" in text
    text = problem_of(f"split,task,clip,score\n{GOOD}\n")
    assert text.startswith("data_file.csv:1:") and "without n_frames" in text


def test_both_splits_tell_the_same_of_a_clip():
    text = NAMED.replace("b,Reach,test,30,,Rat 5", "a,Reach,test,30,,Rat 5")
    assert "clip a has another animal than in line 2" in problem_of(text)


NEW = [
    data.Clip("test", "Reach", "c", 7, math.nan),
    data.Clip("test", "Reach", "d", 8, math.nan, "Rat 6", video="x y.avi", start=1.25),
]


@pytest.mark.parametrize(
    "text",
    [
        "",
        GOOD + "\r\r\n\r\r\n",
        "\ufeff" + GOOD.replace(",", ";").replace("2.5", "2,5"),
        NAMED,
        IN_SPACES.replace(",", ";"),
        "clip,n_frames,split,task,My note\na,30,test,Reach,keep me\n",
    ],
)
def test_appended_clips_are_read_and_what_was_there_stays(tmp_path, text):
    path = tmp_path / "data_file.csv"
    path.write_bytes(text.encode())
    before = parse_clips(path.read_bytes()) if text else []
    assert listing.change_table(tmp_path, new=NEW) == 2
    after = parse_clips(path.read_bytes())
    assert list(map(str, after)) == list(map(str, [*before, *NEW]))
    assert listing.change_table(tmp_path, new=NEW) == 0
    content = path.read_text(encoding="utf-8-sig")
    assert content.startswith("split,") or text
    for word in ("note", "hm", "keep me", ";"):
        assert (word in content) >= (word in text)


@pytest.mark.parametrize("text", ["hello", "train,Reach\n", f"{GOOD}\n{GOOD}\n"])
def test_nothing_is_appended_to_what_cannot_be_read(tmp_path, text):
    path = tmp_path / "data_file.csv"
    path.write_text(text)
    with pytest.raises(Problem, match=r"data_file\.csv"):
        listing.change_table(tmp_path, new=NEW)
    assert path.read_text() == text


@given(st.floats(0, 3e4))
def test_times_are_written_as_they_are_read(seconds):
    text = tables.write_field(seconds)
    assert data.read_time(text) == pytest.approx(seconds, abs=1e-6)
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    text = f"{minutes}:{rest / 1000:06.3f}"
    assert data.read_time(text) == pytest.approx(seconds, abs=1e-3)
