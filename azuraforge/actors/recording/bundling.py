"""A run taken out of a home as a bundle, and put into another home."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from azuraforge.actors.repeating.bundled import Bundled
from azuraforge.errors import DataError, RefusedError
from azuraforge.schema.events import Event, RunFinished, RunStarted
from azuraforge.schema.provenance import Provenance
from azuraforge.schema.records import ENDED, RunRecord
from azuraforge.store.blobs import BlobStore
from azuraforge.store.bundle import Manifest, Parent, write_bundle
from azuraforge.store.journal import chained

if TYPE_CHECKING:
    from azuraforge.actors.recording.registry import Registry

_event = msgspec.json.Decoder(Event)


def bundle(registry: Registry, blobs: BlobStore, run: str, path: Path) -> Manifest:
    """Write a run that has ended, with its kept checkpoints and its weights, into one file.

    Raises: NotFoundError; RefusedError if it has not ended, or the file is there; DataError if its
            journal or a blob is damaged.
    """
    record = registry.run(run)
    if record.state not in ENDED:
        raise RefusedError(
            f"run {record.id} is {record.state}; only one that has ended can be bundled; "
            f"`azuraforge runs stop {record.id}` ends it"
        )
    texts = registry.texts(record.id)
    chains = chained("", texts)
    if not chains or chains[-1].hex() != record.chain:
        raise DataError(f"run {record.id}: its journal is damaged; `azuraforge fsck` says where")
    names = [saved.sha256 for saved in registry.checkpoints(record.id) if saved.is_kept]
    end = _event.decode(texts[-1])
    if isinstance(end, RunFinished):
        names.append(end.weights)
    parent = record.parent
    manifest = Manifest(
        run=record.id,
        spec=record.spec,
        created_at=record.created_at,
        started_at=record.started_at,
        ended_at=record.ended_at,
        experiment=record.experiment,
        tags=record.tags,
        parent=None if parent is None else Parent(run=parent.run, step=parent.step),
        not_exact=record.not_exact,
        provenance=_provenance(_event.decode(texts[0])),
        events=len(texts),
        chain=record.chain,
    )
    kept = ((name, blobs.get(name)) for name in sorted(set(names)))
    return write_bundle(path, manifest, texts, kept)


def unbundle(registry: Registry, blobs: BlobStore, bundled: Bundled) -> RunRecord:
    """Put the run of a bundle into a home, under its id; the run as it stands there.

    Raises: RefusedError if a run of this id is there, or it did not end.
    """
    if bundled.record.state not in ENDED:
        raise RefusedError(f"{bundled.path}: its run has not ended ({bundled.record.state})")
    for name in sorted(bundled.names):
        blobs.put(bundled.blobs.get(name))
    return registry.adopt(bundled.record, bundled.texts, bundled.names)


def _provenance(first: Event) -> Provenance | None:
    return first.provenance if isinstance(first, RunStarted) else None
