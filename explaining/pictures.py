"""Frames of clips as they are shown, and the places that the network saw in them."""

import numpy as np
from PIL import Image

import frames
from console import Problem
from explaining import explanation

SHOWN_WIDTH = 480  # pixels: as large as any picture on the page
N_MEAN = 32  # frames from which the mean map of a long clip is estimated
TOLERANCE = 0.02  # how far pictures may be from the sequence that they gave


def shrink(frame):
    """Shrink a frame to at most 480 pixels in width, even in height."""
    height, width = frame.shape[:2]
    scale = min(1.0, SHOWN_WIDTH / width)
    size = (round(width * scale), max(2, round(height * scale / 2) * 2))
    image = Image.fromarray(np.ascontiguousarray(frame))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS))


class Pictures:
    """The frames of clips, read when they are asked for.

    Parameters
    ----------
    folder : path
        The working folder.
    clips : sequence of Clip
    record : dict
        Of the run: T and sampling.
    extractor : Extractor or None

    Attributes
    ----------
    missing : dict of str to str
        Clips without usable pictures, and why.
    """

    def __init__(self, folder, clips, record, extractor):
        self.folder, self.extractor = folder, extractor
        self.clips = {clip.name: clip for clip in clips}
        self.n_frames = record["n_frames"]
        self.sampling = (record["extraction"] or {}).get("sampling", "stride")
        self.missing, self.last = {}, (None, None)

    def read(self, name):
        """Read the frames of a clip, (T,) of (299, 299, 3) and as shown; or None."""
        if self.last[0] != name and name not in self.missing:
            try:
                pairs = frames.read_frames(
                    *(self.folder, self.clips[name], self.n_frames, self.sampling),
                    convert=lambda frame: (frames.resize_frame(frame), shrink(frame)),
                )
                self.last = name, pairs
            except Problem as problem:
                self.missing[name] = str(problem)
        return None if name in self.missing else self.last[1]

    def show(self, name, index):
        """Read one frame of a clip as it is shown, or None."""
        pairs = self.read(name)
        return None if pairs is None else pairs[index][1]

    def show_all(self, wanted):
        """Read frames of several clips, each clip once.

        Parameters
        ----------
        wanted : sequence of (str, int)
            Clip names and frames.

        Returns
        -------
        list of uint8 (H, W, 3) or None
        """
        shown = {}
        for name, index in sorted(set(wanted)):
            shown[name, index] = self.show(name, index)
        return [shown[key] for key in wanted]

    def find_places(self, name, chosen, sequence, gradients):
        """Spread the attributions of frames over places.

        Parameters
        ----------
        name : str
        chosen : sequence of int, (n,)
            Frames.
        sequence, gradients : float32, (T, F)
            Of the clip; the gradients are averaged along the path.

        Returns
        -------
        (float64 (n, 8, 8), float64 (n, 8, 8)) or None
            Attributions from the zero sequence, and beyond the clip's mean frame;
            each adds up to that of its frame.
        """
        pairs = self.read(name)
        if pairs is None or self.extractor is None or not len(chosen):
            return None
        is_short = len(pairs) <= N_MEAN
        extracted = range(len(pairs)) if is_short else chosen
        maps = self.extractor.maps([pairs[index][0] for index in extracted])
        mean = maps.mean(axis=0) if is_short else self.find_mean_map(name, sequence)
        maps = maps[chosen] if is_short else maps
        found = maps.mean(axis=(1, 2))
        away = np.linalg.norm(found - sequence[chosen])
        if away > TOLERANCE * np.linalg.norm(sequence[chosen]):
            self.missing[name] = "its pictures do not give the features of its sequence"
            return None
        return (
            explanation.share_places(gradients[chosen], maps),
            explanation.share_places(gradients[chosen], maps - mean),
        )

    def find_mean_map(self, name, sequence):
        """Find the mean map (8, 8, F) of a clip, whose mean is the mean feature.

        Of long clips it is estimated from frames all along, then scaled, feature by
        feature, to the mean of all frames, so that places still add up.
        """
        n_used = min(N_MEAN, len(sequence))
        used = np.linspace(0, len(sequence) - 1, n_used).round().astype(int)
        pairs, total = self.read(name), 0.0
        for first in range(0, n_used, 8):  # maps of a whole clip would fill memory
            part = [pairs[index][0] for index in used[first : first + 8]]
            total = total + self.extractor.maps(part).sum(axis=0, dtype=float)
        mean, wanted = total / n_used, sequence.mean(axis=0, dtype=float)
        now = mean.mean(axis=(0, 1))
        scaled = mean * np.divide(wanted, now, out=np.ones_like(now), where=now > 0)
        return np.where(now > 0, scaled, wanted)
