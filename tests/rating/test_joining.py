"""From what raters said, here or in a spreadsheet, to the scores of the table."""

import films
import openpyxl
import pandas as pd
import pytest

import data
import rate
from rating import importing, joining, ratings, reading, scales
from system.terminal import Caution, Problem

CLIPS = ["Rat 12 day3 t4", "Rat 12 day3 t5", "Mäuschen_g01", "0001", "3-4"]


@pytest.fixture
def lab(tmp_path):
    """A working folder of five unscored clips with names that people give."""
    films.write_table(tmp_path, [("train", "Reach", name, 30, "") for name in CLIPS])
    return tmp_path


def make_clip(name):
    return data.Clip("train", "Reach", name, 30, 1.0)


def run(folder, *options):
    return rate.main(["--data", str(folder), *map(str, options)])


def write_scores(folder, scores):
    rows = [{"clip": c, "score": str(s), "repeat": ""} for c, s in scores.items()]
    joining.write_scores(folder, scores, "mean", {"JB": rows})


def read_scores(folder):
    clips = data.read_clips(folder)
    return {clip.name: clip.score for clip in clips if clip.is_scored}


def say(folder, rater, **scores):
    """Write the ratings of a rater: {clip: text, or (first, second)}."""
    rows = [
        {"clip": clip.replace("_", " "), "score": text, "repeat": str(repeat)}
        for clip, texts in scores.items()
        for repeat, text in enumerate([texts] if isinstance(texts, str) else texts)
    ]
    ratings.write_ratings(ratings.ratings_path(folder, rater), (), rows)


@pytest.mark.parametrize(
    "name",
    [
        "Rat 12 day3 t4",
        "Rat 12 day3 t4.avi",
        "rat 12 DAY3 T4.MP4",
        "Rat12day3t4",
        "Rat_12_day3_t4",
        "D:\\Videos\\May\\Rat 12 day3 t4.avi",
        "/home/jörg/Rat 12  day3 t4.mkv",
        "player #1:Rat 12 day3 t4.avi",
        "#1: videos/Rat 12 day3 t4.avi",
        "Ｒat 12 day3 t4",
    ],
)
def test_one_clip_under_many_names(name):
    found, _ = importing.match_clips([name], list(map(make_clip, CLIPS)))
    assert found == {name: CLIPS[0]}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Rat 12 day3 t6", "no clip is called 'Rat 12 day3 t6'."),  # nor is t5 meant
        ("Rat 12 dya3 t4", "Is 'Rat 12 day3 t4' meant?"),
        ("Rat 1 2 day3 t4", "no clip is called"),
        ("1", "made it of '0001': format the column as text"),
        ("04-Mar", "made it of '3-4'"),
        ("2026-04-03", "made it of '3-4'"),
        ("", "no clip is called ''"),
        ("Zebra.avi", "no clip is called 'Zebra.avi'"),
    ],
)
def test_doubtful_names_are_said_not_taken(tmp_path, name, said):
    write_sheet(tmp_path / "s.csv", [("clip", "JB"), (name, "1"), ("x", "2")])
    clips = list(map(make_clip, CLIPS))
    found, told = importing.read_scores(tmp_path / "s.csv", clips, "clip", {"JB": "JB"})
    assert found == {"JB": {}}
    assert "no clip is called" in told[0] and said in told[0]


def test_a_name_that_fits_two_clips_is_doubtful():
    clips = list(map(make_clip, ["rat a", "ratA"]))
    found, told = importing.match_clips(["ratA", "Rat-A"], clips)
    assert found == {"ratA": "ratA"}
    assert "'Rat-A' may mean 'rat a' or 'ratA'" in told["Rat-A"]


