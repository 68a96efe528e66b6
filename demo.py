"""Try the whole pipeline on artificial animals: draw, extract, train, validate, score.

    python demo.py
    python demo.py --recordings study

Reads   nothing; ImageNet weights are downloaded where there is internet
Writes  the working folder demo_data/
        with --recordings nothing else than a folder of films and a sheet of scores
Cost    2 to 3 minutes on two cores

The animals are drawn, not real: the demo shows that the pipeline works and what its
results look like, and says nothing about how well it scores real animals.
"""

import importlib
import shlex
import shutil
from pathlib import Path
from typing import NamedTuple

from system import terminal  # isort: skip, it says in a line where packages are missing
import numpy as np

from system import storage
from system.tables import write_table
from system.terminal import Problem

FOLDER = Path(__file__).parent / "demo_data"
TASK, RUN = "Reach", "Reach-motion"
N_ANIMALS, N_CLIPS, N_TEST = 20, 3, 5  # a third of the animals are healthy
CLIP_FRAMES = 20  # all of them are in a sequence
DATE = "May2"
MARK = "demo.json"  # is in a folder that an earlier demo wrote
OURS = ("train", "test", "sequences", "checkpoints", "logs", "predictions", "figures")
OURS += ("data_file.csv",)
LEAST = 6  # animals, so that some can be test animals
MODEL = "motion"  # needs few clips

# Of the small study.
GROUPS = ("Sham", "Stroke")
STUDY_ANIMALS, STUDY_NEW = 12, 4  # half of them in each group
STUDY_FRAMES = 24
HEALTHY, IMPAIRED = (0.0, 1.0), (2.0, 4.5)  # range of deficits, points of 5
ERROR = 0.4  # standard deviation of a rater, points


class Animal(NamedTuple):
    name: str
    group: str
    split: str
    deficits: list  # the true one of each clip


