"""The run of a bundle, read as one reads a Registry."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import structs

from azuraforge.actors.recording.folding import folded
from azuraforge.errors import DataError, NotFoundError
from azuraforge.schema.events import CheckpointSaved, Event, JournalEntry, RunFinished, RunStarted
from azuraforge.schema.records import ENDED, Checkpoint, ForkPoint, RunRecord
from azuraforge.schema.specs import ModelName
from azuraforge.store.blobs import DiscardingBlobs, is_name
from azuraforge.store.bundle import JOURNAL
from azuraforge.store.bundle_file import BundleFile
from azuraforge.store.journal import chained

MOST_STEPS = 2**31 - 1  # as far as columns of a database count

_event = msgspec.json.Decoder(Event)


class Bundled:
    """The one run of a bundle with its journal and its checkpoints.

    Raises: DataError if its journal is none, or names other blobs than those that came along.
    """

    def __init__(self, file: BundleFile) -> None:
        self.path = file.path
        self.names = file.blobs
        self.files = len(file.manifest.files) + 1
        self.size_bytes = file.size_bytes
        self.blobs = BundledBlobs(file)
        events = list(self._decoded(file))
        self.texts = [text.decode() for text in file.texts]
        self._entries = [
            JournalEntry(run=file.manifest.run, seq=seq, event=event, chain=chain.hex())
            for seq, (event, chain) in enumerate(
                zip(events, chained("", self.texts), strict=True), 1
            )
        ]
        self.record = self._folded(file)
        self._refuse_other_blobs()

    def run(self, run: str) -> RunRecord:
        """The run, as its journal tells it. Raises: NotFoundError for any other."""
        if run != self.record.id:
            raise NotFoundError(f"no run {run!r} in {self.path}; it holds {self.record.id}")
        return self.record

    def events(self, run: str, after: int = 0, limit: int = 1000) -> list[JournalEntry]:
        """Journal entries with seq > after, in order. Raises: NotFoundError."""
        self.run(run)
        return self._entries[after : after + limit]

    def checkpoints(self, run: str) -> list[Checkpoint]:
        """The checkpoints that the journal names, newest first. Raises: NotFoundError."""
        self.run(run)
        saved = [(e.seq, e.event) for e in self._entries if isinstance(e.event, CheckpointSaved)]
        return [
            Checkpoint(
                seq=seq,
                step=event.step,
                epoch=event.epoch,
                sha256=event.sha256,
                is_kept=event.sha256 in self.names,
            )
            for seq, event in reversed(saved)
        ]

    def _decoded(self, file: BundleFile) -> Iterator[Event]:
        for seq, text in enumerate(file.texts, 1):
            place = f"{self.path}: {JOURNAL}, line {seq}"
            try:
                event: Event = _event.decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise DataError(f"{place}: {error}") from error
            _refuse_unsound(event, place)
            yield event

    def _folded(self, file: BundleFile) -> RunRecord:
        told, parent = file.manifest, file.manifest.parent
        record = RunRecord(
            id=told.run,
            spec=told.spec,
            state="queued",
            created_at=told.created_at,
            experiment=told.experiment,
            tags=told.tags,
            parent=None if parent is None else ForkPoint(run=parent.run, step=parent.step),
            not_exact=told.not_exact,
            attempt=1,
        )
        for entry in self._entries:
            if record.state in ENDED:
                raise DataError(f"{self.path}: {JOURNAL}, line {entry.seq}: the run had ended")
            record = folded(record, entry.event, told.created_at)
        return structs.replace(
            record, chain=told.chain, started_at=told.started_at, ended_at=told.ended_at
        )

    def _refuse_other_blobs(self) -> None:
        named = {e.event.sha256 for e in self._entries if isinstance(e.event, CheckpointSaved)}
        end = self._entries[-1].event if self._entries else None
        if isinstance(end, RunFinished):
            named.add(end.weights)
            if end.weights not in self.names:
                raise DataError(f"{self.path}: the weights {end.weights} of its run are missing")
        for name in self.names - named:
            raise DataError(f"{self.path}: it has a blob {name} that its journal does not name")


def _refuse_unsound(event: Event, place: str) -> None:
    """Refuse what an event's type lets through, and no Trainer writes."""
    for name in ("step", "epoch", "request"):
        if not 0 <= (getattr(event, name, 0) or 0) <= MOST_STEPS:
            raise DataError(f"{place}: {name} is {getattr(event, name)}")
    if isinstance(event, CheckpointSaved) and not is_name(event.sha256):
        raise DataError(f"{place}: {event.sha256!r:.80} is no name of a blob")
    if isinstance(event, RunStarted):
        try:
            msgspec.convert(event.model, ModelName)
        except msgspec.ValidationError as error:
            raise DataError(f"{place}: the model's name, {event.model!r:.80}: {error}") from error


class BundledBlobs(DiscardingBlobs):
    """The blobs that came along; what is put is not kept."""

    def __init__(self, file: BundleFile) -> None:
        self._file = file

    def get(self, sha256: str) -> bytes:
        """The bytes of this SHA-256. Raises: NotFoundError; DataError if the file was changed."""
        return self._file.blob(sha256)

    def __contains__(self, sha256: object) -> bool:
        return sha256 in self._file.blobs
