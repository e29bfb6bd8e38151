"""Recurrent cells over a whole sequence, time first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.ops.sample import Draw, Sample, normal
from azuraforge.errors import ShapeError


def _lstm_shape(
    x: Shape, w_ih: Shape, w_hh: Shape, b_ih: Shape, b_hh: Shape, h: Shape, c: Shape
) -> tuple[Shape, ...]:
    if len(x) != 3 or len(w_ih) != 2 or len(w_hh) != 2 or len(h) != 2:
        raise ShapeError(f"input {x}; allowed: (time, batch, features)")
    (time, batch, features), hidden = x, w_hh[1]
    expected = ((4 * hidden, features), (4 * hidden, hidden), (4 * hidden,), (4 * hidden,))
    if (w_ih, w_hh, b_ih, b_hh) != expected or h != (batch, hidden) or c != h:
        raise ShapeError(
            f"input {x}, weights {w_ih} {w_hh} {b_ih} {b_hh}, state {h} {c}; for this input and "
            f"hidden size {hidden} the weights are {expected}, the states {(batch, hidden)}"
        )
    state = (batch, hidden)
    return (time, *state), state, state, (time, batch, 4 * hidden), (time + 1, *state)


def _lstm_forward(
    xp: Any, x: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array, h: Array, c: Array,
    y: Array, h_n: Array, c_n: Array, _gates: Array, _cells: Array,
) -> None:  # fmt: skip
    """All gates by one tanh per step: σ(x) = tanh(x / 2) / 2 + 1/2, with the halves in weights."""
    hidden = h.shape[1]
    half = xp.full(4 * hidden, 0.5, x.dtype)  # of i, f, o
    half[2 * hidden : 3 * hidden] = 1  # g is a tanh already
    recurrent = w_hh.T * half
    xp.matmul(x, w_ih.T * half, out=_gates)
    _gates += (b_ih + b_hh) * half
    shift = 1 - half
    shift[2 * hidden : 3 * hidden] = 0
    _cells[0] = c
    product, remembered = xp.empty_like(_gates[0]), xp.empty_like(c)
    for gates, before, after, out in zip(_gates, _cells, _cells[1:], y, strict=False):
        gates += xp.matmul(h, recurrent, out=product)
        xp.tanh(gates, out=gates)
        gates *= half
        gates += shift
        i, f, g, o = (gates[:, k * hidden : (k + 1) * hidden] for k in range(4))
        xp.multiply(i, g, out=after)
        after += xp.multiply(f, before, out=remembered)
        xp.tanh(after, out=out)
        out *= o
        h = out
    h_n[...] = h
    c_n[...] = _cells[-1]


def _lstm_gradient(
    xp: Any, g: Array, g_h_n: Array, g_c_n: Array, x: Array, w_ih: Array, w_hh: Array, h: Array,
    y: Array, _gates: Array, _cells: Array, needs: Sequence[bool],
) -> tuple[Array | None, ...]:  # fmt: skip
    """Back through time. All that does not depend on what comes back is made in one go before.

    With gh, gc the gradients of h and c after a step: gc += gh o (1 - tanh² c), and the gates' are
    slopes * (gc, gc, gc, gh).
    """
    time, batch, hidden = y.shape
    i, f, n, o = _gates.reshape(time, batch, 4, hidden).transpose(2, 0, 1, 3)
    tanh_c = xp.tanh(_cells[1:])
    to_cell = o * (1 - tanh_c * tanh_c)
    slopes = xp.empty((time, batch, 4, hidden), y.dtype)
    xp.multiply(n, i - i * i, out=slopes[:, :, 0])
    xp.multiply(_cells[:-1], f - f * f, out=slopes[:, :, 1])
    xp.multiply(i, 1 - n * n, out=slopes[:, :, 2])
    xp.multiply(tanh_c, o - o * o, out=slopes[:, :, 3])
    gh, gc, part = g_h_n.copy(), g_c_n.copy(), xp.empty_like(g_c_n)
    flat = slopes.reshape(time, batch, 4 * hidden)  # becomes the gates' gradients, step by step
    for t in reversed(range(time)):
        gh += g[t]
        gc += xp.multiply(gh, to_cell[t], out=part)
        slopes[t, :, :3] *= gc[:, None]
        slopes[t, :, 3] *= gh
        gc *= f[t]
        xp.matmul(flat[t], w_hh, out=gh)
    rows = flat.reshape(-1, 4 * hidden)
    before = xp.concatenate((h[None], y[:-1])).reshape(-1, hidden)
    gb = rows.sum(0)
    gx = (flat @ w_ih) if needs[0] else None
    return gx, rows.T @ x.reshape(len(rows), -1), rows.T @ before, gb, gb, gh, gc


def _lstm_sample(time: int, batch: int, features: int, hidden: int, scale: float = 1.0) -> Sample:
    weights: tuple[Draw, ...] = (
        normal(4 * hidden, features),
        normal(4 * hidden, hidden),
        normal(4 * hidden),
        normal(4 * hidden),
    )
    state = (normal(batch, hidden), normal(batch, hidden))
    return Sample(scale * normal(time, batch, features), *(0.5 * w for w in weights), *state)


lstm = op(
    "lstm(x, w_ih, w_hh, b_ih, b_hh, h, c) -> y, h_n, c_n, _gates, _cells",
    shape=_lstm_shape,
    forward=_lstm_forward,
    grads={("x", "w_ih", "w_hh", "b_ih", "b_hh", "h", "c"): _lstm_gradient},
    kernel="lstm",
    samples=(
        _lstm_sample(4, 2, 3, 2),
        _lstm_sample(1, 1, 1, 1),
        _lstm_sample(3, 2, 2, 3, scale=100.0),
    ),
)
