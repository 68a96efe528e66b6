"""Arrows between modules run one way: a module imports only from storeys below it."""

import ast
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

HOUSE = Path(__file__).parents[1]
SCRIPTS = (
    *("extract_files", "rate", "extract_features", "train_reg", "validate", "score"),
    *("explain", "download_checkpoint", "share"),
)
STOREYS = (  # from the ground up
    ("console",),
    ("backend", "files", "processes"),
    ("tables", "names", "labels", "dates"),
    ("figures", "sessions"),
    ("clip_table",),
    ("data", "foreign", "drawn", "pages"),
    ("sources", "video"),
    ("plans", "frames"),
    ("origins",),
    ("sequences",),
    ("inception", "lstm", "models", "motion"),
    ("extractor",),
    ("records", "packing", "shelf"),
    ("runs", "scoring"),
    ("folds", "judging"),
    ("limits", "familiar"),
    ("learning", "fitting"),
    ("training",),
    ("cluster", "explaining", "rating", "slicing"),
    ("new_animals", "new_clips", "contrasting"),
    SCRIPTS,
    ("demo",),
)
FLOOR_OF = {name: i for i, storey in enumerate(STOREYS) for name in storey}


def list_modules():
    found = [*HOUSE.glob("*.py"), *HOUSE.glob("*/*.py")]
    return [p for p in found if p.parent.name not in ("tests", "benchmarks")]


def list_imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.split(".")[0]


def room_of(path):
    return path.stem if path.parent == HOUSE else path.parent.name


@pytest.mark.parametrize("path", list_modules(), ids=lambda p: p.stem)
def test_a_module_imports_from_below_only(path):
    room = room_of(path)
    assert room in FLOOR_OF, f"say in STOREYS where {room} stands"
    same = (
        "judging",
        "explaining",
        "rating",
        "slicing",
        "drawn",
        "foreign",
        "pages",
        "video",
    )
    for name in set(list_imports(path)) & set(FLOOR_OF):
        is_own = name == room and room in same
        beside = FLOOR_OF[name] == FLOOR_OF[room] and room not in SCRIPTS
        allowed = is_own or FLOOR_OF[name] < FLOOR_OF[room] or beside
        assert allowed, f"{path.name} imports {name}, which stands above it"


def test_packages_keep_their_contracts(monkeypatch):
    monkeypatch.chdir(HOUSE)
    assert lint_imports(config_filename="pyproject.toml", no_cache=True) == 0
