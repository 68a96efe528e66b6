"""More recordings, corrected trials, replaced films, other drives: the second day."""

import shutil

from builders import by_clip, cut, take_in, write_trials

from system import tables

# ---------------------------------------------------------------- more recordings


def test_recordings_of_a_second_day_join_those_of_the_first(lab):
    films = lab.place / "films"
    for animal in (1, 2):
        lab.film(f"films/day1/Rat {animal}.mp4", animal)
    take_in(lab, films)
    lab.score(lambda row: int(row["animal"][-1]))
    lab.edit(lambda row: row.update(split="test") if "2" in row["clip"] else None)
    for animal in (1, 2, 3):
        lab.film(f"films/day2/Rat {animal}.mp4", animal + 0.5)
    before = lab.rows()
    told = take_in(lab, films).out
    assert "3 rows added" in told and "2 clips listed already" in told
    rows = lab.rows()
    assert rows[:2] == before  # their names, split and scores
    assert len(rows) == len({row["video"] for row in rows}) == 5
    content = (lab.folder / "data_file.csv").read_bytes()
    told = take_in(lab, films).out
    assert "0 rows added" in told and "listed already" in told
    assert (lab.folder / "data_file.csv").read_bytes() == content


def test_another_folder_with_films_of_the_same_names(lab):
    for day, speed in (("monday", 1), ("tuesday", 2)):
        lab.film(f"{day}/Rat 1.mp4", speed)
        lab.film(f"{day}/Rat 2.mp4", speed + 0.5)
    lab.folder.mkdir()
    header = "clip,split,task,n_frames,score,Notiz\n"  # all rows were deleted
    (lab.folder / "data_file.csv").write_text(header)
    take_in(lab, lab.place / "monday")
    take_in(lab, lab.place / "tuesday")
    assert "notiz" in lab.rows()[0]
    videos = by_clip(lab, "video")
    assert set(videos) == {"Rat 1", "Rat 2", "tuesday_Rat 1", "tuesday_Rat 2"}
    assert videos["tuesday_Rat 2"].endswith("tuesday/Rat 2.mp4")
    shutil.copytree(lab.place / "monday", lab.place / "backup")  # the same films again
    assert "0 rows added" in take_in(lab, lab.place / "backup").out


def test_recordings_on_another_drive(lab):
    films = lab.record_animals(animals=3, clips=1)
    take_in(lab, films)
    lab.score()
    lab.extract()
    scores = by_clip(lab, "score")
    moved = lab.place / "drive" / "archive"
    moved.parent.mkdir()
    films.rename(moved)
    told = lab.extract(5, "--overwrite", give=lab.run)
    assert "--from" in told.all
    told = take_in(lab, moved).out
    assert "3 rows" in told and "changed" in told and "0 rows added" in told
    assert by_clip(lab, "score") == scores
    assert all(str(moved) in video for video in by_clip(lab, "video").values())
    told = lab.extract().out
    assert "0 sequences written" in told and "3 were there" in told


def test_a_film_with_a_new_name_keeps_its_row(lab):
    films = lab.record_animals(animals=2, clips=1)
    take_in(lab, films)
    lab.score()
    path = films / "Rat 1" / "r1_c1.mp4"
    path.rename(path.with_name("first.mp4"))
    told = lab.ok("extract_files", "--from", films, "--task", "Reach")
    assert "1 listed clip without a video: r1_c1" in told.err
    path.with_name("first.mp4").rename(path)
    lab.extract()  # from here on its content is known
    scores = by_clip(lab, "score")
    path.rename(path.with_name("first.mp4"))
    told = take_in(lab, films)
    assert "0 rows added" in told.out and "without a video" not in told.err
    assert by_clip(lab, "score") == scores
    assert by_clip(lab, "video")["r1_c1"].endswith("first.mp4")
    assert "2 were there" in lab.extract().out


def test_columns_that_a_spreadsheet_lost_come_back(lab):
    films = lab.record_animals(animals=3, clips=1, groups=("sham", "lesion", "sham"))
    take_in(lab, films)
    lab.score()
    before = lab.rows()
    path = lab.folder / "data_file.csv"
    published = ("split", "task", "clip", "n_frames", "score")
    rows = [[row[c] for c in published] for row in reversed(before)]
    tables.write_table(path, published, rows)
    told = take_in(lab, films).out
    assert "3 rows" in told and "0 rows added" in told
    after = {row["clip"]: row for row in lab.rows()}
    assert after == {row["clip"]: row for row in before}


