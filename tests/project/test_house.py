"""Rooms stand in layers: a module imports only from layers below its own."""

import ast
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

HOUSE = Path(__file__).parents[2]
SCRIPTS = (
    "extract_files",
    "rate",
    "extract_features",
    "train_reg",
    "validate",
    "score",
    "explain",
    "share",
    "download_checkpoint",
    "demo",
)
LAYERS = (  # from the ground up
    ("system",),
    ("names",),
    ("reports",),
    ("models", "video"),
    ("data",),
    ("features",),
    ("extractor", "recordings", "synthetic"),
    ("rating", "runs"),
    ("training",),
    ("evaluation",),
    ("explanation",),
    SCRIPTS,
)
LAYER_OF = {room: i for i, layer in enumerate(LAYERS) for room in layer}


def list_modules():
    found = [*HOUSE.glob("*.py"), *HOUSE.glob("*/*.py")]
    return [p for p in found if p.parent.name not in ("tests", "benchmarks", "docs")]


def list_imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.split(".")[0]


@pytest.mark.parametrize(
    "path", list_modules(), ids=lambda p: f"{p.parent.name}-{p.stem}"
)
def test_a_module_imports_from_layers_below_only(path):
    room = path.stem if path.parent == HOUSE else path.parent.name
    assert room in LAYER_OF, f"say in LAYERS where {room} stands"
    for name in {*list_imports(path)} & {*LAYER_OF} - {room}:
        assert LAYER_OF[name] < LAYER_OF[room], f"{path.name} imports {name}"


def test_packages_keep_their_contracts(monkeypatch):
    monkeypatch.chdir(HOUSE)
    assert lint_imports(config_filename="pyproject.toml", no_cache=True) == 0


@pytest.mark.parametrize("path", list_modules(), ids=str)
def test_files_and_functions_can_be_read_at_once(path):
    text = path.read_text(encoding="utf-8")
    lengths = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
    }
    assert len(text.splitlines()) <= 400
    assert not {name: n for name, n in lengths.items() if n > 60}
