"""Find clips, cut them out of recordings, and write their rows of `data_file.csv`.

    python extract_files.py --from my_videos
    python extract_files.py --from my_videos --find-trials trials.csv
    python extract_files.py --from my_videos --cut trials.csv --crop 200,90,320,240
    python extract_files.py --append

Reads   videos at any depth below --from, which stay where they are; without --from
        data/<split>/<task>/<clip>.avi (or mp4, mov, mkv, wmv, mts, tif, ...)
Writes  rows of data_file.csv; pictures of what will be seen; without --rows-only the
        frames of data/<split>/<task>/<clip>.avi, <clip>-0001.jpg, ...
Cost    about 200 frames a second; a clip of 251 small frames takes 3 MB as JPEG.

Slicing is optional: extract_features.py reads videos as they are.
"""

import contextlib
import filecmp
import math
import unicodedata
from pathlib import Path

import data
from recordings import (
    animals,
    contact_sheets,
    discover,
    folders,
    known,
    listing,
    trials,
)
from runs import state
from system import storage, tables, terminal
from system.tables import count
from system.terminal import Problem
from video import frames

TIMES = {"start", "end", "n_frames", "fps"}  # columns that tell which part a clip is
MP4_LOSS = 12  # of H.264; nothing that can be seen


# ---------------------------------------------------------------- one clip


def measure_clip(clip, reel):
    """Count the frames of a clip in its video."""
    view = frames.find_view(clip, reel.n_frames, reel.rate)
    return view.end - view.start


def report_notes(clip, reel):
    for note in reel.list_notes():
        terminal.caution(f"{Path(clip.video).name}: {note}")


def settle(clip, folder, save_as, allow_short):
    """Count the frames of a clip, or write them to files; returns its row."""
    if save_as == "rows":
        if not clip.n_frames:
            reel = frames.open_reel(clip.video, allow_short)
            list(reel.iterate(()))  # all is decoded, nothing kept
            report_notes(clip, reel)
            clip = clip._replace(n_frames=measure_clip(clip, reel))
        # Found in the working folder wherever that moves.
        return clip._replace(video=discover.place_in(folder, clip.video, clip.video))
    reel = frames.open_reel(clip.video, allow_short)
    view = frames.find_view(clip, reel.n_frames, reel.rate or 1)
    pictures = reel.iterate(None, view.start, view.end)
    place = folder / clip.split / clip.task
    row = clip._replace(video=None, start=None, end=None)
    if save_as == "mp4":
        if not (rate := clip.fps or reel.rate):
            raise Problem(f"{clip.video} tells no frame rate: give --save-as jpg")
        with storage.replacing(place / f"{clip.name}.mp4") as temporary:
            frames.write_video(temporary, pictures, rate, crf=MP4_LOSS)
        report_notes(clip, reel)
        return row._replace(fps=None)  # the new film tells it
    part = f"{tables.write_field(clip.start)} {tables.write_field(clip.end)}".strip()
    n_frames = frames.write_images(place, clip.name, pictures, clip.video, part)
    report_notes(clip, reel)
    return row._replace(n_frames=n_frames)


def settle_all(found, folder, save_as, allow_short):
    """Settle the clips of Knowns: those that are done, and why the others are not."""
    from tqdm import tqdm

    settled, failed = [], []
    for one in tqdm(found, desc="reading", unit="clip", disable=None):
        try:
            clip = settle(one.clip, folder, save_as, allow_short)
            settled.append(one._replace(clip=clip))
        except Problem as problem:
            failed.append(f"{one.clip.name}: {problem}")
    return settled, failed


# ---------------------------------------------------------------- published layout


def find_videos(folder, split=None, task=None):
    """List the videos in the published layout."""
    found = [
        path
        for one_split in data.SPLITS
        for path in sorted((folder / one_split).glob("*/*"))
        if split in (None, one_split) and task in (None, path.parent.name)
    ]
    if not (chosen := folders.pick_videos([p for p in found if p.is_file()])):
        raise Problem(f"no video in {folder}/<split>/<task>/. Expected say train/Reach")
    return chosen


def check_names(videos):
    """Find the videos that cannot become a row of `data_file.csv`: what is wrong."""
    faults, earlier = {}, {}  # by path; the first video of each name
    for path in videos:
        for what, name in (("task", path.parent.name), ("clip", path.stem)):
            if fault := storage.find_name_fault(name):
                faults[path] = f"{what} {name!r} {fault}. Rename it"
        first = earlier.setdefault(unicodedata.normalize("NFC", path.stem), path)
        if first.parent == path.parent and first != path:
            faults[path] = f"two videos of one clip: {first} and {path.name}"
        elif not filecmp.cmp(first, path, shallow=False):
            faults[path] = (
                f"{path} is another video than {first}, and a clip is known by its "
                "name alone. Rename one"
            )
    return faults


