"""A bundle read: it may come from anybody, so nothing in it is believed before it is checked.

Nothing is unpacked to a path, nothing is allocated on the file's word alone, nothing is executed.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import struct
import zipfile
from pathlib import Path
from typing import BinaryIO, Self

import msgspec
from msgspec import Struct

from azuraforge.errors import DataError, NotFoundError, RefusedError
from azuraforge.store.bundle import BLOBS, FORMAT, JOURNAL, MANIFEST, Manifest, Member
from azuraforge.store.journal import NO_CHAIN

MEMBER = re.compile(r"manifest\.json|journal\.jsonl|blobs/[0-9a-f]{64}")
END, END64, LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
END_BYTES, END64_BYTES, LOCATOR_BYTES = 22, 56, 20

MAX_BYTES = 4 << 30
MOST_DIRECTORY_BYTES = 1 << 21  # some 13,000 members
MOST_MANIFEST_BYTES = 1 << 24
MOST_JOURNAL_BYTES = 1 << 30  # read, it takes ten times as much memory
MOST_LINE_BYTES = 1 << 24
MOST_HEADER_BYTES = 1 << 24  # of a blob: the description of its arrays


class _Format(Struct):
    format: int


class BundleFile:
    """A bundle that is what it says: its names, sizes, hashes and chain are checked at once.

    Raises: NotFoundError; RefusedError if it is larger than `max_bytes`, or of a newer format;
            DataError for anything else, with the member and the reason.
    """

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._file = self._opened()
        try:
            self.size_bytes = self._size(max_bytes)
            _refuse_large_directory(self._file, self.size_bytes)
            self._archive = self._opened_archive()
            self._members = self._checked_members(max_bytes)
            self.manifest = self._read_manifest()
            self.texts = self._read_journal()
            self.blobs = self._check_files()
        except _Refused as error:
            self._file.close()
            raise DataError(f"{path} is no sound bundle: {error}") from error
        except BaseException:
            self._file.close()
            raise

    def blob(self, sha256: str) -> bytes:
        """The blob of this name. Raises: NotFoundError; DataError if the file was changed."""
        if sha256 not in self.blobs:
            raise NotFoundError(f"no blob {sha256!r} in {self.path}")
        name = f"{BLOBS}{sha256}"
        try:
            return self._read(name, sha256)
        except _Refused as error:
            raise DataError(f"{self.path}: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self) -> BinaryIO:
        try:
            if not stat.S_ISREG(self.path.stat().st_mode):
                raise DataError(f"{self.path} is not a file")
            return self.path.open("rb")
        except FileNotFoundError:
            raise NotFoundError(f"no file {self.path}") from None
        except OSError as error:
            raise DataError(f"cannot read {self.path}: {error.strerror}") from error

    def _size(self, max_bytes: int) -> int:
        size = os.fstat(self._file.fileno()).st_size
        if size > max_bytes:
            raise RefusedError(
                f"{self.path} has {size:,} bytes; allowed are {max_bytes:,}; --max-size says more"
            )
        return size

    def _opened_archive(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self._file)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
            raise _Refused(f"not a zip ({error})") from error
        except struct.error as error:
            raise _Refused(f"its directory is damaged ({error})") from error

    def _checked_members(self, max_bytes: int) -> dict[str, zipfile.ZipInfo]:
        members: dict[str, zipfile.ZipInfo] = {}
        for info in self._archive.infolist():
            _refuse_other_than_a_stored_file(info)
            if info.filename in members:
                raise _Refused(f"{info.filename} is there twice")
            members[info.filename] = info
        total = sum(info.file_size for info in members.values())
        if total > min(max_bytes, self.size_bytes):
            raise _Refused(f"its members say they have {total:,} bytes, more than the file")
        for name in (MANIFEST, JOURNAL):
            if name not in members:
                raise _Refused(f"{name} is missing")
        return members

    def _read_manifest(self) -> Manifest:
        self._refuse_longer(MANIFEST, MOST_MANIFEST_BYTES)
        data = self._read(MANIFEST)
        try:
            found = msgspec.json.decode(data, type=_Format).format
            if found > FORMAT:
                raise RefusedError(
                    f"{self.path}: format {found} was written by a newer AzuraForge, this one "
                    f"knows {FORMAT}; update AzuraForge"
                )
            return msgspec.json.decode(data, type=Manifest)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _Refused(f"{MANIFEST}: {error}") from error

    def _check_files(self) -> frozenset[str]:
        """The names of the blobs, each of them as the manifest says and its name says."""
        listed = {member.name: member for member in self.manifest.files}
        if len(listed) != len(self.manifest.files):
            raise _Refused(f"{MANIFEST} lists a file twice")
        there = self._members.keys() - {MANIFEST}
        if there != listed.keys():
            odd = ", ".join(sorted(there ^ listed.keys()))
            raise _Refused(f"{MANIFEST} lists other files than there are: {odd:.200}")
        for name, member in listed.items():
            self._check_file(name, member)
        return frozenset(name.removeprefix(BLOBS) for name in there - {JOURNAL})

    def _check_file(self, name: str, member: Member) -> None:
        size = self._members[name].file_size
        if size != member.size_bytes:
            raise _Refused(f"{name} has {size:,} bytes, its manifest says {member.size_bytes:,}")
        data = self._read(name, member.sha256)
        if name == JOURNAL:
            return
        if name != f"{BLOBS}{member.sha256}":
            raise _Refused(f"{name} is not named by its SHA-256, {member.sha256}")
        header = int.from_bytes(data[:8], "little")
        if header > min(MOST_HEADER_BYTES, len(data) - 8):
            raise _Refused(f"{name}: its header says it has {header:,} bytes")

    def _read_journal(self) -> list[bytes]:
        """The events as JSON, which the manifest's chain was computed over."""
        self._refuse_longer(JOURNAL, MOST_JOURNAL_BYTES)
        *texts, rest = self._read(JOURNAL).split(b"\n")
        if rest or len(texts) != self.manifest.events:
            raise _Refused(f"{JOURNAL} has {len(texts):,} whole lines, its manifest says "
                           f"{self.manifest.events:,}")  # fmt: skip
        chain = NO_CHAIN
        for number, text in enumerate(texts, 1):
            if len(text) > MOST_LINE_BYTES:
                raise _Refused(f"{JOURNAL}, line {number}: {len(text):,} bytes; allowed are "
                               f"{MOST_LINE_BYTES:,}")  # fmt: skip
            chain = hashlib.sha256(chain + text).digest()
        if chain.hex() != self.manifest.chain:
            raise _Refused(f"the chain over {JOURNAL} is {chain.hex():.12}…, its manifest says "
                           f"{self.manifest.chain:.12}…")  # fmt: skip
        return texts

    def _refuse_longer(self, name: str, most: int) -> None:
        size = self._members[name].file_size
        if size > most:
            raise _Refused(f"{name} has {size:,} bytes; allowed are {most:,}")

    def _read(self, name: str, sha256: str | None = None) -> bytes:
        try:
            with self._archive.open(self._members[name]) as member:
                data = member.read()
        except (
            zipfile.BadZipFile,
            NotImplementedError,
            RuntimeError,
            ValueError,
            OSError,
        ) as error:
            raise _Refused(f"{name}: {error}") from error
        except (EOFError, struct.error) as error:
            raise _Refused(f"{name} is cut short") from error
        if sha256 is not None and (found := hashlib.sha256(data).hexdigest()) != sha256:
            raise _Refused(f"{name}: its SHA-256 is {found}, and should be {sha256}")
        return data


