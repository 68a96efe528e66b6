"""How long does explaining the published network take, and how much memory?

    python benchmarks/explanation.py [--frames 125] [--units 2048]

Draws 20 clips of ten artificial animals, extracts them with an untrained network and
trains for a few epochs; then explain.py takes everything apart (features, frames,
places, page) in a separate process, whose time and peak memory are printed. About
fifteen minutes on two cores, five of them for what is printed.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import demo
from system import terminal

PROJECT = Path(__file__).resolve().parents[1]
N_ANIMALS, N_CLIPS = 10, 2  # clips of each


def run_script(name, *options):
    """Run a script of the project; returns its seconds and its peak memory in GB."""
    command = [sys.executable, PROJECT / f"{name}.py", *map(str, options)]
    began = time.perf_counter()
    if subprocess.run(command, stdout=subprocess.DEVNULL).returncode:
        raise terminal.Problem(f"{name}.py failed; see above")
    # ru_maxrss, of the largest child so far, is in KiB on Linux, in bytes on macOS
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit / 1e9
    return time.perf_counter() - began, peak


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=terminal.positive_int, default=125, help="T")
    parser.add_argument("--units", type=terminal.positive_int, default=2048)
    parser.add_argument("--epochs", type=terminal.positive_int, default=5)
    args = parser.parse_args(argv)
    rng = np.random.default_rng(0)
    animals = demo.choose_animals(rng, N_ANIMALS, N_CLIPS)
    with tempfile.TemporaryDirectory() as folder:
        demo.draw_data_set(folder, animals, rng, args.frames)
        where = ("--data", folder)
        run_script(
            *("extract_features", *where, "--weights", "random"),
            *("--seq-length", args.frames),
        )
        _, before = run_script(
            *("train_reg", *where, "--run", "full", "--units", args.units),
            *("--epochs", args.epochs, "--learning-rate", 1e-4, "--standardize"),
        )
        seconds, peak = run_script("explain", *where, "--run", "full", "--split", "all")
    n_clips = len(animals) * N_CLIPS
    print(
        f"{n_clips} clips of {args.frames} frames, {args.units} units: explain.py took "
        f"{seconds:.0f} s; no process took more than {peak:.2f} GB"
        f" (training {before:.2f} GB)"
    )


if __name__ == "__main__":
    terminal.run(main)
