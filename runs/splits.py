"""Plans of runs: which clips one learns from, and which animals it holds out.

A plan is a `Run` that is not trained yet.
"""

import collections
import dataclasses
import hashlib
import json

import numpy as np

import data
from names import labels
from runs.record import Run, Scheme
from system.tables import list_some
from system.terminal import Problem, caution

OF_OPTIONS = ("task", "model", "target", "seed", "n_frames", "control_group")
OF_OPTIONS += ("animal_pattern", "group_pattern")  # fields that a run has, too


def find_targets(clips, options):
    """Find the target of each scored clip, once: expert score, or group as 0 or 1."""
    if options.target == "group":
        targets = find_group_targets(clips, options)
    else:
        targets = {clip.name: clip.score for clip in clips if clip.is_scored}
    below = [f"{name} {target:g}" for name, target in targets.items() if target < 0]
    if options.activation == "relu" and below:
        raise Problem(
            f"scores below 0: {list_some(below)}. If they are meant, give --activation "
            "linear, as the default (ReLU) gives none; else correct them"
        )
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
    groups, healthy = name_groups(clips, options), options.control_group
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


def begin_plan(name, clips, options, extraction):
    """Begin the plan of a run of a name, which has no clips yet: a Run."""
    return Run(
        name=name,
        n_features=0,  # as for "", not known before the training
        options=options,
        extraction=extraction,
        train_clips={},
        sha256="",
        animals={clip.name: clip.animal for clip in clips if clip.animal},
        groups={clip.name: clip.group for clip in clips if clip.group},
        **{field: getattr(options, field) for field in OF_OPTIONS},
    )


def give_clips(plan, clips, train, validation=None, **more):
    """Give a plan its clips, targets by name, and what the table holds of them. Where
    it has no clips for `validation`, those of some animals are held back."""
    if validation is None:
        held, names = set(), sorted(train)  # the order of the rows decides nothing
        if plan.model != "motion":  # which needs no validation clips
            held = hold_out_animals(
                list(map(plan.animal_of, names)),
                [train[name] for name in names],
                plan.options.validation_fraction,
                plan.seed,
            )
        validation = {n: t for n, t in train.items() if plan.animal_of(n) in held}
        train = {n: t for n, t in train.items() if n not in validation}
    known = [clip for clip in clips if clip.name in train or clip.name in validation]
    crops = {clip.crop for clip in known}
    cropped = sorted(crops - {None})
    return dataclasses.replace(
        plan,
        train_clips=train,
        validation_clips=validation,
        animals={clip.name: clip.animal for clip in known if clip.animal},
        groups={clip.name: clip.group for clip in known if clip.group},
        crops=cropped and cropped + [None] * (None in crops),
        mirrored=[clip.name for clip in known if clip.mirror],
        **more,
    )


def plan_run(plan, clips, targets):
    """Plan a run on the train rows, validated on held-out animals or the test rows.
    `plan` is one of `begin_plan`; `targets` are those of each clip by its name."""
    rows = [clip.name for clip in clips if clip.split == "train"]
    test = [clip.name for clip in clips if clip.split == "test"]
    train = {name: targets[name] for name in rows if name in targets}
    if not rows:
        raise Problem("data_file.csv has no train rows")
    refuse_unscored(train)
    if plan.options.monitor == "test" and plan.model != "motion":
        validation = {name: targets[name] for name in test if name in targets}
        if not validation:
            raise Problem("--monitor test: no test row has a score")
        caution(
            "training stops by the error on the test rows, so their results are no test"
        )
        return give_clips(plan, clips, train, validation)
    both = set(map(plan.animal_of, train)) & set(map(plan.animal_of, test))
    if both:
        caution(
            f"{len(both)} animals have train and test rows (for example {min(both)}): "
            "their test figures are no test. Use --leave-one-animal-out instead"
        )
    return give_clips(plan, clips, train)


def refuse_unscored(targets):
    if not targets:
        raise Problem(
            "no clip to train on has an expert score in data_file.csv. Score them with "
            "rate.py --rater NAME, join what raters gave with rate.py --join mean, or "
            "learn the groups with --target group"
        )


def plan_final(plan, clips, targets, folds):
    """Plan the network to use, on all animals; its folds give its errors."""
    of, names = folds[0].scheme, [fold.name for fold in folds]
    scheme = Scheme("final", of.prefix, of=of.kind, folds=names)
    return give_clips(plan, clips, targets, scheme=scheme)


def plan_folds(plan, clips, targets, n_folds=None, only=None, repeat=1):
    """Plan one run a fold, by default one an animal; the split column is ignored.

    Names of the runs begin with that of `plan`; `only` names the one fold to plan;
    `repeat` is that of a cross-validation that is repeated with other seeds and folds;
    the rest is as for `plan_run`.
    """
    refuse_unscored(targets)
    names = sorted(targets)  # the order of the rows decides nothing
    animals = list(map(plan.animal_of, names))
    scores = [targets[name] for name in names]
    folds = fold_animals(animals, n_folds, scores, plan.options.seed)
    table = json.dumps(list(zip(names, scores, animals, strict=True)))
    start = f"{plan.name}-" + f"repeat{repeat}-" * (repeat > 1)
    plans = []
    for number, held_out in enumerate(folds, start=1):
        fold = f"fold{number}" if n_folds else held_out[0]
        name = fold if n_folds else f"{fold}-features"  # as the published one
        if only not in (None, fold):
            continue
        scheme = Scheme(
            kind="folds" if n_folds else "leave-one-animal-out",
            prefix=plan.name,
            n_folds=len(folds),
            fold=fold,
            repeat=repeat,
            clips=hashlib.sha256(table.encode()).hexdigest()[:16],
        )
        own = dataclasses.replace(plan, name=f"{start}{name}")
        rest = {n: t for n, t in targets.items() if own.animal_of(n) not in held_out}
        plans.append(give_clips(own, clips, rest, held_out=held_out, scheme=scheme))
    if not plans:
        animals = sorted({plan.animal_of(clip.name) for clip in clips})
        raise Problem(f"--leave-out {only}: the animals are {', '.join(animals)}")
    return plans


def describe_plan(plan):
    """Describe how many clips and animals a run trains on, and is validated on."""
    (n_train, of_train), (n_validation, of_validation) = (
        (len(clips), len(set(map(plan.animal_of, clips))))
        for clips in (plan.train_clips, plan.validation_clips)
    )
    more = f", {n_validation} validation clips of {of_validation}"
    return f"{n_train} training clips of {of_train} animals{more * bool(n_validation)}"


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
    of_animal = collections.defaultdict(list)
    for animal, score in zip(animals, scores, strict=True):
        of_animal[animal].append(score)
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