def test_new_clips_have_the_animals_and_groups_of_the_table(lab):
    films = lab.record_animals(animals=2, clips=1, sessions=("pre", "post"))
    take_in(lab, films)
    assert {row["session"] for row in lab.rows()} == {"pre", "post"}
    named = {"Rat 1": ("Ratte A", "lesion"), "Rat 2": ("Ratte B", "sham")}

    def rename(row):
        row["animal"], row["group"] = named[row["animal"]]

    lab.edit(rename)
    lab.film("films/Rat 1/post/r1_post_c2.mp4", 3)
    lab.film("films/Rat 3/post/r3_post_c1.mp4", 3)
    told = take_in(lab, films, "--split", "test").out
    assert "4 clips listed already; their splits" in told
    rows = {row["clip"]: row for row in lab.rows()}
    columns = ("split", "animal", "group", "session")
    found = [tuple(rows[c][k] for k in columns) for c in ("r1_post_c2", "r3_post_c1")]
    expected = ("test", "Ratte A", "lesion", "post"), ("test", "Rat 3", "", "post")
    assert found == [*expected]


def write_animals(lab, columns, *rows):
    tables.write_table(lab.place / "animals.csv", columns, rows)
    return "--animals", lab.place / "animals.csv"


def test_a_table_of_animals_leaves_what_it_does_not_tell(lab):
    films = lab.record_animals(animals=3, clips=1, sessions=("pre", "post"))
    take_in(lab, films)

    def correct(row):
        row["session"] = f"{row['session']} op"
        row["group"] = "old"
        if row["clip"] == "r2_pre_c1":  # filmed under a wrong name
            row["animal"] = "Rat 3"

    lab.edit(correct)
    before = lab.rows()
    table = write_animals(lab, ("animal", "sex"), ("1", "f"), ("2", "m"), ("3", "f"))
    told = take_in(lab, films, *table)
    assert "4 rows" not in told.out and "session" not in told.out.split("listed al")[1]
    numbered = [row | {"animal": row["animal"][-1:]} for row in before]
    assert lab.rows() == numbered
    groups = ("1", "sham"), ("2", ""), ("Rat 3", "stroke")
    table = write_animals(lab, ("animal", "group"), *groups)
    for animal in (1, 4):
        lab.film(f"films/Rat {animal}/post2/r{animal}_post2_c1.mp4", animal)
    told = take_in(lab, films, *table)
    assert "group old -> sham" in told.out and "group old -> stroke" in told.out
    rows = {row["clip"]: row for row in lab.rows()}
    assert {rows[row["clip"]]["session"] for row in before} == {"pre op", "post op"}
    found = [
        (rows[f"r2_{day}_c1"]["animal"], rows[f"r2_{day}_c1"]["group"])
        for day in ("pre", "post")
    ]
    assert found == [("Rat 3", "stroke"), ("2", "old")]  # an empty cell tells nothing
    new = [
        tuple(rows[f"r{n}_post2_c1"][c] for c in ("animal", "group", "session"))
        for n in (1, 4)
    ]
    assert new == [("1", "sham", "post2"), ("Rat 4", "", "post2")]
    assert "0 rows added" in take_in(lab, films, *table).out
    days = ("1", "day 1"), ("2", "day 1")  # an older animal, all in one session
    table = write_animals(lab, ("animal", "session"), *days)
    take_in(lab, films, *table)
    after = {row["clip"]: row["session"] for row in lab.rows()}
    assert after["r1_pre_c1"] == after["r2_post_c1"] == "day 1"
    assert after["r3_pre_c1"] == "pre op" and after["r4_post2_c1"] == "post2"


def test_labels_spelled_in_two_ways_are_one_before_they_are_written(lab):
    films = lab.record_animals(animals=3, clips=2, groups=("sham", "SHAM", "stroke"))
    told = lab.ok("extract_files", "--from", films)
    assert "2 groups (SHAM 4, Stroke 2)" in told.out
    assert "groups taken for one: 'SHAM', 'Sham'" in told.err
    assert "  Sham  " in told.out  # as it is going to be written
    take_in(lab, films)
    lab.film("more/shams/Rat 7/r7_day1.mp4", 3)
    lab.film("more/shams/Rat 8/r8_Day 01.mp4", 3)
    told = lab.ok("extract_files", "--from", lab.place / "more")
    assert "groups taken for one: 'SHAM', 'Sham', 'Shams'" in told.err
    assert "2 clips, 2 animals, 1 session, 1 group" in told.out
    assert "sessions taken for one" in told.err


