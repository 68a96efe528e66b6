"""Features of new videos, kept so that another question of them is answered at once.

`new/<key>.npz` in the working folder holds the sequence of a video, or of a window of
it, and what the video is like. The key is a digest of all that they depend on: bytes
and kind of the file, the part that is seen, how the sequences of a run are made, and
the versions of programs.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

from features import sequences
from runs import novelty
from system import storage
from system.terminal import Problem, caution


class Kept:
    """What is kept for a run. Without a folder nothing is read or written."""

    def __init__(self, folder, run, weights, digests, allow_short=False):
        self.place = folder and Path(folder) / "new"
        self.digests, self.n_read, self.n_written = digests, 0, 0
        self.is_failing = False
        made = run.extraction
        if not made.get("sha256") and Path(weights).is_file():
            weights = storage.digest_file(weights)
        self.settings = {
            "weights": made.get("sha256") or weights,
            "sequence": (run.options.reads, run.n_frames, made["sampling"]),
            "precision": made.get("precision"),
            "allow_short": allow_short,
            "versions": sequences.describe_programs(),
        }

    def find(self, part):
        """Find where a `new_videos.Part` is kept, or None where it cannot be."""
        digest = self.digests[part.clip]
        if not (self.place and digest):
            return None
        seen = {"video": digest, "kind": part.video.suffix.lower(), "view": part.view}
        key = json.dumps(self.settings | seen, sort_keys=True)
        return self.place / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"

    def has(self, part):
        path = self.find(part)
        return bool(path and path.is_file())

    def read(self, part):
        """Read the sequence (T, F), the `Look` and notes of a part; None if damaged."""
        try:
            with np.load(self.find(part), allow_pickle=False) as stored:
                sequence, known = stored["sequence"], json.loads(str(stored["known"]))
        except Exception:  # zipfile, JSON and numpy fail in many ways
            return None
        self.n_read += 1
        return sequence, novelty.Look(*known["look"]), known["notes"]

    def write(self, part, sequence, look, notes):
        """Keep what was extracted; where that is not possible it is said once."""
        if self.is_failing or not (path := self.find(part)):
            return
        known = json.dumps({"look": look, "notes": notes})
        try:
            with storage.replacing(path) as temporary:
                np.savez(temporary, sequence=sequence, known=known)
            self.n_written += 1
        except Problem as problem:
            caution(f"the features of new videos are not kept: {problem}")
            self.is_failing = True

    def describe(self):
        """Describe what was read and written, and the size of all; "" where nothing."""
        if not (self.n_read or self.n_written):
            return ""
        n_bytes = sum(path.stat().st_size for path in self.place.glob("[!.]*.npz"))
        return (
            f"features of {self.n_read} videos or windows were there, of "
            f"{self.n_written} are new: {n_bytes / 1e6:.1f} MB in {self.place}, where "
            "they are found again; --no-cache keeps none, and you may delete the folder"
        )
