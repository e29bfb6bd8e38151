"""The Registry's part that knows the series of numbers beside a run's journal."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from azuraforge.actors.recording.appending import refuse_fenced
from azuraforge.actors.recording.exact_json import exact_json
from azuraforge.actors.recording.transactions import Transactions
from azuraforge.errors import ConfigError, RefusedError
from azuraforge.schema.metrics import MetricRow, Series
from azuraforge.store import checkpoints, metrics, runs

ROWS = msgspec.json.Decoder(list[MetricRow])


class Measurements(Transactions):
    """Metrics: those that events hold, written with them, and rows that somebody logs besides."""

    def log_metrics(
        self, run: str, rows: Sequence[MetricRow], *, number: int, attempt: int = 1
    ) -> None:
        """Keep rows that no event holds, as the batch `number` of this attempt; only once.

        Raises: NotFoundError; FencedError; RefusedError for NaN or Inf.
        """
        if number < 1 or attempt < 1:
            raise RefusedError(
                f"run {run}: got batch {number} of attempt {attempt}; both count from 1"
            )
        exact_json(f"run {run}, metrics", list(rows), ROWS)
        with self._writing() as writing:
            stored = runs.called(writing.db, run)
            if stored.record.attempt:
                refuse_fenced(stored.record, attempt)
            if not metrics.has(writing.db, stored.number, attempt, number):
                points = metrics.points_of(rows, writing.at)
                writing.measure(stored.number, attempt, number, points)

    def metrics(
        self,
        run: str,
        names: Sequence[str] | None = None,
        after: int = 0,
        points: int | None = None,
    ) -> list[Series]:
        """The run's series of these names, or all, by name: what belongs to steps beyond `after`.

        With `points`, about so many of each: the least and the greatest of every stretch, so that
        no peak is lost.

        Raises: NotFoundError; ConfigError for fewer than two points.
        """
        if points is not None and points < 2:
            raise ConfigError(f"points: got {points}; allowed: 2 or more")
        with self._reading() as db:
            rows = metrics.read(db, runs.beginning(db, run).number, after)
            known = metrics.names(db)
        there = {known[number]: number for number in np.unique(rows["name"]).tolist()}
        asked = sorted(there if names is None else there.keys() & set(names))
        return [_series(name, rows[rows["name"] == there[name]], points) for name in asked]

    def thin(self, run: str, keep: int = 10_000, *, by: str = "") -> int:
        """Let go of a run's raw points but for about `keep` of each series; how many went.

        Its journal, which holds the numbers of its events, stays as it is.

        Raises: NotFoundError; ConfigError for fewer than two.
        """
        if keep < 2:
            raise ConfigError(f"keep: got {keep}; allowed: 2 or more")
        with self._writing() as writing:
            stored = runs.beginning(writing.db, run)
            ends = [one.seq for one in checkpoints.of_run(writing.db, stored.number)]
            gone = metrics.thin(writing.db, stored.number, keep, ends)
            writing.note(by, "thin", stored.record.id, f"{gone} points")
            return gone


def _series(name: str, rows: metrics.Rows, points: int | None) -> Series:
    kept = rows if points is None else rows[metrics.extremes(rows["value"], points)]
    return Series(
        name=name,
        steps=kept["step"].tolist(),
        times=kept["time"].tolist(),
        values=kept["value"].tolist(),
        is_thinned=len(kept) < len(rows) or bool((kept["flags"] & metrics.THINNED).any()),
    )
