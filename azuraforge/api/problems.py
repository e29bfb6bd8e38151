"""Every error as an RFC 9457 problem document: ours, Litestar's, and those nobody expected."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.enums import ParamType
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec

from azuraforge.errors import AzuraForgeError
from azuraforge.schema.problems import Problem, problem_of

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger("azuraforge.api")


def problem_response(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """The answer to a request that raised `error`; what nobody expected is logged, not told.

    The path is read from the scope: `request.url` itself raises on a malformed Host header.
    """
    if isinstance(error, AzuraForgeError):
        problem = problem_of(error, request.scope["path"])
    elif isinstance(error, HTTPException) and error.status_code < 500:
        problem = _http_problem(error.status_code, _detail(request, error), request)
    else:
        problem = _http_problem(500, "unexpected error; its traceback is in the log", request)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("%s %r failed", request.method, request.scope["path"], exc_info=error)
    headers = error.headers if isinstance(error, HTTPException) else None  # 405 has Allow
    return Response(problem, status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """What OpenAPI says of a route that answers with problems of these statuses."""
    return {
        status: ResponseSpec(
            Problem,
            description=HTTPStatus(status).phrase,
            media_type=MEDIA_TYPE,
            generate_examples=False,
        )
        for status in statuses
    }


def _http_problem(status: int, detail: str, request: Request[Any, Any, Any]) -> Problem:
    """A problem of HTTP itself, not of AzuraForge: RFC 9457 names its type about:blank."""
    return Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=request.scope["path"],
    )


def _detail(request: Request[Any, Any, Any], error: HTTPException) -> str:
    path = request.scope["path"]
    if error.status_code == HTTPStatus.NOT_FOUND:
        return f"no such path: {path}; /schema lists those there are"
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("allow", "")
        return f"{path}: {request.method} is not possible; allowed: {allowed}"
    if isinstance(error.extra, list):
        return "; ".join(_parameter(request, **part) for part in error.extra)
    return error.detail


def _parameter(
    request: Request[Any, Any, Any], message: str, key: str = "", source: ParamType | str = ""
) -> str:
    """What Litestar tells of a query or header parameter, with the value given."""
    if source == ParamType.HEADER:
        key = key.replace("_", "-")
        return f"header {key}: got {request.headers.get(key)!r}; {message}"
    return f"{key}: got {request.query_params.get(key)!r}; {message}"
