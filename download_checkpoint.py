"""Download the published network, or another checkpoint, into the working folder.

    python download_checkpoint.py
    python validate.py --run g04-features

Writes data/checkpoints/g04-features.hdf5, some 400 MB, once the file is whole and a
checkpoint. The authors published no sha256, so the one printed at the end is worth
writing down: whoever names it with --sha256 gets the same weights or none.
"""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from runs import keras2, state
from system import storage, terminal, untrusted
from system.terminal import Problem, show_codes

URL = "http://people.uleth.ca/~luczak/BehavNet/g04-features.hdf5"
SUFFIXES = (".hdf5", ".h5")
TIMEOUT = 30  # seconds of silence
BLOCK = 2**20  # bytes that are taken at once
LARGEST = 2**33  # bytes


def find_target(folder, url):
    """Choose where the file of a URL goes; nothing in the URL leads elsewhere."""
    name = unquote(urlsplit(url).path).rpartition("/")[2]
    if not re.match(r"https?://\w", url) or Path(name).suffix not in SUFFIXES:
        expected = f"http://... or https://..., to a file {' or '.join(SUFFIXES)}"
        raise Problem(f"--url: expected {expected}. Received: {url!r}")
    if fault := storage.find_name_fault(name):
        raise Problem(f"--url: the name {name!r} {fault}")
    return Path(folder) / "checkpoints" / name


def download(url, path):
    """Write the whole file of a URL to a path, or raise Problem."""
    import requests
    from tqdm import tqdm

    # Compressed on the way, the announced length would not be that of the file.
    headers = {"Accept-Encoding": "identity"}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            answer.raise_for_status()
            length = int(answer.headers.get("Content-Length", 0))
            if length > LARGEST:
                raise Problem(f"more than {LARGEST:,} bytes are no checkpoint")
            bar = tqdm(total=length or None, desc="download", unit="B", unit_scale=True)
            with path.open("wb") as file, bar:
                for block in answer.iter_content(BLOCK):
                    bar.update(file.write(block))
            if bar.n < length:
                raise ValueError(f"it ended after {bar.n:,} of {length:,} bytes")
    except (requests.RequestException, ValueError) as error:
        is_silent = isinstance(error, (requests.Timeout, requests.ConnectionError))
        reason = (
            "there is no answer; is there internet?" if is_silent else show_codes(error)
        )
        raise Problem(
            f"{show_codes(url)} cannot be fetched: {reason}. Give the command again, "
            f"or download the file with a browser into {path.parent}"
        ) from error


def check_file(path, name, sha256):
    """Refuse a file that is not the expected one or no checkpoint; its sha256."""
    digest = storage.digest_file(path)
    if sha256 and digest != sha256.lower():
        raise Problem(f"the file has the sha256 {digest}, not {sha256.lower()}")
    if (kind := untrusted.kind_of(path)) != "HDF5":
        raise Problem(f"{name} is no checkpoint: found {kind}. {untrusted.SUPPORTED}")
    try:
        keras2.read_apart(path)  # checks it as a whole
    except Problem as problem:
        raise Problem(str(problem).replace(path.name, name)) from problem
    return digest


def parse_args(argv):
    parser = terminal.Parser(__doc__)
    add = terminal.begin_options(parser)
    add("--data", Path, "the working folder", default=storage.DEFAULT_FOLDER)
    add("--url", str, "address of the file", default=URL)
    digest = re.compile("[0-9a-fA-F]{64}").fullmatch
    kind = terminal.checked(str, digest, "64 hexadecimal digits")
    add("--sha256", kind, "accept only the file with this digest", metavar="DIGEST")
    add("--overwrite", bool, "replace a file of that name")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    target = find_target(args.data, args.url)
    if target.exists() and not args.overwrite:
        raise Problem(f"{target} exists; --overwrite replaces it")
    with storage.claim(target), storage.replacing(target) as temporary:
        download(args.url, temporary)
        digest = check_file(temporary, target.name, args.sha256)
    print(f"{target} written, sha256 {digest}")
    way = f"score.py NEW_VIDEOS --run {target.stem}"
    print(f"next: {state.write_command(args.data, way)}")


if __name__ == "__main__":
    terminal.run(main)
