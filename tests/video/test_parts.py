"""Parts of videos in time and in the picture: the same pixels as ffmpeg cuts."""

import shutil
import subprocess

import films
import numpy as np
import pytest
from builders import make_run

import data
import score
from features import provenance
from system import storage
from system.terminal import Caution, Problem
from video import find, frames

SIZE, CROP = (98, 70), (11, 7, 51, 33)  # of odd borders, which chroma does not have
DEEP = {"bf": "3", "g": "12", "preset": "medium"}  # B-frames, few key frames
DROPPED = [n + n // 7 + n // 13 for n in range(60)]  # times of a film that dropped some
X265 = {"x265-params": "log-level=none:bframes=3:keyint=12"}
KINDS = {
    "mpeg4.avi": {},
    "x264-key-10.mp4": {"options": {"preset": "ultrafast", "g": "10"}},
    "x264-b-frames.mp4": {"options": DEEP},
    "x264-b-frames.mkv": {"codec": "libx264", "options": DEEP},
    "x264-b-frames.ts": {"codec": "libx264", "options": DEEP},
    "x265.mp4": {"codec": "libx265", "options": X265},
    "x264-variable.mp4": {"options": DEEP, "times": DROPPED},
    "x264-variable.mkv": {"codec": "libx264", "options": DEEP, "times": DROPPED},
    "ffv1.mkv": {},
    "mjpeg.mov": {},
    "mpeg1-b-frames.mpg": {"options": {"bf": "2", "g": "12"}},
    "vp9.webm": {},
    "raw.avi": {"codec": "rawvideo", "pixels": "bgr24"},
}
needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs ffmpeg")


def clip_of(video, n_frames=1, **told):
    return data.Clip("train", "Reach", "c", n_frames, 1.0, video=str(video), **told)


def cut_with_ffmpeg(path, change, size, *options):
    """Decode with ffmpeg: uint8, (N, H, W, 3)."""
    command = ["ffmpeg", "-v", "error", "-i", path, *options]
    command += ["-sws_flags", "bilinear", "-vf", f"format=rgb24,{change}"]
    command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, *size, 3)


def cut(path, **told):
    """Decode a part of a video through the table of clips."""
    reel = frames.open_reel(path)
    view = frames.find_view(clip_of(path, **told), reel.n_frames, reel.rate)
    clip = clip_of(path, view.end - view.start, **told)
    read = frames.read_frames(path.parent, clip, clip.n_frames)
    return np.stack(read), view.start, view.end


@needs_ffmpeg
@pytest.mark.parametrize("name", KINDS)
def test_cut_and_cropped_as_ffmpeg_does(tmp_path, name):
    path = films.make_film(tmp_path / name, 60, size=SIZE, **KINDS[name])
    x, y, width, height = CROP
    # Its filter shows the picture before where one is missing; `-r 30`, the one after.
    change, size = f"fps=30,crop={width}:{height}:{x}:{y}", (height, width)
    whole = cut_with_ffmpeg(path, change, size)
    flipped = cut_with_ffmpeg(path, f"{change},hflip", size)
    ranges = ((0.5, 1.25), (0.51, 1.0), (1.2, None), (None, 0.3), (1.0, 1.034))
    for begin, stop in ranges:
        ours, start, end = cut(path, start=begin, end=stop, crop=CROP)
        assert 0 <= start < end <= len(whole)
        np.testing.assert_array_equal(ours, whole[start:end])
    ours, start, end = cut(path, start=1.3, crop=CROP, mirror=True)
    np.testing.assert_array_equal(ours, flipped[start:end])


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"start": 9.0}, "9 to 2 s are asked for; its video lasts 2.00 s"),
        ({"end": 2.5}, "0 to 2.5 s are asked for"),
        ({"crop": (0, 0, 0, 5)}, "leaves the picture"),
        ({"crop": (90, 0, 10, 10)}, "leaves the picture of 96 x 64 pixels"),
        ({"crop": (0, 60, 10, 10)}, "leaves the picture"),
    ],
)
def test_parts_that_are_not_there(tmp_path, told, words):
    path = films.make_film(tmp_path / "a.mp4", 60)
    with pytest.raises(Problem, match=words):
        frames.read_frames(tmp_path, clip_of(path, **told), 1)


# ---------------------------------------------------------------- what the table names


def test_the_table_names_a_video_from_the_working_folder_on(tmp_path):
    path = films.make_film(tmp_path / "films/Rat 4, März.avi", 9)
    folder = tmp_path / "data"
    folder.mkdir()
    for name in (path, "../films/Rat 4, März.avi", r"..\films\Rat 4, März.avi"):
        assert len(find.find_source(folder, clip_of(name))) == 1
        read = frames.read_frames(folder, clip_of(name, 9), 9)
        assert films.read_numbers(read) == [*range(9)]
    with pytest.raises(Problem, match="its video is not there"):
        find.find_source(folder, clip_of("gone.avi"))
    (tmp_path / "x.y4m").touch()
    with pytest.raises(Problem, match=r"x\.y4m is of a kind that is not read"):
        find.find_source(tmp_path, clip_of("x.y4m"))


def test_two_clips_of_one_name_are_never_mixed(folder):
    clip = data.Clip("test", "Reach", "v_Stroke_g02_c01", 30, 1.0)
    (found,) = find.find_source(folder, clip)  # only in the other split
    assert found.parent.parent.name == "train"
    copy = shutil.copy(found, folder / "test/Reach")
    assert find.find_source(folder, clip)[0].parent.parent.name == "test"
    films.make_film(copy, 31)
    for split in data.SPLITS:
        with pytest.raises(Problem, match="hold different clips of this name"):
            find.find_source(folder, clip._replace(split=split))


def test_another_part_of_the_same_video_is_extracted_anew(tmp_path):
    path = films.make_film(tmp_path / "a.mp4", 60)
    clip = clip_of(path, start=0.5, end=1.0, crop=(0, 0, 50, 40))
    origin = provenance.describe_origin(tmp_path, clip)
    assert origin.view == "0.5 to 1 s, crop 0 0 50 40" and origin.n_frames == 15
    storage.sources_path(tmp_path).parent.mkdir()
    made = {"movement": np.zeros((5, 8), np.float32)}
    provenance.note_origin(tmp_path, origin, made)
    assert provenance.find_changed(tmp_path, [clip]) == []
    for change in ({"start": 0.6}, {"end": None}, {"crop": None}, {"mirror": True}):
        other = clip._replace(**change)
        assert provenance.find_changed(tmp_path, [other]) == [clip.name]


def test_new_videos_are_seen_as_those_of_the_training(capsys):
    run = make_run(crops=[(1, 2, 30, 40)])
    view = score.choose_view(run, None, False)
    assert view.crop == (1, 2, 30, 40) and not view.mirror
    assert "cropped to 1,2,30,40" in capsys.readouterr().out
    assert score.choose_view(run, (5, 5, 9, 9), True) == frames.View(
        crop=(5, 5, 9, 9), mirror=True
    )
    assert score.choose_view(make_run(), None, False) == frames.WHOLE
    with pytest.raises(Problem, match="cropped in 2 ways"):
        score.choose_view(make_run(crops=[(1, 2, 3, 4), None]), None, False)
    with pytest.warns(Caution, match="1 clips in training were mirrored"):
        score.choose_view(make_run(mirrored=["a"]), None, False)
