"""Train a network that turns a sequence into a movement-deficit score.

    python train_reg.py --task Reach
    python train_reg.py --task Reach --leave-one-animal-out
    python train_reg.py --task Reach --folds 5 --final
    python train_reg.py --leave-one-animal-out --dask tcp://scheduler:8786

Reads   data/data_file.csv and data/sequences/
Writes  data/checkpoints/<run>.keras and <run>.json; data/logs/<run>/
Cost    the published network on 48 clips: about 10 s an epoch on two cores.

A training that was stopped goes on where it was when the command is given again.
The test rows steer nothing: validation is on held-out animals of the train rows.
"""

import dataclasses
import math
from pathlib import Path

import data
import models
from features import provenance, sequences
from rating import scales
from runs import finish, intervals, learned, splits, state
from runs.options import Options, propose
from system import processes, storage, terminal
from system.tables import list_some
from system.terminal import Problem
from training import train

SMALL = 256  # units of an LSTM that two cores train hardly faster than one
MOST_JOBS = 4  # unless told otherwise: each takes about 1 GB


def follow(results, n_runs):
    """Yield runs as they are done; raise the Problems of all others last."""
    from tqdm import tqdm

    problems = {}  # the same one of several runs is reported once
    with tqdm(total=n_runs, desc="training", unit="run", disable=None) as bar:
        for (_, plan), result in results:
            bar.update()
            if isinstance(result, Problem):
                problems.setdefault(str(result), plan.name)
            else:
                yield result
    if problems:
        raise Problem("\n".join(f"{name}: {text}" for text, name in problems.items()))


def add_network(parser):
    """Add the options of what to train, and of the form of the network."""
    add = terminal.begin_options(parser, "what", Options)
    add("--data", Path, "the working folder", default=storage.DEFAULT_FOLDER)
    text = "task to train on, where data_file.csv has several"
    add("--task", str, text, default=None)
    add("--run", str, "name of the run (<task>-<model>)", metavar="NAME")
    text = "learn expert scores, or groups as 0 (healthy) and 1"
    add("--target", ("score", "group"), text)
    text = "regular expression: the animal in a clip's name, if no column gives it"
    add("--animal-pattern", terminal.pattern, text, metavar="RE")
    add("--group-pattern", terminal.pattern, "the same for the group", metavar="RE")
    add("--control-group", str, terminal.HEALTHY, metavar="NAME")
    add("--skip-missing", bool, "train without the clips that have no sequence")
    add("--overwrite", bool, "replace a finished run of this name")

    add = terminal.begin_options(parser, "network", Options)
    text = "lstm, as published; pool, which averages over the frames and so ignores "
    text += "their order; motion, a linear score of posture and amount of movement, "
    add("--model", models.MODELS, text + "for few clips")
    add("--units", terminal.positive_int, "number of LSTM units")
    text = "fraction of units set to 0 at random in training"
    add("--dropout", terminal.fraction, text)
    add("--activation", ("relu", "linear"), "of the score: relu allows none below 0")
    text = "activation of the gates: hard_sigmoid as published, sigmoid fast on GPUs"
    add("--gates", models.GATES, text)
    text = "scale features by their mean and SD over training clips"
    add("--standardize", bool, text)
    text = "average this many networks, each with another seed"
    add("--ensemble", terminal.positive_int, text, metavar="N")


