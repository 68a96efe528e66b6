"""From a folder of recordings to rows: found, guessed, cut, cropped, proposed."""

import unicodedata
import warnings

import films
import numpy as np
import pytest
from PIL import Image

import data
import extract_files
from names import sessions
from names.labels import words
from recordings import contact_sheets, discover, trials
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
    "post-d{} post_d{} post-{}d week{}-post D{}_post post_stroke_d{} d{}post postd{} "
    "{}dpost post.d{} postMCAO-day{} post_{}h post_w{} follow-up_{}_months post_d+{} "
    "baseline_day_{} {}_Tage_nach_OP recovery_day{} pre_session_{} week1_day{}"
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
        (["drug/r1.avi", "r2.avi", "vehicle/r1.avi"], ["r1", "r2", "r1"]),
    ],
)
def test_animals_are_guessed_from_folders_and_names(names, animals):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert [clip.animal for clip in guess(*names)] == animals


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
        (["6-OHDA/r1 hd.avi", "con/r2 hd.avi"], ["6-OHDA", None], [None] * 2),
    ],
)
def test_groups_and_sessions_are_guessed_together(names, groups, sessions):
    clips = guess(*names)
    assert [clip.group for clip in clips] == groups
    assert [clip.session for clip in clips] == sessions


@pytest.mark.parametrize("day", sorted(DAYS))
@pytest.mark.parametrize("end", ["_trial1", "", " t2", "_c01"])
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
        ("240312_M1_BL_1 240321_M1_dpi7_1", "240312 240321"),
        ("240312_C57BL6_M1_1 240321_C57BL6_M1_1", "240312 240321"),
        ("BL6_M1_d3_1 BL6J_M1_d10_1", "d3 d10"),
        ("M1_day3_session1 M1_day3_session2", "day3 day3"),
        ("2024-05-01_M1_pre 2024-05-04_M1_post-d3", "2024-05-01 2024-05-04"),
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


def test_videos_within_the_working_folder_move_with_it(recordings):
    (recordings / "films").rename(recordings / "data/films")
    assert call(recordings, "--from", recordings / "data/films", "--yes") == 0
    (recordings / "data").rename(recordings / "moved")
    (clip, *_) = data.read_clips(recordings / "moved")
    assert clip.video == "films/Control/Rat 12/day3 trial 4.avi"
    assert len(frames.read_frames(recordings / "moved", clip, 6)) == 6


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
    with pytest.raises(Problem, match=r"nothing is added to .* under task Swim"):
        call(recordings, "--from", recordings / "films", "--task", "Reach", "--yes")
    assert table.read_text() == "test,Swim,day4 trial 4,6,\n"


# ---------------------------------------------------------------- cut

TRIALS = "video;start;end;clip;animal;crop\nRat 1.mp4;0,5;1;a;Rat 9;4 4 40 40\n"
TRIALS += "rat 1;0:01,2;0:01,5;;;\n"


@pytest.fixture
def session(tmp_path):
    films.make_film(tmp_path / "films/Stroke/Rat 1.mp4", 60, options={"g": "12"})
    (tmp_path / "trials.csv").write_text(TRIALS)
    (tmp_path / "data").mkdir()
    return tmp_path


@pytest.mark.parametrize("kind", ["rows", "jpg", "mp4"])
def test_trials_become_clips(session, kind):
    options = ("--cut", session / "trials.csv", "--from", session / "films")
    assert call(session, *options, "--task", "Reach", "--save-as", kind, "--yes") == 0
    clips = data.read_clips(session / "data")
    assert [clip.name for clip in clips] == ["a", "Rat 1_t02"]
    assert [clip.n_frames for clip in clips] == [15, 9]
    assert [clip.animal for clip in clips] == ["Rat 9", "Rat 1"]
    assert [clip.group for clip in clips] == ["Stroke", "Stroke"]
    assert [clip.crop for clip in clips] == [(4, 4, 40, 40), None]
    assert (clips[0].video is None) == (kind != "rows")
    first = frames.read_frames(session / "data", clips[0], 15)
    assert {picture.shape for picture in first} == {(40, 40, 3)}
    second = frames.read_frames(session / "data", clips[1], 9)
    assert films.read_numbers(second) == [*range(36, 45)]
    made = {path.suffix for path in (session / "data").rglob("*.*")}
    kept = {"rows": set(), "jpg": {".jpg"}, "mp4": {".mp4"}}[kind]
    assert made == {".csv", ".png", *kept}  # the picture shows the crop


