"""The page of a judged run, `report.html`: what it shows, and words for Methods."""

from judging import sections
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
    pictures = [(str(p), CAPTIONS[p.stem]) for p in drawn if p.stem in CAPTIONS]
    page.write(
        path,
        "report.html",
        run=record["run"],
        split=split,
        independence=independence,
        result=result,
        figures=pictures,
        sections=sections.list_sections(result, record.get("model")),
        worst=list_worst(table),
        methods=tell_methods(result, record, split),
        versions=[list(pair) for pair in versions.items()],
    )


def list_worst(table):
    """List the clips with the largest errors: clip, animal, target, score, error."""
    scored = table.dropna(subset=["target", "network_score"])
    scored = scored.assign(error=scored["network_score"] - scored["target"])
    worst = scored.sort_values("error", key=abs, ascending=False).head(N_WORST)
    columns = ["clip", "animal", "target", "network_score", "error"]
    return worst[columns].to_numpy(object).tolist()


def tell_methods(result, record, split):
    """Write the sentences for the Methods of a paper."""
    left_out = "each clip was scored by "
    how = {
        "folds": f"{left_out}the network of the fold that left its animal out",
        "leave-one-animal-out": f"{left_out}a network trained without its animal",
    }.get(split, f"the {split} clips of the table were scored by one network")
    crossed = (
        " Correlations and areas under the ROC curve are of scores less the mean "
        "training score of the fold (Parker, Guenter & Bedo 2007); standard errors of "
        "folds that share animals were multiplied by 1.41."
    )
    animals = page.count(result["agreement"]["animals"]["n"], "animal")
    return (
        f"A network ({record.get('model') or 'as published'}) was judged on {animals}: "
        f"{how}. Intervals (95%) are from a jackknife over animals with Student's t, "
        "on a logarithmic scale for errors and Fisher's z for correlations; that of "
        "the area under the ROC curve is method 5 of Newcombe (2006). The permutation "
        "test shuffles the means of animals, with a studentised correlation (DiCiccio "
        f"& Romano 2017).{crossed if result['crossed'] else ''}"
    )
