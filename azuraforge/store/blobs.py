"""Bytes kept under the SHA-256 of their content: a blob never changes, so nobody waits to read."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, Protocol

from azuraforge.errors import ConfigError, DataError, NotFoundError
from azuraforge.store.durable import make_folder, sync_folder, write_whole
from azuraforge.store.home import unusable

NAME = re.compile(r"[0-9a-f]{64}")
CHUNK_BYTES = 1 << 24  # at once: other threads run between and during the writes
UNFINISHED = "unfinished-"  # how the names of files begin that a writer has not come to the end of

Part = bytes | bytearray | memoryview


class BlobEntry(NamedTuple):
    """A blob that is kept: its name, its size, and when it was last put, in seconds since 1970."""

    sha256: str
    size_bytes: int
    modified_at: float


class Stray(NamedTuple):
    """What lies among the blobs and is none: where it lies, its size, when it was last written."""

    place: str
    size_bytes: int
    modified_at: float

    @property
    def is_unfinished(self) -> bool:
        """Whether a writer began it; one that is alive writes to it again and again."""
        return self.place.rpartition("/")[2].startswith(UNFINISHED)


class BlobStore(Protocol):
    """Where a Trainer puts checkpoints and weights, and a Predictor finds them."""

    def put(self, data: bytes) -> str:
        """Keep the bytes; their SHA-256 in hexadecimal."""
        ...

    def put_parts(self, parts: Sequence[Part]) -> str:
        """Keep the bytes of all parts, one after the other, as one blob; its SHA-256.

        What is kept already is not kept twice, but counts as put now.
        """
        ...

    def get(self, sha256: str) -> bytes:
        """The bytes of this SHA-256.

        Raises: NotFoundError; DataError if they no longer have it.
        """
        ...

    def delete(self, sha256: str, *, put_before: float) -> bool:
        """Let go of a blob last put before this time; False if there is none or it is younger."""
        ...

    def names(self) -> Iterator[BlobEntry]:
        """What is kept, in no order, and each blob at most once."""
        ...

    def strays(self) -> Iterator[Stray]:
        """What lies where only blobs should, and is none."""
        ...

    def sweep(self, *, written_before: float) -> list[Stray]:
        """Delete what writers that died have left unfinished before this time; what that was."""
        ...

    def __contains__(self, sha256: object) -> bool: ...


def open_blobs(home: Path) -> BlobStore:
    """The blobs of a home: in the bucket that $AZURAFORGE_BLOBS names, else in its folder.

    Raises: ConfigError if the variable names no place there is.
    """
    url = os.environ.get("AZURAFORGE_BLOBS", "")
    if not url:
        return Blobs(home)
    if not url.startswith("s3://"):
        raise ConfigError(f"AZURAFORGE_BLOBS={url!r}: it is written s3://BUCKET/PREFIX")
    if find_spec("obstore") is None:
        raise ConfigError(f"AZURAFORGE_BLOBS={url!r} needs obstore; install azuraforge[s3]")
    from azuraforge.store.s3 import open_s3  # here: few have it, or need it

    return open_s3(url)


class Blobs:
    """Blobs as files `blobs/sha256/ab/cd…` under a home folder; safe for many processes at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "blobs" / "sha256"

    def put(self, data: bytes) -> str:
        """Keep the bytes: when this returns they survive a power cut.

        Raises: HomeError if they cannot be written; then nothing of them is left behind.
        """
        return self.put_parts([data])

    def put_parts(self, parts: Sequence[Part]) -> str:
        """Keep the bytes of all parts as one blob: when this returns they survive a power cut.

        A blob that is there and whole is not written again, but counts as put now.

        Raises: HomeError if they cannot be written; then nothing of them is left behind.
        """
        sha256 = digest(parts)
        path = self._path(sha256)
        try:
            make_folder(path.parent)
            if not (_holds(path, sha256) and _touch(path)):
                write_whole(path, chunks(parts), prefix=UNFINISHED)
            sync_folder(path.parent)  # another process may have renamed it there just now
        except OSError as error:
            raise unusable(self.root, error) from error
        return sha256

    def get(self, sha256: str) -> bytes:
        """The bytes of this SHA-256, checked against it.

        Raises: NotFoundError; DataError if the file is damaged; HomeError if it cannot be read.
        """
        path = self._path(checked(sha256))
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise NotFoundError(f"no blob {sha256} under {self.root}") from None
        except OSError as error:
            raise unusable(self.root, error) from error
        return intact(data, sha256, str(path))

    def delete(self, sha256: str, *, put_before: float) -> bool:
        """Let go of a blob last put before this time; False if there is none or it is younger.

        Raises: HomeError if it cannot be deleted.
        """
        path = self._path(checked(sha256))
        try:
            with _alone(path) as found:
                if found is None or os.fstat(found).st_mtime >= put_before:
                    return False
                path.unlink()
        except OSError as error:
            raise unusable(self.root, error) from error
        return True

    def names(self) -> Iterator[BlobEntry]:
        """What is kept, in no order, and each blob at most once."""
        for path in self.folder.glob("??/*"):
            name = path.parent.name + path.name
            if not is_name(name):
                continue
            try:
                found = path.stat()
            except FileNotFoundError:
                continue  # deleted meanwhile
            yield BlobEntry(name, found.st_size, found.st_mtime)

    def strays(self) -> Iterator[Stray]:
        """Files below the folder that are no blobs: unfinished ones, and those of somebody else."""
        for path in self.folder.rglob("*"):
            place = path.relative_to(self.folder).as_posix()
            if is_name(place.replace("/", "", 1)) and path.parent.parent == self.folder:
                continue
            try:
                found = path.lstat()
            except FileNotFoundError:
                continue  # renamed or deleted meanwhile
            if not stat.S_ISDIR(found.st_mode):
                yield Stray(place, found.st_size, found.st_mtime)

    def sweep(self, *, written_before: float) -> list[Stray]:
        """Delete what writers that died have left unfinished before this time; what that was.

        Raises: HomeError if it cannot be deleted.
        """
        left = [s for s in self.strays() if s.is_unfinished and s.modified_at < written_before]
        try:
            for stray in left:
                (self.folder / stray.place).unlink(missing_ok=True)
        except OSError as error:
            raise unusable(self.root, error) from error
        return left

    def __contains__(self, sha256: object) -> bool:
        return is_name(sha256) and self._path(str(sha256)).is_file()

    def _path(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / sha256[2:]


class MemoryBlobs:
    """Blobs in memory, for a Trainer that keeps nothing."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._blobs: dict[str, bytes] = {}
        self._put_at: dict[str, float] = {}
        self._clock = clock

    def put(self, data: bytes) -> str:
        """Keep the bytes until this object goes."""
        return self.put_parts([data])

    def put_parts(self, parts: Sequence[Part]) -> str:
        """Keep the bytes of all parts as one blob until this object goes."""
        sha256 = digest(parts)
        self._blobs[sha256] = b"".join(parts)
        self._put_at[sha256] = self._clock()
        return sha256

    def get(self, sha256: str) -> bytes:
        """The bytes of this SHA-256. Raises: NotFoundError."""
        if sha256 not in self._blobs:
            raise NotFoundError(f"no blob {sha256!r} in memory")
        return self._blobs[sha256]

    def delete(self, sha256: str, *, put_before: float) -> bool:
        """Let go of a blob last put before this time; False if there is none or it is younger."""
        if self._put_at.get(sha256, put_before) >= put_before:
            return False
        del self._blobs[sha256], self._put_at[sha256]
        return True

    def names(self) -> Iterator[BlobEntry]:
        """What is kept."""
        for sha256, data in list(self._blobs.items()):
            yield BlobEntry(sha256, len(data), self._put_at[sha256])

    def strays(self) -> Iterator[Stray]:
        """Nothing."""
        return iter(())

    def sweep(self, *, written_before: float) -> list[Stray]:
        """Nothing is ever left unfinished."""
        return []

    def __contains__(self, sha256: object) -> bool:
        return sha256 in self._blobs


class DiscardingBlobs:
    """Blobs of a run that is repeated only to be compared: their names are told, none is kept."""

    def put(self, data: bytes) -> str:
        """The name of the bytes."""
        return self.put_parts([data])

    def put_parts(self, parts: Sequence[Part]) -> str:
        """The name of the bytes of all parts."""
        return digest(parts)

    def get(self, sha256: str) -> bytes:
        """Raises: NotFoundError, always."""
        raise NotFoundError(f"no blob {sha256!r}: this run is repeated without keeping any")

    def delete(self, sha256: str, *, put_before: float) -> bool:
        """False: nothing is kept."""
        return False

    def names(self) -> Iterator[BlobEntry]:
        """Nothing."""
        return iter(())

    def strays(self) -> Iterator[Stray]:
        """Nothing."""
        return iter(())

    def sweep(self, *, written_before: float) -> list[Stray]:
        """Nothing is ever left unfinished."""
        return []

    def __contains__(self, sha256: object) -> bool:
        return False


def digest(parts: Iterable[Part]) -> str:
    """The SHA-256 in hexadecimal of the parts, one after the other."""
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(part)  # without the GIL, but for the smallest
    return hashed.hexdigest()


def chunks(parts: Iterable[Part]) -> Iterator[memoryview]:
    """The bytes of the parts in pieces of at most CHUNK_BYTES."""
    for part in parts:
        rest = memoryview(part).cast("B")
        for begin in range(0, len(rest), CHUNK_BYTES):
            yield rest[begin : begin + CHUNK_BYTES]


def is_name(sha256: object) -> bool:
    """Whether this is what names of blobs look like."""
    return isinstance(sha256, str) and NAME.fullmatch(sha256) is not None


def checked(sha256: str) -> str:
    """The name itself. Raises: NotFoundError if no blob can be called so."""
    if not is_name(sha256):
        raise NotFoundError(f"no blob {sha256!r}: a name is 64 characters of 0-9a-f")
    return sha256


def intact(data: bytes, sha256: str, place: str) -> bytes:
    """The data itself. Raises: DataError if it is not what was put under this name."""
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise DataError(f"{place} is damaged: its SHA-256 is {found}, and should be {sha256}")
    return data


def _holds(path: Path, sha256: str) -> bool:
    """Whether the file is there and whole."""
    try:
        with path.open("rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False


def _touch(path: Path) -> bool:
    """Whether the file is still there, and from now on young."""
    with _alone(path) as found:
        if found is not None:
            os.utime(found)
        return found is not None


@contextmanager
def _alone(path: Path) -> Iterator[int | None]:
    """A descriptor of the file, None where there is none.

    One holder at a time, so that no blob is deleted for its old age just as it is made young.
    """
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        yield None
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor if os.fstat(descriptor).st_nlink else None  # deleted while we waited
    finally:
        os.close(descriptor)
