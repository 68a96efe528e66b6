"""Where a study is: what its working folder holds, and the next command."""

import contextlib
import shlex

import data
from features import sequences
from runs import store
from runs.options import Options
from system import storage
from system.tables import count
from system.terminal import Problem

# Options that follow from others, or that are written in every command.
SETTLED = ("task", "model", "reads", "n_frames", "control_group")


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
    edited = find_edited(runs, clips)
    if how := find_join(folder, n_raters and not n_scored and not runs):
        way = f"rate.py --join {how}"
    elif names - done:
        way = f"extract_features.py{choose_settings(folder, clips)}"
    elif not n_scored and not runs:
        way = f"rate.py --rater NAME{of_task}"
    elif not runs:
        way = f"train_reg.py{of_task} --model motion --folds 5 --final"
    elif edited:
        final = " --final" * (edited.scheme.kind == "final")
        way = f"{write_training(edited)}{final} --overwrite"
    elif not [path for path in evaluated if path.stem != "raters-ratings"]:
        way = "validate.py"
    elif not n_own:
        way = f"{write_training(store.open_run(folds[0]))} --final"
    elif not list((folder / "figures").glob("*/index.html")):
        way = "explain.py"
    else:
        way = "score.py NEW_VIDEOS"
    return state, write_command(folder, way)


def find_join(folder, is_first):
    """Find how ratings are to be joined: those of the first raters, or as the last join
    did where they are others than it saw; None where they need not be."""
    path, joined = folder / "ratings" / "joined.json", {}
    with contextlib.suppress(Problem, OSError):
        joined = storage.read_json(path)
    if joined.get("tables", now := storage.digest_tables(path.parent)) != now:
        return joined.get("how")
    return "mean" if is_first else None


def find_edited(paths, clips):
    """Find the newest run, where it, or a fold beside it, learned other scores than the
    table holds now: a Run, of the last repeat, or None."""
    heads = {path: head for path in paths if (head := store.read_head(path))}
    own = [path for path, head in heads.items() if not head["received"]]
    own.sort(key=lambda path: heads[path]["trained"], reverse=True)
    is_fold = own and heads[own[0]]["kind"] in store.FOLDS
    runs, now = [], {clip.name: clip.score for clip in clips if clip.is_scored}
    for path in own if is_fold else own[:1]:
        with contextlib.suppress(Problem):  # said where the run is used
            runs.append(store.open_run(path))
    runs = [run for run in runs if run.scheme.prefix == runs[0].scheme.prefix]
    learned = [run for run in runs if run.target == "score" and not run.base.clips]
    pairs = [(score, now.get(c)) for run in learned for c, score in run.targets.items()]
    if any(new is not None and abs(new - old) > 1e-6 for old, new in pairs):
        return max(runs, key=lambda run: run.scheme.repeat)
    return None


def write_training(run):
    """Write the command that trains a run, or the cross-validation that it is of."""
    scheme, ours = run.scheme, run.options.as_dict()
    ours["seed"] -= 1000 * (scheme.repeat - 1)
    words = ["train_reg.py", "--task", run.task or "TASK", "--model", run.model]
    name = scheme.prefix or run.name
    words += ["--run", name] if name != f"{run.task}-{run.model}" else []
    for key, default in Options().as_dict().items():
        if key not in SETTLED and ours[key] != default:
            value = [] if ours[key] is True else [str(ours[key])]
            words += [f"--{key.replace('_', '-')}", *value]
    kind, n_folds = scheme.of or scheme.kind, scheme.n_folds or len(scheme.folds) or 5
    words += ["--folds", str(n_folds)] if kind == "folds" else []
    words += ["--repeats", str(scheme.repeat)] if scheme.repeat > 1 else []
    words += ["--leave-one-animal-out"] if kind == "leave-one-animal-out" else []
    return shlex.join(words)


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
