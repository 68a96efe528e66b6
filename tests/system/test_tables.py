"""Tables of every dialect: read where certain, refused where not."""

import csv
import datetime
import io
import warnings

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from system import tables
from system.terminal import Caution, Problem

ROWS = [["Rat 1", "2.5"], ["Rat 2", "3"]]


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def read_values(table):
    return [
        [record["clip"], tables.parse_number(record["score"], table.decimal)]
        for _, record in table.records()
    ]


@pytest.mark.parametrize(
    "text",
    [
        "clip,score\nRat 1,2.5\nRat 2,3\n",
        "clip;score\r\nRat 1;2,5\r\nRat 2;3\r\n",
        "Clip\tSCORE\nRat 1\t2,5\nRat 2\t3\n",
        "clip;score;\nRat 1;2,5;\nRat 2;3;\n",
        'sep=;\n"clip";"score"\n"Rat 1";"2,5"\n"Rat 2";"3"\n',
        '"clip","score"\r\r\n"Rat 1","2,5"\r\r\n\r\r\n"Rat 2","3"\r\r\n',
        "Ratings of May\n\nby JB;;\nscore ; clip\n2,5;Rat 1\n3;Rat 2",
        "score,comment,clip\n2.5,,Rat 1\n3,fine; well,Rat 2",
        'score,comment,clip\r2.5,"two\nlines, one cell",Rat 1\r3,,Rat 2\r',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_one_meaning_in_many_dialects(tmp_path, text, encoding):
    path = write(tmp_path / "t.csv", text, encoding)
    assert read_values(tables.read_table(path, ("clip", "score"))) == [
        ["Rat 1", 2.5],
        ["Rat 2", 3],
    ]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("train;Reach;Rat 1, day 3;30;2,5", "Rat 1, day 3"),
        ("train,Reach,a;1,30,2", "a;1"),
        ("train\tReach\ta\t30\t1,5", "a"),
        ('train,Reach,"x;y",30,2', "x;y"),
    ],
)
def test_delimiter_of_a_published_table(text, field):
    wanted = ("split", "task", "clip", "n_frames", "score")
    table = tables.parse_table(f"{text}\n\n{text}".encode(), "t.csv", wanted)
    assert table.columns is None and table.rows[1][1][2] == field


def test_a_delimiter_that_is_not_certain_is_refused():
    with pytest.raises(Problem, match=r"separated by any of ';', ','"):
        tables.parse_table(b"a;b,1\nc;d,2", "t.csv", ("clip;x", "score"))


def test_lines_are_counted_through_quoted_line_ends_and_blank_lines():
    table = tables.parse_table(b'clip;score\n"a\nb";1\n\n;;\nc;2\nd;1;x', "t", ["clip"])
    assert [line for line, _ in table.rows] == [2, 6, 7]
    with pytest.raises(Problem, match="t:7: expected 2 fields"):
        table.records()


@pytest.mark.parametrize(
    "text",
    [
        "clip,score\na,2,5\nb,3\nc,1,5",
        "clip,score,comment\na,2,5,\nb,3,\nc,1,5,good",
        "clip,comment,score\na,,2,5\nb,ok,3\nc,,1,5",
        "clip,,score\na,,-2,5\nb,,3\nc,,1,25",
        "sep=,\nclip,score,,\na,2,5,,\nb,3,,\nc,1,5,,",
        'score,clip,comment\n"2",5,a,\n3,b,\n1, 5,c,',
    ],
)
def test_a_decimal_comma_between_commas_is_refused_once(text):
    line = 3 if text.startswith("sep") else 2
    told = f"^t:{line}: .*also in line {line + 2}. .* decimal comma .*semicolons"
    with pytest.raises(Problem, match=told):
        tables.parse_table(text.encode(), "t", ("clip", "score")).records()


@pytest.mark.parametrize(
    "text",
    [
        "clip,score,,\na,2,,\nb,3,,",
        'clip,score,comment\na,2,5\nb,"3",\n',
        "clip\tscore\tcomment\na\t2\t\nb\t3\t\t",
    ],
)
def test_empty_fields_at_the_end_of_rows_are_no_decimals(text):
    found = tables.parse_table(text.encode(), "t", ("clip", "score")).records()
    assert [record["score"] for _, record in found] == ["2", "3"]


def test_two_columns_of_one_name_are_refused_where_they_are_read():
    text = b"Animal,Group,Note,note\n1,sham,a,b\n"
    for head, optional in ((b"", None), (b"", ["note"]), (b"group ,", ["x"])):
        with pytest.raises(Problem, match=r"t:1: two columns are called .* Rename"):
            tables.parse_table(head + text, "t", ("animal", "group"), optional)
    table = tables.parse_table(text, "t", ("animal", "group"), ["sex"])
    assert table.records()[0][1]["group"] == "sham"
    assert tables.parse_table(b"animal,,,x\n1,2,3,4", "t", ("animal",)).records()