def choose_animals(rng, n_animals=N_ANIMALS, n_clips=N_CLIPS):
    """Choose deficits of the animals, and test animals that span them."""
    n_control = round(0.35 * n_animals)
    healthy = rng.choice([0.0, 0.5, 1.0], n_control)
    impaired = np.round(2 * np.linspace(1, 5, n_animals - n_control)) / 2
    levels = [("Control", x) for x in healthy] + [("Stroke", x) for x in impaired]
    ranked = sorted(range(len(levels)), key=lambda i: levels[i][1])
    inner, n_test = ranked[1:-1], min(N_TEST, len(levels) // 3)
    test = {int(rng.choice(part)) for part in np.array_split(inner, n_test)}
    numbers = rng.permutation(len(levels)) + 1  # unrelated to the deficit
    animals = []
    for i, (group, level) in enumerate(levels):
        steps = rng.choice([-0.5, 0.0, 0.5], n_clips)
        deficits = [float(min(max(level + step, 0.0), 5.0)) for step in steps]
        split = "test" if i in test else "train"
        animals.append(Animal(f"g{numbers[i]:02d}", group, split, deficits))
    return sorted(animals)


def clip_path(folder, animal, number):
    name = f"v_Drawn{animal.group}{DATE}_{animal.name}_c{number:02d}"
    return Path(folder) / animal.split / TASK / f"{name}.mp4"


def draw_data_set(folder, animals, rng):
    """Draw every clip, and write videos and data_file.csv."""
    from tqdm import tqdm

    from synthetic import drawing

    clips = []
    for animal in tqdm(animals, desc="drawing", unit="animal", disable=None):
        look = drawing.choose_look(rng)
        for number, deficit in enumerate(animal.deficits, start=1):
            video = clip_path(folder, animal, number)
            drawing.draw_film(video, deficit, CLIP_FRAMES, look, rng)
            clips.append((animal.split, TASK, video.stem, CLIP_FRAMES, deficit))
    write_table(storage.table_path(folder), None, clips)


def prepare_folder(folder, seed):
    """Empty the folder of an earlier demo; refuse any other that is not empty."""
    mark = Path(folder) / MARK
    is_marked = mark.is_file() and "demo" in storage.read_json(mark)
    if not is_marked and mark.parent.is_dir() and any(mark.parent.iterdir()):
        raise Problem(
            f"{folder} contains files that no demo wrote; choose another folder "
            "with --data"
        )
    for path in map(mark.with_name, OURS):
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
    words = "drawn animals, replaced by each demo"
    storage.write_json(mark, {"demo": words, "seed": seed})


def run_script(name, *argv):
    """Print a command as a user would type it, and run it."""
    argv = [str(each) for each in argv]
    print(f"\n$ python {name}.py {shlex.join(argv)}", flush=True)
    if importlib.import_module(name).main(argv):
        raise Problem(f"{name}.py failed; see above")


def extract(folder, weights):
    """Extract features, by default with ImageNet weights if available; return which."""
    where = ("--data", folder, "--seq-length", CLIP_FRAMES)
    if weights is None:
        try:
            run_script("extract_features", *where)
            return "imagenet"
        except Problem as problem:
            terminal.caution(str(problem))
        weights = "random"
        print(
            "\nThe ImageNet weights could not be downloaded (no internet?). The demo "
            "continues with\n--weights random: the features are those of an UNTRAINED "
            "network, good enough for\nthese drawings, but not for real animals."
        )
    run_script("extract_features", *where, "--weights", weights)
    return weights


def draw_recordings(folder, rng):
    """Draw a small study as a laboratory has it, into a new folder.

    Films before and after a stroke of half of the animals, some new animals, and a
    sheet of scores: two raters see the deficit, the truth, each with an error.
    """
    from synthetic import drawing

    if folder.exists():
        raise Problem(f"{folder} exists; name a new folder")
    rows = []
    for number in range(1, STUDY_ANIMALS + STUDY_NEW + 1):
        group, look = GROUPS[number % 2], drawing.choose_look(rng)
        is_new = number > STUDY_ANIMALS
        for session in ("post",) if is_new else ("pre", "post"):
            is_impaired = group == "Stroke" and session == "post"
            level = rng.uniform(*(IMPAIRED if is_impaired else HEALTHY))
            for trial in (1, 2):
                name = f"R{number}_{session}_{trial}.mp4"
                place = folder / ("new" if is_new else "recordings") / group / name
                deficit = float(np.clip(level + rng.normal(0, 0.3), 0, 5))
                drawing.draw_film(place, deficit, STUDY_FRAMES, look, rng)
                if not is_new:  # in half points
                    seen = np.clip(deficit + rng.normal(0, ERROR, 2), 0, 5)
                    rows.append([name, *(np.round(2 * seen) / 2).tolist()])
    write_table(folder / "scores.csv", ("video", "JB", "MK"), rows)
    print(
        f"{folder / 'recordings'}: films of {STUDY_ANIMALS} drawn animals\n"
        f"{folder / 'new'}: films of {STUDY_NEW} others\n"
        f"{folder / 'scores.csv'}: scores of two raters"
    )


def parse_args(argv):
    parser = terminal.Parser(__doc__)
    add = terminal.begin_options(parser)
    add("--data", Path, "folder of the demo", default=FOLDER, metavar="DIR")
    text = "seed of the drawing; another one draws other animals"
    add("--seed", terminal.seed, text, default=1)
    least = terminal.checked(int, lambda n: n >= LEAST, f"{LEAST} or more")
    add("--animals", least, "number of animals to draw", default=N_ANIMALS)
    weights = "imagenet, random or a file; by default imagenet if it can be downloaded"
    add("--weights", str, weights)
    text = "only draw a small study as a laboratory has it, for docs/ten_minutes.md"
    add("--recordings", Path, text, metavar="DIR")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    folder = shorten(args.data)
    rng = np.random.default_rng(args.seed)
    if args.recordings:
        return draw_recordings(shorten(args.recordings), rng)
    animals = choose_animals(rng, args.animals)
    prepare_folder(folder, args.seed)
    print(f"drawing {len(animals)} artificial animals into {folder}", flush=True)
    draw_data_set(folder, animals, rng)
    weights = extract(folder, args.weights)
    run_script("train_reg", "--data", folder, "--seed", args.seed, "--model", MODEL)
    run_script("validate", "--data", folder, "--run", RUN)
    tested = [animal for animal in animals if animal.split == "test"]
    tested.sort(key=lambda animal: animal.deficits[0])
    videos = [clip_path(folder, animal, 1) for animal in (tested[0], tested[-1])]
    run_script("score", *videos, "--data", folder, "--run", RUN)
    untrained = " (UNTRAINED network)" if weights == "random" else ""
    figures = storage.figures_folder(folder, RUN)
    print(
        f"""
The animals are drawn, not real: the results show that the pipeline works, not how well
it scores your animals. Features: {weights}{untrained}.

Look at
  {videos[0].parent}: the clips; the deficit is how often the paw moves
  {figures / "report.html"}: how well the network scores test animals
Next: python explain.py --data {folder} --run {RUN}"""
    )


def shorten(path):
    """Write a path as one would type it here."""
    path, here = Path(path).resolve(), Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


if __name__ == "__main__":
    terminal.run(main)
