"""PyTorch's file formats: archives since 1.6, streams of pickles before."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import IO, Any

from azuraforge.errors import AzuraForgeError, DataError
from azuraforge.interop.pytorch.names import Order, Storage, built, itemsize, storage_type
from azuraforge.interop.pytorch.stack import unpickled

MAGIC = 0x1950A86A20F9469CFC6C  # the first number of a file from before 1.6
Shown = dict[str, Storage]


def is_pytorch(start: bytes) -> bool:
    """Whether a file that begins so may be one of PyTorch's: an archive, or a pickle."""
    return start.startswith((b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"))


def read(path: str | Path) -> Any:
    """What torch.save wrote: containers, numbers and text as they were, tensors as ours.

    Tensors that shared memory share it again; bfloat16 becomes float32.

    Raises: RefusedError naming what a file asks for that is more than data; DataError for a file
            that is damaged or none of PyTorch's; DTypeError for a tensor of a type we have not.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return _of_archive(archive, str(path))
        with Path(path).open("rb") as stream:
            return _of_stream(stream, str(path))
    except zipfile.BadZipFile as error:
        raise DataError(f"{path}: the archive is damaged: {error}") from error
    except AzuraForgeError as error:
        if str(error).startswith(f"{path}: "):
            raise
        raise type(error)(f"{path}: {error}") from error


def _of_archive(archive: zipfile.ZipFile, where: str) -> Any:
    names = archive.namelist()
    pickle = next((name for name in names if name.split("/")[1:] == ["data.pkl"]), None)
    if pickle is None:
        raise DataError(f"{where}: an archive without data.pkl, so none that torch.save wrote")
    folder = pickle.removesuffix("data.pkl")
    order: Order = ">" if f"{folder}byteorder" in names and _is_big(archive, folder) else "<"
    storages: Shown = {}

    def stored(key: Any) -> Storage:
        _, kind, name, _, _ = key
        if name not in storages:
            data = bytearray(archive.read(f"{folder}data/{name}"))
            storages[name] = Storage(data, storage_type(kind), order)
        return storages[name]

    return unpickled(io.BytesIO(archive.read(pickle)), built, stored, where)


def _is_big(archive: zipfile.ZipFile, folder: str) -> bool:
    return archive.read(f"{folder}byteorder") == b"big"


def _of_stream(stream: IO[bytes], where: str) -> Any:
    """A number, a version, what the machine was like, the object; then the storages' numbers."""
    storages: Shown = {}

    def plain() -> Any:
        return unpickled(stream, built, stored, where)

    def stored(key: Any) -> Storage:
        _, kind, name, _, size, view = key
        if view is not None:
            raise DataError("it has a view of a storage, as only very old files have; save it anew")
        if name not in storages:
            dtype = storage_type(kind)
            storages[name] = Storage(bytearray(size * itemsize(dtype)), dtype)
        return storages[name]

    if plain() != MAGIC:
        raise DataError("a pickle, but none that torch.save wrote")
    plain(), plain()
    found = plain()
    for name in plain():
        stream.read(8)  # how many numbers, which the object said
        storages[name].fill(stream.read(len(storages[name].data)))
    return found
