"""Compare the numbers that two versions of the scripts wrote, to the last bit.

    python benchmarks/same_numbers.py before/demo_data after/demo_data

Run the same commands with both versions, each on a copy of one working folder, then
compare. Every CSV of predictions/ and figures/ and every number of every JSON there
counts; what only one side has is named.
"""

import argparse
import csv
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from system import terminal

IGNORED = ("versions", "options", "inputs", "run_record", "data", "seconds")


def list_numbers(content, place=""):
    """Walk through JSON: yield (place, value) of all that is no container."""
    if isinstance(content, dict):
        for key, value in content.items():
            if key not in IGNORED:
                yield from list_numbers(value, f"{place}/{key}")
    elif isinstance(content, list):
        for number, value in enumerate(content):
            yield from list_numbers(value, f"{place}/{number}")
    else:
        yield place, content


def read_numbers(path):
    """Read a CSV or JSON file as a dict of place to value."""
    if path.suffix == ".json":
        return dict(list_numbers(json.loads(path.read_text())))
    with path.open(newline="") as file:
        rows = csv.DictReader(file)
        return {(n, key): row[key] for n, row in enumerate(rows) for key in row}


def list_results(folder):
    """Map the result files of a working folder to their paths."""
    found = [*folder.glob("predictions/*"), *folder.glob("figures/**/*")]
    kept = [p for p in found if p.suffix in (".csv", ".json")]
    return {p.relative_to(folder).as_posix(): p for p in sorted(kept)}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    args = parser.parse_args(argv)
    before, after = list_results(args.before), list_results(args.after)
    for name in sorted(set(before) ^ set(after)):
        print(f"only {'before' if name in before else 'after'}: {name}")
    n_same = n_other = 0
    for name in sorted(set(before) & set(after)):
        one, two = read_numbers(before[name]), read_numbers(after[name])
        differing = [k for k in one if k in two and one[k] != two[k]]
        n_other += len(differing)
        n_same += sum(k in two for k in one) - len(differing)
        for key in differing[:3]:
            print(f"{name} {key}: {one[key]} became {two[key]}")
        if gone := [k for k in one if k not in two]:
            print(f"{name}: {len(gone)} values gone, say {gone[0]}")
    print(f"{n_same} values equal, {n_other} differ")
    return 1 if n_other else 0


if __name__ == "__main__":
    terminal.run(main)
