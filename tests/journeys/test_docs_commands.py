"""Each command of the README and of docs/ does its work, in the order of its block.

`docs/build.py` runs those of ten_minutes.md. Small networks of two epochs stand for the
published one, and a stand-in for InceptionV3.
"""

import re
import shlex
from pathlib import Path

import builders
import openpyxl
import pytest
from builders import number_in
from checkpoints import write_small

from system import tables

pytestmark = pytest.mark.thorough
ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BUILT = ("ten_minutes.md",)
SMALL = ("--units", "4", "--epochs", "2", "--activation", "linear")  # none dies
NOT_HERE = ("demo.py", "pytest", "--dask", "--rater ", "download_checkpoint")
GROUPS = ["sham", "lesion"] * 5


def list_blocks():
    """List the blocks of commands that are run here, a command a line: str each."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
        blocks += re.findall(r"`(python [^`]+)`", text.replace("\n", " "))
        for block in blocks if page.name not in BUILT else ():
            commands = [c[7:] for c in block.splitlines() if c[:7] == "python "]
            if commands := [c for c in commands if not any(n in c for n in NOT_HERE)]:
                yield "\n".join(commands)


def film_recordings(lab):
    lab.record_animals("my_videos", 10, groups=GROUPS, sessions=("pre", "post"))


def film_rest(lab):
    """Film a spot that rests, moves and rests."""
    for animal in (1, 2):
        moves = builders.draw_mover(3 + animal, 60, seed=animal)
        pictures = [moves[0]] * 60 + moves + [moves[-1]] * 60
        builders.draw_film(lab.place / f"my_videos/Rat {animal}.mp4", pictures)


def film_large(lab):
    pictures = [builders.draw_mover(3, 20, size=(640, 480), seed=n) for n in (1, 2)]
    for animal, moves in enumerate(pictures, start=1):
        builders.draw_film(lab.place / f"my_videos/Rat {animal}.mp4", moves)


def name_animals(lab):
    film_recordings(lab)
    book = openpyxl.Workbook()
    for row in [("animal", "group"), *((f"Rat {n}", "vehicle") for n in range(1, 11))]:
        book.active.append(row)
    book.save(lab.place / "animals.xlsx")


def film_cylinder(lab):
    """Film, list and score mice at five time points, in the layout of public data."""
    for number, day in enumerate(("bsl", "md", "wk2", "wk4", "wk8")):
        for mouse in range(1, 7):
            path = f"dataset/{day}/m{mouse}/{day}_m{mouse}.mp4"
            lab.film(path, mouse + number, n_frames=130, seed=mouse)


def list_clips(lab):
    film_recordings(lab)
    lab.ok("extract_files", "--from", "my_videos", "--task", "Reach", "--yes")


def score_long(lab):
    lab.record_animals("my_videos", 6)
    for path in (lab.place / "my_videos").rglob("*.mp4"):
        animal = int(re.findall(r"\d+", path.stem)[0])
        builders.draw_film(path, builders.draw_mover(animal, 130, seed=animal))
    lab.ok("extract_files", "--from", "my_videos", "--task", "Reach", "--yes")
    lab.score()
    hold_back(lab, "Rat 5", "Rat 6")


def hold_back(lab, *animals):
    lab.edit(lambda r: r.update(split="test") if r["animal"] in animals else None)


def write_sheets(lab):
    """Write the workbook of two raters and an export of BORIS."""
    list_clips(lab)
    book = openpyxl.Workbook()
    rows = [(r["clip"], number_in(r), number_in(r) + 0.5) for r in lab.rows()]
    for row in [("Video", "Rater JB", "Rater MK"), *rows]:
        book.active.append(row)
    book.save(lab.place / "sheet.xlsx")
    events = [(f"{clip}.mp4", "Score", score) for clip, score, _ in rows]
    columns = ("Media file name", "Behavior", "Modifier #1")
    tables.write_table(lab.place / "boris.csv", columns, events)


def rate_clips(lab):
    """Import scores, in place of those that two raters would give in the browser."""
    write_sheets(lab)
    columns = ("--clip-column", "Video", "--rater-columns", "JB=Rater JB,MK=Rater MK")
    lab.ok("rate", "--scores", "sheet.xlsx", *columns)


def list_twice(lab):
    list_clips(lab)
    lab.film("my_videos/sham/Rat 11/r11_c1.mp4")
    lab.ok("extract_files", "--from", "my_videos", "--task", "Reach", "--yes")


def score_clips(lab):
    list_clips(lab)
    lab.score()


def extract_clips(lab):
    score_clips(lab)
    lab.extract(20)  # every frame, as movement is not seen between those that are far
    for animal in (21, 22):
        lab.film(f"new_clips/Rat {animal}/r{animal}_c1.mp4", 4, seed=animal)


def train_motion(lab):
    extract_clips(lab)
    lab.ok("train_reg", "--model", "motion", "--folds", "5", "--final")


def train_lstm(lab):
    """Train the run of the page on evaluation, and bring what its commands name."""
    extract_clips(lab)
    lab.ok("train_reg", "--task", "Reach", "--folds", "5", "--final", *SMALL)
    lab.film("session.mp4", 3, n_frames=900)
    for animal in range(1, 7):
        for session in ("pre", "post"):
            name = f"Mouse {animal}_{session}_c1.mp4"
            lab.film(f"study/{GROUPS[animal]}/Mouse {animal}/{session}/{name}", animal)
    lesions = [(f"Rat {n}", n / 2) for n in range(1, 11)]
    tables.write_table(lab.place / "lesions.csv", ("animal", "value"), lesions)
    second = [(row["clip"], row["score"]) for row in lab.rows()]
    tables.write_table(lab.place / "rater2.csv", ("clip", "score"), second)


def score_test_rows(lab):
    """Train a run that is to be shared, and bring clips that it does not know."""
    extract_clips(lab)
    hold_back(lab, *(f"Rat {number}" for number in (2, 4, 6, 8, 10)))
    with_time = ("--model", "motion", "--run", "Reach-lstm", "--activation", "linear")
    lab.ok("train_reg", "--task", "Reach", *with_time)


def list_published(lab):
    for animal in (1, 2, 3):
        lab.film(f"data/train/Reach/v_RatStrokeMay2_g0{animal}_c01.avi", codec="mpeg4")


def download(lab):
    score_long(lab)
    lab.edit(lambda row: row.update(split="train"))
    (lab.folder / "checkpoints").mkdir()
    write_small(lab.folder / "checkpoints" / "g04-features.hdf5", 125, 2048, 4)
    lab.film("new_clip.avi", 4, n_frames=130, codec="mpeg4")


READY = {  # what a block needs, by how it begins
    "extract_files.py --from my_videos --task Reach": film_recordings,
    "rate.py --join mean": rate_clips,
    "extract_features.py --seq-length 20": score_clips,
    "train_reg.py --model motion --folds 5 --final": extract_clips,
    "score.py new_clips --output": train_motion,
    "extract_features.py\ntrain_reg.py --task Reach": score_long,
    "extract_features.py\nvalidate.py --run g04-features": download,
    "train_reg.py --task Reach --folds 5 --final": extract_clips,
    "validate.py --compare group": train_lstm,
    "validate.py --outcome": train_lstm,
    "score.py session.mp4": train_lstm,
    "share.py Reach-lstm": score_test_rows,
    "extract_files.py --data stroke": film_cylinder,
    "rate.py --scores sheet.xlsx": write_sheets,
    "extract_files.py --from my_videos --find-trials": film_rest,
    "extract_files.py --from my_videos --task Reach --crop": film_large,
    "extract_files.py --from my_videos --task Reach --animals": name_animals,
    "train_reg.py --task Reach --run small": extract_clips,
    "validate.py --folds --compare": train_motion,
    "extract_files.py --undo": list_twice,
    "extract_files.py --rows-only --append": list_published,
    "validate.py --status": list_clips,
}


@pytest.mark.parametrize("block", list_blocks(), ids=lambda block: block[:50])
def test_the_commands_of_a_block_do_their_work(lab, block):
    known = [begin for begin in READY if block.startswith(begin)]
    assert known, f"say in READY what is needed before: {block}"
    READY[max(known, key=len)](lab)
    for command in block.splitlines():
        script, *words = shlex.split(command)
        if script == "train_reg.py" and "motion" not in words:
            words += SMALL
        lab.ok(script.removesuffix(".py"), *words, data="--data" not in words)
        if script == "extract_files.py" and "stroke" in words:  # the page asks for it
            lab.folder = lab.place / "stroke"
            lab.score()
            lab.edit(lambda row: row.update(session=row["session"] or "md"))
