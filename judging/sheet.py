"""The page of a judged run, `report.html`: rows for its tables, words for Methods."""

from judging import report
from judging.floors import TOLD
from pages import page

N_WORST = 10
CAPTIONS = {
    "agreement": "Each animal's mean, and its clips, beside the line where both agree.",
    "bland_altman": "Differences of the two scores, with bias and limits of agreement.",
    "dates": "Network scores over the days of recording.",
    "outcome": "The outcome of each animal against either score.",
}


def write_page(path, table, result, record, split, independence, versions, drawn):
    """Write the page of a judged run.

    Parameters
    ----------
    path : Path
    table : pandas.DataFrame
        Predictions, see `judging/table.py`.
    result : dict
        See `study.judge`, with "verdict".
    record : dict
        Of the run.
    split, independence : str
    versions : dict of str
    drawn : list of Path
        Figures, PNG.
    """
    captions = [(p, CAPTIONS[p.stem]) for p in drawn if p.stem in CAPTIONS]
    page.write(
        path,
        "report.html",
        run=record["run"],
        split=split,
        independence=independence,
        verdict=result["verdict"],
        result=result,
        figures=[{"path": p, "alt": text, "caption": text} for p, text in captions],
        floors=list_floors(result["floors"]),
        errors=list_errors(result["errors"]),
        raters=list_raters(result.get("raters")),
        rater_verdict=report.RATER_VERDICTS[
            result.get("raters", {}).get("network", {}).get("verdict")
        ],
        repeats=[
            [name, *(row[k] for k in ("mean", "sd", "lowest", "highest", "n"))]
            for name, row in result.get("repeats", {}).items()
        ],
        worst=list_worst(table),
        agreement=[
            [words, *(page.interval(result["agreement"][w][key]) for w in WHAT)]
            for key, words in report.FIGURES
        ],
        centred=" ".join(report.CENTRED.split()),
        p=report.show_p(result["permutation"]),
        methods=tell_methods(result, record, split),
        versions=[list(pair) for pair in versions.items()],
    )


WHAT = ("clips", "animals")


def list_floors(floors):
    """List the floors, one a row."""
    rows = []
    for name, floor in floors.items():
        if "saved" not in floor:
            rows.append([name, "not defined", "", floor["reason"]])
            continue
        note = f"{TOLD[name]}: no fair rival" if name in TOLD else ""
        error = page.interval(floor["clips"]["mae"], 2)
        rows.append([name, error, page.interval(floor["saved"], 2), note])
    return rows


def list_errors(errors):
    """List errors by group, severity, animal and session, one a row."""
    return [
        [by, row["name"], row["n_clips"], row["n_animals"], row["mae"], row["bias"]]
        for by, rows in errors.items()
        for row in rows[:60]
    ]


def list_raters(raters):
    """List how raters agree with one another and with themselves, one a row."""
    if not raters:
        return []
    named = {"one another": raters["inter"]} if raters["inter"]["n_raters"] > 1 else {}
    named |= {f"{name}, twice": found for name, found in raters["intra"].items()}
    keys = ("icc", "kappa", "half_point", "detectable")
    return [
        [name, found["n_clips"], *(page.interval(found[key], 2) for key in keys)]
        for name, found in named.items()
    ]


def list_worst(table):
    """List the clips with the largest errors."""
    scored = table.dropna(subset=["target", "network_score"])
    error = scored["network_score"] - scored["target"]
    worst = scored.loc[error.abs().sort_values(ascending=False).index[:N_WORST]]
    return [
        [c, a, float(e), float(n), float(n - e)]
        for c, a, e, n in zip(
            worst["clip"],
            worst["animal"],
            worst["target"],
            worst["network_score"],
            strict=True,
        )
    ]


def tell_methods(result, record, split):
    """Write the sentences for the Methods of a paper."""
    how = {
        "folds": "each clip was scored by the network of the fold that left its animal "
        "out",
        "leave-one-animal-out": "each clip was scored by a network trained without its "
        "animal",
    }.get(split, f"the {split} clips of the table were scored by one network")
    n = result["agreement"]["animals"]["n"]
    crossed = (
        " Correlations and areas under the ROC curve are of scores less the mean "
        "training score of the fold (Parker, Guenter & Bedo 2007); standard errors of "
        "folds that share animals were multiplied by 1.41."
        if result["crossed"]
        else ""
    )
    what = record.get("model") or "as published"
    return (
        f"A network ({what}) was judged on {report.count(n, 'animal')}: {how}. "
        "Intervals (95%) are from a jackknife over animals with Student's t, on a "
        "logarithmic scale for errors and Fisher's z for correlations; that of the "
        "area under the ROC curve is method 5 of Newcombe (2006). The permutation test "
        "shuffles the means of animals, with a studentised correlation (DiCiccio & "
        f"Romano 2017).{crossed}"
    )
