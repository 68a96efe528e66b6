"""What `validate.py` says: the verdict in plain words first, then the tables."""

from judging.floors import TOLD

FIGURES = (  # key in `agreement.measure_agreement`, what is printed
    ("mae", "MAE"),
    ("rmse", "RMSE"),
    ("bias", "bias (network - expert)"),
    ("lower_limit", "lower limit of agreement"),
    ("upper_limit", "upper limit of agreement"),
    ("r2", "R2 over training mean"),
    ("pearson", "Pearson r"),
    ("spearman", "Spearman rho"),
    ("pearson_centred", "Pearson r, centred"),
    ("spearman_centred", "Spearman rho, centred"),
    ("ccc", "Lin's concordance"),
    ("icc", "ICC(A,1)"),
)
RATER_VERDICTS = {
    "within": "the network disagrees with raters no more than they with each other",
    "beyond": "the network disagrees with raters more than they with each other",
    "undecided": "undecided: the interval of the difference holds 0",
    None: "undecided: no interval",
}
CONTROL_VERDICTS = {
    "needed": "the errors rise: the network needs what was destroyed",
    "not needed": "the errors hardly change: the network does not need it",
    "undecided": "undecided: the interval holds both a rise and no change",
    None: "undecided: no interval",
}
CENTRED = """\
  centred: after each fold's training mean was taken from both scores. Leaving a high
  animal out lowers that mean, so correlations that are not centred come out too low.
  Intervals are widened by 1.41, as folds share animals, and hold for these trained
  networks: train_reg.py --repeats shows how far figures move with other seeds and
  folds."""
ORDERLESS = ("pool",)  # models that ignore the order of frames by design


def show(figure):
    """Write a figure with its interval, or why it is not defined."""
    if figure.get("value") is None:
        return f"not defined ({figure['reason']})"
    if figure.get("low") is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def show_short(figure):
    """As `show`, for a sentence: two digits."""
    if figure.get("low") is None:
        return f"{figure['value']:.2f}"
    return f"{figure['value']:.2f} [{figure['low']:.2f}, {figure['high']:.2f}]"


def count(n, what):
    return f"{n} {what}" + ("" if n == 1 else "s")


# ---------------------------------------------------------------- the verdict


def tell_verdict(result, is_test):
    """Put the result into plain sentences.

    Parameters
    ----------
    result : dict
        See `study.judge`.
    is_test : bool
        Whether the network never saw the animals.

    Returns
    -------
    list of str
    """
    clips, animals = (result["agreement"][what] for what in ("clips", "animals"))
    if not clips["n"]:
        return ["Nothing can be judged: no clip has both scores."]
    where = f"{count(animals['n'], 'animal')} ({count(clips['n'], 'clip')})"
    start = f"On {where} never seen, "
    if not is_test:
        start = f"NOT A TEST, the network may know the answers: on {where}, "
    unit = "of the way from healthy (0) to impaired (1)"
    unit = "points" if result["target"] == "score" else unit
    sentences = [f"{start}off by {clips['mae']['value']:.2f} {unit} on average"]
    mean = result["floors"].get("training mean", {})
    if "saved" in mean:
        guess = mean["clips"]["mae"]["value"]
        sentences[0] += f"; guessing the mean training score, by {guess:.2f}."
        sentences.append(_tell_gain(mean["saved"], clips["r2"]))
    else:
        sentences[0] += ". There is no guess to compare it with."
    sentences += _tell_floors(result["floors"])
    sentences += _tell_bias(clips["bias"])
    if separation := result.get("separation"):
        sentences += _tell_separation(separation["animals"])
    if animals["n"] < 5:
        sentences.append(
            f"{count(animals['n'], 'animal')}: too few for any interval, so chance "
            "alone may have made these figures."
        )
    return sentences


def _tell_gain(saved, r2):
    gain = f"error saved {show_short(saved)}"
    if r2["value"] is not None:
        gain += f", R2 over the mean {show_short(r2)}"
    if saved["low"] is None:
        return f"Whether that is better than guessing cannot be told: {gain}."
    if saved["low"] > 0:
        return f"That is better than guessing: {gain}."
    if saved["high"] < 0:
        return f"That is WORSE than guessing: {gain}."
    return f"It is not shown to be better than guessing: {gain}."


def _tell_floors(floors):
    """Compare with the best of the floors that are told nothing."""
    fair = {
        name: floor
        for name, floor in floors.items()
        if "saved" in floor and name not in TOLD and name != "training mean"
    }
    if not fair:
        return []
    best = min(fair, key=lambda name: fair[name]["clips"]["mae"]["value"])
    saved = fair[best]["saved"]
    error = fair[best]["clips"]["mae"]["value"]
    start = f"The best simple method ({best}) is off by {error:.2f}; "
    if saved["low"] is None:
        words = "the network saves"
    elif saved["low"] > 0:
        words = "the network is better and saves"
    elif saved["high"] < 0:
        words = "the network is WORSE and saves"
    else:
        words = "it cannot be told which of the two is better: the network saves"
    return [f"{start}{words} {show_short(saved)}."]


