"""The page of `rate.py` in a real browser."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def start(folder, *options):
    """Start the script; return the process and the address that it prints."""
    command = [sys.executable, ROOT / "rate.py", "--data", folder, "--no-browser"]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().split()[-1]


def listen(tab, seen):
    """Note all that a tab asks, gets and complains of."""
    tab.on("request", lambda r: seen.append(r.url + str(r.headers)))
    tab.on("response", lambda r: seen.append(str(r.headers)))
    tab.on("console", lambda m: seen.append(f"CONSOLE {m.text}"))
    tab.on("pageerror", lambda e: seen.append(f"CONSOLE {e}"))
