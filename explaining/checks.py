"""Whether an explanation is true: does the network obey it?

Deletion: what is called important is replaced by the clip's mean, and the value must
move further than when as much is replaced at random. Shuffling: an explanation that
stays when the network's weights are put in another order explains the features, not
the network (Adebayo et al. 2018). Occlusion: a grey patch on the frame itself, seen
by extraction and network anew.
"""

import numpy as np

from explaining import attribution
from explaining.inference import correct_holm, correlate_ranks, find_interval
from explaining.network import cut, evaluate, shuffled
from explaining.places import find_centres

FRAME_AMOUNTS = (0.1, 0.2, 0.35, 0.5)  # of the frames that are replaced
FEATURE_AMOUNTS = (0.03, 0.1, 0.3)
N_RANDOM = 2  # orders, whose mean is what chance does
N_TESTED = 20  # clips at most, drawn at random
N_SHUFFLED = 5  # clips
N_SHUFFLES = 3
TESTS = {
    "frames that raise": "frames that raise the value, replaced",
    "frames that lower": "frames that lower the value, replaced",
    "features that raise": "features that raise the value, replaced",
    "features that lower": "features that lower the value, replaced",
    "importance": "most important features, set to 0",
}
BLIND = {
    **dict.fromkeys(("value", "low", "high")),
    "reason": "the network sees nothing but the mean frame",
}
ROUNDING = 1e-5  # of the largest change, below which a change is none
ALPHA = 0.05
GREY = 127  # what the preprocessing of InceptionV3 turns into 0


# ---------------------------------------------------------------- deletion


def replace_frames(network, projected, sequence, frames):
    """Replace frames of a projected sequence by its mean frame."""
    changed = np.array(projected)
    changed[frames] = changed.mean(axis=0)  # projecting is affine
    return changed


def replace_features(network, projected, sequence, features):
    """Replace features of a projected sequence by their means over the clip."""
    kept = sequence[:, features]
    return network.move(projected, features, kept.mean(axis=0) - kept)


def silence_features(network, projected, sequence, features):
    """Set features of a projected sequence to 0, their natural floor."""
    return network.move(projected, features, -sequence[:, features])


def measure_deletion(networks, sequence, orders, amounts, replace):
    """Measure the value as more and more of a sequence is replaced.

    Parameters
    ----------
    networks : sequence of Network
    sequence : float32, (T, F)
    orders : sequence of int arrays
        What is replaced first stands first.
    amounts : sequence of float
        How much of an order is replaced.
    replace : callable
        `replace_frames`, `replace_features` or `silence_features`.

    Returns
    -------
    float64, (len(orders), len(amounts))
    """
    values = []
    for network in networks:
        projected = network.project(sequence[None])[0].numpy()
        changed = [
            replace(
                network, projected, sequence, order[: max(1, round(a * len(order)))]
            )
            for order in orders
            for a in amounts
        ]
        found = [network.value(np.stack(batch)) for batch in cut(changed)]
        values.append(np.concatenate(found))
    return np.mean(values, axis=0, dtype=float).reshape(len(orders), len(amounts))


def draw_clips(n_clips, n_drawn, seed=0):
    """Draw clips without replacement, in rising order."""
    random = np.random.default_rng(seed)
    drawn = random.choice(n_clips, min(n_clips, n_drawn), replace=False)
    return np.sort(drawn)


def delete_signed(networks, sequence, added, amounts, replace, random):
    """Replace what raises the value first, what lowers it first, and at random.

    Parameters
    ----------
    added : (T,) or (F,)
        What each frame or feature adds beyond the clip's mean.

    Returns
    -------
    float64, (3, len(amounts))
        Values.
    """
    rising = np.argsort(added, kind="stable")
    orders = [rising[::-1], rising]
    orders += [random.permutation(len(added)) for _ in range(N_RANDOM)]
    values = measure_deletion(networks, sequence, orders, amounts, replace)
    return np.stack([values[0], values[1], values[2:].mean(axis=0)])


