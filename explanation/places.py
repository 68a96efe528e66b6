"""Frames of clips as they are shown, and the places that the network saw in them."""

import itertools
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from system.terminal import Problem
from video import frames

SHOWN = 480  # pixels: as large as any picture on the page
# Along either side of a frame, by their number: the first and the step, in pixels of
# the 299 that the network sees.
CENTRES = {8: (37, 32), 17: (21, 16)}
N_MEAN = 16  # frames from which the mean map of a long clip is estimated
TOLERANCE = 0.02  # how far pictures may be from the sequence that they gave


class Places(NamedTuple):
    """Contributions of locations in n frames of a clip; float64 (n, 8, 8) or 17."""

    frames: list  # their indices
    full: np.ndarray  # of the attribution from the zero sequence
    beyond: np.ndarray  # relative to the mean frame of the clip
    pictures: dict  # the frames as they are shown, by index

    def at(self, frame):
        """Return contributions in one frame relative to the mean frame."""
        return self.beyond[self.frames.index(frame)]


def find_centres(length, n_places):
    """Find where along a frame so many pixels long the places lie, float (n_places,).

    Layers without padding cut off what is outside of 37 + 32 i of the 299 pixels that
    InceptionV3 sees (of 21 + 16 i in the middle of it); `benchmarks/places.py` finds
    the same with a patch on real frames.
    """
    first, step = CENTRES[n_places]
    return (first + step * np.arange(n_places)) * length / frames.FRAME_SIZE


def spread_over_places(gradients, maps):
    """Spread the attribution of frames over the places they were seen in.

    A feature is the mean of its map, so each place has an exact part: averaged
    gradients (n, F) and maps, or how far they are from others, (n, R, C, F), give
    float64 (n, R, C).
    """
    n_places = maps.shape[1] * maps.shape[2]
    return np.einsum("nrcf,nf->nrc", maps, gradients, dtype=float) / n_places


def spread_changes(rates, before, now, after):
    """Spread contributions of change and jerk over the places where maps changed.

    Exact: the change of a mean is the mean of the signed changes of its places. Rates
    of frames (n, 2, F), see `network.Moving.find_rates`, and maps of the frames and of
    those beside them, (n, R, C, F), give float64 (n, R, C).
    """
    from_before = spread_over_places(rates[:, 0], now - before)
    return from_before + spread_over_places(rates[:, 1], after - now)


class Pictures:
    """The frames of clips, read when asked for; `missing` gives reasons."""

    def __init__(self, folder, clips, run, extractor):
        self.folder, self.extractor = folder, extractor
        self.clips = {clip.name: clip for clip in clips}
        self.n_frames = run.n_frames
        self.sampling = (run.extraction or {}).get("sampling", "stride")
        self.missing = {}

    def read(self, name, indices, shown):
        """Read frames of a sequence by their indices, rising: a list of (299, 299, 3),
        and a dict of some of them as they are shown; or None."""
        if name in self.missing:
            return None
        resized, pictures = [], {}
        try:
            reel, view = frames.open_clip(self.folder, self.clips[name])
            start, end = view.find_range(reel.n_frames)
            taken = frames.sample_indices(end - start, self.n_frames, self.sampling)
            read = reel.iterate(start + taken[indices], start, end)
            for index, frame in zip(indices, map(view.apply, read), strict=True):
                resized.append(frames.resize_frame(frame))
                if index in shown:
                    pictures[int(index)] = frames.shrink(frame, SHOWN)
        except Problem as problem:
            self.missing[name] = str(problem)
            return None
        return resized, pictures

    def find_interval(self, name):
        """Find the seconds from each frame of a sequence to the next, or None."""
        try:
            clip = self.clips[name]
            reel, view = frames.open_clip(self.folder, clip, allow_short=True)
        except Problem:
            return None
        rate, n_available = clip.fps or reel.rate, view.end - view.start
        if not rate or n_available < self.n_frames:
            return None
        return frames.measure_interval(n_available, self.n_frames, self.sampling, rate)

    def show_all(self, wanted):
        """Show frames (clip name, index) of several clips, each read once; by both."""
        shown = {}
        for name, of_clip in itertools.groupby(sorted(wanted), key=itemgetter(0)):
            indices = [index for _, index in of_clip]
            _, pictures = self.read(name, indices, indices) or ([], {})
            shown |= {(name, index): each for index, each in pictures.items()}
        return shown

    def find_places(self, name, chosen, sequence, whole, beyond, rates=None):
        """Spread the attributions of chosen frames, rising, over `Places`; or None.

        Each frame passes the extractor once. The mean map of a long clip is estimated
        from frames all along, then scaled, feature by feature, to the mean of all
        frames, so that places add up. `whole` and `beyond` are gradients, (T, F), from
        the zero sequence and from the mean frame, `rates` (T, 2, F) those of changes
        and jerks where the network knows movement.
        """
        if self.extractor is None or not len(chosen):
            return None
        last, n_mean = self.n_frames - 1, min(N_MEAN, self.n_frames)
        spread = np.linspace(0, last, n_mean).round().astype(int)
        beside = [np.clip(chosen + i, 0, last) for i in (-1, 0, 1)]
        needed = beside if rates is not None else [chosen]
        extracted = np.unique(np.concatenate([spread, *needed]))
        read = self.read(name, extracted, chosen)
        if read is None:
            return None
        resized, pictures = read
        found = self.extractor.maps(resized)
        mean = found[np.isin(extracted, spread)].mean(axis=0, dtype=float)
        maps = found[np.isin(extracted, chosen)]
        off = np.linalg.norm(maps.mean(axis=(1, 2)) - sequence[chosen])
        if off > TOLERANCE * np.linalg.norm(sequence[chosen]):
            self.missing[name] = "its frames do not match its stored sequence"
            return None
        full = spread_over_places(whole[chosen], maps)
        away = spread_over_places(beyond[chosen], maps - scale_map(mean, sequence))
        change = np.zeros_like(full)
        if rates is not None:
            around = (found[np.searchsorted(extracted, at)] for at in beside)
            change = spread_changes(rates[chosen], *around)
        return Places(list(pictures), full + change, away + change, pictures)


def scale_map(mean, sequence):
    """Scale a mean map (R, C, F) to the mean features of a sequence (T, F)."""
    wanted, now = sequence.mean(axis=0, dtype=float), mean.mean(axis=(0, 1))
    scaled = mean * np.divide(wanted, now, out=np.ones_like(now), where=now > 0)
    return np.where(now > 0, scaled, wanted)
