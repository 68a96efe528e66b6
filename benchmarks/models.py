"""How well does each model score clips of animals that it never saw?

    python benchmarks/models.py data [other_folder ...] [--only motion] [--repeats 5]

Cross-validates each model by animal in 5 folds, several times over with other folds,
and prints r, centred, MAE, RMSE and AUROC with their intervals over animals (averaged
over the repeats), the error that it saves over ridge regression on mean and spread,
what destroying the order of frames changes, and the seconds of processor time that
training took; beside them ridge regression and, last, the mean of the training
animals. Each of motion and a small LSTM reads the middle of the network and, beside it,
the last block, in copies of the folder as FOLDER-features and FOLDER-movement. The runs
stay there as models-<name>-<repeat>, so that what was stopped goes on. The published
form takes hours for 100 clips, and is trained only where --only names it.
"""

import argparse
import contextlib
import io
import shutil
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import train_reg
import validate
from evaluation import verdict
from features import sequences
from system import storage, terminal

SMALL = "--units 64 --learning-rate 1e-3 --standardize --epochs 150 --patience 10"
# Options, and which kind of sequence is read, where not that of the model's own choice.
MODELS = {
    "motion": ("--model motion", None),
    "motion, last block": ("--model motion", "features"),
    "lstm": (SMALL, "features"),
    "lstm, movement": (SMALL, "movement"),
    "published": ("", "features"),
}
N_FOLDS = 5


def choose_folder(folder, kind):
    """Copy sequences of a kind to where all models read them; None without any."""
    if kind is None:
        return folder
    copy, found = (
        folder.with_name(f"{folder.name}-{kind}"),
        sequences.list_files(folder),
    )
    found = [path for path in found if path.stem.endswith(f"-{kind}")]
    if not found:
        return None
    storage.extraction_path(copy).parent.mkdir(parents=True, exist_ok=True)
    pairs = [
        (each(folder), each(copy))
        for each in (storage.table_path, storage.extraction_path)
    ]
    to = storage.extraction_path(copy).parent
    pairs += [(p, to / p.name.replace(f"-{kind}.", "-features.")) for p in found]
    for source, target in pairs:
        shutil.copyfile(source, target)
    return copy


def cross_validate(folder, name, repeat, control):
    """Train and evaluate the folds of a model; gives figures and processor seconds."""
    run = f"models-{name.replace(', ', '-').replace(' ', '-')}-{repeat}"
    where = ["--data", str(folder), "--run", run]
    train = [*MODELS[name][0].split(), "--folds", str(N_FOLDS), "--seed", str(repeat)]
    silence, began = io.StringIO(), time.process_time()
    with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
        train_reg.main([*where, *train, "--jobs", "1"])
        seconds = time.process_time() - began
        validate.main([*where, "--folds", *control])
    path = storage.predictions_path(folder, run, "folds", ".json")
    return storage.read_json(path), seconds


def average(figures):
    """Average a figure and its interval over repeats; "-" where it is not defined."""
    figures = [each for each in figures if each and each.get("value") is not None]
    if not figures:
        return "-"
    means = {
        key: float(
            np.mean([each[key] for each in figures if each.get(key) is not None])
        )
        for key in ("value", "low", "high")
    }
    return verdict.show({**figures[0], **means})


def describe(name, found, pick, last=""):
    """Print a row; `pick` takes agreement and separation out of what was found."""
    parts = [pick(each) for each in found]
    row = [
        average([part[0]["clips"].get(figure) for part in parts])
        for figure in ("pearson", "mae", "rmse")
    ]
    row.append(
        average([(part[1] or {}).get("clips", {}).get("auroc") for part in parts])
    )
    print(f"{name:<20}" + "".join(f"{each:<24}" for each in row) + last, flush=True)


def parse_args(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--only", nargs="+", choices=MODELS, default=list(MODELS)[:-1])
    parser.add_argument("--repeats", type=terminal.positive_int, default=5)
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    control = ["--control", "shuffled-frames"]
    for folder in args.folders:
        print(f"\n{folder}\n{'':<20}", end="")
        print(
            "".join(f"{h:<24}" for h in ("r, centred", "MAE", "RMSE", "AUROC")), end=""
        )
        last = ("saved over ridge", "MAE, frames shuffled")
        print("".join(f"{h:<24}" for h in last), "processor s", flush=True)
        first = None
        for name in args.only:
            place = choose_folder(folder, MODELS[name][1])
            if place is None:
                print(f"{name:<20}no such sequences")
                continue
            pairs = [
                cross_validate(place, name, repeat, control)
                for repeat in range(args.repeats)
            ]
            found = [each for each, _ in pairs]
            shuffled = [each["controls"]["shuffled-frames"]["change"] for each in found]
            seconds = np.mean([each for _, each in pairs]) / N_FOLDS
            saved = [each["baselines"]["ridge"].get("reduction") for each in found]
            first = first or found
            last = f"{average(saved):<24}{average(shuffled):<24}{seconds:.1f}"
            describe(name, found, lambda x: (x["agreement"], x.get("separation")), last)
        for baseline in ("ridge", "training mean"):
            known = [
                x for x in first or () if isinstance(x["baselines"].get(baseline), dict)
            ]
            if known:
                pick = lambda x, baseline=baseline: (  # noqa: E731
                    x["baselines"][baseline],
                    x["baselines"][baseline].get("separation"),
                )
                describe(baseline, known, pick)


if __name__ == "__main__":
    terminal.run(main)
