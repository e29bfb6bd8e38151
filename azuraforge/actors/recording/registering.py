"""The model that a finished run registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azuraforge.errors import RefusedError
from azuraforge.schema.events import RunFinished
from azuraforge.schema.records import ModelVersion, RunRecord
from azuraforge.store import models

if TYPE_CHECKING:
    from sqlalchemy import Connection

CHAMPION = "champion"


def new_version(db: Connection, record: RunRecord, end: RunFinished, at: float) -> ModelVersion:
    """The finished run's model as the next version of its name; nothing is written.

    Raises: RefusedError if the run cannot have finished so.
    """
    if record.model is None or record.monitor is None or record.mode is None:
        raise RefusedError(f"run {record.id}, event {record.last_seq}: finished but never started")
    if record.monitor not in end.validation:
        known = ", ".join(end.validation) or "none"
        raise RefusedError(
            f"run {record.id}, event {record.last_seq}: the validation metrics lack the monitored "
            f"{record.monitor!r}; given: {known}"
        )
    return ModelVersion(
        name=record.model,
        version=models.last_version(db, record.model) + 1,
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


def register(db: Connection, run: int, version: ModelVersion) -> None:
    """Write the version down, as champion if it is the best."""
    earlier = models.versions(db, version.name)
    models.add(db, run, version)
    champion = next((other for other in earlier if CHAMPION in other.aliases), None)
    if champion is None or _is_better(version, champion):
        models.point(db, CHAMPION, version)


def _is_better(version: ModelVersion, champion: ModelVersion) -> bool:
    """Whether it is better by the same yardstick; with another one there is no telling."""
    monitor = version.monitor
    if (monitor, version.mode) != (champion.monitor, champion.mode):
        return False
    value, best = version.validation[monitor], champion.validation[monitor]
    return value < best if version.mode == "min" else value > best