def _tell_bias(bias):
    if bias["low"] is None or bias["low"] <= 0 <= bias["high"]:
        return []
    side = "low" if bias["value"] < 0 else "high"
    size = {key: abs(bias[key]) for key in ("value", "low", "high")}
    size["low"], size["high"] = sorted((size["low"], size["high"]))
    return [f"Scores are too {side} by {show_short(size)}."]


def _tell_separation(animals):
    area = animals["auroc"]
    if area["value"] is None:
        return []
    told = f"impaired from healthy animals: AUROC {show_short(area)}"
    if area["low"] is None:
        return [f"It cannot be told whether scores tell {told}."]
    if area["low"] > 0.5:
        return [f"Scores tell {told}."]
    if area["high"] < 0.5:
        return [f"Scores put the groups the wrong way round; {told}."]
    return [f"Scores are not shown to tell {told}."]


# ---------------------------------------------------------------- the tables


def tell_agreement(result):
    """Print errors, correlations, floors, calibration and the permutation test."""
    agreement, floors = result["agreement"], result["floors"]
    mean = floors.get("training mean", {})
    for what in ("clips", "sessions", "animals"):
        if what not in agreement:
            continue
        print(f"\n{agreement[what]['n']} {what}: {'network':<46}training mean")
        for key, words in FIGURES:
            if key.endswith("_centred") and not result["crossed"]:
                continue  # the same as the plain ones
            base = show(mean[what][key]) if what in mean else ""
            base = base if key in ("mae", "rmse") else ""
            print(f"  {words:<26}{show(agreement[what][key]):<32}{base}".rstrip())
    if result["crossed"]:
        print(CENTRED)
    _tell_floor_table(floors)
    print("\ncalibration, over clips")
    for key, words in (
        ("slope", "slope (ideal 1)"),
        ("intercept", "intercept (ideal 0)"),
        ("trend", "trend of differences (0)"),
    ):
        print(f"  {words:<26}{show(result['calibration'][key])}")
    print("\npermutation test, means of animals shuffled (one-sided)")
    print(f"  {'p of Pearson r':<26}{show_p(result['permutation'])}")


def _tell_floor_table(floors):
    print("\nfloors, fitted on the training clips: MAE, and what the network saves")
    for name, floor in floors.items():
        if "saved" not in floor:
            print(f"  {name:<26}not defined ({floor['reason']})")
            continue
        figures = show(floor["clips"]["mae"]), show(floor["saved"])
        note = f"  ({TOLD[name]}: no fair rival)" if name in TOLD else ""
        if floor["unscored"]:
            note += f"  on {floor['clips']['n']} clips"
        if "reason" in floor:
            note += f"; elsewhere: {floor['reason']}"
        print(f"  {name:<26}{figures[0]:<32}{figures[1]}{note}")


def show_p(test):
    """Write the p of a test, or why there is none."""
    if test["p"] is None:
        return f"not defined ({test['reason']})"
    return f"{test['p']:.4f}"


def count_choices(choices):
    """Count how often each candidate of `--model best` was chosen.

    Parameters
    ----------
    choices : list of (dict or None)
        Of the records of the networks.

    Returns
    -------
    dict of str to dict
        "chosen", times, and "rmse" on training clips without their animals, on
        average. Empty where nothing was chosen.
    """
    made = [choice for choice in choices if choice and "candidates" in choice]
    names = dict.fromkeys(name for choice in made for name in choice["candidates"])
    return {
        name: {
            "chosen": sum(choice["model"] == name for choice in made),
            "rmse": sum(c["candidates"][name]["rmse"] for c in made) / len(made),
        }
        for name in names
    }


def tell_choices(candidates):
    """Print how each candidate of `--model best` fared; see `count_choices`."""
    print("\ncandidates, on training clips without their animals: times chosen, RMSE")
    for name, fared in candidates.items():
        print(f"  {name:<26}{fared['chosen']:<8}{fared['rmse']:.3f}")


def tell_groups(result):
    """Print how scores tell groups apart and what they say within them."""
    if separation := result.get("separation"):
        print("\nseparation of the two groups (AUROC)")
        for what in ("clips", "animals"):
            print(f"  {what:<26}{show(separation[what]['auroc'])}")
            if result["crossed"]:
                raw = result["separation_raw"][what]["auroc"]
                print(f"  {what + ', not centred':<26}{show(raw)}")
        for name, floor in result["floor_separation"].items():
            note = f"  ({TOLD[name]})" if name in TOLD else ""
            print(f"  {name + ', clips':<26}{show(floor['clips']['auroc'])}{note}")
    if severity := result.get("severity"):
        print("\nnetwork score against expert severity (Pearson r of animals)")
        for what, words in (("all", "all animals"), ("impaired", "impaired alone")):
            print(f"  {words:<26}{show(severity[what]['animals']['pearson'])}")
    if within := result.get("within_groups"):
        r = within["correlation"]["animals"]["pearson"]
        print(f"  {'partial, given the group':<26}{show(r)}")
        print(f"  {'p, shuffled in groups':<26}{show_p(within['permutation'])}")


