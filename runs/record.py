"""The record of a run: what each field must be, wherever the record comes from.

JSON knows no tuples, and a record may come from another lab or an editor. So it is
checked and given its types in one place: everything else is given a `Run`.
"""

import dataclasses
import types
import typing
from dataclasses import field
from pathlib import Path
from typing import Annotated

import data
from runs.options import Options
from system import storage, untrusted
from system.terminal import Problem

Size = Annotated[int, untrusted.size]
Count = Annotated[int, lambda n: n >= 0]
Score = Annotated[float, lambda x: abs(x) <= data.MAX_SCORE]
Pattern = Annotated[str, untrusted.is_quick_pattern]
Range = Annotated[tuple[float, float], lambda ends: ends[0] <= ends[1]]
Crop = Annotated[tuple[Count, Count, Count, Count], lambda crop: crop[2] and crop[3]]
LARGEST = 1e300  # of any number
FEW = 15  # animals: of fewer, shares of blocks vary widely (`training.motion`)
PLAIN = (int, float, str, bool, dict, list)  # kinds without kinds within
UNWRITTEN = ("path", "animals_now")  # fields that no file holds


def is_extraction(made):
    """Check whether a dict can be that of `extraction.json`, as far as runs use it."""
    texts = [made.get(key, "") for key in ("weights", "sampling", "precision")]
    kinds = {*map(type, texts), type(made.get("sha256") or "")}
    n_frames, versions = made.get("n_frames", 0), made.get("versions", {})
    is_told = isinstance(versions, dict) and {*map(type, versions.values())} <= {str}
    return kinds == {str} and is_told and type(n_frames) is int and n_frames >= 0


@dataclasses.dataclass(frozen=True)
class Scheme:
    """How a run belongs to a cross-validation; of the kind "" it belongs to none."""

    kind: str  # "folds", "leave-one-animal-out", or "final": trained after these
    prefix: str = ""  # the run that the folds are of
    n_folds: Count = 0
    fold: str = ""
    repeat: Count = 1
    clips: str = ""  # a digest of clips, scores and animals
    of: str = ""  # of a final run: the kind of its folds, and their names
    folds: list[str] = field(default_factory=list)

    def __post_init__(self):
        if self.kind not in ("", "final") and not (self.n_folds and self.fold):
            raise ValueError("of how many folds it is one, or which, is not there")


@dataclasses.dataclass(frozen=True)
class Network:
    """A network of a cross-validation, and the mean of the scores it learned."""

    run: str
    sha256: str
    mean: float


@dataclasses.dataclass(frozen=True)
class ClipError:
    """A held-out clip: its target, and its score by the network of that number."""

    clip: str
    animal: str
    network: Count
    target: Score
    score: float


@dataclasses.dataclass(frozen=True)
class Errors:
    """Scores of held-out animals, by the networks of a cross-validation."""

    networks: list[Network] = field(default_factory=list)
    clips: list[ClipError] = field(default_factory=list)

    def __post_init__(self):
        if any(clip.network >= len(self.networks) for clip in self.clips):
            raise ValueError("a network is not there")


@dataclasses.dataclass(frozen=True)
class Features:
    """Where the features of training clips point; see `runs.novelty`."""

    centres: list[list[float]]
    limit: float
    false_alarms: float = 0.05

    def __post_init__(self):
        if len({*map(len, self.centres)}) != 1:
            raise ValueError("centres differ in length")


@dataclasses.dataclass(frozen=True)
class Likeness:
    """What the training clips of a run were like; None where that is unknown."""

    n_frames: Range | None = None
    seconds: Range | None = None
    median_seconds: float | None = None
    fps: Range | None = None
    brightness: Range | None = None
    size: list[str] | None = None
    digests: dict[str, str] | None = None
    features: Features | None = None


@dataclasses.dataclass(frozen=True)
class Choice:
    """What a closed form chose, by block of statistics; see `training.motion.fit`."""

    correlation: float = 0.0  # of the errors of one animal's clips
    shares: dict[str, float] = field(default_factory=dict)
    ranges: dict[str, Range] = field(default_factory=dict)  # over fits without animals
    degrees: dict[str, float] = field(default_factory=dict)  # of freedom, effective


