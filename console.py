"""What a script says to its user: problems, cautions, exit codes.

The one module that every other may import; it imports none of ours.
"""

import contextlib
import os
import sys
import warnings


class Problem(Exception):
    """Something the user can mend. Its text says what was found and what to do."""


class Caution(UserWarning):
    """Something the user should know although the work goes on."""


@contextlib.contextmanager
def quietly():
    """Hold back what native libraries write to stderr while they start.

    TensorFlow logs from C++ before any Python setting reaches it, so the file
    descriptor itself is turned away for as long as the import takes.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def show_cautions():
    """Print each `Caution` as one line on stderr; keep other warnings to themselves."""

    def show(message, category, filename, lineno, file=None, line=None):
        print(f"warning: {message}", file=sys.stderr)

    warnings.showwarning = show
    warnings.simplefilter("ignore")
    warnings.simplefilter("always", Caution)


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
    try:
        code = main() or 0
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("\nstopped; what was done is kept", file=sys.stderr)
        code = 130
    except (Problem, OSError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        code = 2
    sys.exit(code)
