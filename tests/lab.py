"""A lab's folder, made of real clips: sessions, umlauts, a sheet of two experts."""

import datetime
from collections import defaultdict
from pathlib import Path

from system.tables import read_table
from video import frames


def make_lab(folder, mice, n_animals=None):
    """Join the clips of each mouse into sessions and write tables as labs have them.

    `mice` holds the real clips, in the published layout. Returns the number of trials.
    """
    folder, trials, scores = Path(folder), [], []
    table = read_table(Path(mice) / "data_file.csv")
    clips = defaultdict(list)
    for _, (split, task, name, _, score) in table.rows:
        path = next((Path(mice) / split / task).glob(f"{name}.*"))
        clips[name.split("_")[2]].append((path, float(score)))
    for number, (animal, parts) in enumerate(sorted(clips.items())[:n_animals]):
        day = datetime.date(2024, 5, 1 + number % 2)
        place = folder / "Läufe Mai" / f"Maus {int(animal[1:])}"
        session = place / f"Käfig {number + 1} {day.isoformat()} Übung.mp4"
        pictures, start = [], 0.0
        for path, score in parts:
            reel = frames.open_reel(path)
            pictures += reel.iterate()
            end = start + reel.n_frames / 15
            trials.append((session.name, f"{start:.4f}", f"{end:.4f}"))
            clip = f"{session.stem}_t{len(pictures) // 24:02d}"
            scores.append((clip, score * 4 + 0.5, score * 4))
            start = end
        place.mkdir(parents=True, exist_ok=True)
        frames.write_video(session, pictures, 15)
    write_german(folder / "Versuche.csv", ("video", "start", "end"), trials)
    head = ("Clip", "Gutachter JB", "Gutachterin MK")
    write_german(folder / "Bewertung.csv", head, scores)
    return len(trials)


def write_german(path, head, rows):
    """Write what a German Excel calls CSV: semicolons, decimal commas, cp1252."""
    lines = [";".join(map(str, row)) for row in rows]
    lines = [line.replace(".mp4", "\0").replace(".", ",") for line in lines]
    lines = [line.replace("\0", ".mp4") for line in lines]
    text = "\r\n".join([";".join(head), *lines]) + "\r\n"
    path.write_bytes(text.encode("cp1252"))
