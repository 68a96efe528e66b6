"""Draws the demo's artificial animal, seen from the side, and writes videos.

The animal sits behind dim glass on the left; on the right a lamp shines on the shelf
with the pellet, where the arm comes through the slit. Position, lamp, fur, glass and
noise differ between animals and say nothing about the deficit.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from drawn.reaching import MOUTH, SHOULDER, SLIT_X

WIDTH, HEIGHT = 320, 180
FRAMES_PER_SECOND = 12
SCALE = 2  # drawn larger, then averaged down, for smooth edges

# An untrained InceptionV3 has no biases, so mid-grey, which its preprocessing turns
# into 0, stays silent through every layer: what stands out from it is what counts.
GREY = 127.5

SHELF_Y = 122.0
LAMP_REACH = 200.0  # pixels behind the wall at which it fades
UPPER_ARM, FOREARM = 54.0, 66.0
TAIL = ((88, 158), (64, 167), (40, 168), (22, 160), (12, 146))
EDGE = (52, 42, 38)  # outlines
SKIN = (240, 180, 166)


class Look(NamedTuple):
    """What an animal and its recording look like, whatever its deficit."""

    shift: tuple[float, float]  # of the whole scene, pixels
    lamp: float  # contrast of what is seen, 1 = usual
    fur: float  # brightness of the fur, -1 dark to 1 light
    glass: float  # how much of the box shows through, 0 to 1
    noise: float  # standard deviation, grey levels


def choose_look(rng):
    """Choose the look of one animal at random."""
    ranges = ((-3, 3), (-4, 4), (0.95, 1.05), (-1, 1), (0.06, 0.09), (0.3, 1.0))
    x, y, *rest = (float(rng.uniform(*each)) for each in ranges)
    return Look((x, y), *rest)


def draw_frame(pose, look, rng):
    """Draw one frame, uint8 (HEIGHT, WIDTH, 3), RGB."""
    image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), (128, 128, 128))
    pen = Pen(image, look.shift)
    draw_shelf(pen, pose.pellet)
    draw_body(pen, pose, look.fur)
    draw_arm(pen, pose)
    frame = np.asarray(image.reduce(SCALE), np.float32) - GREY  # (H, W, 3)
    wall = SLIT_X + look.shift[0]
    depth = np.maximum(wall - np.arange(WIDTH, dtype=np.float32), 0)  # (W,)
    seen = np.maximum(1 - depth / LAMP_REACH, 0.25) * look.glass
    seen += (1 - seen) * np.maximum(1 - depth / 4, 0)  # the wall itself is 4 thick
    frame *= look.lamp * seen[:, None]
    frame[:, int(wall) - 2 : int(wall) + 1] += 5
    frame += look.noise * rng.standard_normal((HEIGHT, WIDTH, 1), dtype=np.float32)
    return np.clip(frame + GREY + 0.5, 0, 255).astype(np.uint8)


class Pen:
    """Draws shapes, given in pixels of the frame, on the enlarged, shifted image."""

    def __init__(self, image, shift):
        self.draw, self.shift = ImageDraw.Draw(image), np.array(shift)

    def polygon(self, points, colour):
        points = (np.asarray(points, float) + self.shift) * SCALE
        self.draw.polygon([tuple(point) for point in points], fill=colour)

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


def draw_shelf(pen, pellet):
    """Draw the shelf and, lying or carried, the pellet."""
    (left, right), (top, bottom) = (SLIT_X, WIDTH + 20), (SHELF_Y, SHELF_Y + 5)
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    pen.polygon(corners, (118, 119, 121))
    if pellet is not None:
        pen.disc(pellet, 7.5, EDGE)
        pen.disc(pellet, 6, (250, 226, 150))
        pen.disc(np.array(pellet) - (1.5, 1.5), 2.2, (255, 246, 205))


def draw_body(pen, pose, fur):
    """Draw the body and the dark head of a hooded rat."""
    lean, nod = pose.lean, pose.nod
    light = tuple(int(level + 16 * fur) for level in (214, 206, 198))
    dark = tuple(int(level + 10 * fur) for level in (66, 55, 49))
    for start, stop in itertools.pairwise(TAIL):
        pen.limb(start, stop, (4, 3), SKIN)
    pen.ellipse((136 + 0.2 * lean, 128), (62, 46), light, tilt=-0.25)
    pen.ellipse((150 + 0.3 * lean, 160), (34, 12), light)
    pen.ellipse((188 + 0.4 * lean, 112), (30, 34), light, tilt=-0.4)
    head = np.array([205 + 0.85 * lean, 84 + nod])
    snout = np.add(MOUTH, (lean, nod - 4))
    pen.limb((176 + 0.5 * lean, 96), head, (24, 18), dark)
    pen.disc(np.add(head, (-14, -17)), 9, dark)
    pen.disc(np.add(head, (-14, -16)), 6, SKIN)
    pen.limb(head, snout - (6, 0), (18, 7.5), dark)
    pen.limb(snout - (6, 0), snout, (7.5, 4.5), dark)
    pen.disc(np.add(snout, (3.2, -0.8)), 2.8, SKIN)
    pen.disc(np.add(head, (9, -5)), 3.6, (12, 10, 10))
    pen.disc(np.add(head, (10, -6)), 1.2, (240, 240, 240))
    for slope in (-0.35, 0.05, 0.45):  # whiskers
        tip = np.add(snout, (-9, 14 * slope + 7))
        pen.limb(snout - (3, -1), tip, (0.4, 0.3), (205, 200, 192))


def draw_arm(pen, pose):
    """Draw the reaching arm: two bones, elbow down, and a paw with four digits."""
    shoulder = np.add(SHOULDER, (0.6 * pose.lean, 0))
    paw = np.array(pose.paw)
    elbow = find_elbow(shoulder, paw)
    heading = math.atan2(*(paw - elbow)[::-1])
    is_open = pose.phase in ("reach", "grasp", "miss")
    length, bend = (14, 0.15) if is_open else (9, 0.7)
    for line, fur, skin in ((1.5, EDGE, EDGE), (0, (250, 242, 230), SKIN)):
        pen.limb(shoulder, elbow, (14 + line, 11 + line), fur)
        pen.limb(elbow, paw, (11 + line, 6.5 + line), fur)
        pen.ellipse(np.add(paw, (2, 0)), (8 + line, 6.5 + line), skin)
        for spread in (-0.55, -0.15, 0.25, 0.65):
            angle = heading + spread + bend
            tip = paw + length * np.array([math.cos(angle), math.sin(angle)])
            pen.limb(paw, tip, (2.6 + line, 1.8 + line), skin)


def find_elbow(shoulder, paw):
    """Find where the elbow is, from the law of cosines; (2,)."""
    span = paw - shoulder
    reach = float(np.clip(np.hypot(*span), 16, UPPER_ARM + FOREARM - 1))
    cosine = (UPPER_ARM**2 + reach**2 - FOREARM**2) / (2 * UPPER_ARM * reach)
    angle = math.atan2(span[1], span[0]) + math.acos(min(max(cosine, -1), 1))
    return shoulder + UPPER_ARM * np.array([math.cos(angle), math.sin(angle)])
