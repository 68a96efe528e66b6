"""Try the whole pipeline on artificial animals: draw, extract, train, validate, score.

    python demo.py

Reads   nothing; ImageNet weights are downloaded where there is internet
Writes  a working folder of its own, demo_data/
Cost    2 to 3 minutes on two cores

The animals are drawn, not real: the demo shows that the pipeline works and what its
results look like, and says nothing about how well it scores real animals.
"""

import csv
import importlib
import shlex
import shutil
from pathlib import Path
from typing import NamedTuple

from system import terminal  # isort: skip, it says in a line where packages are missing
import numpy as np

import data
from system import storage
from system.terminal import Problem

FOLDER = Path(__file__).parent / "demo_data"
TASK, RUN = "Reach", "Reach-motion"
N_ANIMALS, N_CLIPS, N_TEST = 20, 3, 5  # a third of the animals are healthy
CLIP_FRAMES = 20  # all of them are in a sequence
DATE = "May2"
MARK = "demo.json"  # tells our folder from other people's
OURS = ("train", "test", "sequences", "checkpoints", "logs", "predictions", "figures")
OUR_FILES = ("data_file.csv", "truth.csv", "frames.png", MARK)
LEAST = 6  # animals, for test animals apart from the others
N_SHOWN = 8  # frames of a clip in frames.png
MODEL = "motion"  # reads movement, and few clips are enough for it


class Animal(NamedTuple):
    name: str
    group: str
    split: str
    deficits: list  # the true one of each clip


