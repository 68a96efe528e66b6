"""From which baseline is it told best what a frame adds beyond the clip's mean frame?

    python benchmarks/baselines.py --data data --run Reach-lstm [--split all]

Takes what frames add, once from the gradients of the path from the zero sequence,
once integrated from the mean frame itself, and lets the network say which of the two
predicts better what replacing frames and features does (the deletion test of
explain.py, over animals). Seconds for small networks.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import data
from reports import page
from runs import learned, predict, store
from system import storage, terminal


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=storage.DEFAULT_FOLDER)
    parser.add_argument("--run")
    parser.add_argument("--split", choices=(*data.SPLITS, "all"), default="all")
    args = parser.parse_args(argv)
    from explanation import attribution, checks

    networks, run = store.read_run(store.find_run(args.data, args.run))
    split = None if args.split == "all" else args.split
    clips = learned.choose_clips(data.read_clips(args.data), run, split)
    names = [clip.name for clip in clips]
    animals = data.list_animals(clips, run.animal_pattern)
    sequences = np.stack(list(predict.read_sequences(args.data, names, run)))
    networks = list(map(attribution.open_network, networks))
    parts = attribution.take_apart(networks, sequences)
    means = sequences.mean(axis=1, keepdims=True)
    away = (sequences - means) * parts.whole.gradients
    added = {"frames": away.sum(axis=2), "features": away.sum(axis=1)}
    from_zero = parts._replace(beyond=parts.whole._replace(**added))
    known = [(networks, np.arange(len(names)))], sequences
    tests = {
        "zero sequence": checks.run_deletion_test(*known, from_zero, animals),
        "mean frame": checks.run_deletion_test(*known, parts, animals),
    }
    print(f"{run.name}: {len(names)} clips of {len(set(animals))} animals")
    for test in tests["mean frame"]["tests"]:
        for baseline, found in tests.items():
            told = page.interval(found["tests"][test])
            print(f"  {test:<22}from the {baseline:<16}{told}")


if __name__ == "__main__":
    terminal.run(main)
