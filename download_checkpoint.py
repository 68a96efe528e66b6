"""Download the published network, or another checkpoint, into the working folder.

    python download_checkpoint.py
    python validate.py --run g04-features

Writes data/checkpoints/g04-features.hdf5, some 400 MB, once the file is whole and a
checkpoint. A transfer that breaks is kept as `.part`; the same command goes on where it
stopped, if the server can tell that the file is still the same. The authors published
no sha256, so the one printed at the end is worth writing down: whoever names it with
--sha256 gets the same weights or none.
"""

import collections
import contextlib
import errno
import re
import shutil
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import console
import files
import runs
from console import Problem, plain
from foreign import archive, published, untrusted

URL = "http://people.uleth.ca/~luczak/BehavNet/g04-features.hdf5"
DEFAULT_NAME = "g04-features.hdf5"
BLOCK = 2**16  # bytes at most that are taken at once
SLOWEST = 1000  # bytes a second; 400 MB would take five days
LARGEST = 2**33  # bytes


def target_of(folder, url):
    """Choose where the file of a URL goes; nothing in the URL leads elsewhere."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        known = False
    if not known:
        told = f"must start with http:// or https://. Received: {plain(url)}"
        raise Problem(f"--url {told}")
    name = re.split(r"[/\\]", unquote(parts.path))[-1]
    name = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).lstrip(".-") or DEFAULT_NAME
    if Path(name).suffix not in runs.CHECKPOINT_SUFFIXES:
        endings = ", ".join(runs.CHECKPOINT_SUFFIXES)
        raise Problem(f"a checkpoint ends with {endings}. Received: {name}")
    return files.checkpoint_path(folder, "run").with_name(name)


def download(url, target, timeout):
    """Fetch a file to its `.part`, going on where an earlier transfer broke.

    It goes on only with what is provably the same: of one address, one strong ETag and
    one length. Anything else begins anew. Returns the whole file, of the length that
    the server announced.
    """
    part, note = part_of(target)
    part.parent.mkdir(parents=True, exist_ok=True)
    begun, n_have = {}, 0
    with contextlib.suppress(Problem, OSError):  # without a sound note nothing is known
        begun = files.read_json(note)
        kinds = type(begun.get("etag")), type(begun.get("length"))
        if begun.get("url") == url and kinds == (str, int):
            n_have = part.stat().st_size
    if n_have and n_have == begun["length"]:
        return part
    response = ask(url, timeout, n_have, begun.get("etag"))
    if n_have:  # else the whole file comes
        place = f"bytes {n_have}-{begun['length'] - 1}/{begun['length']}"
        is_same = response.status_code == 206 and tag_of(response) == begun["etag"]
        if not is_same or response.headers.get("Content-Range") != place:
            response.close()
            n_have, response = 0, ask(url, timeout)
    with response:
        if response.status_code != 200 and not n_have:
            answer = plain(f"{response.status_code} {response.reason}")
            host = plain(urlsplit(url).hostname)
            raise Problem(f"{host} answered {answer} for {plain(url)}")
        length = response.headers.get("Content-Length", "")
        length = int(length) if length.isdecimal() else None
        length = begun["length"] if n_have else length  # None where nobody says
        missing, free = (length or 0) - n_have, shutil.disk_usage(part.parent).free
        if missing > LARGEST:
            raise Problem(f"{length:,} bytes are no checkpoint; {LARGEST:,} at most")
        if missing > free:
            told = f"{missing:,} bytes are to come and {free:,} are free"
            raise Problem(f"the disk is too full: {told} in {part.parent}")
        files.write_json(note, {"url": url, "length": length, "etag": tag_of(response)})
        receive(response, part, n_have, length, timeout)
    return part


def part_of(target):
    """Name what has come so far, and the note that says where it comes from."""
    part = target.with_name(f"{target.name}.part")
    return part, part.with_name(f"{part.name}.json")


def ask(url, timeout, n_have=0, etag=None):
    """Ask for the file, or for the rest of it."""
    import requests

    # Packed on the way, neither the length nor the place to go on would be right.
    headers = {"Accept-Encoding": "identity"}
    if n_have:
        headers |= {"Range": f"bytes={n_have}-", "If-Range": etag}
    host = plain(urlsplit(url).hostname)
    try:
        return requests.get(url, headers=headers, stream=True, timeout=timeout)
    except requests.Timeout as error:
        raise Problem(f"{host} did not answer within {timeout:g} s") from error
    except requests.ConnectionError as error:
        raise Problem(f"no connection to {host}; is there internet?") from error
    except (requests.RequestException, ValueError) as error:
        raise Problem(f"{plain(url)} cannot be fetched: {plain(error)}") from error


def tag_of(response):
    """Name the version of the file; a weak tag does not promise the same bytes."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else None


