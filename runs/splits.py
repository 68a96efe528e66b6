"""Which clips a run learns from, and which animals it holds out."""

import dataclasses
import hashlib
import json
from typing import NamedTuple

import numpy as np

import data
from names import labels
from rating.scales import warn_of_far
from runs.options import LEARNS_FROM_ALL
from system.terminal import Problem, caution


class Plan(NamedTuple):
    """One run: training clips, validation clips and held-out animals."""

    run: str
    train: dict  # clip name -> target
    validation: dict
    held_out: list
    scheme: dict | None
    labels: dict  # of these clips in the table: animals, groups, crops, mirrored

    def animal_of(self, name, pattern):
        """Name the animal of a clip: as the table does, else as its name does."""
        named = self.labels.get("animals", {}).get(name)
        return named or data.animal_of(name, pattern)

    def name_clips(self, clips):
        """Take up what the table holds of the clips that the run will know."""
        own = {*self.train, *self.validation}
        known = [clip for clip in clips if clip.name in own]
        crops = {c.crop for c in known}
        cropped = sorted(crops - {None})
        found = {
            "animals": {c.name: c.animal for c in known if c.animal},
            "groups": {c.name: c.group for c in known if c.group},
            "crops": cropped and cropped + [None] * (None in crops),
            "mirrored": [c.name for c in known if c.mirror],
        }
        return self._replace(labels={k: v for k, v in found.items() if v})


def find_targets(clips, options):
    """Find the target of each scored clip, once: expert score, or group as 0 or 1."""
    if options.target == "group":
        targets = find_group_targets(clips, options)
    else:
        targets = {clip.name: clip.score for clip in clips if clip.is_scored}
        warn_of_far(targets, "data_file.csv")
    if options.activation == "relu" and min(targets.values(), default=0) < 0:
        raise Problem("scores below 0 cannot be learned by a ReLU: --activation linear")
    return targets


def name_groups(clips, options):
    """Name the group of each clip, or None, in one spelling: dict of str to str."""
    found = [data.group_of(clip, options.group_pattern) for clip in clips]
    names = [clip.name for clip in clips]
    return dict(zip(names, labels.name_groups(found), strict=True))


def settle_healthy(clips, options):
    """Find which group of clips is healthy; returns options that name it."""
    groups = name_groups(clips, options).values()
    healthy = labels.find_healthy(groups, options.control_group)
    if options.target != "group":
        without = "without it groups are not separated into healthy and impaired"
        labels.ask_healthy(groups, healthy, without)
    return dataclasses.replace(options, control_group=healthy or "")


