"""The Registry: the one writer of runs, journals and models."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import structs

from azuraforge.actors.recording import appending, forking, measuring
from azuraforge.actors.recording.access import Access
from azuraforge.actors.recording.adopting import Adoption
from azuraforge.actors.recording.appending import refuse_fenced
from azuraforge.actors.recording.attempts import COMMAND, Attempts
from azuraforge.actors.recording.catalogue import Catalogue
from azuraforge.actors.recording.exact_json import exact_json
from azuraforge.actors.recording.measurements import Measurements
from azuraforge.actors.recording.shelf import Shelf
from azuraforge.actors.recording.transactions import Transaction
from azuraforge.actors.runtimes.hub import Listener
from azuraforge.errors import AzuraForgeError, ConfigError, RefusedError
from azuraforge.schema.commands import Command, Request
from azuraforge.schema.events import Event, JournalEntry, Telemetry
from azuraforge.schema.records import Ack, Batch, ForkPoint, RunRecord, RunState
from azuraforge.schema.specs import RunSpec
from azuraforge.store import (
    artifacts,
    checkpoints,
    experiments,
    journal,
    metrics,
    models,
    requests,
    runs,
    tags,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: in order, easy to read out

TELEMETRY = msgspec.json.Decoder(Telemetry)
SPEC = msgspec.json.Decoder(RunSpec)


def new_run_id() -> str:
    """A new id of 12 characters that begins with the time, so ids sort as they were made."""
    bits = time.time_ns() // 1_000_000 << 18 | secrets.randbits(18)  # 42 bits of time: until 2109
    return "".join(DIGITS[bits >> shift & 31] for shift in range(55, -5, -5))


class Registry(Attempts, Measurements, Shelf, Catalogue, Access, Adoption):
    """Runs, journals and models of a home folder; several processes may each hold one on it.

    `database` is a URL, else $AZURAFORGE_DATABASE, else SQLite in the folder. `hub` is told of
    every entry once it is durable, of other changes to a run, and of telemetry.

    Raises: HomeError, then and later, if the folder cannot be read or written.
    """

    def __init__(
        self,
        home: Path,
        *,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] = new_run_id,
        hub: Listener | None = None,
        database: str | None = None,
    ) -> None:
        super().__init__(home, clock=clock, hub=hub, database=database)
        self._new_id = new_id

    def create_run(
        self,
        spec: RunSpec,
        *,
        parent: ForkPoint | None = None,
        requests: Sequence[Request] = (),
        experiment: str = "default",
        tags: Mapping[str, str] | None = None,
    ) -> RunRecord:
        """Write down a new run in state `queued`; the requests are numbered anew, in order.

        With a parent it begins with the parent's journal up to the step where it leaves it.

        Raises: ConfigError for a spec that JSON cannot say, NaN or Inf in it for one; NotFoundError
            for the parent; RefusedError for a step it has not done, or a spec that is not its own.
        """
        exact_json("spec", spec, SPEC, refusal=ConfigError)
        with self._writing() as writing:
            record = RunRecord(
                id=self._unused_id(writing.db),
                spec=spec,
                state="queued",
                created_at=writing.at,
                experiment=experiment,
                tags=dict(tags or {}),
            )
            if parent is None:
                runs.add(writing.db, record, folded="queued", best_step=None)
            else:
                _add_child(writing, record, parent)
            return _prepared(writing, record.id, requests)

    def fork(
        self,
        run: str,
        step: int,
        commands: Sequence[Command] = (),
        *,
        tags: Mapping[str, str] | None = None,
    ) -> RunRecord:
        """A new run that is the given one up to the step, where the commands take effect.

        It has the tags of the given one, and these.

        Raises: NotFoundError; RefusedError for a step that the run has not done.
        """
        parent = self.run(run)
        return self.create_run(
            parent.spec,
            parent=ForkPoint(run=parent.id, step=step),
            requests=[Request(number=0, command=command, at_step=step) for command in commands],
            experiment=parent.experiment,
            tags={**parent.tags, **(tags or {})},
        )

    def append(
        self, run: str, first_seq: int, events: Sequence[Event], *, attempt: int | None = None
    ) -> Ack:
        """Append events numbered from `first_seq`, all or none; those already known are dropped.

        From the run's present attempt it is a sign of life as well, without any event too; who
        supervises the run gives none.

        Raises: NotFoundError; FencedError for an attempt after which another was given;
            RefusedError for a gap in the numbers, a known event sent again with other content, NaN
            or Inf, or a run that has ended.
        """
        batch = Batch(run=run, first_seq=first_seq, events=list(events), attempt=attempt)
        (answer,) = self.append_many([batch])
        if isinstance(answer, AzuraForgeError):
            raise answer
        return answer

    def append_many(self, batches: Sequence[Batch]) -> list[Ack | AzuraForgeError]:
        """Append each batch, all of them in one transaction; an answer for each, as `append` gives.

        Raises: HomeError, and then none is written.
        """
        is_durable = any(batch.events for batch in batches)  # signs of life are not worth a sync
        with self._writing(durable=is_durable) as writing:
            return [_answer(writing, batch) for batch in batches]

    def report(self, run: str, telemetry: Telemetry, *, attempt: int | None = None) -> None:
        """Replace the run's telemetry; a power cut may lose it, which a sync is not worth.

        Raises: NotFoundError; FencedError; RefusedError for NaN or Inf.
        """
        text = exact_json(f"run {run}, telemetry", telemetry, TELEMETRY)
        with self._writing(durable=False) as writing:
            stored = runs.called(writing.db, run)
            refuse_fenced(stored.record, attempt)
            runs.set_telemetry(writing.db, stored, text)
            number = metrics.next_number(writing.db, stored.number, metrics.TELEMETRY)
            points = measuring.pace(telemetry, writing.at)
            writing.measure(stored.number, metrics.TELEMETRY, number, points)
        self._hub.report(run, telemetry)

    def run(self, run: str) -> RunRecord:
        """The run of this id, or of the only id that begins so. Raises: NotFoundError."""
        with self._reading() as db:
            return runs.beginning(db, run).record

    def runs(
        self,
        limit: int = 100,
        before: str | None = None,
        *,
        state: RunState | None = None,
        experiment: str | None = None,
        tag: str | None = None,
        param: str | None = None,
    ) -> list[RunRecord]:
        """Runs, newest first; `before` (an id) continues a list.

        `tag` is `key` or `key=value`, `param` a value of the config: `optim.lr=0.1`.
        """
        key, equals, value = (tag or "").partition("=")
        with self._reading() as db:
            end = None if before is None else runs.beginning(db, before).number
            tagged = None if tag is None else (key, value if equals else None)
            return runs.newest(
                db, limit, end, state=state, experiment=experiment, tag=tagged, param=_param(param)
            )

    def events(self, run: str, after: int = 0, limit: int = 1000) -> list[JournalEntry]:
        """Journal entries with seq > after, in order. Raises: NotFoundError."""
        with self._reading() as db:
            return journal.entries(db, runs.beginning(db, run), after, limit)

    def referenced(self) -> set[str]:
        """The SHA-256 of every blob that anything here refers to; others may be collected."""
        with self._reading() as db:
            return _referenced(db)

    def superseded(self) -> list[str]:
        """The blobs of checkpoints that no run keeps any more, and nothing else refers to."""
        with self._reading() as db:
            return sorted(checkpoints.superseded(db) - _referenced(db))

    @contextmanager
    def still(self) -> Iterator[set[str]]:
        """What `referenced` tells, while nobody writes: nothing new is referred to in the block."""
        with self._writing(durable=False) as writing:
            yield _referenced(writing.db)

    def _unused_id(self, db: Connection) -> str:
        for _ in range(100):  # one more is needed once in 262,144 runs of the same millisecond
            run = self._new_id()
            if not runs.exists(db, run):
                return run
        raise RefusedError(f"100 new ids were all taken, the last one {run!r}")


def _answer(writing: Transaction, batch: Batch) -> Ack | AzuraForgeError:
    try:
        return appending.append(writing, batch, appending.event_texts(batch))
    except AzuraForgeError as error:  # nothing of this batch was written; the others stand
        return error


def _add_child(writing: Transaction, record: RunRecord, parent: ForkPoint) -> None:
    stored = runs.beginning(writing.db, parent.run)
    forking.refuse_beyond(stored.record, parent.step)
    if stored.record.spec != record.spec:
        raise RefusedError(
            f"run {stored.record.id} has another spec; a run that leaves it has the same, and "
            "goes its own way by requests"
        )
    point = ForkPoint(run=stored.record.id, step=parent.step)
    forking.add_child(writing, stored, structs.replace(record, parent=point))


def _prepared(writing: Transaction, run: str, new: Sequence[Request]) -> RunRecord:
    """The new run, with all that is kept beside it written down."""
    db = writing.db
    stored = runs.beginning(db, run)
    first = requests.next_number(db, stored.number)
    numbered = [structs.replace(one, number=n) for n, one in enumerate(new, first)]
    for request in numbered:
        exact_json(f"run {run}, request {request.number}", request.command, COMMAND)
    requests.add(db, stored.number, numbered)
    tags.put(db, stored.number, stored.record.tags)
    experiments.ensure(db, stored.record.experiment, writing.at)
    experiments.put_params(db, stored.number, stored.record.spec.config)
    return stored.record


def _param(given: str | None) -> tuple[str, str] | None:
    """The path and the value as JSON; what is no JSON is a text."""
    if given is None:
        return None
    path, equals, text = given.partition("=")
    if not equals:
        raise ConfigError(f"param: got {given!r}; allowed: path=value, such as optim.lr=0.1")
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        value = text
    return path, msgspec.json.encode(value).decode()


def _referenced(db: Connection) -> set[str]:
    return checkpoints.kept(db) | models.weights(db) | artifacts.blobs(db)
