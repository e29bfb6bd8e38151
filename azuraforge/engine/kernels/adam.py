"""Adam and AdamW in float32 on the CPU: all parameters of a step in one call, one pass over each.

The same operations in the same order as in optim/adam.py, so the bits are the same, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba.np.unsafe.ndarray import to_fixed_tuple

from azuraforge.engine.device import Array
from azuraforge.engine.kernels.compile import compiled
from azuraforge.engine.kernels.memory import address, floats
from azuraforge.engine.kernels.pool import pool, shared
from azuraforge.engine.kernels.split import task, unpacked
from azuraforge.engine.threads import threads

PIECE = 16_384  # numbers of a parameter that one thread takes at a time
WORTH_SPLITTING = 65_536  # numbers: below, a second thread costs more than it brings
ROW = 40  # bytes of a row of the table: five whole numbers
NUMBERS = 16  # bytes of a job before its floats


class Table:
    """Where the pieces of parameters, gradients and moments lie; it keeps the arrays alive."""

    def __init__(self, updates: Sequence[tuple[Array, ...]]) -> None:
        self._updates = updates
        rows = [row for arrays in updates for row in _pieces(arrays)]
        self._rows = np.array(rows, np.int64).reshape(-1, 5)
        self._size = sum(arrays[0].size for arrays in updates)
        self._job = np.zeros(2 + 5, np.int64)  # the rows and where they lie; room for nine floats
        self._job[:2] = len(self._rows), address(self._rows)
        self._at = address(self._job)

    def update(
        self, decay: float, weight_decay: float, beta1: float, beta2: float, step: float,
        scale: float, eps: float,
    ) -> None:  # fmt: skip
        """w *= decay, then Adam's update with gradients g + weight_decay w and lr m̂ = step m."""
        count = threads() if self._size > WORTH_SPLITTING else 1
        _update(
            pool(count), _update_rows.address, count, self._at, decay, weight_decay, beta1,
            1 - beta1, beta2, 1 - beta2, step, scale, eps,
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


@task
def _update_rows(job, number, count):  # type: ignore[no-untyped-def]
    rows, at = unpacked(job, 2)
    decay, weight_decay, beta1, rest1, beta2, rest2, step, scale, eps = to_fixed_tuple(
        floats(job + NUMBERS, 9), 9
    )
    share = -(-rows // count)
    for row in range(number * share, min(rows, (number + 1) * share)):
        size, at_w, at_g, at_m, at_v = unpacked(at + ROW * row, 5)
        w, g, m, v = floats(at_w, size), floats(at_g, size), floats(at_m, size), floats(at_v, size)
        for i in range(size):
            wi = w[i] * decay
            gi = g[i] + weight_decay * wi if weight_decay > 0 else g[i]  # 0 times Inf would be NaN
            m[i] = m[i] * beta1 + rest1 * gi
            v[i] = v[i] * beta2 + rest2 * gi * gi
            w[i] = wi - step * m[i] / (np.sqrt(v[i]) * scale + eps)


@compiled(f"void(i8, i8, i8, i8, {', '.join(['f4'] * 9)})")
def _update(  # type: ignore[no-untyped-def]
    pool, function, count, job, decay, weight_decay, beta1, rest1, beta2, rest2, step, scale, eps
):
    numbers = floats(job + NUMBERS, 9)
    numbers[0], numbers[1], numbers[2] = decay, weight_decay, beta1
    numbers[3], numbers[4], numbers[5] = rest1, beta2, rest2
    numbers[6], numbers[7], numbers[8] = step, scale, eps
    shared(pool, function, count, job)
