"""Give every command of a page, and write what it printed below it.

    python docs/build.py
    python docs/build.py --page docs/ten_minutes.md --weights weights.h5

Each bash block is run in a temporary folder, line by line, and the text block after it
is replaced by what was printed. A picture whose title is a path is copied from there.
By default features come from an untrained network, so that no internet is needed.
"""

import argparse
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"```bash\n(.*?)```(\n\n```text\n)?.*?(?=```|\Z)", re.DOTALL)
PICTURE = re.compile(r'!\[[^]]*\]\(([^ )]+) "([^"]+)"\)')
LONGEST, MOST = 100, 21  # characters of a line that was printed, lines of a block


def run(command, folder, weights):
    """Run a command as typed in the project's folder; what it printed, both streams."""
    _, script, *arguments = shlex.split(command)
    if script == "extract_features.py":
        arguments += ["--weights", weights]
    done = subprocess.run(
        [sys.executable, ROOT / script, *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    printed = done.stdout.replace(f"{folder}/", "").replace(f"{ROOT}/", "")
    if done.returncode:
        raise SystemExit(f"$ {command}\n{printed}\nexit code {done.returncode}")
    return printed


def wrap(line):
    """Wrap a printed line as a terminal does, at words, and indent what follows."""
    if len(line) <= LONGEST:
        return line.rstrip()
    return "\n".join(textwrap.wrap(line, LONGEST, subsequent_indent="    "))


def build(page, weights="random"):
    """Run a page's commands; write their output into it, and its pictures beside it."""
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder).resolve()

        def replace(match):
            commands, has_output = match.groups()
            if not has_output:
                return match.group()
            outputs = []
            for command in commands.replace("\\\n", " ").splitlines():
                print(f"$ {command}", flush=True)
                outputs.append(run(command, folder, weights).rstrip())
            lines = [wrap(line) for line in "\n".join(outputs).splitlines()]
            lines = "\n".join(lines).splitlines()
            printed = "\n".join(["..."] * (len(lines) > MOST) + lines[-MOST:])
            return f"```bash\n{commands}```\n\n```text\n{printed}\n"

        text = BLOCK.sub(replace, text)
        page.write_text(text, encoding="utf-8")
        for target, source in PICTURE.findall(text):
            (page.parent / target).parent.mkdir(exist_ok=True)
            shutil.copyfile(folder / source, page.parent / target)


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--page", type=Path, default=ROOT / "docs" / "ten_minutes.md")
    add("--weights", default="random", help="random, imagenet or a file")
    args = parser.parse_args(argv)
    build(args.page, args.weights)


if __name__ == "__main__":
    main()
