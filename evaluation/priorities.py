"""What to change first: what limits a network most, each with its figure, ranked."""

import numpy as np

from evaluation.verdict import NO_BETTER
from features import provenance

MIN_SHARE = 0.15  # of the error: below it a cause is not worth a line
N_DRAWS = 999  # of errors, given to animals by chance
USELESS = (
    "The network is no better than the mean. Check in this order: do raters agree "
    "(rate.py --join mean)? Does the animal fill the picture (--crop)? Is a clip one "
    "trial? Are there enough animals (validate.py --plan)?"
)


def rank_priorities(folder, table, result, run):
    """Rank what may limit the scores: list of sentences, the largest cause first."""
    mae = result["agreement"]["clips"]["mae"]["value"]
    if not mae:
        return []
    scored = table.dropna(subset=["target", "network_score"])
    is_useless = result["label"] == NO_BETTER
    found = [
        *check_raters(result, mae),
        *([(1, USELESS)] if is_useless else check_animals(scored)),
        *(list(check_plan(result, mae)) or check_variation(scored)),
        *check_unscored(table, mae),
        *check_time(folder, scored["clip"], run),
    ]
    found = [each for each in found if each[0] >= MIN_SHARE]
    texts = [text for _, text in sorted(found, key=lambda each: -each[0])]
    if (run.extraction or {}).get("weights") == "random":
        first = "Features of an untrained network: extract with trained weights."
        texts.insert(0, first)
    return texts


def check_raters(result, mae):
    """Raters who disagree bound what any network can reach."""
    apart = result.get("raters", {}).get("inter", {}).get("mae", {}).get("value")
    if apart:
        yield (
            min(
                (apart / mae) ** 2 / 2, 1
            ),  # variances add up; two raters differ by both
            f"Raters disagree by {apart:.2f} where the network errs by {mae:.2f}: "
            "score the clips again together, or take the mean of more raters.",
        )


def check_animals(scored):
    """A quarter of the animals may carry half of the error: more than if clips with
    as large errors belonged to animals by chance."""
    error = (scored["network_score"] - scored["target"]).abs().to_numpy()
    names, owner = np.unique(scored["animal"].to_numpy(str), return_inverse=True)
    n, random = max(1, round(len(names) / 4)), np.random.default_rng(0)

    def find_share(error):
        return np.sort(np.bincount(owner, error))[-n:].sum() / error.sum()

    share = find_share(error)
    drawn = [find_share(random.permutation(error)) for _ in range(N_DRAWS)]
    if len(names) > 3 and share > np.quantile(drawn, 0.95):
        largest = names[np.argsort(-np.bincount(owner, error), kind="stable")]
        yield (
            share - np.mean(drawn),
            f"Of {len(names)} animals {n} made {share:.0%} of the error, by chance "
            f"about {np.mean(drawn):.0%}: look at the clips of "
            f"{', '.join(largest[:n][:4])}.",
        )


def check_plan(result, mae):
    """More animals help where the learning curve still falls."""
    level = result.get("plan", {}).get("level")
    if level is not None:
        gain = (mae - level) / mae
        text = f"More animals would hardly help: the error levels off at {level:.2f}."
        if gain >= MIN_SHARE:
            text = f"Score more animals: the error may fall towards {level:.2f}."
        yield max(gain, MIN_SHARE), text


def check_variation(scored):
    """Scores that hardly vary within animals leave a network little but animals."""
    within = scored.groupby("animal")["target"].var().mean() ** 0.5
    whole = scored["target"].std()
    if within < 0.35 * whole:
        yield (
            0.3,
            f"Scores vary little within animals (SD {within:.2f}; {whole:.2f} over "
            "all clips): add animals rather than clips of the same animals.",
        )


def check_unscored(table, mae):
    """Clips on which networks differ most teach most if they are scored next."""
    if "network_sd" not in table:
        return
    unscored = table[table["target"].isna()].nlargest(3, "network_sd")
    largest, usual = unscored["network_sd"].max(), table["network_sd"].mean()
    if largest > usual:
        yield (
            max(largest / mae - 1, MIN_SHARE),
            f"Networks differ most on the unscored {', '.join(unscored['clip'])} (SD "
            f"up to {largest:.2f}; {usual:.2f} on average): score these next.",
        )


def check_time(folder, clips, run):
    """The same movement looks faster where frames are further apart."""
    _, share, text = provenance.describe_pace(folder, clips, run.extraction)
    if share:
        yield 0.3 * share + MIN_SHARE, f"{text}."
