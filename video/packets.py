"""What the packets of a video tell before anything is decoded.

How many pictures should come, when each is shown, and whether some are missing.
"""

import re
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from system.terminal import Problem
from video.containers import PREMATURE, STILL, is_file_truncated, opened

TIMED = ("matroska", "flv", "asf")  # containers that tell when their film ends
STEADY = ("mpeg", "mpegts")  # containers in which no picture may be missing
MAY_SKIP = ("mpeg4", "h263", "msmpeg4v3", "flv")  # their smallest packets show nothing
SMALLEST = 16  # bytes
HDR = (16, 18)  # transfer functions PQ and HLG
LONGEST_GAP = 10.0  # seconds without a picture
MAX_ORDER = 16  # pictures of H.264 that wait for one that is shown before them


class Film(NamedTuple):
    """What a video holds. Times are in units of `unit`, a part of a second."""

    path: Path
    times: np.ndarray  # int64, (N,): when its pictures are shown, rising
    unit: Fraction
    rate: float  # frames a second
    by_time: bool  # pictures are known by their times; else by their count
    first: tuple  # packet
    last: tuple
    keys: np.ndarray  # int64, (K,): of the pictures at which decoding can begin
    bits: int  # that a part of a pixel is stored in
    size: str  # of a picture, "640x480"
    can_skip: frozenset  # times of packets whose picture may be the one before
    n_cut: int = 0  # pictures before `times` that lean on a key frame cut away
    shortage: str = ""  # why the file seems cut short
    limit: int | None = None  # of a file cut short: from here on pictures are missing
    oddities: tuple = ()  # what a viewer should know, a clause each
    aspect: Fraction = Fraction(1)  # width of a pixel to its height

    @property
    def numbers(self):
        """The frame, at even distances in time, as ffmpeg slices, at which each picture
        is first shown: int64, (N,), from 0."""
        return number_frames(self.times * float(self.unit), self.rate)

    @property
    def n_frames(self):
        return int(self.numbers[-1]) + 1


def number_frames(times, rate):
    """Place pictures at rising times (N,) in seconds on an even grid; drops none."""
    order = np.arange(len(times))
    if len(times) < 2 or (is_steady(times) and measure_drift(times, rate) < 1):
        return order
    wanted = np.rint((times - times[0]) * rate).astype(np.int64)
    return np.maximum.accumulate(wanted - order) + order


def is_steady(times):
    """Tell whether no picture seems to be missing between rising times (N,)."""
    steps = np.diff(times)
    return steps.max() < 1.5 * np.median(steps)


def measure_drift(times, rate):
    """Measure how far times (N,) leave an even grid, in frames."""
    return np.abs((times - times[0]) * rate - np.arange(len(times))).max()


class Packet(NamedTuple):
    """What a packet tells; times in the stream's unit."""

    pts: int | None
    dts: int | None
    duration: int
    size: int
    is_key: bool
    is_truncated: bool
    is_hidden: bool


def read_packet(packet):
    times = packet.pts, packet.dts, packet.duration or 0
    flags = packet.is_keyframe, packet.is_corrupt, packet.is_discard
    return Packet(*times, packet.size, *flags)


def look_through(path):
    """Look at all packets of a video; returns a Film."""
    packets, end = [], 0.0  # of the stream; of all streams, in seconds
    try:
        with opened(path) as (container, stream), av.logging.Capture() as complaints:
            for packet in container.demux():
                if packet.pts is not None and packet.duration:
                    after = (packet.pts + packet.duration) * packet.time_base
                    end = max(end, float(after))
                if packet.stream_index == stream.index and packet.size:
                    packets.append(read_packet(packet))
            return describe(path, container, stream, packets, end, complaints)
    except av.FFmpegError as error:
        raise Problem(f"{path}: not readable ({error.strerror})") from None
    except IndexError:  # of PyAV, where damage looks like one more stream
        raise Problem(f"{path}: damaged: a stream appears in the middle") from None


def describe(path, container, stream, packets, end, complaints):
    """Make a `Film` of what the packets of a stream tell."""
    kind, codec = container.format.name.split(",")[0], stream.codec_context.name
    whole = packets[:-1] if packets and packets[-1].is_truncated else packets
    shown = [packet for packet in whole if not packet.is_hidden]
    if not shown:
        raise Problem(f"{path}: none of its frames can be decoded")
    # AVI tells the order of decoding only; of H.264 libavformat guesses the display's.
    by_time = not (kind == "avi" and codec in ("h264", "hevc"))
    times = [packet.pts if by_time else packet.dts for packet in shown]
    times = np.unique(np.array([time for time in times if time is not None], np.int64))
    unit = stream.time_base or Fraction(1, 30)
    parts = getattr(stream.codec_context.format, "components", ())
    rate = find_rate(stream, times * float(unit))
    keys = [p.pts for p in whole if p.is_key and p.pts is not None]
    skips = (p.pts for p in shown if codec in MAY_SKIP and p.size <= SMALLEST)
    film = Film(
        path=path,
        times=times if len(times) else np.arange(len(shown)),
        unit=unit,
        rate=rate,
        by_time=by_time and len(times) > 0,
        first=packets[0],
        last=packets[-1],
        keys=np.array(keys, np.int64),
        bits=max((part.bits for part in parts), default=8),
        size=f"{stream.codec_context.width}x{stream.codec_context.height}",
        can_skip=frozenset(skips),
        oddities=tuple(list_oddities(container, stream, rate)),
        aspect=stream.sample_aspect_ratio or Fraction(1),
    )
    check_jumps(film)
    n_declared = count_declared(kind, container, stream, packets, film, end)
    is_truncated = len(whole) < len(packets)
    is_truncated = is_truncated or is_file_truncated(path, kind, complaints)
    # Matroska drops a truncated packet; elsewhere the last one may be half of one.
    is_half = is_truncated and (packets[-1].is_truncated or kind != "matroska")
    if is_truncated or n_declared > film.n_frames:
        film = shorten(film, n_declared, is_half)
    check_holes(film, kind, whole, complaints)
    return film