def receive(response, part, n_have, length, timeout):
    """Append what comes to `part`, as long as it comes at a bearable pace."""
    import requests
    import urllib3
    from tqdm import tqdm

    form = {"unit": "B", "unit_scale": True, "dynamic_ncols": True}
    bar = tqdm(total=length, initial=n_have, desc=part.stem, **form)
    most, started, n_before = length or LARGEST, time.monotonic(), n_have
    how = "broke"
    try:
        with bar, part.open("ab" if n_have else "wb") as file:
            while n_have <= most and (block := response.raw.read1(BLOCK)):
                file.write(block)
                n_have += len(block)
                bar.update(len(block))
                seconds = time.monotonic() - started
                if n_have - n_before < SLOWEST * (seconds - timeout):
                    how = "became too slow"
                    break
    except (requests.RequestException, urllib3.exceptions.HTTPError):
        length = length or -1  # it is not all, whatever came
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Problem(
            f"the disk is full; {part} is kept. Make room and run the same command"
        ) from error
    if n_have > most:
        for path in part_of(part.with_suffix("")):
            path.unlink(missing_ok=True)
        raise Problem(f"more than {most:,} bytes came: no checkpoint; removed it")
    if how != "broke" or length not in (None, n_have):
        total = f" of {length:,}" if (length or 0) > 0 else ""
        raise Problem(
            f"the transfer {how} after {n_have:,}{total} bytes; {part} is kept. Run "
            "the same command to go on"
        )


def accept(part, target, sha256):
    """Give a transferred file its name if it is a checkpoint; return its sha256."""
    _, note = part_of(target)
    note.unlink(missing_ok=True)
    with files.replacing(target) as temporary:
        part.replace(temporary)
        digest = files.digest_file(temporary)
        if sha256 and digest != sha256.lower():
            told = f"has the sha256 {digest}, not {sha256.lower()}; removed it"
            raise Problem(f"what came {told}")
        try:
            check_checkpoint(temporary)
        except Problem as problem:
            text = str(problem).replace(temporary.name, target.name)
            raise Problem(f"what came is of no use, removed it. {text}") from problem
    return digest


def check_checkpoint(path):
    """See that a file is whole and a checkpoint, as far as it tells by itself."""
    kind = untrusted.kind_of(path)
    if kind == "zip" and path.suffix == ".keras":
        with archive.opening(path) as opened:
            archive.read_member(opened, archive.WEIGHTS, path.stat().st_size)
    elif kind == "HDF5":
        with published.reading(path) as (_, arrays):
            collections.deque(arrays, maxlen=0)  # each is checked as it comes
    else:
        hint = "; rename it to .keras" if kind == "zip" else ""
        raise Problem(f"found {kind}{hint}. {untrusted.SUPPORTED}")


def parse_args(argv):
    parser = console.Parser(__doc__)
    add = parser.add_argument_group("what").add_argument
    add("--url", default=URL, help="address of the file")
    is_digest = re.compile("[0-9a-fA-F]{64}").fullmatch
    digest = console.checked(str, is_digest, "64 hexadecimal digits")
    told = "accept only the file with this digest"
    add("--sha256", type=digest, metavar="DIGEST", help=told)
    add = parser.add_argument_group("how").add_argument
    add("--data", type=Path, default=files.DEFAULT_FOLDER, help="working folder")
    add("--overwrite", action="store_true", help="replace a file of that name")
    seconds, told = console.positive_float, "seconds to wait for a silent server"
    add("--timeout", type=seconds, default=30, metavar="S", help=told)
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    target = target_of(args.data, args.url)
    if target.exists() and not args.overwrite:
        raise Problem(f"{target} exists; --overwrite replaces it")
    with files.claim(target):
        part = download(args.url, target, args.timeout)
        digest = accept(part, target, args.sha256)
    print(f"{target} written, sha256 {digest}")
    if target.suffix == ".keras":
        print(f"a run needs its record beside it: {target.stem}.json")


if __name__ == "__main__":
    console.run(main)
