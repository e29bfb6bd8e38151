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

from azuraforge.actors import appending, forking
from azuraforge.actors.appending import EVENT, Told, refuse_ended, refuse_fenced
from azuraforge.actors.exact_json import exact_json
from azuraforge.actors.hub import Hub, Listener
from azuraforge.actors.registering import CHAMPION
from azuraforge.errors import AzuraForgeError, ConfigError, NotFoundError, RefusedError
from azuraforge.schema.commands import Command, Request
from azuraforge.schema.events import Event, JournalEntry, RunFailed, RunStopped, Telemetry
from azuraforge.schema.records import (
    Ack,
    Attempt,
    Batch,
    Checkpoint,
    DeadLetter,
    ForkPoint,
    ModelVersion,
    RunRecord,
    RunState,
)
from azuraforge.schema.specs import RunSpec
from azuraforge.store import attempts, checkpoints, journal, models, requests, runs, tags
from azuraforge.store.database import Database
from azuraforge.store.runs import StoredRun

if TYPE_CHECKING:
    from sqlalchemy import Connection

DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: in order, easy to read out
LEASE_S = 8.0  # a Trainer that is silent for longer is lost; it beats every second

TELEMETRY = msgspec.json.Decoder(Telemetry)
SPEC = msgspec.json.Decoder(RunSpec)
COMMAND = msgspec.json.Decoder(Command)


def new_run_id() -> str:
    """A new id of 12 characters that begins with the time, so ids sort as they were made."""
    bits = time.time_ns() // 1_000_000 << 18 | secrets.randbits(18)  # 42 bits of time: until 2109
    return "".join(DIGITS[bits >> shift & 31] for shift in range(55, -5, -5))


