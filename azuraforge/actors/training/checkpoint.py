"""Checkpoints: all that an exact resume needs, as one blob that knows which run it belongs to.

Saving beside the training stops it only for as long as a copy in memory takes: a thread hashes and
writes the copy.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple

import msgspec
import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.train import Loop
from azuraforge.errors import NoRoomError, RefusedError
from azuraforge.schema.provenance import Provenance
from azuraforge.schema.specs import RunSpec
from azuraforge.store.blobs import BlobStore
from azuraforge.store.tensors import decode, parts

RETRY_S = 1.0  # between tries to write where there is no room
REPLACED = "best."  # arrays of the loop that are replaced as a whole, and never written to
KEYS = {"spec", "seq", "loop", "provenance", "control"}

log = logging.getLogger("azuraforge")


class Checkpoint(NamedTuple):
    """What the blob `sha256` holds; `seq` is of the event before its CheckpointSaved."""

    sha256: str
    arrays: dict[str, Array]
    loop: dict[str, Any]
    seq: int
    provenance: Provenance
    control: dict[str, Any]


class Saver:
    """Writes checkpoints of one run, one at a time; `beside` its training, if that is asked for.

    `note` says what a write waits for, or nothing.
    """

    def __init__(
        self,
        blobs: BlobStore,
        spec: RunSpec,
        provenance: Provenance,
        *,
        beside: bool,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._blobs = blobs
        self._facts = {
            "spec": msgspec.to_builtins(spec),
            "provenance": msgspec.to_builtins(provenance),
        }
        self._beside = beside
        self._wait = wait
        self._copies: dict[str, Array] = {}
        self._preparing: threading.Thread | None = None
        self._writing: Future[str] | None = None
        self._began_from: str | None = None
        self.note = ""

    def prepare(self, loop: Loop) -> None:
        """Make room for the copies meanwhile: new pages cost ten times what copying does."""
        if self._beside:
            arrays, _ = loop.state_dict()
            self._preparing = threading.Thread(target=self._make_room, args=(arrays,), daemon=True)
            self._preparing.start()

    def save(self, loop: Loop, seq: int, control: dict[str, Any]) -> Future[str]:
        """Keep the loop as it stands; the blob's name, once it is durable."""
        if self._writing is not None:
            self._writing.exception()  # wait: its arrays are about to be written over
        arrays, values = loop.state_dict()
        metadata = {**self._facts, "seq": seq, "loop": values, "control": control}
        writing: Future[str] = Future()
        self._writing = writing
        if not self._beside:
            self._write(writing, arrays, metadata)
            return writing
        if self._preparing is not None:
            self._preparing.join()
            self._preparing = None
        copied = self._copied(arrays)
        threading.Thread(
            target=self._write,
            args=(writing, copied, metadata),
            name="azuraforge-checkpoint",
            daemon=True,
        ).start()
        return writing

    def latest(self) -> str | None:
        """The name of the one saved last, once it is durable; None where none was."""
        return self._began_from if self._writing is None else self._writing.result()

    def began_from(self, sha256: str) -> None:
        """Tell what the run goes on from: the latest, until another is saved."""
        self._began_from = sha256

    def _make_room(self, arrays: dict[str, Array]) -> None:
        """An array for each copy, in the memory of the one before where there was one."""
        for name, array in arrays.items():
            kept = self._copies.get(name)
            if kept is None or kept.shape != array.shape or kept.dtype != array.dtype:
                kept = self._copies[name] = np.empty_like(array, order="C")
                kept.fill(0)  # pages are there when they are written to

    def _copied(self, arrays: dict[str, Array]) -> dict[str, Array]:
        """Copies of what the next step writes to."""
        written = {name: array for name, array in arrays.items() if not name.startswith(REPLACED)}
        self._make_room(written)
        for name, array in written.items():
            np.copyto(self._copies[name], array)
        return {name: self._copies[name] if name in written else arrays[name] for name in arrays}

    def _write(
        self, writing: Future[str], arrays: dict[str, Array], metadata: dict[str, Any]
    ) -> None:
        try:
            writing.set_result(self._put(arrays, metadata))
        except BaseException as error:  # noqa: BLE001  (whoever waits for the name gets it)
            writing.set_exception(error)

    def _put(self, arrays: dict[str, Array], metadata: dict[str, Any]) -> str:
        while True:
            try:
                name = self._blobs.put_parts(parts(arrays, metadata))
            except NoRoomError as error:
                if not self.note:
                    log.warning("a checkpoint waits for room: %s", error)
                self.note = f"a checkpoint waits for room: {error}"
                self._wait(RETRY_S)
            else:
                self.note = ""
                return name


def load(blobs: BlobStore, sha256: str, spec: RunSpec) -> Checkpoint:
    """The checkpoint of this name.

    Raises: NotFoundError; DataError if it is damaged; RefusedError if it is not a checkpoint, or
            one of another spec, with what differs.
    """
    arrays, metadata = decode(blobs.get(sha256))
    if not metadata.keys() >= KEYS:
        raise RefusedError(f"blob {sha256} is not a checkpoint; a run's journal names those it has")
    as_kept = msgspec.json.decode(msgspec.json.encode(spec))  # where a tuple is a list
    theirs, ours = _flat(metadata["spec"]), _flat(as_kept)
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
    return Checkpoint(
        sha256=sha256,
        arrays=arrays,
        loop=metadata["loop"],
        seq=metadata["seq"],
        provenance=msgspec.convert(metadata["provenance"], Provenance),
        control=metadata["control"],
    )


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted path."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{prefix}{key}"
        flat |= _flat(value, f"{path}.") if isinstance(value, dict) else {path: value}
    return flat