def add_training(parser):
    """Add the options of how it is trained, and of cross-validation by animal."""
    add = terminal.begin_options(parser, "training", Options)
    add("--learning-rate", terminal.positive_float, "learning rate of the optimizer")
    add("--batch-size", terminal.positive_int, "clips per step")
    add("--epochs", terminal.positive_int, "largest number of epochs")
    add("--patience", terminal.positive_int, "stop after so many epochs without gain")
    text = "factor of the learning rate after a plateau"
    add("--plateau-factor", terminal.fraction, text)
    text = "so many epochs without gain are a plateau"
    add("--plateau-patience", terminal.positive_int, text)
    text = "epochs to wait after such a step before the next"
    add("--plateau-cooldown", terminal.natural, text)
    text = "seed of first weights, order of clips and choice of validation animals"
    add("--seed", terminal.seed, text)
    text = "validate on held-out train animals, or as published on test rows, "
    add("--monitor", ("animals", "test"), text + "which are then no test")
    text = "fraction of train animals that validate"
    add("--validation-fraction", terminal.fraction, text)

    title = "cross-validation by animal (ignores the split)"
    add = terminal.begin_options(parser, title)
    add("--leave-one-animal-out", bool, "train a network for each animal, without it")
    text = "train only the network without this animal"
    add("--leave-out", str, text, metavar="ANIMAL")
    text = "train K networks, each without a part of the animals"
    add("--folds", terminal.positive_int, text, metavar="K")
    text = "then train the network to use on all animals; it carries the errors on "
    add("--final", bool, text + "held-out animals, which give its scores intervals")
    text = "repeat --folds K so many times, with other seeds and folds"
    add("--repeats", terminal.positive_int, text, metavar="N", default=1)
    text = f"networks trained at a time (the cores, up to {MOST_JOBS}; of more than "
    add("--jobs", terminal.positive_int, f"{text}{SMALL} units one)", metavar="N")
    add("--dask", str, "distribute the networks over a Dask cluster", metavar="ADDRESS")


def parse_args(argv):
    parser = terminal.Parser(__doc__)
    add_network(parser)
    add_training(parser)
    args = parser.parse_args(argv)
    if args.repeats > 1 and not args.folds:
        parser.error("--repeats needs --folds K")
    if args.final and (args.leave_out or not (args.folds or args.leave_one_animal_out)):
        parser.error("--final goes with --folds K or --leave-one-animal-out")
    if args.final and args.repeats > 1:
        parser.error("--final goes with one cross-validation, not with --repeats")
    return args


def read_options(args, clips, extraction):
    """Take from the command line what a training depends on."""
    made = extraction or {}
    given = vars(args) | {"task": clips[0].task}
    given["n_frames"] = made.get("n_frames", Options.n_frames)
    given["reads"] = choose_kind(args.data, args.model, given["n_frames"])
    names = [field.name for field in dataclasses.fields(Options)]
    return Options(**{name: given[name] for name in names if name in given})


def choose_kind(folder, model, n_frames):
    """Choose the kind of sequence that a model reads, or can read here."""
    if model != "motion":
        return "features"
    there = {k: sequences.list_names(folder, n_frames, k) for k in sequences.KINDS}
    if there["movement"] or not there["features"]:
        return "movement"
    terminal.caution(
        "there are no movement sequences yet, so movement is read in the last block of "
        "the network. It is read better in the middle: give extract_features.py again, "
        "with the same settings, and train anew"
    )
    return "features"


def check_present(folder, planned, clips):
    """See that every clip of the plans has a sequence, before Keras is loaded."""
    names, options = {n for p in planned for n in p.targets}, planned[0].options
    lacking = sequences.explain_missing(folder, names, options.n_frames, options.reads)
    if lacking:
        way = f"python extract_features.py{state.choose_settings(folder, clips)}"
        raise Problem(
            f"{lacking}. Make them with {way}, which keeps what is there, or train "
            "without: --skip-missing"
        )


def make_plans(args, clips, options, extraction, repeat):
    """Plan the runs that the arguments ask for."""
    in_folds = args.leave_one_animal_out or args.leave_out or args.folds
    targets = splits.find_targets(clips, options)
    if options.target == "score":
        scales.warn_of_far(targets, "data_file.csv")
    lost = {c.name for c in clips if c.name not in targets}
    lost -= {c.name for c in clips if c.split == "test" and not in_folds}
    if lost and targets:
        terminal.caution(
            f"without an expert score, and omitted: {list_some(sorted(lost), 10)}"
        )
    needed = options.monitor == "animals" or in_folds
    data.list_animals(clips, options.animal_pattern, bool(needed))  # with its cautions
    run = args.run or f"{options.task}-{options.model}"
    plan = splits.begin_plan(run, clips, options, extraction)
    if not in_folds:
        return [splits.plan_run(plan, clips, targets)]
    planned = splits.plan_folds(
        plan, clips, targets, args.folds, args.leave_out, repeat
    )
    if args.final:
        planned.append(splits.plan_final(plan, clips, targets, planned))
    return planned


