"""Sentences of an evaluation for Methods and Results of a paper, never with a path."""

from evaluation import study, verdict
from system.tables import count

HOW = {
    "folds": "each scored by a network trained without that animal ({n}-fold "
    "cross-validation by animal)",
    "leave-one-animal-out": "each scored by a network trained without that animal "
    "(leave-one-animal-out cross-validation)",
    "test": "which the network had never seen",
}
STATISTICS = (
    "Intervals (95%) are from a jackknife over animals with Student's t, on a "
    "logarithmic scale for errors and Fisher's z for correlations; that of the area "
    "under the ROC curve is method 5 of Newcombe (2006). The permutation test permutes "
    "the means of animals, with a studentised correlation (DiCiccio & Romano 2017)."
)
CROSSED = (
    "Correlations, areas under the ROC curve and comparisons are of scores from which "
    "differences between the mean training scores of folds were taken (Parker, Guenter "
    "& Bedo 2007); as folds share animals, standard errors were multiplied by 1.41."
)
LINEAR = (
    "The score is linear in statistics over time of roots of features; of the "
    "variance of its weights, {shares}."
)


def describe_how(run, split, is_test):
    """Describe how clips were scored."""
    if not is_test or split not in HOW:
        return "some or all of which the network was trained on"
    return HOW[split].format(n=run.scheme.n_folds or "K")


def write_interval(found, digits=2):
    """Write a figure as papers do: 0.91 (95% CI 0.49 to 1.70)."""
    text = f"{found['value']:.{digits}f}"
    if found["low"] is None:
        return text
    return f"{text} (95% CI {found['low']:.{digits}f} to {found['high']:.{digits}f})"


def write_results(result, run, split, is_test):
    """Write the sentences for Results."""
    clips, animals = (result["agreement"][unit] for unit in ("clips", "animals"))
    if not clips["n"]:
        return "No clip has both scores."
    digits = verdict.find_digits(result)
    where = f"{count(animals['n'], 'animal')} ({count(clips['n'], 'clip')})"
    text = (
        f"On {where}, {describe_how(run, split, is_test)}, network and expert "
        f"scores differed by {write_interval(clips['mae'], digits)} on average"
    )
    mean = result["baselines"].get(verdict.MEAN, {})
    if "reduction" in mean:
        found = verdict.compare(mean["reduction"])
        than = {"better": "less than", "worse": "more than"}.get(
            found, "which is not shown to be less than by always giving"
        )
        guess = mean["clips"]["mae"]["value"]
        text += f", {than} the mean of the training scores ({guess:.{digits}f})"
    sides = verdict.believe(animals, result["crossed"])
    if sides["pearson"]["value"] is not None:
        centred = "centred, " if result["crossed"] else ""
        text += f"; r = {write_interval(sides['pearson'])} ({centred}over animals"
        p = result["permutation"]["p"]
        text += ")" if p is None else f"; one-sided p {study.format_p(p)})"
    sentences = [text]
    if rival := verdict.find_rival(result["baselines"]):
        found = result["baselines"][rival]
        error = found["clips"]["mae"]["value"]
        text = f"The best simple method ({rival}) had an error of {error:.{digits}f}"
        gain = verdict.show_size(found["reduction"], digits)
        than = "larger" if (found["reduction"]["value"] or 0) > 0 else "smaller"
        sentences.append(f"{text}, {than} than that of the network by {gain}")
    if separation := result.get("separation"):
        area = separation["animals"]["auroc"]
        if area["value"] is not None:
            when = result.get("separated_session")
            when = f" in session {when}" if when else ""
            sentences.append(
                "The area under the ROC curve of impaired against healthy animals"
                f"{when} was {write_interval(area)}"
            )
    parts = [". ".join(sentences)]  # a line each
    if "comparison" in result:
        parts += study.list_results(result["comparison"])
    return "\n".join(f"{part}." for part in parts)


def write_methods(result, run, split, is_test):
    """Write the sentences for Methods: settings, weights with digest, versions."""
    animals = count(result["agreement"]["animals"]["n"], "animal")
    is_fold = split in HOW and split != "test"
    text = (
        f"Movement was scored by a network ({study.describe_network(run)}"
        f"{', of the last fold' if is_fold else ''}). It was evaluated on {animals}, "
        f"{describe_how(run, split, is_test)}. {STATISTICS}"
    )
    if shares := run.describe_choice():
        text += f" {LINEAR.format(shares=shares)}"
    text += f" {CROSSED}" if result["crossed"] else ""
    if "comparison" in result:
        text += f" {study.STATISTICS}" + f" {study.FOLDS}" * result["crossed"]
    return f"{text} {study.format_versions()}"


def tabulate_animals(table):
    """Tabulate the means of each animal and session, for other programs."""
    from evaluation.predictions import adjust_scores

    table = table.assign(
        group=table["group"].fillna("") if "group" in table else "",
        session=table["session"].fillna("") if "session" in table else "",
        adjusted=adjust_scores(table),
        held_out=table["seen"] == "",
    )
    return table.groupby(["animal", "group", "session"], as_index=False).agg(
        n_clips=("clip", "size"),
        expert_score=("expert_score", "mean"),
        network_score=("network_score", "mean"),
        network_score_adjusted=("adjusted", "mean"),
        held_out=("held_out", "all"),
    )
