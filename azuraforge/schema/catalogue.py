"""What is kept beside runs: experiments, artifacts, data, lineage, users, keys, who did what."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from azuraforge.schema.records import ForkPoint

Label = Annotated[str, Meta(min_length=1, max_length=100)]
FileName = Annotated[str, Meta(min_length=1, max_length=200)]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Scope = Literal["read", "write", "admin"]


class Experiment(Struct, frozen=True, kw_only=True):
    """A name that runs are gathered under."""

    name: Label
    description: str = ""
    created_at: float = 0.0
    runs: int = 0


class Artifact(Struct, frozen=True, kw_only=True):
    """A blob that a run made, under a name of its own within the run."""

    name: FileName
    sha256: Sha256
    size_bytes: Annotated[int, Meta(ge=0)]
    media_type: Annotated[str, Meta(max_length=100)] = "application/octet-stream"
    created_at: float = 0.0


class Dataset(Struct, frozen=True, kw_only=True):
    """Data that runs were given, by the SHA-256 of its arrays."""

    sha256: Sha256
    name: FileName
    created_at: float = 0.0
    runs: int = 0


class Lineage(Struct, frozen=True, kw_only=True):
    """Where a run comes from and what came of it."""

    run: str
    ancestors: list[ForkPoint]  # the nearest first
    children: list[str]  # that left this run, oldest first
    datasets: dict[str, str]  # split -> SHA-256
    models: list[str]  # name:version


class User(Struct, frozen=True, kw_only=True):
    """Somebody who may have keys."""

    name: Label
    created_at: float = 0.0


class Key(Struct, frozen=True, kw_only=True):
    """A key without its secret, which nobody keeps but who was given it."""

    id: str
    user: str
    scopes: list[Scope]
    label: str = ""
    created_at: float = 0.0
    revoked_at: float | None = None


class NewKey(Struct, frozen=True, kw_only=True):
    """A key as it is told once: `secret` is what its holder sends."""

    key: Key
    secret: str


class AuditEntry(Struct, frozen=True, kw_only=True):
    """Who did what to what, and when."""

    number: int
    at: float
    who: str
    what: str
    subject: str
    details: str = ""
