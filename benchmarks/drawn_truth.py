"""Does explain.py find in the demo's animals what was drawn into them?

    python demo.py --weights random && python benchmarks/drawn_truth.py

Explains the demo's run on all of its clips, and compares with the truth: in how many
key frames most of what changes add to the score lies where something was drawn to
move, by how much the deletion tests beat chance, and how far explanations stay alike
when the weights of the network are permuted. About two minutes on two cores.
"""

import argparse
import contextlib
import io
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import data
import demo
import explain
from explanation.places import find_centres
from reports import page
from system import storage, terminal
from video import frames

MOVED = 12  # grey levels by which a pixel changes that moves, well above the noise
LEAST_MOVED = 10  # such pixels, where a place moves


def find_moved(pictures, index, beside, n_places):
    """Find the places (n, n) where something moves from the frame before.

    A place sees as far as its neighbours: with `beside` these count, too, as far as the
    next one of an 8 x 8 map lies.
    """
    moved = np.abs(pictures[index] - pictures[max(0, index - 1)]) > MOVED
    nearest = [
        np.abs(np.arange(n)[:, None] - find_centres(n, n_places)).argmin(axis=1)
        for n in moved.shape
    ]
    counts = np.zeros((n_places, n_places), int)
    rows, columns = np.nonzero(moved)
    np.add.at(counts, (nearest[0][rows], nearest[1][columns]), 1)
    moved = counts >= LEAST_MOVED
    size = 1 + 2 * (n_places // 8)
    return ndimage.binary_dilation(moved, np.ones((size, size))) if beside else moved


def measure_movement(folder, places, column, beside):
    """Measure which part of the mass of a key frame lies where something moves.

    Returns
    -------
    float, (n, 2)
        For each key frame in which something moves: that part, and what it would be
        if the mass were spread evenly.
    """
    clips = {clip.name: clip for clip in data.read_clips(folder)}
    found = []
    for name, rows in places.groupby("clip"):
        pictures = frames.read_frames(
            *(folder, clips[name], demo.CLIP_FRAMES), convert=lambda f: f.mean(axis=2)
        )
        for frame, part in rows.groupby("frame"):
            n_places = part["row"].max()
            mass = part[column].abs().to_numpy().reshape(n_places, n_places)
            moved = find_moved(pictures, frame - 1, beside, n_places)
            if moved.any() and mass.sum() > 0:
                found.append((mass[moved].sum() / mass.sum(), moved.mean()))
    return np.array(found)


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=demo.FOLDER)
    parser.add_argument("--run", default=demo.RUN)
    args = parser.parse_args(argv)
    with contextlib.redirect_stdout(io.StringIO()):
        explain.main(["--data", str(args.data), "--run", args.run, "--split", "all"])
    folder = storage.figures_folder(args.data, args.run, "all")
    places = pd.read_csv(folder / "places.csv")
    column = "beyond_mean_frame"
    for beside, words in ((False, ""), (True, " or beside it")):
        mass, area = measure_movement(args.data, places, column, beside).T
        print(
            f"where something moves{words}, of the mass of {len(mass)} key frames "
            f"({column}): median {np.median(mass):.3f}, of the area "
            f"{np.median(area):.3f}; more than half in {(mass > 0.5).mean():.1%}, more "
            f"than its area in {(mass > area).mean():.1%} of them"
        )
    found = storage.read_json(folder / "explanation.json")
    for test, result in found["deletion"]["tests"].items():
        print(f"{test}, over chance: {page.interval(result['animals'])}")
    for kind in found["randomisation"]["evaluated"]:
        rho = found["randomisation"][kind]
        print(f"{kind}, rank correlation with permuted weights: {rho:.2f}")


if __name__ == "__main__":
    terminal.run(main)
