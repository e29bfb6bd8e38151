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


def _sigmoid(xp: Any, x: Array) -> None:
    """In place; by tanh, which cannot overflow."""
    x *= 0.5
    xp.tanh(x, out=x)
    x *= 0.5
    x += 0.5


def _lstm_forward(
    xp: Any, x: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array, h: Array, c: Array,
    y: Array, h_n: Array, c_n: Array, _gates: Array, _cells: Array,
) -> None:  # fmt: skip
    hidden = h.shape[1]
    xp.matmul(x, w_ih.T, out=_gates)
    _gates += b_ih + b_hh
    recurrent = xp.ascontiguousarray(w_hh.T)
    _cells[0] = c
    for t, gates in enumerate(_gates):
        gates += h @ recurrent
        i, f, g, o = (gates[:, k * hidden : (k + 1) * hidden] for k in range(4))
        _sigmoid(xp, gates[:, : 2 * hidden])
        xp.tanh(g, out=g)
        _sigmoid(xp, o)
        xp.multiply(f, _cells[t], out=_cells[t + 1])
        _cells[t + 1] += i * g
        xp.multiply(o, xp.tanh(_cells[t + 1]), out=y[t])
        h = y[t]
    h_n[...] = h
    c_n[...] = _cells[-1]


def _lstm_gradient(
    xp: Any, g: Array, g_h_n: Array, g_c_n: Array, x: Array, w_ih: Array, w_hh: Array, h: Array,
    y: Array, _gates: Array, _cells: Array, needs: Sequence[bool],
) -> tuple[Array | None, ...]:  # fmt: skip
    """Back through time: the gradient of every gate first, then all products at once."""
    hidden = h.shape[1]
    g_gates = xp.empty_like(_gates)
    gh, gc = g_h_n, g_c_n.copy()
    for t in reversed(range(len(x))):
        i, f, n, o = (_gates[t][:, k * hidden : (k + 1) * hidden] for k in range(4))
        gi, gf, gn, go = (g_gates[t][:, k * hidden : (k + 1) * hidden] for k in range(4))
        gh = gh + g[t]
        tanh_c = xp.tanh(_cells[t + 1])
        gc += gh * o * (1 - tanh_c * tanh_c)
        xp.multiply(gc * n, i * (1 - i), out=gi)
        xp.multiply(gc * _cells[t], f * (1 - f), out=gf)
        xp.multiply(gc * i, 1 - n * n, out=gn)
        xp.multiply(gh * tanh_c, o * (1 - o), out=go)
        gc *= f
        gh = g_gates[t] @ w_hh
    flat = g_gates.reshape(-1, 4 * hidden)
    before = xp.concatenate((h[None], y[:-1])).reshape(-1, hidden)
    gb = flat.sum(0)
    gx = (g_gates @ w_ih) if needs[0] else None
    return gx, flat.T @ x.reshape(len(flat), -1), flat.T @ before, gb, gb, gh, gc


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
    samples=(
        _lstm_sample(4, 2, 3, 2),
        _lstm_sample(1, 1, 1, 1),
        _lstm_sample(3, 2, 2, 3, scale=100.0),
    ),
)
