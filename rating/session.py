"""One rater's work: which clip comes next, and what has been said so far.

The file is read before each step and written after it, so that a killed program, a
second window or a second program loses nothing and scores nothing twice.
"""

import hashlib
import math
import secrets
import threading

from rating.ratings import list_scores, ratings_path, read_ratings, write_ratings
from system.tables import plain
from system.terminal import Problem

REPEATED = 0.1  # of the clips come twice, to tell how well a rater agrees with himself
OTHER_SCALE = (
    "which is not of this scale. Give the first --scale or --items, or another --rater"
)


def draw(*words):
    """Draw a number from words: the same on every machine and in every session."""
    return int.from_bytes(hashlib.sha256("\0".join(words).encode()).digest()[:8], "big")


def plan_viewings(rater, clips):
    """Put clips into a random order of each rater, which added clips do not change; a
    tenth come again, a quarter of all clips later: (clip, "0" or, again, "1")."""
    order = sorted(set(clips), key=lambda clip: draw(rater, clip))
    n = len(order)
    n_repeats = max(round(REPEATED * n), 1) if n >= 5 else 0
    early = order[: math.ceil(2 * n / 3)]
    again = {}  # clip -> those that come again behind it
    for clip in sorted(early, key=lambda clip: draw(rater, clip, "again"))[:n_repeats]:
        earliest = order.index(clip) + max(n // 4, 1)
        place = earliest + draw(rater, clip, "place") % (n - earliest)
        again.setdefault(order[place], []).append((clip, "1"))
    return [one for clip in order for one in [(clip, "0"), *again.get(clip, [])]]


class Session:
    """What a rater has done, and has still to do, of clips that are named."""

    def __init__(self, folder, rater, clips, items):
        self.path, self.items = ratings_path(folder, rater), items
        self.names = [item.name for item in items] if len(items) > 1 else []
        self.viewings = plan_viewings(self.path.stem, clips)
        self.lock, self.secret = threading.RLock(), secrets.token_hex()
        self.broken = set()  # clips that cannot be shown
        rows = self.read()
        for score in () if self.names else list_scores(rows).values():
            if score not in items[0].values and not math.isnan(score):
                raise Problem(f"{self.path} holds {score:g}, {OTHER_SCALE}")

    def read(self):
        """Read the rows that have been written so far."""
        with self.lock:  # on Windows a file that is read cannot be replaced
            names, rows = read_ratings(self.path) if self.path.is_file() else ([], [])
        if rows and [*map(plain, names)] != [*map(plain, self.names)]:
            told = ", ".join(names) or "one score"
            raise Problem(f"{self.path} holds {told}, {OTHER_SCALE}")
        return rows

    def list_next(self):
        """List the viewings that are still to come."""
        done = {(row["clip"], row["repeat"] or "0") for row in self.read()}
        return [v for v in self.viewings if v not in done and v[0] not in self.broken]

    def key_of(self, viewing):
        """Name a viewing without telling which clip it is."""
        return f"{draw(self.secret, *viewing):016x}"

    def tell(self):
        """Tell the page where the rater is, in words that give no clip away."""
        with self.lock:
            n_done, following = len(self.read()), self.list_next()
        keys = [*map(self.key_of, following[:2]), None, None]
        return {
            "number": n_done + 1,
            "total": n_done + len(following),
            "done": 1 - len(following) / len(self.viewings),
            **{"current": keys[0], "next": keys[1], "can_undo": n_done > 0},
            "n_broken": len(self.broken),
            "items": [item._asdict() for item in self.items],
        }

    def save(self, key, values, seconds):
        """Save what the rater says of the viewing `key`: values, one for each item, or
        None: cannot be scored. False where another window had been faster."""
        pairs = zip(values or (), self.items, strict=values is not None)
        if not all(value in item.values for value, item in pairs):
            raise ValueError("expected a value of each scale")
        with self.lock:
            rows, following = self.read(), self.list_next()
            if not following or self.key_of(following[0]) != key:
                return False
            row = dict(zip(("clip", "repeat"), following[0], strict=True))
            row |= {"seconds": f"{seconds:.1f}", "order": len(rows) + 1}
            if values is not None:
                row["score"] = f"{round(sum(values), 6):.10g}"
                said = zip(self.names, values, strict=False)
                row |= {plain(name): f"{value:.10g}" for name, value in said}
            write_ratings(self.path, self.names, [*rows, row])
            return True

    def undo(self, key):
        """Take the last rating back, so that its clip comes again; see `save`."""
        with self.lock:
            if not (rows := self.read()) or self.tell()["current"] != key:
                return False
            write_ratings(self.path, self.names, rows[:-1])
            return True
