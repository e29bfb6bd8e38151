"""y = x Wᵀ + b for a few rows x: W is read once, row by row as it lies, at the speed of memory.

Tiles (product.py) want W turned, and rows that share what they load; for one row that costs more
than the product itself. Of a 256 by 784 layer one row takes 11 us (72 GB/s of one Zen 4 core).
"""

from __future__ import annotations

import numba
import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels.compile import OPTIONS, part
from azuraforge.engine.kernels.memory import address, floats
from azuraforge.engine.kernels.split import run, task, unpacked
from azuraforge.engine.replay import tape
from azuraforge.engine.threads import threads

# Weights: below, a second thread brings some microseconds, and costs milliseconds where another
# process has its core.
WORTH_SPLITTING = 524_288
SIZE = 4  # bytes of a float32
ZERO = np.float32(0)

# Sums in any order, which alone makes vectors of them; NaN shows as ever.
_summing = numba.njit(fastmath={"reassoc", "nsz", "contract"}, **OPTIONS)


def multiply_few(x: Array, w: Array, b: Array, y: Array) -> None:
    """y = x Wᵀ + b, all contiguous. Shape: x (…, in), w (out, in), b (out,), y (…, out)"""
    out, inner = w.shape
    count = threads() if w.size > WORTH_SPLITTING else 1
    tape.keep(x, w, b, y)
    run(_multiply, count, x.size // inner, out, inner, *map(address, (x, w, b, y)))


@_summing
def _two_dots(x, one, two, n):  # type: ignore[no-untyped-def]
    """x · one and x · two: two sums side by side hide each other's latency."""
    first, second = ZERO, ZERO
    for k in range(n):
        first += x[k] * one[k]
        second += x[k] * two[k]
    return first, second


@part
def _row(w, i, n):  # type: ignore[no-untyped-def]
    return floats(w + SIZE * i * n, n)


@task
def _multiply(job, number, count):  # type: ignore[no-untyped-def]
    rows, out, n, at_x, w, at_b, at_y = unpacked(job, 7)
    b = floats(at_b, out)
    begin, end = out * number // count, out * (number + 1) // count
    for i in range(begin, end, 2):
        j = min(i + 1, end - 1)
        one, two = _row(w, i, n), _row(w, j, n)
        for r in range(rows):
            first, second = _two_dots(_row(at_x, r, n), one, two, n)
            y = floats(at_y + SIZE * r * out, out)
            y[i] = first + b[i]
            y[j] = second + b[j]
