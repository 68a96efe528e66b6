"""From a folder of recordings to rows: found, guessed, cut, cropped, proposed."""

import warnings

import films
import pytest

import data
import extract_files
from names import sessions
from names.labels import words
from recordings import discover
from system import storage
from system.terminal import Caution, Problem
from video import frames

NAMES = [
    "Control/Rat 12/day3 trial 4.avi",
    "Control/Rat 12/day4 trial 4.avi",
    "Stroke/Rat 7/day3 trial 4.avi",
    "Stroke/Rat 7/day3 trial 5.mp4",
]
DAYS = words(
    "post-d{} post-{}d week{}-post post_stroke_d{} d{}post postd{} postMCAO-day{} "
    "post_{}h follow-up_{}_months post_d+{} {}_Tage_nach_OP pre_session_{} week1_day{}"
)


def call(folder, *argv):
    return extract_files.main(["--data", str(folder / "data"), *map(str, argv)])


def guess(*names, **known):
    root = discover.Path("films")
    return discover.guess_clips(root, [root / name for name in names], **known)


@pytest.fixture
def recordings(tmp_path):
    for name in NAMES:
        films.make_film(tmp_path / "films" / name, 6)
    (tmp_path / "data").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("names", "animals"),
    [
        (NAMES, ["Rat 12", "Rat 12", "Rat 7", "Rat 7"]),
        (["rat_012_c1.avi", "Rat12_c2.avi"], ["Rat 012", "Rat 012"]),
        (["v_RatStrokeApl27_g13_c02.avi", "v_RatControlMay2_g4_c1.avi"], ["g13", "g4"]),
        (["Maus 3/Übung 1.mp4", "Maus 4/Übung 1.mp4"], ["Maus 3", "Maus 4"]),
        (["2024-05-01/M7 trial 2.avi", "2024-05-02/M8 trial 2.avi"], ["M7", "M8"]),
        (["day1/id-23b.avi", "day2/id-24.avi"], ["id23b", "id24"]),
        (["c01.avi", "t02.avi"], [None, None]),
        (["Ratio 5.avi", "Berat 6.avi"], [None, None]),
        (["WT_12_d1.avi", "KO_21_d1.avi"], ["WT12", "KO21"]),
        (["Tier A/x.avi", "tier_b/x.avi"], ["Tier A", "Tier B"]),
        (["m01/a.avi", "M1/b.avi", "m01/c.avi"], ["m01", "m01", "m01"]),
        (["4312/d1.avi", "4313/d1.avi", "2024/d2.avi"], ["4312", "4313", None]),
        (["sham/rat1.avi", "stroke/rat1.avi"], ["Sham Rat 1", "Stroke Rat 1"]),
        (["sham_rat1.avi", "stroke_rat1.avi"], ["Sham Rat 1", "Stroke Rat 1"]),
        (["r1_healthy.avi", "r1_stroke.avi", "r2_stroke.avi"], ["r1", "r1", "r2"]),
        (["Q175_m12_wk8.avi", "Q175_m13.avi", "WT_m14.avi"], ["m12", "m13", "m14"]),
        (["R6-2_m12.avi", "R6_2/m13.avi"], ["m12", "m13"]),
        (["B6_WT_7.avi", "B6_WT_8.avi"], ["WT7", "WT8"]),
        (["R6_2_a1.avi", "R7_a2.avi"], ["R6", "R7"]),  # rats, each in an attempt
        (["A1_1.avi", "A2_1.avi", "B6_1.avi"], ["A1", "A2", "B6"]),
        (["F1_pre.avi", "M1_pre.avi", "M2_f3.avi"], ["F1", "M1", "M2"]),
        (["f1.avi", "f2.avi"], [None, None]),  # films
        (["drug/r1.avi", "r2.avi", "vehicle/r1.avi"], ["r1", "r2", "r1"]),
    ],
)
def test_animals_are_guessed_from_folders_and_names(names, animals):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert [clip.animal for clip in guess(*names)] == animals


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["R62_12.avi", "R62_13.avi", "m14.avi"], "may be strains: R62. "),
        (["12_L1.avi", "13_L1.avi", "12_R1.avi"], "may be sides: L1, R1. "),
        (["G1_m1.avi", "G1_m2.avi", "G2_m3.avi"], r"\(say, G1: m1, m2\)"),
        (["cage1_rat1.avi", "cage2_rat1.avi"], r"\(say, Rat 1: cage1, cage2\)"),
    ],
)
def test_animals_that_may_be_others_are_named(names, told):
    with pytest.warns(Caution, match=told):
        guess(*names)


@pytest.mark.parametrize(
    "names", ["m1_a1 m1_a2 m2_a1", "m1_L1 m1_L2", "m1_bl1 m1_bl2", "cage1_m1 cage2_m2"]
)
def test_trials_and_days_of_animals_are_not_named(names, recwarn):
    guess(*(f"{name}.avi" for name in names.split()))
    assert not recwarn.list


