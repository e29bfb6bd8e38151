"""Layer normalisation in float32 on the CPU: a row stays in the first-level cache to its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels.compile import OPTIONS
from azuraforge.engine.kernels.memory import address, floats
from azuraforge.engine.kernels.split import run, task, unpacked
from azuraforge.engine.replay import tape
from azuraforge.engine.threads import threads

NOTES = True
WORTH_SPLITTING = 65_536  # numbers: below, a second thread costs more than it brings
FLOAT32 = np.dtype(np.float32)
F = np.float32
ZERO, ONE = F(0), F(1)

# Sums in any order, which alone makes vectors of them; NaN shows as ever.
_summing = numba.njit(fastmath={"reassoc", "nsz"}, **OPTIONS)


def accepts(x: Array, w: Array, b: Array, **eps: float) -> bool:
    """Whether all are contiguous float32 arrays on the CPU, and there is something to do."""
    return all(
        isinstance(a, np.ndarray) and a.dtype == FLOAT32 and a.flags.c_contiguous and a.size
        for a in (x, w, b)
    )


def forward(
    xp: Any, x: Array, w: Array, b: Array, y: Array, _mean: Array, _rstd: Array, eps: float
) -> None:
    limit = np.array([eps], np.float32)
    arrays = x, w, b, y, _mean, _rstd, limit
    tape.keep(*arrays)
    run(_forward, _count(x), x.size // w.size, w.size, *map(address, arrays))


def _gradient(
    xp: Any, g: Array, x: Array, w: Array, _mean: Array, _rstd: Array, needs: Sequence[bool],
    gx: Array | None, gw: Array | None, gb: Array | None,
) -> None:  # fmt: skip
    """As the reference; each thread sums gw and gb over its rows, and those sums are added up."""
    g, count = tape.compute(np.ascontiguousarray, g), _count(x)
    made = tape.empty(np, x.shape, F) if gx is None else gx
    sums = tape.empty(np, (2, count, w.size), np.float32)
    arrays = g, x, w, _mean, _rstd, made, sums
    tape.keep(*arrays)
    run(_back, count, x.size // w.size, w.size, *map(address, arrays))
    for total, each in zip((gw, gb), sums, strict=True):
        if total is not None:
            tape.run(np.add.reduce, each, 0, None, total.reshape(-1))


gradients = {("x", "w", "b"): _gradient}


def _count(x: Array) -> int:
    return threads() if x.size > WORTH_SPLITTING else 1


@_summing
def _sum(x, n):  # type: ignore[no-untyped-def]
    total = ZERO
    for k in range(n):
        total += x[k]
    return total


@_summing
def _sum_of_products(x, y, n):  # type: ignore[no-untyped-def]
    total = ZERO
    for k in range(n):
        total += x[k] * y[k]
    return total


@_summing
def _sum_of_three(x, y, z, n):  # type: ignore[no-untyped-def]
    total = ZERO
    for k in range(n):
        total += x[k] * y[k] * z[k]
    return total


@task
def _forward(job, number, count):  # type: ignore[no-untyped-def]
    rows, n, at_x, at_w, at_b, at_y, at_mean, at_rstd, at_eps = unpacked(job, 9)
    w, b, eps = floats(at_w, n), floats(at_b, n), floats(at_eps, 1)[0]
    means, rstds = floats(at_mean, rows), floats(at_rstd, rows)
    for i in range(number * rows // count, (number + 1) * rows // count):
        x, y = floats(at_x + 4 * i * n, n), floats(at_y + 4 * i * n, n)
        mean = _sum(x, n) / F(n)
        for k in range(n):
            y[k] = x[k] - mean
        rstd = ONE / np.sqrt(_sum_of_products(y, y, n) / F(n) + eps)
        for k in range(n):
            y[k] = y[k] * rstd * w[k] + b[k]
        means[i], rstds[i] = mean, rstd


@task
def _back(job, number, count):  # type: ignore[no-untyped-def]
    rows, n, at_g, at_x, at_w, at_mean, at_rstd, at_gx, at_sums = unpacked(job, 9)
    w, means, rstds = floats(at_w, n), floats(at_mean, rows), floats(at_rstd, rows)
    gw, gb = floats(at_sums + 4 * number * n, n), floats(at_sums + 4 * (count + number) * n, n)
    gw[:] = ZERO
    gb[:] = ZERO
    for i in range(number * rows // count, (number + 1) * rows // count):
        g, x = floats(at_g + 4 * i * n, n), floats(at_x + 4 * i * n, n)
        gx, mean, rstd = floats(at_gx + 4 * i * n, n), means[i], rstds[i]
        for k in range(n):
            gx[k] = (x[k] - mean) * rstd
            gw[k] += g[k] * gx[k]
        for k in range(n):
            gb[k] += g[k]
        level, slope = _sum_of_products(g, w, n) / F(n), _sum_of_three(g, w, gx, n) / F(n)
        for k in range(n):
            gx[k] = (g[k] * w[k] - level - gx[k] * slope) * rstd
