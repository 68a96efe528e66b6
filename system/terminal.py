"""What a script writes to its user: problems, cautions, exit codes.

The one module that every other may import; it imports none of ours.
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036, an older Python shall say so
    sys.stderr.write(
        "error: Python 3.10 to 3.13 is needed; this is Python "
        f"{sys.version_info[0]}.{sys.version_info[1]}. Make the environment with a "
        "newer one, say, python3.12 -m venv .venv\n"
    )
    sys.exit(2)

import argparse
import contextlib
import importlib.metadata
import io
import math
import os
import platform
import re
import signal
import threading
import traceback
import warnings

from system import VERSION

# Of numpy, scipy and scikit-learn, before they are loaded; TensorFlow uses all cores.
# Products here are small: clustering 2,500 frames took 11 s on two busy cores, 0.2 s
# with one thread. Nor do last digits depend on the cores then.
for library in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(library, "1")

INTERNAL = 70  # exit code of an internal error, as in sysexits.h
PACKAGES = (  # those of requirements.txt, as they are imported
    "av h5py jinja2 keras matplotlib numpy openpyxl pandas PIL requests scipy sklearn "
    "tensorboard tensorflow tqdm"
)


class Problem(Exception):
    """Something the user can mend. Its text says what was found and what to do."""


class Caution(UserWarning):
    """Something the user should know although the work goes on."""


def show_cautions():
    """Print each `Caution` as one line on stderr, once; keep other warnings silent."""
    said = set()

    def show(message, category, filename, lineno, file=None, line=None):
        if str(message) not in said:
            said.add(str(message))
            say(f"warning: {message}")

    warnings.showwarning = show
    warnings.simplefilter("ignore")
    warnings.simplefilter("always", Caution)


def caution(text):
    """Warn the user of something although the work goes on."""
    warnings.warn(text, Caution, stacklevel=3)


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help that names each option's default."""

    def _get_help_string(self, action):
        silent = action.default in (None, False, "", argparse.SUPPRESS)
        text = action.help or ""
        return text if silent or "%(default)" in text else f"{text} (%(default)s)"


class Parser(argparse.ArgumentParser):
    """Prints the script's docstring with the help, and an error in one line."""

    def __init__(self, doc, takes=""):
        super().__init__(
            usage=f"python %(prog)s {takes}[options]",
            description=(doc or "").strip(),
            formatter_class=HelpFormatter,
        )
        # A value may begin with a hyphen, as -2:2 and -(sham|lesion) do.
        self._negative_number_matcher = re.compile("-[^-]")

    def error(self, message):
        self.exit(
            2, show_codes(f"error: {message}. {self.prog} --help lists all options\n")
        )


def begin_options(parser, title=None, defaults=None):
    """Begin a group of options, whose defaults are the attributes of one object.

    Gives the function that adds an option: its flag, its kind (a type, the choices, or
    bool for a switch), what it does, and what else `add_argument` takes.
    """
    group = parser.add_argument_group(title) if title else parser

    def add(flag, kind, text, **more):
        name = flag.strip("-").replace("-", "_")
        if kind is bool:
            more["action"] = "store_true"
        else:
            more["choices" if isinstance(kind, tuple) else "type"] = kind
            more.setdefault("default", getattr(defaults, name, None))
        group.add_argument(flag, help=text, **more)

    return add


HEALTHY = "the healthy group; by default the one so named: control, sham, WT, vehicle"
ANIMALS = "a table of your animals, .csv or .xlsx: animal and any of group, session"
SESSIONS = (
    "the sessions from first to last, such as pre,post; by default as labels tell"
)


def checked(read, is_right, expected):
    """Make an argparse type whose error names what it expects."""

    def convert(text):
        try:
            value = read(text)
        except (ValueError, re.error):
            value = None
        if value is None or not is_right(value):
            raise argparse.ArgumentTypeError(f"expected {expected}. Received: {text!r}")
        return value

    return convert


CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def show_codes(text):
    """Show control codes as what they are; a terminal would execute them."""
    return CONTROL.sub(lambda found: repr(found[0])[1:-1], str(text))


class PlainStream:
    """A stream that lets no control code through to the terminal."""

    def __init__(self, stream):
        self.stream = stream

    def write(self, text):
        return self.stream.write(show_codes(text))

    def __getattr__(self, name):
        return getattr(self.stream, name)


positive_int = checked(int, lambda n: n > 0, "a whole number above 0")
positive_float = checked(float, lambda x: 0 < x < math.inf, "a number above 0")
seed = checked(int, lambda n: 0 <= n < 2**31, "a whole number from 0 to 2147483647")
natural = checked(int, lambda n: n >= 0, "a whole number, 0 or more")
fraction = checked(float, lambda x: 0 <= x < 1, "a number from 0 up to 1")
pattern = checked(lambda text: re.compile(text).pattern, bool, "a regular expression")


