"""What the paths of videos tell: animals, groups, sessions, and names of clips."""

import itertools
import math
import re
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

import data
from names import labels
from names.matching import form_of_animal
from names.sessions import EVENTS, find_order, name_sessions
from system.storage import FORBIDDEN, find_name_fault
from system.tables import count, fold, list_some
from system.terminal import caution

SPLIT_WORDS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
# What labs call animals, sessions and groups, in English, German and short forms; the
# earlier a pattern stands, the surer it is.
ANIMAL_WORD = "rat|ratte|mouse|maus|mice|animal|tier|subject|subj|patient|participant"
WORDS = rf"({ANIMAL_WORD}|case|id)[ _.#-]*(?:nr[ _.-]*)?(\d{{1,5}}[a-z]?)"
LETTERS = r"((?!(?:[ctdsvpkwf]|tr|ch|wk)\d)[a-z]{1,2})(\d{1,4})"  # no clip, no trial
SEXES = r"([fm])(\d{1,4})"
ANIMAL_PATTERNS = (
    WORDS,
    r"(g)(\d{1,3})",
    LETTERS,
    SEXES,
    rf"({ANIMAL_WORD})[ _-]+([a-z])",
    r"(wt|ko|tg|het|hom|mut|sham|stroke|lesion|ctrl|control)[ _-]?(\d{1,4})",
    r"(?<![^/])()((?!(?:19|20)\d\d/)\d{3,5}(?=/))",  # a folder's, the ear tag
)
STRAIN = (
    r"q175|r6[ _/-]?2|n171|(?:c57)?[ _/-]?bl[ _/-]?6[jn]?|b6[jn]?|ps1|cd-?1|ai\d\d?"
)
CAGE = r"(?:cage|k[aä]e?fig|litter|wurf|cohort|kohorte|batch)[ _.-]*\d{1,4}"
DATE = (
    r"((?:19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d|[0-3]?\d[-_.][01]?\d[-_.](?:20)?\d\d"
    r"|[12]\d[01]\d[0-3]\d)"  # without its century
)
# What a session is called by; what stands together belongs together, as in `post-d3`.
SEP, EVENT = r"[-_ .]*", "|".join(sorted(EVENTS, key=len, reverse=True))
# Of `3 day 10` the number behind counts; `3 days 10` and `7 dpi 1` end with a trial.
WEEK, DAY, GAP = "week|wk|w|woche|month|monat", "day|tag|pod|psd|d|hour", "[ _.+-]*"
PARTS = {
    "phase": r"(?:pre|post|baseline|bsl|bl(?!6)|before|after|vorher|nachher|vor|nach"
    r"|recovery|retention|habituation|wash[ _-]?out|follow[ _-]?up)"
    rf"(?:[ _-]?(?:{EVENT}))?(?:\d{{1,2}}(?![\ddwhm]))?",  # but post7d
    "week": rf"(?:(?<!\d)(?:{WEEK}|weeks|wks|wpi|months){GAP}\d{{1,3}}"
    rf"|\d{{1,3}}(?![ _-](?:{WEEK}){GAP}\d)"
    r"[ _-]?(?:weeks?|wks?|wpi|w|wochen?|months?|mos?|monaten?|years?))",
    "day": rf"(?:(?<!\d)(?:{DAY}|days|hours|dp[iols]|min){GAP}\d{{1,3}}"
    r"|(?![23]d[ _-]*(?:cam|pose|kin|track|model|view|dlc))"  # but 3D_cam
    rf"\d{{1,3}}(?![ _-](?:{DAY}){GAP}\d)"
    r"[ _-]?(?:days?|tagen?|dp[iols]|d|hours?|hrs?|hpi|h|minutes?|mins?))",
    "session": r"(?:session|sess|sitzung)[ _.-]*\d{1,3}",
}
# Behind it the trial may stand: d3a, d3t1, 3dt1.
STOP = r"(?:(?![^\W_])|(?<=\d)(?=[^\W\d_])|(?=(?:t|trial|clip|rep)\d))"
RUN = "|".join(PARTS.values())
RUN = rf"(?<![^\W_])(?:{RUN})(?:{SEP}(?:{RUN}))*{STOP}"
NO_GROUP = labels.words(  # in the name of a file or folder they may mean anything else
    "con normal baseline intact mg hd ad dose rehab patient patients affected "
    "unaffected treatment"
)
GROUPS = (labels.HEALTHY | labels.IMPAIRED | labels.TREATED) - NO_GROUP
# What one animal may get one after the other, so that no group is meant.
GIVEN = labels.TREATED | {"vehicle", "veh", "saline", "nacl", "pbs", "placebo"}
START, END = r"(?<![a-zA-ZäöüÄÖÜß\d])", r"(?![a-zA-ZäöüÄÖÜß\d])"


