"""Pack a run into one file that another lab can use.

    python share.py Reach-motion --species rat --camera "side view, 100 frames/s"
    python score.py new_videos --run Reach-motion.zip      in the other lab
    python validate.py --run Reach-motion.zip              on its own scored clips

Reads   data/checkpoints/<run>.keras and <run>.json; data/predictions/<run>-*.json
Writes  <run>.zip: both, and card.md, which describes the run in words
Cost    seconds.
"""

from pathlib import Path

from runs import intervals, store
from system import storage, terminal
from system.terminal import Problem

CARD = """# {run}

A network that scores movement deficits from video, made with Behavior_net.

- Task: {task}. Species: {species}. Camera: {camera}. Licence: {licence}
- Model: {model}; {n_frames} frames a clip, {sampling}; features of InceptionV3,
  {weights} weights
- Trained on {n_clips} clips of {n_animals} animals, scores {low:g} to {high:g}
- Its clips: {clips}
- On animals that it had never seen: {figures}
- Versions: {versions}

It is unknown how it does on other cameras, cages or species. Score some of your
own clips by hand and compare: `python validate.py --run {run}.zip`.
"""


def describe_figures(folder, run):
    """Describe how a run did on animals never seen, from its folds or its test."""
    if intervals.count_animals(run):
        return intervals.describe_errors(run)
    path = storage.predictions_path(folder, run.name, "test", ".json")
    try:
        found = storage.read_json(path)
        clips, animals = (found["agreement"][unit] for unit in ("clips", "animals"))
        is_its_own = found["run_record"]["sha256"] == run.sha256
        if is_its_own and clips["n"] and "never saw" in found["independence"]:
            return (
                f"mean absolute error {clips['mae']['value']:.2f} ({clips['n']} clips, "
                f"{animals['n']} animals)"
            )
    except (Problem, OSError, KeyError, TypeError):  # not evaluated, or edited
        pass
    return "not measured (train_reg.py --folds 5 --final, or validate.py, would)"


def write_card(folder, run, species, camera, licence):
    known, made, like = run.targets, run.extraction or {}, run.clips_were
    clips = [
        f"{key.replace('n_frames', 'frames')} {value[0]:g} to {value[1]:g}"
        for key in ("n_frames", "seconds", "fps", "brightness")
        if (value := getattr(like, key))
    ]
    return CARD.format(
        run=run.name,
        task=run.task,
        model=run.model,
        n_frames=run.n_frames,
        species=species,
        camera=camera,
        licence=licence,
        sampling=made.get("sampling", "sampled in an unknown way"),
        weights=made.get("weights", "unknown"),
        n_clips=len(known),
        n_animals=len({run.animal_of(name) for name in known}),
        low=min(known.values()),
        high=max(known.values()),
        clips=", ".join([*clips, *(like.size or [])]) or "not described",
        figures=describe_figures(folder, run),
        versions=", ".join(f"{k} {v}" for k, v in run.versions.items()),
    )


def parse_args(argv):
    parser = terminal.Parser(__doc__, "RUN ")
    parser.add_argument("run", help="name of the run")
    add = terminal.begin_options(parser)
    add("--data", Path, "the working folder", default=storage.DEFAULT_FOLDER)
    add("--output", Path, "the file to write (<run>.zip)", metavar="ZIP")
    add("--species", str, "species of the animals", default="unknown")
    add("--camera", str, "view, distance, frame rate, light", default="unknown")
    add("--licence", str, "licence for others", default="CC BY 4.0")
    add("--overwrite", bool, "replace the file")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    checkpoint = store.find_run(args.data, args.run)
    if checkpoint.suffix != ".keras":
        raise Problem(
            f"{checkpoint.name} has no .json record: only runs trained with "
            "train_reg.py can be shared"
        )
    run = store.open_run(checkpoint)
    store.verify(run)
    output = args.output or Path(f"{run.name}.zip")
    if output.exists() and not args.overwrite:
        raise Problem(f"{output} is there already. Give --overwrite to replace it")
    card = write_card(args.data, run, args.species, args.camera, args.licence)
    store.pack(checkpoint, card, output)
    print(card)
    print(f"written to {output}: the names of {run.name}'s clips and their scores")
    print("are in its record; check that you may share them")
    print(f"next: python score.py NEW_VIDEOS --run {output.name}, in the other lab")


if __name__ == "__main__":
    terminal.run(main)
