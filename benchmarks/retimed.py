"""Does a score see the order of frames, where nothing else tells the deficit?

    python benchmarks/retimed.py OUT [VIDEO ...] --weights FILE
    python benchmarks/models.py OUT/hesitation OUT/restart OUT/tremor

Takes six moments of one clip of each animal (the one that moves most; without videos
drawn animals reach) and shows each of them three times, in graded orders:

    hesitation  the movement forth, back and forth; half of it held; all of it held
    restart     forth, back and forth over the whole, over halves, over thirds
    tremor      all of it held; the order shuffled within a short, and a longer time

So all versions of a clip have the same frames equally often, and whatever ignores their
order is at chance. Every frame gets fresh noise before the video is encoded, so that a
picture that is shown again is not the same. Writes three working folders of sequences
with scores 0, 1 and 2. About 7 minutes for 18 animals on one core.
"""

import argparse
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import data
from features import sequences
from synthetic import drawing
from system import storage, tables, terminal
from video import frames

N_MOMENTS, N_SHOWN = 6, 3  # of a clip; times that each is shown
N_FRAMES = N_MOMENTS * N_SHOWN
NOISE, CRF = 2.0, 8  # grey levels; little enough loss that the noise stays
N_DRAWN = 16  # animals
SETS = {
    "hesitation": ("swept", "half held", "held"),
    "restart": ("swept", "in halves", "in thirds"),
    "tremor": ("held", "trembling", "trembling more"),
}


def sweep(moments):
    return [*moments, *moments[::-1], *moments]


def plan_orders(rng):
    """Plan in which order the moments are shown: by version, int (N_FRAMES,)."""
    moments = np.arange(N_MOMENTS)
    held, half = np.repeat(moments, N_SHOWN), N_MOMENTS // 2

    def shuffle(reach):  # each frame is shown up to so many frames late
        return held[np.argsort(np.arange(N_FRAMES) + rng.uniform(0, reach, N_FRAMES))]

    halves = [sweep(moments[:half]), held[half * N_SHOWN :]]
    if rng.random() < 0.5:
        halves = [held[: half * N_SHOWN], sweep(moments[half:])]
    return {
        "swept": sweep(moments),
        "half held": np.concatenate(halves),
        "held": held,
        "in halves": np.concatenate([sweep(part) for part in np.split(moments, 2)]),
        "in thirds": np.concatenate([sweep(part) for part in np.split(moments, 3)]),
        "trembling": shuffle(4),
        "trembling more": shuffle(8),
    }


def read(path, *how):
    return frames.read_reel(frames.open_reel(path), *how)[0]


def read_moments(videos):
    """Read the moments of the clip of each animal that moves most, by animal."""
    found = {}
    for video in videos:
        pictures = np.array(read(video, N_MOMENTS, "uniform"))
        moved = np.abs(np.diff(pictures.astype(np.int16), axis=0)).mean()
        animal = data.animal_of(video.stem)
        if moved > found.get(animal, (0,))[0]:
            found[animal] = moved, pictures
    return {animal: pictures for animal, (_, pictures) in found.items()}


def draw_moments(rng):
    """Draw animals that reach for the pellet, by name."""
    home, aim = np.array(drawing.PAW_AT_REST), np.array(drawing.PELLET)
    found = {}
    for number in range(N_DRAWN):
        look, pictures = drawing.choose_look(rng), []
        for out in np.linspace(0, 1, N_MOMENTS):
            paw = home + out * (aim - home) + rng.normal(0, 2, 2)
            pose = drawing.Pose(tuple(paw), 14 * out)
            pictures.append(drawing.draw_frame(pose, look, rng))
        found[f"drawn{number:02d}"] = np.array(pictures)
    return found


def film(path, pictures, rng):
    """Write a video of pictures (T, H, W, 3), each with fresh noise."""
    noisy = pictures + rng.normal(0, NOISE, pictures.shape)
    frames.write_video(path, np.clip(noisy + 0.5, 0, 255).astype(np.uint8), 15, CRF)
    return path


def film_all(folder, animals, seed):
    """Film every version of every animal; yields what `Extractor.stream` takes."""
    for animal, pictures in animals.items():
        rng = np.random.default_rng([seed, zlib.crc32(animal.encode())])
        for version, order in plan_orders(rng).items():
            name = f"{animal}-{version.replace(' ', '-')}"
            path = film(Path(folder) / f"{name}.mp4", pictures[order], rng)
            yield (
                (animal, version, name),
                lambda path=path: read(path, N_FRAMES, "stride", frames.resize_frame),
            )


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--seed", type=terminal.seed, default=0)
    args = parser.parse_args(argv)
    from extractor import Extractor

    if args.videos:
        animals = read_moments(args.videos)
    else:
        animals = draw_moments(np.random.default_rng(args.seed))
    extractor, rows = Extractor(args.weights), {name: [] for name in SETS}
    extractor.choose(sequences.KINDS)
    record = extractor.record | {"sampling": "stride", "n_frames": N_FRAMES}
    with tempfile.TemporaryDirectory() as folder:
        films = film_all(folder, animals, args.seed)
        for (animal, version, name), found in extractor.stream(films):
            for of_set, versions in SETS.items():
                if version in versions:
                    score = versions.index(version)
                    row = ("train", of_set, name, N_FRAMES, score, animal)
                    rows[of_set].append(row)
                    for kind, sequence in extractor.split(found).items():
                        place = args.out / of_set
                        sequences.write_sequence(place, name, sequence, kind)
    columns = ("split", "task", "clip", "n_frames", "score", "animal")
    for of_set, own in rows.items():
        tables.write_table(storage.table_path(args.out / of_set), columns, own)
        sequences.write_extraction(args.out / of_set, record)
    print(f"{len(animals)} animals, {len(SETS)} folders in {args.out}")


if __name__ == "__main__":
    terminal.run(main)
