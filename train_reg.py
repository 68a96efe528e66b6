"""Train a network that turns a sequence into a movement-deficit score.

    python train_reg.py --task Reach
    python train_reg.py --task Reach --leave-one-animal-out
    python train_reg.py --leave-one-animal-out --dask tcp://scheduler:8786

Reads   data/data_file.csv and data/sequences/
Writes  data/checkpoints/<run>.keras and <run>.json; data/logs/<run>/
Cost    the published network on 48 clips: about 20 s an epoch on two cores.

A training that was stopped goes on where it was when the command is given again.
The test rows steer nothing: training watches held-out animals of the train rows.
"""

import argparse
import functools
import math
from pathlib import Path
from typing import NamedTuple

import console
import data
import manifest
import sequences
from console import Problem

PUBLISHED_LENGTH = 125


class Plan(NamedTuple):
    """One run: what it learns from, what it watches, what it never sees."""

    run: str
    train: dict  # clip name -> target
    watched: dict
    left_out: list
    scheme: dict | None


# ---------------------------------------------------------------- what to train on


def choose_clips(folder, task):
    """Read the clips of the one task to train on."""
    clips = data.read_clips(folder, task)
    if len({clip.task for clip in clips}) > 1:
        raise Problem(
            f"data_file.csv has several tasks; name one with --task: "
            f"{manifest.list_tasks(clips)}"
        )
    return clips


def find_targets(clips, target, group_pattern, activation):
    """Find what each clip is to be scored: the expert score, or its group as 0 or 1.

    Returns
    -------
    dict of str to float
        Each clip once, though both splits may list it; unscored clips are left out.
    """
    if target == "group":
        groups = {clip.name: data.group_of(clip.name, group_pattern) for clip in clips}
        if lost := [name for name, group in groups.items() if group is None]:
            raise Problem(
                f"--target group: {len(lost)} clip names hold no group that matches "
                f"--group-pattern {group_pattern} (say, {lost[0]})"
            )
        targets = {name: float(g != data.CONTROL) for name, g in groups.items()}
    else:
        targets = {clip.name: clip.score for clip in clips if clip.is_scored}
    if activation == "relu" and min(targets.values(), default=0) < 0:
        raise Problem("scores below 0 cannot be learned by a ReLU: --activation linear")
    return targets


def plan_one(run, clips, targets, animals, args):
    """Plan a run on the train rows that watches held-out animals, or the test rows."""
    train = {c.name: targets[c.name] for c in clips if c.split == "train"}
    if not train:
        raise Problem("data_file.csv has no train rows")
    if args.monitor == "test":
        test = [c.name for c in clips if c.split == "test" and c.name in targets]
        if not test:
            raise Problem("--monitor test: no test row has a score")
        console.caution("the test rows steer this training: their figures are no test")
        return Plan(run, train, {name: targets[name] for name in test}, [], None)
    on_both_sides = {animals[n] for n in train} & {
        animals[c.name] for c in clips if c.split == "test"
    }
    if on_both_sides:
        console.caution(
            f"{len(on_both_sides)} animals have train and test rows (say, "
            f"{min(on_both_sides)}): their test figures are no test. "
            "--leave-one-animal-out is the way out"
        )
    return hold_out(Plan(run, train, {}, [], None), animals, args)


def hold_out(plan, animals, args):
    """Move some animals of a plan from the trained to the watched clips."""
    names = list(plan.train)
    held = data.hold_out_animals(
        [animals[name] for name in names],
        [plan.train[name] for name in names],
        args.validation_fraction,
        args.seed,
    )
    watched = {n: t for n, t in plan.train.items() if animals[n] in held}
    train = {n: t for n, t in plan.train.items() if n not in watched}
    return plan._replace(train=train, watched=watched)


def plan_folds(targets, animals, args):
    """Plan one run a fold; the split column is ignored."""
    folds = data.fold_animals([animals[name] for name in targets], args.folds)
    kind = "folds" if args.folds else "leave-one-animal-out"
    prefix = f"{args.run}-" if args.run else ""
    plans = []
    for number, left_out in enumerate(folds, start=1):
        fold = f"fold{number}" if args.folds else left_out[0]
        if args.leave_out not in (None, fold):
            continue
        train = {n: t for n, t in targets.items() if animals[n] not in left_out}
        scheme = {"kind": kind, "prefix": args.run or "", "fold": fold}
        plan = Plan(f"{prefix}{fold}-features", train, {}, left_out, scheme)
        plans.append(hold_out(plan, animals, args))
    if not plans:
        names = ", ".join(sorted(set(animals.values())))
        raise Problem(f"--leave-out {args.leave_out}: the animals are {names}")
    return plans


# ---------------------------------------------------------------- training


def list_logs(folder, run, n_members):
    """List the log folder of each network of a run."""
    logs = data.logs_folder(folder, run)
    return (
        [logs] if n_members == 1 else [logs / f"member_{i}" for i in range(n_members)]
    )


