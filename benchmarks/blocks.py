"""In which block of InceptionV3 is movement read? One linear score on each.

    python benchmarks/blocks.py LAYERS.npz data_file.csv --repeats 10
    python benchmarks/blocks.py LAYERS.npz data_file.csv --write FOLDER

LAYERS.npz holds `clips` (N,) and, by block, pooled features (N, T, F), as
`mixed4`. Several blocks, joined by +, are read together. Prints r, centred, and AUROC
on held-out animals (or sources), over folds that are dealt anew in each repeat.
--write makes movement sequences of them in a working folder instead and, where it has
no features, features of mixed8.
"""

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import data
import models
from features import inception_v3, sequences
from system import storage
from training import motion

FORMS = ("mixed2", "mixed4", "mixed6", "mixed8", inception_v3.MIDDLE)


def join(layers, form):
    """Join blocks that are written with a +, float32 (N, T, F)."""
    blocks = [layers[block].astype(np.float32) for block in form.split("+")]
    return np.concatenate(blocks, axis=2)


def write(folder, layers, table, weights):
    """Write movement sequences of a working folder and, where it has none, features."""
    names, forms = map(str, layers["clips"]), {"movement": inception_v3.MIDDLE}
    n_frames = layers["mixed8"].shape[1]
    if not sequences.list_names(folder, n_frames):
        forms["features"] = "mixed8"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(table, storage.table_path(folder))
        record = {"weights": weights, "sha256": "", "sampling": "uniform"}
        record |= {"n_frames": n_frames, "frame_size": 299, "precision": "float32"}
        sequences.write_extraction(folder, record)
    made = {kind: join(layers, form) for kind, form in forms.items()}
    for row, name in enumerate(names):
        for kind, found in made.items():
            sequences.write_sequence(folder, name, found[row], kind)


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
    parser.add_argument("--write", type=Path, metavar="FOLDER")
    args = parser.parse_args()
    clips = {c.name: c for c in data.parse_clips(args.table.read_bytes())}
    layers = np.load(args.layers)
    if args.write:
        return write(args.write, layers, args.table, args.layers.stem)
    chosen = [clips[str(name)] for name in layers["clips"]]
    scores = np.array([clip.score for clip in chosen])
    animals = np.array(data.list_animals(chosen))
    print(f"{len(chosen)} clips of {len(set(animals))} animals, {args.repeats} repeats")
    for form in args.forms:
        statistics = models.summarise_movement(join(layers, form))
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
