"""LSTM in float32 on the CPU: products by BLAS, and all else of a step in passes over a row.

A row's gates stay in the first-level cache from pass to pass. No pass goes over more than four
arrays: LLVM does not vectorise one that does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels.compile import compiled

F = np.float32
CLAMP = F(7.905311)  # tanh is 1 to the last digit from here on


def accepts(*operands: Any) -> bool:
    """Whether all are float32 arrays on the CPU."""
    return all(isinstance(x, np.ndarray) and x.dtype == np.float32 for x in operands)


def forward(
    xp: Any, x: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array, h: Array, c: Array,
    y: Array, h_n: Array, c_n: Array, _gates: Array, _cells: Array,
) -> None:  # fmt: skip
    recurrent = np.ascontiguousarray(w_hh.T)
    np.matmul(x, w_ih.T, out=_gates)
    _gates += b_ih + b_hh
    _cells[0] = c
    product = np.empty_like(_gates[0])
    for t in range(len(x)):
        np.matmul(h, recurrent, out=product)
        _step(_gates[t], product, _cells[t], _cells[t + 1], y[t])
        h = y[t]
    h_n[...] = h
    c_n[...] = _cells[-1]


def backward(
    xp: Any, g: Array, g_h_n: Array, g_c_n: Array, x: Array, w_ih: Array, w_hh: Array, h: Array,
    y: Array, _gates: Array, _cells: Array, needs: Sequence[bool],
) -> tuple[Array | None, ...]:  # fmt: skip
    time, _, hidden = y.shape
    g = np.ascontiguousarray(g)
    gh, gc = g_h_n.copy(), g_c_n.copy()
    g_gates = np.empty_like(_gates)
    for t in reversed(range(time)):
        _step_back(g[t], gh, gc, _gates[t], _cells[t], _cells[t + 1], g_gates[t])
        np.matmul(g_gates[t], w_hh, out=gh)
    rows = g_gates.reshape(-1, 4 * hidden)
    before = np.concatenate((h[None], y[:-1])).reshape(-1, hidden)
    gb = rows.sum(0)
    gx = (g_gates @ w_ih) if needs[0] else None
    return gx, rows.T @ x.reshape(len(rows), -1), rows.T @ before, gb, gb, gh, gc


gradients = {("x", "w_ih", "w_hh", "b_ih", "b_hh", "h", "c"): backward}


@numba.njit(inline="always")
def _tanh(x: Any) -> Any:
    """Within 3e-7, without a branch; NaN stays NaN. Source: Eigen's ptanh<float>."""
    x = CLAMP if x > CLAMP else x  # noqa: FURB136  min() is not vectorised, and hides NaN
    x = -CLAMP if x < -CLAMP else x  # noqa: FURB136
    s = x * x
    p = F(-2.76076847742355e-16) * s + F(2.00018790482477e-13)
    p = p * s + F(-8.60467152213735e-11)
    p = p * s + F(5.12229709037114e-08)
    p = p * s + F(1.48572235717979e-05)
    p = p * s + F(6.37261928875436e-04)
    p = p * s + F(4.89352455891786e-03)
    q = F(1.19825839466702e-06) * s + F(1.18534705686654e-04)
    q = q * s + F(2.26843463243900e-03)
    q = q * s + F(4.89352518554385e-03)
    return x * p / q


@compiled("void(f4[:,::1], f4[:,::1], f4[:,::1], f4[:,::1], f4[:,::1])")
def _step(gates: Array, product: Array, before: Array, after: Array, y: Array) -> None:
    """In place σ(i), σ(f), tanh(g), σ(o) of gates + product; then the cell and the output."""
    batch, hidden = before.shape
    half = F(0.5)
    for row in range(batch):
        all_gates, added = gates[row], product[row]
        sigmoids, o = gates[row, : 2 * hidden], gates[row, 3 * hidden :]
        i, f, n = sigmoids[:hidden], sigmoids[hidden:], gates[row, 2 * hidden : 3 * hidden]
        cell, old, out = after[row], before[row], y[row]
        for k in range(4 * hidden):
            all_gates[k] += added[k]
        for k in range(2 * hidden):
            sigmoids[k] = half * _tanh(half * sigmoids[k]) + half
        for k in range(hidden):
            n[k] = _tanh(n[k])
        for k in range(hidden):
            o[k] = half * _tanh(half * o[k]) + half
        for k in range(hidden):
            cell[k] = f[k] * old[k]
        for k in range(hidden):
            cell[k] += i[k] * n[k]
        for k in range(hidden):
            out[k] = o[k] * _tanh(cell[k])


@compiled("void(f4[:,::1], f4[:,::1], f4[:,::1], f4[:,::1], f4[:,::1], f4[:,::1], f4[:,::1])")
def _step_back(
    g: Array, gh: Array, gc: Array, gates: Array, before: Array, after: Array, g_gates: Array
) -> None:
    """The gates' gradients of a step; gh and gc, those of h and c, go from after it to before."""
    batch, hidden = before.shape
    one = F(1)
    tanh_c = np.empty(hidden, np.float32)
    for row in range(batch):
        i, f = gates[row, :hidden], gates[row, hidden : 2 * hidden]
        n, o = gates[row, 2 * hidden : 3 * hidden], gates[row, 3 * hidden :]
        gi, gf = g_gates[row, :hidden], g_gates[row, hidden : 2 * hidden]
        gn, go = g_gates[row, 2 * hidden : 3 * hidden], g_gates[row, 3 * hidden :]
        arriving, to_h, to_c, old, new = g[row], gh[row], gc[row], before[row], after[row]
        for k in range(hidden):
            to_h[k] += arriving[k]
        for k in range(hidden):
            tanh_c[k] = _tanh(new[k])
        for k in range(hidden):
            go[k] = to_h[k] * tanh_c[k] * (o[k] - o[k] * o[k])
        for k in range(hidden):
            to_c[k] += to_h[k] * o[k] * (one - tanh_c[k] * tanh_c[k])
        for k in range(hidden):
            gi[k] = to_c[k] * n[k] * (i[k] - i[k] * i[k])
        for k in range(hidden):
            gn[k] = to_c[k] * i[k] * (one - n[k] * n[k])
        for k in range(hidden):
            gf[k] = to_c[k] * old[k] * (f[k] - f[k] * f[k])
        for k in range(hidden):
            to_c[k] *= f[k]
