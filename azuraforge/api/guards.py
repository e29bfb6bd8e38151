"""What a request must be before a route sees it: sent to a name of ours, its body strict JSON.

Both keep web pages out. A page of a stranger's site can make a browser send requests here; it can
neither set the Host of a name it has pointed at this machine (DNS rebinding), nor send JSON
without asking first, which nothing here answers.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, get_type_hints

import msgspec
from litestar.connection import ASGIConnection, Request
from litestar.exceptions import ClientException
from litestar.handlers.base import BaseRouteHandler
from msgspec import NODEFAULT, Struct, structs

from azuraforge.errors import ConfigError, FieldProblem

Connection = ASGIConnection[Any, Any, Any, Any]


class KnownHost:
    """Refuses a request whose Host header is none of these names; None lets any pass."""

    def __init__(self, names: Collection[str] | None) -> None:
        self._names = names

    async def __call__(self, connection: Connection, _: BaseRouteHandler) -> None:
        if self._names is None:
            return
        host = connection.headers.get("host", "")
        if _without_port(host).lower() not in self._names:
            raise ClientException(
                f"Host: got {host!r}; allowed: {', '.join(sorted(self._names))}", status_code=421
            )


async def json_body(connection: Connection, handler: BaseRouteHandler) -> None:
    """Refuses a body that is not the JSON its route takes.

    Litestar's own check converts leniently ("7" passes for 7) and names one field at fault.

    Raises: ConfigError listing every field at fault.
    """
    if not isinstance(connection, Request) or connection.method != "POST":
        return
    content_type, _ = connection.content_type
    if content_type != "application/json":
        raise ClientException(
            f"Content-Type: got {content_type!r}; allowed: application/json", status_code=415
        )
    field = handler.parsed_data_field
    if field is None:
        return
    try:
        document = msgspec.json.decode(await connection.body())
    except (msgspec.DecodeError, RecursionError) as error:
        raise ClientException(f"body: {error}") from error
    if found := _problems(document, field.annotation):
        raise ConfigError("; ".join(map(str, found)), tuple(found))


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def _problems(document: Any, struct: type[Struct]) -> list[FieldProblem]:
    if not isinstance(document, dict):
        return [FieldProblem("body", document, "allowed: a JSON object")]
    hints = get_type_hints(struct, include_extras=True)
    known = ", ".join(hints)
    found = [
        FieldProblem(name, document[name], f"no such field; known: {known}")
        for name in document
        if name not in hints
    ]
    for field in structs.fields(struct):
        if field.name in document:
            try:
                msgspec.convert(document[field.name], hints[field.name])
            except msgspec.ValidationError as error:
                found.append(FieldProblem(field.name, document[field.name], str(error)))
        elif field.default is NODEFAULT and field.default_factory is NODEFAULT:
            found.append(FieldProblem(field.name, None, "required"))
    return found
