"""What lets the recurrent network win on few clips?

    python benchmarks/few_clips.py --data data [--task Reach] [--folds 5]

Cross-validates networks by animal, changing one setting at a time, and prints what each
scores on animals that its networks never saw, beside ridge regression on the mean and
spread of the features. The best setting is chosen on the clips that evaluate it, so
its figures are optimistic: report those of animals that took no part. The runs stay
in the working folder as few-<setting>, so a comparison that was stopped goes on. Half
an hour for 60 clips on two cores.
"""

import argparse
import contextlib
import io
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import train_reg
import validate
from evaluation import report_tables
from system import storage, terminal
from system.terminal import Problem

COMMON = "--units 64 --learning-rate 1e-3 --standardize --epochs 150 --patience 10"
SETTINGS = {  # options that differ from the common ones
    "common": "",
    "not-standardized": None,  # --standardize left out
    "slow": "--learning-rate 1e-4",
    "slow-plateau": "--plateau-patience 5 --patience 20",
    "batch-4": "--batch-size 4",
    "units-16": "--units 16",
    "units-256": "--units 256",
    "dropout-half": "--dropout 0.5",
    "linear": "--activation linear",
    "ensemble": "--ensemble 5",
    "ensemble-dropout": "--ensemble 5 --dropout 0.5",
    "ensemble-plateau": "--ensemble 5 --plateau-patience 5 --patience 20",
    "pool": "--model pool",
}


def list_options(name):
    """List the options of a setting for train_reg.py; the last of two wins."""
    if SETTINGS[name] is None:
        return COMMON.replace("--standardize ", "").split()
    return [*COMMON.split(), *SETTINGS[name].split()]


def cross_validate(name, args):
    """Train and evaluate the networks of a setting; the figures of validate.py."""
    where = ["--data", str(args.data), "--run", f"few-{name}"]
    if args.task:
        where += ["--task", args.task]
    folds = ["--folds", str(args.folds), "--target", args.target]
    silence = io.StringIO()
    with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
        train_reg.main([*where, *folds, *list_options(name)])
        validate.main([*where, "--folds"])
    return storage.read_json(
        storage.predictions_path(args.data, f"few-{name}", "folds", ".json")
    )


def tell(name, agreement, separation, saved=""):
    figures = [agreement["clips"]["mae"], agreement["clips"]["pearson"]]
    if separation:
        figures.append(separation["clips"]["auroc"])
    shown = "".join(f"{report_tables.show(figure):<24}" for figure in figures)
    print(f"{name:<18}{shown}{saved}", flush=True)


def parse_args(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=storage.DEFAULT_FOLDER)
    parser.add_argument("--task")
    parser.add_argument("--target", choices=("score", "group"), default="score")
    parser.add_argument("--folds", type=terminal.positive_int, default=5)
    parser.add_argument("--only", nargs="+", choices=SETTINGS, default=SETTINGS)
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    train_reg.choose_clips(args.data, args.task)  # what is wrong for all is told once
    print(f"common options: {COMMON}")
    heads = ("MAE", "Pearson r", "AUROC", "MAE saved over ridge")
    print(f"{'setting':<18}" + "".join(f"{head:<24}" for head in heads))
    found = None
    for name in args.only:
        try:
            found = cross_validate(name, args)
        except Problem as problem:
            print(f"{name:<18}{problem}", flush=True)
            continue
        saved = found["baselines"]["ridge"]
        saved = (
            saved if isinstance(saved, str) else report_tables.show(saved["reduction"])
        )
        tell(name, found["agreement"], found.get("separation"), saved)
    print(
        "the best of these was chosen on the clips that evaluate it: read it as "
        "optimistic; report what animals show that took no part"
    )
    if found is None:
        raise Problem("no setting could be trained; see above")
    ridge = found["baselines"]["ridge"]
    if not isinstance(ridge, str):
        tell("ridge", ridge, ridge.get("separation"))


if __name__ == "__main__":
    terminal.run(main)
