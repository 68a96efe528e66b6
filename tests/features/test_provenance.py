"""Sequences know what they were made of: replaced clips, spoiled and swapped files."""

import os
import warnings

import films
import numpy as np
import pytest
from extractions import N_FRAMES, call

import data
import train_reg
from features import provenance, sequences
from system import storage
from system.terminal import Caution, Problem

FIRST = "v_Control_g01_c01"


@pytest.fixture
def extracted(folder, stand_in):
    call(folder)
    return folder


def read(folder, name=FIRST):
    return sequences.read_sequence(folder, name, N_FRAMES)


def video_of(folder):
    return folder / "train" / "Reach" / f"{FIRST}.avi"


def test_each_sequence_has_its_line(extracted):
    found = provenance.read_origins(extracted)
    assert len(found) == 3
    origin = found[FIRST, N_FRAMES]
    assert origin.source == f"{FIRST}.avi" and origin.n_frames == 30
    assert origin.bytes == video_of(extracted).stat().st_size
    assert origin.checksum == provenance.compute_checksum(read(extracted))


def test_a_video_replaced_under_its_name_is_extracted_again(extracted):
    before = read(extracted)
    films.make_film(video_of(extracted), 45)
    clips = data.read_clips(extracted)
    assert provenance.find_changed(extracted, clips) == [FIRST]
    with pytest.raises(Problem, match="changed since"):
        train_reg.main(["--data", str(extracted)])
    call(extracted)
    assert provenance.find_changed(extracted, clips) == []
    assert not np.array_equal(before, read(extracted))


def test_a_copy_with_another_date_is_the_same_clip(extracted):
    os.utime(video_of(extracted), (1e9, 1e9))
    assert provenance.find_changed(extracted, data.read_clips(extracted)) == []


def test_sequences_may_travel_without_their_clips(extracted):
    video_of(extracted).unlink()
    assert provenance.find_changed(extracted, data.read_clips(extracted)) == []
    assert read(extracted).shape == (N_FRAMES, 2048)


@pytest.mark.parametrize("place", [-1, -2048, -9000, 200])
def test_a_flipped_byte_is_noticed_and_mended(extracted, place):
    path = storage.sequence_path(extracted, FIRST, N_FRAMES)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(Problem, match="checksum"):
        read(extracted)
    call(extracted)
    read(extracted)


def test_swapped_sequences_are_noticed(extracted):
    one, two = (
        storage.sequence_path(extracted, name, N_FRAMES)
        for name in (FIRST, "v_Stroke_g02_c01")
    )
    films.make_film(video_of(extracted), 60)
    call(extracted)  # else the two would hold the same numbers
    first, second = one.read_bytes(), two.read_bytes()
    assert first != second
    one.write_bytes(second)
    two.write_bytes(first)
    for name in (FIRST, "v_Stroke_g02_c01"):
        with pytest.raises(Problem, match="checksum"):
            read(extracted, name)


@pytest.mark.parametrize("n_lost", [2, 9, 10, 30])
def test_a_line_cut_short_is_passed_over_and_the_next_is_whole(extracted, n_lost):
    path = storage.sources_path(extracted)
    path.write_text(path.read_text()[:-n_lost])
    assert len(provenance.read_origins(extracted)) == 2
    clip = data.read_clips(extracted)[0]
    origin = provenance.describe_origin(extracted, clip)
    provenance.note_origin(extracted, origin, {"features": read(extracted)})
    assert (FIRST, N_FRAMES) in provenance.read_origins(extracted)


def test_clips_at_another_pace_are_named(tmp_path):
    names = [f"c{n}" for n in range(5)]
    extraction = {"n_frames": 10, "sampling": "stride"}
    sequence = np.zeros((10, 4), np.float32)
    (tmp_path / "sequences").mkdir()
    for name, fps in zip(names, (30, 30, 30, 30, 120), strict=True):
        origin = provenance.Origin(name, n_frames=100, fps=fps)
        provenance.note_origin(tmp_path, origin, {"features": sequence})
    with pytest.warns(Caution, match=r"1 of 5 clips.*c4 83 ms.*333 ms"):
        provenance.report_pace(tmp_path, names, extraction)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Caution)
        provenance.report_pace(tmp_path, names[:4], extraction)
        provenance.report_pace(tmp_path, names, None)
