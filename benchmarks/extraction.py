"""How fast is extraction beside the published way and beside the network alone?

    python benchmarks/extraction.py [--clips 4] [--frames 32] [--repetitions 3]
    python benchmarks/extraction.py --data folder_of_videos --weights weights.h5
    python benchmarks/extraction.py --data working_folder --against other_checkout
    python benchmarks/extraction.py --kinds [--repetitions 20]
    python benchmarks/extraction.py --bound --data videos --clips 300 --frames 20

In turns within one process, from the same video files: the published way (one frame,
one `predict`), ours from end to end, and our network on batches that lie ready. Prints
the median of the ratios and how far the features are apart. The defaults take about
three minutes on two cores.

--against runs the whole of extract_features.py instead, this one and that of another
checkout in turns, on copies of a working folder: what counting frames and digests of
the sources cost from end to end, and what the start does.

--bound extracts copies of the videos as extract_features.py does, checksums, records
and writing included, in turns with passes of the bare network on as many real frames,
both after the start; prints medians of wall and processor time and their ratio.

--kinds passes one batch through the network for features, for features and movement,
and for movement alone, in turns, and prints ratios of processor time with quartiles.
"""

import argparse
import contextlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import av
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from system import terminal
from video import find, frames

SIZE = (640, 480)
STRIDE = 2  # a published clip has 251 frames, of which every second one is used


