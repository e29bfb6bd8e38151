"""Bytes kept under the SHA-256 of their content: a blob never changes and never needs a lock."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Protocol

from azuraforge.errors import DataError, NotFoundError
from azuraforge.store.home import unusable

NAME = re.compile(r"[0-9a-f]{64}")


class BlobStore(Protocol):
    """Where a Trainer puts checkpoints and weights, and a Predictor finds them."""

    def put(self, data: bytes) -> str:
        """Keep the bytes; their SHA-256 in hexadecimal."""
        ...

    def get(self, sha256: str) -> bytes:
        """The bytes of this SHA-256.

        Raises: NotFoundError; DataError if they no longer have it.
        """
        ...

    def __contains__(self, sha256: object) -> bool: ...


class Blobs:
    """Blobs as files `blobs/sha256/ab/cd…` under a home folder; safe for many processes at once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, data: bytes) -> str:
        """Keep the bytes: when this returns they survive a power cut.

        Raises: HomeError if they cannot be written; then nothing of them is left behind.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        path = self._path(sha256)
        try:
            _make_folder(path.parent)
            _write(path, data)
        except OSError as error:
            raise unusable(self.root, error) from error
        return sha256

    def get(self, sha256: str) -> bytes:
        """The bytes of this SHA-256, checked against it.

        Raises: NotFoundError; DataError if the file is damaged; HomeError if it cannot be read.
        """
        if not _is_name(sha256):
            raise NotFoundError(f"no blob {sha256!r}: a name is 64 characters of 0-9a-f")
        path = self._path(sha256)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise NotFoundError(f"no blob {sha256} under {self.root}") from None
        except OSError as error:
            raise unusable(self.root, error) from error
        found = hashlib.sha256(data).hexdigest()
        if found != sha256:
            raise DataError(f"{path} is damaged: its SHA-256 is {found}, and should be {sha256}")
        return data

    def __contains__(self, sha256: object) -> bool:
        return _is_name(sha256) and self._path(str(sha256)).is_file()

    def _path(self, sha256: str) -> Path:
        return self.root / "blobs" / "sha256" / sha256[:2] / sha256[2:]


class MemoryBlobs:
    """Blobs in memory, for a Trainer that keeps nothing."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        """Keep the bytes until this object goes."""
        sha256 = hashlib.sha256(data).hexdigest()
        self._blobs[sha256] = bytes(data)
        return sha256

    def get(self, sha256: str) -> bytes:
        """The bytes of this SHA-256. Raises: NotFoundError."""
        if sha256 not in self._blobs:
            raise NotFoundError(f"no blob {sha256!r} in memory")
        return self._blobs[sha256]

    def __contains__(self, sha256: object) -> bool:
        return sha256 in self._blobs


def _is_name(sha256: object) -> bool:
    return isinstance(sha256, str) and NAME.fullmatch(sha256) is not None


def _write(path: Path, data: bytes) -> None:
    """The whole file durable under its name, or nothing: written beside it, then renamed."""
    descriptor, name = tempfile.mkstemp(prefix="unfinished-", dir=path.parent)
    try:
        try:
            rest = memoryview(data)
            while rest:  # one write may take less than it was given, and still succeed
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(name, path)
    except BaseException:  # Ctrl-C as well
        os.unlink(name)
        raise
    _sync_folder(path.parent)


def _make_folder(folder: Path) -> None:
    """The folder and those above it, each durable in its parent."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