@pytest.mark.parametrize(
    "word", ["Mäuse", "Größe", "été", "Señal", "12 µm", "Œuvre", "Øre"]
)
def test_western_european_text_is_read_with_a_caution(tmp_path, word):
    path = write(tmp_path / "t.csv", f"clip;score\n{word};2,5\n", "cp1252")
    with pytest.warns(Caution, match=f":2: not UTF-8.*{word}"):
        table = tables.read_table(path, ("clip", "score"))
    assert table.rows == [(2, [word, "2,5"])]


@pytest.mark.parametrize(
    ("encoding", "word"),
    [("cp932", "鼠のデータ"), ("cp437", "Mäuse"), ("cp850", "été"), ("gbk", "小鼠")],
)
def test_other_encodings_are_refused(encoding, word):
    content = f"clip,score\n{word},1\n".encode(encoding)
    if encoding in ("cp437", "cp850"):  # bytes that are signs in Western Europe
        assert not tables.WESTERN.fullmatch(content.decode("cp1252", "replace"))
    with pytest.raises(Problem, match=r"t:2: not UTF-8 text \(byte 0x"):
        tables.parse_table(content, "t")


@pytest.mark.parametrize(
    ("decimal", "texts", "values"),
    [
        (".", ("2.5", "2,5", "0,125", "1.250", "1e3"), (2.5, 2.5, 0.125, 1.25, 1000)),
        (",", ("2,5", "1,250", "-3", ".5"), (2.5, 1.25, -3, 0.5)),
    ],
)
def test_numbers(decimal, texts, values):
    assert tuple(tables.parse_number(text, decimal) for text in texts) == values


@pytest.mark.parametrize(
    ("decimal", "texts"),
    [
        (".", ("1,250", "1 250", "", "nan", "inf", "١", "04-Mar", "#N/A", "1_0")),
        (",", ("1.250", "1.234,5", "2,5,")),
        ("?", ("1.250", "1,250")),
    ],
)
def test_doubtful_numbers_are_refused(decimal, texts):
    for text in texts:
        with pytest.raises(ValueError, match=r"a number|thousands or decimals"):
            tables.parse_number(text, decimal)


@pytest.mark.parametrize(
    ("text", "decimal"),
    [
        ("a;2,5\nb;1,250", ","),
        ("a;1,250\nb;1,125", ","),
        ("a;2.5\nb;3,5", "?"),
        ("a;0.5\nb;1.25\nc;1.250\nd;12.5", "."),
        ("a;987\nb;1.234\nc;2.345", ","),  # thousands, as likely as decimals
        ("a;1.234\nb;2,345", ","),
    ],
)
def test_decimal_sign_of_a_table(text, decimal):
    table = tables.parse_table(f"clip;x\n{text}".encode(), "t", ("clip", "x"))
    assert table.decimal == decimal


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_what_may_be_thousands_is_refused(delimiter):
    text = "animal;value\na;987\nb;1.234\nc;2.345".replace(";", delimiter)
    table = tables.parse_table(text.encode(), "t", ("animal", "value"))
    with pytest.raises(ValueError, match="thousands or decimals"):
        tables.parse_number("1.234", table.decimal)


# ---------------------------------------------------------------- workbooks