@dataclasses.dataclass(frozen=True)
class Base:
    """The run that a recalibrated one was made of, by which line, and what it knows."""

    name: str = ""
    sha256: str = ""
    received: str = ""
    slope: float = 1.0
    offset: float = 0.0
    clips: dict[str, Score] = field(default_factory=dict)
    animals: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Run:
    """A run, planned or trained. What is unknown of the published network is None."""

    name: str
    model: str
    n_frames: Size
    n_features: Size
    options: Options
    extraction: Annotated[dict, is_extraction] | None
    train_clips: Annotated[dict[str, Score], bool]  # targets by clip, as below
    sha256: str
    validation_clips: dict[str, Score] = field(default_factory=dict)
    task: str | None = None
    target: Annotated[str, lambda text: text in ("score", "group")] = "score"
    control_group: str | None = None
    animal_pattern: Pattern = data.ANIMAL_PATTERN
    group_pattern: Pattern = data.GROUP_PATTERN
    # By clip, where the table named them.
    animals: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    # Checksums of the sequences that it learned from, by clip.
    sequences: dict[str, str] = field(default_factory=dict)
    crops: list[Crop | None] = field(default_factory=list)
    mirrored: list[str] = field(default_factory=list)
    held_out: list[str] = field(default_factory=list)  # animals
    scheme: Scheme = field(default_factory=lambda: Scheme(""))
    versions: dict[str, str] = field(default_factory=dict)
    seed: int = 0
    epochs: Count = 0
    best_epoch: list[Count] = field(default_factory=list)  # of each network, from 1
    val_loss: float | None = None
    choice: Choice = field(default_factory=Choice)
    errors: Errors = field(default_factory=Errors)
    clips_were: Likeness = field(default_factory=Likeness)
    trained: str = ""
    received: str = ""  # from which file, where another folder has packed the run
    base: Base = field(default_factory=Base)  # where the run was recalibrated
    path: Path | None = None  # of the checkpoint
    # By clip, as the table names them now.
    animals_now: dict[str, str] = field(default_factory=dict)

    @property
    def is_published(self):
        return self.train_clips is None

    @property
    def targets(self):
        """The targets of the training and validation clips, by name."""
        return {**(self.train_clips or {}), **self.validation_clips}

    def animal_of(self, name):
        """Name the animal of a clip, as the table did, or its name."""
        return self.animals.get(name) or data.animal_of(name, self.animal_pattern)

    def group_of(self, name):
        """Name the group of a clip, or None; see `animal_of`."""
        return self.groups.get(name) or data.group_of(name, self.group_pattern)

    def describe_choice(self):
        """Describe how much of a linear score each block is; "" of other networks."""
        texts, notes = [], ""
        for block, share in self.choice.shares.items():
            low, high = self.choice.ranges.get(block, (share, share))
            texts.append(f"{share:.0%} {block} [{low:.0%}, {high:.0%}]")
        if not texts:
            return ""
        if degrees := sum(self.choice.degrees.values()):
            notes = f"; {degrees:.1f} effective degrees of freedom"
        if (n := len(set(map(self.animal_of, self.train_clips)))) < FEW:
            notes += "; change and jerk share one variance, and so do mean and trend: "
            notes += f"{n} animals are too few to tell them apart, and shares uncertain"
        return f"{', '.join(texts)} (ranges over folds of animals{notes})"

    def find_base(self):
        """The run that this one was recalibrated from, as one that knows clips."""
        base = self.base
        return base.name and dataclasses.replace(
            self,
            name=base.name,
            base=Base(),
            train_clips=base.clips,
            validation_clips={},
            animals=base.animals,
            received=base.received or self.received,
            clips_were=Likeness(digests=base.digests),
        )

    def as_record(self):
        """Give the fields that a file holds."""
        found = dataclasses.asdict(self)
        return {name: value for name, value in found.items() if name not in UNWRITTEN}


def describe_shares(runs):
    """Describe how much of a linear score each block is, in one run or over several."""
    if len(runs) == 1:
        return runs[0].describe_choice()
    shares, texts = [run.choice.shares for run in runs], []
    for block in shares[0]:
        own = [each.get(block, 0) for each in shares]
        texts.append(f"{min(own):.0%} to {max(own):.0%} {block}")
    return ", ".join(texts) and f"{', '.join(texts)} (over the networks)"


def take(value, kind):
    """Give a value of JSON its type; raises TypeError or ValueError if it is another.

    A kind that is Annotated has tests to pass; of a class with fields, unknown fields
    are dropped.
    """
    if kind in PLAIN:
        if type(value) is not kind and (kind, type(value)) != (float, int):
            raise TypeError
        if kind is float and not abs(value) < LARGEST:  # NaN is not, either
            raise ValueError
        return value
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        found = take(value, inner[0])
        if not all(test(found) for test in inner[1:]):
            raise ValueError
        return found
    if origin in (types.UnionType, typing.Union):
        return None if value is None else take(value, inner[0])
    if origin is dict:
        return {key: take(each, inner[1]) for key, each in take(value, dict).items()}
    if origin is list:
        return [take(each, inner[0]) for each in take(value, list)]
    if origin is tuple:
        pairs = zip(value, inner, strict=True)
        return tuple(take(each, kind) for each, kind in pairs)
    given, hints = take(value, dict), typing.get_type_hints(kind, None, None, True)
    return kind(**{k: take(v, hints[k]) for k, v in given.items() if k in hints})


def check_record(path, record):
    """Make a Run of what JSON gives. Raises Problem, which names the path and every
    field that is missing or not usable."""
    found, wrong, hints = {}, [], typing.get_type_hints(Run, include_extras=True)
    for own in dataclasses.fields(Run):
        is_needed = (own.default, own.default_factory) == (dataclasses.MISSING,) * 2
        if own.name in UNWRITTEN or not (own.name in record or is_needed):
            continue
        try:
            found[own.name] = take(record[own.name], hints[own.name])
        except (TypeError, ValueError, KeyError):
            wrong.append(own.name)
    run = None if wrong else Run(**found)
    features = run and run.clips_were.features
    if features and len(features.centres[0]) != run.n_features:
        wrong.append("clips_were")
    if wrong:
        raise Problem(
            f"{path} lacks a usable {', '.join(wrong)}. Copy the run's .keras and "
            ".json again from where they were made, or train again with --overwrite"
        )
    return run


def read_record(path):
    """Read the Run of a checkpoint from the `.json` beside it."""
    beside = path.with_suffix(".json")
    if not beside.is_file():
        raise Problem(
            f"{beside} is missing; a run is {path.name} and {beside.name} together"
        )
    run = check_record(beside, storage.read_json(beside))
    return dataclasses.replace(run, path=path)
