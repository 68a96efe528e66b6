"""The tables of an evaluation, as the terminal and the page show them alike."""

from typing import NamedTuple

from evaluation.baselines import INFORMED
from reports import page
from system.tables import count

FIGURES = {  # keys of `agreement.measure_agreement`
    "mae": "MAE",
    "rmse": "RMSE",
    "bias": "bias (network - expert)",
    "lower_limit": "lower limit of agreement",
    "upper_limit": "upper limit of agreement",
    "r2": "R2 over training mean",
    "pearson": "Pearson r",
    "spearman": "Spearman rho",
    "ccc": "Lin's concordance",
    "icc": "ICC(A,1)",
    "slope": "calibration slope (ideal 1)",
    "intercept": "calibration intercept (ideal 0)",
}
RATINGS = {  # keys of `raters.compare_ratings`
    "icc": "ICC(A,1)",
    "kappa": "kappa (linear weights)",
    "mae": "mean distance",
    "half_point": "within half a point",
    "one_point": "within one point",
    "detectable": "minimal detectable change",
}
CENTRED = (
    "Correlations are centred: each fold's training mean was taken from both scores. "
    "Holding a high animal out lowers that mean, so correlations that are not centred "
    "come out too low. Standard errors are multiplied by 1.41, as folds share animals; "
    "with few animals and a weak signal intervals are still too narrow. They are for "
    "these trained networks: train_reg.py --repeats shows how far figures move with "
    "other seeds and folds."
)
CONDITIONAL = (
    "intervals (95%) are over animals, for this trained network: train_reg.py --folds "
    "K --repeats N shows how far figures move with other seeds"
)
UNDECIDED = "undecided: the interval of the difference contains 0, or there is none"
CONTROL_VERDICTS = {
    "needed": "the errors rise: the network needs what was destroyed",
    "not needed": "the errors hardly change: the network does not need it",
}
RATER_VERDICTS = {
    "within": "the network disagrees with raters no more than they with each other",
    "beyond": "the network disagrees with raters more than they with each other",
}
ASKED = ("controls", "outcome", "plan")  # sections without a line among the figures


class Section(NamedTuple):
    """A table: cells are texts, numbers, and figures as in `agreement.py`."""

    title: str
    columns: tuple  # of str, without that of the names of the rows
    rows: list
    notes: list = ()

    def list_notes(self):
        """List the notes, and why figures have no interval."""
        cells = [cell for row in self.rows for cell in row if isinstance(cell, dict)]
        known = [cell for cell in cells if cell.get("value") is not None]
        reasons = [cell["reason"] for cell in known if cell.get("reason")]
        return [*self.notes, *dict.fromkeys(reasons)]


def show(cell, digits=3):
    """Write a cell for the terminal."""
    return page.cell(cell, digits).replace("−", "-").replace("–", "-")


def show_p(p):
    """Write the p of a test, or that it is not defined."""
    if p is None:
        return "not defined"
    return f"{p:.4f}" if p >= 0.0001 else "< 0.0001"


def lay(words, *sides):
    """Lay figures out in rows: their words by key, then that key of each side."""
    return [[name, *(side[key] for side in sides)] for key, name in words.items()]


def list_sections(result, model=None):
    """List the tables of a result of `evaluate.evaluate`, by name, in their order."""
    found = {
        "agreement": list_agreement(result),
        "baselines": list_baselines(result),
        "errors": list_errors(result["errors"]),
        "controls": list_controls(result.get("controls", {}), model),
    }
    makers = {
        "comparison": list_comparison,
        "outcome": list_outcome,
        "raters": list_raters,
        "plan": list_plan,
        "repeats": list_repeats,
    }
    for name, make in makers.items():
        found[name] = make(result[name]) if name in result else []
    return {name: sections for name, sections in found.items() if sections}


def list_agreement(result):
    crossed, agreement = result["crossed"], result["agreement"]
    sides = agreement["clips"], agreement["animals"]
    words = dict(FIGURES)
    if crossed:
        words |= {name: f"{words[name]}, centred" for name in ("pearson", "spearman")}
    p = show_p(result["permutation"]["p"])
    rows = [*lay(words, *sides), ["p of Pearson r", "", p]]
    if separation := result.get("separation"):
        areas = [separation[unit]["auroc"] for unit in ("clips", "animals")]
        rows.append(["AUROC, impaired against healthy", *areas])
    words = {"all": "all animals", "impaired": "impaired alone"}
    for who, found in result.get("severity", {}).items():
        rows.append([f"r with expert scores, {words[who]}", "", found["pearson"]])
    notes = ["p: means of animals permuted, one-sided"]
    notes.append(CENTRED if crossed else CONDITIONAL)
    if healthy := result.get("healthy_group"):
        notes.append(f"healthy group: {healthy}")
    if unscored := agreement["unscored"]:
        notes.append(f"{count(unscored, 'clip')} without an expert score omitted")
    columns = f"{sides[0]['n']} clips", f"{sides[1]['n']} animals"
    return [Section("agreement", columns, rows, notes)]


