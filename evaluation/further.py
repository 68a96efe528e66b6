"""Further questions of `validate.py`: an outcome of the animals, and raters."""

import data
from evaluation import comparisons, raters, report_tables, verdict
from evaluation.predictions import adjust_scores
from names.matching import explain_first, match_names
from rating import reading
from system import storage
from system.tables import list_some
from system.terminal import Problem, caution

TABLE = "data_file.csv"  # the rater whose scores it holds


def evaluate_outcome(table, outcome, path):
    """Compare how well network and expert scores predict an outcome of the animals,
    read from a path: see `compare_outcomes`; also the "values" of the outcome, and the
    "scores". Those of networks of folds are adjusted, as where groups are compared."""
    table = table.assign(network_score=adjust_scores(table))
    both = table.dropna(subset=["network_score", "expert_score"])  # the same clips
    means = both.groupby("animal")[["network_score", "expert_score"]].mean()
    outcome = reading.fit_names(outcome, means.index, are_animals=True)
    if not set(outcome) & set(means.index):
        raise Problem(
            f"no animal of {path} is among those with both scores: {list_some(outcome)}"
            f"; here: {list_some(means.index) or 'none'}"
        )
    if lost := sorted(set(outcome) ^ set(means.index)):
        near = explain_first(set(outcome) - set(means.index), means.index)
        caution(f"omitted, as only one side has them: {', '.join(lost)}{near}")
    means = means[means.index.isin(outcome)]
    means.insert(0, "outcome", means.index.map(outcome))
    found = comparisons.compare_outcomes(*means.to_numpy().T)
    scores = {name: list(means[f"{name}_score"]) for name in ("network", "expert")}
    return found | {"values": list(means["outcome"]), "scores": scores}


def read_ratings(path):
    """Read the raters of a folder, or a second rater's file, by rater; see
    `reading.read_raters` and `add_expert`."""
    if path.is_file():
        return {TABLE: [], path.stem: [reading.read_pairs(path, ("clip", "score"))]}
    return reading.read_raters(path)


def add_expert(ratings, scores):
    """Add the expert scores of the table where they are those of a rater."""
    return ratings | ({TABLE: [scores]} if TABLE in ratings else {})


def evaluate_raters(table, run, ratings, margin):
    """Evaluate raters, and beside them the network where it learned their scale."""
    expert = table.dropna(subset=["expert_score"])
    first = dict(zip(expert["clip"], expert["expert_score"], strict=True))
    ratings = add_expert(ratings, first)
    animals, network = table["animal"].to_numpy(str), table["network_score"]
    if run.target == "group":
        network = None  # from 0 to 1, where raters give points
    spread = reading.spread_ratings(ratings, list(table["clip"]))
    return raters.evaluate_raters(*spread, animals, network, margin)


def evaluate_raters_alone(folder, task, ratings, pattern):
    """Evaluate raters where no network is there yet, and write it; lines to print."""
    is_there = storage.table_path(folder).is_file()
    clips = data.read_clips(folder, task) if is_there else []
    ratings = add_expert(ratings, {c.name: c.score for c in clips if c.is_scored})
    names = sorted({name for rounds in ratings.values() for r in rounds for name in r})
    known = {clip.name: clip for clip in clips}
    own = match_names(names, list(known)).found
    animals = [data.animal_of(known.get(own.get(n), n), pattern) for n in names]
    result = raters.evaluate_raters(*reading.spread_ratings(ratings, names), animals)
    lines = verdict.format_tables({"raters": report_tables.list_raters(result)})
    path = storage.predictions_path(folder, "raters", "ratings", ".json")
    storage.write_json(path, result)
    return [*lines, "", f"written to {path}"]