@pytest.mark.filterwarnings("ignore::system.terminal.Caution")
@pytest.mark.parametrize(
    ("names", "groups", "sessions"),
    [
        (
            ["A1_baseline.avi", "A1_week1.avi", "A1_week12.avi"],
            [None] * 3,
            ["baseline", "week1", "week12"],
        ),
        (["r1_d2_t1.avi", "r1_d10_t1.avi"], [None] * 2, ["d2", "d10"]),
        (["pre/r1.avi", "4wk/r1.avi"], [None] * 2, ["pre", "4wk"]),
        (["Läsion/r1.avi", "Kontrolle/r2.avi"], ["Läsion", "Kontrolle"], [None] * 2),
        (["drug/r1.avi", "saline/r2.avi"], ["Drug", "Saline"], [None] * 2),
        (  # each animal has had both
            ["drug/r1.avi", "saline/r1.avi", "drug/r2.avi", "saline/r2.avi"],
            [None] * 4,
            ["Drug", "Saline"] * 2,
        ),
        (
            ["r1/healthy.avi", "r1/stroke.avi", "r2/healthy.avi", "r2/stroke.avi"],
            [None] * 4,
            ["Healthy", "Stroke"] * 2,
        ),
        (
            ["r1_pre_intact.avi", "r1_post_lesion.avi"],
            [None, "Lesion"],
            ["pre", "post_lesion"],
        ),
        (
            ["no_stroke/r1.avi", "r2_NotLesioned.avi", "ohne Läsion/r3.avi"],
            ["No stroke", "Not Lesioned", "ohne Läsion"],
            [None] * 3,
        ),
        (
            ["no-stroke/r1.avi", "non stroke/r2.avi"],
            ["No-stroke", "Non stroke"],
            [None] * 2,
        ),
        (
            ["Stroke_2024/r1_sham.avi", "Stroke_2024/r3_stroke.avi"],
            ["Sham", "Stroke"],
            [None] * 2,
        ),
        (
            ["control_vs_stroke/stroke_r1.avi", "control_vs_stroke/control_r2.avi"],
            ["Stroke", "Control"],
            [None] * 2,
        ),
        (
            ["stroke_project_r1_ctrl.avi", "stroke_project_r2_mcao.avi"],
            ["Ctrl", "Mcao"],
            [None] * 2,
        ),
        (["6-OHDA/r1 hd.avi", "con/r2 hd.avi"], ["6-OHDA", None], [None] * 2),
    ],
)
def test_groups_and_sessions_are_guessed_together(names, groups, sessions):
    clips = guess(*names)
    assert [clip.group for clip in clips] == groups
    assert [clip.session for clip in clips] == sessions


@pytest.mark.parametrize(
    "names", [["Stroke_2024/r1_sham.avi"], ["WT/r1_drug.avi", "KO/r2_saline.avi"]]
)
def test_a_path_with_two_groups_is_named(names):
    with pytest.warns(Caution, match=r"two groups \(say, \w+ and \w+ in \w+/r1_"):
        guess(*names)


@pytest.mark.parametrize("day", sorted(DAYS))
@pytest.mark.parametrize("end", ["_trial1", " t2"])
def test_a_phase_and_a_day_are_one_session(day, end):
    days = [day.format(number) for number in (3, 10)]
    clips = guess(*(f"M07_{d}{end}.avi" for d in days), f"M07_pre{end}.avi")
    assert [clip.session for clip in clips] == [*days, "pre"]
    assert sessions.find_order(days) == days


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ("post/M1_d3 post/M1_d10 pre/M1_a", "post-d3 post-d10 pre"),
        ("d3/M1_post d10/M1_post M1_pre", "d3-post d10-post pre"),
        ("post/M1_post_d3 post/M1_post_d10", "post_d3 post_d10"),
        ("week1/M1_day2 week1/M1_day7", "week1-day2 week1-day7"),
        ("M1_post-d3a M1_post-d10t1", "post-d3 post-d10"),
        ("M1_post3 M1_post10 M1_pre", "post3 post10 pre"),
        ("M1_pre_t1 M1_post-1 M1_post-2", "pre post post"),  # trials, not days
        ("M1_post7d_1 M1_post7d_2 M1_pre_1", "post7d post7d pre"),
        ("M1_BL_1 M1_dpi7_1 M1_PSD14_1", "BL dpi7 PSD14"),
        ("240312_M1_BL_1 240321_M1_dpi7_1", "BL dpi7"),
        (
            "240312_M1_d1_1 240313_M2_d1_1 240321_M1_d9_1",
            "d1 d1 d9",
        ),  # days of their own
        ("240312_M1_pre_1 240321_M1_post_1 240325_M1_psot_1", "pre post 240325"),
        ("240312_M1_pre_1 240321_M1_post_1 240325_M1_post_1", "240312 240321 240325"),
        ("240312_M1_20min 240321_M1_20min 240325_M1_20min", "240312 240321 240325"),
        ("240312_C57BL6_M1_1 240321_C57BL6_M1_1", "240312 240321"),
        ("BL6_M1_d3_1 BL6J_M1_d10_1", "d3 d10"),
        ("M1_day3_session1 M1_day3_session2", "day3_session1 day3_session2"),
        ("2024-05-01_M1_pre 2024-05-04_M1_post-d3", "pre post-d3"),
        ("M1_3D_cam_7d M1_3d_cam_pre M1_3D", "7d pre 3D"),
        ("rat_3_day_10 mouse-12-day-3 Rat3_wk_1", "day_10 day-3 wk_1"),
        ("101_week_2 trial_2_day_3_rat_5 rat_3_d_10", "week_2 day_3 d_10"),
        ("case-7-month-3 Tier_1_Woche_-1 rat_3_dpi_7", "month-3 Woche_-1 dpi_7"),
        ("M1_3_days_2 M1_7_dpi_1 M1_20_min_1 rat_3_dpi", "3_days 7_dpi 20_min 3_dpi"),
    ],
)
def test_no_two_days_are_one_session(names, wanted):
    found = [clip.session for clip in guess(*(f"{n}.avi" for n in names.split()))]
    assert found == wanted.split()


