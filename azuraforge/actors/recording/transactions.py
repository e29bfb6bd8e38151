"""What every part of the Registry stands on: its database, its clock, and whom it tells."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from azuraforge.actors.runtimes.hub import Hub, Listener
from azuraforge.schema.events import JournalEntry
from azuraforge.store import audit, metrics
from azuraforge.store.metrics import MetricNames, Point
from azuraforge.store.open import open_database

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass
class Transaction:
    """A writing transaction, the time it is written at, and what it adds to journals, by run.

    A run in `told` without entries has changed otherwise.
    """

    db: Connection
    at: float
    names: MetricNames
    told: dict[str, list[JournalEntry]] = field(default_factory=dict)

    def measure(self, run: int, source: int, number: int, points: Sequence[Point]) -> None:
        """Write down points as a batch of the run's series."""
        metrics.add(self.db, self.names, run, source, number, points)

    def note(self, who: str, what: str, subject: str, details: str = "") -> None:
        """Write down who did what to what."""
        audit.add(self.db, self.at, who, what, subject, details)


class Transactions:
    """Transactions on the database of a home, or at a URL; the hub is told what they wrote."""

    def __init__(
        self,
        home: Path,
        *,
        clock: Callable[[], float] = time.time,
        hub: Listener | None = None,
        database: str | None = None,
    ) -> None:
        self._database = open_database(home, database)
        self._clock = clock
        self._hub = hub if hub is not None else Hub()
        self._names = MetricNames()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._database.read() as db:
            yield db

    @contextmanager
    def _writing(self, *, durable: bool = True) -> Iterator[Transaction]:
        """A transaction; once it is durable, the hub is told."""
        try:
            with self._database.write(durable=durable) as db:
                transaction = Transaction(db, self._clock(), self._names)
                yield transaction
        except BaseException:  # a commit that failed, too: its names have no numbers
            self._names.forget()
            raise
        if transaction.told:
            self._hub.publish(transaction.told)
