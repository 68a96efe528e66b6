"""How far apart should two frames be for their difference to show movement?

    python benchmarks/steps.py data [other_folder ...] [--run-frames 5] [--runs 2]

Takes from each sequence runs of frames one, two, three ... frames apart, the same
number of frames each time, last as many over the whole sequence, and scores animals
left out (5 folds, repeated with other folds) by the closed form of `--model motion`,
or with --trees by 300 extremely randomised trees on the same statistics.
Prints r and AUROC of the clips with their intervals over animals, averaged over the
repeats; the scores of AUROC are split at their middle. A minute for a few hundred
clips.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import GroupKFold

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import console
import data
import frames
import models
import motion
import sequences
from judging import correlation, separation

N_FOLDS = 5


def fit_trees(statistics, scores, seed):
    """Fit randomised trees; gives the function that scores statistics."""
    options = {"max_features": 0.1, "min_samples_leaf": 2, "n_jobs": -1}
    trees = ExtraTreesRegressor(300, random_state=seed, **options)
    return trees.fit(statistics, scores).predict


def fit_motion(statistics, scores, animals):
    """Fit a score of movement; gives the function that scores statistics."""
    weights, bias, _ = motion.fit(statistics, scores, animals)
    return lambda others: np.clip(others @ weights + bias, scores.min(), scores.max())


def foretell(statistics, scores, animals, seed, with_trees=False):
    """Score each clip by a fit without its animal, (N,); and the training means."""
    found, means = np.empty(len(scores)), np.empty(len(scores))
    folds = GroupKFold(N_FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(statistics, groups=animals):
        known = statistics[train], scores[train]
        fitted = (
            fit_trees(*known, seed)
            if with_trees
            else fit_motion(*known, animals[train])
        )
        found[test] = fitted(statistics[test])
        means[test] = scores[train].mean()
    return found, means


def average(results, name):
    """Average a figure of the clips and its interval over repeats."""
    ends = [
        [each["clips"][name][k] for k in ("value", "low", "high")] for each in results
    ]
    value, low, high = np.mean(ends, axis=0)
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--run-frames", type=console.positive_int, default=5)
    parser.add_argument("--runs", type=console.positive_int, default=2)
    parser.add_argument("--trees", action="store_true", help="instead of motion")
    parser.add_argument("--repeats", type=console.positive_int, default=5)
    args = parser.parse_args(argv)
    for folder in args.folders:
        length = sequences.read_extraction(folder)["n_frames"]
        clips = {clip.name: clip for clip in data.read_clips(folder) if clip.is_scored}
        read = [sequences.read_sequence(folder, name, length) for name in clips]
        scores = np.array([clip.score for clip in clips.values()])
        animals = np.array(data.list_animals(list(clips.values())))
        impaired = scores > (scores.min() + scores.max()) / 2
        print(f"{folder}: {len(clips)} clips of {len(set(animals))} animals")
        n_frames, longest = args.runs * args.run_frames, length // args.runs
        steps = range(1, (longest - 1) // (args.run_frames - 1) + 1)
        ways = {f"{n} frames apart": f"runs:{args.run_frames}:{n}" for n in steps}
        for words, sampling in {**ways, "over the whole": "uniform"}.items():
            taken = frames.sample_indices(length, n_frames, sampling, rate=1)
            measure = models.Movement(args.run_frames if words in ways else 0)
            rows = np.concatenate([measure(s[None, taken]) for s in read])
            told = [
                foretell(rows, scores, animals, seed, args.trees)
                for seed in range(args.repeats)
            ]
            agreed = [
                correlation.correlate_scores(scores, found, animals, mean)
                for found, mean in told
            ]
            split = [
                separation.separate(impaired, found, animals, mean)
                for found, mean in told
            ]
            print(
                f"  {words}: r {average(agreed, 'pearson')}, "
                f"AUROC {average(split, 'auroc')}",
                flush=True,
            )


if __name__ == "__main__":
    console.run(main)