def make_book(path, **sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return book, path


def test_a_workbook_reads_as_a_person_sees_it(tmp_path):
    rows = [
        ["Lesions"],
        [],
        ["Clip", "Score", None],
        [1, 2.5],
        ["Mäuschen", 3.0],
        [datetime.datetime(2026, 3, 4), "2,5"],
    ]
    book, path = make_book(tmp_path / "t.xlsx", Scores=rows, Notes=[["a note"]])
    book["Scores"]["A4"].number_format = "0000"
    book["Scores"]["B100000"].number_format = "0"  # a formatted, empty cell
    book.save(path)
    table = tables.read_table(path, ("clip", "score"))
    assert table.columns == ["Clip", "Score"]
    assert table.rows == [
        (4, ["0001", "2.5"]),
        (5, ["Mäuschen", "3"]),
        (6, ["2026-03-04", "2,5"]),
    ]


def test_what_is_not_certain_in_a_workbook_is_refused(tmp_path):
    rows = [["clip", "score"], ["a", 1]]
    _, path = make_book(tmp_path / "two.xlsx", May=rows, June=rows, Empty=[])
    for sheet, remedy in ((None, "Delete all others"), ("", "Name it with --sheet")):
        told = f"which sheet is meant.* the columns clip.* sheets: May, June. {remedy}"
        with pytest.raises(Problem, match=told):
            tables.read_table(path, ("clip", "score"), sheet)
    with pytest.raises(Problem, match=r"one sheet with the column clip\."):
        tables.read_table(path, ("clip",))
    assert tables.read_table(path, ("clip",), sheet="June").rows == [(2, ["a", "1"])]
    with pytest.raises(Problem, match="no sheet 'Empty' with rows"):
        tables.read_table(path, ("clip",), sheet="Empty")
    _, path = make_book(tmp_path / "formula.xlsx", A=[*rows, ["b", "=B2+1"]])
    with pytest.raises(Problem, match=r"formula\.xlsx:3: a formula of sheet 'A'"):
        tables.read_table(path, ("clip", "score"))
    for name, content in (
        ("a.xlsx", b"no archive"),
        ("b.xlsx", path.read_bytes()[:-99]),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(Problem, match="no readable Excel workbook"):
            tables.read_table(tmp_path / name)
    (tmp_path / "old.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    with pytest.raises(Problem, match=r"Save it as \.xlsx"):
        tables.read_table(tmp_path / "old.xls")


# ---------------------------------------------------------------- writing

wild = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
starts = st.sampled_from(["", "=", "+", "-", "@", "'", "''=", "'-1", '"', ";", ","])


@given(st.lists(st.tuples(starts, wild), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_written_reads_back_and_holds_no_formula(tmp_path, texts):
    fields = ["".join(text).strip() for text in texts]
    path = tmp_path / "t.csv"
    tables.write_table(path, ["clip", *map(str, range(len(fields)))], [["a", *fields]])
    with path.open(encoding="utf-8", newline="") as file:
        _, stored = csv.reader(file)
    for text in stored:
        assert text[:1] not in ("=", "+", "-", "@") or tables.NUMBER.fullmatch(text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (_, record), *_ = tables.read_table(path, ("clip", "0")).records()
    assert [record[str(i)] for i in range(len(fields))] == fields


# ---------------------------------------------------------------- generated tables

clips = st.text(st.sampled_from("aBä1 .-_;,\t'\"éß3=+"), min_size=1, max_size=8)
scores = st.one_of(
    st.integers(-5, 2000).map(float),
    st.floats(0, 5).map(lambda x: round(x, 1)),
    st.floats(0, 2000).map(lambda x: round(x, 3)),
)


@given(
    st.lists(st.tuples(clips, scores, scores), min_size=1, max_size=8),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from([".", ","]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    st.booleans(),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.filterwarnings("ignore::system.terminal.Caution")
def test_a_table_is_read_right_or_refused(
    rows, delimiter, decimal, encoding, with_header, quoting
):
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, quoting=quoting)
    if with_header:
        writer.writerow(["clip", "JB", "MK"])
    for clip, *numbers in rows:
        shown = [f"{number:.10g}".replace(".", decimal) for number in numbers]
        writer.writerow([clip, *shown])
    try:
        content = file.getvalue().encode(encoding)
        table = tables.parse_table(content, "t", ("clip", "JB", "MK"))
        read = [
            (fields[0], *(tables.parse_number(x, table.decimal) for x in fields[1:]))
            for _, fields in table.rows
        ]
    except (Problem, ValueError):
        return
    assert read == [(tables.unguard(clip.strip()), *said) for clip, *said in rows]


# ---------------------------------------------------------------- workbooks of people


def test_a_merged_cell_counts_for_each_row_of_its_block(tmp_path):
    rows = [["Video", "Animal", "Day"], ["a", "Rat 1", 1], ["b", None, 1]]
    rows += [["c", "Rat 2", 2], ["d", None, None], [None, None, None]]
    book, path = make_book(tmp_path / "t.xlsx", A=rows)
    for block in ("B2:B3", "B4:B6", "C4:C5"):
        book["A"].merge_cells(block)
    book.save(path)
    found = [row for _, row in tables.read_table(path, ("video", "animal")).rows]
    assert found[:2] == [["a", "Rat 1", "1"], ["b", "Rat 1", "1"]]
    assert found[2:] == [["c", "Rat 2", "2"], ["d", "Rat 2", "2"]]


def test_hidden_rows_are_told_with_their_numbers(tmp_path):
    rows = [["clip", "JB"], *([f"c{i}", i] for i in range(9))]
    book, path = make_book(tmp_path / "t.xlsx", A=rows)
    for number in (4, 7, 30):
        book["A"].row_dimensions[number].hidden = True
    book.save(path)
    with pytest.warns(Caution, match="2 rows hidden or filtered out .*: 4, 7"):
        assert len(tables.read_table(path, ("clip", "JB")).rows) == 9


@pytest.mark.parametrize(
    ("typed", "shown", "read"),
    [
        (datetime.time(0, 12), "h:mm", "0:12"),
        (datetime.time(0, 12), "h:mm:ss", "0:12:00"),
        (datetime.time(0, 1, 5, 500000), "h:mm:ss", "0:01:05.500"),
        (datetime.timedelta(hours=25, minutes=30), "[h]:mm", "25:30"),
        (datetime.time(2, 0), "hh:mm", "2:00"),
    ],
)
def test_times_that_excel_takes_for_hours_are_told(tmp_path, typed, shown, read):
    rows = [["video", "start", "end"], ["a", 0, typed]]
    book, path = make_book(tmp_path / "t.xlsx", A=rows)
    book["A"]["C2"].number_format = shown
    book.save(path)
    with pytest.warns(Caution, match=rf"hours and minutes of a day \(C2 {read}\)"):
        table = tables.read_table(path, ("video", "start", "end"))
    assert table.rows[0][1][2] == read