class Registry:
    """Runs, journals and models of a home folder; several processes may each hold one on it.

    `hub` is told of every entry once it is durable, of other changes to a run, and of telemetry.

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
        with self._database.write() as db:
            record = RunRecord(
                id=self._unused_id(db),
                spec=spec,
                state="queued",
                created_at=self._clock(),
                experiment=experiment,
                tags=dict(tags or {}),
            )
            if parent is None:
                runs.add(db, record, folded="queued", best_step=None)
            else:
                self._add_child(db, record, parent)
            return self._prepared(db, record.id, requests)

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
        with self._database.read() as db:
            parent = runs.beginning(db, run).record
        return self.create_run(
            parent.spec,
            parent=ForkPoint(run=parent.id, step=step),
            requests=[Request(number=0, command=command, at_step=step) for command in commands],
            experiment=parent.experiment,
            tags={**parent.tags, **(tags or {})},
        )

    def begin_attempt(self, run: str, holder: str, *, accepts_differences: bool = False) -> Attempt:
        """Give the run's journal to a new Trainer, at `holder`; earlier ones can write no more.

        Raises: NotFoundError; RefusedError if the run has ended.
        """
        with self._telling() as (db, told):
            told[run] = []
            stored, at = runs.called(db, run), self._clock()
            refuse_ended(stored.record)
            number = stored.record.attempt + 1
            record = structs.replace(stored.record, attempt=number, state=stored.folded_state)
            if record.started_at is None and record.state != "queued":
                record = structs.replace(record, started_at=at)  # a fork, whose past has begun
            runs.save(db, stored, record, at, stored.best_step)
            attempts.begin(db, stored.number, number, holder, at)
            kept = [one for one in checkpoints.of_run(db, stored.number) if one.is_kept]
            return Attempt(
                run=run,
                number=number,
                spec=record.spec,
                known_seq=record.last_seq,
                checkpoints=kept,
                requests=requests.pending(db, stored.number),
                journal=journal.outline(db, stored),
                accepts_differences=accepts_differences,
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
        with self._telling(durable=is_durable) as (db, told):
            return [self._answer(db, batch, told) for batch in batches]

    def report(self, run: str, telemetry: Telemetry, *, attempt: int | None = None) -> None:
        """Replace the run's telemetry; a power cut may lose it, which a sync is not worth.

        Raises: NotFoundError; FencedError; RefusedError for NaN or Inf.
        """
        text = exact_json(f"run {run}, telemetry", telemetry, TELEMETRY)
        with self._database.write(durable=False) as db:
            stored = runs.called(db, run)
            refuse_fenced(stored.record, attempt)
            runs.set_telemetry(db, stored, text)
        self._hub.report(run, telemetry)

    def command(self, run: str, command: Command) -> RunRecord:
        """Ask something of a run; one that has no Trainer stops at once, others between two steps.

        Raises: NotFoundError; RefusedError if it has ended, or for a value that JSON cannot say.
        """
        exact_json(f"run {run}, command", command, COMMAND)
        with self._telling() as (db, told):
            stored = runs.beginning(db, run)
            record = stored.record
            refuse_ended(record)
            if command.name == "stop" and record.state in ("queued", "lost"):
                end = RunStopped(
                    step=record.step, reason=command.reason, checkpoint=record.checkpoint
                )
                return self._end(db, stored, end, told)
            waiting = [one.command.name for one in requests.pending(db, stored.number)]
            if command.name != "stop" or "stop" not in waiting:  # the first reason stays
                number = requests.next_number(db, stored.number)
                requests.add(db, stored.number, [Request(number=number, command=command)])
            return record

    def expire(self) -> list[RunRecord]:
        """Note which runs have lost their Trainer: those not heard of for as long as a lease."""
        at = self._clock()
        with self._database.read() as db:
            if not runs.silent(db, at - LEASE_S):
                return []
        with self._telling() as (db, told):
            return [self._lose(db, stored, told, at) for stored in runs.silent(db, at - LEASE_S)]

    def lose(self, run: str, cause: str, *, attempt: int) -> RunRecord:
        """Note at once that an attempt is over, for who knows that its Trainer is dead.

        Raises: NotFoundError; FencedError if another attempt was given; RefusedError if it ended.
        """
        with self._telling() as (db, told):
            stored = runs.called(db, run)
            refuse_ended(stored.record)
            refuse_fenced(stored.record, attempt)
            return self._lose(db, stored, told, self._clock(), cause)

    def give_up(self, run: str, cause: str) -> DeadLetter:
        """End a run as failed, since no attempt can go on with it; it becomes a dead letter.

        Raises: NotFoundError; RefusedError if it has ended.
        """
        with self._telling() as (db, told):
            stored = runs.called(db, run)
            record = stored.record
            refuse_ended(record)
            letter = DeadLetter(run=run, attempt=record.attempt, cause=cause, at=self._clock())
            attempts.give_up(db, stored.number, letter)
            self._end(db, stored, RunFailed(step=record.step, kind="RunError", error=cause), told)
            return letter

    def dead_letters(self) -> list[DeadLetter]:
        """The runs that were given up, the latest first."""
        with self._database.read() as db:
            return attempts.given_up(db)

    def accept_differences(self, run: str, found: Sequence[str], *, attempt: int) -> RunRecord:
        """Mark the run as not exact: it goes on although this differs from where it began.

        Raises: NotFoundError; FencedError.
        """
        with self._database.write() as db:
            stored = runs.called(db, run)
            refuse_fenced(stored.record, attempt)
            all_of_them = list(dict.fromkeys([*stored.record.not_exact, *found]))
            record = structs.replace(stored.record, not_exact=all_of_them)
            runs.amend(db, stored, record)
            return record

    def run(self, run: str) -> RunRecord:
        """The run of this id, or of the only id that begins so. Raises: NotFoundError."""
        with self._database.read() as db:
            return runs.beginning(db, run).record

    def runs(
        self,
        limit: int = 100,
        before: str | None = None,
        *,
        state: RunState | None = None,
        experiment: str | None = None,
        tag: str | None = None,
    ) -> list[RunRecord]:
        """Runs, newest first; `before` (an id) continues a list; `tag` is `key` or `key=value`."""
        key, equals, value = (tag or "").partition("=")
        with self._database.read() as db:
            end = None if before is None else runs.beginning(db, before).number
            tagged = None if tag is None else (key, value if equals else None)
            return runs.newest(db, limit, end, state=state, experiment=experiment, tag=tagged)

    def events(self, run: str, after: int = 0, limit: int = 1000) -> list[JournalEntry]:
        """Journal entries with seq > after, in order. Raises: NotFoundError."""
        with self._database.read() as db:
            return journal.entries(db, runs.beginning(db, run), after, limit)

    def checkpoints(self, run: str) -> list[Checkpoint]:
        """The checkpoints that the run's journal names, newest first. Raises: NotFoundError."""
        with self._database.read() as db:
            return checkpoints.of_run(db, runs.beginning(db, run).number)

    def requests(self, run: str) -> list[Request]:
        """What is asked of the run and has not taken effect. Raises: NotFoundError."""
        with self._database.read() as db:
            return requests.pending(db, runs.beginning(db, run).number)

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

    def referenced(self) -> set[str]:
        """The SHA-256 of every blob that anything here refers to; others may be collected."""
        with self._database.read() as db:
            return checkpoints.kept(db) | models.weights(db)

    @contextmanager
    def still(self) -> Iterator[set[str]]:
        """What `referenced` tells, while nobody writes: nothing new is referred to in the block."""
        with self._database.write(durable=False) as db:
            yield checkpoints.kept(db) | models.weights(db)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _unused_id(self, db: Connection) -> str:
        for _ in range(100):  # one more is needed once in 262,144 runs of the same millisecond
            run = self._new_id()
            if not runs.exists(db, run):
                return run
        raise RefusedError(f"100 new ids were all taken, the last one {run!r}")

    def _add_child(self, db: Connection, record: RunRecord, parent: ForkPoint) -> None:
        stored = runs.beginning(db, parent.run)
        forking.refuse_beyond(stored.record, parent.step)
        if stored.record.spec != record.spec:
            raise RefusedError(
                f"run {stored.record.id} has another spec; a run that leaves it has the same, and "
                "goes its own way by requests"
            )
        point = ForkPoint(run=stored.record.id, step=parent.step)
        forking.add_child(db, stored, structs.replace(record, parent=point), self._clock())

    def _prepared(self, db: Connection, run: str, new: Sequence[Request]) -> RunRecord:
        """The new run, its requests and tags written down."""
        stored = runs.called(db, run)
        first = requests.next_number(db, stored.number)
        numbered = [structs.replace(one, number=n) for n, one in enumerate(new, first)]
        for request in numbered:
            exact_json(f"run {run}, request {request.number}", request.command, COMMAND)
        requests.add(db, stored.number, numbered)
        tags.put(db, stored.number, stored.record.tags)
        return stored.record

    @contextmanager
    def _telling(self, *, durable: bool = True) -> Iterator[tuple[Connection, Told]]:
        """A transaction and what the hub is told of it once it is durable."""
        told: Told = {}
        with self._database.write(durable=durable) as db:
            yield db, told
        if told:
            self._hub.publish(told)

    def _answer(self, db: Connection, batch: Batch, told: Told) -> Ack | AzuraForgeError:
        try:
            return appending.append(db, batch, appending.event_texts(batch), self._clock(), told)
        except AzuraForgeError as error:  # nothing of this batch was written; the others stand
            return error

    def _end(
        self, db: Connection, stored: StoredRun, end: RunStopped | RunFailed, told: Told
    ) -> RunRecord:
        text = exact_json(f"run {stored.record.id}", end, EVENT)
        return appending.extend(db, stored, [end], [text], self._clock(), told)

    def _lose(
        self, db: Connection, stored: StoredRun, told: Told, at: float, cause: str | None = None
    ) -> RunRecord:
        heard_at = at if stored.heard_at is None else stored.heard_at
        runs.lose(db, stored)
        attempts.end(db, stored.number, cause or f"silent for {at - heard_at:.1f} s", at)
        told[stored.record.id] = []
        return structs.replace(stored.record, state="lost")
