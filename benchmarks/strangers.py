"""How many new videos are said to be out of distribution, by kind?

    python benchmarks/strangers.py data/mice --others data/fights
    python benchmarks/strangers.py data/mice --clips 12

A third of the animals of a working folder are new, the others the training, ten times
over: how often are features of a new animal said to be novel (a false alarm), and how
often those of another folder's clips? With --clips some clips of new animals are
darkened, cropped, slowed and mirrored before they are extracted.

Cost    a minute; --clips some seconds a clip and kind.
"""

import argparse
import collections
import dataclasses
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import data
from features import provenance, sequences
from runs import novelty
from runs.record import check_record
from video import find, frames

N_REPEATS = 10
KINDS = ("as it is", "darkened", "cropped", "slowed", "mirrored")


def read_folder(folder):
    """Read the clips of a folder, once each: clips, animals, sequences, extraction."""
    extraction = sequences.read_extraction(folder)
    clips = list({clip.name: clip for clip in data.read_clips(folder)}.values())
    read = [
        sequences.read_sequence(folder, clip.name, extraction["n_frames"])
        for clip in clips
    ]
    return clips, np.array(data.list_animals(clips)), read, extraction


def split_animals(animals, random):
    """Draw a third of the animals as new: bool (N,)."""
    names = random.permutation(np.unique(animals))
    return np.isin(animals, names[: len(names) // 3])


def share_flagged(features, directions, animals=None):
    """Share of clips said to be novel; of each animal's clips first, if told."""
    centres = np.array(features.centres)
    odd = novelty.measure_distances(directions, centres) > features.limit
    if animals is None:
        return odd.mean()
    return np.mean([odd[animals == name].mean() for name in np.unique(animals)])


def measure_features(animals, directions, others):
    """Print the share of false alarms, and of other folders' clips that are named."""
    random, found = np.random.default_rng(0), collections.defaultdict(list)
    for _ in range(N_REPEATS):
        new = split_animals(animals, random)
        features = novelty.describe_features(directions[~new], animals[~new])
        found["stated"].append(features.false_alarms)
        alarms = share_flagged(features, directions[new], animals[new])
        found["new animals"].append(alarms)
        for name, other in others.items():
            found[f"clips of {name}"].append(share_flagged(features, other))
    for name, shares in found.items():
        print(f"features, {name}: {np.mean(shares):.1%} named")


def change(frame, kind):
    return (frame * 0.4).astype(np.uint8) if kind == "darkened" else frame


def view_as(kind, width, height):
    middle = (width // 4, height // 4, width // 2, height // 2)
    crop = middle if kind == "cropped" else None
    return frames.View(crop=crop, mirror=kind == "mirrored")


def measure_kinds(folder, clips, animals, directions, extraction, n_clips):
    """Print how many of changed clips of new animals are named, and for what."""
    from extractor import Extractor

    new = split_animals(animals, np.random.default_rng(0))
    names = [clip.name for clip in clips]
    length, known = extraction["n_frames"], np.flatnonzero(~new)
    record = {
        "name": "all",
        "model": "motion",
        "n_frames": length,
        "n_features": directions.shape[1],
        "options": {},
        "extraction": extraction,
        "train_clips": {names[i]: clips[i].score for i in known},
        "animals": {names[i]: str(animals[i]) for i in known},
        "sha256": "",
    }
    run = check_record("all", record)
    likeness = novelty.describe_clips(folder, run)
    run = dataclasses.replace(run, clips_were=likeness)
    extractor = Extractor(extraction["weights"])
    found = provenance.read_origins(folder)
    for kind in KINDS:
        counts = collections.Counter()
        for i in np.flatnonzero(new)[:n_clips]:
            origin, resizer = found[names[i], length], frames.Resizer()
            (path,) = find.find_source(folder, clips[i])
            view = view_as(kind, *map(int, origin.size.split("x")))
            chosen, n = frames.read_reel(
                frames.open_reel(path),
                *(length, extraction["sampling"]),
                lambda frame: resizer(change(frame, kind)),  # noqa: B023
                view,
            )
            rate = origin.fps / 3 if kind == "slowed" else origin.fps
            look = novelty.Look(n, rate, resizer.size, resizer.brightness)
            score = clips[i].score
            odd = novelty.list_warnings(run, look, score, extractor(chosen))
            counts.update([*odd, "any"] if odd else [])
        told = ", ".join(f"{name} {n}" for name, n in counts.items()) or "none"
        print(f"{kind}: of {min(n_clips, new.sum())} clips {told}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--others", type=Path, nargs="*", default=[], metavar="DIR")
    parser.add_argument("--clips", type=int, default=0)
    args = parser.parse_args()
    clips, animals, read, extraction = read_folder(args.folder)
    directions = np.stack([novelty.point(sequence) for sequence in read])
    others = {
        each.name: np.stack([novelty.point(s) for s in read_folder(each)[2]])
        for each in args.others
    }
    measure_features(animals, directions, others)
    if args.clips:
        measure_kinds(args.folder, clips, animals, directions, extraction, args.clips)


if __name__ == "__main__":
    main()
