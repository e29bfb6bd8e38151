"""The Registry's part that knows the models, their versions and aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from azuraforge.actors.recording.registering import CHAMPION
from azuraforge.actors.recording.transactions import Transactions
from azuraforge.errors import ConfigError, NotFoundError
from azuraforge.schema.records import ModelVersion
from azuraforge.schema.specs import ModelName
from azuraforge.store import models

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Shelf(Transactions):
    """Models in versions; an alias stands for one version of a model."""

    def models(self) -> list[ModelVersion]:
        """Every version of every model, by name, newest version first."""
        with self._reading() as db:
            return models.versions(db)

    def model(self, name: str, version: str = CHAMPION) -> ModelVersion:
        """A version by number or alias. Raises: NotFoundError, naming what there is."""
        with self._reading() as db:
            return _found(db, name, version)

    def set_alias(self, name: str, alias: str, version: str, *, by: str = "") -> ModelVersion:
        """Let the alias stand for this version (a number or an alias) of the model from now on.

        `champion` too, until a better version is registered. Raises: NotFoundError; ConfigError.
        """
        _check_alias(alias)
        with self._writing() as writing:
            found = _found(writing.db, name, version)
            models.point(writing.db, alias, found)
            writing.note(by, "set-alias", f"{name}:{alias}", f"version {found.version}")
            return _found(writing.db, name, str(found.version))

    def delete_alias(self, name: str, alias: str, *, by: str = "") -> None:
        """Let the alias of the model stand for nothing. Raises: NotFoundError."""
        with self._writing() as writing:
            if not models.unpoint(writing.db, alias, name):
                raise NotFoundError(f"model {name!r} has no alias {alias!r}")
            writing.note(by, "delete-alias", f"{name}:{alias}")


def _found(db: Connection, name: str, version: str) -> ModelVersion:
    found = models.versions(db, name)
    if not found:
        known = ", ".join(sorted({other.name for other in models.versions(db)})) or "none"
        raise NotFoundError(f"no model {name!r}; known: {known}")
    for candidate in found:
        if version in (str(candidate.version), *candidate.aliases):
            return candidate
    aliases = [alias for candidate in found for alias in candidate.aliases]
    raise NotFoundError(
        f"model {name!r} has no version or alias {version!r}; "
        f"it has versions 1 to {found[0].version}, and {', '.join(aliases) or 'no alias'}"
    )


def _check_alias(alias: str) -> None:
    """Refuse what could be taken for the number of a version, or is no name."""
    try:
        msgspec.convert(alias, ModelName)
    except msgspec.ValidationError as error:
        raise ConfigError(f"alias: got {alias!r}; {error}") from error
    if alias.isdecimal():
        raise ConfigError(f"alias: got {alias!r}; a number stands for a version already")
