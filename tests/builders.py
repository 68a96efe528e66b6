"""What tests build: a lab's films and tables, and commands given as users give them."""

import contextlib
import csv
import dataclasses
import importlib
import io
import json
import re
import sys
from pathlib import Path
from typing import NamedTuple

import films
import numpy as np
import pytest
from PIL import Image
from stand_in import make_stand_in

import data
from reports import style
from system import tables, terminal

SIZE = (64, 48)  # width, height of drawn films
RATE = 30  # frames a second
RECORD = {  # of a run, as little as one may hold
    "name": "a",
    "model": "pool",
    "n_frames": 6,
    "n_features": 4,
    "options": {},
    "extraction": {},
    "train_clips": {"v_g01_c01": 1, "v_g02_c01": 2.5},
    "sha256": "",
}


class Result(NamedTuple):
    """What a command did: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def all(self):
        return self.out + self.err


class Lab:
    """A lab: a place with recordings, a working folder, and commands that are given.

    Commands run in this process, as `console.run` runs them; so Keras is loaded once.
    """

    def __init__(self, place, capsys=None):
        self.place, self.capsys = Path(place), capsys
        self.folder = self.place / "data"

    def run(self, script, *argv, data=True):
        """Give a command; `data` adds the working folder. Returns a Result."""
        given = [str(word) for word in argv]
        if data:
            given += ["--data", str(self.folder)]
        module = importlib.import_module(script)
        code, out, err = None, io.StringIO(), io.StringIO()
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                terminal.run(lambda: module.main(given))
        except SystemExit as stop:
            code = stop.code or 0
        result = Result(code, out.getvalue(), err.getvalue())
        assert "Traceback" not in result.all, result.all
        return result

    def ok(self, script, *argv, data=True):
        """Give a command that must succeed."""
        result = self.run(script, *argv, data=data)
        assert result.code == 0, f"{script} {argv}: exit {result.code}\n{result.all}"
        return result

    def refused(self, script, *argv, words=(), data=True):
        """Give a command that must be refused with exit code 2 and certain words."""
        result = self.run(script, *argv, data=data)
        assert result.code == 2, f"{script} {argv}: exit {result.code}\n{result.all}"
        missing = [word for word in words if word not in result.err]
        assert not missing, f"no {missing} in: {result.err}"
        return result

    # ------------------------------------------------------------ films and rows

    def film(self, path, speed=1.0, n_frames=20, seed=0, **how):
        """Write a film of a bright spot that moves at a speed; returns its path."""
        path = self.place / path
        draw_film(path, draw_mover(speed, n_frames, seed=seed), **how)
        return path

    def record_animals(
        self, folder="films", animals=6, clips=2, groups=None, sessions=(None,), **how
    ):
        """Write films of animals, faster in later ones, as a lab keeps them.

        Each group (of `groups`, one an animal) and session has a folder, with so many
        `clips` of each animal. Returns the path of all, in the lab's place.
        """
        for animal in range(1, animals + 1):
            for number, session in enumerate(sessions):
                place = Path(folder)
                if groups:
                    place /= groups[animal - 1]
                place /= f"Rat {animal}"
                if session:
                    place /= session
                tail = f"_{session}" if session else ""
                for clip in range(1, clips + 1):
                    name = f"r{animal}{tail}_c{clip}.mp4"
                    speed = animal + 0.3 * clip + 0.5 * number
                    self.film(place / name, speed, seed=animal, **how)
        return self.place / folder

    def write_sequences(self, groups, sessions=(None,), clips=2, gain=0.5, seed=0):
        """Write a table with groups and sessions, and made-up sequences: no films.

        Animals are `Rat 1` and so on, each of a group of `groups`; scores rise with the
        number of the animal, and by `gain` from one session to the next. What changes
        from frame to frame follows the score, with noise.
        """
        from features import sequences

        random, rows = np.random.default_rng(seed), []
        columns = ("split", "task", "clip", "n_frames", "score")
        columns += ("animal", "group", "session")
        for animal, group in enumerate(groups, start=1):
            for number, session in enumerate(sessions):
                for clip in range(1, clips + 1):
                    name = f"r{animal}_s{number}_c{clip}"
                    score = round(0.5 * animal + gain * number + 0.2 * clip, 2)
                    size = score + random.normal(0, 0.8)
                    moved = size * np.array([0, 1, 0, 1, 0])[:, None]
                    sequence = 4 + moved + random.gamma(1, 0.3, (5, 8))
                    for kind in sequences.KINDS:
                        sequences.write_sequence(
                            self.folder, name, np.abs(sequence), kind
                        )
                    told = (f"Rat {animal}", group, session or "")
                    rows.append(("train", "Reach", name, 5, score, *told))
        tables.write_table(self.folder / "data_file.csv", columns, rows)
        made = {"weights": "made up", "sha256": "0" * 64, "sampling": "uniform"}
        made |= {"n_frames": 5, "frame_size": 299, "precision": "float32"}
        sequences.write_extraction(self.folder, made)

    def rows(self):
        """Read data_file.csv, also without a header line: list of dict."""
        table = tables.read_table(self.folder / "data_file.csv", ("clip",))
        if table.columns is None:
            table = table._replace(columns=list(data.COLUMNS))
        return [row for _, row in table.records()]

    def edit(self, change):
        """Change data_file.csv as a person in a spreadsheet does.

        `change` takes a row (dict) and changes it; where it returns False the row is
        deleted.
        """
        rows, published = self.rows(), list(data.COLUMNS)
        columns, path = list(rows[0]), self.folder / "data_file.csv"
        kept = [row for row in rows if change(row) is not False]
        columns += [column for column in rows[0] if column not in columns]
        with_header = columns != published or "split" in path.read_text()[:20]
        written = [[row.get(c, "") for c in columns] for row in kept]
        tables.write_table(path, columns if with_header else None, written)

    def score(self, of=None):
        """Fill in the score column: the number of the animal, and half the clip's."""

        def fill(row):
            row["score"] = f"{of(row) if of else number_in(row):g}"

        self.edit(fill)

    def study(self, *train, seq=5, score=None, groups=None, sessions=(None,), **how):
        """Walk the advised way up to a trained run on drawn films.

        `train` are arguments of train_reg.py, `--model motion` where there are none.
        """
        recordings = self.record_animals(groups=groups, sessions=sessions, **how)
        self.ok("extract_files", "--from", recordings, "--task", "Reach", "--yes")
        self.score(score)
        self.extract(seq)
        return self.ok("train_reg", *(train or ("--model", "motion")))

    def extract(self, seq=5, *more, give=None):
        """Extract features; `give` is `run` where that may fail."""
        options = ("--seq-length", seq, "--sampling", "uniform", "--weights", "random")
        return (give or self.ok)("extract_features", *options, *more)


