"""Names, messages and pages speak the words of the field: see data/README.md."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
KINDS = ("*.py", "*.md", "*.html", "*.txt")
# What stood for validation, prediction, evaluation, baseline, held out, corrupt:
NOT = re.compile(
    r"\btell_|\bsay_|\bforet[eo]l|\bjudg(e|ing)|\bwatched(?!_clips)|\bfloors?\b(?!\()"
    r"|nobody|\bspoiled|\btorn\b|_torn\b|\bobeys?\b|\bunlike\b|\bfamiliar\b|\bstrange\b"
    r"|error saved|left[- ]out (animals|of the training)|\ball the same\b"
    r"|cannot be told|no fair rival|\boff by\b|of its own\b|leak meter",
    re.IGNORECASE,
)
FINE = {
    "synthetic/drawing.py": "the floor",  # of a drawn room
}


def list_files():
    found = subprocess.run(
        ["git", "ls-files", *KINDS], cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    files = found.stdout.split() or [
        str(p.relative_to(ROOT)) for kind in KINDS for p in ROOT.rglob(kind)
    ]
    others = ("tests/", "data/d", ".")
    return [name for name in files if not name.startswith(others)]


def test_words_that_stood_for_the_fields_own_are_gone():
    found = [
        f"{name}:{n}: {line.strip()}"
        for name in list_files()
        for n, line in enumerate(
            (ROOT / name).read_text(encoding="utf-8").splitlines(), start=1
        )
        if NOT.search(line.replace("math.floor", "").replace("Math.floor", ""))
        and FINE.get(name, "\0") not in line
    ]
    assert not found, "\n".join(found)
