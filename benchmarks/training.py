"""How long does training take beside Keras's LSTM and PyTorch's?

    python benchmarks/training.py [--clips 48] [--repetitions 3] [--units 2048]
    python benchmarks/training.py --folder demo_data

Trains the published network (batches of 8, Adam) on artificial sequences, in turns
within one process, and prints the median seconds of an epoch, the ratio to ours, and
the peak memory of each trainer in a separate process. PyTorch takes part where it
can be imported (`pip install torch`). An epoch of 48 clips of the published size
takes Keras's LSTM one to two minutes on two cores; `--clips 8` gives one step of each.

With --folder a small network is trained by `train_reg.py` on the clips there, say, of
`demo.py` and `extract_features.py --data demo_data --seq-length 12`:
seconds of an epoch, all that goes on around the batches included, and of the whole
command with --leave-one-animal-out.
"""

import argparse
import importlib.util
import math
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

BATCH_SIZE = 8  # published
DROPOUT = 0.1  # published
LEARNING_RATE = 1e-6  # published
TRAINERS = ("ours", "keras", "torch")
SMALL = "--standardize --units 32 --learning-rate 1e-3 --batch-size 4 --epochs 150"
SMALL += " --patience 25 --plateau-patience 8"


def make_batches(clips, n_frames, n_features):
    """Yield sequences (B, T, F) and scores (B, 1); no more than one batch in memory."""
    for start in range(0, clips, BATCH_SIZE):
        size = min(BATCH_SIZE, clips - start)
        random = np.random.default_rng(start)
        sequences = random.random((size, n_frames, n_features), np.float32)
        yield sequences, random.uniform(0, 5, (size, 1)).astype(np.float32)


def start_keras(options, ours):
    """Return the function that trains one batch, with our LSTM or Keras's."""
    from models import build_lstm
    from training import fast_lstm

    keras = fast_lstm.keras
    model = build_lstm(
        options.frames,
        options.features,
        units=options.units,
        gates=options.gates,
        bias=2.5,
        layer=fast_lstm.FastLSTM if ours else keras.layers.LSTM,
    )
    adam = fast_lstm.FastAdam if ours else keras.optimizers.Adam
    model.compile(adam(LEARNING_RATE), "mse")
    return model.train_on_batch


def start_torch(options):
    """Return the function that trains one batch with PyTorch; its gates are sigmoid."""
    import torch
    from torch import nn

    lstm = nn.LSTM(options.features, options.units, batch_first=True)
    score = nn.Linear(options.frames // 2 * options.units, 1)
    parameters = [*lstm.parameters(), *score.parameters()]
    adam = torch.optim.Adam(parameters, LEARNING_RATE)
    mask, pool = nn.Dropout(DROPOUT), nn.MaxPool1d(2)

    def train(sequences, scores):
        x = torch.from_numpy(sequences)
        x = x * mask(torch.ones(len(x), 1, x.shape[2]))  # one mask for all frames
        x = pool(lstm(x)[0].transpose(1, 2)).transpose(1, 2)
        found = torch.relu(score(mask(x.flatten(1))))
        loss = nn.functional.mse_loss(found, torch.from_numpy(scores))
        adam.zero_grad()
        loss.backward()
        adam.step()
        return loss.item()

    return train


def start(name, options):
    return (
        start_torch(options)
        if name == "torch"
        else start_keras(options, name == "ours")
    )


def run_epoch(train, options):
    """Train on every clip once; seconds spent in training."""
    seconds = 0.0
    for batch in make_batches(options.clips, options.frames, options.features):
        began = time.perf_counter()
        loss = float(train(*batch))
        seconds += time.perf_counter() - began
        if not math.isfinite(loss):
            raise ValueError(f"the loss became {loss}")
    return seconds


def measure_times(names, options):
    """Seconds of each epoch of each trainer, in turns, once all are warm."""
    trainers = {name: start(name, options) for name in names}
    times = {name: [] for name in names}
    for train in trainers.values():
        sizes = {min(options.clips, BATCH_SIZE), options.clips % BATCH_SIZE} - {0}
        for size in sizes:
            train(*next(make_batches(size, options.frames, options.features)))
    for _ in range(options.repetitions):
        for name, train in trainers.items():
            times[name].append(run_epoch(train, options))
    return times


def measure_memory(name):
    """Peak memory in GB of a trainer, run with our own options in a new process."""
    command = [sys.executable, __file__, *sys.argv[1:], "--memory-of", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def time_command(folder, *options):
    """Run train_reg.py on a copy of a folder in a new process; its seconds."""
    project = Path(__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory() as place:
        shutil.copy(folder / "data_file.csv", place)
        shutil.copytree(folder / "sequences", Path(place, "sequences"))
        command = [sys.executable, project / "train_reg.py", "--data", place, *options]
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began


def measure_folder(folder, repetitions):
    """Print what an epoch takes, from runs of 10 and 110, and leaving animals out."""
    few, many = (
        [*SMALL.split(), "--epochs", n, "--patience", n] for n in ("10", "110")
    )
    runs = [
        (time_command(folder, *few), time_command(folder, *many))
        for _ in range(repetitions)
    ]
    epochs = [(long - short) / 100 for short, long in runs]
    print(f"an epoch: {statistics.median(epochs):.3f} s, the median of {repetitions}")
    seconds = time_command(folder, *SMALL.split(), "--leave-one-animal-out")
    print(f"train_reg.py --leave-one-animal-out: {seconds:.0f} s")


def has_torch():
    return importlib.util.find_spec("torch") is not None


def parse_args(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=48, help="of an epoch (48)")
    parser.add_argument("--repetitions", type=int, default=3, help="epochs each (3)")
    parser.add_argument("--units", type=int, default=2048, help="of the LSTM (2048)")
    parser.add_argument("--frames", type=int, default=125, help="T (125)")
    parser.add_argument("--features", type=int, default=2048, help="F (2048)")
    parser.add_argument("--gates", default="hard_sigmoid", help="or sigmoid")
    parser.add_argument("--only", nargs="+", choices=TRAINERS, default=TRAINERS)
    parser.add_argument("--folder", type=Path, help="time the command on these clips")
    parser.add_argument("--memory-of", choices=TRAINERS, help="one epoch, its peak GB")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    if args.memory_of:
        run_epoch(start(args.memory_of, args), args)
        # ru_maxrss is in KiB on Linux and in bytes on macOS
        unit = 1 if sys.platform == "darwin" else 1024
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9)
        return
    if args.folder:
        measure_folder(args.folder, args.repetitions)
        return
    names = [n for n in args.only if n != "torch" or has_torch()]
    # First, while this process is small: a child starts with its parent's peak.
    memory = {name: measure_memory(name) for name in names}
    times = {n: statistics.median(t) for n, t in measure_times(names, args).items()}
    print(f"{args.clips} clips ({args.frames}, {args.features}), {args.units} units")
    for name, seconds in times.items():
        ratio = f"{seconds / times['ours']:5.2f} x ours" if "ours" in times else ""
        peak = f"{memory[name]:5.2f} GB at most"
        print(f"{name:6} {seconds:8.2f} s an epoch  {ratio}  {peak}")


if __name__ == "__main__":
    main()
