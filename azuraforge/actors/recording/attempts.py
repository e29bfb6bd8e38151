"""The Registry's part that knows who works on a run, and what is asked of it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import structs

from azuraforge.actors.recording import appending
from azuraforge.actors.recording.appending import EVENT, refuse_ended, refuse_fenced
from azuraforge.actors.recording.exact_json import exact_json
from azuraforge.actors.recording.transactions import Transaction, Transactions
from azuraforge.schema.commands import Command, Request
from azuraforge.schema.events import RunFailed, RunStopped
from azuraforge.schema.records import Attempt, Checkpoint, DeadLetter, RunRecord
from azuraforge.store import attempts, checkpoints, journal, requests, runs
from azuraforge.store.runs import StoredRun

LEASE_S = 8.0  # a Trainer that is silent for longer is lost; it beats every second

COMMAND = msgspec.json.Decoder(Command)


class Attempts(Transactions):
    """Attempts, requests and leases of runs."""

    def begin_attempt(self, run: str, holder: str, *, accepts_differences: bool = False) -> Attempt:
        """Give the run's journal to a new Trainer, at `holder`; earlier ones can write no more.

        Raises: NotFoundError; RefusedError if the run has ended.
        """
        with self._writing() as writing:
            db, at = writing.db, writing.at
            stored = runs.called(db, run)
            refuse_ended(stored.record)
            number = stored.record.attempt + 1
            record = structs.replace(stored.record, attempt=number, state=stored.folded_state)
            if record.started_at is None and record.state != "queued":
                record = structs.replace(record, started_at=at)  # a fork, whose past has begun
            runs.save(db, stored, record, at, stored.best_step)
            attempts.begin(db, stored.number, number, holder, at)
            writing.told[run] = []
            return Attempt(
                run=run,
                number=number,
                spec=record.spec,
                known_seq=record.last_seq,
                checkpoints=[c for c in checkpoints.of_run(db, stored.number) if c.is_kept],
                requests=requests.pending(db, stored.number),
                journal=journal.outline(db, stored),
                accepts_differences=accepts_differences,
            )

    def accept_differences(self, run: str, found: Sequence[str], *, attempt: int) -> RunRecord:
        """Mark the run as not exact: it goes on although this differs from where it began.

        Raises: NotFoundError; FencedError.
        """
        with self._writing() as writing:
            stored = runs.beginning(writing.db, run)
            refuse_fenced(stored.record, attempt)
            all_of_them = list(dict.fromkeys([*stored.record.not_exact, *found]))
            record = structs.replace(stored.record, not_exact=all_of_them)
            runs.amend(writing.db, stored, record)
            return record

    def command(self, run: str, command: Command) -> RunRecord:
        """Ask something of a run; one that has no Trainer stops at once, others between two steps.

        Raises: NotFoundError; RefusedError if it has ended, or for a value that JSON cannot say.
        """
        exact_json(f"run {run}, command", command, COMMAND)
        with self._writing() as writing:
            db = writing.db
            stored = runs.beginning(db, run)
            record = stored.record
            refuse_ended(record)
            if command.name == "stop" and record.state in ("queued", "lost"):
                kept = record.checkpoint
                end = RunStopped(step=record.step, reason=command.reason, checkpoint=kept)
                return _end(writing, stored, end)
            waiting = [one.command.name for one in requests.pending(db, stored.number)]
            if command.name != "stop" or "stop" not in waiting:  # the first reason stays
                number = requests.next_number(db, stored.number)
                requests.add(db, stored.number, [Request(number=number, command=command)])
            return record

    def requests(self, run: str) -> list[Request]:
        """What is asked of the run and has not taken effect. Raises: NotFoundError."""
        with self._reading() as db:
            return requests.pending(db, runs.beginning(db, run).number)

    def checkpoints(self, run: str) -> list[Checkpoint]:
        """The checkpoints that the run's journal names, newest first. Raises: NotFoundError."""
        with self._reading() as db:
            return checkpoints.of_run(db, runs.beginning(db, run).number)

    def expire(self) -> list[RunRecord]:
        """Note which runs have lost their Trainer: those not heard of for as long as a lease."""
        before = self._clock() - LEASE_S
        with self._reading() as db:
            if not runs.silent(db, before):
                return []
        with self._writing() as writing:
            return [
                _lose(writing, stored, f"silent for {writing.at - (stored.heard_at or 0):.1f} s")
                for stored in runs.silent(writing.db, before)
            ]

    def lose(self, run: str, cause: str, *, attempt: int) -> RunRecord:
        """Note at once that an attempt is over, for who knows that its Trainer is dead.

        Raises: NotFoundError; FencedError if another attempt was given; RefusedError if it ended.
        """
        with self._writing() as writing:
            stored = runs.beginning(writing.db, run)
            refuse_ended(stored.record)
            refuse_fenced(stored.record, attempt)
            return _lose(writing, stored, cause)

    def give_up(self, run: str, cause: str) -> DeadLetter:
        """End a run as failed, since no attempt can go on with it; it becomes a dead letter.

        Raises: NotFoundError; RefusedError if it has ended.
        """
        with self._writing() as writing:
            stored = runs.beginning(writing.db, run)
            record = stored.record
            refuse_ended(record)
            letter = DeadLetter(run=record.id, attempt=record.attempt, cause=cause, at=writing.at)
            attempts.give_up(writing.db, stored.number, letter)
            _end(writing, stored, RunFailed(step=record.step, kind="RunError", error=cause))
            return letter

    def dead_letters(self) -> list[DeadLetter]:
        """The runs that were given up, the latest first."""
        with self._reading() as db:
            return attempts.given_up(db)


def _end(writing: Transaction, stored: StoredRun, end: RunStopped | RunFailed) -> RunRecord:
    text = exact_json(f"run {stored.record.id}", end, EVENT)
    return appending.extend(writing, stored, [end], [text])


def _lose(writing: Transaction, stored: StoredRun, cause: str) -> RunRecord:
    runs.lose(writing.db, stored)
    attempts.end(writing.db, stored.number, cause, writing.at)
    writing.told[stored.record.id] = []
    return structs.replace(stored.record, state="lost")
