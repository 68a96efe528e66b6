"""What becomes of damaged videos: refused, or read with every frame where it belongs?

    python benchmarks/damage.py [--copies 200] [--threads 1 2 16]

Damages copies of films of ten kinds (cut short, bytes flipped or added, zeros written
over a stretch, a packet corrupted) and reads each with several numbers of decoding
threads, of which the project uses one. Prints for each kind how many copies gave

    right     every frame as in the whole film,
    garbled   a frame with other pixels, of which the file holds no checksum,
    moved     a frame that belongs to another place: must be none,
    refused   a Problem,

and of how many copies the answer differs between numbers of threads.
"""

import argparse
import random
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import av
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import films

from system.terminal import Problem
from video import decoder, frames

N_FRAMES = 36
NEAR = 3.0  # grey levels, the mean difference of frames that are alike
GROUPS = {"preset": "medium", "bf": "3", "g": "12"}
X265 = {"x265-params": "log-level=none:keyint=12"}
KINDS = {
    "mpeg4.avi": {"codec": "mpeg4", "options": {"g": "12"}},
    "mjpeg.avi": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "huffyuv.avi": {"codec": "huffyuv", "pixels": "yuv422p"},
    "h264.mp4": {"codec": "libx264", "options": GROUPS},
    "h265.mp4": {"codec": "libx265", "options": X265},
    "h264.mkv": {"codec": "libx264", "options": GROUPS},
    "ffv1.mkv": {"codec": "ffv1", "pixels": "bgr0"},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"g": "12", "cpu-used": "8"}},
    "mpeg2.mpg": {"codec": "mpeg2video", "options": {"bf": "2", "g": "12"}},
    "h264.ts": {"codec": "libx264", "options": GROUPS},
}


def damage(content, number, spots, chance):
    """Damage the content of a file in the way that a number says."""
    content = bytearray(content)
    place = chance.randrange(len(content))
    length = chance.randrange(1, 4000)
    way = number % 5
    if way == 0:
        return content[:place]
    if way == 1:
        content[place : place + length] = bytes(len(content[place : place + length]))
    elif way == 2:
        content[place:place] = chance.randbytes(chance.randrange(1, 300))
    elif way == 3:
        for _ in range(chance.choice([1, 5, 50])):
            content[chance.randrange(len(content))] = chance.randrange(256)
    else:
        start, size = chance.choice(spots)
        start += chance.randrange(size)
        content[start : start + 16] = chance.randbytes(16)
    return content


def read(path):
    """Read all frames, (N, pixels), or None where that is refused."""
    try:
        found = [frame.ravel() for frame in frames.open_reel(path).iterate()]
        return np.array(found, np.int16)
    except (Problem, ValueError):  # ValueError: of several sizes
        return None


def evaluate(frames, whole):
    """Say what a damaged copy gave."""
    if frames is None:
        return "refused"
    if frames.shape[1] != whole.shape[1] or len(frames) != len(whole):
        return "moved"
    if np.array_equal(frames, whole):
        return "right"
    own = np.abs(frames - whole).mean(axis=1)
    for place in np.flatnonzero(own > NEAR):
        others = np.abs(whole - frames[place]).mean(axis=1)
        if others.min() < NEAR and others.min() < own[place] / 4:
            return "moved"
    return "garbled"


def find_spots(path):
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        return [(p.pos, p.size) for p in packets if p.pos and p.pos > 0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--copies", type=int, default=200, help="of each kind")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2, 16])
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"{args.copies} copies of each kind; threads {args.threads}")
    for name, kind in KINDS.items():
        chance = random.Random(name)
        with tempfile.TemporaryDirectory() as folder:
            path = films.make_film(Path(folder) / name, N_FRAMES, **kind)
            content, spots, whole = path.read_bytes(), find_spots(path), read(path)
            copy, answers = Path(folder) / f"copy{path.suffix}", []
            for number in range(args.copies):
                copy.write_bytes(damage(content, number, spots, chance))
                answer = []
                for decoder.THREADS in args.threads:
                    decoder.survey_once.cache_clear()
                    answer.append(evaluate(read(copy), whole))
                answers.append(answer)
        counts = Counter(answer[0] for answer in answers)
        n_apart = sum(len(set(answer)) > 1 for answer in answers)
        said = ", ".join(f"{n} {what}" for what, n in sorted(counts.items()))
        print(f"{name:12} {said}; {n_apart} differ between threads", flush=True)


if __name__ == "__main__":
    main()