def delete_important(networks, sequence, ranked, start, random):
    """Set important and random features to 0; how far the value moves from `start`.

    Returns
    -------
    float64, (2, len(FEATURE_AMOUNTS))
    """
    orders = [ranked] + [random.permutation(len(ranked)) for _ in range(N_RANDOM)]
    values = measure_deletion(
        networks, sequence, orders, FEATURE_AMOUNTS, silence_features
    )
    moved = np.abs(values - start)
    return np.stack([moved[0], moved[1:].mean(axis=0)])


def check_deletion(networks, sequences, parts, owners, seed=0):
    """Replace what matters most, against as much at random.

    Frames and features of a clip are replaced by the clip's mean, in the order of what
    they add beyond it: those that raise the value first, and those that lower it
    first. The importance of features over all clips is counted from 0, so there the
    most important are set to 0, and only how far the value moves is foretold.

    Parameters
    ----------
    networks : sequence of Network
    sequences : float32, (N, T, F)
    parts : attribution.Parts
    owners : (N,) sequence of str
        Animals.

    Returns
    -------
    dict
        "tests": for each of `TESTS` the advantage over random, over "clips" and over
        "animals", which decide: "p" and "p_holm", corrected for the five tests, and a
        "verdict". "n_clips", of "n_of". "curves": for "frames" and "features" the
        change of the value as raising, lowering and random ones go; for "importance"
        its size as important and random ones go; (clips, kinds, amounts).
    """
    chosen = draw_clips(len(sequences), N_TESTED, seed)
    random = np.random.default_rng(seed)
    ranked = np.argsort(-parts.importance, kind="stable")
    curves = {"frames": [], "features": [], "importance": []}
    for clip in chosen:
        sequence, start = sequences[clip], parts.value[clip]
        away = (sequence - sequence.mean(axis=0)) * parts.beyond.gradients[clip]
        for name, added, amounts, replace in (
            ("frames", away.sum(axis=1), FRAME_AMOUNTS, replace_frames),
            ("features", away.sum(axis=0), FEATURE_AMOUNTS, replace_features),
        ):
            values = delete_signed(networks, sequence, added, amounts, replace, random)
            curves[name].append(values - start)
        curves["importance"].append(
            delete_important(networks, sequence, ranked, start, random)
        )
    curves = {name: np.array(changes) for name, changes in curves.items()}
    # A network that sees nothing but the mean frame has nothing to obey there.
    moved = {name: np.abs(changes).max() for name, changes in curves.items()}
    is_blind = moved["features"] <= ROUNDING * moved["importance"]
    owners, tests = np.asarray(owners)[chosen], {}
    for name, changes in curves.items():
        chance = changes[:, -1]
        advantages = {
            f"{name} that raise": chance - changes[:, 0],
            f"{name} that lower": changes[:, 1] - chance,
        }
        if name == "importance":
            advantages = {name: changes[:, 0] - chance}
        for test, advantage in advantages.items():
            by_clip = advantage.mean(axis=1)
            tests[test] = {
                "clips": find_interval(by_clip),
                "animals": find_interval(by_clip, owners),
            }
            if name == "features" and is_blind:
                tests[test] = dict.fromkeys(("clips", "animals"), BLIND)
    judge_tests(tests)
    counts = {"n_clips": len(chosen), "n_of": len(sequences)}
    return counts | {"tests": tests, "curves": curves}


def judge_tests(tests):
    """Add p, p after Holm's correction for their number, and a verdict to each test."""
    by_animal = [test["animals"] for test in tests.values()]
    p_values = [found.get("p") for found in by_animal]
    corrected = correct_holm([np.nan if p is None else p for p in p_values])
    for test, p, p_holm in zip(tests.values(), p_values, corrected, strict=True):
        test |= {"p": p, "p_holm": None if p is None else float(p_holm)}
        if p is None:
            test["verdict"] = "not defined"
        elif p_holm >= ALPHA:
            test["verdict"] = "not shown"
        else:
            test["verdict"] = "obeys" if test["animals"]["value"] > 0 else "defies"