def slice_published(args):
    """Slice and list the videos in the published layout."""
    videos, rows = find_videos(args.data, args.split, args.task), []
    if args.append:  # faults before the work
        _, rows = listing.open_listed(storage.table_path(args.data))
    faults, there = check_names(videos), {listing.key_of(row): row for row in rows}
    seen = {"crop": args.crop, "mirror": args.mirror or None}
    clips = [
        data.Clip(*path.parts[-3:-1], path.stem, 0, math.nan, video=str(path), **seen)
        for path in videos
        if path not in faults
    ]
    draw_crops(args.data, clips)
    save_as = "rows" if args.rows_only else "jpg"
    new = [known.Known(clip) for clip in clips]
    settled, failed = settle_all(new, args.data, save_as, args.allow_short)
    found = [one.clip._replace(video=None) for one in settled]
    if args.append:
        listed = known.Listed(args.data, args.data, rows)
        pairs = [(clip, there.get(listing.key_of(clip))) for clip in found]
        list_rows(args.data, [listed.compare(*pair) for pair in pairs])
    else:
        fields = [listing.list_fields(clip, data.COLUMNS) for clip in found]
        print(tables.format_rows(fields), end="")
    return terminal.report_failed([*faults.values(), *failed], len(videos))


# ---------------------------------------------------------------- recordings


def gather(args, listed):
    """Make the clips of a folder of videos, or of a table of trials in them."""
    if args.cut:
        clips = trials.read_trials(
            args.cut,
            args.source,
            in_frames=args.times == "frames",
            as_files=args.save_as != "rows",
            split=args.split,
            task=args.task,
            allow_short=args.allow_short,
        )
    else:
        videos = folders.drop_copies(folders.find_videos(args.source), listed.at)
        clips = discover.guess_clips(args.source, videos, args.split, args.task)
    return [
        clip._replace(
            crop=clip.crop or args.crop,
            mirror=args.mirror or None if clip.mirror is None else clip.mirror,
        )
        for clip in clips
    ]


def draw_crops(folder, clips):
    """Draw what will be seen of each video, where it is not all, and say where."""
    if any(clip.crop or clip.mirror for clip in clips):
        written = contact_sheets.draw_crops(storage.crops_path(folder), clips)
        if written:
            print(f"what will be seen is drawn in {', '.join(map(str, written))}")


def has_changed(one, allow_short):
    """Tell whether a clip is new, or is no longer what its row says."""
    if one.row is None or one.changes:
        return True
    try:
        reel = one.row.video and frames.open_reel(one.clip.video, allow_short)
        return bool(reel) and measure_clip(one.clip, reel) != one.row.n_frames
    except Problem:
        return True  # what is wrong is said when it is read


def recognise(args, listed):
    """Find the clips of recordings, and which row of the table each is: Knowns."""
    clips = gather(args, listed)
    found = listed.recognise(clips, args.task)
    if args.animals:
        rows = [one.row for one in found]
        told = animals.find_labels(clips, args.animals, args.source, rows)
        found = known.follow_table(found, told)
    if not (args.crop or args.mirror):
        listed.inherit_region(found)
    if not args.cut:
        listed.inherit(found, clips)
    return found


def show(args, listed, found):
    """Show what was found, and what is to change in the table."""
    shown = sorted(found, key=lambda one: bool(one.row and not one.changes))
    rows = {one.row for one in found}
    others = [row for row in listed.rows if row not in rows]
    clips = [one.show_listed() for one in shown]
    print("\n".join(discover.describe_guess(clips, others)))
    draw_crops(args.data, [one.clip for one in found])
    for line in known.describe_changes(found):
        print(line)
    if args.cut and (dropped := listed.find_dropped(found)):
        told = f"not in {args.cut} any more, and kept (for example {dropped[0]})"
        print(f"{count(len(dropped), 'listed trial')} {told}")
    listed.warn_of_gone(found)


def take_in(args):
    """List the clips of recordings in the table, once a person has agreed."""
    path = storage.table_path(args.data)
    listed = known.Listed(args.data, args.source, listing.open_listed(path)[1])
    found = recognise(args, listed)
    show(args, listed, found)
    if args.save_as == "rows":
        found = [one for one in found if has_changed(one, args.allow_short)]
    if not found:
        print(f"0 rows added to {path}: all are listed already")
        return 0
    if not args.yes:
        print("nothing was written. If this is right, give the command with --yes")
        return 0
    rows, failed = settle_all(found, args.data, args.save_as, args.allow_short)
    list_rows(args.data, rows)
    return terminal.report_failed(failed, len(found))


