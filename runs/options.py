"""What a run is to be: its options, of which the defaults are the published ones."""

import dataclasses
from typing import Annotated

import data
from features.sequences import KINDS
from system.tables import count

FEW = 200  # clips that the published network is too large for


@dataclasses.dataclass(frozen=True)
class Options:
    """All that a training depends on besides its clips; the defaults are published."""

    task: str = ""
    target: str = "score"  # or "group", as 0 or 1
    animal_pattern: str = data.ANIMAL_PATTERN
    group_pattern: str = data.GROUP_PATTERN
    control_group: str = ""  # the healthy one; as its name tells it where not given
    model: str = "lstm"
    reads: Annotated[str, KINDS.__contains__] = "features"  # kind of sequence
    n_frames: int = 125
    units: int = 2048
    dropout: float = 0.1
    activation: str = "relu"
    gates: str = "hard_sigmoid"
    standardize: bool = False
    ensemble: int = 1  # networks
    learning_rate: float = 1e-6
    batch_size: int = 8  # clips
    epochs: int = 1000  # at most
    patience: int = 5  # epochs
    plateau_factor: float = 0.5
    plateau_patience: int = 1  # epochs
    plateau_cooldown: int = 1  # epochs
    seed: int = 0
    monitor: str = "animals"  # or "test", as published
    validation_fraction: float = 0.2  # of the train animals


def propose(clips, options, has_sequences=True):
    """Suggest settings for few clips, where the published ones were left; else "".

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
        f"{count(n_clips, 'clip')} of {count(len(animals), 'animal')}, "
        f"{min(lengths)} to {max(lengths)} frames. Suggested settings for this few "
        f"clips: {wanted}"
    )
