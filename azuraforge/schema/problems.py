"""Errors as RFC 9457 problem documents, the form in which they cross HTTP."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


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
