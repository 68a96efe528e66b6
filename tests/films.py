"""Small test films whose frames carry their own number in their pixels."""

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from data import Clip
from system.terminal import caution
from video import frames

SIZE = (96, 64)  # width, height
N_BITS = 10
CODECS = {
    ".avi": "mpeg4",
    ".mp4": "libx264",
    ".m4v": "mpeg4",
    ".mov": "mjpeg",
    ".mkv": "ffv1",
    ".mpg": "mpeg1video",
    ".webm": "libvpx-vp9",
}
OPTIONS = {
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libx264": {"preset": "ultrafast"},
    "mpeg1video": {"qmin": "2", "qmax": "4"},
    "mpeg4": {"qmin": "2", "qmax": "4"},
}
FORMATS = {"ffv1": "bgr0", "mjpeg": "yuvj420p"}


def draw_frame(number, size=SIZE):
    """Draw a frame, uint8 (H, W, 3): red above, the number in black and white bars."""
    width, height = size
    frame = np.zeros((height, width, 3), np.uint8)
    frame[: height // 4, :, 0] = 255
    for bit, bar in enumerate(np.array_split(np.arange(width), N_BITS)):
        frame[height // 4 :, bar] = 255 * (number >> bit & 1)
    return frame


def read_number(frame):
    """Read the number that `draw_frame` drew, whatever size the frame has now."""
    height = len(frame)
    bars = frame[height // 3 :].mean(axis=(0, 2))
    parts = np.array_split(bars, N_BITS)
    means = [part[len(part) // 4 : -(len(part) // 4) or None].mean() for part in parts]
    assert all(not 90 < mean < 165 for mean in means), means
    return sum(int(mean > 128) << bit for bit, mean in enumerate(means))


def read_numbers(frames):
    return [read_number(frame) for frame in frames]


def write_film(
    path,
    pictures,
    codec,
    pixels,
    options=None,
    times=None,
    rate=30,
    unit=None,
    given="rgb24",
):
    """Write pictures, uint8 (H, W, 3) or as `given` says, as a film; returns its path.

    `times` of display are in units of `unit` seconds, by default 1 / `rate`; without
    them pictures are evenly spaced.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt, stream.options = pixels, options or {}
        stream.codec_context.time_base = unit or Fraction(1, rate)
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format=given)
            if times is not None:
                frame.pts, frame.time_base = times[number], unit or Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def make_film(path, n_frames, size=SIZE, codec=None, pixels=None, options=(), **how):
    """Write frames 0 ... n_frames - 1 as a video; see `write_film`. Codec, pixels and
    options are by default what suits the suffix."""
    codec = codec or CODECS[Path(path).suffix.lower()]
    pixels = pixels or FORMATS.get(codec, "yuv420p")
    options = {**OPTIONS.get(codec, {}), **dict(options)}
    drawn = [draw_frame(number, size) for number in range(n_frames)]
    return write_film(path, drawn, codec, pixels, options, **how)


def read_video(path, n_frames, *how, allow_short=False, **more):
    """Read the frames of a film that make a sequence, and how many it has."""
    reel = frames.open_reel(path, allow_short)
    found = frames.read_reel(reel, n_frames, *how, **more)
    for note in reel.list_notes():
        caution(f"{Path(path).name}: {note}")
    return found


def read_image(path):
    """Read an image as the frame of a clip."""
    (frame,) = frames.Images([(path, 0)]).iterate()
    return frame


def clip_of(name="rat", n_frames=30, split="train", task="Reach"):
    return Clip(split, task, name, n_frames, 0.0)


def make_sound(path):
    """Write a second of silence without a picture; returns the path."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 44100), np.float32), format="fltp", layout="mono"
        )
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def make_images(folder, name, numbers, size=SIZE, suffix=".jpg", digits=4):
    """Write frames as the images `<name>-<digits><suffix>`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        image = Image.fromarray(draw_frame(number, size))
        image.save(folder / f"{name}-{number:0{digits}d}{suffix}", quality=95)


def write_table(folder, rows):
    """Write `data_file.csv`; a row is (split, task, clip, n_frames, score)."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lines = [",".join(map(str, row)) for row in rows]
    (folder / "data_file.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_sequences(folder, n_frames=4, n_features=8, n_animals=5, n_clips=2):
    """Write a table and made-up sequences that a network can learn from; returns the
    names of the clips."""
    from features import sequences

    random = np.random.default_rng(0)
    rows, names = [], []
    for animal in range(1, n_animals + 1):
        for clip in range(1, n_clips + 1):
            name = f"v_RatStrokeApl27_g{animal:02d}_c{clip:02d}"
            score = round(animal * 0.8 + clip * 0.1, 2)
            sequence = random.gamma(1, 0.3, (n_frames, n_features)) + score / 5
            for kind in sequences.KINDS:
                sequences.write_sequence(folder, name, sequence, kind)
            rows.append(("train", "Reach", name, n_frames, score))
            names.append(name)
    write_table(folder, rows)
    record = {"weights": "made up", "sha256": "0" * 64, "sampling": "stride"}
    sequences.write_extraction(
        folder,
        {**record, "n_frames": n_frames, "frame_size": 299, "precision": "float32"},
    )
    return names


def read_state(folder):
    """Read every file below a folder: {relative path: bytes}."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }


def spoil_record(path, **changes):
    """Change a JSON record by hand, as a user might."""
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**record, **changes}), encoding="utf-8")


def save_image(folder, name="rat-0001.jpg", mode="RGB", image=None, **options):
    folder.mkdir(parents=True, exist_ok=True)
    image = image or Image.fromarray(draw_frame(5)).convert(mode)
    image.save(folder / name, **options)
    return folder / name
