"""Cross-validations on disk: which runs belong to one, and which clips each may score.

The record of a fold names the run it is of, the kind, how many folds there are, which
fold and repeat it is, and a digest of the table. With its options and extraction that
identifies one cross-validation; stale folds of others are never mixed in.
"""

import collections
import dataclasses
import json

from runs import learned, store
from runs.record import read_record
from system.terminal import Problem, caution

RETRY = "The same train_reg.py command trains what is missing"


def find_folds(folder, kind, name=None, task=None):
    """Find the networks of one cross-validation, of all its repeats: list of Run.

    `kind` is one of `store.FOLDS`. Where no `name` of a run is given the newest
    complete one is taken, with a caution; see `split_repeats`. Of a fold that is there
    twice, under another name or as a copy, the newest counts.
    """
    found, place = collections.defaultdict(dict), folder / "checkpoints"
    paths = store.list_checkpoints(folder)
    heads = [(store.read_head(path), path) for path in paths]
    for head, path in sorted(heads, key=lambda each: each[0]["trained"]):
        if head["kind"] == kind and not head["received"]:
            run = read_record(path)
            if name in (None, run.scheme.prefix) and task in (None, run.task):
                found[key_of(run)][run.scheme.repeat, run.scheme.fold] = run
    if not found:
        option = "--folds K" if kind == "folds" else "--leave-one-animal-out"
        of_run = f" for run {name}" if name else ""
        of_task = f" of task {task}" if task else ""
        others = {head["kind"] for head, _ in heads} & {*store.FOLDS} - {kind}
        way = f"Train them with train_reg.py {option}"
        if others:
            way = f"Those of another kind are evaluated with --{min(others)}"
        raise Problem(
            f"{place} holds no networks of a {kind} training{of_run}{of_task}. {way}"
        )
    found = [sorted(own.values(), key=lambda run: run.path) for own in found.values()]
    found.sort(key=lambda runs: max(run.trained for run in runs))
    if len(tasks := {str(runs[0].task) for runs in found}) > 1:
        raise Problem(
            f"networks of several tasks; name one: {', '.join(sorted(tasks))}"
        )
    whole = [runs for runs in found if not all(map(list_missing, split(runs)))]
    chosen = (whole or found)[-1]
    own = chosen[0].scheme.prefix
    names = {runs[0].scheme.prefix for runs in found} - {own}
    if names:
        caution(
            f"cross-validation {own} is taken, the newest complete "
            f"one. Name another one with --run: {', '.join(sorted(names))}"
        )
    return chosen


def key_of(run):
    """Make a key that all folds and repeats of one cross-validation share."""
    scheme, options = run.scheme, dataclasses.asdict(run.options)
    del options["control_group"]
    options["seed"] -= 1000 * (scheme.repeat - 1)
    made = dict(run.extraction or {})
    made.pop("movement", None)  # sequences may be completed between two folds
    known = [scheme.kind, scheme.prefix, scheme.n_folds, scheme.clips]
    return json.dumps([known, options, made], sort_keys=True)


def split(runs):
    """Split the networks of a cross-validation into its repeats: list of lists."""
    repeats = collections.defaultdict(list)
    for run in runs:
        repeats[run.scheme.repeat].append(run)
    return [networks for _, networks in sorted(repeats.items())]


def list_missing(networks):
    """Name the folds of one repeat that are not there."""
    there, n_folds = {run.scheme.fold for run in networks}, networks[0].scheme.n_folds
    if len(there) >= n_folds:
        return []
    if networks[0].scheme.kind == "folds":
        return [f"fold{i + 1}" for i in range(n_folds) if f"fold{i + 1}" not in there]
    return [f"{n_folds - len(there)} of {n_folds} animals"]


def split_repeats(runs):
    """Split a cross-validation into repeats; incomplete ones are named, not taken.
    Where none is complete all are given, and `assign_folds` names what is missing."""
    repeats = split(runs)
    whole = [networks for networks in repeats if not list_missing(networks)]
    for networks in repeats if whole else ():
        if missing := list_missing(networks):
            caution(
                f"repeat {networks[0].scheme.repeat} of {networks[0].scheme.prefix} "
                f"lacks {', '.join(missing)} and is not evaluated. {RETRY}"
            )
    return whole or repeats


def split_table(runs, table, may_be_new=False):
    """Give each network its rows of a table: pairs of both; see `assign_folds`."""
    owners = dict(zip(table["clip"], table["animal"], strict=True))
    parts = assign_folds(runs, owners, may_be_new)
    return [(run, table[table["clip"].isin(clips)]) for run, clips in parts]


def assign_folds(runs, owners, may_be_new=False):
    """Give each animal the one network that held it out, and never saw it.

    An animal renamed after the training is recognised by its clips: a network held it
    out if other folds were trained on its clips, and this one on none. `runs` are of
    one repeat; `owners` are the animals of clips as they are now; `may_be_new` skips,
    with a caution, animals that came after the training. Gives each run with its clips;
    raises Problem for animals that no network, or more than one, held out.
    """
    parts, problems, covered, clips = [], [], {}, collections.defaultdict(set)
    for clip, animal in owners.items():
        clips[animal].add(clip)
    by_any = set().union(*(run.targets for run in runs))
    for run in runs:
        known = set(run.targets)
        held_out = {
            animal
            for animal, own in clips.items()
            if animal in run.held_out or (own & by_any - known and not own & known)
        }
        part = {clip: animal for clip, animal in owners.items() if animal in held_out}
        problems += [
            f"{animal} is held out by {covered[animal]} and {run.name}"
            for animal in dict.fromkeys(part.values())
            if animal in covered
        ]
        covered |= dict.fromkeys(held_out, run.name)
        now = dataclasses.replace(run, animals_now=owners)
        seen = learned.describe_seen(list(part), list(part.values()), now)
        if known := [(c, how) for c, how in zip(part, seen, strict=True) if how]:
            clip, how = known[0]
            problems.append(
                f"{run.name} is to score {clip} of {part[clip]}: {how}. Where an "
                "animal was corrected after training, train again with --overwrite"
            )
        if part:
            parts.append((run, list(part)))
    missing, lost = sorted(set(clips) - set(covered)), list_missing(runs)
    if missing and may_be_new and parts and not lost:
        caution(
            f"not evaluated: {', '.join(missing)}, added after the cross-validation: "
            "no network held them out. Train again with --overwrite"
        )
    elif missing:
        why = f" ({', '.join(lost)} missing. {RETRY})" if lost else ""
        problems.append(f"no network has held out {', '.join(missing)}{why}")
    if problems:
        raise Problem("not a cross-validation by animal: " + "; ".join(problems))
    return parts
