"""Errors as RFC 9457 problem documents, the form in which they cross HTTP.

`KINDS` is read in both directions: the service makes problems of errors, the client makes errors
of problems. To add a kind of error, add its class to errors.py and a row here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from azuraforge.errors import (
    AzuraForgeError,
    ConfigError,
    DataError,
    DeviceError,
    FencedError,
    FieldProblem,
    HomeError,
    NotFoundError,
    PluginError,
    RefusedError,
    ServiceError,
)


class InvalidField(Struct, frozen=True, kw_only=True):
    """One config field at fault."""

    path: str
    value: Any
    allowed: str


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem document: `type` names the kind (`/problems/not-found`), `detail` this case."""

    type: str
    title: str
    status: int
    detail: str = ""
    instance: str = ""
    errors: list[InvalidField] = []


class Kind(NamedTuple):
    """A row of the table: the class of the error, and what HTTP calls it."""

    error: type[AzuraForgeError]
    status: int
    title: str


KINDS = {
    "/problems/invalid-config": Kind(ConfigError, 422, "Invalid config"),
    "/problems/invalid-data": Kind(DataError, 422, "Invalid data"),
    "/problems/broken-plugin": Kind(PluginError, 422, "Broken plugin"),
    "/problems/no-such-device": Kind(DeviceError, 422, "No such device"),
    "/problems/not-found": Kind(NotFoundError, 404, "Not found"),
    "/problems/fenced": Kind(FencedError, 409, "A later attempt has the run"),
    "/problems/refused": Kind(RefusedError, 409, "Refused"),
    "/problems/unusable-home": Kind(HomeError, 507, "Home folder cannot be used"),
    "/problems/unreachable": Kind(ServiceError, 503, "Service or cluster cannot be reached"),
    "/problems/failed": Kind(AzuraForgeError, 500, "Failed"),
}
_TYPE_OF = {kind.error: type for type, kind in KINDS.items()}


def problem_of(error: AzuraForgeError, instance: str = "") -> Problem:
    """The problem document of an error, by the nearest class that has a kind."""
    type = next(_TYPE_OF[above] for above in error.__class__.__mro__ if above in _TYPE_OF)
    fields = error.problems if isinstance(error, ConfigError) else ()
    return Problem(
        type=type,
        title=KINDS[type].title,
        status=KINDS[type].status,
        detail=str(error),
        instance=instance,
        errors=[
            InvalidField(
                path=path, value=msgspec.to_builtins(value, enc_hook=repr), allowed=allowed
            )
            for path, value, allowed in fields
        ],
    )


def error_of(problem: Problem) -> AzuraForgeError:
    """The error a problem document tells of; one of an unknown type goes by its status."""
    kind = KINDS.get(problem.type)
    error = kind.error if kind else _error_by_status(problem.status)
    detail = problem.detail or problem.title
    if error is ConfigError:
        fields = (FieldProblem(field.path, field.value, field.allowed) for field in problem.errors)
        return ConfigError(detail, tuple(fields))
    return error(detail)


def _error_by_status(status: int) -> type[AzuraForgeError]:
    if status >= 500:
        return ServiceError
    return {404: NotFoundError, 409: RefusedError}.get(status, ConfigError)
