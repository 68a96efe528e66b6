"""A run on disk: its options, its record, and what its scores are worth."""

import system.terminal  # noqa: F401, reports also that a package is missing