def train_run(folder, plan, options, extraction, bar=None):
    """Train the network of a plan and write its checkpoint and record.

    Returns
    -------
    dict
        The record, see `<run>.json`.
    """
    import models
    import training

    training.forget_networks()  # of earlier folds
    n_frames = options["n_frames"]
    names = [*plan.train, *plan.watched]
    n_features = training.check_sequences(folder, names, n_frames)
    identity = {"plan": plan._asdict(), "options": options, "extraction": extraction}
    logs = list_logs(folder, plan.run, options["ensemble"])
    members, results = [], []
    for number, place in enumerate(logs):
        seed = options["seed"] + number
        member, result = training.train_network(
            folder,
            plan.train,
            plan.watched,
            {**options, "n_features": n_features, "seed": seed},
            place,
            identity,
            bar,
        )
        members.append(member)
        results.append(result)
    model = models.build_ensemble(members) if len(members) > 1 else members[0]
    record = describe_run(plan, options, extraction, results, n_features)
    save_run(folder, model, record)
    for place in logs:
        training.clear_backups(place)
    return record


def describe_run(plan, options, extraction, results, n_features):
    """Put together the record of a run: all that is needed to use or to judge it."""
    own = ("task", "model", "animal_pattern", "group_pattern", "target", "seed")
    return {
        "run": plan.run,
        **{name: options[name] for name in own},
        "options": options,
        "versions": console.list_versions(),
        "n_frames": options["n_frames"],
        "n_features": n_features,
        "extraction": extraction,
        "train_clips": plan.train,
        "watched_clips": plan.watched,
        "left_out": plan.left_out,
        "scheme": plan.scheme,
        "training_mean": sum(plan.train.values()) / len(plan.train),
        "epochs": sum(result["epochs"] for result in results),
        "best_epoch": [result["best_epoch"] for result in results],
        "val_loss": sum(result["val_loss"] for result in results) / len(results),
    }


def save_run(folder, model, record):
    """Write `<run>.keras` and then `<run>.json`, which makes the run a finished one."""
    path = data.checkpoint_path(folder, record["run"])
    data.remove_leftovers(path.parent)
    with data.replacing(path) as temporary:
        model.save(temporary)
    beside = data.record_path(folder, record["run"])
    data.write_json(beside, {**record, "sha256": data.digest_file(path)})


def is_finished(folder, plan, options, extraction):
    """Tell whether a run is there already, and raise if it is another one."""
    path = data.record_path(folder, plan.run)
    checkpoint = data.checkpoint_path(folder, plan.run)
    if not (path.is_file() and checkpoint.is_file()):
        return False
    record = data.read_json(path)
    if record.get("sha256") != data.digest_file(checkpoint):
        return False  # killed while the one replaced the other
    same = (
        record.get("options") == options
        and record.get("train_clips") == plan.train
        and record.get("watched_clips") == plan.watched
        and record.get("extraction") == extraction
    )
    if not same:
        raise Problem(
            f"run {plan.run} is there already, trained otherwise. Give --overwrite to "
            "replace it, or --run NAME"
        )
    return True


def train_here(folder, plans, options, extraction):
    """Train the networks of plans one after the other.

    Yields
    ------
    (Plan, dict)
        And its record.
    """
    from tqdm import tqdm

    for plan in plans:
        with tqdm(desc="training", unit="epoch", disable=None) as bar:
            yield plan, train_run(folder, plan, options, extraction, bar)


def train_on_cluster(address, folder, plans, options, extraction):
    """Train the networks of plans on a Dask cluster; see `train_here`."""
    from tqdm import tqdm

    import cluster

    tasks = [(folder.resolve(), plan, options, extraction) for plan in plans]
    problems = []
    with (
        cluster.connect(address) as client,
        tqdm(total=len(tasks), desc="training", unit="run", disable=None) as bar,
    ):
        for task, result in cluster.run(client, cluster.call_alone, tasks, train_run):
            bar.update()
            if isinstance(result, Problem):
                problems.append(f"{task[1].run}: {result}")
            else:
                yield task[1], result
    if problems:
        raise Problem("\n".join(problems))


# ---------------------------------------------------------------- the script


def add_what(parser):
    """Add the options of what to train, and where."""
    what = parser.add_argument_group("what")
    what.add_argument("--data", type=Path, default=data.DEFAULT_FOLDER, metavar="DIR")
    what.add_argument("--task", help="which task, where data_file.csv has several")
    what.add_argument("--run", metavar="NAME", help="name of the run (<task>-<model>)")
    what.add_argument(
        "--target",
        choices=("score", "group"),
        default="score",
        help="learn the expert score, or the group in the clip name as 0 or 1",
    )
    what.add_argument(
        "--animal-pattern",
        type=console.pattern,
        metavar="RE",
        default=data.ANIMAL_PATTERN,
        help="finds the animal in a clip name",
    )
    what.add_argument(
        "--group-pattern",
        type=console.pattern,
        metavar="RE",
        default=data.GROUP_PATTERN,
        help="finds the group in a clip name",
    )
    what.add_argument("--overwrite", action="store_true", help="replace a finished run")