def test_folders_tell_clips_of_one_name_apart():
    names = {"a_c1": "/mnt/a/c1.mp4", "b_c1": "/mnt/b/c1.mp4", "d": "/mnt/x/d.avi"}
    clips = [make_clip(name)._replace(video=video) for name, video in names.items()]
    found, told = importing.match_clips(["a/c1", "B\\C1.MP4", "c1", "D:\\y\\d"], clips)
    assert found == {"a/c1": "a_c1", "B\\C1.MP4": "b_c1", "D:\\y\\d": "d"}
    assert "may mean 'a_c1' or 'b_c1'" in told["c1"]
    found, told = importing.match_clips(["a/d", "x/d"], clips)
    assert found == {"x/d": "d"} and set(told) == {"a/d"}


SHEET = [
    ("Video", "Animal", "Rater JB", "Rater MK"),
    ("Rat 12 day3 t4.avi", 12, 2.5, 3),
    ("rat 12 day3 T5", 12, "3,5", 4.0),
    ("Mäuschen g01.mp4", 1, 0, None),
    ("0001", 2, "n/a", 1),
]


def write_sheet(path, rows, encoding="utf-8", delimiter=";"):
    def show(field):
        text = "" if field is None else str(field)
        return text.replace(".", ",") if isinstance(field, float) else text

    lines = [delimiter.join(map(show, row)) for row in rows]
    path.write_bytes("\r\n".join(lines).encode(encoding))
    return path


def make_book(path, rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize(
    ("kind", "encoding"),
    [
        *(("xlsx", ""), ("csv", "utf-8"), ("csv", "utf-8-sig"), ("csv", "cp1252")),
        *(("csv", "utf-16"), ("txt", "utf-16")),
    ],
)
@pytest.mark.filterwarnings("ignore::system.terminal.Caution")
def test_a_spreadsheet_of_two_raters(lab, kind, encoding, capsys):
    path = lab / f"Bewertung Jörg.{kind}"
    delimiter = "\t" if kind == "txt" else ";"
    if kind == "xlsx":
        make_book(path, SHEET)
    else:
        write_sheet(path, SHEET, encoding, delimiter)
    columns = ["--clip-column", "Video", "--rater-columns", "Rater JB, MK=rater mk"]
    assert run(lab, "--scores", path, *columns, "--join", "mean") == 0
    told = capsys.readouterr().out
    assert "Rater JB: 3 of 5 clips scored" in told and "MK: 3 of 5 clips" in told
    assert "1 row without a score (3-4)" in told
    assert (
        "2 clips: the scores differ by 0.50 on average, and Rater JB scores 0.50"
        in told
    )
    assert read_scores(lab) == {
        "Rat 12 day3 t4": 2.75,
        "Rat 12 day3 t5": 3.75,
        "Mäuschen_g01": 0,
        "0001": 1,
    }
    assert run(lab, "--scores", path, *columns) == 0
    assert "MK: the same scores as before" in capsys.readouterr().out


def test_what_is_doubtful_is_listed_with_its_line_and_left_out(lab):
    path = write_sheet(
        lab / "s.csv",
        [
            ("clip", "JB"),
            ("Rat 12 day3 t4", 2.5),
            ("1", 3),
            ("04-Mar", 3),
            ("Rat 12 day3 t5", "02. May"),
            ("RAT 12 day3 t4.avi", 3),
            ("Mäuschen_g01", "1.250"),
            ("Zebra", 1),
        ],
    )
    with pytest.raises(Problem) as refused:
        run(lab, "--scores", path, "--rater-columns", "JB", "--join", "mean")
    for said in (
        "s.csv:3: no clip is called '1'. A spreadsheet may have made it of '0001'",
        "s.csv:4: no clip is called '04-Mar'. A spreadsheet may have made it of '3-4'",
        "s.csv:5: score of 'Rat 12 day3 t5' by JB: expected a number. Received: '02.",
        "A spreadsheet has made a date of it",
        "s.csv:6: score of 'Rat 12 day3 t4' by JB: two scores, 3 here and 2.5 in",
        "s.csv:7: score of 'Mäuschen_g01' by JB: 1.250: thousands or decimals?",
        "s.csv:8: no clip is called 'Zebra'",
    ):
        assert said in str(refused.value)
    assert not ratings.list_raters(lab)  # neither of two that differ


def test_an_export_of_boris(lab):
    text = (
        "Observation id,Observation date,Media file name,Subject,Behavior,Modifier #1,"
        "Behavior type,Time\n"
        "o1,2026-03-04 10:00:00,D:/v/Rat 12 day3 t4.avi,,Reach,None,POINT,1.25\n"
        "o1,2026-03-04 10:00:00,D:/v/Rat 12 day3 t4.avi,,Score,2.5,POINT,8\n"
        'o2,2026-03-04 11:00:00,"D:/v/Mäuschen_g01.avi",,score,4,POINT,9.5\n'
    )
    (lab / "boris.csv").write_text(text, encoding="utf-8")
    columns = ["--clip-column", "Media file name", "--rater-columns", "JB=Modifier #1"]
    where = ["--where", "Behavior=Score", "--join", "median"]
    assert run(lab, "--scores", lab / "boris.csv", *columns, *where) == 0
    assert read_scores(lab) == {"Rat 12 day3 t4": 2.5, "Mäuschen_g01": 4}


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--rater", "JB", "--join", "mean"],
        ["--scores", "s.csv"],
        ["--rater-columns", "A", "--rater", "JB"],
        ["--scores", "s.csv", "--rater-columns", "A", "--where", "x"],
    ],
)
def test_options_that_do_not_go_together(options, capsys):
    with pytest.raises(SystemExit) as caught:
        rate.parse_args(options)
    assert caught.value.code == 2