def guess_clips(folder, videos, split=None, task=None):
    """Guess what videos of a folder show from their paths: a Clip each, of 0 frames as
    yet. `split` and `task` may be known already."""
    texts = [describe_place(folder, video) for video in videos]
    task = task or safe_name(Path(folder).resolve().name) or "Task"
    animals = find_animals(texts)
    groups, sessions = find_groups(texts), find_sessions(texts, animals)
    told = settle_labels(texts, animals, groups, sessions)
    columns = zip(videos, texts, name_clips(folder, videos), *told, strict=True)
    clips = []
    for video, text, name, *labelled in columns:
        words = [w for w in text.casefold().split("/")[:-1] if w in SPLIT_WORDS]
        own = split or (SPLIT_WORDS[words[0]] if words else "train")
        clip = data.Clip(own, task, name, 0, math.nan, *labelled)
        clips.append(clip._replace(video=video.resolve().as_posix()))
    return clips


def place_in(folder, video, elsewhere=None):
    """Say where a video lies in a folder; if it does not: `elsewhere`, or its name."""
    folder, video = Path(folder).resolve(), Path(video)
    is_inside = folder in video.parents
    return (
        video.relative_to(folder).as_posix() if is_inside else elsewhere or video.name
    )


def describe_place(folder, video):
    """Join the folders below `folder` and the name of a video, NFC, with slashes."""
    place = video.relative_to(folder).with_suffix("").as_posix()
    return unicodedata.normalize("NFC", place)


def find_sessions(texts, animals):
    """Find the session in each path. Where most paths with a date have a session beside
    it, `pre 2024-03-04`, that is taken, as animals have days of their own; the date
    where an animal has several in one session."""
    dates = [re.search(START + DATE + END, text) for text in texts]
    dates = [found and found[1] for found in dates]
    named = [find_session(text) for text in texts]
    dated, days = list(zip(animals, named, dates, strict=True)), defaultdict(set)
    both = [each for each in dated if each[1] and each[2]]
    if 2 * len(both) <= sum(map(bool, dates)):
        return [date or session for _, session, date in dated]
    for animal, session, date in both:
        days[animal, session].add(date)
    several = [key for key, own in days.items() if key[0] and len(own) > 1]
    beside = list_some(sorted({session for _, session, _ in both}))
    if several:
        animal, session = min(several)
        why = f"{animal} has several dates in {session}"
        caution(f"dates in names are taken as sessions, not {beside}: {why}")
        return [date or session for _, session, date in dated]
    caution(f"{beside} are taken as sessions; the dates in names are not used")
    return [session or date for _, session, date in dated]


def find_session(text):
    """Find the session in a path, but for its date: phase, week, day and number,
    `post-d3` as it is spelled there, or by hyphens where they stand apart."""
    number = rf"{START}{ANIMAL_PATTERNS[0]}(?={GAP}[a-z]+{GAP}\d)"  # rat 3 dpi 7
    text = re.sub(number, "/", text, flags=re.I)
    told, runs = {}, [run[0] for run in re.finditer(RUN, text, re.I)]
    kinds = {
        run: [kind for kind, part in PARTS.items() if re.search(part, run, re.I)]
        for run in runs
    }
    for run in sorted(kinds, key=lambda run: -len(kinds[run])):
        for kind in kinds[run]:
            told.setdefault(kind, run)
    return "-".join(run for run in kinds if run in told.values()) or None


def find_animals(texts):
    """Find the animal in each path by the pattern that finds most, the surest of such;
    what is doubtful is named."""
    bare, tried = drop_strains(texts), {}
    for pattern in ANIMAL_PATTERNS:
        own = [[find_animal(pattern, text) for text in each] for each in (bare, texts)]
        if pattern != SEXES or any(name and name[0] in "mM" for name in own[0]):
            tried[pattern] = own
    pattern = max(tried, key=lambda p: [len(own) - own.count(None) for own in tried[p]])
    found = [sure or name for sure, name in zip(*tried[pattern], strict=True)]
    spelled = {}  # `m01` and `M1` as most often
    for animal, _ in Counter(filter(None, found)).most_common():
        spelled.setdefault(form_of_animal(animal), animal)
    animals = [animal and spelled[form_of_animal(animal)] for animal in found]
    clips_of = Counter(
        name for sure, name in zip(*tried[pattern], strict=True) if not sure
    )
    strains = [name for name, n in clips_of.items() if name and n > 1]
    sides = {name[0].casefold() for name in spelled} == {"l", "r"} and spelled.values()
    for what, names in (("strains", strains), ("sides", sides)):
        if names:
            caution(
                f"taken for animals, though they may be {what}: {list_some(names)}. If "
                "they are, correct the column animal"
            )
    if pattern != WORDS:
        warn_of_several(texts, animals, LETTERS)
    warn_of_several(texts, animals, CAGE)
    return animals


