"""Where a study is: what its working folder holds, and the next command."""

import contextlib
import shlex
from datetime import datetime

import data
from features import sequences
from runs import learned, store
from system import storage
from system.tables import count
from system.terminal import Problem

AGAIN = "give the train_reg.py command of"


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
    n_animals = len({data.animal_of(clip) for clip in clips})
    state = f"{count(len(names), 'clip')} of {count(n_animals, 'animal')}"
    state += f", {n_scored} with a score"
    if n_raters := len(list((folder / "ratings").glob("[!.]*.csv"))):
        state += f", {count(n_raters, 'rater')}"
    done = {path.name.rsplit("-", 2)[0] for path in sequences.list_files(folder)}
    state += f"; {count(len(names & done), 'sequence')}" if names & done else ""
    paths = store.list_checkpoints(folder)
    heads = {path: store.read_head(path) for path in paths}
    folds = [path for path in paths if heads[path]["kind"] in store.FOLDS]
    own = [path for path in paths if path not in folds]
    state += f"; {count(len(own), 'run')}" if own else ""
    state += ", cross-validated" if folds else ""
    ours = [path for path in paths if not heads[path]["received"]]
    received = paths[-1].stem if paths and not ours else ""  # to be named
    of_run = f" --run {shlex.quote(received)}" * bool(received)
    newest = max(ours, key=lambda path: heads[path]["trained"], default=None)
    head = heads.get(newest, {})
    if how := find_join(folder, n_raters and not n_scored):
        way = f"rate.py --join {how}"
    elif names - done:
        way = f"extract_features.py{choose_settings(folder, clips)}"
    elif not n_scored and not paths:
        way = f"rate.py --rater NAME{of_task}"
    elif not paths:
        way = f"train_reg.py{of_task} --model motion --folds 5 --final"
    elif newest and has_learned_others(folder, newest, clips, done):
        text = f"{AGAIN} {newest.stem} again, with --overwrite"
        return state, f"{text}: what it learned has changed, or more is there"
    elif not (head.get("base") or is_answered(folder, "predictions/*.json", head)):
        kind = f" --{head['kind']}" if newest in folds else ""
        way = f"validate.py{kind}{of_run}{repeat_questions(folder)}"
    elif newest in folds and not own:
        return state, f"{AGAIN} the folds again, with --final"
    elif not is_answered(folder, "figures/**/explanation.json", head):
        way = f"explain.py{of_run}"
    else:
        way = f"score.py NEW_VIDEOS{of_run}"
    return state, write_command(folder, way)


def is_answered(folder, pattern, head):
    """Check whether a file of results is there that was written after a run was trained
    and of the table as it is now."""
    since = head.get("trained") and datetime.fromisoformat(head["trained"]).timestamp()
    digest = storage.digest_file(storage.table_path(folder))
    for path in folder.glob(pattern):
        with contextlib.suppress(Problem, OSError, KeyError, AttributeError):
            inputs = storage.read_json(path)["inputs"]
            is_later = path.stat().st_mtime > (since or 0)
            if is_later and inputs.get("data_file.csv") == digest:
                return True
    return False


def repeat_questions(folder):
    """Write the options with which groups and sessions were compared last, or ""."""
    found = sorted(folder.glob("predictions/*.json"), key=lambda p: p.stat().st_mtime)
    for path in reversed(found):
        with contextlib.suppress(Problem, OSError, KeyError, AttributeError):
            asked = storage.read_json(path)["options"]
            both = {key: asked.get(key, "None") for key in ("compare", "pair")}
            return "".join(f" --{k} {v}" for k, v in both.items() if v != "None")
    return ""


def find_join(folder, is_first):
    """Find how ratings are to be joined: those of the first raters, or as the last join
    did where they are others than it saw; None where they need not be."""
    path, joined = folder / "ratings" / "joined.json", {}
    with contextlib.suppress(Problem, OSError):
        joined = storage.read_json(path)
    if joined.get("tables", now := storage.digest_tables(path.parent)) != now:
        return joined.get("how")
    return "mean" if is_first else None


def has_learned_others(folder, path, clips, done):
    """Check whether a training learned other scores than the table holds now, of the
    clips that have sequences (`done`)."""
    with contextlib.suppress(Problem):  # said where the run is used
        run = store.open_run(path)
        added = [
            clip.name
            for clip in clips
            if clip.is_scored and clip.split == "train" and clip.name in done
            if run.task in (None, clip.task) and clip.name not in run.targets
        ]
        is_whole = run.target == "score" and not run.held_out and not run.base.name
        edited = not run.base.name and learned.find_edited(run, clips, folder)
        return bool(edited or (is_whole and added))
    return False


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
