"""Draws the demo's artificial animal, seen from the side, and writes videos.

The animal sits in a box of glass by a window; its arm comes through a slit and reaches
for the pellet on the shelf outside. Position, light, fur and noise differ between
animals and say nothing about the deficit, which shows in time alone.

A healthy animal lifts its paw, stretches it out, and holds the pellet. An impaired one
hesitates: it draws back and starts again and again. Both are seen equally long at each
stage, only in another order, so that neither the mean frame nor how much frames differ
from it tells the deficit; how often the paw moves from frame to frame does.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from system.storage import replacing
from video import frames

WIDTH, HEIGHT = 320, 180
FRAMES_PER_SECOND = 12
SCALE = 2  # drawn larger, then averaged down, for smooth edges

# Places in pixels of a frame.
SLIT_X = 218.0  # the wall of the box; the shelf is right of it
SHELF_Y = 120.0
MOUTH = (196.0, 78.0)
PELLET = (296.0, 112.0)
SHOULDER = (166.0, 92.0)
PAW_AT_REST = (196.0, 112.0)
UPPER_ARM, FOREARM = 66.0, 80.0
TAIL = ((88, 158), (64, 167), (40, 168), (22, 160), (12, 146))
EDGE = (52, 42, 38)  # outlines
SKIN = (240, 180, 166)

STAGES = (0.0, 0.55, 1.0)  # how far out the paw is: at rest, reaching, grasping
MORE_MOVES = 0.15  # of the frames, for a point of deficit


class Look(NamedTuple):
    """What an animal and its recording look like, whatever its deficit."""

    shift: tuple[float, float]  # of the whole scene, pixels
    light: float  # brightness of the room, 1 = usual
    warmth: float  # of the light: how much more red than blue, 0 = white
    fur: float  # brightness of the fur, -1 dark to 1 light
    noise: float  # standard deviation, grey levels


class Pose(NamedTuple):
    """Where everything is in one frame."""

    paw: tuple[float, float]
    lean: float  # how far the head has moved towards the shelf, pixels


def choose_look(rng):
    """Choose the look of one animal at random."""
    least, most = (-1.5, -1.5, 0.98, -0.02, -0.5, 0.6), (1.5, 1.5, 1.02, 0.02, 0.5, 0.8)
    x, y, *rest = rng.uniform(least, most).tolist()
    return Look((x, y), *rest)


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


def draw_film(path, deficit, n_frames, look, rng):
    """Draw one clip of an animal and write its video."""
    poses = plan_movement(deficit, n_frames, rng)
    pictures = (draw_frame(pose, look, rng) for pose in poses)
    with replacing(path) as temporary:
        frames.write_video(temporary, pictures, FRAMES_PER_SECOND, crf=16)


def draw_frame(pose, look, rng):
    """Draw one frame, uint8 (HEIGHT, WIDTH, 3), RGB."""
    image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE))
    pen = Pen(image, look.shift)
    draw_room(pen)
    draw_body(pen, pose, look.fur)
    draw_arm(pen, pose)
    frame = np.asarray(image.reduce(SCALE), np.float32)  # (H, W, 3)
    window = np.linspace(0.85, 1.1, WIDTH, dtype=np.float32)  # it is on the right
    colour = look.light * np.array([1 + look.warmth, 1, 1 - look.warmth], np.float32)
    frame = frame * window[:, None] * colour
    frame += look.noise * rng.standard_normal((HEIGHT, WIDTH, 1), dtype=np.float32)
    return np.clip(frame + 0.5, 0, 255).astype(np.uint8)


class Pen:
    """Draws shapes, given in pixels of the frame, on the enlarged, shifted image."""

    def __init__(self, image, shift):
        self.draw, self.shift = ImageDraw.Draw(image), np.array(shift)

    def polygon(self, points, colour):
        points = (np.asarray(points, float) + self.shift) * SCALE
        self.draw.polygon([tuple(point) for point in points], fill=colour)

    def box(self, corner, opposite, colour):
        (left, top), (right, bottom) = corner, opposite
        self.polygon([corner, (right, top), opposite, (left, bottom)], colour)

    def ellipse(self, centre, radii, colour, tilt=0.0):
        angles = np.linspace(0, 2 * math.pi, 40)
        x, y = radii[0] * np.cos(angles), radii[1] * np.sin(angles)
        cos, sin = math.cos(tilt), math.sin(tilt)
        turned = np.stack([x * cos - y * sin, x * sin + y * cos], 1)
        self.polygon(turned + centre, colour)

    def disc(self, centre, radius, colour):
        self.ellipse(centre, (radius, radius), colour)

    def limb(self, start, stop, radii, colour):
        """Draw a rounded limb, radii[0] thick at its start and radii[1] at its end."""
        start, stop = np.asarray(start, float), np.asarray(stop, float)
        along = stop - start
        across = np.array([-along[1], along[0]]) / (np.hypot(*along) + 1e-9)
        a, b = across * radii[0], across * radii[1]
        self.polygon([start + a, stop + b, stop - b, start - a], colour)
        self.disc(start, radii[0], colour)
        self.disc(stop, radii[1], colour)


def draw_room(pen):
    """Draw the wall behind, the floor, the glass, and the shelf with the pellet."""
    pen.box((-20, -20), (WIDTH + 20, HEIGHT + 20), (138, 142, 136))
    pen.box((-20, 152), (SLIT_X, HEIGHT + 20), (150, 128, 98))  # bedding
    pen.box((SLIT_X, SHELF_Y), (WIDTH + 20, SHELF_Y + 8), (112, 104, 98))
    pen.box((SLIT_X - 2, -20), (SLIT_X + 2, 84), (222, 230, 232))
    pen.box((SLIT_X - 2, SHELF_Y), (SLIT_X + 2, HEIGHT + 20), (222, 230, 232))
    pen.disc(PELLET, 7.5, EDGE)
    pen.disc(PELLET, 6, (250, 226, 150))


def draw_body(pen, pose, fur):
    """Draw the body and the dark head of a hooded rat."""
    lean = pose.lean
    light = tuple(int(level + 16 * fur) for level in (214, 206, 198))
    dark = tuple(int(level + 10 * fur) for level in (66, 55, 49))
    for start, stop in itertools.pairwise(TAIL):
        pen.limb(start, stop, (4, 3), SKIN)
    pen.ellipse((96 + 0.2 * lean, 122), (66, 50), light, tilt=-0.25)
    pen.ellipse((110 + 0.3 * lean, 160), (36, 13), light)
    pen.ellipse((150 + 0.4 * lean, 104), (32, 36), light, tilt=-0.4)
    head = np.array([166 + 0.85 * lean, 70])
    snout = np.add(MOUTH, (lean, -4))
    pen.limb((136 + 0.5 * lean, 84), head, (26, 20), dark)
    pen.disc(np.add(head, (-14, -19)), 10, dark)
    pen.disc(np.add(head, (-14, -18)), 7, SKIN)
    pen.limb(head, snout - (6, 0), (20, 8.5), dark)
    pen.limb(snout - (6, 0), snout, (8.5, 5), dark)
    pen.disc(np.add(snout, (3.2, -0.8)), 3.2, SKIN)
    pen.disc(np.add(head, (9, -5)), 4, (12, 10, 10))
    pen.disc(np.add(head, (10, -6)), 1.4, (240, 240, 240))
    for slope in (-0.35, 0.05, 0.45):  # whiskers
        tip = np.add(snout, (-9, 14 * slope + 7))
        pen.limb(snout - (3, -1), tip, (0.4, 0.3), (205, 200, 192))


def draw_arm(pen, pose):
    """Draw the reaching arm: two bones, elbow down, and a paw with four digits."""
    shoulder = np.add(SHOULDER, (0.6 * pose.lean, 0))
    paw = np.array(pose.paw)
    elbow = find_elbow(shoulder, paw)
    heading = math.atan2(*(paw - elbow)[::-1])
    for line, fur, skin in ((1.5, EDGE, EDGE), (0, (236, 228, 218), SKIN)):
        pen.limb(shoulder, elbow, (17 + line, 13 + line), fur)
        pen.limb(elbow, paw, (13 + line, 8 + line), fur)
        pen.ellipse(np.add(paw, (2, 0)), (10 + line, 8 + line), skin)
        for spread in (-0.55, -0.15, 0.25, 0.65):
            angle = heading + spread + 0.15
            tip = paw + 16 * np.array([math.cos(angle), math.sin(angle)])
            pen.limb(paw, tip, (3.2 + line, 2.2 + line), skin)


def find_elbow(shoulder, paw):
    """Find where the elbow is, from the law of cosines; (2,)."""
    span = paw - shoulder
    reach = float(np.clip(np.hypot(*span), 16, UPPER_ARM + FOREARM - 1))
    cosine = (UPPER_ARM**2 + reach**2 - FOREARM**2) / (2 * UPPER_ARM * reach)
    angle = math.atan2(span[1], span[0]) + math.acos(min(max(cosine, -1), 1))
    return shoulder + UPPER_ARM * np.array([math.cos(angle), math.sin(angle)])
