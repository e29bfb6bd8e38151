"""The whole home gone through: database, journals, records, blobs; any damage found and named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from azuraforge.actors.recording.fsck_runs import (
    RESTORE,
    Damage,
    RunsSeen,
    artifacts_seen,
    models_damage,
    runs_damage,
)
from azuraforge.errors import DataError, HomeError, NotFoundError
from azuraforge.store import raw
from azuraforge.store.blobs import BlobEntry, BlobStore
from azuraforge.store.open import database_url, open_database
from azuraforge.store.raw import UNREADABLE, has_whole_pages
from azuraforge.store.sqlite import FILE

if TYPE_CHECKING:
    from sqlalchemy import Connection

REPEAT = "put back a copy of it, or train the same spec again, which writes the same bytes"


class Health(Struct, frozen=True, kw_only=True):
    """What was gone through, what is damaged, and what is merely worth knowing."""

    runs: int
    events: int
    blobs: int
    blob_bytes: int
    damage: list[Damage]
    notes: list[Damage]


def fsck(home: Path, blobs: BlobStore) -> Health:
    """The health of a home: everything is read, nothing is changed.

    What runs under way add meanwhile is not looked at, and no damage.
    """
    seen = RunsSeen()
    damage = list(_database_damage(home, seen))
    users = _users(seen)
    damage += _missing(users, blobs)
    unused: list[BlobEntry] = []
    count, size = 0, 0
    for entry in blobs.names():
        count, size = count + 1, size + entry.size_bytes
        damage += _blob_damage(blobs, entry.sha256, users)
        if entry.sha256 not in users:
            unused.append(entry)
    notes = [_unused(unused)] if unused else []
    notes += [_stray(stray.place, stray.is_unfinished) for stray in blobs.strays()]
    if count and not seen.was_opened:
        damage.append(Damage(place=f"{home}", what=f"there are {count} blobs and no readable "
                             "database that says what they are", remedy=RESTORE))  # fmt: skip
    return Health(
        runs=seen.runs,
        events=seen.events,
        blobs=count,
        blob_bytes=size,
        damage=damage,
        notes=notes,
    )


def _database_damage(home: Path, seen: RunsSeen) -> Iterator[Damage]:
    path = home / FILE
    if database_url() is None:
        if not path.exists():
            return  # a new home
        if not has_whole_pages(path):
            cut = f"{path.stat().st_size:,} bytes are no whole pages"
            what = f"it is cut short or no database: {cut}"
            yield Damage(place=str(path), what=what, remedy=RESTORE)
            return
    try:
        with closing(open_database(home)) as database, database.read() as db:
            yield from _page_damage(db)
            seen.was_opened = True
            yield from runs_damage(db, seen)
            yield from models_damage(db, seen)
            artifacts_seen(db, seen)
    except HomeError as error:  # SQLite gives up where its pages are torn
        yield Damage(place=str(path), what=str(error), remedy=RESTORE)
    except UNREADABLE as error:
        what = f"it holds what was never written ({type(error).__name__}: {error})"
        yield Damage(place=str(path), what=what, remedy=RESTORE)


def _page_damage(db: Connection) -> Iterator[Damage]:
    for place, what in raw.page_problems(db):
        yield Damage(place=place, what=what, remedy=RESTORE)


def _users(seen: RunsSeen) -> dict[str, list[str]]:
    """By blob, what refers to it."""
    users: dict[str, list[str]] = defaultdict(list)
    for sha256, user in seen.references:
        users[sha256].append(user)
    return users


def _missing(users: dict[str, list[str]], blobs: BlobStore) -> Iterator[Damage]:
    for sha256, referring in users.items():
        if sha256 not in blobs:
            what = f"it is missing, and {', '.join(referring)} refers to it"
            yield Damage(place=f"blob {sha256}", what=what, remedy=REPEAT)


def _blob_damage(blobs: BlobStore, sha256: str, users: dict[str, list[str]]) -> Iterator[Damage]:
    place = f"blob {sha256}"
    try:
        blobs.get(sha256)
    except NotFoundError:
        return  # collected meanwhile
    except DataError as error:
        if sha256 in users:
            what = f"{error}; {', '.join(users[sha256])} refers to it"
            yield Damage(place=place, what=what, remedy=REPEAT)
        else:
            yield Damage(place=place, what=str(error), remedy="delete it: nothing refers to it")
    except HomeError as error:
        yield Damage(place=place, what=str(error), remedy="see what the disk says")


def _unused(found: list[BlobEntry]) -> Damage:
    size = sum(entry.size_bytes for entry in found)
    return Damage(
        place=f"blob {found[0].sha256}" if len(found) == 1 else f"{len(found)} blobs",
        what=f"nothing refers to them ({size / 1e6:,.1f} MB)",
        remedy="`azuraforge gc` collects what is old enough",
    )


def _stray(place: str, is_unfinished: bool) -> Damage:
    if is_unfinished:
        what, remedy = "a writer began it and did not finish", "`azuraforge gc` deletes it"
    else:
        what, remedy = "it is no blob", "move it elsewhere, or leave it: nothing reads it"
    return Damage(place=f"{place} among the blobs", what=what, remedy=remedy)
