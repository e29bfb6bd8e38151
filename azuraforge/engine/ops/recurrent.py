"""Recurrent cells over a whole sequence, time first."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.ops.sample import Draw, Sample, normal
from azuraforge.errors import ShapeError


def _lstm_shape(
    x: Shape, w_ih: Shape, w_hh: Shape, b_ih: Shape, b_hh: Shape, h: Shape, c: Shape
) -> tuple[Shape, ...]:
    time, batch, hidden = sizes_of(4, x, (w_ih, w_hh, b_ih, b_hh), (h, c))
    state = (batch, hidden)
    return (time, *state), state, state, (time, batch, 4 * hidden), (time + 1, *state)


def sizes_of(
    gates: int, x: Shape, weights: tuple[Shape, ...], states: tuple[Shape, ...]
) -> tuple[int, int, int]:
    """Time, batch and hidden size of a cell of so many gates. Raises: ShapeError."""
    w_ih, w_hh, *_ = weights
    if len(x) != 3 or len(w_ih) != 2 or len(w_hh) != 2:
        raise ShapeError(f"input {x}; allowed: (time, batch, features)")
    (time, batch, features), hidden = x, w_hh[1]
    rows = gates * hidden
    expected = ((rows, features), (rows, hidden), (rows,), (rows,))
    if weights != expected or any(state != (batch, hidden) for state in states):
        raise ShapeError(
            f"input {x}, weights {weights}, states {states}; for this input and hidden size "
            f"{hidden} the weights are {expected}, each state {(batch, hidden)}"
        )
    return time, batch, hidden


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


def _lstm_of_ops(
    xp: Any, x: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array, h: Array, c: Array
) -> tuple[Array, ...]:
    """The same outputs, of ops that can be differentiated as often as one likes."""
    given, states = x @ w_ih.T + (b_ih + b_hh), []
    for gates in given:
        i, f, g, o = xp.split(gates + h @ w_hh.T, 4, axis=1)
        c = xp.sigmoid(f) * c + xp.sigmoid(i) * xp.tanh(g)
        h = xp.sigmoid(o) * xp.tanh(c)
        states.append(h)
    return xp.stack(states), h, c


def _lstm_gradient_of_ops(
    xp: Any, g: Array, g_h_n: Array, g_c_n: Array, x: Array, w_ih: Array, w_hh: Array, b_ih: Array,
    b_hh: Array, h: Array, c: Array, needs: Sequence[bool],
) -> tuple[Array | None, ...]:  # fmt: skip
    inputs = (x, w_ih, w_hh, b_ih, b_hh, h, c)
    found = xp.pull(partial(_lstm_of_ops, xp), inputs, (g, g_h_n, g_c_n), needs)
    return found  # type: ignore[no-any-return]


def _samples(gates: int, states: int) -> tuple[Sample, ...]:
    """A plain one, the smallest one, and one far out where gates saturate."""
    sizes = (((4, 2, 3, 2), 1.0), ((1, 1, 1, 1), 1.0), ((3, 2, 2, 3), 100.0))
    return tuple(_sample(gates, states, *each) for each in sizes)


def _sample(gates: int, states: int, size: tuple[int, int, int, int], scale: float) -> Sample:
    time, batch, features, hidden = size
    rows = gates * hidden
    weights: tuple[Draw, ...] = (
        normal(rows, features), normal(rows, hidden), normal(rows), normal(rows),
    )  # fmt: skip
    state = (normal(batch, hidden),) * states
    return Sample(scale * normal(time, batch, features), *(0.5 * w for w in weights), *state)


lstm = op(
    "lstm(x, w_ih, w_hh, b_ih, b_hh, h, c) -> y, h_n, c_n, _gates, _cells",
    shape=_lstm_shape,
    forward=_lstm_forward,
    grads={("x", "w_ih", "w_hh", "b_ih", "b_hh", "h", "c"): _lstm_gradient},
    again={("x", "w_ih", "w_hh", "b_ih", "b_hh", "h", "c"): _lstm_gradient_of_ops},
    kernel="lstm",
    samples=_samples(gates=4, states=2),
)


def _gru_shape(
    x: Shape, w_ih: Shape, w_hh: Shape, b_ih: Shape, b_hh: Shape, h: Shape
) -> tuple[Shape, ...]:
    time, batch, hidden = sizes_of(3, x, (w_ih, w_hh, b_ih, b_hh), (h,))
    states = (time, batch, hidden)
    return states, (batch, hidden), (time, batch, 3 * hidden), states


def _gru_forward(
    xp: Any, x: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array, h: Array,
    y: Array, h_n: Array, _gates: Array, _recalled: Array,
) -> None:  # fmt: skip
    """h' = n + z (h - n); kept are r, z, n and what r lets through, U h + b of n."""
    hidden = h.shape[1]
    recurrent = xp.ascontiguousarray(w_hh.T)
    xp.matmul(x, w_ih.T, out=_gates)
    _gates += b_ih
    product = xp.empty_like(_gates[0])
    for gates, recalled, out in zip(_gates, _recalled, y, strict=True):
        xp.matmul(h, recurrent, out=product)
        product += b_hh
        sigmoids, n = gates[:, : 2 * hidden], gates[:, 2 * hidden :]
        sigmoids += product[:, : 2 * hidden]
        sigmoids *= 0.5  # σ(x) = tanh(x / 2) / 2 + 1/2
        xp.tanh(sigmoids, out=sigmoids)
        sigmoids *= 0.5
        sigmoids += 0.5
        r, z = sigmoids[:, :hidden], sigmoids[:, hidden:]
        recalled[...] = product[:, 2 * hidden :]
        n += r * recalled
        xp.tanh(n, out=n)
        xp.subtract(h, n, out=out)
        out *= z
        out += n
        h = out
    h_n[...] = h