def check_jumps(film):
    """Refuse a film whose times leap, as of two recordings that were joined."""
    seconds = film.times * float(film.unit)
    steps = np.diff(seconds)
    if steps.max(initial=0) > LONGEST_GAP:
        at = seconds[steps.argmax()] - seconds[0]
        raise Problem(
            f"{film.path}: its time jumps by {steps.max():.0f} s after frame "
            f"{steps.argmax() + 1}, {at:.2f} s from its start, as if two recordings "
            f"were joined. Cut it there: ffmpeg -i FILM -to {at + 0.001:.3f} FIRST, "
            "and -ss for the rest"
        )


def check_holes(film, kind, packets, complaints):
    """Refuse a film in whose middle packets are truncated or missing."""
    first = next((n for n, p in enumerate(packets, 1) if p.is_truncated), None)
    gaps = np.flatnonzero(np.diff(film.numbers) > 1)
    if first is None and kind in STEADY and len(gaps):
        first = int(gaps[0]) + 2
    if first is not None:
        raise Problem(f"{film.path}: damaged at about frame {first} of {len(packets)}")
    spoken = [text for _, who, text in complaints if who.split(",")[0] == kind]
    if kind in TIMED and any(PREMATURE not in text for text in spoken):
        raise Problem(f"{film.path}: damaged ({spoken[0].strip()[:80]})")


def find_rate(stream, times):
    """Find the frames a second; what the file says counts where its times agree."""
    nominal = float(stream.guessed_rate or stream.average_rate or 0)
    if len(times) > 1 and is_steady(times):
        mean = (len(times) - 1) / (times[-1] - times[0])
        if measure_drift(times, nominal) >= 1 > measure_drift(times, mean):
            return float(mean)
    spacing = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    if spacing > 0 and not 0.9 < nominal * spacing < 2.5:
        return 1 / spacing
    return nominal or 25.0


def list_oddities(container, stream, rate):
    """Say what a file tells of its making that a viewer should know: list of str."""
    notes, others = [], len(container.streams.video) - 1
    captured = container.metadata.get("com.android.capture.fps", "")
    if re.fullmatch(r"\d+(\.\d*)?", captured) and float(captured) > 1.1 * rate:
        notes.append(
            f"it was filmed at {float(captured):g} frames a second and plays at "
            f"{rate:g}, in slow motion. If times are to be real ones, write "
            f"{float(captured):g} into a column fps"
        )
    aspect = stream.sample_aspect_ratio or 1
    if aspect != 1:
        notes.append(
            f"its pixels are not square ({aspect}): pictures are read as stored"
        )
    if stream.codec_context.color_trc in HDR:
        notes.append("its colours are HDR, and look pale beside those of other films")
    if others > 0 and not any(s.disposition & STILL for s in container.streams.video):
        notes.append(f"it holds {others + 1} films; number {stream.index + 1} is read")
    return notes


def count_declared(kind, container, stream, packets, film, end):
    """Count the frames that a file says it has; 0 where it says nothing."""
    if kind == "avi":  # empty packets, which show the frame before, count
        return max(stream.frames - int(film.times[0] if film.by_time else 0), 0)
    n_missing = stream.frames - len(packets) if kind == "mov" else 0
    if kind in TIMED and container.duration:
        end = max(end, film.times[-1] * float(film.unit) + 1 / film.rate)
        n_missing = round((container.duration / av.time_base - end) * film.rate)
        n_missing -= kind == "asf"  # rounds up
    return film.n_frames + n_missing if n_missing > 0 else 0


def shorten(film, n_declared, is_half):
    """Note what is missing at the end of a film, and keep what is surely there."""
    last = film.last
    if not film.by_time:
        film = film._replace(times=film.times[: max(1, len(film.times) - MAX_ORDER)])
    elif last.dts is not None:
        # What is shown before the missing packets are decoded needs none of them.
        limit = last.dts if is_half else last.dts + (last.duration or 1)
        kept = film.times[film.times < limit]
        film = film._replace(times=kept, limit=limit) if len(kept) else film
    says = f"the file says {n_declared} frames" if n_declared else "its end is missing"
    return film._replace(shortage=f"{says}, {film.n_frames} are there")
