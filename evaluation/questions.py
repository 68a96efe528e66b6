"""Which networks score which clips, as the options of a command ask.

A run has test rows that it never saw, or folds of a cross-validation, of which each
scores the animals that it held out.
"""

import contextlib
import dataclasses
from pathlib import Path

import data
from features import sequences
from names import labels
from runs import folds, learned, store
from system import storage
from system.terminal import Problem, caution


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked of a working folder: clips, and the run that is to score them."""

    folder: Path
    clips: list  # of data.Clip
    run: str | None = None  # name or file; of folds the run that they are of
    task: str | None = None
    split: str | None = None  # rows of the table, or a kind of cross-validation
    animal_pattern: str | None = None  # the run's own, as all below
    group_pattern: str | None = None
    control_group: str | None = None
    skip_missing: bool = False

    def adapt(self, run):
        """Adapt a run to what is asked: patterns, its clips' animals as they are now,
        and which group is healthy."""
        given = {"animal_pattern": self.animal_pattern}
        given["group_pattern"] = self.group_pattern
        run = dataclasses.replace(run, **{k: v for k, v in given.items() if v})
        own = [clip for clip in self.clips if clip.task == run.task] or self.clips
        groups = [data.group_of(clip, run.group_pattern) for clip in own]
        run = labels.settle_healthy(run, groups, self.control_group)
        return learned.note_owners(run, self.clips)

    def open_run(self):
        """Open the run alone; its network is not read."""
        path = store.find_run(self.folder, self.run, self.task)
        return self.adapt(store.open_run(path))

    def tabulate(self, run, clips):
        """Tabulate clips, with the animals and groups that a run names; with
        --skip-missing only those that have sequences."""
        if self.skip_missing:
            clips = sequences.omit_missing(
                self.folder, clips, run.n_frames, run.options.reads
            )
        animals = data.list_animals(clips, run.animal_pattern)
        return data.tabulate_clips(clips, animals, run.group_pattern)

    def open_split(self):
        """Open the run with the rows of a split: a list of one (Run, table)."""
        run = self.open_run()
        clips = learned.choose_clips(self.clips, run, self.split)
        return [(run, self.tabulate(run, clips))]

    def open_folds(self, clips=None):
        """Open the networks of a cross-validation, each with the clips whose animals it
        held out: lists of (Run, table), one for each repeat.

        `clips` are those of its task if not given. Animals without a score that none
        held out are omitted.
        """
        found = folds.find_folds(self.folder, self.split, self.run, self.task)
        repeats = [list(map(self.adapt, own)) for own in folds.split_repeats(found)]
        first = repeats[0][0]
        clips = clips or learned.choose_clips(self.clips, first)
        table, parts = self.tabulate(first, clips), []
        n_scores = table.groupby("animal")["expert_score"].count()
        unscored = set(n_scores.index[n_scores == 0])
        for networks in repeats:
            lost = unscored.difference(*(run.held_out for run in networks))
            if lost:
                named = ", ".join(sorted(lost))
                caution(f"no expert has scored {named}: not evaluated")
            kept = table[~table["animal"].isin(lost)]
            parts.append(folds.split_table(networks, kept, may_be_new=True))
        return parts

    def settle_healthy(self, run):
        """Give the healthy group; where it is not known a caution asks for it."""
        if run.control_group:
            return run.control_group
        groups = [data.group_of(clip, run.group_pattern) for clip in self.clips]
        without = "without it groups are not separated into healthy and impaired"
        return labels.ask_healthy(groups, None, without)


def settle(question):
    """Settle what is evaluated where that is left open: the Question, and why or ""."""
    if question.split in data.SPLITS:
        return question, ""
    try:
        run = question.open_run()
    except Problem:
        if question.split is None:
            raise
        return question, ""
    if question.split is None:
        return choose(question, run)
    if question.run and run.scheme.of == question.split:
        question = dataclasses.replace(question, run=run.scheme.prefix)
    return question, ""


def choose(question, run):
    """Choose between the test rows and the folds of a run: the Question, and why."""
    of_task = {clip.name for clip in learned.choose_clips(question.clips, run)}
    test = [c for c in question.clips if c.split == "test" and c.name in of_task]
    on_test = dataclasses.replace(question, split="test")
    if any(clip.is_scored and clip.name not in run.targets for clip in test):
        return on_test, ""
    name = run.path.stem
    if on_folds := find_folds(question, run):
        return on_folds, (
            f"No scored test row is new to run {name}, so its cross-validation is "
            f"evaluated (--{on_folds.split}): each clip by the network that never saw "
            "its animal"
        )
    if test:
        return on_test, ""
    if run.received or run.is_published:
        note = f"Run {name} was trained elsewhere: all clips are evaluated"
        return dataclasses.replace(question, split="train"), note
    where = f" of task {run.task}" if run.task else ""
    if run.base.name:
        raise Problem(
            f"run {name} was fitted to the clips here, so they are no test of it: its "
            "errors on animals held out were given when it was fitted. --split train "
            "evaluates it on them nevertheless"
        )
    raise Problem(
        f"data_file.csv has no test row{where} to evaluate run {name} on. "
        "--split train evaluates it on train rows (resubstitution, which is no test); "
        "train_reg.py --folds 5 and then validate.py --folds evaluate each clip by a "
        "network that never saw its animal; for test rows write `test` in the split "
        "column of some animals, and train again without them"
    )


def find_folds(question, run):
    """Find the cross-validation of a run: the Question that asks for it, or None."""
    for kind, prefix in list_schemes(run):
        with contextlib.suppress(Problem):
            found = folds.find_folds(question.folder, kind, prefix, run.task)
            if {(r.model, r.target) for r in found} == {(run.model, run.target)}:
                return dataclasses.replace(
                    question, split=kind, run=prefix, task=question.task or run.task
                )
    return None


def list_schemes(run):
    """List the cross-validations that may be of a run: pairs of kind and prefix."""
    if run.received or run.is_published or run.scheme.kind in store.FOLDS:
        return []
    if run.scheme.kind == "final":
        return [(run.scheme.of, run.scheme.prefix)]
    return [(kind, run.name) for kind in store.FOLDS]


def name_question(split, run):
    """Name the question that a split answers; "" for the main one of a run's name.

    Test rows and folds are of two names, unless the run was named as its folds are.
    """
    has_namesake = run.scheme.kind == "final" and run.scheme.prefix == run.name
    return "" if split == "folds" or (split == "test" and not has_namesake) else split


def read_validation(folder, run):
    """Read what the last validation of a run on unseen animals found: dict of "label",
    "than" and "verdict", or None where none is there of these very networks."""
    names = ("test", run.name), *list_schemes(run)
    paths = [storage.predictions_path(folder, n, kind, ".json") for kind, n in names]
    paths = sorted(filter(Path.is_file, paths), key=lambda path: path.stat().st_mtime)
    known = [run.sha256, *(network.sha256 for network in run.errors.networks)]
    kinds, found = {"label": str, "than": str, "verdict": list}, None
    for path in paths:
        with contextlib.suppress(Problem, AttributeError):  # damaged: none is there
            content = storage.read_json(path)
            own = {key: content.get(key) for key in kinds}
            is_whole = all(isinstance(own[key], kinds[key]) for key in kinds)
            if is_whole and content.get("run_record").get("sha256") in known:
                found = own
    return found