def make_videos(folder, n_clips, n_frames):
    """Draw videos of a bright spot that moves over noise."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 90, (SIZE[1], SIZE[0], 3), np.uint8)
    paths = [Path(folder) / f"clip{number}.avi" for number in range(n_clips)]
    for path in paths:
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg4", rate=30)
            stream.width, stream.height = SIZE
            for number in range(n_frames * STRIDE):
                pixels = noise.copy()
                x = 40 + 5 * number % (SIZE[0] - 120)
                pixels[200:280, x : x + 80] = 220
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return paths


def list_videos(folder, n_frames):
    """List the videos of a folder that are long enough and can be decoded."""
    long_enough = []
    for path in sorted(folder.rglob("*")):
        if find.is_video(path):
            with contextlib.suppress(terminal.Problem):
                frames.read_reel(frames.open_reel(path), n_frames)
                long_enough.append(path)
    return long_enough


def build_published(weights):
    """Build the network as the published loop had it, and the same weights."""
    from features import inception_v3
    from system.backend import keras

    network = keras.applications.InceptionV3(
        include_top=False, weights=None, pooling="avg", input_shape=(299, 299, 3)
    )
    kinds = keras.layers.Conv2D, keras.layers.BatchNormalization
    made = [[x for x in network.layers if isinstance(x, kind)] for kind in kinds]
    for layers in made:
        layers.sort(key=lambda layer: (len(layer.name), layer.name))
    parts = inception_v3.read_parts(weights, [layer.kernel.shape for layer in made[0]])
    for convolution, normalization, part in zip(*made, parts, strict=True):
        convolution.set_weights(part[:1])
        normalization.set_weights(part[1:])
    return network


def extract_as_published(network, videos, n_frames):
    """Decode, resize with PIL, scale, and predict frame by frame."""
    features = []
    for video in videos:
        with av.open(str(video)) as container:
            pictures = [
                frame.to_ndarray(format="rgb24") for frame in container.decode()
            ]
        stride = len(pictures) // n_frames
        for picture in pictures[::stride][:n_frames]:
            image = Image.fromarray(picture).resize((299, 299), Image.NEAREST)
            pixels = np.asarray(image, np.float32)[None] / 127.5 - 1
            features.append(network.predict(pixels, verbose=0)[0])
    return np.stack(features)


def extract_ours(extractor, videos, n_frames):
    def read(video):
        reel, how = frames.open_reel(video), ("stride", frames.resize_frame)
        return frames.read_reel(reel, n_frames, *how)[0]

    sources = ((video, partial(read, video)) for video in videos)
    return np.concatenate([sequence for _, sequence in extractor.stream(sources)])


def pass_batches(extractor, batches):
    """Pass batches that lie ready."""
    for batch in batches:
        extractor(batch)


def measure(ways, n_used, repetitions):
    """Frames a second of each way in each repetition, in turns."""
    speeds = {name: [] for name in ways}
    for _ in range(repetitions):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            speeds[name].append(n_used[name] / (time.perf_counter() - began))
    return speeds


def report(speeds, name, beside):
    ratios = [a / b for a, b in zip(speeds[name], speeds[beside], strict=True)]
    print(
        f"{name} against {beside}: {statistics.median(ratios):.2f} x "
        f"({min(ratios):.2f} to {max(ratios):.2f})"
    )


def compare(found, expected):
    """Relative distance of features, over all and in the worst feature."""
    worst = np.abs(found - expected).max() / np.abs(expected).max()
    return np.linalg.norm(found - expected) / np.linalg.norm(expected), worst


def run_command(checkout, args):
    """Run the command on a copy of a working folder: seconds, and of processor."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "data"
        skipped = shutil.ignore_patterns("sequences*")
        shutil.copytree(args.data, folder, ignore=skipped)
        command = [sys.executable, "extract_features.py", "--data", folder]
        command += ["--weights", args.weights, "--seq-length", str(args.frames)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        subprocess.run(command, cwd=checkout, check=True, stderr=subprocess.DEVNULL)
        seconds = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, sum(after[:2]) - sum(before[:2])


def compare_checkouts(args):
    """Run this and another extract_features.py in turns; prints medians and ratios."""
    ours, turns = Path(__file__).resolve().parents[1], []
    for _ in range(args.repetitions):
        turns.append([run_command(place, args) for place in (args.against, ours)])
    turns = np.array(turns)  # (repetitions, 2 checkouts, 2 kinds of seconds)
    for number, what in enumerate(("seconds", "seconds of processor")):
        theirs, mine = np.median(turns[:, :, number], axis=0)
        ratio = np.median(turns[:, 1, number] / turns[:, 0, number])
        print(f"{what}: there {theirs:.1f}, here {mine:.1f}, ratio {ratio:.3f}")


def compare_kinds(args):
    """Pass a batch through the network for each kind of sequence, in turns."""
    from extractor import Extractor

    extractor = Extractor(args.weights, args.batch_size)
    random = np.random.default_rng(0)
    shape = extractor.batch_size, 299, 299, 3
    batch, models = random.integers(0, 256, shape, np.uint8), {}
    for kinds in (("features",), ("features", "movement"), ("movement",)):
        extractor.choose(kinds)
        extractor(batch)  # warms up
        models[kinds] = extractor.model
    turns = []
    for _ in range(args.repetitions):
        turns.append([])
        for kinds, model in models.items():
            extractor.kinds, extractor.model = kinds, model
            began = time.process_time()
            extractor(batch)
            turns[-1].append(time.process_time() - began)
    alone, both, moving = np.transpose(turns)
    for what, ratio in (
        ("time of both beside features alone", both / alone),
        ("speed of movement alone beside features alone", alone / moving),
    ):
        low, middle, high = np.quantile(ratio, [0.25, 0.5, 0.75])
        print(f"{what}: {middle:.2f} (quartiles {low:.2f} to {high:.2f})")


def make_copies(folder, videos, n_clips):
    """Make a working folder of clips that are copies of videos, in turns."""
    rows, place = [], Path(folder) / "train" / "Reach"
    place.mkdir(parents=True)
    for number in range(n_clips):
        video, name = videos[number % len(videos)], f"v_Stroke_g{number:05d}_c01"
        shutil.copy(video, place / f"{name}{video.suffix}")
        rows.append(f"train,Reach,{name},{frames.open_reel(video).n_frames},1\n")
    (Path(folder) / "data_file.csv").write_text("".join(rows))


def compare_with_bound(args, videos, folder):
    """Extract a folder, and pass as many frames through the bare network, in turns."""
    import data
    import extract_features
    from extractor import Extractor
    from features import jobs, sequences

    folder = Path(folder) / "data"
    make_copies(folder, videos, args.clips)
    extractor, clips = Extractor(args.weights, args.batch_size), data.read_clips(folder)
    extractor.choose(sequences.KINDS)
    record = {**extractor.record, "n_frames": args.frames, "sampling": "uniform"}
    reels = map(frames.open_reel, videos)
    read = (frames.read_reel(reel, args.frames, "uniform") for reel in reels)
    ready = [frames.resize_frame(picture) for found, _ in read for picture in found]
    size, n_used = extractor.batch_size, args.clips * args.frames
    starts = [n * size % max(1, len(ready) - size) for n in range(-(-n_used // size))]
    batches = [np.stack(ready[start : start + size]) for start in starts[:16]]

    def extract():
        shutil.rmtree(folder / "sequences", ignore_errors=True)
        sequences.write_extraction(folder, record)
        todo = jobs.list_jobs(folder, clips, args.frames, False, sequences.KINDS)
        done = extract_features.extract(folder, todo, extractor, record)
        assert all(problem is None for _, problem in done)

    def pass_bare():
        for number in range(len(starts)):
            extractor.model.predict_on_batch(batches[number % len(batches)])

    turns = []
    extractor.model.predict_on_batch(batches[0])  # warms up
    for _ in range(args.repetitions):
        for way in (extract, pass_bare):
            wall, processor = time.perf_counter(), time.process_time()
            way()
            turns.append((time.perf_counter() - wall, time.process_time() - processor))
    turns = np.reshape(turns, (-1, 2, 2))  # repetitions, ways, kinds of seconds
    print(f"{args.clips} clips of {args.frames} frames")
    for number, what in enumerate(("wall", "processor")):
        ours, bare = np.median(turns[:, :, number], axis=0)
        ratio = np.median(turns[:, 1, number] / turns[:, 0, number])
        print(
            f"{what:9} {ours:7.1f} s, the network alone {bare:7.1f} s: {ratio:.3f} of "
            f"its speed, {n_used / ours:.2f} and {n_used / bare:.2f} frames/s"
        )


def parse_args(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="a folder of videos; else drawn ones")
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--frames", type=int, default=32, help="used of a clip (32)")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--weights", default="random")
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    parser.add_argument("--kinds", action="store_true")
    parser.add_argument("--bound", action="store_true")
    return parser.parse_args(argv)


def run(videos, args):
    from extractor import Extractor

    extractor = Extractor(args.weights, args.batch_size)
    published = build_published(args.weights)
    n_used = len(videos) * args.frames
    batch = np.zeros((extractor.batch_size, 299, 299, 3), np.uint8)
    batches = [batch] * (n_used // len(batch))
    ways = {
        "published": partial(extract_as_published, published, videos, args.frames),
        "ours": partial(extract_ours, extractor, videos, args.frames),
        "network alone": partial(pass_batches, extractor, batches),
    }
    counts = {**dict.fromkeys(ways, n_used), "network alone": len(batches) * len(batch)}
    few = {"videos": videos[:1], "n_frames": args.frames}
    expected = extract_as_published(published, **few)  # warms up as well
    found = extract_ours(extractor, **few)
    print(
        "features apart: {:.1e} over all, {:.1e} at most".format(
            *compare(found, expected)
        )
    )
    speeds = measure(ways, counts, args.repetitions)
    for name, found in speeds.items():
        print(f"{name:14} {statistics.median(found):7.2f} frames/s")
    report(speeds, "ours", "published")
    report(speeds, "ours", "network alone")


def main(argv=None):
    args = parse_args(argv)
    if args.against:
        return compare_checkouts(args)
    if args.kinds:
        return compare_kinds(args)
    with tempfile.TemporaryDirectory() as folder:
        if args.data:
            videos = list_videos(args.data, args.frames)[: args.clips]
        else:
            videos = make_videos(folder, args.clips, args.frames)
        if args.bound:
            compare_with_bound(args, videos, folder)
        else:
            run(videos, args)


if __name__ == "__main__":
    terminal.run(main)
