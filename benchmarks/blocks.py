"""In which block of InceptionV3 is movement read? One linear score on each.

    python benchmarks/blocks.py LAYERS.npz data_file.csv --repeats 10

LAYERS.npz holds `clips` (N,) and, by block, pooled features (N, T, F), as
`mixed4`. Several blocks, joined by +, are read together. Prints r, centred, and AUROC
on held-out animals (or sources), over folds that are dealt anew in each repeat.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import data
import models
from training import motion

FORMS = ("mixed2", "mixed4", "mixed6", "mixed8", "mixed4+mixed6")


def predict(statistics, scores, animals, rng, n_folds=5):
    """Predict each clip by a fit without its animal: scores, training means, (N,)."""
    names = rng.permutation(np.unique(animals))
    fold_of = {name: i % n_folds for i, name in enumerate(names)}
    folds = np.array([fold_of[animal] for animal in animals])
    predicted, means = np.empty(len(scores)), np.empty(len(scores))
    for fold in range(n_folds):
        train, test = folds != fold, folds == fold
        weights, bias, _ = motion.fit(statistics[train], scores[train], animals[train])
        predicted[test] = statistics[test] @ weights + bias
        means[test] = scores[train].mean()
    return predicted, means


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("layers", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--forms", nargs="*", default=FORMS)
    args = parser.parse_args()
    clips = {c.name: c for c in data.parse_clips(args.table.read_bytes())}
    layers = np.load(args.layers)
    chosen = [clips[str(name)] for name in layers["clips"]]
    scores = np.array([clip.score for clip in chosen])
    animals = np.array(data.list_animals(chosen))
    print(f"{len(chosen)} clips of {len(set(animals))} animals, {args.repeats} repeats")
    for form in args.forms:
        blocks = [layers[block].astype(np.float32) for block in form.split("+")]
        statistics = models.summarise_movement(np.concatenate(blocks, axis=2))
        found = []
        for seed in range(args.repeats):
            rng = np.random.default_rng(seed)
            predicted, means = predict(statistics, scores, animals, rng)
            r = np.corrcoef(predicted - means, scores - means)[0, 1]
            area = np.nan
            if set(scores) == {0, 1}:
                area = roc_auc_score(scores, predicted - means)
            found.append((r, area))
        r, area = np.mean(found, axis=0)
        print(f"  {form:14} r {r:.2f}, AUROC {area:.2f}")


if __name__ == "__main__":
    main()
