"""Users and their keys; of a key's secret only the SHA-256 is kept."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, select, update

from azuraforge.schema.catalogue import Key, Scope, User
from azuraforge.store.tables import keys, users

_scopes = msgspec.json.Decoder(list[Scope])


def add(db: Connection, user: User) -> None:
    """Write down a new user."""
    db.execute(insert(users).values(name=user.name, created_at=user.created_at))


def every(db: Connection) -> list[User]:
    """All users by name."""
    return [User(**row._mapping) for row in db.execute(select(users).order_by(users.c.name))]


def exists(db: Connection, name: str) -> bool:
    """Whether there is a user of this name."""
    return db.scalar(select(users.c.name).where(users.c.name == name)) is not None


def add_key(db: Connection, key: Key, digest: str) -> None:
    """Write down a new key."""
    scopes = msgspec.json.encode(key.scopes).decode()
    values = {"id": key.id, "user": key.user, "label": key.label, "created_at": key.created_at}
    db.execute(insert(keys).values(scopes=scopes, digest=digest, **values))


def keys_of(db: Connection, user: str | None) -> list[Key]:
    """The keys of a user, or of all, oldest first, revoked ones too."""
    query = select(keys).order_by(keys.c.created_at, keys.c.id)
    if user is not None:
        query = query.where(keys.c.user == user)
    return [_key(row) for row in db.execute(query)]


def key(db: Connection, id: str) -> tuple[Key, str] | None:
    """The key of this id and its digest."""
    row = db.execute(select(keys).where(keys.c.id == id)).one_or_none()
    return None if row is None else (_key(row), row.digest)


def revoke(db: Connection, id: str, at: float) -> None:
    """Let nobody in with this key from now on."""
    db.execute(update(keys).where(keys.c.id == id).values(revoked_at=at))


def _key(row: Row[Any]) -> Key:
    return Key(
        id=row.id,
        user=row.user,
        scopes=_scopes.decode(row.scopes),
        label=row.label,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
