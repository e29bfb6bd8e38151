"""The database there is: of the home folder, or where a URL says."""

from __future__ import annotations

import os
from pathlib import Path

from azuraforge.store.database import Database


def database_url(given: str | None = None) -> str | None:
    """The URL that was given, else $AZURAFORGE_DATABASE; None: SQLite in the home folder."""
    return given or os.environ.get("AZURAFORGE_DATABASE") or None


def open_database(home: Path, url: str | None = None) -> Database:
    """The registry's database, brought up to date.

    Raises: HomeError; for a URL also ConfigError and ServiceError.
    """
    url = database_url(url)
    if url is None:
        from azuraforge.store.sqlite import SQLite  # here: a driver is loaded by who uses it

        return SQLite(home)
    from azuraforge.store.postgres import PostgreSQL

    return PostgreSQL(url)
