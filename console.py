"""What a script says to its user: problems, cautions, exit codes.

The one module that every other may import; it imports none of ours.
"""

import argparse
import importlib.metadata
import math
import os
import platform
import re
import sys
import warnings


class Problem(Exception):
    """Something the user can mend. Its text says what was found and what to do."""


class Caution(UserWarning):
    """Something the user should know although the work goes on."""


def show_cautions():
    """Print each `Caution` as one line on stderr; keep other warnings to themselves."""

    def show(message, category, filename, lineno, file=None, line=None):
        print(f"warning: {message}", file=sys.stderr)

    warnings.showwarning = show
    warnings.simplefilter("ignore")
    warnings.simplefilter("always", Caution)


def caution(text):
    """Warn the user of something although the work goes on."""
    warnings.warn(text, Caution, stacklevel=3)


class HelpFormatter(argparse.HelpFormatter):
    """Help that tells each option's default."""

    def _get_help_string(self, action):
        silent = action.default in (None, False, argparse.SUPPRESS)
        text = action.help or ""
        return text if silent or "%(default)" in text else f"{text} (%(default)s)"


def checked(read, is_right, expected):
    """Make an argparse type that says what it expects."""

    def convert(text):
        try:
            value = read(text)
        except (ValueError, re.error):
            value = None
        if value is None or not is_right(value):
            raise argparse.ArgumentTypeError(f"expected {expected}. Received: {text!r}")
        return value

    return convert


def compile_pattern(text):
    re.compile(text)
    return text


positive_int = checked(int, lambda n: n > 0, "a whole number above 0")
positive_float = checked(float, lambda x: 0 < x < math.inf, "a number above 0")
fraction = checked(float, lambda x: 0 <= x < 1, "a number from 0 up to 1")
pattern = checked(compile_pattern, bool, "a regular expression")


def list_versions():
    """Return the versions that a result depends on, for the records."""
    packages = ("keras", "tensorflow", "numpy", "av", "pillow")
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
    }


def report_failed(problems, n_clips):
    """List the clips that failed on stderr.

    Returns
    -------
    int
        The exit code: 1 where a clip failed, else 0.
    """
    if not problems:
        return 0
    print(f"{len(problems)} of {n_clips} clips failed:", file=sys.stderr)
    for problem in problems:
        print(f"  {problem}", file=sys.stderr)
    return 1


def run(main):
    """Run a script's `main` and leave with its exit code.

    0 done; 1 some clips failed and all others are done; 2 wrong use or input;
    130 stopped with Ctrl-C. A known problem is one line on stderr.

    Parameters
    ----------
    main : callable
        Takes no argument; returns the exit code, or None for 0.
    """
    show_cautions()
    # Notebooks hand on a backend that their own environment alone may have; figures
    # here are only ever written to files.
    os.environ["MPLBACKEND"] = "agg"
    # A file name may hold what the terminal's encoding does not know; a notebook's
    # stream takes everything, and has no such setting.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = main() or 0
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("\nstopped; what was done is kept", file=sys.stderr)
        code = 130
    except MemoryError as error:
        print(f"error: not enough memory. {error}", file=sys.stderr)
        code = 2
    except (Problem, OSError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        code = 2
    sys.exit(code)
