"""Drawn scores of networks and experts, and what a report says of them."""

import json

import numpy as np
import pandas as pd
from builders import make_run

from evaluation import evaluate, report_tables, verdict


def draw_study(seed=0, n_animals=15):
    random = np.random.default_rng(seed)
    index = np.repeat(np.arange(n_animals), random.integers(1, 7, n_animals))
    expert = random.normal(2.5, 1, n_animals)[index] + random.normal(0, 1, len(index))
    expert = np.clip(np.round(2 * expert) / 2, 0, 5)  # ties, as experts give
    network = 0.5 + 0.7 * expert + random.normal(0, 0.6, len(index))
    return expert, network, np.array([f"g{i:02d}" for i in index])


def draw_table(n_animals=15, signal=1.0, groups=True, folds=True, n_clips=3, seed=0):
    """Predictions of a network that tells as much as `signal` of the score."""
    random = np.random.default_rng(seed)
    animals = np.repeat([f"g{i:02d}" for i in range(n_animals)], n_clips)
    severity = np.repeat(random.uniform(0, 5, n_animals), n_clips)
    target = np.clip(np.round(2 * severity) / 2, 0, 5)
    means = np.array([target[animals != a].mean() for a in animals])
    means = means if folds else np.full(len(target), 2.5)
    network = means + signal * (target - means) + random.normal(0, 0.3, len(target))
    names = np.where(severity > 2.5, "Stroke", "Control") if groups else "Stroke"
    return pd.DataFrame(
        {
            "clip": [f"{a}_c{i}" for i, a in enumerate(animals)],
            "animal": animals,
            "group": pd.Series(np.broadcast_to(names, len(animals)), dtype=object),
            "target": target,
            "expert_score": target,
            "network_score": network,
            "training_mean": means,
            "baseline_training_mean": means,
            "baseline_ridge": target + random.normal(0, 0.3, len(target)),
            "seen": "",
        }
    )


def tell(table, is_test=True, **options):
    """Judge a table and print its report: the result, the verdict, what was printed."""
    result = evaluate.evaluate(table, make_run(control_group="Control"), **options)
    json.dumps(result, allow_nan=False)
    result |= verdict.describe_verdict(result, "" if is_test else "3 clips trained on")
    lines = verdict.format_verdict(result, "Reach", "test")
    lines += verdict.format_tables(report_tables.list_sections(result))
    printed = "\n".join(lines)
    assert "nan" not in printed.lower() and "None" not in printed
    return result, " ".join([result["label"], *result["verdict"]]), printed