def test_trials_by_frame_numbers(session):
    (session / "trials.csv").write_text("video,start,end\nRat 1.mp4,7,31\n")
    options = ("--from", session / "films", "--times", "frames", "--yes")
    assert call(session, "--cut", session / "trials.csv", *options) == 0
    (clip,) = data.read_clips(session / "data")
    read = frames.read_frames(session / "data", clip, 24)
    assert films.read_numbers(read) == [*range(7, 31)]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("Rat 2.mp4,0,1", "trials.csv:2: no video called 'Rat 2.mp4'"),
        ("Rat 1.mp4,0,9", "its video lasts 2.00 s"),
        ("Rat 1.mp4,1,0.5", "must lie after start"),
        ("Rat 1.mp4,one,2", "start expected a number"),
        ("Rat 1.mp4,0,1,a\nRat 1.mp4,1,2,A", "trials.csv:3: two trials are called A"),
        ("Rat 1.mp4,0,1,a/b", "must be a plain file name"),
        ("", "lists no trial"),
    ],
)
def test_wrong_trials_are_named(session, rows, words):
    (session / "trials.csv").write_text(f"video,start,end,clip\n{rows}\n")
    with pytest.raises(Problem) as caught:
        trials.read_trials(session / "trials.csv", session / "films")
    assert words in str(caught.value)


def test_two_recordings_of_one_name_need_their_folder(session):
    films.make_film(session / "films/Control/Rat 1.mp4", 30)
    (session / "trials.csv").write_text("video,start,end\nRat 1.mp4,0,1\n")
    with pytest.raises(Problem, match=r"2 videos called 'Rat 1\.mp4'"):
        trials.read_trials(session / "trials.csv", session / "films")
    (session / "trials.csv").write_text("video,start,end\nStroke/Rat 1.mp4,0,1\n")
    (clip,) = trials.read_trials(session / "trials.csv", session / "films")
    assert clip.group == "Stroke"


# ---------------------------------------------------------------- crop, mirror, propose


def test_regions_are_drawn_before_anything_is_extracted(session, capsys):
    options = ("--from", session / "films", "--crop", "20,10,30,40", "--mirror")
    assert call(session, *options) == 0
    path = storage.crops_path(session / "data")
    assert str(path) in capsys.readouterr().out and not list(session.glob("data/*.csv"))
    with Image.open(path) as image:
        page = np.asarray(image.convert("RGB")).astype(int)
    rows, columns = np.nonzero((np.abs(page - contact_sheets.COLOUR) < 30).all(axis=2))
    scale, left, top = (
        contact_sheets.WIDTH / 96,
        contact_sheets.GAP,
        contact_sheets.GAP + contact_sheets.LABEL,
    )
    found = [columns.min() - left, rows.min() - top]
    found += [columns.max() - left + 1, rows.max() - top + 1]
    np.testing.assert_allclose(np.array(found) / scale, [20, 10, 50, 50], atol=0.5)
    assert call(session, *options, "--yes") == 0
    (clip,) = data.read_clips(session / "data")
    assert (clip.crop, clip.mirror) == ((20, 10, 30, 40), True)
    cropped = frames.read_frames(session / "data", clip, 1)[0]
    plain = clip._replace(crop=None, mirror=None)
    whole = frames.read_frames(session / "data", plain, 1)[0]
    np.testing.assert_array_equal(cropped, whole[10:50, 20:50][:, ::-1])
    with pytest.raises(Problem, match="leaves the picture of 96 x 64"):
        call(session, "--from", session / "films", "--crop", "90,0,30,30")


