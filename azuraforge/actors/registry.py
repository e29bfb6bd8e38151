"""The Registry: the one writer of runs, journals and models."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import structs

from azuraforge.actors.folding import folded
from azuraforge.actors.hub import Hub, Listener
from azuraforge.errors import AzuraForgeError, ConfigError, NotFoundError, RefusedError
from azuraforge.schema.commands import Command, Request
from azuraforge.schema.events import Event, JournalEntry, RunFinished, RunStopped, Telemetry
from azuraforge.schema.records import ENDED, Ack, ModelVersion, RunRecord
from azuraforge.schema.specs import RunSpec
from azuraforge.store import models, runs
from azuraforge.store.database import Database
from azuraforge.store.runs import StoredRun

if TYPE_CHECKING:
    from sqlalchemy import Connection

CHAMPION = "champion"
DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: in order, easy to read out

EVENT = msgspec.json.Decoder(Event)
TELEMETRY = msgspec.json.Decoder(Telemetry)
SPEC = msgspec.json.Decoder(RunSpec)


def new_run_id() -> str:
    """A new id of 12 characters that begins with the time, so ids sort as they were made."""
    bits = time.time_ns() // 1_000_000 << 18 | secrets.randbits(18)  # 42 bits of time: until 2109
    return "".join(DIGITS[bits >> shift & 31] for shift in range(55, -5, -5))


class Registry:
    """Runs, journals and models of a home folder; several processes may each hold one on it.

    `hub` is told of every entry once it is durable, and of telemetry.

    Raises: HomeError, then and later, if the folder cannot be read or written.
    """

    def __init__(
        self,
        home: Path,
        *,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] = new_run_id,
        hub: Listener | None = None,
    ) -> None:
        self._database = Database(home)
        self._clock = clock
        self._new_id = new_id
        self._hub = hub if hub is not None else Hub()

    def create_run(self, spec: RunSpec) -> RunRecord:
        """Write down a new run in state `queued`.

        Raises: ConfigError for a spec that JSON cannot say, NaN or Inf in it for one.
        """
        _as_json("spec", spec, SPEC, refusal=ConfigError)
        with self._database.write() as db:
            run = self._unused_id(db)
            record = RunRecord(id=run, spec=spec, state="queued", created_at=self._clock())
            runs.add(db, record)
        return record

    def append(self, run: str, first_seq: int, events: Sequence[Event]) -> Ack:
        """Append events numbered from `first_seq`, all or none; those already known are dropped.

        Raises: NotFoundError; RefusedError for a gap in the numbers, a known event sent again with
            other content, NaN or Inf, or a run that has ended.
        """
        if first_seq < 1:
            raise RefusedError(f"run {run}: got first_seq {first_seq}; events count from 1")
        texts = [
            _as_json(f"run {run}, event {seq}", event, EVENT)
            for seq, event in enumerate(events, first_seq)
        ]
        with self._database.write() as db:
            stored = runs.called(db, run)
            known = min(max(stored.record.last_seq + 1 - first_seq, 0), len(events))
            _refuse_other_past(db, stored, first_seq, events[:known])
            record = stored.record
            if known < len(events):
                _refuse_gap(record, first_seq + known)
                record = self._extend(db, stored, events[known:], texts[known:])
        self._tell(run, stored.record.last_seq + 1, events[known:])
        asked = [] if stored.stop is None else [_stop_request(stored.stop)]
        return Ack(durable_seq=record.last_seq, requests=asked)

    def report(self, run: str, telemetry: Telemetry) -> None:
        """Replace the run's telemetry; a power cut may lose it, which a sync is not worth.

        Raises: NotFoundError; RefusedError for NaN or Inf.
        """
        text = _as_json(f"run {run}, telemetry", telemetry, TELEMETRY)
        with self._database.write(durable=False) as db:
            runs.set_telemetry(db, run, text)
        self._hub.report(run, telemetry)

    def request_stop(self, run: str, reason: str) -> RunRecord:
        """Ask a run to stop: a queued one ends at once, a running one after its present step.

        Raises: NotFoundError; RefusedError if it has ended.
        """
        with self._database.write() as db:
            stored = runs.beginning(db, run)
            _refuse_ended(stored.record)
            runs.ask_to_stop(db, stored.number, reason)
            if stored.record.state != "queued":
                return stored.record
            stopped = RunStopped(step=0, reason=reason)
            record = self._extend(db, stored, [stopped], [_as_json("stop", stopped, EVENT)])
        self._tell(record.id, record.last_seq, [stopped])
        return record

    def run(self, run: str) -> RunRecord:
        """The run of this id, or of the only id that begins so. Raises: NotFoundError."""
        with self._database.read() as db:
            return runs.beginning(db, run).record

    def runs(self, limit: int = 100, before: str | None = None) -> list[RunRecord]:
        """Runs, newest first; `before` (an id) continues a list."""
        with self._database.read() as db:
            end = None if before is None else runs.beginning(db, before).number
            return runs.newest(db, limit, end)

    def events(self, run: str, after: int = 0, limit: int = 1000) -> list[JournalEntry]:
        """Journal entries with seq > after, in order. Raises: NotFoundError."""
        with self._database.read() as db:
            return runs.entries(db, runs.beginning(db, run), after, limit)

    def models(self) -> list[ModelVersion]:
        """Every version of every model, by name, newest version first."""
        with self._database.read() as db:
            return models.versions(db)

    def model(self, name: str, version: str = CHAMPION) -> ModelVersion:
        """A version by number or alias. Raises: NotFoundError, naming what there is."""
        with self._database.read() as db:
            found = models.versions(db, name)
            known = sorted({other.name for other in models.versions(db)} if not found else ())
        if not found:
            raise NotFoundError(f"no model {name!r}; known: {', '.join(known) or 'none'}")
        for candidate in found:
            if version in (str(candidate.version), *candidate.aliases):
                return candidate
        aliases = [alias for candidate in found for alias in candidate.aliases]
        raise NotFoundError(
            f"model {name!r} has no version or alias {version!r}; "
            f"it has versions 1 to {found[0].version}, and {', '.join(aliases)}"
        )

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _tell(self, run: str, first_seq: int, events: Sequence[Event]) -> None:
        if events:
            entries = enumerate(events, first_seq)
            told = [JournalEntry(run=run, seq=seq, event=event) for seq, event in entries]
            self._hub.publish({run: told})

    def _unused_id(self, db: Connection) -> str:
        for _ in range(100):  # one more is needed once in 262,144 runs of the same millisecond
            run = self._new_id()
            if not runs.exists(db, run):
                return run
        raise RefusedError(f"100 new ids were all taken, the last one {run!r}")

    def _extend(
        self, db: Connection, stored: StoredRun, events: Sequence[Event], texts: Sequence[str]
    ) -> RunRecord:
        """Write new events behind the journal, and the record and the model that follow."""
        record, at = stored.record, self._clock()
        runs.add_events(db, stored.number, record.last_seq + 1, texts, at)
        for event in events:
            _refuse_ended(record)
            record = folded(record, event, at)
        end = events[-1]
        if isinstance(end, RunFinished):
            version = _register(db, stored.number, record, end, at)
            record = structs.replace(record, model_version=version)
        runs.save(db, stored.number, record)
        return record


def _register(
    db: Connection, run_number: int, record: RunRecord, end: RunFinished, at: float
) -> int:
    """Write down the finished run's model as the next version, champion if it is the best."""
    if record.model is None or record.monitor is None or record.mode is None:
        raise RefusedError(f"run {record.id}, event {record.last_seq}: finished but never started")
    if record.monitor not in end.validation:
        known = ", ".join(end.validation) or "none"
        raise RefusedError(
            f"run {record.id}, event {record.last_seq}: the validation metrics lack the monitored "
            f"{record.monitor!r}; given: {known}"
        )
    earlier = models.versions(db, record.model)
    version = ModelVersion(
        name=record.model,
        version=earlier[0].version + 1 if earlier else 1,
        run=record.id,
        plugin=record.spec.plugin,
        config=record.spec.config,
        weights=end.weights,
        monitor=record.monitor,
        mode=record.mode,
        validation=end.validation,
        test=end.test,
        created_at=at,
    )
    models.add(db, run_number, version)
    champion = next((other for other in earlier if CHAMPION in other.aliases), None)
    if champion is None or _is_better(version, champion):
        models.point(db, CHAMPION, version)
    return version.version