def add_network(parser):
    """Add the options of the form of the network."""
    network = parser.add_argument_group("network")
    network.add_argument(
        "--model",
        choices=("lstm", "pool"),
        default="lstm",
        help="pool ignores time: what does movement add?",
    )
    network.add_argument("--units", type=console.positive_int, default=2048)
    network.add_argument("--dropout", type=console.fraction, default=0.1)
    network.add_argument("--activation", choices=("relu", "linear"), default="relu")
    network.add_argument(
        "--gates",
        choices=("hard_sigmoid", "sigmoid"),
        default="hard_sigmoid",
        help="as published, or the form that GPUs compute fast",
    )
    network.add_argument(
        "--standardize",
        action="store_true",
        help="scale each feature by the training clips' mean and spread",
    )
    network.add_argument(
        "--ensemble",
        type=console.positive_int,
        default=1,
        metavar="N",
        help="average N networks of different seeds",
    )


def add_fitting(parser):
    """Add the options of how it is trained."""
    fitting = parser.add_argument_group("training")
    fitting.add_argument("--learning-rate", type=console.positive_float, default=1e-6)
    fitting.add_argument("--weight-decay", type=float, default=0.0)
    fitting.add_argument(
        "--batch-size", type=console.positive_int, default=8, help="clips"
    )
    fitting.add_argument(
        "--epochs", type=console.positive_int, default=1000, help="at most"
    )
    fitting.add_argument(
        "--patience",
        type=console.positive_int,
        default=5,
        help="epochs without gain before training stops",
    )
    fitting.add_argument(
        "--plateau-factor",
        type=console.fraction,
        default=0.5,
        help="of the learning rate, after epochs without gain",
    )
    fitting.add_argument(
        "--plateau-patience",
        type=console.positive_int,
        default=1,
        help="epochs without gain before the learning rate falls",
    )
    fitting.add_argument(
        "--plateau-cooldown",
        type=int,
        default=1,
        help="epochs after it fell before it may fall again",
    )
    fitting.add_argument("--seed", type=int, default=0)
    fitting.add_argument(
        "--monitor",
        choices=("animals", "test"),
        default="animals",
        help="watch held-out train animals, or the test rows as published",
    )
    fitting.add_argument(
        "--validation-fraction",
        type=console.fraction,
        default=0.2,
        help="of the train animals, held out to watch",
    )


def add_folds(parser):
    """Add the options of cross-validation by animal."""
    fold = parser.add_argument_group("cross-validation by animal (ignores the split)")
    fold.add_argument(
        "--leave-one-animal-out",
        action="store_true",
        help="one network for each animal, trained without it",
    )
    fold.add_argument(
        "--leave-out", metavar="ANIMAL", help="only the network without it"
    )
    fold.add_argument(
        "--folds",
        type=console.positive_int,
        metavar="K",
        help="leave out the animals in K groups",
    )
    fold.add_argument(
        "--dask", metavar="ADDRESS", help="share the networks out on a Dask cluster"
    )


def parse_args(argv):
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=console.HelpFormatter,
    )
    for add in (add_what, add_network, add_fitting, add_folds):
        add(parser)
    return parser.parse_args(argv)


def list_options(args, clips, extraction):
    """Collect what a training depends on, for its record."""
    elsewhere = {
        "data",
        "run",
        "overwrite",
        "leave_one_animal_out",
        "leave_out",
        "folds",
        "dask",
    }
    options = {k: v for k, v in vars(args).items() if k not in elsewhere}
    options["task"] = clips[0].task
    options["n_frames"] = (extraction or {}).get("n_frames", PUBLISHED_LENGTH)
    return options


def main(argv=None):
    args = parse_args(argv)
    clips = choose_clips(args.data, args.task)
    extraction = sequences.read_extraction(args.data)
    options = list_options(args, clips, extraction)
    animals = dict(
        zip(
            (clip.name for clip in clips),
            data.list_animals(clips, args.animal_pattern),
            strict=True,
        )
    )
    targets = find_targets(clips, args.target, args.group_pattern, args.activation)
    if args.leave_one_animal_out or args.leave_out or args.folds:
        plans = plan_folds(targets, animals, args)
    else:
        run = args.run or f"{options['task']}-{args.model}"
        plans = [plan_one(run, clips, targets, animals, args)]
    todo = [
        plan
        for plan in plans
        if args.overwrite or not is_finished(args.data, plan, options, extraction)
    ]
    if not todo and len(plans) == 1:
        raise Problem(
            f"run {plans[0].run} is finished. Give --overwrite to train again"
        )
    for number, plan in enumerate(todo, start=1):
        print(
            f"{plan.run} ({number} of {len(todo)}): {len(plan.train)} clips to train, "
            f"{len(plan.watched)} to watch, of "
            f"{len({animals[n] for n in plan.train})} and "
            f"{len({animals[n] for n in plan.watched})} animals"
        )
    train = functools.partial(train_on_cluster, args.dask) if args.dask else train_here
    for plan, record in train(args.data, todo, options, extraction):
        print(
            f"{plan.run}: {record['epochs']} epochs; root mean squared error on "
            f"watched clips {math.sqrt(record['val_loss']):.3f}"
        )
    print(f"written to {data.checkpoint_path(args.data, plans[-1].run).parent}")


if __name__ == "__main__":
    console.run(main)
