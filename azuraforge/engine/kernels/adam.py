"""Adam and AdamW in float32 on the CPU: all parameters of a step in one call, one pass over each.

The same operations in the same order as in optim/adam.py, so the bits are the same, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import prange

from azuraforge.engine.device import Array
from azuraforge.engine.kernels.compile import compiled, part
from azuraforge.engine.kernels.memory import address, floats
from azuraforge.engine.kernels.split import unpacked
from azuraforge.engine.threads import threads

PIECE = 16_384  # numbers of a parameter that one thread takes at a time
WORTH_SPLITTING = 65_536  # numbers: below, a second thread costs more than it brings
ROW = 40  # bytes of a row of the table: five whole numbers


class Table:
    """Where the pieces of parameters, gradients and moments lie; it keeps the arrays alive."""

    def __init__(self, updates: Sequence[tuple[Array, ...]]) -> None:
        self._updates = updates
        rows = [row for arrays in updates for row in _pieces(arrays)]
        self._rows = np.array(rows, np.int64).reshape(-1, 5)
        self._size = sum(arrays[0].size for arrays in updates)
        self._at = address(self._rows)

    def update(
        self, decay: float, weight_decay: float, beta1: float, beta2: float, step: float,
        scale: float, eps: float,
    ) -> None:  # fmt: skip
        """w *= decay, then Adam's update with gradients g + weight_decay w and lr m̂ = step m."""
        count = threads() if self._size > WORTH_SPLITTING else 1
        _update(
            count, len(self._rows), self._at, decay, weight_decay, beta1, 1 - beta1, beta2,
            1 - beta2, step, scale, eps,
        )  # fmt: skip


def accepts(updates: Sequence[tuple[Array, ...]]) -> bool:
    """Whether all are contiguous float32 arrays on the CPU, those of a parameter of one shape."""
    return all(
        isinstance(a, np.ndarray)
        and a.dtype == np.float32
        and a.flags.carray
        and a.shape == arrays[0].shape
        for arrays in updates
        for a in arrays
    )


def _pieces(arrays: tuple[Array, ...]) -> list[tuple[int, ...]]:
    size, addresses = arrays[0].size, list(map(address, arrays))
    return [
        (min(PIECE, size - at), *(begin + 4 * at for begin in addresses))
        for at in range(0, size, PIECE)
    ]


@part
def _update_piece(row, decay, weight_decay, beta1, rest1, beta2, rest2, step, scale, eps):  # type: ignore[no-untyped-def]
    size, at_w, at_g, at_m, at_v = unpacked(row, 5)
    w, g, m, v = floats(at_w, size), floats(at_g, size), floats(at_m, size), floats(at_v, size)
    for i in range(size):
        wi = w[i] * decay
        gi = g[i] + weight_decay * wi if weight_decay > 0 else g[i]  # 0 times Inf would be NaN
        m[i] = m[i] * beta1 + rest1 * gi
        v[i] = v[i] * beta2 + rest2 * gi * gi
        w[i] = wi - step * m[i] / (np.sqrt(v[i]) * scale + eps)


@part(parallel=True)
def _split(count, rows, at, decay, weight_decay, beta1, rest1, beta2, rest2, step, scale, eps):  # type: ignore[no-untyped-def]
    share = -(-rows // count)
    for thread in prange(count):
        for row in range(thread * share, min(rows, (thread + 1) * share)):
            _update_piece(
                at + ROW * row, decay, weight_decay, beta1, rest1, beta2, rest2, step, scale, eps
            )


@compiled(f"void(i8, i8, i8, {', '.join(['f4'] * 9)})")
def _update(count, rows, at, decay, weight_decay, beta1, rest1, beta2, rest2, step, scale, eps):  # type: ignore[no-untyped-def]
    if count == 1:
        for row in range(rows):
            _update_piece(
                at + ROW * row, decay, weight_decay, beta1, rest1, beta2, rest2, step, scale, eps
            )
    else:
        _split(count, rows, at, decay, weight_decay, beta1, rest1, beta2, rest2, step, scale, eps)
