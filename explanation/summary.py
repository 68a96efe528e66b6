"""The answer to a reader's first question: can the explanation be relied on?"""

ALIKE, TOO_ALIKE = 0.3, 0.6  # rank correlation after permutation: doubtful, and bad
FEW_ANIMALS = 5
LEVELS = ("good", "doubtful", "bad")


def evaluate(deletion, randomisation, table):
    """Evaluate how far an explanation can be relied on, for three reasons.

    A dict of "level", the worst of the "reasons'", each with "kind" and "level".
    """
    reasons = [
        {"kind": "deletion", **evaluate_deletion(deletion)},
        {"kind": "randomisation", **evaluate_randomisation(randomisation)},
        {"kind": "clips", **evaluate_clips(table)},
    ]
    worst = max(reasons, key=lambda reason: LEVELS.index(reason["level"]))
    return {"level": worst["level"], "reasons": reasons}


def evaluate_deletion(deletion):
    verdicts = [test["verdict"] for test in deletion["tests"].values()]
    n_known = sum(verdict != "not defined" for verdict in verdicts)
    n_confirmed = verdicts.count("confirmed")
    level = "good" if n_confirmed >= max(1, n_known - 1) else "doubtful"
    level = "bad" if "contradicted" in verdicts else level
    return {"level": level, "n_confirmed": n_confirmed, "n_known": n_known}


def evaluate_randomisation(found):
    rhos = {k: found[k] for k in found["evaluated"] if found[k] is not None}
    highest = max(map(abs, rhos.values()), default=None)
    level = "doubtful"
    if highest is not None:
        level = LEVELS[(highest > ALIKE) + (highest > TOO_ALIKE)]
    evaluated = found["evaluated"]
    return {"level": level, "rho": highest, "rhos": rhos, "evaluated": evaluated}


def evaluate_clips(table):
    """Evaluate whether the network knows the clips, and whether animals suffice."""
    known = table["seen"][table["seen"] != ""]
    n_animals = int(table["animal"].nunique())
    kinds = {str(how): int(n) for how, n in known.value_counts().items()}
    level = "good" if known.empty and n_animals >= FEW_ANIMALS else "doubtful"
    level = "bad" if kinds and set(kinds) != {"unknown"} else level
    n_new = len(table) - len(known)
    return {"level": level, "kinds": kinds, "n_animals": n_animals, "n_new": n_new}
