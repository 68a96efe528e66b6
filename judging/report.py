"""What `validate.py` prints: every figure with its interval, in plain words."""

FIGURES = (  # key in agreement.measure_agreement, what is printed
    ("mae", "MAE"),
    ("rmse", "RMSE"),
    ("bias", "bias"),
    ("lower_limit", "lower limit of agreement"),
    ("upper_limit", "upper limit of agreement"),
    ("r2", "R2 over training mean"),
    ("pearson", "Pearson r"),
    ("spearman", "Spearman rho"),
    ("ccc", "Lin's concordance"),
    ("icc", "ICC(A,1)"),
)
VERDICTS = {
    "within": "the network disagrees with experts no more than they with each other",
    "beyond": "the network disagrees with experts more than they with each other",
    "undecided": "the interval holds 0: more clips or animals would tell",
    None: "not comparable",
}


def show(figure):
    """Write a figure with its interval, or why it is not defined."""
    if figure.get("value") is None:
        return f"not defined ({figure['reason']})"
    if figure.get("low") is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def tell_agreement(result):
    agreement, floors = result["agreement"], result["floors"]
    mean = floors.get("training mean")
    for what in ("clips", "animals"):
        print(f"\n{agreement[what]['n']} {what}: {'network':<46}training mean")
        for key, words in FIGURES:
            base = show(mean[what][key]) if isinstance(mean, dict) else ""
            base = base if key in ("mae", "rmse") else ""
            print(f"  {words:<26}{show(agreement[what][key]):<32}{base}".rstrip())
    print(
        "\nfloors, fitted on the same training clips: MAE, and what the network saves"
    )
    for name, floor in floors.items():
        if isinstance(floor, str):
            print(f"  {name:<26}not defined ({floor})")
        else:
            figures = show(floor["clips"]["mae"]), show(floor["saved"])
            print(f"  {name:<26}{figures[0]:<32}{figures[1]}")
    print("\npermutation test, expert scores shuffled across animals (one-sided)")
    for key, words in (("pearson", "Pearson r"), ("mae", "MAE")):
        test = result["permutation"][key]
        p = (
            f"not defined ({test['reason']})"
            if test["p"] is None
            else f"{test['p']:.4f}"
        )
        print(f"  p of {words:<21}{p}")


def tell_more(result):
    if separation := result.get("separation"):
        print("\nseparation of the two groups (AUROC)")
        for what in ("clips", "animals"):
            print(f"  {what:<26}{show(separation[what]['auroc'])}")
        for name, floor in result.get("floor_separation", {}).items():
            print(f"  {name + ', clips':<26}{show(floor['clips']['auroc'])}")
    if severity := result.get("severity"):
        print("\ngraded network score against expert severity (Pearson r of animals)")
        for what, words in (("all", "all animals"), ("impaired", "impaired alone")):
            print(f"  {words:<26}{show(severity[what]['animals']['pearson'])}")
    for control, change in result.get("controls", {}).items():
        print(f"\ncontrol {control}: MAE {show(change['before'])} becomes")
        print(f"  {show(change['after'])}; change {show(change['change'])}")
        if not change["change"].get("low") or change["change"]["low"] <= 0:
            print("  no clear rise: the network hardly needs what was destroyed")
    if outcome := result.get("outcome"):
        print(f"\noutcome of {outcome['n']} animals (Pearson r)")
        for what in ("network", "expert", "difference"):
            print(f"  {what:<26}{show(outcome[what])}")
        test = outcome["williams"]
        words = test["reason"] if test["p"] is None else f"p = {test['p']:.4f}"
        print(f"  {'Williams test':<26}{words}")
    if raters := result.get("second_rater"):
        both = raters["comparison"]
        print(f"\ntwo experts, {both['n_clips']} clips (MAE)")
        for what, words in (
            ("experts", "expert against expert"),
            ("network", "network against experts"),
            ("difference", "difference"),
        ):
            print(f"  {words:<26}{show(both[what])}")
        print(f"  {VERDICTS[both['verdict']]}")
