"""Show what a trained network looked at: frames, features, places, movement elements.

    python explain.py --run Reach-lstm
    python explain.py --run Reach-lstm --clip v_RatStrokeApl27_g13_c02 --video
    python explain.py --run g04-features --compare g05-features --occlusion

Reads   data/data_file.csv, data/sequences/, data/checkpoints/, and frames or videos
Writes  data/figures/<run>/: index.html, CSV tables, PNG figures, films
Cost    about 5 minutes and 3.4 GB for 20 clips of 125 frames and 2,048 units on two
        cores; for small networks little more than the extraction of the key frames.

Everything explains the value before the last ReLU, so a score that was clipped to 0
is explained too.
"""

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import console
import data
import files
import runs
from console import Problem


class Study(NamedTuple):
    """A run, the clips that it explains, and what was found."""

    folder: Path  # where everything is written
    record: dict
    clips: list
    table: Any  # pandas.DataFrame, a row a clip
    sequences: Any  # float32 (N, T, F)
    members: list
    explained: Any  # explanation.Explanation
    pictures: Any  # pictures.Pictures


# ---------------------------------------------------------------- gathering


def choose(args, clips, record):
    """Choose clips by name, in the order given, or those of a split, each once."""

    known = {clip.name: clip for clip in clips}
    if args.clip:
        if missing := [name for name in args.clip if name not in known]:
            raise Problem(f"data_file.csv has no clip {', '.join(missing)}")
        return [known[name] for name in dict.fromkeys(args.clip)]
    split = None if args.split == "all" else args.split
    return runs.choose_clips(clips, record, split)


def open_pictures(args, clips, record):
    """Open what shows frames; without an extractor there are no places.

    Returns
    -------
    (pictures.Pictures, str)
        And why there are no places, or "".
    """
    import frames
    from explaining import pictures

    extractor, reason = None, ""
    for clip in clips:  # one with pictures is enough to open the extractor for
        try:
            frames.find_source(args.data, clip)
            reason = ""
            break
        except Problem as problem:
            reason = reason or str(problem)
    if args.no_places:
        reason = "--no-places was given"
    elif not reason:
        try:
            extractor = runs.open_extractor(record, args.weights)
        except Problem as problem:
            reason = str(problem)
    return pictures.Pictures(args.data, clips, record, extractor), reason


def gather(args):
    """Read a run and its clips, and explain them.

    Returns
    -------
    (Study, str)
        And why there are no places, or "".
    """
    import numpy as np

    from explaining import explanation, members

    model, record = runs.read_run(runs.find_run(args.data, args.run))
    runs.check_extraction(args.data, record)
    clips = data.read_clips(args.data, args.task)
    chosen = choose(args, clips, record)
    pattern = args.animal_pattern or record.get("animal_pattern", data.ANIMAL_PATTERN)
    group_pattern = args.group_pattern or record.get(
        "group_pattern", data.GROUP_PATTERN
    )
    table = data.tabulate_clips(
        chosen, data.list_animals(chosen, pattern), group_pattern
    )
    sequences = np.stack(list(runs.read_sequences(args.data, table["clip"], record)))
    parts = members.open_members(model)
    explained = explanation.explain(parts, sequences)
    table = table.assign(
        network_score=explained.scores,
        value=explained.value,
        clipped=explained.clipped,
        seen=runs.describe_seen(table["clip"], table["animal"], record),
    )
    shown, reason = open_pictures(args, chosen, record)
    folder = files.figures_folder(args.data, record["run"])
    study = Study(folder, record, chosen, table, sequences, parts, explained, shown)
    return study, reason


# ---------------------------------------------------------------- tables


def write_table(table, path):
    with files.replacing(path) as temporary:
        table.to_csv(temporary, index=False)


def write_tables(study):
    """Write what was found of every clip as CSV tables."""
    import numpy as np
    import pandas as pd

    explained = study.explained
    attribution = explained.attribution
    extra = {
        "bias": explained.bias,
        "attribution_sum": explained.features.sum(axis=1),
        "gain": attribution.gain,
        "residual": attribution.residual,
        "path_steps": attribution.steps,
    }
    write_table(study.table.assign(**extra), study.folder / "clips.csv")
    n_steps = explained.shares.shape[1]
    length = study.sequences.shape[1] // n_steps
    first = np.arange(n_steps) * length + 1
    for row, name in enumerate(study.table["clip"]):
        steps = {
            "step": np.arange(1, n_steps + 1),
            "first_frame": first,
            "last_frame": first + length - 1,
            "share": explained.shares[row],
        }
        write_table(pd.DataFrame(steps), study.folder / "shares" / f"{name}.csv")
        frames = {
            "frame": np.arange(1, study.sequences.shape[1] + 1),
            "attribution": explained.frames[row],
            "beyond_mean_frame": explained.beyond[row],
        }
        write_table(pd.DataFrame(frames), study.folder / "frames" / f"{name}.csv")


