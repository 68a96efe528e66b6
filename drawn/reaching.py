"""Plans how an artificial animal reaches for a pellet: the truth behind the demo.

A deficit from 0 to 5 makes reaches shorter and shakier and lets them come in too high
and miss the pellet; from 2.5 on the animal often reaches with its mouth instead.
"""

import math
from typing import NamedTuple

import numpy as np

MAX_DEFICIT = 5.0
N_ATTEMPTS = 2  # reaches in a clip, one after the other

# Places in pixels of a frame of 320 x 180.
SLIT_X = 244.0  # the wall of the box; the lit shelf is right of it
MOUTH = (233.0, 98.0)
PELLET = (309.0, 116.0)
SHOULDER = (208.0, 104.0)
PAW_AT_REST = (229.0, 110.0)


class Pose(NamedTuple):
    """Where everything is in one frame."""

    phase: str  # rest, reach, grasp, miss, return, eat, mouth
    paw: tuple[float, float]
    lean: float  # how far the head has moved towards the shelf, pixels
    nod: float  # how far the head has moved down, pixels
    pellet: tuple[float, float] | None  # None once it is eaten

    @property
    def mouth(self):
        return self.phase == "mouth"


def plan_movement(deficit, n_frames, rng):
    """Plan the pose in each frame of one clip; a deficit is 0 (healthy) to 5."""
    edges = np.linspace(0, n_frames, N_ATTEMPTS + 1).round().astype(int)
    poses = []
    for length in np.diff(edges):
        by_mouth = rng.random() < (deficit - 2.0) / 3.5
        plan = plan_mouth_reach if by_mouth else plan_paw_reach
        poses += plan(deficit, int(length), rng)
    return poses


def rise_and_fall(n_frames, peak, hold):
    """Rise smoothly from 0 to 1 at `peak`, hold, fall back; (n_frames,)."""
    time = np.linspace(0, 1, n_frames)
    x = np.clip(np.minimum(time / peak, (1 - time) / (1 - peak - hold)), 0, 1)
    return x * x * (3 - 2 * x)


def plan_paw_reach(deficit, n_frames, rng):
    """Plan one attempt with the paw; returns n_frames poses."""
    severity = deficit / MAX_DEFICIT
    succeeds = rng.random() < 1.25 - deficit / 2
    home = np.array(PAW_AT_REST)
    extent = 1.0 - 0.6 * severity + rng.normal(0, 0.03)
    aim = home + (np.array(PELLET) - (10, 3) - home) * extent
    aim[1] -= 12 * severity * rng.uniform(0.5, 1)  # impaired paws come in too high
    amount = rise_and_fall(n_frames, peak=0.42, hold=0.16)
    path = home + amount[:, None] * (aim - home)  # (n_frames, 2)
    path[:, 1] -= 10 * np.sin(math.pi * amount)
    shake = rng.normal(0, 0.4 + 5.5 * severity, (n_frames, 2))
    path += shake * amount[:, None]
    poses = []
    for i, time in enumerate(np.linspace(0, 1, n_frames)):
        taken = succeeds and time >= 0.5
        if amount[i] < 0.02:
            phase = "eat" if taken else "rest"
        elif time < 0.42:
            phase = "reach"
        elif time <= 0.58:
            phase = "grasp" if succeeds else "miss"
        else:
            phase = "return"
        held = None if phase == "eat" else tuple(path[i] + (9, 3))
        nod = 1.5 * math.sin(2.2 * i) if phase == "eat" else 0.0
        pellet = held if taken else PELLET
        poses.append(Pose(phase, tuple(path[i]), 8 * amount[i], nod, pellet))
    return poses


def plan_mouth_reach(deficit, n_frames, rng):
    """Plan one attempt with the mouth: the head comes out, the paws stay down."""
    amount = rise_and_fall(n_frames, peak=0.4, hold=0.2)
    lean = (30 + 6 * deficit + rng.normal(0, 2)) * amount
    nod = (10 + rng.normal(0, 1.5, n_frames)) * amount
    gets_it = rng.random() < 0.5
    poses = []
    for i, time in enumerate(np.linspace(0, 1, n_frames)):
        phase = "mouth" if amount[i] > 0.15 else "rest"
        paw = (SHOULDER[0] + 8 + 0.5 * lean[i], SHOULDER[1] + 48)
        pellet = None if gets_it and time > 0.55 else PELLET
        poses.append(Pose(phase, paw, lean[i], nod[i], pellet))
    return poses
