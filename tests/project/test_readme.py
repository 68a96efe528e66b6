"""The pages: each command exists with its options, each file and link is there."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += [ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "data" / "README.md"]
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
TEXT = "\n".join(TEXTS.values())
COMMANDS = [
    line
    for block in re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]
INLINE = re.findall(r"`(python [^`]+)`", TEXT.replace("\n", " "))
SCRIPTS = sorted({word for c in COMMANDS for word in c.split() if word.endswith(".py")})


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS + INLINE if c[:7] == "python "]
)
def test_a_command_of_the_readme_is_understood(command):
    _, script, *arguments = shlex.split(command)
    parse = importlib.import_module(script.removesuffix(".py")).parse_args
    parse(arguments)


def test_the_two_first_commands_install_and_run():
    first, second = COMMANDS[:2]
    for command, requirements, last in (
        (first, "requirements.txt", "demo.py"),
        (second, "requirements-dev.txt", "pytest"),
    ):
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install")
        assert f"-r {requirements} " in command and command.endswith(last)
        assert (ROOT / requirements).is_file()


def test_ci_runs_the_readme_s_test_command():
    assert COMMANDS[1] in (ROOT / ".ci" / "run").read_text()


def test_every_module_has_its_place_in_the_file_map():
    modules = {path.name for path in ROOT.glob("*.py")}
    packages = {f"{path.parent.name}/" for path in ROOT.glob("*/__init__.py")}
    named = set(re.findall(r"`(\w+(?:\.py|/))`", TEXT))
    assert modules | packages <= named
    assert all((ROOT / name).exists() for name in named)


def test_links_and_pictures_exist():
    for page, text in TEXTS.items():
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
            assert (page.parent / target.split()[0]).exists(), f"{page.name}: {target}"


def test_pages_are_short():
    lengths = {
        str(page.relative_to(ROOT)): len(text.splitlines())
        for page, text in TEXTS.items()
    }
    assert lengths.pop("README.md") <= 150 and max(lengths.values()) < 200, lengths


def test_the_version_is_the_same_everywhere():
    from system import VERSION

    assert f"version: {VERSION}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"## [{VERSION}]" in (ROOT / "CHANGELOG.md").read_text()


def test_nothing_is_left_to_fill_in():
    assert "@@" not in TEXT


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_answers_without_the_networks(script):
    import subprocess
    import sys

    code = (
        "import sys, importlib\n"
        f"module = importlib.import_module({script[:-3]!r})\n"
        "try:\n    module.parse_args(['--help'])\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'keras', 'tensorflow', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
