"""Which clips a run learns from, and which animals it holds out."""

import dataclasses
import functools
import hashlib
import json
from typing import NamedTuple

import numpy as np

import data
from names import labels
from runs.options import LEARNS_FROM_ALL
from system.terminal import Problem, caution

TOLD = ("animals", "groups", "crops", "mirrored")  # clips' names; crops; names


class Plan(NamedTuple):
    """One run: clips to learn from, clips to watch, animals left out."""

    run: str
    train: dict  # clip name -> target
    watched: dict
    left_out: list
    scheme: dict | None
    told: dict  # what the table tells of these clips; see `TOLD`

    def animal_of(self, name, pattern):
        """Name the animal of a clip: as the table does, else as its name does."""
        told = self.told.get("animals", {})
        return told.get(name) or data.animal_of(name, pattern)

    def name_clips(self, clips):
        """Take up what the table tells of the clips that the run will know."""
        known = [c for c in clips if c.name in self.train or c.name in self.watched]
        crops = {c.crop for c in known}
        cut = sorted(map(list, crops - {None}))
        told = {
            "animals": {c.name: c.animal for c in known if c.animal},
            "groups": {c.name: c.group for c in known if c.group},
            "crops": cut and cut + [None] * (None in crops),
            "mirrored": [c.name for c in known if c.mirror],
        }
        return self._replace(told={k: v for k, v in told.items() if v})


def find_targets(clips, options):
    """Find what each clip is to be scored: the expert score, or its group as 0 or 1.

    Each clip once, though both splits may list it; unscored clips are left out.
    """
    if options.target == "group":
        targets = find_group_targets(clips, options)
    else:
        targets = {clip.name: clip.score for clip in clips if clip.is_scored}
    if options.activation == "relu" and min(targets.values(), default=0) < 0:
        raise Problem("scores below 0 cannot be learned by a ReLU: --activation linear")
    return targets


def name_groups(clips, options):
    """Name the group of each clip, or None, in one spelling: dict of str to str."""
    found = [data.group_of(clip, options.group_pattern) for clip in clips]
    names = [clip.name for clip in clips]
    return dict(zip(names, labels.name_groups(found), strict=True))


def settle_healthy(clips, options):
    """Find and print which group of clips is healthy; returns options that name it."""
    groups = name_groups(clips, options).values()
    healthy = labels.find_healthy(groups, options.control_group)
    if options.target != "group":
        without = "without it groups are not told apart as healthy and impaired"
        labels.tell_healthy(groups, healthy, without)
    elif healthy:
        print(f"healthy group: {healthy}")
    return dataclasses.replace(options, control_group=healthy or "")


def find_group_targets(clips, options):
    """Give each clip of the healthy group 0, all others 1; see `find_targets`."""
    pattern, groups = options.group_pattern, name_groups(clips, options)
    healthy = labels.find_healthy(groups.values(), options.control_group)
    if lost := [name for name, group in groups.items() if group is None]:
        raise Problem(
            f"--target group: {len(lost)} clip names hold no group that matches "
            f"--group-pattern {pattern} (say, {lost[0]})"
        )
    present = sorted(set(groups.values()))
    if healthy not in present or len(present) < 2:
        raise Problem(
            "--target group needs clips of the healthy group and of another one. "
            f"Groups there: {', '.join(present)}. Name the healthy one with "
            "--control-group"
        )
    return {name: float(group != healthy) for name, group in groups.items()}


def plan_run(run, clips, targets, animals, options):
    """Plan a run on the train rows that watches held-out animals, or the test rows.

    `targets` and `animals` are those of each clip by its name.
    """
    rows = [clip.name for clip in clips if clip.split == "train"]
    train = {name: targets[name] for name in rows if name in targets}
    if not rows:
        raise Problem("data_file.csv has no train rows")
    refuse_unscored(train)
    if options.monitor == "test" and options.model not in LEARNS_FROM_ALL:
        test = [c.name for c in clips if c.split == "test" and c.name in targets]
        if not test:
            raise Problem("--monitor test: no test row has a score")
        caution("the test rows steer this training: their figures are no test")
        return Plan(run, train, {n: targets[n] for n in test}, [], None, {})
    on_both_sides = {animals[n] for n in train} & {
        animals[c.name] for c in clips if c.split == "test"
    }
    if on_both_sides:
        caution(
            f"{len(on_both_sides)} animals have train and test rows (say, "
            f"{min(on_both_sides)}): their test figures are no test. "
            "--leave-one-animal-out is the way out"
        )
    return watch_animals(Plan(run, train, {}, [], None, {}), animals, options)


def refuse_unscored(targets):
    if not targets:
        raise Problem(
            "no clip to train on has an expert score in data_file.csv. Score them with "
            "rate.py, or learn the groups with --target group"
        )


def plan_final(run, folds, targets, animals, options):
    """Plan the network to use, on all animals; its folds tell its errors."""
    first = folds[0].scheme
    scheme = {"kind": "final", "of": first["kind"], "prefix": first["prefix"]}
    scheme["folds"] = [plan.run for plan in folds]
    plan = Plan(run, dict(targets), {}, [], scheme, {})
    return watch_animals(plan, animals, options)


