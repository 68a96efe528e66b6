"""Download the published network, or another checkpoint, into the working folder.

    python download_checkpoint.py
    python validate.py --run g04-features

Writes data/checkpoints/g04-features.hdf5, some 400 MB, once the file is whole and has
been opened as a checkpoint. A transfer that breaks is kept as `.part`; the same command
goes on where it stopped. The authors published no sha256, so the one printed at the end
is worth writing down: whoever names it with --sha256 gets the same weights or none.
"""

import argparse
import errno
import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import console
import files
import runs
from console import Problem

URL = "http://people.uleth.ca/~luczak/BehavNet/g04-features.hdf5"
DEFAULT_NAME = "g04-features.hdf5"
BLOCK = 2**13  # bytes; what has come of an unfinished block is lost when it breaks


def target_of(folder, url):
    """Choose where the file of a URL goes; nothing in the URL leads elsewhere.

    Returns
    -------
    Path
    """
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        known = False
    if not known:
        raise Problem(f"--url must start with http:// or https://. Received: {url}")
    name = re.split(r"[/\\]", unquote(parts.path))[-1]
    name = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).lstrip(".-") or DEFAULT_NAME
    if Path(name).suffix not in runs.CHECKPOINT_SUFFIXES:
        raise Problem(
            f"a checkpoint ends with {', '.join(runs.CHECKPOINT_SUFFIXES)}. "
            f"Received: {name}"
        )
    return files.checkpoint_path(folder, "run").with_name(name)


def part_of(target):
    """Name what has come so far, and the note that says where it comes from."""
    return (
        target.with_name(f"{target.name}.part"),
        target.with_name(f"{target.name}.part.json"),
    )


def download(url, target, timeout):
    """Fetch a file to its `.part`, going on where an earlier transfer broke.

    Returns
    -------
    Path
        The whole file, of the length that the server announced.
    """
    import requests

    part, note = part_of(target)
    part.parent.mkdir(parents=True, exist_ok=True)
    begun = read_note(note, url) if part.is_file() else None
    with requests.Session() as session:
        response, n_have = connect(session, url, part, begun, timeout)
        with response:
            n_total = length_of(response, n_have)
            if response.status_code == 416:  # nothing is missing
                return part
            check_space(part.parent, n_total, n_have)
            files.write_json(note, {"url": url, **validator_of(response)})
            n_have = receive(response, part, n_have, n_total)
    if n_total is not None and n_have != n_total:
        raise cut_off(part, n_have, n_total)
    return part


def connect(session, url, part, begun, timeout):
    """Ask for the file, or for the rest of it.

    Returns
    -------
    response : requests.Response
    n_have : int
        Bytes of `part` that the response continues.
    """
    import requests

    n_have = part.stat().st_size if begun else 0
    # Packed on the way, neither the length nor the place to go on would be right.
    headers = {"Accept-Encoding": "identity"}
    if n_have:
        headers["Range"] = f"bytes={n_have}-"
        if begun.get("validator"):
            headers["If-Range"] = begun["validator"]  # a changed file comes from anew
    host = urlsplit(url).hostname
    try:
        response = session.get(url, headers=headers, stream=True, timeout=timeout)
    except requests.Timeout as error:
        raise Problem(f"{host} did not answer within {timeout:g} s") from error
    except requests.ConnectionError as error:
        raise Problem(f"no connection to {host}; is there internet?") from error
    except (requests.RequestException, ValueError) as error:
        raise Problem(f"{url} cannot be fetched: {error}") from error
    if response.status_code == 416 and n_have:
        if response.headers.get("Content-Range") == f"bytes */{n_have}":
            return response, n_have
        response.close()
        return connect(session, url, part, None, timeout)
    if response.status_code not in (200, 206):
        raise Problem(
            f"{host} answered {response.status_code} {response.reason} for {url}"
        )
    continues = response.headers.get("Content-Range", "").startswith(f"bytes {n_have}-")
    if response.status_code == 206 and not (n_have and continues):
        if n_have:
            response.close()
            return connect(session, url, part, None, timeout)
        raise Problem(f"{host} sent a piece of the file although all was asked for")
    return response, n_have if response.status_code == 206 else 0


