"""Draws a small study as a laboratory has it: recordings in folders, a sheet of scores.

Twelve animals, half of them with a stroke, filmed before and after it, and four new
ones. The deficit is the truth; two raters see it with errors of about half a point.
"""

from pathlib import Path

import numpy as np

from synthetic import drawing, reaching
from system import storage
from system.tables import write_table
from video import frames

GROUPS = ("Sham", "Stroke")
N_ANIMALS, N_NEW = 12, 4  # half of them in each group
N_FRAMES = 24
HEALTHY, IMPAIRED = (0.0, 1.0), (2.0, 4.5)  # range of deficits, points of 5
ERROR = 0.4  # standard deviation of a rater, points


def draw_study(folder, rng):
    """Write recordings/, new/ and scores.csv of a drawn study below `folder`."""
    folder, rows = Path(folder), []
    for number in range(1, N_ANIMALS + N_NEW + 1):
        animal, group = f"R{number}", GROUPS[number % 2]
        look = drawing.choose_look(rng)
        is_new = number > N_ANIMALS
        for session in ("post",) if is_new else ("pre", "post"):
            is_impaired = group == "Stroke" and session == "post"
            level = rng.uniform(*(IMPAIRED if is_impaired else HEALTHY))
            for trial in (1, 2):
                name = f"{animal}_{session}_{trial}.mp4"
                place = folder / ("new" if is_new else "recordings") / group / name
                deficit = float(np.clip(level + rng.normal(0, 0.3), 0, 5))
                draw_film(place, deficit, look, rng)
                if not is_new:
                    rows.append([name, *(score(deficit, rng) for _ in "AB")])
    write_table(folder / "scores.csv", ("video", "JB", "MK"), rows)


def draw_film(path, deficit, look, rng):
    poses = reaching.plan_movement(deficit, N_FRAMES, rng)
    pictures = (drawing.draw_frame(pose, look, rng) for pose in poses)
    with storage.replacing(path) as temporary:
        frames.write_video(temporary, pictures, drawing.FRAMES_PER_SECOND, crf=16)


def score(deficit, rng):
    """Score a deficit as a rater does, in half points from 0 to 5."""
    seen = np.clip(deficit + rng.normal(0, ERROR), 0, 5)
    return float(np.round(2 * seen) / 2)
