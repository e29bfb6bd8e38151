"""The plain recurrent cell over a whole sequence, time first."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.ops.recurrent import sizes_of
from azuraforge.engine.ops.sample import Sample, normal


def _shape(
    x: Shape, w_ih: Shape, w_hh: Shape, b_ih: Shape, b_hh: Shape, h: Shape
) -> tuple[Shape, ...]:
    time, batch, hidden = sizes_of(1, x, (w_ih, w_hh, b_ih, b_hh), (h,))
    return (time, batch, hidden), (batch, hidden)


def _forward(
    xp: Any, x: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array, h: Array,
    y: Array, h_n: Array, nonlinearity: str,
) -> None:  # fmt: skip
    xp.matmul(x, w_ih.T, out=y)
    y += b_ih + b_hh
    product = xp.empty_like(h)
    for out in y:
        out += xp.matmul(h, w_hh.T, out=product)
        if nonlinearity == "tanh":
            xp.tanh(out, out=out)
        else:
            xp.maximum(out, 0, out=out)
        h = out
    h_n[...] = h


def _gradient(
    xp: Any, g: Array, g_h_n: Array, x: Array, w_ih: Array, w_hh: Array, h: Array, y: Array,
    nonlinearity: str, needs: Sequence[bool],
) -> tuple[Array | None, ...]:  # fmt: skip
    """Back through time; the slopes of all steps, times what comes back, are the gradients."""
    slopes = 1 - y * y if nonlinearity == "tanh" else (y > 0).astype(y.dtype)
    gh = g_h_n.copy()
    for t in reversed(range(len(y))):
        gh += g[t]
        slopes[t] *= gh
        xp.matmul(slopes[t], w_hh, out=gh)
    rows = slopes.reshape(-1, h.shape[1])
    before = xp.concatenate((h[None], y[:-1])).reshape(rows.shape)
    gb = rows.sum(0)
    gx = slopes @ w_ih if needs[0] else None
    return gx, rows.T @ x.reshape(len(rows), -1), rows.T @ before, gb, gb, gh


def _of_ops(
    xp: Any, nonlinearity: str, x: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array,
    h: Array,
) -> tuple[Array, ...]:  # fmt: skip
    """The same outputs, of ops that can be differentiated as often as one likes."""
    states = []
    for given in x @ w_ih.T + (b_ih + b_hh):
        h = given + h @ w_hh.T
        h = xp.tanh(h) if nonlinearity == "tanh" else xp.relu(h)
        states.append(h)
    return xp.stack(states), h


def _gradient_of_ops(
    xp: Any, g: Array, g_h_n: Array, x: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array,
    h: Array, nonlinearity: str, needs: Sequence[bool],
) -> tuple[Array | None, ...]:  # fmt: skip
    inputs = (x, w_ih, w_hh, b_ih, b_hh, h)
    found = xp.pull(partial(_of_ops, xp, nonlinearity), inputs, (g, g_h_n), needs)
    return found  # type: ignore[no-any-return]


def _sample(time: int, batch: int, features: int, hidden: int, **attributes: Any) -> Sample:
    return Sample(
        normal(time, batch, features), 0.5 * normal(hidden, features), 0.5 * normal(hidden, hidden),
        0.5 * normal(hidden), 0.5 * normal(hidden), normal(batch, hidden), **attributes,
    )  # fmt: skip


rnn = op(  # nonlinearity "tanh" or "relu"
    "rnn(x, w_ih, w_hh, b_ih, b_hh, h, *, nonlinearity='tanh') -> y, h_n",
    shape=_shape,
    forward=_forward,
    grads={("x", "w_ih", "w_hh", "b_ih", "b_hh", "h"): _gradient},
    again={("x", "w_ih", "w_hh", "b_ih", "b_hh", "h"): _gradient_of_ops},
    samples=(_sample(4, 2, 3, 2), _sample(1, 1, 1, 1), _sample(3, 2, 2, 3, nonlinearity="relu")),
)