def test_links_to_recordings_elsewhere(lab):
    lab.film("store/2024/x.mp4", n_frames=60)
    links = lab.place / "links"
    links.mkdir()
    (links / "x.mp4").symlink_to(lab.place / "store/2024/x.mp4")
    take_in(lab, links)
    assert "0 rows added" in take_in(lab, links).out
    path = lab.place / "found.csv"
    lab.ok("extract_files", "--from", links, "--find-trials", path)
    cut(lab, path, links)
    assert "0 rows added" in cut(lab, path, links).out


# ---------------------------------------------------------------- trials


def test_corrected_trials_change_their_rows_and_keep_their_scores(lab):
    films = lab.film("films/Rat 1.mp4", n_frames=90).parent
    first = [("Rat 1.mp4", 0, 1), ("Rat 1.mp4", 1.5, 2), ("Rat 1.mp4", 2, 3)]
    trials = write_trials(lab, first)
    cut(lab, trials, films)
    lab.edit(lambda row: row.update(score=row["clip"][-1]))
    lab.extract(6)
    first[1] = ("Rat 1.mp4", 1.25, 2)
    told = cut(lab, write_trials(lab, first), films).out
    assert "start 1.5 -> 1.25" in told and "look at their scores again" in told
    rows = {row["clip"]: row for row in lab.rows()}
    assert rows["Rat 1_t02"]["start"] == "1.25" and rows["Rat 1_t02"]["score"] == "2"
    assert rows["Rat 1_t02"]["n_frames"] == str(
        sum(1.25 <= i / 30 < 2 for i in range(90))
    )
    told = lab.extract(6)
    assert "1 clips have changed" in told.err and "1 sequences written" in told.out

    first.insert(1, ("Rat 1.mp4", 1, 1.2))  # one that was missed: all others keep
    assert "1 row added" in cut(lab, write_trials(lab, first), films).out
    rows = {row["clip"]: (row["start"], row["score"]) for row in lab.rows()}
    assert rows == {
        "Rat 1_t01": ("0", "1"),
        "Rat 1_t02": ("1.25", "2"),
        "Rat 1_t03": ("2", "3"),
        "Rat 1_t04": ("1", ""),
    }
    told = cut(lab, write_trials(lab, first[2:]), films).out
    assert "2 listed trials" in told and len(lab.rows()) == 4


def test_a_second_table_of_trials_of_the_same_recording(lab):
    films = lab.film("films/Rat 1.mp4", n_frames=90).parent
    take_in(lab, films)  # the whole recording is a clip, too
    cut(lab, write_trials(lab, [("Rat 1.mp4", 0, 0.5), ("Rat 1.mp4", 0.5, 1)]), films)
    lab.score(lambda row: 3)
    before = lab.rows()
    more = write_trials(lab, [("Rat 1.mp4", 1, 1.5), ("Rat 1.mp4", 2, 2.5)], "more.csv")
    told = cut(lab, more, films).out
    assert "2 rows added" in told and "->" not in told
    assert lab.rows()[:3] == before
    new = [(row["clip"], row["start"], row["score"]) for row in lab.rows()[3:]]
    assert new == [("Rat 1_t03", "1", ""), ("Rat 1_t04", "2", "")]
    told = cut(lab, more, films).out
    assert "0 rows added" in told
    assert "2 listed trials" in told and "Rat 1_t01" in told


def test_trials_with_names_are_known_by_them(lab):
    films = lab.film("films/Rat 1.mp4", n_frames=90).parent
    columns = ("video", "start", "end", "clip", "animal")
    rows = [["Rat 1.mp4", 0, 0.5, "first", "A"], ["Rat 1.mp4", 1, 1.5, "second", "A"]]
    cut(lab, write_trials(lab, rows, columns=columns), films)
    rows[0][1:3], rows[0][4] = (2, 2.5), "B"  # all was wrong
    told = cut(lab, write_trials(lab, rows, columns=columns), films).out
    assert "start 0 -> 2" in told and "animal A" not in told
    assert by_clip(lab, "start") == {"first": "2", "second": "1"}
    assert by_clip(lab, "animal") == {"first": "A", "second": "A"}


