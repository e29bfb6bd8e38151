"""The Registry's tables as Parquet files beside the database, for queries and other programs.

A file's name says what it holds: its table, which runs, and a digest of what was read. A file that
is there under its name is fresh; no clock is asked. Events and metrics are cut into blocks of runs,
whose digest is of their journals' chains: where a journal has grown its block is written anew, the
others stay. What was measured beside the journals is in files of its own, named by how much it is.
The other tables are small, and their digest is of their rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from azuraforge.store import journal, metrics, models, parquet, runs
from azuraforge.store.database import Database
from azuraforge.store.home import unusable
from azuraforge.store.lock import Lock
from azuraforge.store.runs import StoredRun
from azuraforge.store.snapshot_tables import (
    LAYOUT,
    TABLES,
    Row,
    journal_rows,
    model_row,
    param_rows,
    point_rows,
    run_row,
    tag_rows,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

BLOCK = 32  # runs whose events, and whose metrics, share a file
SPARED_S = 3600.0  # a file that was replaced stays so long, for queries that still read it
LOCK_TIMEOUT_S = 600.0

Files = dict[str, list[Path]]  # of each table


class Snapshots:
    """The snapshots of a home folder, in its folder `snapshots`.

    Raises: HomeError if the folder cannot be written.
    """

    def __init__(
        self, home: Path, database: Database, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.folder = home / "snapshots"
        self._database = database
        self._clock = clock
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self._lock = Lock(self.folder / "lock", timeout_s=LOCK_TIMEOUT_S)
        except OSError as error:
            raise unusable(home, error) from error

    def refresh(self) -> Files:
        """The files of every table as the database is now; those that are not there are written.

        Raises: HomeError; DataError for a journal that is damaged.
        """
        with self._lock.held(), self._database.read() as db:
            try:
                files = self._written(db)
                self._delete_others({path for paths in files.values() for path in paths})
            except OSError as error:
                raise unusable(self.folder, error) from error
        return files

    def close(self) -> None:
        """Let go of the lock's file."""
        self._lock.close()

    def _written(self, db: Connection) -> Files:
        """The files of every table, each written unless it is there."""
        every = list(runs.every(db))
        records = [run.record for run in every]
        files = {
            "runs": [self._small("runs", [run_row(run) for run in records])],
            "params": [self._small("params", [r for run in records for r in param_rows(run)])],
            "tags": [self._small("tags", [r for run in records for r in tag_rows(run)])],
            "models": [self._small("models", [model_row(one) for one in models.versions(db)])],
            "events": [],
            "metrics": [],
        }
        blocks: dict[int, list[StoredRun]] = {0: []}  # a table without any run has a file, too
        for run in every:
            blocks.setdefault(run.number // BLOCK, []).append(run)
        sizes = metrics.sizes_beside(db)
        for block, members in blocks.items():
            for table, path in self._block(db, block, members).items():
                files[table].append(path)
            besides = {run.number: sizes[run.number] for run in members if run.number in sizes}
            if besides:
                files["metrics"].append(self._beside(db, block, members, besides))
        return files

    def _small(self, table: str, rows: list[Row]) -> Path:
        path = self._path(table, 0, rows)
        if not path.exists():
            parquet.write(path, TABLES[table], rows)
        return path

    def _block(self, db: Connection, block: int, members: list[StoredRun]) -> dict[str, Path]:
        """The two files of these runs' journals."""
        chains = [[run.number, run.record.last_seq, run.record.chain] for run in members]
        paths = {table: self._path(table, block, chains) for table in ("events", "metrics")}
        if not all(path.exists() for path in paths.values()):
            told, measured = journal_rows(
                entry for run in members for entry in journal.recorded(db, run)
            )
            parquet.write(paths["events"], TABLES["events"], told)
            parquet.write(paths["metrics"], TABLES["metrics"], measured)
        return paths

    def _beside(
        self, db: Connection, block: int, members: list[StoredRun], sizes: dict[int, list[int]]
    ) -> Path:
        """The file of what these runs measured that no event holds."""
        path = self._path("beside", block, sorted(sizes.items()))
        if not path.exists():
            rows = [
                row
                for run in members
                for row in point_rows(run.record.id, metrics.beside(db, run.number))
            ]
            parquet.write(path, TABLES["metrics"], rows)
        return path

    def _path(self, table: str, block: int, holds: Any) -> Path:
        digest = sha256(msgspec.json.encode([LAYOUT, holds])).hexdigest()[:16]
        return self.folder / f"{table}-{block:06}-{digest}.parquet"

    def _delete_others(self, fresh: set[Path]) -> None:
        """Delete files that were replaced, but for those that a query may still read."""
        for path in set(self.folder.glob("*.parquet*")) - fresh:
            if path.stat().st_mtime < self._clock() - SPARED_S:
                path.unlink()
