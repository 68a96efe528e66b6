"""How often does a network end with one score for every clip?

    python benchmarks/seeds.py --data data --seeds 20

Trains small networks of the published form on the train rows of a working folder, as
train_reg.py does (the score starts at the mean training score, its ReLU can wake) and
as published (from 0, plain ReLU), and prints for how many seeds the output died. About
10 s a seed on two cores.
"""

import argparse
import dataclasses
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import data
import models
from features import sequences
from runs import predict, splits
from system import storage, terminal


def train_once(folder, plan, n_features, as_published, logs):
    """Train one network; return the lowest and the highest score of its clips."""
    import numpy as np

    from system.backend import keras
    from training import trainer

    options = plan.options
    keras.backend.clear_session()
    keras.utils.set_random_seed(options.seed)
    shape = (options.n_frames, n_features)
    targets = plan.train_clips
    if as_published:
        model = models.build(options, shape)
    else:
        bias = sum(targets.values()) / len(targets)
        model = trainer.build_fast(shape, options, bias)
    batches, validation = (
        trainer.SequenceBatches(folder, clips, *shape, options.batch_size, seed)
        for clips, seed in ((targets, options.seed), (plan.validation_clips, None))
    )
    try:
        one = trainer.Trainer(model, options)
        trainer.fit_network(one, batches, validation, logs, vars(options))
    except terminal.Problem:
        return 0.0, 0.0
    read = (sequences.read_sequence(folder, name, *shape) for name in targets)
    scores = predict.score_sequences([model], read)
    return float(np.min(scores)), float(np.max(scores))


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=storage.DEFAULT_FOLDER)
    parser.add_argument("--seeds", type=terminal.positive_int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    args, rest = parser.parse_known_args(argv)
    import train_reg
    from training import train

    small = ["--units", "128", "--learning-rate", "1e-4", "--epochs", "50"]
    given = train_reg.parse_args([*small, *rest])
    clips = data.read_clips(args.data, given.task)
    extraction = sequences.read_extraction(args.data)
    base = train_reg.read_options(given, clips, extraction)
    targets = splits.find_targets(clips, base)
    names = [clip.name for clip in clips if clip.split == "train"]
    n_features = train.check_sequences(args.data, names, base)
    dead = {"ours": 0, "published": 0}
    for seed in range(args.first, args.first + args.seeds):
        options = dataclasses.replace(base, seed=seed)
        plan = splits.begin_plan("seeds", clips, options, extraction)
        plan = splits.plan_run(plan, clips, targets)
        for way in dead:
            with tempfile.TemporaryDirectory() as logs:
                as_published = way == "published"
                found = train_once(args.data, plan, n_features, as_published, logs)
            low, high = found
            dead[way] += high == low
            print(f"seed {seed}, {way}: scores {low:.3f} to {high:.3f}", flush=True)
    for way, count in dead.items():
        print(f"{way}: {count} of {args.seeds} ended constant")


if __name__ == "__main__":
    terminal.run(main)