def list_baselines(result):
    rows = []
    for name, found in result["baselines"].items():
        if "reduction" not in found:
            rows.append([name, "not defined", "", found["reason"]])
            continue
        notes = [f"{INFORMED[name]}; for orientation only"] if name in INFORMED else []
        if found["clips"]["n"] != result["agreement"]["clips"]["n"]:
            notes.append(f"on {count(found['clips']['n'], 'clip')}")
        if "reason" in found:
            notes.append(f"elsewhere: {found['reason']}")
        mae, reduction = found["clips"]["mae"], found["reduction"]
        rows.append([name, mae, reduction, "; ".join(notes)])
    columns = "MAE over clips", "reduction by the network", ""
    return [Section("baselines, fitted on the training clips", columns, rows)]


def list_comparison(study):
    """List what a comparison found, by network and by expert."""
    rows = []
    for each in study["found"]:
        for who in ("network", "expert"):
            if found := each.get(who):
                low, high = found["interval"]
                value = {"value": found["difference"], "low": low, "high": high}
                name = f"{each['name']}, {who}"
                p = [show_p(found[key]) for key in ("p", "p_holm", "least_p")]
                n = " and ".join(map(str, found["n"][::-1]))  # as in the name
                rows.append([name, n, value, found["effect"], *p])
    columns = ("animals", "difference", "Hedges's g", "p", "p by Holm", "least p")
    note = "least p: the smallest that so few animals allow"
    return [Section("groups and sessions compared", columns, rows, (note,))]


def list_controls(controls, model):
    sections = []
    for name, found in controls.items():
        notes = [CONTROL_VERDICTS.get(found["verdict"], UNDECIDED)]
        if model == "pool" and name == "shuffled-frames":
            notes.append("pool ignores the order of frames by design")
        rows = lay({"before": "as it is", "after": name, "change": "change"}, found)
        sections.append(Section(f"control {name}", ("MAE over clips",), rows, notes))
    return sections


def list_outcome(outcome):
    rows = [[what, outcome[what]] for what in ("network", "expert", "difference")]
    title = f"outcome of {count(outcome['n'], 'animal')}"
    return [Section(title, ("Pearson r",), rows)]


def list_raters(raters):
    """List how raters agree with one another, with themselves, with the network."""
    inter = raters["inter"]
    sides = {"one another": inter} if inter["n_raters"] > 1 else {}
    sides |= {f"{name}, twice": found for name, found in raters["intra"].items()}
    columns = [f"{who} ({count(s['n_clips'], 'clip')})" for who, s in sides.items()]
    title = f"{count(inter['n_raters'], 'rater')}, {inter['n_clips']} clips in common"
    sections = [Section(title, tuple(columns), lay(RATINGS, *sides.values()))]
    if not sides:
        title = f"1 rater, {count(inter['n_clips'], 'clip')}: {inter['mae']['reason']}"
        sections = [Section(title, (), [])]
    words = {"others": "mean of the others", "network": "network"}
    rows = [
        [f"{name}: {words[side]}", pair["clips"]["mae"], pair["clips"]["pearson"]]
        for name, pairs in raters.get("each", {}).items()
        for side, pair in pairs.items()
    ]
    if rows:
        columns = "MAE", "Pearson r"
        sections.append(Section("against each rater, clips", columns, rows))
    if network := raters.get("network"):
        words = {"experts": "rater against rater", "network": "network against raters"}
        rows = lay(words | {"difference": "difference"}, network)
        notes = [RATER_VERDICTS.get(network["verdict"], UNDECIDED)]
        if "margin" in network:
            found = {None: "unknown", True: "yes", False: "not shown"}
            word = found[network["not_inferior"]]
            notes.append(f"non-inferiority (margin {network['margin']:g}): {word}")
        title = f"network among raters, {count(network['n_clips'], 'clip')}"
        sections.append(Section(title, ("mean distance",), rows, notes))
    return sections


def list_plan(plan):
    keys = "movement", "ridge", "training mean", "sd"  # of the better of the two
    rows = [[f"{r['n_animals']} animals", *(r[k] for k in keys)] for r in plan["rows"]]
    note = plan.get("reason")
    if needed := plan["needed"]:
        ends = [needed[end] for end in ("low", "high")]
        low, high = ("no end" if end is None else f"{end:.0f}" for end in ends)
        note = f"about {needed['value']:.0f} animals [{low}, {high}]"
    by = {"movement": " by motion", "ridge": " by ridge"}.get(plan.get("way"), "")
    notes = [f"animals for the wanted error{by}: {note}"]
    if own := plan.get("network"):
        animals = count(own["n_animals"], "animal")
        notes.append(f"this run, trained on {animals}: {show(own['mae'])}")
    title = "MAE over clips of other animals by the number of training animals"
    columns = "motion", "ridge", "training mean", "SD over draws"
    return [Section(title, columns, rows, notes)]


def list_errors(errors):
    keys = "n_clips", "n_animals", "mae", "bias"
    rows = [
        [f"{by} {row['name']}", *(row[key] for key in keys)]
        for by, found in errors.items()
        for row in found
    ]
    columns = "clips", "animals", "MAE over clips", "bias"
    return [Section("errors", columns, rows)] if rows else []


def list_repeats(repeats):
    keys = "mean", "sd", "lowest", "highest", "n"
    words = FIGURES | {"reduction": "reduction in MAE"}
    rows = [[words[name], *(row[k] for k in keys)] for name, row in repeats.items()]
    columns = "mean", "SD", "lowest", "highest", "times"
    return [Section("repeated with other seeds and folds, clips", columns, rows)]
