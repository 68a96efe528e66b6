"""Where a study is: what its working folder holds, and the next command."""

import shlex

import data
from features import sequences
from runs import store
from system import storage
from system.tables import count


def describe_state(folder, task=None):
    """Describe how far a study is (of a task): the state and the next command."""
    if not storage.table_path(folder).is_file():
        way = "extract_files.py --from VIDEOS --task TASK"
        return f"{folder} lists no clips yet", write_command(folder, way)
    clips = data.read_clips(folder, task)
    tasks = sorted({clip.task for clip in clips})
    of_task = f" --task {shlex.quote(tasks[0])}" if len(tasks) == 1 else " --task TASK"
    names = {clip.name for clip in clips}
    n_scored = len({clip.name for clip in clips if clip.is_scored})
    animals = {data.animal_of(clip, data.ANIMAL_PATTERN) for clip in clips} - {None}
    of_animals = f" of {count(len(animals), 'animal')}" if animals else ""
    state = f"{count(len(names), 'clip')}{of_animals}, {n_scored} with a score"
    if n_raters := len(list((folder / "ratings").glob("[!.]*.csv"))):
        state += f", {count(n_raters, 'rater')}"
    done = {path.name.rsplit("-", 2)[0] for path in sequences.list_files(folder)}
    state += f"; {count(len(names & done), 'sequence')}" if names & done else ""
    runs = store.list_checkpoints(folder)
    heads = [store.read_head(path) or {"kind": None} for path in runs]
    folds = [p for p, h in zip(runs, heads, strict=True) if h["kind"] in store.FOLDS]
    n_own = len(runs) - len(folds)
    state += f"; {count(n_own, 'run')}" if n_own else ""
    state += f", {count(len(folds), 'network')} of folds" if folds else ""
    evaluated = list((folder / "predictions").glob("[!.]*.json"))
    if n_raters and not n_scored and not runs:
        way = "rate.py --join mean"
    elif names - done:
        way = f"extract_features.py{choose_settings(folder, clips)}"
    elif not n_scored and not runs:
        way = f"rate.py --rater NAME{of_task}"
    elif not runs:
        way = f"train_reg.py{of_task} --model motion --folds 5 --final"
    elif not [path for path in evaluated if path.stem != "raters-ratings"]:
        way = "validate.py"
    elif not n_own:
        run = store.open_run(folds[0])
        kind = "--leave-one-animal-out"
        if run.scheme.kind == "folds":
            kind = f"--folds {run.scheme.n_folds or 5}"
        way = f"train_reg.py{of_task} --model {run.model} {kind} --final"
    elif not list((folder / "figures").glob("*/index.html")):
        way = "explain.py"
    else:
        way = "score.py NEW_VIDEOS"
    return state, write_command(folder, way)


def repeat(folder):
    """Write the options that make sequences as those that are there; "" of none."""
    if not (made := sequences.describe_making(folder)):
        return ""
    weights = f" --weights {shlex.quote(made['weights'])}"
    settings = f" --seq-length {made['n_frames']} --sampling {made['sampling']}"
    return settings + weights * (made["weights"] != "imagenet")


def choose_settings(folder, clips):
    """Choose how sequences are made: as those that are there, else as clips allow."""
    is_short = min(clip.n_frames for clip in clips) < 125
    return repeat(folder) or " --seq-length 20 --sampling uniform" * is_short


def write_command(folder, way):
    script, *rest = way.split(" ", 1)
    is_default = folder == storage.DEFAULT_FOLDER
    place = "" if is_default else f" --data {shlex.quote(str(folder))}"
    return " ".join(["python", script, *rest]) + place


def format_state(folder, task=None):
    """Format where a study is and the next command, in two lines."""
    state, command = describe_state(folder, task)
    return f"now:  {state}\nnext: {command}"


def format_next(folder, way):
    """Format the next command alone, where it does not follow from the folder."""
    return f"next: {write_command(folder, way)}"