def make_session(path, moving, n_frames=300, seed=0, light=lambda number: 1):
    """A noisy picture in which a square runs to and fro within some ranges."""
    random, place = np.random.default_rng(seed), 10

    def draw():
        nonlocal place
        for number in range(n_frames):
            picture = random.normal(90, 4, (64, 96, 3))
            if any(start <= number < end for start, end in moving):
                place = 10 + (number * 5) % 60
            picture[20:40, place : place + 20] = 200
            yield np.clip(picture * light(number), 0, 255).astype(np.uint8)

    path.parent.mkdir(parents=True, exist_ok=True)
    frames.write_video(path, draw(), 30, crf=0)  # or compression moves, too


@pytest.mark.parametrize("moving", [[(60, 120), (200, 260)], [(45, 90)]])
def test_trials_are_proposed_where_something_moves(tmp_path, moving, capsys):
    make_session(tmp_path / "films/Rat 1.mp4", moving)
    (tmp_path / "data").mkdir()
    path, source = tmp_path / "found.csv", ("--from", tmp_path / "films")
    assert not call(tmp_path, *source, "--find-trials", path)
    clips = trials.read_trials(path, tmp_path / "films")
    found = [(clip.start * 30, clip.end * 30) for clip in clips]
    assert len(found) == len(moving)
    margin = trials.MARGIN * 30
    for (start, end), (first, last) in zip(moving, found, strict=True):
        assert start - margin - 4 <= first <= start
        assert end <= last <= end + margin + 4
    with Image.open(path.with_suffix(".png")) as image:
        assert (
            image.width
            == 3 * (contact_sheets.WIDTH + contact_sheets.GAP) + contact_sheets.GAP
        )
    with pytest.raises(Problem, match="is there already"):
        call(tmp_path, *source, "--find-trials", path)


@pytest.mark.parametrize(
    "light",
    [
        lambda number: 1 + 0.03 * np.sin(2.3 * number),  # flickers
        lambda number: 0.6 + number / 900,  # dawns
        lambda number: 1 + 0.3 * (number > 150),  # is switched on
    ],
)
def test_light_is_no_movement(tmp_path, light):
    make_session(tmp_path / "still.mp4", [], light=light)
    make_session(tmp_path / "moving.mp4", [(200, 260)], light=light)
    for name, n_trials in (("still", 0), ("moving", 1)):
        reel = frames.open_reel(tmp_path / f"{name}.mp4")
        found = trials.find_trials(trials.measure_movement(reel), reel.rate)
        assert len(found) == n_trials, name


def test_where_nothing_moves_no_trial_is_proposed(tmp_path):
    make_session(tmp_path / "films/Rat 1.mp4", [])
    options = ("--from", tmp_path / "films", "--find-trials", tmp_path / "t.csv")
    with pytest.raises(Problem, match="in 1 video nothing stands out"):
        call(tmp_path, *options, "--crop", "0,44,96,20")


def test_pages_hold_many_tiles(tmp_path):
    tile = contact_sheets.make_tile(
        np.zeros((48, 64, 3), np.uint8), "ä" * 90, (1, 1, 9, 9)
    )
    paths = contact_sheets.write_pages(tmp_path / "a.png", [tile] * 41)
    assert [path.name for path in paths] == ["a-1.png", "a-2.png"]


def test_names_in_two_pieces_are_found(session):
    name = unicodedata.normalize("NFD", "Käfig 1")
    films.make_film(session / f"films/{name}.mp4", 60)
    (session / "trials.csv").write_text(
        f"video,start,end\n{unicodedata.normalize('NFC', name)},0,1\n", "utf-8"
    )
    (clip,) = trials.read_trials(session / "trials.csv", session / "films")
    assert clip.n_frames == 30


def test_a_level_of_folders_tells_sessions_as_a_whole():
    days = ("bsl", "md", "wk2", "wk4")
    names = [f"{day}/m{n}/{day}_m{n}.mp4" for day in days for n in (1, 2)]
    found = guess(*names)
    assert [clip.session for clip in found] == [day for day in days for _ in (1, 2)]
    others = guess("wk2/m1/a.mp4", "wk4/m1/b.mp4", "controls/m9/c.mp4")
    assert others[-1].session is None  # an animal that is in no session