def watch_animals(plan, animals, options):
    """Move some animals of a plan from the trained to the watched clips."""
    if options.model in LEARNS_FROM_ALL:
        return plan
    names = sorted(plan.train)  # the order of the rows decides nothing
    owners, scores = [animals[n] for n in names], [plan.train[n] for n in names]
    given = (options.validation_fraction, options.seed)
    held = hold_out_animals(owners, scores, *given)
    watched = {n: t for n, t in plan.train.items() if animals[n] in held}
    train = {n: t for n, t in plan.train.items() if n not in watched}
    return plan._replace(train=train, watched=watched)


def plan_folds(run, targets, animals, options, n_folds=None, only=None, repeat=1):
    """Plan one run a fold, by default one an animal; the split column is ignored.

    Parameters
    ----------
    run : str
        What the names of the runs begin with; "" as published.
    targets, animals, options
        As for `plan_run`.
    n_folds : int, optional
    only : str, optional
        Plan the run of this fold alone.
    repeat : int
        Of a cross-validation that is repeated with other seeds and folds.
    """
    refuse_unscored(targets)
    names = sorted(targets)  # the order of the rows decides nothing
    owners, scores = [animals[n] for n in names], [targets[n] for n in names]
    folds = fold_animals(owners, n_folds, scores, options.seed)
    kind = "folds" if n_folds else "leave-one-animal-out"
    prefix = f"{run}-" if run else ""
    prefix += f"repeat{repeat}-" if repeat > 1 else ""
    plans = []
    for number, left_out in enumerate(folds, start=1):
        fold = f"fold{number}" if n_folds else left_out[0]
        if only not in (None, fold):
            continue
        train = {n: t for n, t in targets.items() if animals[n] not in left_out}
        scheme = {"kind": kind, "prefix": run, "n_folds": len(folds), "fold": fold}
        scheme |= {"repeat": repeat, "clips": digest_clips(targets, animals)}
        plan = Plan(f"{prefix}{fold}-features", train, {}, left_out, scheme, {})
        plans.append(watch_animals(plan, animals, options))
    if not plans:
        names = ", ".join(sorted(set(animals.values())))
        raise Problem(f"--leave-out {only}: the animals are {names}")
    return plans


def digest_clips(targets, animals):
    """Compute what tells whether folds are of one table: of clips, scores, animals."""
    rows = sorted((name, target, animals[name]) for name, target in targets.items())
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def tell_clips(plan, animals):
    """Say how many clips and animals a run learns from, and watches."""
    train, watched = plan.train, plan.watched
    of_train, of_watched = (
        len({animals[n] for n in part}) for part in (train, watched)
    )
    if not watched:
        return f"{len(train)} clips of {of_train} animals to train"
    return (
        f"{len(train)} clips to train, {len(watched)} to watch, of {of_train} and "
        f"{of_watched} animals"
    )


def hold_out_animals(animals, scores, fraction, seed):
    """Choose animals to watch in training: spread over the scores, at random within.

    `animals` and `scores` (N,) are those of the clips; of the animals at least one is
    held out and at least one is left. Returns a set of names.
    """
    names = sorted(set(animals))
    if len(names) < 2:
        raise Problem(
            f"the train clips are of one animal ({names[0]}), so none can be held out "
            "to watch. Use --monitor test, or add animals"
        )
    n_held = min(max(1, round(fraction * len(names))), len(names) - 1)
    of_animal, random = gather_scores(animals, scores), np.random.default_rng(seed)
    means = {name: average(tuple(found)) for name, found in of_animal.items()}
    random.shuffle(names)  # ties in a random order
    ranked = sorted(names, key=means.get)
    parts = np.array_split(ranked, n_held)
    return {str(part[random.integers(len(part))]) for part in parts}


def gather_scores(animals, scores):
    """Gather the scores (N,) of each animal: dict of str to list of float."""
    of_animal = {}
    for animal, score in zip(animals, scores, strict=True):
        of_animal.setdefault(animal, []).append(score)
    return of_animal


@functools.cache  # many folds ask for the same
def average(scores):
    return np.mean(scores)


def fold_animals(animals, n_folds=None, scores=None, seed=0):
    """Divide animals into folds for cross-validation, by default one animal each.

    With `scores` (N,) each fold gets animals from low to high mean scores, so that no
    network learns from a very different mean; `seed` decides among neighbours. Returns
    the sorted animals that each fold leaves out.
    """
    names = sorted(set(animals))
    if len(names) < 3:
        raise Problem(
            f"cross-validation needs three animals or more. Received: {len(names)}"
        )
    if n_folds is not None and not 2 <= n_folds <= len(names):
        raise Problem(f"--folds must lie between 2 and {len(names)}, the animals")
    if n_folds is None:
        return [[name] for name in names]
    random = np.random.default_rng(seed)
    random.shuffle(names)  # ties in a random order
    if scores is not None:
        of_animal = gather_scores(animals, scores)
        # Summed one by one, as ever: the last digit may decide between two animals.
        names.sort(
            key=lambda name: np.cumsum(of_animal[name])[-1] / len(of_animal[name])
        )
    folds = [[] for _ in range(n_folds)]
    for start in range(0, len(names), n_folds):  # neighbours go to different folds
        block = names[start : start + n_folds]
        for place, name in zip(random.permutation(n_folds), block, strict=False):
            folds[place].append(name)
    return [sorted(fold) for fold in folds]