def test_the_rest_is_guessed_too():
    clips = guess(*NAMES)
    assert [clip.group for clip in clips] == ["Control", "Control", "Stroke", "Stroke"]
    assert [clip.session for clip in clips] == ["day3", "day4", "day3", "day3"]
    assert {clip.split for clip in clips} == {"train"}
    clips = guess("test/WT/a 2024-05-01.avi", "Training/ko/b 03.05.2024.avi")
    assert [clip.split for clip in clips] == ["test", "train"]
    assert [clip.group for clip in clips] == ["WT", "Ko"]
    assert [clip.session for clip in clips] == ["2024-05-01", "03.05.2024"]
    (clip,) = guess("v_RatStrokeApl27_g13_c02.avi", split="test", task="Reach")
    assert clip[:3] == ("test", "Reach", "v_RatStrokeApl27_g13_c02")
    assert clip.group == "Stroke"


def test_clips_get_names_that_are_safe_and_their_own():
    names = [clip.name for clip in guess(*NAMES, "Stroke/aux.avi", "x/a:b.avi")]
    assert names[:2] == ["Control_Rat 12_day3 trial 4", "day4 trial 4"]
    assert len(set(map(discover.fold, names))) == len(names)
    assert not any(map(storage.find_name_fault, names))
    alike = [clip.name for clip in guess("a/Ä.avi", "A/a\u0308.mp4", "ä/ä.avi")]
    assert len(set(map(discover.fold, alike))) == 3
    (long,) = guess("x" * 240 + ".avi")
    assert storage.find_name_fault(long.name) is None


def test_clips_without_an_animal_are_named():
    clips = guess("M1_a.avi", "M2_a.avi", *(f"take {n}.avi" for n in "vwxyz"))
    told = discover.describe_guess(clips)[-1]
    assert "2 animals and 5 clips without (take v, take w, take x and 2 more)," in told
    assert "no sessions, no groups" in told


def test_a_guess_is_shown_and_written_only_when_confirmed(recordings, capsys):
    before = films.read_state(recordings)
    assert call(recordings, "--from", recordings / "films", "--task", "Reach") == 0
    shown = capsys.readouterr().out
    assert "4 clips, 2 animals, 2 sessions, 2 groups (Control 2, Stroke 2)" in shown
    assert "nothing was written" in shown
    assert films.read_state(recordings) == before
    options = ("--from", recordings / "films", "--task", "Reach", "--yes")
    assert call(recordings, *options) == 0
    clips = data.read_clips(recordings / "data")
    assert [clip.n_frames for clip in clips] == [6] * 4
    assert [clip.animal for clip in clips] == ["Rat 12", "Rat 12", "Rat 7", "Rat 7"]
    read = frames.read_frames(recordings / "data", clips[3], 6)
    assert films.read_numbers(read) == [*range(6)]
    after = films.read_state(recordings)
    names = {"data/data_file.csv", "data/data_file.before.csv"}
    assert set(after) - set(before) == names  # nothing is copied
    assert call(recordings, *options) == 0
    assert films.read_state(recordings) == after


def test_a_damaged_video_is_named_and_the_others_listed(recordings, capsys):
    (recordings / "films/Rat 9.avi").write_bytes(b"RIFF1234AVI ")
    (recordings / "films/Rat 8.y4m").touch()
    with pytest.warns(Caution, match=r"Rat 8\.y4m is of a kind"):
        assert call(recordings, "--from", recordings / "films", "--yes") == 1
    assert "Rat 9: " in capsys.readouterr().err
    assert len(data.read_clips(recordings / "data")) == 4


def test_one_clip_of_two_videos_is_not_added(recordings):
    table = recordings / "data/data_file.csv"
    table.write_text("test,Swim,day4 trial 4,6,\n")
    with pytest.raises(
        Problem, match=r"nothing is added to .* another task .* not Swim"
    ):
        call(recordings, "--from", recordings / "films", "--task", "Reach", "--yes")
    assert table.read_text() == "test,Swim,day4 trial 4,6,\n"
