"""What an evaluation writes: predictions, JSON, figures, the page, sentences."""

import contextlib
import dataclasses
import functools
import os
import textwrap
import warnings
from urllib.parse import quote

import numpy as np

from evaluation import plots, priorities, questions, report_tables, study, verdict
from evaluation.groups import FOLDED
from evaluation.predictions import adjust_scores
from reports import page, style
from system import storage, terminal
from system.tables import count, write_columns
from system.terminal import Problem, caution
from video import find, frames

N_PICTURES = 6  # of the strip of a clip
SHRINK = functools.partial(frames.shrink, side=240)
QUESTIONS = {  # that a report answers where they are asked
    "comparison": "the comparison of groups or sessions (--compare, --pair)",
    "outcome": "the outcome (--outcome)",
    "raters": "the raters (--raters)",
    "plan": "the plan (--plan)",
}
LEVELS = {
    verdict.BETTER: "good",
    verdict.NOT_SHOWN: "doubtful",
    verdict.NO_BETTER: "bad",
    verdict.NO_TEST: "bad",
}


def explain_known(table):
    """Say which clips or animals the network knows; "" where the figures are a test."""
    known = table["seen"][table["seen"] != ""]
    if known.empty:
        return ""
    if (known == "unknown").all():
        return "it is unknown which clips this network was trained on"
    kinds = "; ".join(f"{how}: {n}" for how, n in known.value_counts().items())
    return f"the network knows {len(known)} of {count(len(table), 'clip')} ({kinds})"


def draw(place, split, table, run, result):
    """Draw what the table allows into a place; return the paths of the PNGs."""
    is_test = result["label"] != verdict.NO_TEST
    rows = verdict.name_split(split, result)
    title = f"{run.name}, {rows}: {'animals never seen' if is_test else 'NOT A TEST'}"
    found = result["agreement"] | {"crossed": result["crossed"]}
    scored, drawn = table.dropna(subset=["target", "network_score"]), {}
    if len(scored):
        given = scored, found, title, result["target"], run.control_group
        drawn["agreement"] = plots.draw_agreement(*given)
        drawn["bland_altman"] = plots.draw_bland_altman(*given)
    if compared := result.get("comparison"):
        drawn["study"] = plots.draw_study(compared, title)
        if "expert_means" in compared:
            of_expert = f"{run.name}, {rows}: scores of the expert"
            figure = plots.draw_study(compared, of_expert, kind="expert_means")
            drawn["study_expert"] = figure
    if outcome := result.get("outcome"):
        drawn["outcome"] = plots.draw_outcome(outcome, title)
    return [style.save(figure, place / name)[0] for name, figure in drawn.items()]


def publish(folder, split, clips, table, run, result, options):
    """Write and draw what was found, once all of it is computed; lines to print."""
    known = explain_known(table)
    result |= verdict.describe_verdict(result, known)
    result["change_first"] = priorities.rank_priorities(folder, table, result, run)
    sections = report_tables.list_sections(result, run.model)
    result |= write_sentences(result, run, split, not known)
    path = storage.predictions_path(folder, run.name, split)
    caution_replaced(path.with_suffix(".json"), result)
    read = storage.table_path(folder), storage.extraction_path(folder)
    content = {
        "run": run.name,
        "split": split,
        "independence": known or "the network never saw these animals",
        **result,
        "options": {k: str(v) for k, v in options.items()},
        "run_record": dataclasses.replace(run, clips_were=None).as_record(),
        "inputs": {p.name: storage.digest_file(p) for p in read if p.is_file()},
        "versions": terminal.list_versions(),
    }
    storage.write_json(path.with_suffix(".json"), content)
    write_columns(path, table.drop(columns="target"))
    question = questions.name_question(split, run)
    of_question = "-".join(filter(None, (question, "animals")))
    animals = storage.predictions_path(folder, run.name, of_question)
    write_columns(animals, tabulate_animals(table))
    place = storage.figures_folder(folder, run.name, question)
    drawn = draw(place, split, table, run, result)
    text = f"Results\n\n{result['results']}\n\nMethods\n\n{result['methods']}\n"
    with storage.replacing(place / "results.txt") as temporary:
        temporary.write_text(text, encoding="utf-8")
    report = place / "report.html"
    write_page(report, folder, clips, result, run, sections, drawn, split)
    asked = {name: sections[name] for name in report_tables.ASKED if name in sections}
    lines = verdict.format_verdict(result, run.name, split)
    lines += verdict.format_tables(sections if options.get("full") else asked)
    for first in result["change_first"][:1]:
        lines += textwrap.wrap(f"What to change first: {first}", 88)
    return [
        *lines,
        f"page: {report}; sentences for a paper: results.txt beside it",
        f"tables: {path}, .json, {animals.name}; on the terminal with --full",
    ]


def caution_replaced(path, result):
    """Caution where a report is replaced by one without answers that it held."""
    earlier = {}
    with contextlib.suppress(Problem, OSError):
        earlier = storage.read_json(path)
    if lost := [QUESTIONS[key] for key in QUESTIONS if key in earlier.keys() - result]:
        caution(
            f"the report there held {' and '.join(lost)}, which this one does not: "
            "give all questions in one command to have their answers together"
        )


def write_sentences(result, run, split, is_test):
    """Write the sentences for a paper: dict of "results", in lines, and "methods"."""
    networks = result.get("networks", ())
    context = {
        "result": result,
        "run": run,
        "split": split,
        "is_test": is_test,
        "is_doubtful": verdict.is_doubtful(result),
        "digits": verdict.find_digits(result),
        "rival": verdict.find_rival(result["baselines"]),
        "study": result.get("comparison"),
        "network": study.describe_network(run, networks),
        "shares": result.get("shares", ""),
        "widened": f"{FOLDED:g}",
        "known": terminal.list_versions(),
    }
    return {
        "results": page.render("results.txt", **context).strip(),
        "methods": page.one_line(page.render("methods.txt", **context)),
    }


def tabulate_animals(table):
    """Tabulate the means of each animal and session, for other programs."""
    table = table.assign(
        group=table["group"].fillna(""),
        session=table["session"].fillna(""),
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


def write_page(path, folder, clips, result, run, sections, drawn, split):
    """Write the page of an evaluation in a working folder."""
    named = {clip.name: clip for clip in clips}
    page.write(
        path,
        "report.html",
        run=run.name,
        result=result,
        level=LEVELS[result["label"]],
        drawn=drawn,
        sections=sections,
        figures=verdict.list_figures(result),
        worst=[c | show_clip(path, folder, named[c["clip"]]) for c in result["worst"]],
        split=verdict.name_split(split, result),
        versions=terminal.list_versions(),
    )


def show_clip(path, folder, clip):
    """Find what of a clip can be seen: "link" (URL) and "strip" (H, W, 3), or None."""
    try:
        source = os.path.relpath(find.find_source(folder, clip)[0], path.parent)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # extraction has reported them
            pictures = frames.read_frames(folder, clip, N_PICTURES, "uniform", SHRINK)
    except (Problem, OSError, ValueError):
        return {"link": None, "strip": None}
    return {"link": quote(source.replace(os.sep, "/")), "strip": np.hstack(pictures)}
