"""Plans how an artificial animal reaches for a pellet: the truth behind the demo.

The deficit shows in time alone. A healthy animal lifts its paw, stretches it out, and
holds the pellet. An impaired one hesitates: it draws back and starts again and again.
Both are seen equally long at each stage, only in another order, so that neither the
mean frame nor how much frames differ from it tells the deficit; how often the paw
moves from frame to frame does.
"""

from typing import NamedTuple

import numpy as np

# Places in pixels of a frame of 320 x 180.
SLIT_X = 218.0  # the wall of the box; the shelf is right of it
MOUTH = (196.0, 78.0)
PELLET = (296.0, 112.0)
SHOULDER = (166.0, 92.0)
PAW_AT_REST = (196.0, 112.0)

STAGES = (0.0, 0.55, 1.0)  # how far out the paw is: at rest, reaching, grasping
MORE_MOVES = 0.15  # of the frames, for a point of deficit


class Pose(NamedTuple):
    """Where everything is in one frame."""

    paw: tuple[float, float]
    lean: float  # how far the head has moved towards the shelf, pixels


def plan_movement(deficit, n_frames, rng):
    """Plan the pose in each frame of one clip; a deficit is 0 (healthy) to 5."""
    stages = np.arange(n_frames) * len(STAGES) // n_frames
    n_moves = count_moves(stages) + round(MORE_MOVES * n_frames * deficit)
    stages = shuffle(stages, min(n_moves, n_frames - 1), rng)
    home, aim = np.array(PAW_AT_REST), np.array(PELLET) - (6, 2)
    stray = rng.normal(0, 2, (len(STAGES), 2))  # of each stage, in this clip
    poses = []
    for stage in stages:
        out = STAGES[stage]
        paw = home + out * (aim - home) - (0, 14 * np.sin(np.pi * out)) + stray[stage]
        poses.append(Pose(tuple(paw), 14 * out))
    return poses


def count_moves(stages):
    return int((np.diff(stages) != 0).sum())


def shuffle(stages, n_moves, rng):
    """Put stages in an order in which they change `n_moves` times, (n_frames,)."""
    found = count_moves(stages)
    while found < n_moves:
        other = stages.copy()
        one, two = rng.choice(len(stages), 2, replace=False)
        other[[one, two]] = stages[[two, one]]
        if found <= count_moves(other) <= n_moves:
            stages, found = other, count_moves(other)
    return stages