def train_all(args, repeat):
    """Train every network that the arguments ask for, once more for each repeat."""
    clips = data.read_clips(args.data, args.task)
    learned.refuse_tasks(clips)
    extraction = sequences.describe_making(args.data)
    options = read_options(args, clips, extraction)
    options = dataclasses.replace(options, seed=options.seed + 1000 * (repeat - 1))
    if options.model == "lstm" and extraction and options.n_frames < 2:
        raise Problem(
            "the sequences are of 1 frame, and --model lstm needs 2 or more. Extract "
            "them again with extract_features.py --seq-length N --overwrite"
        )
    if args.skip_missing:
        clips = sequences.omit_missing(
            args.data, clips, options.n_frames, options.reads
        )
    options = splits.settle_healthy(clips, options)
    if options.control_group:
        print(f"healthy group: {options.control_group}")
    planned = make_plans(args, clips, options, extraction, repeat)
    if suggestion := propose(clips, options):
        print(suggestion)
    check_present(args.data, planned, clips)
    provenance.refuse_changed(args.data, clips)
    names = {clip.name: None for clip in clips}
    seconds = provenance.report_pace(args.data, names, extraction)
    todo = [
        plan
        for plan in planned
        if args.overwrite or not finish.is_finished(args.data, plan)
    ]
    for number, plan in enumerate(todo, start=1):
        place = f"network {number} of {len(todo)}"
        print(f"{plan.name} ({place}): {splits.describe_plan(plan)}")
    parts = [[plan for plan in todo if plan.held_out]]  # they measure the final one
    parts += [[plan] for plan in todo if not plan.held_out]
    for part in filter(None, parts):
        for run in train_part(args, part):
            report_trained(run, seconds)
    if len(planned) == 1 and not todo:
        raise Problem(f"{planned[0].name} is finished. Give --overwrite to train again")
    print(f"written to {storage.checkpoint_path(args.data, planned[-1].name).parent}")


def train_part(args, todo):
    """Train the networks of plans where the arguments say; yields their runs."""
    from tqdm import tqdm

    options = todo[0].options
    # A small network leaves cores idle; a large one has use for all, and for memory.
    is_small = options.model == "pool" or options.units <= SMALL
    fitting = min(processes.count_cores(), MOST_JOBS, len(todo) // 2) if is_small else 1
    n_jobs = max(1, min(args.jobs or fitting, len(todo)))
    folder = args.data.resolve() if args.dask else args.data
    tasks = [(folder, plan) for plan in todo]
    if args.dask:
        from system import dask_cluster
        from training import on_cluster

        with dask_cluster.connect(args.dask) as client:
            results = dask_cluster.run(client, on_cluster.train_alone, tasks)
            yield from follow(results, len(tasks))
    elif n_jobs > 1:
        yield from follow(processes.run(n_jobs, train.train_run, tasks), len(tasks))
    else:
        n_epochs = options.epochs * options.ensemble * (options.model != "motion")
        total, unit = len(todo) * (n_epochs or 1), "epoch" if n_epochs else "network"
        how = "training, at most" if n_epochs else "training"
        with tqdm(total=total, desc=how, unit=unit, disable=None) as bar:
            for plan in todo:
                yield train.train_run(folder, plan, bar if n_epochs else None)
                bar.update(not n_epochs)


def report_trained(run, seconds):
    """Print the error of a network, and what the score of a final one reads."""
    error, shares = math.sqrt(run.val_loss), run.describe_choice()
    where = (
        f"validation clips, {run.epochs} epochs"
        if run.epochs
        else "its animals held out in turn"
    )
    print(f"{run.name}: root mean squared error {error:.3f} ({where})")
    if shares and not run.held_out:
        step = f" ({1000 * seconds:.0f} ms between frames)" if seconds else ""
        print(f"  share of the variance of its weights{step}: {shares}")
    if run.scheme.kind == "final":
        print(f"{run.name}: {intervals.describe_errors(run)}")


def main(argv=None):
    args = parse_args(argv)
    for repeat in range(1, args.repeats + 1):
        train_all(args, repeat)
    print(state.format_state(args.data, args.task))


if __name__ == "__main__":
    terminal.run(main)