def list_versions():
    """Return the versions that a result depends on, for the records."""
    found = {"behavior_net": VERSION, "python": platform.python_version()}
    for package in ("keras", "tensorflow", "numpy", "av", "pillow"):
        found[package] = importlib.metadata.version(package)
    return found


def report_failed(problems, n_clips):
    """List the clips that failed on stderr; gives the exit code, 1 where one failed."""
    if problems:
        say("\n  ".join([f"{len(problems)} of {n_clips} clips failed:", *problems]))
    return int(bool(problems))


class Stopped(KeyboardInterrupt):
    """The system asked the script to end."""


def say(text):
    """Write a line to stderr; unless that is closed or full."""
    try:
        print(show_codes(text), file=sys.stderr, flush=True)
    except (OSError, ValueError, AttributeError):
        turn_away(sys.stderr, 2)


def turn_away(stream, descriptor):
    """Let what a stream still holds go nowhere, or Python's end would fail on it."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
        stream.flush()


def stop(number, _frame):
    raise Stopped(number)


def listen_to_system():
    """End on SIGTERM and SIGHUP as on Ctrl-C; `nohup` still holds."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, stop)


def report_early(kind, error, trace):
    """Report what ends a script while it imports, before `run` can."""
    if issubclass(kind, KeyboardInterrupt):
        return say("\nstopped before anything was begun")
    os._exit(report(error))  # Python itself would leave with 1


sys.excepthook = report_early


def report(error):
    """Print what ended a script: exit code 2 if the user can mend it, else INTERNAL."""
    name = getattr(error, "name", None) if isinstance(error, ImportError) else None
    package = (name or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and package in PACKAGES.split():
        say(
            f"error: the package {package} is missing. Activate the environment with "
            "`source .venv/bin/activate` (on Windows `.venv\\Scripts\\activate`), or "
            "install what is needed with `python -m pip install -r requirements.txt`"
        )
    elif is_memory_full(error):
        say(
            "error: not enough memory: close other programs, or give a smaller "
            "--batch-size, fewer --units, --jobs 1, or fewer clips with --clip. What "
            "was done is kept"
        )
    elif isinstance(error, (Problem, OSError)):
        say(f"error: {error}")
    else:
        versions = f"behavior_net {VERSION}, python {platform.python_version()}"
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions = ", ".join(f"{k} {v}" for k, v in list_versions().items())
        say("".join(traceback.format_exception(error)).rstrip())
        say(
            "internal error: this is a fault of the program, not of your data. Please "
            "report it with the lines above, the command, and these versions: "
            + versions
        )
        return INTERNAL
    return 2


MEMORY_FULL = re.compile(
    r"\bOOM\b|out.of.memory|resource.?exhausted|fail\w* to alloc|allocation fail", re.I
)


def is_memory_full(error):
    """Check whether an error means that memory ran out, the GPU's too.

    TensorFlow's errors are known by name, for this module does not import it.
    """
    if isinstance(error, MemoryError):
        return True
    text = f"{type(error).__name__}: {error}"
    is_tensorflow = "OpError" in (kind.__name__ for kind in type(error).__mro__)
    is_disk = "No space left" in text
    return bool(is_tensorflow and not is_disk and MEMORY_FULL.search(text))


def run(main):
    """Run a script's `main` and leave with its exit code.

    0 done; 1 some clips failed and all others are done; 2 wrong use or input; 70
    internal error; 130, 143, 129 stopped by Ctrl-C, SIGTERM, SIGHUP. A known problem
    is one line on stderr. `main` takes no argument.
    """
    show_cautions()
    # Notebooks hand on a backend that their own environment alone may have; figures
    # here are only ever written to files.
    os.environ["MPLBACKEND"] = "agg"
    if threading.current_thread() is threading.main_thread():
        listen_to_system()
    # A file name may hold what the terminal's encoding does not know; a notebook's
    # stream takes everything, and has no such setting.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    kept = sys.stdout
    sys.stdout = PlainStream(kept if kept is not None else io.StringIO())
    try:
        code = main() or 0
        sys.stdout.flush()
    except KeyboardInterrupt as stop:
        say("\nstopped; what was done is kept")
        code = 128 + (stop.args[0] if isinstance(stop, Stopped) else signal.SIGINT)
    except Exception as error:
        code = report(error)
    finally:
        sys.stdout = kept
    try:
        if kept is not None:
            kept.flush()
    except OSError:
        turn_away(kept, 1)
    sys.exit(code)
