"""Small file systems."""

import contextlib
import shutil
import subprocess
import sys

import pytest


@contextlib.contextmanager
def small_disk(place, kilobytes):
    """Mount a small file system where root allows it."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
    if not sys.platform.startswith("linux") or shutil.which("mount") is None:
        pytest.skip("needs mount")
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)