def test_films_added_later_are_seen_as_those_of_the_first_day(lab):
    films = lab.record_animals(animals=2, clips=1)
    take_in(lab, films, "--crop", "8,0,40,48", "--mirror")
    for animal in (3, 4):
        lab.film(f"films/Rat {animal}/r{animal}_c1.mp4", animal)
    told = take_in(lab, films)
    assert "2 new clips taken with --crop 8,0,40,48 --mirror" in told.err
    assert {(r["crop"], r["mirror"]) for r in lab.rows()} == {("8 0 40 48", "yes")}
    lab.film("films/Rat 5/r5_c1.mp4", 5)
    assert "taken with" not in take_in(lab, films, "--crop", "0,0,64,48").err
    lab.film("films/Rat 6/r6_c1.mp4", 6)
    lab.edit(lambda row: row.update(crop="") if row["animal"] == "Rat 5" else None)
    assert "1 new clip shown in full, and not with" in take_in(lab, films).err
    assert lab.rows()[-1]["crop"] == ""


def test_a_trial_added_or_renamed_in_its_table(lab):
    films = lab.film("films/Rat 1.mp4", n_frames=90).parent
    columns = ("video", "start", "end", "clip")
    rows = [("Rat 1.mp4", 0, 1, "a"), ("Rat 1.mp4", 1, 2, "b")]
    path = write_trials(lab, rows, columns=columns)
    cut(lab, path, films, "--mirror")
    rows = [rows[0], (*rows[1][:3], "k4_d"), ("Rat 1.mp4", 2, 3, "c")]
    told = cut(lab, write_trials(lab, rows, columns=columns), films)
    assert "2 clips listed already; their splits, names and labels stay" in told.out
    assert by_clip(lab, "mirror") == {"a": "yes", "b": "yes", "c": "yes"}


def test_an_animal_of_the_table_in_another_group(lab):
    for place in ("one/sham/rat1", "two/stroke/rat1"):
        lab.film(f"{place}/{place[:3]}.mp4", len(place))
    take_in(lab, lab.place / "one")
    told = take_in(lab, lab.place / "two")
    assert "Rat 1 is in Stroke here and in Sham in the table" in told.err


def test_copies_and_films_that_are_not_there(lab):
    films = lab.film("films/rat1.mp4", 3).parent
    lab.film("films/rat2.mp4", 5)
    for name in ("rat1 (1)", "rat1 - Copy", "Kopie von rat1"):
        shutil.copy(films / "rat1.mp4", films / f"{name}.mp4")
    shutil.copy(films / "rat2.mp4", films / "rat9.mp4")
    lab.film("films/rat1.avi", 3, codec="mpeg4")
    lab.film("films/rat2DLC_resnet50_x_labeled.mp4", 5.1)
    lab.film("elsewhere/rat5.mp4", 7)
    (films / ".rat3.mov.icloud").touch()
    (films / "rat4.mp4").symlink_to("nowhere")
    (films / "more").symlink_to(lab.place / "elsewhere")
    (films / "loop").symlink_to("..")
    told = take_in(lab, films)
    assert set(by_clip(lab, "clip")) == {"rat1", "rat2", "rat5", "rat9"}
    for word in (".rat3.mov.icloud", "rat4.mp4 (a broken link)", "5 copies not listed"):
        assert word in told.err
    assert "same content under two names: rat2.mp4 and rat9.mp4" in told.err
    assert "0 rows added" in take_in(lab, films).out


def test_a_region_given_later_is_applied(lab):
    films = lab.record_animals(animals=2, clips=2)
    take_in(lab, films)
    lab.extract()
    told = take_in(lab, films, "--crop", "8,8,40,32").out
    assert "4 rows" in told and "crop" in told
    assert set(by_clip(lab, "crop").values()) == {"8 8 40 32"}
    told = lab.extract()
    assert "4 clips have changed" in told.err and "4 sequences written" in told.out
    take_in(lab, films)  # without the option the region stays
    assert set(by_clip(lab, "crop").values()) == {"8 8 40 32"}


def test_a_region_given_later_to_published_clips(lab):
    for number in (1, 2):
        lab.film(f"data/train/Reach/v_Control_g0{number}_c01.avi", codec="mpeg4")
    lab.ok("extract_files", "--append")
    lab.edit(lambda row: row.update(score="1"))
    lab.ok("extract_files", "--append", "--crop", "0,0,32,32", "--mirror")
    assert set(by_clip(lab, "crop").values()) == {"0 0 32 32"}
    assert set(by_clip(lab, "mirror").values()) == {"yes"}
    assert set(by_clip(lab, "score").values()) == {"1"}


def test_a_listed_clip_without_its_video_is_named(lab):
    films = lab.record_animals(animals=3, clips=2)
    take_in(lab, films)
    (films / "Rat 2" / "r2_c1.mp4").unlink()
    told = take_in(lab, films)
    assert "1 listed clip without a video: r2_c1" in told.err
