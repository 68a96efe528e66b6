"""How often does a network end with one score for every clip?

    python benchmarks/seeds.py --data data --seeds 20

Trains small networks of the published form on the train rows of a working folder, as
train_reg.py does (the score starts at the mean training score, its ReLU can wake) and
as published (from 0, plain ReLU), and prints for how many seeds the output died. About
10 s a seed on two cores.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import console
import data
import sequences


def train_once(folder, plan, options, as_published, logs):
    """Train one network; return the lowest and the highest score of its clips."""
    import keras
    import numpy as np

    import models
    import training

    keras.backend.clear_session()
    keras.utils.set_random_seed(options["seed"])
    shape = (options["n_frames"], options["n_features"])
    bias = 0.0 if as_published else sum(plan.train.values()) / len(plan.train)
    model = training.build_network(options, bias, None, to_train=not as_published)
    settings = training.Settings(**{k: options[k] for k in training.Settings._fields})
    train, watched = (
        training.SequenceBatches(folder, clips, *shape, settings.batch_size, seed)
        for clips, seed in ((plan.train, options["seed"]), (plan.watched, None))
    )
    try:
        training.fit_network(model, train, watched, settings, logs, options)
    except console.Problem:
        return 0.0, 0.0
    read = (sequences.read_sequence(folder, name, *shape) for name in plan.train)
    scores = models.score_sequences(model, read)
    return float(np.min(scores)), float(np.max(scores))


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=data.DEFAULT_FOLDER)
    parser.add_argument("--seeds", type=console.positive_int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    args, rest = parser.parse_known_args(argv)
    with console.quietly():
        import train_reg
        import training
    small = ["--units", "128", "--learning-rate", "1e-4", "--epochs", "50"]
    options_of = train_reg.parse_args([*small, *rest])
    clips = train_reg.choose_clips(args.data, options_of.task)
    animals = {clip.name: data.animal_of(clip.name) for clip in clips}
    targets = {clip.name: clip.score for clip in clips if clip.is_scored}
    options = train_reg.list_options(
        options_of, clips, sequences.read_extraction(args.data)
    )
    names = [clip.name for clip in clips if clip.split == "train"]
    options["n_features"] = training.check_sequences(
        args.data, names, options["n_frames"]
    )
    dead = {"ours": 0, "published": 0}
    for seed in range(args.first, args.first + args.seeds):
        options_of.seed = options["seed"] = seed
        plan = train_reg.plan_one("seeds", clips, targets, animals, options_of)
        for way in dead:
            with tempfile.TemporaryDirectory() as logs:
                low, high = train_once(
                    args.data, plan, options, way == "published", logs
                )
            dead[way] += high == low
            print(f"seed {seed}, {way}: scores {low:.3f} to {high:.3f}", flush=True)
    for way, count in dead.items():
        print(f"{way}: {count} of {args.seeds} ended constant")


if __name__ == "__main__":
    console.run(main)
