"""Killed at random and started again, does each script end as if nothing had been?

    python benchmarks/kills.py --kills 200

Each attempt copies a small working folder, starts one script or two of it at once,
sends SIGKILL or SIGTERM at a random moment, starts the script again, and compares every
file with those of an undisturbed run, byte for byte: of a checkpoint its weights, of a
record all but its date and the checkpoint's digest, since Keras writes the date into
the file. The logs of TensorBoard, which each start adds to, are left out. Files in
which two undisturbed runs differ are named and not compared. Nothing temporary may be
left, nothing of the user's be touched.

Cost    10 to 20 seconds an attempt on two cores. Needs a POSIX system.
"""

import argparse
import collections
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import films

ROOT = Path(__file__).parents[1]

N_ANIMALS, N_CLIPS, N_FRAMES = 6, 2, 8
STAND_IN = str(ROOT / "tests" / "stand_in.py")  # in the place of InceptionV3
TRAIN = (
    "--model",
    "pool",
    "--standardize",
    "--epochs",
    "30",
    "--learning-rate",
    "1e-2",
)
COMMANDS = {
    "extract_files": [str(ROOT / "extract_files.py"), "--append"],
    "extract_features": [STAND_IN, "extract_features", "--seq-length", str(N_FRAMES)],
    "train_reg": [str(ROOT / "train_reg.py"), *TRAIN],
    "train_folds": [
        *(str(ROOT / "train_reg.py"), "--model", "motion"),
        *("--folds", "3", "--final", "--jobs", "1"),
    ],
    "validate": [str(ROOT / "validate.py"), "--run", "Reach-pool"],
    "explain": [str(ROOT / "explain.py"), "--run", "Reach-pool", "--no-places"],
}


def start(name, folder):
    command = [sys.executable, *COMMANDS[name], "--data", str(folder)]
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(
        command, stdout=nowhere, stderr=subprocess.PIPE, text=True, env={**os.environ}
    )


def finish(name, folder):
    """Run a script to its end; returns its exit code and the last line of stderr."""
    process = start(name, folder)
    _, said = process.communicate(timeout=900)
    return process.returncode, (said.strip().splitlines() or [""])[-1]


def prepare(place):
    """Make a folder for each script, as it is just before that script is called."""
    folder = place / "start"
    rows = []
    for animal in range(N_ANIMALS):
        for clip in range(N_CLIPS):
            group = "Stroke" if animal % 2 else "Control"
            name, n = f"v_Rat{group}May2_g{animal:02d}_c{clip:02d}", 12 + animal + clip
            split = "test" if animal >= N_ANIMALS - 2 else "train"
            films.make_film(folder / split / "Reach" / f"{name}.avi", n)
            rows.append((split, "Reach", name, n, animal / 2 + 0.25 * clip))
    films.write_table(folder, rows)
    folders = {}
    for name in COMMANDS:
        folders[name] = shutil.copytree(folder, place / f"before-{name}")
        if name != "extract_files":
            code, said = finish(name, folder)
            if code:
                sys.exit(f"{name} does not work undisturbed: {said}")
    return folders


def read_state(folder):
    """Read what has to be the same of every file below a folder: {path: bytes}."""
    state = films.read_state(folder)
    for name in list(state):
        if Path(name).name.startswith("events.out.tfevents"):
            del state[name]
        elif name.endswith(".keras"):
            with zipfile.ZipFile(folder / name) as file:
                state[name] = file.read("model.weights.h5")
        elif name.startswith("checkpoints/") and name.endswith(".json"):
            record = json.loads(state[name])
            dated = "trained", "sha256"
            state[name] = {k: v for k, v in record.items() if k not in dated}
    return state


def compare(state, expected, loose):
    """Say what is wrong with a folder, or return ""."""
    odd = sorted(state.keys() ^ expected.keys())
    odd += [n for n in state.keys() & expected.keys() if state[n] != expected[n]]
    odd = [name for name in odd if name not in loose]
    return ", ".join(odd[:3])


def attempt(name, before, place, duration, random, expected, loose):
    """Kill a script once, start it again; returns what was wrong, or ""."""
    folder = shutil.copytree(before, place / "work")
    n_at_once = int(random.integers(1, 3))
    sent = random.choice([signal.SIGKILL, signal.SIGTERM])
    processes = [start(name, folder) for _ in range(n_at_once)]
    time.sleep(random.uniform(0.1, 1.05) * duration)
    for process in processes:
        process.send_signal(sent)
    for process in processes:
        process.communicate(timeout=900)
    code, said = finish(name, folder)
    is_done = code == 0 or (name == "train_reg" and "is finished" in said)
    wrong = compare(read_state(folder), expected, loose)
    shutil.rmtree(folder)
    sent = f"{signal.Signals(sent).name} of {n_at_once}"
    if not is_done:
        return f"{sent}: exit code {code}, {said}"
    return f"{sent}: {wrong}" if wrong else ""


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--only", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    random, tried = np.random.default_rng(args.seed), collections.Counter()
    with tempfile.TemporaryDirectory() as place:
        place, known = Path(place), {}
        for name, before in prepare(place).items():
            if name not in args.only:
                continue
            states, started = [], time.time()
            for _ in (1, 2):
                folder = shutil.copytree(before, place / "work")
                if (result := finish(name, folder))[0]:
                    sys.exit(f"{name} does not work undisturbed: {result[1]}")
                states.append(read_state(folder))
                shutil.rmtree(folder)
            duration = (time.time() - started) / 2
            loose = {n for n in states[0] if states[0][n] != states[1].get(n)}
            known[name] = (before, place, duration, random, states[0], loose)
            print(f"{name}: {duration:.1f} s, not compared: {', '.join(loose) or '-'}")
        for _ in range(args.kills):
            name = str(random.choice(args.only))
            wrong = attempt(name, *known[name])
            tried[name, not wrong] += 1
            if wrong:
                print(f"{name}, {wrong}", flush=True)
    for name in args.only:
        n_well, n_ill = tried[name, True], tried[name, False]
        print(f"{name}: {n_well} of {n_well + n_ill} ended as undisturbed")


if __name__ == "__main__":
    main()
