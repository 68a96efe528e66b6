"""Does --find-trials propose what moves, and nothing of a resting animal?

    python benchmarks/trials.py [--data folder_of_clips] [--seed 0]

Films ten drawn cameras and, with --data, five real ones, that see a still picture, each
with noise, flicker and light that changes of another kind; and ten in which something
moves in three ranges. Prints how many films have proposals they should not have, how
many trials are found, and how close the resting films come to a trial: the most frames
in a row above the limit, of those that make one. Then the speed of reading a film of
640 x 480 pixels, beside its duration. Two minutes on two cores.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from recordings import trials
from system import terminal
from video import find, frames

RATE, N_FRAMES, SIZE = 30, 450, (320, 240)
RANGES = ((60, 110), (190, 250), (340, 400))
NOISES = (0, 1, 2, 4, 8)  # grey of 255
LIGHTS = ("steady", "flickers", "drifts")
LOSSES = (12, 20, 28)  # crf of H.264


def draw_scene(seed):
    """Draw a still picture: a box with walls, litter and an animal in it."""
    random = np.random.default_rng(seed)
    width, height = SIZE
    small = random.uniform(40, 170, (12, 16)).astype(np.uint8)
    scene = np.asarray(Image.fromarray(small).resize(SIZE, Image.BICUBIC), float)
    scene = scene + random.normal(0, 6, (height, width))
    scene[height // 2 :, : width // 12] = 15
    return np.repeat(scene[..., None], 3, axis=2)


def take_scene(path):
    """Take the first picture of a film."""
    picture = next(iter(frames.open_reel(path).iterate([0])))
    return np.asarray(Image.fromarray(picture).resize(SIZE), float)


def film(path, scene, seed, ranges=()):
    """Film a scene; within some ranges a paw of a faint grey goes to and fro."""
    random = np.random.default_rng(seed)
    noise, light = NOISES[seed % len(NOISES)], LIGHTS[seed % len(LIGHTS)]
    x, y = random.integers(20, 200), random.integers(20, 180)
    speed, contrast = random.uniform(1.5, 4), random.choice([-45, 45])

    def draw():
        place = 0.0
        for number in range(N_FRAMES):
            picture = scene.copy()
            place += speed * any(start <= number < end for start, end in ranges)
            left = int(x + abs(place % 80 - 40))
            if ranges:
                picture[y : y + 22, left : left + 26] += contrast
            gain = 1.0
            if light == "flickers":
                gain += 0.02 * np.sin(2 * np.pi * number * 0.37)
            if light == "drifts":
                gain += 0.15 * np.sin(2 * np.pi * number / N_FRAMES)
            picture = picture * gain + random.normal(0, noise, (*picture.shape[:2], 1))
            yield np.clip(picture, 0, 255).astype(np.uint8)

    frames.write_video(path, draw(), RATE, crf=LOSSES[seed % len(LOSSES)])
    return path


def measure_closeness(changes):
    """Measure the longest stretch above the limit, in frames of those of a trial."""
    above = trials.find_moving(changes, RATE)
    lengths = [end - start for start, end in trials.list_ranges(above)]
    return max(lengths, default=0), round(trials.SHORTEST * RATE)


def count_hits(found, ranges):
    """Count ranges that one proposal alone covers, and proposals of none."""
    hits = [[f for f in found if f[0] < end and start < f[1]] for start, end in ranges]
    n_hits = sum(
        len(own) == 1 and own[0][0] <= start + 4 and end - 4 <= own[0][1]
        for own, (start, end) in zip(hits, ranges, strict=True)
    )
    return n_hits, len(found) - sum(map(len, hits))


def run(folder, scenes, args):
    resting = []
    for number, scene in enumerate(scenes):
        path = film(folder / f"rest{number}.mp4", scene, args.seed + number)
        reel = frames.open_reel(path)
        changes = trials.measure_movement(reel)
        found = trials.find_trials(changes, RATE)
        longest, needed = measure_closeness(changes)
        resting.append((len(found), longest))
        print(f"resting {number}: {len(found)} proposals, {longest} of {needed} frames")
    moving = []
    for number in range(10):
        place = folder / f"move{number}.mp4"
        seed = args.seed + number
        reel = frames.open_reel(film(place, draw_scene(seed + 50), seed, RANGES))
        found = trials.find_trials(trials.measure_movement(reel), RATE)
        moving.append(count_hits(found, RANGES))
        print(f"moving {number}: {moving[-1][0]} of 3 trials, {moving[-1][1]} others")
    n_false = sum(n > 0 for n, _ in resting)
    print(
        f"{n_false} of {len(resting)} resting films have a proposal; at most "
        f"{max(longest for _, longest in resting)} frames in a row above the limit"
    )
    hits, others = np.sum(moving, axis=0)
    print(f"{hits} of {3 * len(moving)} trials proposed, {others} that are none")


def time_reading(folder, seconds):
    """Print how many times faster than its duration a film is read."""
    random, scene = np.random.default_rng(0), draw_scene(0).astype(np.uint8)
    scene = np.asarray(Image.fromarray(scene).resize((640, 480)), float)
    noises = random.normal(0, 3, (8, 480, 640, 1))
    pictures = [np.clip(scene + noise, 0, 255).astype(np.uint8) for noise in noises]
    n_frames, path = seconds * RATE, folder / "long.mp4"
    frames.write_video(path, (pictures[n % 8] for n in range(n_frames)), RATE)
    wall, processor = time.perf_counter(), time.process_time()
    trials.measure_movement(frames.open_reel(path))
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(
        f"a film of {seconds} s is read in {wall:.1f} s, {processor:.1f} s of "
        f"processor: {seconds / wall:.0f} and {seconds / processor:.0f} times faster"
    )


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder of real clips")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0, help="of the first film")
    args = parser.parse_args(argv)
    scenes = [draw_scene(args.seed + number) for number in range(10)]
    if args.data:
        clips = [path for path in sorted(args.data.rglob("*")) if find.is_video(path)]
        chosen = clips[:: max(1, len(clips) // 5)][:5]
        scenes += [take_scene(path) for path in chosen]
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), scenes, args)
        time_reading(Path(folder), args.seconds)


if __name__ == "__main__":
    terminal.run(main)