def choose_animals(rng, n_animals=N_ANIMALS, n_clips=N_CLIPS):
    """Choose deficits of the animals, and test animals that span them."""
    n_control = round(0.35 * n_animals)
    healthy = rng.choice([0.0, 0.5, 1.0], n_control)
    impaired = np.round(2 * np.linspace(1, 5, n_animals - n_control)) / 2
    levels = [("Control", x) for x in healthy] + [("Stroke", x) for x in impaired]
    ranked = sorted(range(len(levels)), key=lambda i: levels[i][1])
    inner, n_test = ranked[1:-1], min(N_TEST, len(levels) // 3)
    test = {int(rng.choice(part)) for part in np.array_split(inner, n_test)}
    numbers = rng.permutation(len(levels)) + 1  # the number tells nothing
    animals = []
    for i, (group, level) in enumerate(levels):
        steps = rng.choice([-0.5, 0.0, 0.5], n_clips)
        deficits = [float(min(max(level + step, 0.0), 5.0)) for step in steps]
        split = "test" if i in test else "train"
        animals.append(Animal(f"g{numbers[i]:02d}", group, split, deficits))
    return sorted(animals)


def clip_path(folder, animal, number):
    name = f"v_Drawn{animal.group}{DATE}_{animal.name}_c{number:02d}"
    return Path(folder) / animal.split / TASK / f"{name}.mp4"


def draw_data_set(folder, animals, rng, n_frames=CLIP_FRAMES):
    """Draw every clip and write videos, data_file.csv and truth.csv."""
    from tqdm import tqdm

    from synthetic import drawing, reaching
    from video import frames

    clips, truth = [], []
    n_clips = sum(len(animal.deficits) for animal in animals)
    with tqdm(total=n_clips, desc="drawing", unit="clip", disable=None) as bar:
        for animal in animals:
            look = drawing.choose_look(rng)
            for number, deficit in enumerate(animal.deficits, start=1):
                video = clip_path(folder, animal, number)
                poses = reaching.plan_movement(deficit, n_frames, rng)
                pictures = (drawing.draw_frame(pose, look, rng) for pose in poses)
                with storage.replacing(video) as temporary:
                    rate = drawing.FRAMES_PER_SECOND
                    frames.write_video(temporary, pictures, rate, crf=16)
                clips.append((animal.split, TASK, video.stem, n_frames, deficit))
                for frame, pose in enumerate(poses, start=1):
                    truth.append((video.stem, frame, pose.phase, round(pose.moves, 1)))
                bar.update()
    write_rows(Path(folder) / "data_file.csv", clips)
    truth.insert(0, ("clip", "frame", "phase", "pixels_moved"))
    write_rows(Path(folder) / "truth.csv", truth)


def write_rows(path, rows):
    with storage.replacing(path) as temporary, temporary.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def prepare_folder(folder, seed):
    """Make the folder ready; an earlier demo is replaced, anything else is refused."""
    folder = Path(folder)
    if folder.is_dir() and any(folder.iterdir()):
        mark = folder / MARK
        if not mark.is_file() or "demo" not in storage.read_json(mark):
            raise Problem(
                f"{folder} holds something that no demo wrote; name another folder "
                "with --data"
            )
        for name in OURS:
            if (folder / name).exists():
                shutil.rmtree(folder / name)
        for name in OUR_FILES:
            (folder / name).unlink(missing_ok=True)
    words = "drawn animals, replaced by each demo"
    storage.write_json(folder / MARK, {"demo": words, "seed": seed})


def run_script(name, *argv):
    """Show a command as a user would type it, and run the script's own main."""
    argv = [str(each) for each in argv]
    print(f"\n$ python {name}.py {shlex.join(argv)}", flush=True)
    if importlib.import_module(name).main(argv):
        raise Problem(f"{name}.py failed; see above")


def extract(folder, weights):
    """Extract features, with ImageNet weights where they can be had; tell which."""
    where = ("--data", folder, "--seq-length", CLIP_FRAMES)
    if weights is None:
        try:
            run_script("extract_features", *where)
            return "imagenet"
        except Problem as problem:
            terminal.caution(str(problem))
        weights = "random"
        print(
            "\nThe ImageNet weights cannot be had (no internet?). The demo goes on "
            "with --weights random:\nthe features come from an UNTRAINED network, "
            "good enough for these drawings,\nnot for real animals."
        )
    run_script("extract_features", *where, "--weights", weights)
    return weights


def run_pipeline(folder, animals, weights, seed):
    """Extract, train, validate and score; returns the weights that were used."""
    weights = extract(folder, weights)
    run_script("train_reg", "--data", folder, "--seed", seed, "--model", MODEL)
    run_script("validate", "--data", folder, "--run", RUN)
    tested = [animal for animal in animals if animal.split == "test"]
    tested.sort(key=lambda animal: animal.deficits[0])
    videos = [clip_path(folder, animal, 1) for animal in (tested[0], tested[-1])]
    run_script("score", *videos, "--data", folder, "--run", RUN)
    return weights


def draw_pictures(folder):
    """Write frames.png: the first frames of a healthy and of two impaired animals."""
    from recordings import contact_sheets
    from video import frames

    clips = sorted(data.read_clips(folder), key=lambda clip: clip.score)
    chosen, tiles = (clips[0], clips[len(clips) // 2], clips[-1]), []
    for clip in chosen:
        seen = frames.read_frames(folder, clip, CLIP_FRAMES)[:N_SHOWN]
        words = f"deficit {clip.score:g} of 5, frame"
        tiles += [
            contact_sheets.make_tile(picture, f"{words} {number}")
            for number, picture in enumerate(seen, start=1)
        ]
    contact_sheets.write_pages(Path(folder) / "frames.png", tiles, columns=N_SHOWN)


def summarise(folder, weights):
    """Say in plain words what came out, on animals that no training saw.

    Gives "pearson", "mae", "mean_mae" and "ridge_mae" over the clips of test animals.
    """
    path = storage.predictions_path(folder, RUN, "test", ".json")
    report = storage.read_json(path)
    clips, floors = report["agreement"]["clips"], report["floors"]
    n_animals = report["agreement"]["animals"]["n"]
    result = {name: clips[name]["value"] for name in ("pearson", "mae")}
    for name, floor in (("mean", "training mean"), ("ridge", "ridge")):
        result[f"{name}_mae"] = floors[floor]["clips"]["mae"]["value"]
    shown = {k: "not defined" if v is None else f"{v:.2f}" for k, v in result.items()}
    untrained = " (untrained network)" if weights == "random" else ""
    print(
        f"""
The animals are drawn, not real: these figures say that the pipeline works, not how
well it would score your animals. Features: {weights}{untrained}.

  {clips["n"]} clips of {n_animals} test animals, unseen by training and early stopping
  Pearson r of network and true score    {shown["pearson"]}
  mean absolute error                    {shown["mae"]} points of 5
  the same, of the mean training score   {shown["mean_mae"]}
  the same, of ridge regression on mean and spread of the features, which
  knows nothing of the order of frames   {shown["ridge_mae"]}

Look at
  {folder / "frames.png"}: what it was shown; the deficit is in how often the paw moves
  {storage.figures_folder(folder, RUN)}: network score against true score
  {path.with_suffix(".csv")}: clip by clip
Next: python explain.py --data {folder} --run {RUN}"""
    )
    return result


def parse_args(argv):
    parser = terminal.Parser(__doc__)
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder (demo_data)")
    parser.add_argument("--seed", type=int, default=1, help="other animals, other run")
    animals = {"type": int, "default": N_ANIMALS, "help": f"to draw ({N_ANIMALS})"}
    parser.add_argument("--animals", **animals)
    parser.add_argument(
        "--weights",
        help="imagenet, random or a file; by default imagenet where it can be had",
    )
    parser.add_argument(
        "--only-draw", action="store_true", help="stop after the data set is drawn"
    )
    args = parser.parse_args(argv)
    if args.animals < LEAST:
        parser.error(f"--animals must be {LEAST} or more")
    return args


def main(argv=None):
    args = parse_args(argv)
    folder = shorten(args.data or FOLDER)
    rng = np.random.default_rng(args.seed)
    animals = choose_animals(rng, args.animals)
    prepare_folder(folder, args.seed)
    print(f"drawing {len(animals)} artificial animals into {folder}", flush=True)
    draw_data_set(folder, animals, rng)
    draw_pictures(folder)
    if args.only_draw:
        return
    weights = run_pipeline(folder, animals, args.weights, args.seed)
    summarise(folder, weights)


def shorten(path):
    """Write a path as one would type it here."""
    path, here = Path(path).resolve(), Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


if __name__ == "__main__":
    terminal.run(main)