def number_in(row):
    """A score that follows what was drawn: the animal's number, half the clip's."""
    animal = re.findall(r"\d+", row["animal"] or row["clip"])[-1]
    return int(animal) + 0.5 * int(re.findall(r"\d+", row["clip"])[-1])


def draw_mover(speed, n_frames=20, size=SIZE, seed=0):
    """Draw frames of a bright spot going to and fro: list of uint8 (H, W, 3)."""
    random = np.random.default_rng(seed)
    width, height = size
    back = random.integers(60, 90, (height, width, 3)).astype(np.uint8)
    frames = []
    for i in range(n_frames):
        frame, span = back.copy(), width - 16
        x = int(abs((i * speed) % (2 * span) - span))
        frame[height // 2 - 6 : height // 2 + 6, x : x + 12] = 220
        frames.append(frame)
    return frames


def draw_film(path, pictures, rate=RATE, codec="libx264", pixels="yuv420p"):
    """Write pictures (T, H, W, 3) as a film; returns its path."""
    # x264's other presets give other bytes from time to time
    options = {"preset": "ultrafast"} if codec == "libx264" else {}
    options["threads"] = "1"
    return films.write_film(path, pictures, codec, pixels, options, rate=rate)


def describe_frame(frame):
    """Give numbers of a frame that stand for features: 0 or more, moving with it."""
    return np.asarray(frame, np.float32)[::9, ::9].mean(axis=2).ravel() / 128 + 1


def save_blank(figure, path, dpi=300):
    """Save a figure as `style.save` does, but blank: drawing takes most of the time."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    written = [path.with_name(f"{path.name}.{kind}") for kind in ("png", "svg")]
    Image.new("RGB", (8, 8), "white").save(written[0])
    written[1].write_text("<svg/>")
    return written


@contextlib.contextmanager
def open_lab(place, save=save_blank):
    """Open a lab whose commands need no InceptionV3, and be in its place.

    Explanations show two clips besides examples; `save` saves figures.
    """
    import explanation.clips
    import extractor

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extractor, "Extractor", make_stand_in(describe_frame))
        patch.setattr(explanation.clips, "MAX_CLIPS", 2)
        patch.setattr(style, "save", save)
        patch.chdir(place)
        yield Lab(place)
    forget_models()


def read_csv(path):
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def make_run(**fields):
    """Make a run with as little as one may hold, and some fields of `record.Run`."""
    from runs.record import check_record

    return dataclasses.replace(check_record("a.json", RECORD), **fields)


def read_record(folder, run):
    return read_json(Path(folder) / "checkpoints" / f"{run}.json")


def read_json(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_json(path, content):
    Path(path).write_text(json.dumps(content), encoding="utf-8")


def forget_models():
    """Forget Keras's networks of a journey, which would pile up."""
    if "keras" in sys.modules:
        sys.modules["keras"].backend.clear_session()


def take_in(lab, folder, *more):
    return lab.ok("extract_files", "--from", folder, "--task", "Reach", "--yes", *more)


def by_clip(lab, column):
    return {row["clip"]: row[column] for row in lab.rows()}


def write_trials(lab, rows, name="trials.csv", columns=("video", "start", "end")):
    tables.write_table(lab.place / name, columns, rows)
    return lab.place / name


def cut(lab, path, folder, *more):
    options = ("--cut", path, "--from", folder, "--task", "Reach", "--yes")
    return lab.ok("extract_files", *options, *more)
