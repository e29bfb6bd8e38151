"""Ops written down as they are applied: what an inference plan is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azuraforge.engine.device import Array

if TYPE_CHECKING:
    from azuraforge.engine.ops.op import Op


@dataclass(frozen=True, eq=False)
class Applied:
    """An op, what it was applied to, and every output, the kept ones included."""

    op: Op
    inputs: Sequence[Any]
    attributes: tuple[Any, ...]
    outputs: Sequence[Array]


_trace: ContextVar[list[Applied] | None] = ContextVar("azuraforge_trace", default=None)


@contextmanager
def tracing() -> Iterator[list[Applied]]:
    """Within the block, the ops that are applied, in order."""
    found: list[Applied] = []
    token = _trace.set(found)
    try:
        yield found
    finally:
        _trace.reset(token)


def note(
    op: Op, inputs: Sequence[Any], attributes: tuple[Any, ...], outputs: Sequence[Array]
) -> None:
    """Write an op down, if anyone asks."""
    trace = _trace.get()
    if trace is not None:
        trace.append(Applied(op, inputs, attributes, outputs))