# ---------------------------------------------------------------- other networks


def find_others(args):
    """Find the checkpoints to compare with, before anything expensive starts."""
    own = runs.find_run(args.data, args.run)
    paths = [runs.find_run(args.data, name) for name in args.compare or []]
    if own in paths:
        raise Problem("--compare needs another run than the one explained")
    return paths


def compare_runs(args, study, paths):
    """Find the importance of features in other runs on the same clips.

    Two folds of one cross-validation bring in all of its folds.

    Returns
    -------
    dict of str to float (F,)
        The runs named first; and whether they are all folds of one.
    """
    from explaining import explanation, members

    _, other = runs.read_run(paths[0])
    scheme, theirs = (record.get("scheme") or {} for record in (study.record, other))
    same = [(s.get("kind"), s.get("prefix")) for s in (scheme, theirs)]
    are_folds = bool(scheme) and same[0] == same[1]
    if are_folds:
        found = runs.find_folds(args.data, *same[0], study.record["task"])
        paths += [p for p, _ in found if p not in paths]
    importances = {}
    for path in paths:
        model, record = runs.read_run(path)
        if record["run"] == study.record["run"]:
            continue
        runs.check_extraction(args.data, record)
        if model.input_shape[1:] != study.sequences.shape[1:]:
            raise Problem(
                f"{record['run']} takes sequences {model.input_shape[1:]}; those here "
                f"are {study.sequences.shape[1:]}"
            )
        parts = members.open_members(model)
        importances[record["run"]] = explanation.explain(
            parts, study.sequences
        ).importance
    return importances, are_folds


# ---------------------------------------------------------------- the script


def parse_args(argv):
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=console.HelpFormatter
    )
    what = parser.add_argument_group("what")
    what.add_argument("--data", type=Path, default=files.DEFAULT_FOLDER, metavar="DIR")
    what.add_argument("--run", help="name or file of a run; the newest one by default")
    what.add_argument("--clip", action="append", metavar="NAME", help="only this clip")
    what.add_argument("--split", choices=(*data.SPLITS, "all"), default="test")
    what.add_argument("--task", help="only this task; the run's own by default")
    what.add_argument(
        "--weights", help="where the run's InceptionV3 weights are, if they moved"
    )
    how = parser.add_argument_group("how")
    number = console.positive_int
    how.add_argument("--top", type=number, default=8, help="key frames of a clip")
    how.add_argument(
        "--space",
        choices=("hidden", "features"),
        default="hidden",
        help="of frames: the LSTM's hidden states, or features by their importance",
    )
    how.add_argument(
        "--elements", type=number, default=6, help="movement elements to look for"
    )
    how.add_argument("--no-places", action="store_true", help="skip the extraction")
    for name, what_for in (("animal", "the run's own"), ("group", "the run's own")):
        how.add_argument(
            f"--{name}-pattern",
            type=console.pattern,
            metavar="RE",
            help=f"finds the {name} in a clip name; {what_for} by default",
        )
    more = parser.add_argument_group("more")
    more.add_argument(
        "--compare",
        action="append",
        metavar="OTHER_RUN",
        help="importance of the features in another run; of two folds, in all folds",
    )
    more.add_argument(
        "--occlusion",
        action="store_true",
        help="check places by covering them: 64 extractions a frame",
    )
    more.add_argument(
        "--video", action="store_true", help="film each --clip, else the highest score"
    )
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    from explaining import clip_sections, frame_sections, sections

    others = find_others(args)
    study, reason = gather(args)
    write_tables(study)
    page, results = sections.open_page(study, args)
    relative = sections.add_checks(page, study, results)
    clip_sections.add_clips(page, study, results, args.top, reason)
    if args.occlusion:
        clip_sections.add_occlusion(page, study, results)
    if args.video:
        clip_sections.add_films(page, study, args.clip)
    sections.add_features(page, study, relative)
    labels = frame_sections.add_space(page, study, args.space, args.elements)
    frame_sections.add_elements(page, study, results, *labels)
    if others:
        importances, are_folds = compare_runs(args, study, others)
        sections.add_comparison(page, study, results, importances, are_folds)
    sections.finish(page, study, results)
    print(f"\npage: {study.folder / 'index.html'}")


if __name__ == "__main__":
    console.run(main)