def drop_strains(texts):
    """Leave out strains in paths: `Q175`, and `R6_2` where no animal is called R7."""
    strain = re.compile(f"{START}(?:{STRAIN}){END}", re.I)
    others = [find_words(LETTERS, strain.sub("/", text)) for text in texts]
    letters = {other.rstrip("0123456789") for other in set().union(*others)}

    def drop(found):
        letter = re.match(r"[a-z]+", found[0].casefold())[0]
        return found[0] if letter in letters else "/"

    return [strain.sub(drop, text) for text in texts]


def find_words(pattern, text):
    """Find the forms of all that a pattern finds in a path: set of str."""
    found = re.finditer(START + pattern + END, text, re.I)
    return {form_of_animal(each[0]) for each in found}


def warn_of_several(texts, animals, pattern):
    """Caution where a pattern finds several others in the paths of one animal, and, but
    for cages, none of them in those of another."""
    found = defaultdict(set)
    for text, animal in zip(texts, animals, strict=True):
        words = find_words(pattern, text) - {animal and form_of_animal(animal)}
        found[animal] |= {w for w in words if not re.fullmatch(rf"[lr]\d+|{RUN}", w)}
    found.pop(None, None)
    shared = Counter(itertools.chain(*found.values()))
    several = [animal for animal, own in found.items() if len(own) > 1]
    if several and (pattern == CAGE or max(shared.values()) == 1):
        own = list_some(sorted(found[several[0]]))
        caution(
            f"{count(len(several), 'animal')} with more than one number (say, "
            f"{several[0]}: {own}). If they are several, correct the column animal"
        )


def find_animal(pattern, text):
    """Find an animal in a path, its number as it is written: `rat_012` is `Rat 012`."""
    for found in re.finditer(START + pattern + END, text, re.I):
        word, number = found[1], found[2].casefold()
        number = number.upper() if number.isalpha() else number
        return f"{word.capitalize()} {number}" if len(word) > 2 else word + number
    return None


def find_groups(texts):
    """Find the word for a group in each path: that of the lowest folder, else of the
    name, but first from where the words differ among paths."""
    found, forms = [list_groups(text) for text in texts], defaultdict(set)
    for place, word in itertools.chain(*map(dict.items, found)):
        forms[place].add(labels.form_of(word))
    told = [
        [word for place, word in own.items() if len(forms[place]) > 1]
        or [*own.values()]
        for own in found
    ]
    groups = [words[0] if words else None for words in told]
    both = [len({*map(labels.is_healthy, words)}) > 1 for words in told]
    if any(both):
        text, words = next(itertools.compress(zip(texts, told, strict=True), both))
        named = " and ".join(dict.fromkeys(words))
        caution(
            f"{count(sum(both), 'path')} with two groups (say, {named} in {text}): "
            f"taken for {words[0]}. If that is wrong, correct the column group"
        )
    return groups


def list_groups(text):
    """List the words for groups in a path, the lowest folder first, the name last, by
    place: level from below, and number there."""
    *folders, name = text.split("/")
    levels = [*enumerate(reversed(folders), start=1), (0, name)]
    return {
        (level, number): word
        for level, part in levels
        for number, word in enumerate(iterate_groups(part))
    }


def iterate_groups(part):
    """Yield the words for groups in a part of a path, each with a `no` before it."""
    before = ""
    for word in re.split(r"[\s_.,()]+|(?<=[a-z])(?=[A-Z])", part):
        form = labels.simplify(word)
        first, _, rest = form.partition("-")
        is_not = first in labels.NOT and rest in GROUPS  # no-stroke
        if is_not or form.replace("-", "") in GROUPS:
            told = f"{before} {word}" if labels.simplify(before) in labels.NOT else word
            yield told.capitalize() if told.islower() else told
        before = word


