"""How does the cost of extraction and training grow with clips, frames and workers?

    python benchmarks/scaling.py [--clips 10 100 1000] [--workers 1 2]

Clips: time and peak memory of `extract_features.py` with a stand-in network, each in a
separate process. Frames: one clip through InceptionV3. Workers: the same clips on
Dask clusters of as many processes of one thread, in turns. Training: peak memory of
`train_reg.py`, an epoch of the published network on stand-in sequences. On two cores
about six minutes, and fifteen for the training; --skip leaves parts out.
"""

import argparse
import itertools
import logging
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from extraction import extract_ours, make_videos

import data
from features import jobs, sequences
from system import storage, terminal

PARTS = ("clips", "frames", "workers", "training")
N_FRAMES = 125  # published


def make_folder(folder, n_clips, n_frames):
    """Make a working folder in which every clip is the same video."""
    place = Path(folder) / "train" / "Reach"
    place.mkdir(parents=True)
    (video,) = make_videos(place, 1, n_frames)
    rows = []
    for number in range(n_clips):
        name = f"v_Stroke_g{number:05d}_c01"
        (place / f"{name}.avi").hardlink_to(video)
        rows.append(f"train,Reach,{name},{2 * n_frames},1\n")
    (Path(folder) / "data_file.csv").write_text("".join(rows))


def extract_with(network, folder):
    """Run extract_features.py for real, or with a stand-in: a frame's mean."""
    import extract_features
    import extractor

    class StandIn(extractor.Extractor):
        def __init__(self, weights, **options):
            self.batch_size, self.model = 8, None
            self.record = {"weights": "stand-in", "sha256": "0", "frame_size": 299}

        def choose(self, kinds):
            self.kinds = tuple(kinds)

        def predict(self, model, pictures):
            means = np.array([picture.mean() for picture in pictures], np.float32)
            return np.repeat(means[:, None], self.width, axis=1)

    if network == "stand-in":
        extractor.Extractor = StandIn
    extract_features.main(["--data", folder, "--weights", "random"])


def measure_clips(n_clips, network):
    """Seconds and peak memory in GB of an extraction in a separate process."""
    with tempfile.TemporaryDirectory() as folder:
        make_folder(folder, n_clips, N_FRAMES)
        return measure("--extract", network, folder)


def measure(*arguments):
    """Seconds and peak memory in GB of a part, run in a separate process."""
    command = [sys.executable, __file__, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds, memory = map(float, done.stdout.split()[-2:])
    return seconds, memory


def report_own_cost(run, *arguments):
    began = time.perf_counter()
    run(*arguments)
    # ru_maxrss is in KiB on Linux and in bytes on macOS
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
    print(time.perf_counter() - began, peak)


def scale_clips(counts):
    print("clips, stand-in network")
    for n_clips in counts:
        seconds, memory = measure_clips(n_clips, "stand-in")
        print(f"{n_clips:6} {seconds / n_clips * 1e3:8.1f} ms a clip {memory:6.2f} GB")
    seconds, memory = measure_clips(2, "real")
    print(f"     2 clips with InceptionV3: {memory:.2f} GB")


def scale_frames(counts):
    from extractor import Extractor

    extractor = Extractor("random")
    print("frames of one clip, InceptionV3")
    with tempfile.TemporaryDirectory() as folder:
        videos = make_videos(folder, 1, max(counts))
        extract_ours(extractor, videos, min(counts))
        for n_frames in counts:
            began = time.perf_counter()
            extract_ours(extractor, videos, n_frames)
            seconds = time.perf_counter() - began
            print(f"{n_frames:6} {seconds / n_frames * 1e3:8.1f} ms a frame")


def scale_workers(counts, n_clips, n_frames, repetitions):
    """Extract the same clips on clusters of different size, in turns."""
    from dask.distributed import LocalCluster

    from system import dask_cluster

    logging.disable()  # of clusters that close
    print(f"Dask workers of one thread, {n_clips} clips of {n_frames} frames")
    times = {count: [] for count in counts}
    options = {"threads_per_worker": 1, "dashboard_address": None}
    with tempfile.TemporaryDirectory() as folder:
        make_folder(folder, n_clips, n_frames)
        clips = data.read_clips(folder)
        for _, count in itertools.product(range(repetitions), counts):
            # One cluster at a time: idle workers take their share of two cores, too.
            with (
                LocalCluster(n_workers=count, **options) as group,
                dask_cluster.connect(group.scheduler_address) as client,
            ):
                time_clips(client, folder, clips[: 2 * count], n_frames)  # warms up
                times[count].append(time_clips(client, folder, clips, n_frames))
    first = times[counts[0]]
    for count, found in times.items():
        ratio = statistics.median(a / b for a, b in zip(first, found, strict=True))
        print(f"{count:6} {statistics.median(found):8.1f} s {ratio:6.2f} x")


def time_clips(client, folder, clips, n_frames):
    from system import dask_cluster
    from training import on_cluster

    tell, take = on_cluster.describe_extractor, on_cluster.extract_clip
    ((_, made),) = dask_cluster.run(client, tell, ["random"], ())
    record = {**made, "sampling": "stride", "n_frames": n_frames}
    sequences.write_extraction(folder, record)
    todo = [jobs.Job(clip, tuple(sequences.KINDS)) for clip in clips]
    began = time.perf_counter()
    for _, problem in dask_cluster.run(
        client, take, todo, folder, record, "random", ()
    ):
        if problem is not None:
            raise problem
    return time.perf_counter() - began


def make_sequences(folder, n_clips):
    """Make a working folder of scored clips that share eight stand-in sequences."""
    random = np.random.default_rng(0)
    rows, written = [], []
    for number in range(n_clips):
        name, score = f"v_Stroke_g{number // 4:04d}_c{number:05d}", number % 8
        if len(written) <= score:
            sequence = random.random((N_FRAMES, 2048), np.float32)
            written.append(sequences.write_sequence(folder, name, sequence))
        else:
            path = storage.sequence_path(folder, name, N_FRAMES)
            path.hardlink_to(written[score])
        rows.append(f"train,Reach,{name},{N_FRAMES},{score}\n")
    (Path(folder) / "data_file.csv").write_text("".join(rows))


def train_in(folder):
    import train_reg

    train_reg.main(["--data", folder, "--epochs", "1"])


def scale_training(counts):
    print("clips, an epoch of the published network")
    for n_clips in counts:
        with tempfile.TemporaryDirectory() as folder:
            make_sequences(folder, n_clips)
            seconds, memory = measure("--train", folder)
        print(f"{n_clips:6} {seconds:8.1f} s {memory:6.2f} GB")


def parse_args(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--frames", type=int, nargs="+", default=[16, 32, 64, 128])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--worker-clips", type=int, default=12)
    parser.add_argument("--worker-frames", type=int, default=16)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--skip", nargs="+", choices=PARTS, default=[])
    parser.add_argument("--training", type=int, nargs="+", default=[48, 5000])
    parser.add_argument("--extract", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--train", nargs=1, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    if args.extract:
        return report_own_cost(extract_with, *args.extract)
    if args.train:
        return report_own_cost(train_in, *args.train)
    if "clips" not in args.skip:
        scale_clips(args.clips)
    if "frames" not in args.skip:
        scale_frames(args.frames)
    if "workers" not in args.skip:
        sizes = args.worker_clips, args.worker_frames
        scale_workers(args.workers, *sizes, args.repetitions)
    if "training" not in args.skip:
        scale_training(args.training)


if __name__ == "__main__":
    terminal.run(main)
