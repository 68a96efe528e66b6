"""Train a network that turns a sequence into a movement-deficit score.

    python train_reg.py --task Reach
    python train_reg.py --task Reach --leave-one-animal-out
    python train_reg.py --task Reach --folds 5 --final
    python train_reg.py --leave-one-animal-out --dask tcp://scheduler:8786

Reads   data/data_file.csv and data/sequences/
Writes  data/checkpoints/<run>.keras and <run>.json; data/logs/<run>/
Cost    the published network on 48 clips: about 20 s an epoch on two cores.

A training that was stopped goes on where it was when the command is given again.
The test rows steer nothing: training watches held-out animals of the train rows.
"""

import argparse
import dataclasses
import functools
import math
from pathlib import Path

import console
import data
import files
import origins
import plans
import processes
import runs
import sequences
from console import Problem
from plans import Options

SMALL = 256  # units of an LSTM that two cores train hardly faster than one
MOST_JOBS = 4  # unless told otherwise: each takes about 1 GB


def choose_clips(folder, task):
    """Read the clips of the one task to train on."""
    clips = data.read_clips(folder, task)
    if len({clip.task for clip in clips}) > 1:
        raise Problem(
            f"data_file.csv has several tasks; name one with --task: "
            f"{data.list_tasks(clips)}"
        )
    return clips


def train_here(folder, todo, options, extraction):
    """Train the networks of plans one after the other.

    Yields
    ------
    (Plan, dict)
        And its record.
    """
    from tqdm import tqdm

    import training

    for plan in todo:
        with tqdm(desc="training", unit="epoch", disable=None) as bar:
            yield plan, training.train_run(folder, plan, options, extraction, bar)


def train_in_processes(n_processes, folder, todo, options, extraction):
    """Train the networks of plans side by side; see `train_here`."""
    tasks = [(folder, plan, options, extraction) for plan in todo]
    yield from follow(processes.run(n_processes, train_one, tasks), len(tasks))


def train_one(*task):
    import training

    return training.train_run(*task)


def train_on_cluster(address, folder, todo, options, extraction):
    """Train the networks of plans on a Dask cluster; see `train_here`."""
    import cluster

    tasks = [(folder.resolve(), plan, options, extraction) for plan in todo]
    with cluster.connect(address) as client:
        yield from follow(cluster.run(client, cluster.train_alone, tasks), len(tasks))


def follow(results, n_runs):
    """Pass on what is done; tell the Problems of all others at the end."""
    from tqdm import tqdm

    problems = []
    with tqdm(total=n_runs, desc="training", unit="run", disable=None) as bar:
        for (_, plan, *_), result in results:
            bar.update()
            if isinstance(result, Problem):
                problems.append(f"{plan.run}: {result}")
            else:
                yield plan, result
    if problems:
        raise Problem("\n".join(problems))