def find_group_targets(clips, options):
    """Give each clip of the healthy group 0, all others 1; see `find_targets`."""
    groups = name_groups(clips, options)
    healthy = labels.find_healthy(groups.values(), options.control_group)
    if lost := [name for name, group in groups.items() if group is None]:
        raise Problem(
            f"--target group: {len(lost)} clip names hold no group that matches "
            f"--group-pattern {options.group_pattern} (for example {lost[0]})"
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
    """Plan a run on the train rows, validated on held-out animals or the test rows.

    `targets` and `animals` are those of each clip by its name.
    """
    rows = [clip.name for clip in clips if clip.split == "train"]
    test = [clip.name for clip in clips if clip.split == "test"]
    train = {name: targets[name] for name in rows if name in targets}
    if not rows:
        raise Problem("data_file.csv has no train rows")
    refuse_unscored(train)
    if options.monitor == "test" and options.model not in LEARNS_FROM_ALL:
        validation = {name: targets[name] for name in test if name in targets}
        if not validation:
            raise Problem("--monitor test: no test row has a score")
        caution("the test rows steer this training: their figures are no test")
        return Plan(run, train, validation, [], None, {})
    if on_both_sides := {animals[n] for n in train} & {animals[n] for n in test}:
        caution(
            f"{len(on_both_sides)} animals have train and test rows (for example "
            f"{min(on_both_sides)}): their test figures are no test. Use "
            "--leave-one-animal-out instead"
        )
    return choose_validation(Plan(run, train, {}, [], None, {}), animals, options)


def refuse_unscored(targets):
    if not targets:
        raise Problem(
            "no clip to train on has an expert score in data_file.csv. Score them with "
            "rate.py --rater NAME, join what raters gave with rate.py --join mean, or "
            "learn the groups with --target group"
        )


def plan_final(run, folds, targets, animals, options):
    """Plan the network to use, on all animals; its folds give its errors."""
    scheme = {
        "kind": "final",
        "of": folds[0].scheme["kind"],
        "prefix": folds[0].scheme["prefix"],
        "folds": [plan.run for plan in folds],
    }
    plan = Plan(run, dict(targets), {}, [], scheme, {})
    return choose_validation(plan, animals, options)


def choose_validation(plan, animals, options):
    """Move the clips of some animals of a plan from training to validation."""
    if options.model in LEARNS_FROM_ALL:
        return plan
    names = sorted(plan.train)  # the order of the rows decides nothing
    held = hold_out_animals(
        [animals[name] for name in names],
        [plan.train[name] for name in names],
        options.validation_fraction,
        options.seed,
    )
    validation = {n: t for n, t in plan.train.items() if animals[n] in held}
    train = {n: t for n, t in plan.train.items() if n not in validation}
    return plan._replace(train=train, validation=validation)


def plan_folds(run, targets, animals, options, n_folds=None, only=None, repeat=1):
    """Plan one run a fold, by default one an animal; the split column is ignored.

    Names of the runs begin with `run`, "" as published; `only` names the one fold to
    plan; `repeat` is that of a cross-validation that is repeated with other seeds and
    folds; the rest is as for `plan_run`.
    """
    refuse_unscored(targets)
    names = sorted(targets)  # the order of the rows decides nothing
    owners, scores = [animals[n] for n in names], [targets[n] for n in names]
    folds = fold_animals(owners, n_folds, scores, options.seed)
    prefix = f"{run}-" if run else ""
    prefix += f"repeat{repeat}-" if repeat > 1 else ""
    plans = []
    for number, held_out in enumerate(folds, start=1):
        fold = f"fold{number}" if n_folds else held_out[0]
        if only not in (None, fold):
            continue
        train = {n: t for n, t in targets.items() if animals[n] not in held_out}
        scheme = {
            "kind": "folds" if n_folds else "leave-one-animal-out",
            "prefix": run,
            "n_folds": len(folds),
            "fold": fold,
            "repeat": repeat,
            "clips": digest_clips(targets, animals),
        }
        plan = Plan(f"{prefix}{fold}-features", train, {}, held_out, scheme, {})
        plans.append(choose_validation(plan, animals, options))
    if not plans:
        names = ", ".join(sorted(set(animals.values())))
        raise Problem(f"--leave-out {only}: the animals are {names}")
    return plans


def digest_clips(targets, animals):
    """Compute what folds of one table share: a digest of clips, scores and animals."""
    rows = sorted((name, target, animals[name]) for name, target in targets.items())
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def describe_plan(plan, animals):
    """Describe how many clips and animals a run trains on, and is validated on."""
    n_train = len({animals[name] for name in plan.train})
    found = f"{len(plan.train)} training clips of {n_train} animals"
    n_validation = len({animals[name] for name in plan.validation})
    more = f", {len(plan.validation)} validation clips of {n_validation}"
    return found + more * bool(plan.validation)


def hold_out_animals(animals, scores, fraction, seed):
    """Choose validation animals (a set), spread over scores (N,), at random within."""
    names = sorted(set(animals))
    if len(names) < 2:
        raise Problem(
            f"the train clips are of one animal ({names[0]}), so none can be held out "
            "for validation. Use --monitor test, or add animals"
        )
    n_held = min(max(1, round(fraction * len(names))), len(names) - 1)
    random, of_animal = np.random.default_rng(seed), gather_scores(animals, scores)
    means = {name: np.mean(found) for name, found in of_animal.items()}
    random.shuffle(names)  # ties in a random order
    ranked = sorted(names, key=means.get)
    parts = np.array_split(ranked, n_held)
    return {str(part[random.integers(len(part))]) for part in parts}


def split_groups(groups, n_folds):
    """Split rows (N,) into folds of whole groups, alike in size: fold of each row."""
    _, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    sizes, fold_of = np.zeros(n_folds, int), np.empty(len(counts), int)
    for group in np.argsort(counts)[::-1]:  # the largest first, to the smallest fold
        fold_of[group] = np.argmin(sizes)
        sizes[fold_of[group]] += counts[group]
    return fold_of[index]


def gather_scores(animals, scores):
    """Gather the scores (N,) of each animal: dict of str to list of float."""
    of_animal = {}
    for animal, score in zip(animals, scores, strict=True):
        of_animal.setdefault(animal, []).append(score)
    return of_animal


def fold_animals(animals, n_folds=None, scores=None, seed=0):
    """Divide animals into folds for cross-validation, by default one animal each.

    With `scores` (N,) each fold gets animals from low to high mean scores, so that no
    network learns from a very different mean; `seed` decides among neighbours. Returns
    the sorted animals that each fold holds out.
    """
    names = sorted(set(animals))
    if len(names) < 3:
        raise Problem(
            f"cross-validation needs three animals or more. Received: {len(names)}"
        )
    if n_folds is None:
        return [[name] for name in names]
    if not 2 <= n_folds <= len(names):
        raise Problem(f"--folds must lie between 2 and {len(names)}, the animals")
    random = np.random.default_rng(seed)
    random.shuffle(names)  # ties in a random order
    if scores is not None:
        of_animal = gather_scores(animals, scores)
        # Summed one by one: the last digit may decide between two animals.
        sums = {name: np.cumsum(of_animal[name])[-1] for name in names}
        names.sort(key=lambda name: sums[name] / len(of_animal[name]))
    folds = [[] for _ in range(n_folds)]
    for start in range(0, len(names), n_folds):  # neighbours go to different folds
        block = names[start : start + n_folds]
        for place, name in zip(random.permutation(n_folds), block, strict=False):
            folds[place].append(name)
    return [sorted(fold) for fold in folds]