def test_raters_are_joined_by_mean_and_median(lab, capsys):
    say(lab, "JB", Rat_12_day3_t4=("1", "1.5"), Rat_12_day3_t5="2")
    say(lab, "MK", Rat_12_day3_t4="2", Rat_12_day3_t5="")
    say(lab, "XY", Rat_12_day3_t4="5", Rat_12_day3_t5="")
    assert run(lab, "--join", "median") == 0
    told = capsys.readouterr().out
    twice = "1 clip came twice: the scores differ by 0.50 on average, and the second"
    assert f"JB scored 2 clips. {twice}" in told
    assert "MK scored 1 clip and marked 1 as not scorable. No clip came twice" in told
    differ = "the scores differ by 4.00 on average, and XY scores 4.00 higher"
    assert f"JB and XY both scored 1 clip: {differ}" in told
    assert "The scores of Rat 12 day3 t4 differ: JB 1, MK 2, XY 5" in told
    assert read_scores(lab) == {"Rat 12 day3 t4": 2, "Rat 12 day3 t5": 2}
    assert run(lab, "--join", "mean", "--raters", "JB,MK") == 0
    assert "1 score of the join before replaced" in capsys.readouterr().out
    assert read_scores(lab)["Rat 12 day3 t4"] == 1.5
    with pytest.raises(Problem, match=r"of JB, ZZ\. Raters there: JB, MK, XY"):
        run(lab, "--join", "mean", "--raters", "JB,ZZ")


def test_what_the_table_holds_besides_is_kept(lab):
    path = lab / "data_file.csv"
    text = 'split;task;clip;n_frames;Bemerkung;group\ntrain;Reach;0001;30;"a;b, c";WT\n'
    path.write_text(text, encoding="utf-8")
    say(lab, "JB", **{"0001": "2.5"})
    write_scores(lab, {"0001": 2.5})
    assert path.read_text(encoding="utf-8-sig") == (
        "split;task;clip;n_frames;Bemerkung;group;score\n"
        'train;Reach;0001;30;"a;b, c";WT;2,5\n'
    )


def test_ratings_that_went_through_a_german_spreadsheet(lab):
    path = ratings.ratings_path(lab, "JB")
    path.parent.mkdir()
    text = "clip;score;repeat;seconds;order\n0001;2,5;0;3,1;1\n3-4;1;0;2;2\n"
    path.write_bytes(text.encode("utf-16"))
    assert run(lab, "--join", "mean") == 0
    assert read_scores(lab) == {"0001": 2.5, "3-4": 1}