def choose_jobs(wanted, n_runs, options):
    """Choose how many networks are trained at a time.

    A small one leaves cores idle; a large one has use for all of them, and for memory.
    """
    is_small = options.model in ("pool", "best") or options.units <= SMALL
    fitting = min(processes.count_cores(), MOST_JOBS, n_runs // 2) if is_small else 1
    return max(1, min(wanted or fitting, n_runs))


# ---------------------------------------------------------------- the script


def add_what(parser):
    """Add the options of what to train, and where."""
    what = parser.add_argument_group("what")
    what.add_argument("--data", type=Path, default=files.DEFAULT_FOLDER, metavar="DIR")
    what.add_argument("--task", help="which task, where data_file.csv has several")
    what.add_argument("--run", metavar="NAME", help="name of the run (<task>-<model>)")
    what.add_argument(
        "--target",
        choices=("score", "group"),
        default=Options.target,
        help="learn the expert score, or the group in the clip name as 0 or 1",
    )
    what.add_argument(
        "--animal-pattern",
        type=console.pattern,
        metavar="RE",
        default=Options.animal_pattern,
        help="finds the animal in a clip name",
    )
    what.add_argument(
        "--group-pattern",
        type=console.pattern,
        metavar="RE",
        default=Options.group_pattern,
        help="finds the group in a clip name",
    )
    what.add_argument(
        "--control-group",
        metavar="NAME",
        default=Options.control_group,
        help="the healthy group, as the clip names have it",
    )
    what.add_argument(
        "--skip-missing",
        action="store_true",
        help="train without the clips that have no sequence",
    )
    what.add_argument("--overwrite", action="store_true", help="replace a finished run")


def add_network(parser):
    """Add the options of the form of the network."""
    network = parser.add_argument_group("network")
    network.add_argument(
        "--model",
        choices=("lstm", "pool", "motion", "best"),
        default=Options.model,
        help="motion scores statistics of change, in closed form, from few clips; best "
        "chooses among motion, a small lstm and their mean on training animals; pool "
        "ignores time: what does movement add?",
    )
    network.add_argument("--units", type=console.positive_int, default=Options.units)
    network.add_argument("--dropout", type=console.fraction, default=Options.dropout)
    network.add_argument(
        "--activation", choices=("relu", "linear"), default=Options.activation
    )
    network.add_argument(
        "--gates",
        choices=("hard_sigmoid", "sigmoid"),
        default=Options.gates,
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
        default=Options.ensemble,
        metavar="N",
        help="average N networks of different seeds",
    )


def add_fitting(parser):
    """Add the options of how it is trained."""
    fitting = parser.add_argument_group("training")
    fitting.add_argument(
        "--learning-rate", type=console.positive_float, default=Options.learning_rate
    )
    fitting.add_argument(
        "--weight-decay", type=console.amount, default=Options.weight_decay
    )
    fitting.add_argument(
        "--batch-size",
        type=console.positive_int,
        default=Options.batch_size,
        help="clips",
    )
    fitting.add_argument(
        "--epochs", type=console.positive_int, default=Options.epochs, help="at most"
    )
    fitting.add_argument(
        "--patience",
        type=console.positive_int,
        default=Options.patience,
        help="epochs without gain before training stops",
    )
    fitting.add_argument(
        "--plateau-factor",
        type=console.fraction,
        default=Options.plateau_factor,
        help="of the learning rate, after epochs without gain",
    )
    fitting.add_argument(
        "--plateau-patience",
        type=console.positive_int,
        default=Options.plateau_patience,
        help="epochs without gain before the learning rate falls",
    )
    fitting.add_argument(
        "--plateau-cooldown",
        type=console.count,
        default=Options.plateau_cooldown,
        help="epochs after it fell before it may fall again",
    )
    fitting.add_argument("--seed", type=console.seed, default=Options.seed)
    fitting.add_argument(
        "--monitor",
        choices=("animals", "test"),
        default=Options.monitor,
        help="watch held-out train animals, or the test rows as published",
    )
    fitting.add_argument(
        "--validation-fraction",
        type=console.fraction,
        default=Options.validation_fraction,
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
    fold.add_argument("--leave-out", metavar="ANIMAL", help="only this network of them")
    fold.add_argument(
        "--folds",
        type=console.positive_int,
        metavar="K",
        help="leave out the animals in K groups",
    )
    fold.add_argument(
        "--final",
        action="store_true",
        help="then train on all animals the network to use; it carries the errors on "
        "left-out animals, which give its scores their intervals",
    )
    fold.add_argument(
        "--jobs",
        type=console.positive_int,
        metavar="N",
        help=f"networks trained at a time; by default as many as there are cores, up "
        f"to {MOST_JOBS}, and one of more than {SMALL} units",
    )
    fold.add_argument(
        "--repeats",
        type=console.positive_int,
        default=1,
        metavar="N",
        help="do --folds K N times, with other seeds and other folds",
    )
    fold.add_argument(
        "--dask", metavar="ADDRESS", help="share the networks out on a Dask cluster"
    )


def parse_args(argv):
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=console.HelpFormatter,
    )
    for add in (add_what, add_network, add_fitting, add_folds):
        add(parser)
    args = parser.parse_args(argv)
    if args.repeats > 1 and not args.folds:
        parser.error("--repeats needs --folds K")
    return args


def read_options(args, clips, extraction):
    """Take from the command line what a training depends on."""
    n_frames = (extraction or {}).get("n_frames", Options.n_frames)
    given = vars(args) | {"task": clips[0].task, "n_frames": n_frames}
    return Options.from_dict(given)


def list_some(names, limit=20):
    """Write names in a row, the first of them in full."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(sorted(names)[:limit]) + more


def skip_missing(folder, clips, n_frames):
    """Leave out the clips that have no sequence, and say which."""
    found = [c for c in clips if sequences.find_sequence(folder, c.name, n_frames)]
    missing = sorted({clip.name for clip in clips} - {clip.name for clip in found})
    if missing:
        console.caution(f"left out, without a sequence: {list_some(missing, 10)}")
    return found


def check_present(folder, planned, n_frames):
    """See that every clip of the plans has a sequence, before Keras is loaded."""
    names = {name for plan in planned for name in (*plan.train, *plan.watched)}
    missing = [n for n in names if not sequences.find_sequence(folder, n, n_frames)]
    if missing:
        raise Problem(
            f"{len(missing)} of {len(names)} clips have no sequence of {n_frames} "
            f"frames in {files.extraction_path(folder).parent}: {list_some(missing)}. "
            "Make them with extract_features.py, or leave them out with --skip-missing"
        )


def make_plans(args, clips, options, repeat=1):
    """Plan the runs that the arguments ask for, and name the animal of each clip.

    Returns
    -------
    (list of Plan, dict of str to str)
    """
    needed = options.monitor == "animals" or args.leave_one_animal_out or args.folds
    listed = data.list_animals(clips, options.animal_pattern, bool(needed))
    animals = {clip.name: a for clip, a in zip(clips, listed, strict=True)}
    targets = plans.find_targets(clips, options)
    run = args.run or f"{options.task}-{options.model}"
    if args.leave_one_animal_out or args.leave_out or args.folds:
        wanted = (args.folds, args.leave_out, repeat)
        planned = plans.plan_folds(args.run, targets, animals, options, *wanted)
        if args.final:
            planned.append(plans.plan_final(run, planned, targets, animals, options))
    else:
        planned = [plans.plan_run(run, clips, targets, animals, options)]
    return [plan.name_clips(clips) for plan in planned], animals


def finish(args, plan, options, animals, has_news):
    """Note in the record of the final network how its folds erred, and say it."""
    import limits

    record = files.read_json(files.record_path(args.data, plan.run))
    if has_news or "left_out_errors" not in record:
        limits.note_errors(args.data, plan, options.task, animals)
        record = files.read_json(files.record_path(args.data, plan.run))
    limits.tell_width(record)


def train_all(args, repeat):
    """Train every network that the arguments ask for, once more for each repeat."""
    clips = choose_clips(args.data, args.task)
    extraction = sequences.read_extraction(args.data)
    options = read_options(args, clips, extraction)
    options = dataclasses.replace(options, seed=options.seed + 1000 * (repeat - 1))
    if args.skip_missing:
        clips = skip_missing(args.data, clips, options.n_frames)
    planned, animals = make_plans(args, clips, options, repeat)
    check_present(args.data, planned, options.n_frames)
    origins.refuse_changed(args.data, clips)
    origins.tell_pace(args.data, animals, extraction)
    todo = [
        plan
        for plan in planned
        if args.overwrite or not runs.is_finished(args.data, plan, options, extraction)
    ]
    if not todo and len(planned) == 1:
        raise Problem(f"{planned[0].run} is finished. Give --overwrite to train again")
    for number, plan in enumerate(todo, start=1):
        print(
            f"{plan.run} ({number} of {len(todo)}): {plans.tell_clips(plan, animals)}"
        )
    train, n_jobs = train_here, choose_jobs(args.jobs, len(todo), options)
    if args.dask:
        train = functools.partial(train_on_cluster, args.dask)
    elif n_jobs > 1:
        train = functools.partial(train_in_processes, n_jobs)
    for plan, record in train(args.data, todo, options, extraction):
        how = runs.tell_training(record)
        where = "watched clips" if plan.watched else "its animals, each left out once"
        print(
            f"{plan.run}: {how}; root mean squared error on {where} "
            f"{math.sqrt(record['val_loss']):.3f}"
        )
    if args.final:
        finish(args, planned[-1], options, animals, bool(todo))
    print(f"written to {files.checkpoint_path(args.data, planned[-1].run).parent}")


def main(argv=None):
    args = parse_args(argv)
    if args.final and (args.leave_out or not (args.folds or args.leave_one_animal_out)):
        raise Problem("--final goes with --folds K or --leave-one-animal-out")
    if args.final and args.repeats > 1:
        raise Problem("--final goes with one cross-validation, not with --repeats")
    for repeat in range(1, args.repeats + 1):
        train_all(args, repeat)


if __name__ == "__main__":
    console.run(main)
