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

from runs import state, store
from system import storage, terminal, untrusted
from system.terminal import Problem, plain

URL = "http://people.uleth.ca/~luczak/BehavNet/g04-features.hdf5"
BLOCK = 2**20  # bytes that are taken at once
LARGEST = 2**33  # bytes


def find_target(folder, url):
    """Choose where the file of a URL goes; nothing in the URL leads elsewhere."""
    if not re.match(r"https?://\w", url):
        raise Problem(f"--url must start with http:// or https://. Received: {url!r}")
    name = re.split(r"[/\\]", unquote(urlsplit(url).path))[-1]
    name = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).lstrip(".-")
    if Path(name).suffix not in store.CHECKPOINT_SUFFIXES:
        endings = ", ".join(store.CHECKPOINT_SUFFIXES)
        raise Problem(f"a checkpoint ends with {endings}. Received: {name!r}")
    return Path(folder) / "checkpoints" / name


def download(url, path, timeout):
    """Write the whole file of a URL to a path, or raise Problem."""
    import requests
    from tqdm import tqdm

    # Compressed on the way, the announced length would not be that of the file.
    headers = {"Accept-Encoding": "identity"}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=timeout) as answer:
            answer.raise_for_status()
            length = int(answer.headers.get("Content-Length", 0))
            if length > LARGEST:
                raise Problem(f"more than {LARGEST:,} bytes are no checkpoint")
            bar = tqdm(total=length or None, desc="download", unit="B", unit_scale=True)
            with path.open("wb") as file, bar:
                for block in answer.iter_content(BLOCK):
                    bar.update(file.write(block))
            if bar.n < length:
                told = f"after {bar.n:,} of {length:,} bytes"
                raise Problem(f"the connection ended {told}")
    except (requests.RequestException, ValueError) as error:
        reason = error
        if isinstance(error, requests.Timeout):
            reason = f"the server did not answer within {timeout:g} s"
        elif isinstance(error, requests.ConnectionError):
            reason = "no connection; is there internet?"
        raise Problem(
            f"{plain(url)} cannot be fetched: {plain(reason)}. Give the command again, "
            f"or download the file with a browser into {path.parent}"
        ) from error


def check_file(path, name, sha256):
    """Refuse a file that is not the expected one or no checkpoint; its sha256."""
    from runs import archives, keras2

    digest = storage.digest_file(path)
    if sha256 and digest != sha256.lower():
        raise Problem(f"the file has the sha256 {digest}, not {sha256.lower()}")
    try:
        kind = untrusted.kind_of(path)
        if kind == "zip" and path.suffix == ".keras":
            with untrusted.open_archive(path) as opened:
                is_plain = archives.PLAIN in opened.namelist()
                weights = archives.PLAIN if is_plain else untrusted.WEIGHTS
                untrusted.read_member(opened, weights, path.stat().st_size)
        elif kind == "HDF5":
            keras2.read_apart(path)  # checks it as a whole
        else:
            hint = "; rename it to .keras" if kind == "zip" else ""
            raise Problem(f"found {kind}{hint}. {untrusted.SUPPORTED}")
    except Problem as problem:
        text = str(problem).replace(path.name, name)
        raise Problem(f"the downloaded file cannot be used: {text}") from problem
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
    text = "seconds to wait for a silent server"
    add("--timeout", terminal.positive_float, text, default=30, metavar="S")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    target = find_target(args.data, args.url)
    if target.exists() and not args.overwrite:
        raise Problem(f"{target} exists; --overwrite replaces it")
    with storage.claim(target), storage.replacing(target) as temporary:
        download(args.url, temporary, args.timeout)
        digest = check_file(temporary, target.name, args.sha256)
    print(f"{target} written, sha256 {digest}")
    if target.suffix == ".keras":
        print(f"a run needs its record beside it: {target.stem}.json")
    print(state.format_next(args.data, f"score.py NEW_VIDEOS --run {target.stem}"))


if __name__ == "__main__":
    terminal.run(main)