def list_rows(folder, found):
    """Add rows of new clips to the table, and change those of clips that changed."""
    path = storage.table_path(folder)
    changed = [one for one in found if one.row and one.list_columns()]
    pairs = [(one.clip, one.list_columns()) for one in changed]
    new = [one.clip for one in found if not one.row]
    n_new = listing.change_table(folder, pairs, new)
    if changed:
        print(f"{count(len(changed), 'row')} of {path} changed; scores are kept")
    scored = [one for one in changed if one.row.is_scored]
    if others := [o.clip.name for o in scored if TIMES & {*o.list_columns()}]:
        told = f"scored clips are other parts of films now (say, {others[0]})"
        print(f"{len(others)} {told}: look at their scores again")
    print(f"{count(n_new, 'row')} added to {path}; fill in the scores")
    print("(train rows need one; test rows may stay without)")


def propose_trials(args):
    """Write a table of trials for a person to correct, and a sheet of their frames."""
    path = args.find_trials
    if path.exists():
        told = f"Move it away, or cut with --cut {path}"
        raise Problem(f"{path} is there already. {told}")
    videos = folders.find_videos(args.source)
    found = discover.guess_clips(args.source, videos, args.split, args.task)
    clips = list(trials.propose(found, args.crop))
    if not clips:
        raise Problem(
            f"no trial was found in {count(len(videos), 'video')}: nothing moves, or "
            "something moves all the time. Try another --crop"
        )
    trials.write_trials(path, clips, args.source)
    written = contact_sheets.draw_trials(path.with_suffix(".png"), clips)
    n_trials, n_videos = count(len(clips), "trial"), count(len(videos), "video")
    print(f"{n_trials} in {n_videos} proposed in {path}, drawn in")
    print(f"{', '.join(map(str, written))}. Correct the table, then give --cut {path}")


# ---------------------------------------------------------------- the script


def parse_args(argv):
    parser = terminal.Parser(__doc__)
    add = terminal.begin_options(parser)
    add("--data", Path, "working folder", default=storage.DEFAULT_FOLDER)
    add("--split", data.SPLITS, "only this split")
    add("--task", str, "only this task")
    add("--append", bool, "add the rows to data_file.csv; without it they are printed")
    add("--rows-only", bool, "list the clips, and write no image of their frames")
    add("--allow-short", bool, "use what can be read of truncated videos")
    add = terminal.begin_options(parser, "recordings")
    text = "folder of recordings, searched at any depth"
    add("--from", Path, text, dest="source", metavar="DIR", action="append")
    add("--yes", bool, "write the rows; without it they are only shown")
    text = "table of trials: video,start,end[,clip,animal,...]"
    add("--cut", Path, text, metavar="CSV")
    text = "unit of start and end: seconds, also as m:ss, or frame numbers from 0; the "
    text += "end is not part of the trial"
    add("--times", ("seconds", "frames"), text, default="seconds")
    text = "save trials as rows that point into the recording, or as files"
    add("--save-as", ("rows", "jpg", "mp4"), text, default="rows")
    text = "write a table of trials, proposed from movement"
    add("--find-trials", Path, text, metavar="CSV")
    text = "table of animal,group,session or others; listed clips are updated, too"
    add("--animals", Path, text, metavar="TABLE")
    add("--undo", bool, "restore data_file.csv as it was before the last change")
    region = terminal.checked(data.read_crop, bool, "x,y,w,h in whole pixels")
    text = "use only this region; a column crop may give single clips another"
    add("--crop", region, text, metavar="X,Y,W,H")
    add("--mirror", bool, "exchange left and right")
    args = parser.parse_args(argv)
    folder = args.source or args.cut
    if len(args.source or ()) > 1:
        parser.error("--from names one folder. Give others one by one")
    if args.find_trials and not args.source:
        parser.error("--find-trials needs --from DIR")
    if args.save_as != "rows" and not args.cut:
        parser.error("--save-as goes with --cut")
    if args.animals and not folder:
        parser.error("--animals goes with --from or --cut")
    if (args.crop or args.mirror) and not (folder or args.append):
        parser.error("--crop and --mirror go with --from, --cut or --append")
    args.source = args.source[0] if args.source else args.cut and args.cut.parent
    return args


def main(argv=None):
    args = parse_args(argv)
    if args.undo:
        return print(listing.undo(args.data))
    if args.find_trials:
        return propose_trials(args)
    work = take_in if args.source else slice_published
    table, writes = storage.table_path(args.data), args.append or not args.rows_only
    with storage.claim(table) if writes else contextlib.nullcontext():
        code = work(args)
    if work is take_in and table.is_file():
        print(state.format_state(args.data))
    return code


if __name__ == "__main__":
    terminal.run(main)