class _Refused(Exception):  # noqa: N818  (its text becomes a DataError's, with the path)
    """What is wrong with the bundle."""


def _refuse_other_than_a_stored_file(info: zipfile.ZipInfo) -> None:
    name = info.orig_filename
    if not MEMBER.fullmatch(name) or info.filename != name:
        raise _Refused(f"a member is called {name!r:.100}; allowed: {MANIFEST}, {JOURNAL}, "
                       f"{BLOBS} and 64 characters of 0-9a-f")  # fmt: skip
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        raise _Refused(f"{name} is a link or a device, not a file")
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise _Refused(f"{name} is compressed; members are stored as they are")
    if info.flag_bits:
        raise _Refused(f"{name} is encrypted or of a form that bundles do not have")


def _refuse_large_directory(file: BinaryIO, size: int) -> None:
    """Look at the end of the zip before anything reads the directory it speaks of."""
    end = _tail(file, size, END_BYTES, END_BYTES)
    if not end.startswith(END) or end[-2:] != b"\0\0":
        raise _Refused("it does not end like one (cut short, or another kind of file)")
    directory = struct.unpack("<4s4H2LH", end)[5]
    if _tail(file, size, END_BYTES + LOCATOR_BYTES, LOCATOR_BYTES).startswith(LOCATOR):
        whole = _tail(file, size, END_BYTES + LOCATOR_BYTES + END64_BYTES, END64_BYTES)
        if not whole.startswith(END64):
            raise _Refused("its directory is damaged")
        directory = struct.unpack("<4sQ2H2L4Q", whole)[8]
    if directory > MOST_DIRECTORY_BYTES:
        raise _Refused(f"its directory says it has {directory:,} bytes; allowed are "
                       f"{MOST_DIRECTORY_BYTES:,}")  # fmt: skip


def _tail(file: BinaryIO, size: int, before_end: int, length: int) -> bytes:
    file.seek(max(0, size - before_end))
    return file.read(length)
