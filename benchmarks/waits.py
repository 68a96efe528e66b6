"""How long does a study wait for its commands, from start to end?

    python benchmarks/waits.py [--clips 40 400] [--repetitions 5] [--against CHECKOUT]

Makes a working folder of films, four clips an animal, with drawn sequences of 20 frames
whose changes follow the score, and gives in turns, each in a separate process:
train_reg.py --model motion --folds 5 --final, then validate.py with its page. Prints
medians of wall and processor time, and the largest memory so far. --against gives the
commands of another checkout in the same turns, each on a copy of the folder. A minute
on two cores for 40 clips.
"""

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from extraction import make_videos

from features import sequences

HOUSE = Path(__file__).resolve().parents[1]
N_FRAMES, WIDTHS = 20, {"features": 2048, "movement": 1536}
COMMANDS = {
    "train": "train_reg.py --model motion --folds 5 --final --overwrite",
    "validate": "validate.py",
}


def make_study(folder, n_clips):
    """Make a working folder of scored clips, whose films are one and the same."""
    random, rows = np.random.default_rng(0), []
    place = folder / "train" / "Reach"
    place.mkdir(parents=True)
    (film,) = make_videos(place, 1, N_FRAMES)
    for number in range(n_clips):
        group = "Control" if number // 4 % 2 else "Stroke"
        name = f"v_Rat{group}May2_g{number // 4:03d}_c{number % 4:02d}"
        score = number // 4 % 6 + 0.5 * (number % 2)
        (place / f"{name}.avi").hardlink_to(film)
        for kind, width in WIDTHS.items():
            moved = random.normal(0, 0.1 + score / 20, (N_FRAMES, width))
            level = random.gamma(1, 0.5, width)
            sequences.write_sequence(folder, name, np.abs(level + moved), kind)
        rows.append(f"train,Reach,{name},{2 * N_FRAMES},{score}\n")
    (folder / "data_file.csv").write_text("".join(rows))
    made = {"weights": "drawn", "sha256": "0" * 64, "sampling": "uniform"}
    made |= {"n_frames": N_FRAMES, "frame_size": 299, "precision": "float32"}
    sequences.write_extraction(folder, made)


def run_command(checkout, command, folder):
    """Run a command: seconds of wall, and of processor."""
    script, *options = command.split()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, script, *options, "--data", folder],
        cwd=checkout,
        check=True,
        capture_output=True,
    )
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, sum(after[:2]) - sum(before[:2])


def measure(n_clips, places, repetitions):
    """Print what a study of so many clips costs."""
    times = {(command, where): [] for command in COMMANDS for where in places}
    with tempfile.TemporaryDirectory() as base:
        base = Path(base)
        make_study(base / "drawn", n_clips)
        for where in places:
            shutil.copytree(base / "drawn", base / where)
        for _ in range(repetitions):
            for command, where in times:
                given = places[where], COMMANDS[command], base / where
                times[command, where].append(run_command(*given))
    # ru_maxrss, of the largest child so far, is in KiB on Linux, in bytes on macOS
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit / 1e9
    for (command, where), found in times.items():
        wall, processor = np.median(found, axis=0)
        print(
            f"{n_clips} clips of {n_clips // 4} animals, {command:8} {where:5} "
            f"{wall:6.2f} s, {processor:6.2f} s of processor, {peak:.2f} GB",
            flush=True,
        )


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, nargs="+", default=[40])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    args = parser.parse_args(argv)
    places = {"there": args.against} if args.against else {}
    for n_clips in args.clips:
        measure(n_clips, places | {"here": HOUSE}, args.repetitions)


if __name__ == "__main__":
    main()
