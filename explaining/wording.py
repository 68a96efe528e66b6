"""How figures are written in words, the same in every section of the page."""

import numpy as np

import files


def count(n, noun):
    return f"{n} {noun}" + ("" if n == 1 else "s")


def number(value, digits=3):
    if value is None or not np.isfinite(value):
        return "not defined"
    return f"{value:.{digits}f}".replace("-", "−")


def tell_interval(found):
    """Write a figure with its interval, or why it has none."""
    if found["value"] is None:
        return f"not defined ({found['reason']})"
    if found["low"] is None:
        return f"{number(found['value'], 4)} (no interval: {found['reason']})"
    low, high = number(found["low"], 4), number(found["high"], 4)
    return f"{number(found['value'], 4)} [{low}, {high}]"


def write_table(table, path):
    with files.replacing(path) as temporary:
        table.to_csv(temporary, index=False)
