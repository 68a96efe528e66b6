"""A run in one file: `.keras`, its record, and a card that says in words what it is."""

import shutil
import zipfile

import files
from console import Problem

MAX_BYTES = 2**32  # of what is unpacked


def pack(checkpoint, card, output):
    """Write a checkpoint, the record beside it and the card (str) as a `.zip`."""
    with (
        files.replacing(output) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for path in (checkpoint, checkpoint.with_suffix(".json")):
            archive.write(path, path.name)
        archive.writestr("card.md", card)


def unpack(folder, path):
    """Take a run that another lab has packed: its `.keras` among the checkpoints."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = {info.filename: info for info in archive.infolist()}
            (name,) = [name for name in infos if name.endswith(".keras")]
            run = name.removesuffix(".keras")
            places = {
                name: files.checkpoint_path(folder, run),
                f"{run}.json": files.record_path(folder, run),
            }
            if sum(infos[each].file_size for each in places) > MAX_BYTES:
                raise ValueError("it would unpack to more than 4 GiB")
            for each, place in places.items():
                take_out(archive, each, place)
    except (zipfile.BadZipFile, EOFError, KeyError, ValueError, RuntimeError) as error:
        raise Problem(f"{path} is no run packed by share.py: {error}") from error
    return places[name]


def take_out(archive, name, place):
    """Unpack one file; raise Problem where another one of its name lies there."""
    there = place.is_file() and files.digest_file(place)
    with files.replacing(place) as temporary:
        with archive.open(name) as source, temporary.open("wb") as target:
            shutil.copyfileobj(source, target)
        if there and files.digest_file(temporary) != there:
            raise Problem(
                f"{place} is there already, another one than in the packed run: "
                "rename or remove it, or give another --data folder"
            )