# ---------------------------------------------------------------- shuffled weights


def attribute_shuffled(networks, sequences, random):
    """Attribute the value of clips to features and frames with shuffled weights.

    Returns
    -------
    (float64 (N, F), float64 (N, T))
        As `attribution.Parts` has them: features, beyond.
    """
    with shuffled(networks, random):
        means = np.broadcast_to(sequences.mean(axis=1, keepdims=True), sequences.shape)
        whole, beyond = (  # coarse: whether they are alike is all that counts
            attribution.integrate(networks, sequences, baselines, tolerance=np.inf)
            for baselines in (np.zeros_like(sequences), means)
        )
    features = np.einsum("ntf,ntf->nf", sequences, whole.gradients, dtype=float)
    return features, beyond.frames


def check_shuffling(networks, sequences, parts, seed=0):
    """Explain a few clips again with the network's weights shuffled, several times.

    Returns
    -------
    dict
        "importance", "signed", "frames": mean rank correlation with the explanation
        of importances (absolute) and of signed mean attributions of the features, and
        of what frames add beyond the mean frame; None where not defined.
        "relative": how many times as important a feature is as with shuffled weights,
        (F,), NaN where it has no importance there.
    """
    random = np.random.default_rng(seed)
    chosen = draw_clips(len(sequences), N_SHUFFLED, seed)
    true, beyond = parts.features[chosen], parts.beyond.frames[chosen]
    importance = np.abs(true).mean(axis=0)
    rhos, chance = {"importance": [], "signed": [], "frames": []}, 0.0
    for _ in range(N_SHUFFLES):
        features, frames = attribute_shuffled(networks, sequences[chosen], random)
        by_chance = np.abs(features).mean(axis=0)
        rhos["importance"].append(correlate_ranks(importance, by_chance))
        rhos["signed"].append(correlate_ranks(true.mean(0), features.mean(0)))
        rhos["frames"].append(correlate_ranks(beyond, frames))
        chance = chance + by_chance / N_SHUFFLES
    relative = np.full(len(importance), np.nan)
    np.divide(importance, chance, out=relative, where=chance > 0)
    means = {
        name: None if None in found else float(np.mean(found))
        for name, found in rhos.items()
    }
    return {"n_clips": len(chosen), "relative": relative, **means}


# ---------------------------------------------------------------- occlusion


def occlude(frame):
    """Lay a grey patch, two places wide, over each place of a frame.

    Parameters
    ----------
    frame : uint8, (H, W, 3)

    Returns
    -------
    list of uint8 (H, W, 3), 64
        Row by row.
    """
    spans = []
    for length in frame.shape[:2]:
        centres = find_centres(length)
        half = centres[1] - centres[0]
        ends = np.stack([centres - half, centres + half], axis=1)
        spans.append(ends.round().astype(int).clip(0, length))
    covered = []
    for top, bottom in spans[0]:
        for left, right in spans[1]:
            copy = frame.copy()
            copy[top:bottom, left:right] = GREY
            covered.append(copy)
    return covered


def measure_occlusion(networks, extractor, sequence, frame, index):
    """Measure what the value loses when a place of one frame is covered.

    Parameters
    ----------
    networks : sequence of Network
    extractor : Extractor
    sequence : float32, (T, F)
    frame : uint8, (H, W, 3)
        Frame `index` of the clip.
    index : int

    Returns
    -------
    (float64 (8, 8), float32 (64, F))
        Positive where what was covered had raised the value; and the features of the
        covered frames, row by row.
    """
    features = extractor(occlude(frame))
    changed = np.repeat(sequence[None], len(features), axis=0)
    changed[:, index] = features
    side = round(len(features) ** 0.5)
    lost = evaluate(networks, sequence[None]) - evaluate(networks, changed)
    return lost.reshape(side, side), features
