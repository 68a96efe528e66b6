"""What a reader wants to know first: what moves the score, and can it be believed?"""

import numpy as np

ROWS, COLUMNS = ("upper", "", "lower"), ("left", "centre", "right")
MOMENTS = ("early", "midway", "late")
WINDOW = 3  # places: a spot on the frame is 3 x 3 of the 8 x 8
NEAR = 2  # places: spots of two animals that are no further apart agree
ALIKE, TOO_ALIKE = 0.3, 0.6  # rank correlation with shuffled weights: doubt, and bad
FEW_ANIMALS = 5
LEVELS = ("good", "doubtful", "bad")


def find_headline(table, beyond, clips):
    """Find where and when most of what raises and of what lowers the score lies.

    `beyond`, (N, T), is what frames of the table's clips add beyond the mean frame.

    Returns
    -------
    dict of str to dict
        For "raises" and "lowers": "when" in words, "third" (0 to 2) and "where" in
        words or None; for each the number of animals that agree.
    """
    found = {}
    for key, side in (("raises", 1), ("lowers", -1)):
        frames = np.maximum(side * beyond, 0)
        thirds = [part.sum(axis=1) for part in np.array_split(frames, 3, axis=1)]
        means = average_by(np.stack(thirds, axis=1), table["animal"])
        third = int(means.mean(axis=0).argmax())
        n_when = int((means.argmax(axis=1) == third).sum())
        found[key] = {"when": MOMENTS[third], "third": third, "n_when": n_when}
        found[key] |= find_spot(clips, side)
    return found


def average_by(values, animals):
    """Average rows of values by animal, (N, ...) -> (A, ...)."""
    animals = np.asarray(animals)
    return np.stack([values[animals == a].mean(axis=0) for a in np.unique(animals)])


def find_spot(clips, side):
    """Find where on the frame most of one sign lies, and how many animals agree."""
    clips = [clip for clip in clips if clip["places"]]
    if not clips:
        return {"where": None, "n_where": 0}
    maps = [np.maximum(side * c["places"].beyond, 0).mean(axis=0) for c in clips]
    maps = average_by(np.stack(maps), [clip["animal"] for clip in clips])
    spots = np.array([find_densest(each) for each in maps])
    row, column = find_densest(maps.mean(axis=0))
    near = np.abs(spots - (row, column)).max(axis=1) <= NEAR
    where = f"{ROWS[row * 3 // 8]} {COLUMNS[column * 3 // 8]}".strip()
    return {"where": where, "n_where": int(near.sum()), "n_of": len(maps)}


def find_densest(places):
    """Find the place (row, column) around which a map (8, 8) holds most."""
    windows = np.lib.stride_tricks.sliding_window_view(places, (WINDOW, WINDOW))
    sums = windows.sum(axis=(2, 3))
    return np.array(np.unravel_index(sums.argmax(), sums.shape)) + WINDOW // 2


def judge(deletion, shuffling, table):
    """Judge how far an explanation can be believed, for three reasons.

    Returns
    -------
    dict
        "level", the worst of the reasons'; "reasons", each with "kind" and "level".
    """
    reasons = [
        {"kind": "obeys", **judge_deletion(deletion)},
        {"kind": "learned", **judge_shuffling(shuffling)},
        {"kind": "seen", **judge_seen(table)},
    ]
    worst = max(reasons, key=lambda reason: LEVELS.index(reason["level"]))
    return {"level": worst["level"], "reasons": reasons}


def judge_deletion(deletion):
    verdicts = [test["verdict"] for test in deletion["tests"].values()]
    n_known = sum(verdict != "not defined" for verdict in verdicts)
    n_obeyed = verdicts.count("obeys")
    level = "good" if n_obeyed >= max(1, n_known - 1) else "doubtful"
    level = "bad" if "defies" in verdicts else level
    return {"level": level, "n_obeyed": n_obeyed, "n_known": n_known}


def judge_shuffling(shuffling):
    judged = shuffling["judged"]
    known = [shuffling[key] for key in judged]
    highest = max([abs(rho) for rho in known if rho is not None], default=None)
    if highest is None:
        return {"level": "doubtful", "rho": None, "rhos": {}, "judged": judged}
    level = LEVELS[(highest > ALIKE) + (highest > TOO_ALIKE)]
    rhos = {k: shuffling[k] for k in judged if shuffling[k] is not None}
    return {"level": level, "rho": highest, "rhos": rhos, "judged": judged}


def judge_seen(table):
    """Judge how far the clips are new to the network, and whether animals suffice."""
    known = table["seen"][table["seen"] != ""]
    n_animals = int(table["animal"].nunique())
    kinds = {str(how): int(n) for how, n in known.value_counts().items()}
    level = "good" if known.empty and n_animals >= FEW_ANIMALS else "doubtful"
    level = "bad" if kinds and set(kinds) != {"unknown"} else level
    n_new = len(table) - sum(kinds.values())
    return {"level": level, "kinds": kinds, "n_animals": n_animals, "n_new": n_new}
