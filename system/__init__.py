"""What the program needs of the computer: terminal, storage, tables, processes."""

VERSION = "0.3.0"  # of the project; named in CITATION.cff and CHANGELOG.md, too
