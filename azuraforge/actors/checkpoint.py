"""Checkpoints: all that an exact resume needs, as one blob that knows which run it belongs to."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from azuraforge.engine.train import Loop
from azuraforge.errors import RefusedError
from azuraforge.schema.specs import RunSpec
from azuraforge.store.blobs import BlobStore
from azuraforge.store.tensors import decode, encode


class Checkpoint(NamedTuple):
    """What the blob `sha256` holds; `seq` is of the event before its CheckpointSaved."""

    sha256: str
    arrays: dict[str, Any]
    values: dict[str, Any]
    seq: int


def save(blobs: BlobStore, spec: RunSpec, seq: int, loop: Loop) -> str:
    """Keep the loop as it stands; the blob's name."""
    arrays, values = loop.state_dict()
    metadata = {"spec": msgspec.to_builtins(spec), "seq": seq, "loop": values}
    return blobs.put(encode(arrays, metadata))


def load(blobs: BlobStore, sha256: str, spec: RunSpec) -> Checkpoint:
    """The checkpoint of this name.

    Raises: NotFoundError; DataError if it is damaged; RefusedError if it is not a checkpoint, or
            one of another spec, with what differs.
    """
    arrays, metadata = decode(blobs.get(sha256))
    if not metadata.keys() >= {"spec", "seq", "loop"}:
        raise RefusedError(f"blob {sha256} is not a checkpoint; a run's journal names those it has")
    theirs, ours = _flat(metadata["spec"]), _flat(msgspec.to_builtins(spec))
    differ = [
        f"{path} is {theirs.get(path)!r} there and {ours.get(path)!r} here"
        for path in sorted(theirs.keys() | ours.keys())
        if theirs.get(path) != ours.get(path)
    ]
    if differ:
        raise RefusedError(
            f"checkpoint {sha256} is of another spec: {'; '.join(differ)}; "
            "give the spec it was made with"
        )
    return Checkpoint(sha256, arrays, metadata["loop"], metadata["seq"])


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted path."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{prefix}{key}"
        flat |= _flat(value, f"{path}.") if isinstance(value, dict) else {path: value}
    return flat