def tell_more(result, model=None):
    """Print what was asked for besides: sessions, controls, outcome, raters, errors."""
    tell_groups(result)
    if change := result.get("sessions"):
        print(f"\nfirst to last session of {count(change['n'], 'animal')}")
        for key, words in (
            ("expert", "change of expert score"),
            ("network", "change of network score"),
            ("difference", "difference"),
            ("pearson", "Pearson r of changes"),
        ):
            print(f"  {words:<26}{show(change[key])}")
    for control, change in result.get("controls", {}).items():
        print(f"\ncontrol {control}: MAE {show(change['before'])} becomes")
        print(f"  {show(change['after'])}; change {show(change['change'])}")
        print(f"  {CONTROL_VERDICTS[change['verdict']]}")
        if model in ORDERLESS and control == "shuffled-frames":
            print(f"  {model} ignores the order of frames by design")
    if outcome := result.get("outcome"):
        print(f"\noutcome of {count(outcome['n'], 'animal')} (Pearson r)")
        for what in ("network", "expert", "difference"):
            print(f"  {what:<26}{show(outcome[what])}")
        print(f"  {'Williams test':<26}{show_p(outcome['williams'])}")
    if raters := result.get("raters"):
        tell_raters(raters)
    tell_plans(result)
    for by, rows in result["errors"].items():
        print(f"\nerrors by {by}: clips, MAE, bias")
        for row in rows[:30]:
            print(
                f"  {row['name']:<26}{row['n_clips']:>5}{row['mae']:9.3f}"
                f"{row['bias']:+9.3f}"
            )
        if len(rows) > 30:
            print(f"  and {len(rows) - 30} more")
    if repeats := result.get("repeats"):
        print("\nrepeated with other seeds and folds: mean, SD, lowest and highest")
        for name, row in repeats.items():
            print(
                f"  {name:<26}{row['mean']:.3f}, {row['sd']:.3f}, {row['lowest']:.3f} "
                f"to {row['highest']:.3f} of {row['n']}"
            )


def tell_plans(result):
    """Print the leak meter and the planning curve."""
    if leak := result.get("leak"):
        print("\nleak meter: MAE of ridge and of the mean, and what ridge saves")
        for how, found in leak.items():
            keys = ("ridge", "training mean", "difference")
            print(f"  {how:<18}" + "  ".join(show(found[key]) for key in keys))
        print(
            "  with animals known, ridge may recognise the animal: believe the second"
        )
    if plan := result.get("plan"):
        print(
            "\nMAE on other animals against animals learned from: ridge, its SD, mean"
        )
        for row in plan["rows"]:
            print(
                f"  {row['n_animals']:>4}{row['ridge']:9.3f}{row['sd']:9.3f}"
                f"{row['training mean']:9.3f}"
            )
        if needed := plan["needed"]:
            high = "no end" if needed["high"] is None else f"{needed['high']:.0f}"
            low = "few" if needed["low"] is None else f"{needed['low']:.0f}"
            print(
                f"  wanted error: about {needed['value']:.0f} animals [{low}, {high}]"
            )
        elif "reason" in plan:
            print(f"  wanted error: {plan['reason']}")


RATING_FIGURES = (
    ("icc", "ICC(A,1)"),
    ("kappa", "weighted kappa"),
    ("mae", "mean distance"),
    ("half_point", "within half a point"),
    ("one_point", "within one point"),
    ("detectable", "minimal detectable change"),
)


def tell_raters(raters):
    """Print how raters agree with one another, with themselves, with the network."""
    inter = raters["inter"]
    print(f"\n{count(inter['n_raters'], 'rater')}, {inter['n_clips']} clips in common")
    columns = {"one another": inter} if inter["n_raters"] > 1 else {}
    columns |= {f"{name}, twice": found for name, found in raters["intra"].items()}
    for words, found in columns.items():
        print(f"  {words} ({count(found['n_clips'], 'clip')})")
        for key, name in RATING_FIGURES:
            print(f"    {name:<26}{show(found[key])}")
    for name, sides in raters.get("each", {}).items():
        print(f"  against {name} (MAE; r)")
        for side, words in (("others", "mean of the others"), ("network", "network")):
            if side in sides:
                pair = sides[side]
                print(f"    {words:<26}{show(pair['mae'])}; {show(pair['pearson'])}")
    if network := raters.get("network"):
        print(f"  network among raters, {count(network['n_clips'], 'clip')}")
        for what, words in (
            ("experts", "rater against rater"),
            ("network", "network against raters"),
            ("difference", "difference"),
        ):
            print(f"    {words:<26}{show(network[what])}")
        print(f"  {RATER_VERDICTS[network['verdict']]}")
        if "margin" in network:
            found = network["not_inferior"]
            word = "cannot be told" if found is None else ("yes" if found else "no")
            print(f"  not inferior by a margin of {network['margin']:g}: {word}")
