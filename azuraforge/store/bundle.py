"""A run as one file: a zip that holds nothing but what its manifest names, uncompressed.

manifest.json     spec, where its numbers come from, chain, the files below with their SHA-256
journal.jsonl     the events, one per line, byte for byte as the chain was computed over them
blobs/SHA-256     kept checkpoints and the best weights, safetensors
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, structs

from azuraforge.errors import AzuraForgeError, RefusedError
from azuraforge.schema.provenance import Provenance
from azuraforge.schema.records import ForkPoint
from azuraforge.schema.specs import RunSpec

FORMAT = 1
MANIFEST = "manifest.json"
JOURNAL = "journal.jsonl"
BLOBS = "blobs/"
YEAR = (1980, 1, 1, 0, 0, 0)  # of every member: the same run makes the same bytes
MODE = 0o644 << 16

Count = Annotated[int, Meta(ge=0)]
Moment = Annotated[float, Meta(ge=0, le=2e11)]  # seconds since 1970; calendars end in 9999
RunId = Annotated[str, Meta(pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]{0,99}\Z")]
Name = Annotated[str, Meta(max_length=100)]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Parent(ForkPoint, frozen=True, kw_only=True):
    """A ForkPoint that came from outside."""

    run: RunId
    step: Annotated[int, Meta(ge=0, le=2**31 - 1)]


class Member(Struct, frozen=True, kw_only=True):
    """A file of a bundle."""

    name: str
    size_bytes: Count
    sha256: Sha256


class Manifest(Struct, frozen=True, kw_only=True):
    """What a bundle says of itself; what its journal tells is not said twice."""

    format: int = FORMAT
    run: RunId
    spec: RunSpec
    created_at: Moment
    started_at: Moment | None
    ended_at: Moment | None
    experiment: Name
    tags: dict[Name, str]
    parent: Parent | None
    not_exact: list[str]
    provenance: Provenance | None
    events: Count
    chain: Sha256  # of the last event
    files: list[Member] = []  # all but the manifest


def write_bundle(
    path: Path, manifest: Manifest, texts: Sequence[str], blobs: Iterable[tuple[str, bytes]]
) -> Manifest:
    """Write a run whose events are `texts`, with its blobs by name; the manifest as written.

    Raises: RefusedError if the file is there; AzuraForgeError if it cannot be written. Then
            nothing is left behind.
    """
    if path.exists():
        raise RefusedError(f"{path} is there already; delete it or choose another name")
    journal = "".join(f"{text}\n" for text in texts).encode()
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                files = [_add(archive, JOURNAL, journal)]
                files += [_add(archive, f"{BLOBS}{name}", data) for name, data in blobs]
                manifest = structs.replace(manifest, files=files)
                _add(archive, MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
            os.fsync(file.fileno())
            os.link(file.name, path)  # whole or not at all, and never over another file
    except FileExistsError:
        raise RefusedError(f"{path} is there already; choose another name") from None
    except OSError as error:
        raise AzuraForgeError(f"cannot write {path}: {error.strerror or error}") from error
    return manifest


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> Member:
    info = zipfile.ZipInfo(name, YEAR)
    info.external_attr = MODE
    archive.writestr(info, data)
    sha256 = hashlib.sha256(data).hexdigest()
    return Member(name=name, size_bytes=len(data), sha256=sha256)