def _gru_gradient(
    xp: Any, g: Array, g_h_n: Array, x: Array, w_ih: Array, w_hh: Array, h: Array,
    y: Array, _gates: Array, _recalled: Array, needs: Sequence[bool],
) -> tuple[Array | None, ...]:  # fmt: skip
    """Back through time. All that does not depend on what comes back is made in one go before.

    With gh the gradient of h after a step, those of r, z and n before their functions, and of
    U h + b, are slopes * gh.
    """
    time, batch, hidden = y.shape
    r, z, n = _gates.reshape(time, batch, 3, hidden).transpose(2, 0, 1, 3)
    before = xp.concatenate((h[None], y[:-1]))
    slopes = xp.empty((time, batch, 4, hidden), y.dtype)
    to_n = xp.multiply(1 - z, 1 - n * n)
    xp.multiply(to_n * _recalled, r - r * r, out=slopes[:, :, 0])
    xp.multiply(before - n, z - z * z, out=slopes[:, :, 1])
    xp.multiply(to_n, r, out=slopes[:, :, 2])
    slopes[:, :, 3] = to_n
    gh, product = g_h_n.copy(), xp.empty_like(g_h_n)
    flat = slopes.reshape(time, batch, 4 * hidden)  # becomes the gradients, step by step
    for t in reversed(range(time)):
        gh += g[t]
        slopes[t] *= gh[:, None]
        gh *= z[t]
        gh += xp.matmul(flat[t, :, : 3 * hidden], w_hh, out=product)
    to_hidden = flat[:, :, : 3 * hidden].reshape(-1, 3 * hidden)
    to_input = to_hidden.copy()
    to_input[:, 2 * hidden :] = slopes[:, :, 3].reshape(-1, hidden)
    gx = (to_input @ w_ih).reshape(x.shape) if needs[0] else None
    gw_ih = to_input.T @ x.reshape(len(to_input), -1)
    gw_hh = to_hidden.T @ before.reshape(-1, hidden)
    return gx, gw_ih, gw_hh, to_input.sum(0), to_hidden.sum(0), gh


def _gru_of_ops(
    xp: Any, x: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array, h: Array
) -> tuple[Array, ...]:
    """The same outputs, of ops that can be differentiated as often as one likes."""
    given, states = x @ w_ih.T + b_ih, []
    for gates in given:
        to_r, to_z, to_n = xp.split(gates, 3, axis=1)
        own_r, own_z, own_n = xp.split(h @ w_hh.T + b_hh, 3, axis=1)
        n = xp.tanh(to_n + xp.sigmoid(to_r + own_r) * own_n)
        h = n + xp.sigmoid(to_z + own_z) * (h - n)
        states.append(h)
    return xp.stack(states), h


def _gru_gradient_of_ops(
    xp: Any, g: Array, g_h_n: Array, x: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array,
    h: Array, needs: Sequence[bool],
) -> tuple[Array | None, ...]:  # fmt: skip
    inputs = (x, w_ih, w_hh, b_ih, b_hh, h)
    found = xp.pull(partial(_gru_of_ops, xp), inputs, (g, g_h_n), needs)
    return found  # type: ignore[no-any-return]


gru = op(
    "gru(x, w_ih, w_hh, b_ih, b_hh, h) -> y, h_n, _gates, _recalled",
    shape=_gru_shape,
    forward=_gru_forward,
    grads={("x", "w_ih", "w_hh", "b_ih", "b_hh", "h"): _gru_gradient},
    again={("x", "w_ih", "w_hh", "b_ih", "b_hh", "h"): _gru_gradient_of_ops},
    kernel="gru",
    samples=_samples(gates=3, states=1),
)