def test_words_for_a_missing_number_are_those_of_missing_scores(tmp_path):
    path = tmp_path / "lesions.csv"
    path.write_text("animal;value\n1;2,5\n2;n.a.\n3;-\n4;\n")
    assert reading.read_pairs(path, ("animal", "value")) == {"1": 2.5}
    path.write_text("animal;value\n1;2,5\n2;none yet\n")
    with pytest.raises(Problem, match="expected a number"):
        reading.read_pairs(path, ("animal", "value"))


def tabulate_raters(**columns):
    index = [f"c{n}" for n in range(1, len(next(iter(columns.values()))) + 1)]
    return pd.DataFrame(columns, index=index, dtype=float)


def test_adjusted_scores_may_lie_beyond_those_that_were_given():
    none = float("nan")
    table = tabulate_raters(A=[2, 3, 4, 5, none, none], B=[none, none, 3, 4, 4.5, 2])
    scores, told = joining.join(table, "adjusted")
    assert list(scores) == [1.5, 2.5, 3.5, 4.5, 5, 2.5] and len(told) == 1
    scores, told = joining.join(table - 2, "adjusted")
    assert list(scores) == [0, 0.5, 1.5, 2.5, 3, 0.5]
    assert told[1] == "1 score below 0 set to 0: c1"
    scores, told = joining.join(table - 3, "adjusted")  # of a scale on both sides of 0
    assert scores.min() == -1.5 and len(told) == 1


def test_a_damaged_record_of_a_join_claims_no_score(lab):
    say(lab, "JB", Rat_12_day3_t4="1")
    assert run(lab, "--join", "mean") == 0
    joining.joined_path(lab).write_text('{"scores": [1]}')
    say(lab, "JB", Rat_12_day3_t4="2")
    with pytest.raises(Problem, match="1 score would be lost; --overwrite"):
        run(lab, "--join", "mean")
    assert run(lab, "--join", "mean", "--overwrite") == 0
    assert read_scores(lab) == {"Rat 12 day3 t4": 2}


def test_a_rater_who_shares_no_clips_is_omitted_where_raters_are_compared():
    said = {"JB": "abcdef", "MK": "bcdefg", "XY": "gh"}
    ratings = {r: [dict.fromkeys(clips, 1.0)] for r, clips in said.items()}
    with pytest.warns(Caution, match="omitted, with fewer than 3 clips .* scored: XY$"):
        assert [*reading.spread_ratings(ratings, [*"abcdefgh"])[0]] == ["JB", "MK"]
    del ratings["JB"]
    assert [*reading.spread_ratings(ratings, [*"abcdefgh"])[0]] == ["MK", "XY"]


def test_raters_with_the_very_same_scores_are_named(recwarn):
    scores = [0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 2]
    scales.warn_of_scales(tabulate_raters(A=scores[:9], B=scores[:9]))
    scales.warn_of_scales(tabulate_raters(A=scores, B=[*scores[:-1], 3]))
    scales.warn_of_scales(tabulate_raters(A=[0] * 12, B=[0] * 12))  # all healthy
    assert not len(recwarn)
    none = [float("nan")]
    scales.warn_of_scales(tabulate_raters(A=[*scores, 3], B=scores + none))
    told = "A and B gave the same score to each of the 11 clips that both scored: is"
    assert told in str(recwarn.pop().message)


@pytest.mark.parametrize("word", ["no", "FALSE", "0", "-"])
def test_words_for_a_first_viewing(lab, word):
    path = ratings.ratings_path(lab, "JB")
    path.parent.mkdir()
    path.write_text(f"clip,score,repeat\n0001,2,{word}\n0001,3,yes\n")
    _, rows = ratings.read_ratings(path)
    assert ratings.list_scores(rows) == {"0001": 2}
    assert ratings.list_scores(rows, "1") == {"0001": 3}
    path.write_text("clip,score,repeat\n0001,2,third\n")
    with pytest.raises(Problem, match=r"csv:2: repeat must be yes or no\. .*'third'"):
        ratings.read_ratings(path)