def settle_labels(texts, animals, groups, sessions):
    """Settle labels of paths together: lists of animals, groups and sessions.

    What animals get one after the other, as `rat1_healthy` and `rat1_stroke`, is a
    session. Where numbers begin anew below each group, as in `sham/rat1` and
    `stroke/rat1`, each group has its own animals.
    """
    of_animal, columns = defaultdict(set), [*zip(texts, groups, animals, strict=True)]
    for _, group, animal in columns:
        if animal is not None:
            of_animal[animal].add(group)
    both = sorted(animal for animal, own in of_animal.items() if len(own - {None}) > 1)
    known = {*groups} - {None}
    is_one = len(known) == 1 and len(of_animal) > 1
    is_all = bool(of_animal) and all(len(own) > 1 for own in of_animal.values())
    are_apart = not GIVEN & {*map(labels.simplify, known)}
    are_apart = are_apart and all(is_above(*c) for c in columns if c[2] in both)
    told = ", ".join(sorted(known))
    if is_all and (is_one or (both and not are_apart)):
        how = "with and without it" if is_one else "of more than one"
        caution(f"{told}: every animal has clips {how}, so sessions, not groups")
        sessions = [s or g for s, g in zip(sessions, groups, strict=True)]
        groups = [None] * len(groups)
    elif both:
        how = "one animal each"
        if are_apart:
            how = f"animals of their own in each, as {min(known)} {both[0]}"
            animals = [f"{g} {a}" if a in both and g else a for _, g, a in columns]
        caution(
            f"{list_some(both)} in several groups ({told}): taken for {how}. If they "
            "are others, correct the column animal"
        )
    return animals, groups, sessions


def is_above(text, group, animal):
    """Tell whether a path names a group before it names the animal."""
    numbers = [
        found.start()
        for pattern in ANIMAL_PATTERNS
        for found in re.finditer(START + pattern + END, text, re.I)
        if form_of_animal(found[1] + found[2]) == form_of_animal(animal)
    ]
    place = group and re.search(group.replace(" ", r"[\s_.,()]*"), text, re.I)
    return bool(place) and place.start() < min(numbers, default=math.inf)


# ---------------------------------------------------------------- names


def safe_name(text):
    """Make a name of a text that stands for a file on every system; "" of none."""
    text = "".join(
        "_" if c in FORBIDDEN or unicodedata.category(c)[0] == "C" else c for c in text
    )
    text = unicodedata.normalize("NFC", text)
    text = text.encode(errors="replace").decode()[:100].strip(" ._-")
    return f"clip_{text}" if text and find_name_fault(text) else text


def name_clips(folder, videos):
    """Name the clip of each video by its file, with folders where two are alike."""
    alike, names = Counter(fold(video.stem) for video in videos), {}
    for video in videos:
        is_clear = alike[fold(video.stem)] == 1 and not find_name_fault(video.stem)
        place = describe_place(folder, video).replace("/", "_")
        name = safe_name(video.stem if is_clear else place) or "clip"
        numbered = (f"{name}_{number}" for number in itertools.count(2))
        free = (n for n in itertools.chain([name], numbered) if fold(n) not in names)
        name = next(free)
        names[fold(name)] = name
    return list(names.values())


def describe_guess(clips, listed=(), n_shown=10):
    """Put a guess into a table and a line of numbers: list of str. Labels that differ
    in spelling, also from those that are `listed`, count as one."""
    rows = [("clip", "animal", "group", "session", "split")]
    rows += [(c.name, c.animal, c.group, c.session, c.split) for c in clips[:n_shown]]
    rows = [[field or "-" for field in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    if len(clips) > n_shown:
        lines.append(f"... and {len(clips) - n_shown} more")
    counts, found = [f"{len(clips)} clips"], {}
    spell = {"animal": list, "session": name_sessions, "group": labels.name_groups}
    for column in spell:
        named = spell[column]([getattr(clip, column) for clip in (*listed, *clips)])
        named = named[len(listed) :]
        lost = [c.name for c, label in zip(clips, named, strict=True) if label is None]
        found[column] = known = Counter(filter(None, named))
        text = f"{len(known) or 'no'} {column}{'' if len(known) == 1 else 's'}"
        if column == "group" and known:
            text += f" ({', '.join(f'{k} {n}' for k, n in sorted(known.items()))})"
        if known and lost:
            text += f" and {count(len(lost), 'clip')} without ({list_some(lost, 3)})"
        counts.append(text)
    days = find_order(found["session"])
    shown = " -> ".join(days) if days else ", ".join(sorted(found["session"]))
    told = [f"sessions: {shown}"] * (len(found["session"]) > 1)
    return [*lines, "", *told, ", ".join(counts)]
