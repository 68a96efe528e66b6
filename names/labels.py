"""Labels as people write them, brought into one form in which they are compared."""

import dataclasses
import re
import unicodedata
from collections import Counter

from system.terminal import Problem, caution

DASHES = dict.fromkeys(map(ord, "‐‑‒–—−"), "-")


def words(text):
    return {*text.split()}


HEALTHY = words(
    "control controls ctrl ctrls ctl con kontrolle kontrollen kontrollgruppe sham "
    "shams shamop shamoperated healthy gesund vehicle vehicles veh saline nacl pbs "
    "placebo mock naive naives wt wildtype wildtypes untreated uninjured unlesioned "
    "unaffected nonlesioned nonstroke nontransgenic nontg intact normal baseline "
    "littermate hc"
)
IMPAIRED = words(
    "stroke strokes lesion lesions lesioned mcao ischemia ischemic ischaemia ischaemic "
    "infarct infarction ko knockout het heterozygous hom homozygous impaired patient "
    "patients injured injury sci tbi cci ohda mptp pd als hd ad parkinson parkinsonian "
    "6ohda mutant mutants mut tg transgenic disease sick schlaganfall lasion unhealthy "
    "affected eae photothrombosis hemorrhage haemorrhage ablated ablation"
)
TREATED = words(
    "drug drugs treated treatment therapy dose stim dbs stimulation stimulated rehab "
    "ldopa levodopa compound mg"
)
NOT = words("non not no without un ohne kein keine nicht")


def simplify(label):
    """Bring a label into the form in which labels are read: no accents, no capitals."""
    text = unicodedata.normalize("NFKD", str(label))
    text = "".join(c for c in text if unicodedata.category(c) != "Mn")
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)  # PostLesion
    return " ".join(text.translate(DASHES).casefold().split())


def form_of(group):
    """Bring the name of a group into the form that its spellings have in common."""
    text = re.sub(r"\s*([+/&])\s*", r"\1", simplify(group))
    text = re.sub(r"(?<=\d)[\s_-]+(?=\d)", " ", text)  # 1-2 is not 12
    text = re.sub(r"(?<=\d)\.0+(?!\d)", "", text)  # but 1.0 is 1
    text = re.sub(r"(?<=[^\W\d])[\s_.-]+(?=\w)|(?<=\w)[\s_.-]+(?=[^\W\d])|_", "", text)
    text = text.strip(" .,;:_")
    return text[:-1] if len(text) > 4 and text.endswith("s") else text


def name_alike(labels, form, what):
    """Give labels of one form the name that most of them have; None stays."""
    known, forms, names = Counter(filter(None, labels)), {}, {}
    for label, _ in known.most_common():
        forms.setdefault(form(label), []).append(label)
    for alike in forms.values():
        names |= dict.fromkeys(alike, alike[0])
        if len(alike) > 1:
            caution(f"{what} taken for one: {', '.join(map(repr, alike))}")
    return [names.get(label) for label in labels]


def name_groups(groups):
    """Give groups that are spelled in two ways one name each; None stays."""
    return name_alike(groups, lambda group: form_of(group) or group, "groups")


def is_healthy(group):
    """Check whether the name of a group means healthy, untreated animals."""
    text = re.sub(r"wild[ _-]?type", "wildtype", simplify(group))
    found = {*re.findall(r"[^\W\d_]+", text)}
    return bool(found & HEALTHY) and not found & (IMPAIRED | TREATED | NOT)


def find_healthy(groups, given=None, recorded=None):
    """Find the healthy one of groups, as `given` by a user or `recorded`, or None."""
    known = sorted({group for group in groups if group})
    for wanted in filter(None, (given, recorded)):
        alike = [group for group in known if group == wanted]
        alike = alike or [g for g in known if form_of(g) == form_of(wanted)]
        if len(alike) == 1:
            return alike[0]
        if given:
            told = f"no clip is of this group. Groups: {', '.join(known) or 'none'}"
            raise Problem(f"--control-group {given}: {told}")
    named = [group for group in known if is_healthy(group)]
    return named[0] if len(named) == 1 else None


def settle_healthy(run, groups, given=None):
    """Say in a `record.Run` which group is healthy, None where nothing tells."""
    recorded, learned = run.control_group, run.target == "group"
    if given and learned and form_of(given) != form_of(recorded or ""):
        raise Problem(
            f"--control-group {given}: run {run.name} learned that {recorded} is "
            "the healthy group. Train again with this option to change that"
        )
    healthy = find_healthy(groups, given, recorded)
    if not healthy and (learned or len({g for g in groups if g}) < 2):
        healthy = recorded or None
    return dataclasses.replace(run, control_group=healthy)


def ask_healthy(groups, healthy, instead):
    """Ask for the healthy group where it is not known; `instead`: what is omitted."""
    known = sorted({group for group in groups if group})
    if not healthy and len(known) > 1:
        caution(
            f"which group is healthy is not known: {', '.join(known)}. Name it with "
            f"--control-group; {instead}"
        )


def order_groups(groups, healthy=None):
    """Put the healthy group first, the others in the order of their names."""
    return sorted({g for g in groups if g}, key=lambda group: (group != healthy, group))
