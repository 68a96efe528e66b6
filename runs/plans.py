"""What a run is to be: its options, the clips it learns from, watches, never sees."""

import dataclasses
import hashlib
import json
import math
from typing import NamedTuple

import data
from names import labels
from system.terminal import Problem, caution

FEW = 200  # clips that the published network is too large for
LEARNS_FROM_ALL = ("motion",)  # needs no validation clips


@dataclasses.dataclass(frozen=True)
class Options:
    """All that a training depends on besides its clips; the defaults are published."""

    task: str = ""
    target: str = "score"  # or "group", as 0 or 1
    animal_pattern: str = data.ANIMAL_PATTERN
    group_pattern: str = data.GROUP_PATTERN
    control_group: str = ""  # the healthy one; as its name tells it where not given
    model: str = "lstm"
    n_frames: int = 125
    units: int = 2048
    dropout: float = 0.1
    activation: str = "relu"
    gates: str = "hard_sigmoid"
    standardize: bool = False
    ensemble: int = 1  # networks
    learning_rate: float = 1e-6
    weight_decay: float = 0.0
    batch_size: int = 8  # clips
    epochs: int = 1000  # at most
    patience: int = 5  # epochs
    plateau_factor: float = 0.5
    plateau_patience: int = 1  # epochs
    plateau_cooldown: int = 1  # epochs
    seed: int = 0
    monitor: str = "animals"  # or "test", as published
    validation_fraction: float = 0.2  # of the train animals

    @classmethod
    def from_dict(cls, values):
        """Take up options from a record; raises Problem where one is odd."""
        known = {field.name: field.default for field in dataclasses.fields(cls)}
        given = values if isinstance(values, dict) else {}
        if given.get("run_frames"):
            raise Problem("trained with --sampling runs, which is no longer supported")
        taken = {k: v for k, v in given.items() if k in known}
        if wrong := [k for k, v in taken.items() if not is_alike(v, known[k])]:
            raise Problem(f"no options of a training: {wrong[0]} {taken[wrong[0]]!r}")
        return cls(**taken)

    def as_dict(self):
        return dataclasses.asdict(self)


def is_alike(value, default):
    """Tell whether a value from a file is of the kind of an option's default."""
    if isinstance(default, float) and type(value) in (int, float):
        return math.isfinite(value)
    return type(value) is type(default)


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
    held = data.hold_out_animals(owners, scores, *given)
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
    folds = data.fold_animals(owners, n_folds, scores, options.seed)
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


def propose(clips, options, has_sequences=True):
    """Say what suits few clips, where the published settings were left; else "".

    Twenty frames over the whole clip are what was measured on few clips.
    `has_sequences`: whether there are some, which others are to replace.
    """
    animals = {data.animal_of(clip, options.animal_pattern) for clip in clips}
    n_clips, lengths = len({c.name for c in clips}), [c.n_frames for c in clips]
    given = (options.model, options.units, options.learning_rate)
    published = (Options.model, Options.units, Options.learning_rate)
    if given != published or n_clips > FEW or len(animals) < 2:
        return ""
    wanted = "train_reg.py --model motion"
    if options.n_frames == Options.n_frames and min(lengths) >= 3:
        again = " --overwrite" if has_sequences else ""
        length = f"--seq-length {min(20, *lengths)} --sampling uniform{again}"
        wanted = f"extract_features.py {length}, then {wanted}"
    return (
        f"{n_clips} clips of {len(animals)} animals, {min(lengths)} to {max(lengths)} "
        f"frames; what suits so few: {wanted}"
    )


def tell_proposal(clips, options):
    if proposal := propose(clips, options):
        print(proposal)
