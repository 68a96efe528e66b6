"""How well does each model score clips of animals that it never saw?

    python benchmarks/models.py data [other_folder ...] [--only motion] [--repeats 5]

Cross-validates each model by animal in 5 folds, several times over with other folds,
and prints r, MAE, RMSE and AUROC with their intervals over animals (all averaged over
the repeats), the mean error that it saves over ridge regression on mean and spread,
what destroying the order of frames changes, and the seconds of processor time that
training took; beside them ridge regression and, last, the mean of the training
animals. The runs stay in the folder as models-<name>-<repeat>, so that what was stopped
goes on. The published form takes hours for 100 clips.
"""

import argparse
import contextlib
import io
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import train_reg
import validate
from evaluation import verdict
from system import storage, terminal

SMALL = "--units 64 --learning-rate 1e-3 --standardize --epochs 150 --patience 10"
MODELS = {
    "motion": "--model motion",
    "small lstm": SMALL,
    "published": "",
}
N_FOLDS = 5


def cross_validate(folder, name, repeat, control):
    """Train and evaluate the folds of a model; gives figures and processor seconds."""
    run = f"models-{name.replace(' ', '-')}-{repeat}"
    where = ["--data", str(folder), "--run", run]
    train = [*MODELS[name].split(), "--folds", str(N_FOLDS), "--seed", str(repeat)]
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
    print(f"{name:<14}" + "".join(f"{each:<24}" for each in row) + last, flush=True)


def parse_args(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--only", nargs="+", choices=MODELS, default=list(MODELS)[:3])
    parser.add_argument("--repeats", type=terminal.positive_int, default=5)
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    control = ["--control", "shuffled-frames"]
    for folder in args.folders:
        print(f"\n{folder}\n{'':<14}", end="")
        print("".join(f"{h:<24}" for h in ("r", "MAE", "RMSE", "AUROC")), end="")
        last = ("saved over ridge", "MAE, frames shuffled")
        print("".join(f"{h:<24}" for h in last), "processor s", flush=True)
        for name in args.only:
            pairs = [
                cross_validate(folder, name, repeat, control)
                for repeat in range(args.repeats)
            ]
            found = [each for each, _ in pairs]
            shuffled = [each["controls"]["shuffled-frames"]["change"] for each in found]
            seconds = np.mean([each for _, each in pairs]) / N_FOLDS
            saved = [each["baselines"]["ridge"].get("reduction") for each in found]
            last = f"{average(saved):<24}{average(shuffled):<24}{seconds:.1f}"
            describe(name, found, lambda x: (x["agreement"], x.get("separation")), last)
        for baseline in ("ridge", "training mean"):
            known = [x for x in found if isinstance(x["baselines"].get(baseline), dict)]
            if known:
                pick = lambda x, baseline=baseline: (  # noqa: E731
                    x["baselines"][baseline],
                    x.get("baseline_separation", {}).get(baseline),
                )
                describe(baseline, known, pick)


if __name__ == "__main__":
    terminal.run(main)
