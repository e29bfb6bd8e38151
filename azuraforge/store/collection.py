"""Collection of blobs that nothing refers to any more."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager

from msgspec import Struct

from azuraforge.store.blobs import BlobEntry, BlobStore

BATCH = 32  # blobs deleted while the writer waits: in a bucket 32 take about a second
References = Callable[[], AbstractContextManager[AbstractSet[str]]]


class Collection(Struct, frozen=True, kw_only=True):
    """What a collection has let go of, or would; the rest is referred to, or too young to tell."""

    is_dry_run: bool
    blobs: list[str]  # SHA-256
    unfinished: list[str]  # what writers that died have left
    freed_bytes: int
    kept: int
    kept_bytes: int


def collect(
    references: References,
    blobs: BlobStore,
    *,
    older_than_s: float,
    now: float,
    is_dry_run: bool = False,
) -> Collection:
    """Let go of every blob that nothing refers to and that was last put `older_than_s` ago.

    The age protects a blob whose event is still on its way. `references` gives what is referred to
    and lets nobody write while it is held: so no reference can move from a run that was looked at
    to one that was not yet.
    """
    put_before = now - older_than_s
    present = list(blobs.names())
    old = [entry for entry in present if entry.modified_at < put_before]
    collected: list[BlobEntry] = []
    for first in range(0, len(old), BATCH):
        with references() as referenced:
            collected += [
                entry
                for entry in old[first : first + BATCH]
                if entry.sha256 not in referenced
                and (is_dry_run or blobs.delete(entry.sha256, put_before=put_before))
            ]
    if is_dry_run:
        strays = [s for s in blobs.strays() if s.is_unfinished and s.modified_at < put_before]
    else:
        strays = blobs.sweep(written_before=put_before)
    freed = sum(entry.size_bytes for entry in collected)
    return Collection(
        is_dry_run=is_dry_run,
        blobs=[entry.sha256 for entry in collected],
        unfinished=[stray.place for stray in strays],
        freed_bytes=freed + sum(stray.size_bytes for stray in strays),
        kept=len(present) - len(collected),
        kept_bytes=sum(entry.size_bytes for entry in present) - freed,
    )
