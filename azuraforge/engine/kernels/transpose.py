"""A matrix turned, from Python; in a file of its own, as importing it compiles it."""

from __future__ import annotations

from azuraforge.engine.device import Array
from azuraforge.engine.kernels.compile import compiled
from azuraforge.engine.kernels.memory import address
from azuraforge.engine.kernels.turn import turn
from azuraforge.engine.replay import tape


def transpose(a: Array, b: Array) -> None:
    """b = aᵀ, both contiguous."""
    tape.keep(a, b)
    tape.run(_transpose, address(a), *a.shape, address(b))


@compiled("void(i8, i8, i8, i8)")
def _transpose(a, rows, columns, b):  # type: ignore[no-untyped-def]
    turn(rows, columns, a, columns, b, rows)