def _is_better(version: ModelVersion, champion: ModelVersion) -> bool:
    """Whether it is better by the same yardstick; with another one there is no telling."""
    monitor = version.monitor
    if (monitor, version.mode) != (champion.monitor, champion.mode):
        return False
    value, best = version.validation[monitor], champion.validation[monitor]
    return value < best if version.mode == "min" else value > best


def _stop_request(reason: str) -> Request:
    return Request(number=1, command=Command(name="stop", reason=reason))


def _refuse_ended(record: RunRecord) -> None:
    if record.state in ENDED:
        raise RefusedError(f"run {record.id} has ended ({record.state}); nothing can follow")


def _refuse_gap(record: RunRecord, seq: int) -> None:
    if seq != record.last_seq + 1:
        raise RefusedError(
            f"run {record.id}: got event {seq} after event {record.last_seq}; "
            f"the next is {record.last_seq + 1}"
        )


def _refuse_other_past(
    db: Connection, stored: StoredRun, first_seq: int, again: Sequence[Event]
) -> None:
    """Refuse events sent again that are not what the journal holds: the run did not repeat."""
    entries = runs.entries(db, stored, first_seq - 1, len(again))
    for entry, event in zip(entries, again, strict=True):
        if entry.event != event:
            _refuse_ended(stored.record)  # the likelier cause: stopped before it could start
            raise RefusedError(
                f"run {entry.run}, event {entry.seq}: sent again with other content; a run repeats "
                f"its past exactly, and the journal holds {entry.event}, not {event}"
            )


def _as_json(
    place: str,
    value: Any,
    kind: msgspec.json.Decoder[Any],
    *,
    refusal: type[AzuraForgeError] = RefusedError,
) -> str:
    """The value as JSON that reads back as its kind."""
    try:
        text = msgspec.json.encode(value)
        if b"null" in text:  # so NaN and Inf are written, but not they alone
            _check_finite(type(value).__name__, msgspec.to_builtins(value))
        kind.decode(text)
    except (TypeError, ValueError) as error:
        raise refusal(f"{place}: {error}") from error
    return text.decode()


def _check_finite(path: str, value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{path} is {value}; only finite numbers can be kept")
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            _check_finite(f"{path}.{key}", inner)