def read_note(note, url):
    """Read where a `.part` comes from; None where it is of another address."""
    try:
        begun = files.read_json(note)
    except (Problem, OSError):
        return None
    return begun if isinstance(begun, dict) and begun.get("url") == url else None


def validator_of(response):
    """Name the version of the file, as far as the server does."""
    tag = response.headers.get("ETag", "")
    if tag.startswith("W/"):  # a weak tag does not promise the same bytes
        tag = ""
    return {"validator": tag or response.headers.get("Last-Modified")}


def length_of(response, n_have):
    """Bytes of the whole file, or None where the server does not say."""
    length = response.headers.get("Content-Length", "")
    if response.headers.get("Content-Encoding") or not length.isdecimal():
        return None
    return n_have + int(length)


def check_space(folder, n_total, n_have):
    free = shutil.disk_usage(folder).free
    if n_total is not None and n_total - n_have > free:
        raise Problem(
            f"the disk is too full: {n_total - n_have:,} bytes are to come and "
            f"{free:,} are free in {folder}"
        )


def receive(response, part, n_have, n_total):
    """Append what comes to `part`.

    Returns
    -------
    int
        Bytes in `part`.
    """
    import requests
    from tqdm import tqdm

    bar = tqdm(
        total=n_total,
        initial=n_have,
        desc=part.stem,
        unit="B",
        unit_scale=True,
        dynamic_ncols=True,
    )
    try:
        with bar, part.open("ab" if n_have else "wb") as file:
            for block in response.iter_content(BLOCK):
                file.write(block)
                n_have += len(block)
                bar.update(len(block))
    except requests.RequestException as error:
        raise cut_off(part, part.stat().st_size, n_total) from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Problem(
            f"the disk is full; {part} is kept. Make room and run the same command"
        ) from error
    return n_have


def cut_off(part, n_have, n_total):
    """Word the problem of a transfer that broke."""
    total = "" if n_total is None else f" of {n_total:,}"
    return Problem(
        f"the transfer broke after {n_have:,}{total} bytes; {part} is kept. Run the "
        "same command to go on"
    )


def accept(part, target, sha256):
    """Give a transferred file its name if it is a checkpoint; else remove it.

    Returns
    -------
    digest : str
        Its sha256.
    shape : tuple
        (T, F) of the sequences that the network takes.
    """
    _, note = part_of(target)
    note.unlink(missing_ok=True)
    with files.replacing(target) as temporary:
        part.replace(temporary)
        digest = files.digest_file(temporary)
        if sha256 and digest != sha256.lower():
            raise Problem(
                f"what came has the sha256 {digest}, not {sha256.lower()}; removed it"
            )
        import models

        try:
            model = models.load_checkpoint(temporary)
        except Problem as problem:
            text = str(problem).replace(temporary.name, target.name)
            raise Problem(f"what came is of no use, removed it. {text}") from problem
    return digest, model.input_shape[1:]


def parse_args(argv):
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=console.HelpFormatter
    )
    what = parser.add_argument_group("what")
    what.add_argument("--url", default=URL, help="address of the file")
    what.add_argument(
        "--sha256",
        type=console.checked(
            str, re.compile("[0-9a-fA-F]{64}").fullmatch, "64 hexadecimal digits"
        ),
        metavar="DIGEST",
        help="accept only the file with this digest",
    )
    how = parser.add_argument_group("how")
    how.add_argument("--data", type=Path, default=files.DEFAULT_FOLDER, metavar="DIR")
    how.add_argument(
        "--overwrite", action="store_true", help="replace a file of that name"
    )
    how.add_argument(
        "--timeout",
        type=console.positive_float,
        default=30,
        metavar="S",
        help="seconds to wait for a silent server",
    )
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    target = target_of(args.data, args.url)
    if target.exists() and not args.overwrite:
        raise Problem(f"{target} exists; --overwrite replaces it")
    part = download(args.url, target, args.timeout)
    digest, (n_frames, n_features) = accept(part, target, args.sha256)
    print(f"{target} written: takes sequences of {n_frames} x {n_features}")
    print(f"sha256 {digest}")
    if target.suffix == ".keras":
        print(f"a run needs its record beside it: {target.stem}.json")


if __name__ == "__main__":
    console.run(main)
