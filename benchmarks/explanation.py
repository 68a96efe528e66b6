"""How long does explaining the published network take, and how much memory?

    python benchmarks/explanation.py [--frames 125] [--units 2048] [--data FOLDER]

Draws 20 clips of ten artificial animals, extracts them with an untrained network and
trains for a few epochs; then explain.py takes everything apart (features, frames,
places, page) in a separate process, whose time and peak memory are printed. A folder
that is given is kept, and explained again the next time. About ten minutes on two
cores, three of them for what is printed. --settings prints how far figures move with
the steps of a path and the frames of a mean map, which are few to save time.
"""

import argparse
import itertools
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import data
import demo
from explanation import attribution, checks, places
from extractor import open_for
from runs import predict, store
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


def prepare(folder, args):
    """Draw, extract and train, each in a process."""
    rng = np.random.default_rng(0)
    demo.CLIP_FRAMES = args.frames
    demo.draw_data_set(folder, demo.choose_animals(rng, N_ANIMALS, N_CLIPS), rng)
    where = ("--data", folder)
    size = ("--seq-length", args.frames)
    run_script("extract_features", *where, "--weights", "random", *size)
    run_script(
        *("train_reg", *where, "--run", "full", "--units", args.units),
        *("--epochs", args.epochs, "--learning-rate", 1e-4),
        *("--activation", "linear"),  # which no few epochs can leave at 0
    )


def compare_settings(folder):
    """Print figures at several numbers of steps, and of frames of a mean map."""
    models, run = store.read_run(store.find_run(folder, "full", None))
    clips = data.read_clips(folder)
    names = [clip.name for clip in clips]
    sequences = np.stack(list(predict.read_sequences(folder, names, run)))
    networks = list(map(attribution.open_network, models))
    parts = attribution.take_apart(networks, sequences)
    members = [(networks, np.arange(len(names)))]
    kept, found = (attribution.NODES, attribution.WEIGHTS), {}
    for n in (4, 8, 16):
        nodes, weights = np.polynomial.legendre.leggauss(n)
        attribution.NODES, attribution.WEIGHTS = (nodes + 1) / 2, weights / 2
        found[n] = attribution.attribute(networks, sequences[::4])
    attribution.NODES, attribution.WEIGHTS = kept
    for n, kind, which in itertools.product((4, 8), ("features", "frames"), (0, 1)):
        own, exact = (getattr(found[steps][which], kind) for steps in (n, 16))
        away = np.linalg.norm(own - exact) / np.linalg.norm(exact)
        print(f"{n} steps of the path against 16, {kind}: {away:.2%} away")
    for seed in range(3):
        found = checks.run_randomisation_test(members, sequences, parts, seed)
        rhos = {k: round(found[k], 4) for k in ("importance", "signed", "frames")}
        print(f"permuted weights, seed {seed}: {rhos}")
    extractor = open_for(run, predict.settle_weights(run, None))
    pictures, found = places.Pictures(folder, clips, run, extractor), {}
    for places.N_MEAN in (8, 16, 32, run.n_frames):
        found[places.N_MEAN] = [
            pictures.find_places(
                names[row],
                np.sort(attribution.choose_frames(parts.beyond.frames[row], 8)),
                sequences[row],
                parts.whole.gradients[row],
                parts.beyond.gradients[row],
            ).beyond.ravel()
            for row in range(0, len(names), 5)
        ]
    for n_frames, maps in found.items():
        pairs = zip(maps, found[run.n_frames], strict=True)
        r = ", ".join(f"{np.corrcoef(one, all_)[0, 1]:.3f}" for one, all_ in pairs)
        print(f"mean map of {n_frames} frames against that of all: r {r}")


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=terminal.positive_int, default=125, help="T")
    parser.add_argument("--units", type=terminal.positive_int, default=2048)
    parser.add_argument("--epochs", type=terminal.positive_int, default=5)
    parser.add_argument("--data", type=Path, help="a folder to keep")
    parser.add_argument("--settings", action="store_true")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        folder = args.data or Path(folder)
        if not (folder / "checkpoints").is_dir():
            prepare(folder, args)
        if args.settings:
            return compare_settings(folder)
        options = ("--data", folder, "--run", "full", "--split", "all")
        seconds, peak = run_script("explain", *options)
    print(
        f"{N_ANIMALS * N_CLIPS} clips of {args.frames} frames, {args.units} units: "
        f"explain.py took {seconds:.0f} s and {peak:.2f} GB"
    )
    return 0


if __name__ == "__main__":
    terminal.run(main)
