"""Where on a frame does a place of the 8 x 8 map, or of the 17 x 17 map, lie?

    python benchmarks/places.py VIDEO [VIDEO ...] --weights FILE [--kind movement]

Moves a small patch over real frames and watches how much each place of InceptionV3's
maps changes. A place lies where patches change it most: the mean position of
the patch, weighted by the change, row by row and column by column, and the line
through them. Prints also how far a place sees. About two minutes for four videos on
two cores.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from explanation.places import find_centres
from extractor import Extractor
from features.inception_v3 import FRAME_SIZE, WIDTHS
from system import terminal
from video import frames

PATCH = 24  # pixels of the 299: a place is 37 wide
N_POSITIONS = 14  # along either axis
GREY = 127


def read_middle(video):
    """Read the frame in the middle of a video as the network sees it."""
    reel = frames.open_reel(video)
    (_, last), _ = frames.read_reel(reel, 2, convert=frames.resize_frame)
    return last


def move_patch(frame):
    """Lay the patch over a frame everywhere.

    Returns
    -------
    (list of uint8 (299, 299, 3), float (P, 2))
        Frames, and the centres of their patches, row and column, in pixels.
    """
    starts = np.linspace(0, FRAME_SIZE - PATCH, N_POSITIONS).round().astype(int)
    covered, centres = [], []
    for top in starts:
        for left in starts:
            copy = frame.copy()
            copy[top : top + PATCH, left : left + PATCH] = GREY
            covered.append(copy)
            centres.append((top + PATCH / 2, left + PATCH / 2))
    return covered, np.array(centres)


def measure_changes(extractor, frame):
    """Measure how each place changes with each patch, (P, n, n), and the centres."""
    covered, centres = move_patch(frame)
    maps = extractor.maps([frame])[0]
    parts = [
        np.square(extractor.maps(covered[i : i + 8]) - maps).sum(axis=3)
        for i in range(0, len(covered), 8)
    ]
    return np.concatenate(parts), centres


def locate(changes, centres):
    """Find the centre of each row and column of places, and their spread.

    Returns
    -------
    (float (2, n), float (2,))
        Weighted mean positions of the patch, rows first; how many standard
        deviations, in pixels, of patches around a middle place.
    """
    found, spreads = [], []
    for axis in (0, 1):
        along = changes.sum(axis=2 - axis)  # (P, n)
        weights = along / along.sum(axis=0)
        mean = centres[:, axis] @ weights
        variance = np.square(centres[:, axis, None] - mean) * weights
        found.append(mean)
        spreads.append(np.sqrt(variance.sum(axis=0))[2:-2].mean())
    return np.array(found), np.array(spreads)


def find_peaks(changes, centres):
    """Find the patch that changes a place most; medians by row and column, (2, n)."""
    peaks = centres[changes.reshape(len(changes), -1).argmax(axis=0)]
    peaks = peaks.reshape(*changes.shape[1:], 2)
    return np.array([np.median(peaks[..., 0], 1), np.median(peaks[..., 1], 0)])


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--kind", choices=WIDTHS, default="features")
    args = parser.parse_args(argv)
    extractor = Extractor(args.weights)
    extractor.choose((args.kind,))
    centres, peaks, spreads = [], [], []
    for video in args.videos:
        changes, positions = measure_changes(extractor, read_middle(video))
        found, spread = locate(changes, positions)
        centres.append(found)
        spreads.append(spread)
        peaks.append(find_peaks(changes, positions))
    n_places = len(peaks[0][0])
    index, drawn = np.arange(n_places), find_centres(FRAME_SIZE, n_places)
    for name, values in (("weighted means", centres), ("largest change", peaks)):
        mean = np.mean(values, axis=0)
        print(f"{name}, pixels of {FRAME_SIZE}, {len(values)} frames")
        for axis, row in zip(("rows", "columns"), mean, strict=True):
            slope, start = np.polyfit(index[1:-1], row[1:-1], 1)
            numbers = " ".join(f"{value:5.0f}" for value in row)
            print(f"  {axis:<8}{numbers}   line {start:.0f} + {slope:.1f} i")
        miss = np.abs(mean - drawn)[:, 1:-1].mean()
        even = np.abs(mean - (index + 0.5) * FRAME_SIZE / n_places)[:, 1:-1].mean()
        print(f"  off the centres that are drawn by {miss:.1f}, off an even grid by")
        print(f"  {even:.1f} pixels (the outermost places left out)")
    print(
        f"standard deviation of what a middle place sees: {np.mean(spreads):.0f} pixels"
    )


if __name__ == "__main__":
    terminal.run(main)
