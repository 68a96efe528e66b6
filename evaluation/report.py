"""The page of an evaluation, `report.html`, and words for Methods."""

import os
import warnings
from urllib.parse import quote

import numpy as np
from PIL import Image

from evaluation import report_tables
from reports import page
from system.terminal import Problem
from video import find, frames

N_WORST = 8
N_PICTURES, SIDE = 6, 240  # of the strip of a clip; pixels of a picture's longer side
CAPTIONS = {
    "agreement": "Each animal's mean, of a session where sessions are known, and its "
    "clips, beside the line where both agree.",
    "bland_altman": "Differences of the two scores, with bias and limits of agreement; "
    "bands are their intervals.",
    "outcome": "The outcome of each animal against either score.",
}


def write_page(path, folder, clips, table, result, run, told, drawn):
    """Write the page of an evaluation in a working folder.

    It takes the clips by name, the table of predictions, the result with the "verdict"
    (see `evaluate.evaluate`), the run's run, what is said of it ("split",
    "independence", "versions") and the PNGs drawn of it.
    """
    pictures = [(str(p), CAPTIONS[p.stem]) for p in drawn if p.stem in CAPTIONS]
    page.write(
        path,
        "report.html",
        run=run.name,
        result=result,
        figures=pictures,
        sections=report_tables.list_sections(result, run.model),
        worst=list_worst(path, folder, clips, table),
        methods=tell_methods(result, run, told["split"]),
        **told,
    )


def list_worst(path, folder, clips, table):
    """List the clips with the largest errors, each a dict for the page at `path`."""
    scored = table.dropna(subset=["target", "network_score"])
    scored = scored.assign(error=scored["network_score"] - scored["target"])
    worst = scored.sort_values("error", key=abs, ascending=False).head(N_WORST)
    columns = ["clip", "animal", "target", "network_score", "error"]
    rows = worst[columns].to_dict("records")
    return [row | show_clip(path, folder, clips[row["clip"]]) for row in rows]


def show_clip(path, folder, clip):
    """Find what of a clip can be seen: "link" (URL) and "strip" (H, W, 3), or None."""
    try:
        images, video = find.find_source(folder, clip)
        source = os.path.relpath(video or images[0], path.parent)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # extraction has reported them
            pictures = frames.read_frames(folder, clip, N_PICTURES, "uniform", shrink)
    except (Problem, OSError, ValueError):
        return {"link": None, "strip": None}
    return {"link": quote(source.replace(os.sep, "/")), "strip": np.hstack(pictures)}


def shrink(frame):
    image = Image.fromarray(np.ascontiguousarray(frame))
    image.thumbnail((SIDE, SIDE))
    return np.asarray(image)


def tell_methods(result, run, split):
    """Write the sentences for the Methods of a paper."""
    held_out = "each clip was scored by "
    how = {
        "folds": f"{held_out}the network of the fold that held its animal out",
        "leave-one-animal-out": f"{held_out}a network trained without its animal",
    }.get(split, f"the {split} clips of the table were scored by one network")
    crossed = (
        " Correlations and areas under the ROC curve are of scores less the mean "
        "training score of the fold (Parker, Guenter & Bedo 2007); standard errors of "
        "folds that share animals were multiplied by 1.41."
    )
    animals = page.count(result["agreement"]["animals"]["n"], "animal")
    return (
        f"A network ({run.model}) was evaluated on "
        f"{animals}: {how}. Intervals (95%) are from a jackknife over animals with "
        "Student's t, on a logarithmic scale for errors and Fisher's z for "
        "correlations; that of the area under the ROC curve is method 5 of Newcombe "
        "(2006). The permutation test permutes the means of animals, with a "
        "studentised correlation (DiCiccio & Romano 2017)."
        f"{crossed if result['crossed'] else ''}"
    )
