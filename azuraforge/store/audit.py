"""Who did what to what, and when."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from azuraforge.schema.catalogue import AuditEntry
from azuraforge.store.tables import audit


def add(db: Connection, at: float, who: str, what: str, subject: str, details: str) -> None:
    """Write down one more entry."""
    values = {"at": at, "who": who, "what": what, "subject": subject, "details": details}
    db.execute(insert(audit).values(**values))


def newest(db: Connection, limit: int, before: int | None) -> list[AuditEntry]:
    """Entries, the newest first, from below the number `before`."""
    query = select(audit).order_by(audit.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.number < before)
    return [AuditEntry(**row._mapping) for row in db.execute(query)]
