"""GRU in float32 on the CPU: a thread takes its rows of the batch through the whole sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels.formulas import sigmoid, tanh
from azuraforge.engine.kernels.lanes import Value, over_arrays, together
from azuraforge.engine.kernels.memory import address
from azuraforge.engine.kernels.panels import NO_FLOOR, multiply_packed, packed
from azuraforge.engine.kernels.product import PRODUCT, SIZE, product
from azuraforge.engine.kernels.sequence import (
    all_float32,
    copied,
    copy,
    places,
    room,
    side_by_side,
    steps_at_once,
)
from azuraforge.engine.kernels.split import run, task, unpacked
from azuraforge.engine.kernels.transpose import transpose
from azuraforge.engine.replay import tape
from azuraforge.engine.threads import threads

F = np.float32

NOTES = "forward"
accepts = all_float32


def forward(
    xp: Any, x: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array, h: Array,
    y: Array, h_n: Array, _gates: Array, _recalled: Array,
) -> None:  # fmt: skip
    (time, batch, features), hidden = x.shape, h.shape[1]
    x, h = tape.compute(side_by_side, x), tape.compute(np.ascontiguousarray, h)
    weights = tape.once(_weights, w_ih, w_hh, b_ih, b_hh)
    arrays = (*weights, h, y, _gates, _recalled, room(batch, features, hidden))
    tape.keep(x, *arrays)
    run(
        _forward, min(threads(), batch), PRODUCT, time, batch, features, hidden, *places(x),
        *map(address, arrays),
    )  # fmt: skip
    tape.run(np.copyto, h_n, y[-1])


def _weights(w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array) -> tuple[Array, Array, Array]:
    """Those that make r and z, n, and what r lets through."""
    two = 2 * w_hh.shape[1]
    bias = tape.compute(np.add, b_ih[:two], b_hh[:two])
    return (
        packed(w_ih[:two], bias, w_hh[:two]),
        packed(w_ih[two:], b_ih[two:]),
        packed(b_hh[two:], w_hh[two:]),
    )


def backward(
    xp: Any, g: Array, g_h_n: Array, x: Array, w_ih: Array, w_hh: Array, h: Array, y: Array,
    _gates: Array, _recalled: Array, gx: Array | None, gw_ih: Array | None, gw_hh: Array | None,
    gb_ih: Array | None, gb_hh: Array | None, gh: Array | None,
) -> None:  # fmt: skip
    (time, batch, features), hidden = x.shape, h.shape[1]
    count = min(threads(), batch)
    x, g, h, gh = side_by_side(x), side_by_side(g), np.ascontiguousarray(h), copied(g_h_n, gh)
    weights = np.empty((count, features + 2 + hidden, 3 * hidden), F)  # of rows [x, 1], [1, h]
    steps = steps_at_once(time, batch, count)
    arrays = (
        np.ascontiguousarray(w_ih), np.ascontiguousarray(w_hh), h, y, _gates, _recalled, gh,
        weights, room(steps * batch, features, hidden), np.empty((steps * batch, 4 * hidden), F),
    )  # fmt: skip
    run(
        _backward, count, PRODUCT, time, batch, features, hidden, steps, *places(x), *places(g),
        *map(address, arrays), 0 if gx is None else address(gx),
    )  # fmt: skip
    total = weights[0] if count == 1 else np.add.reduce(weights, 0)
    if gw_ih is not None:
        transpose(total[:features], gw_ih)
    if gb_ih is not None:
        gb_ih[...] = total[features]
    if gb_hh is not None:
        gb_hh[...] = total[features + 1]
    if gw_hh is not None:
        transpose(total[features + 2 :], gw_hh)


gradients = {("x", "w_ih", "w_hh", "b_ih", "b_hh", "h"): backward}


def _cell(r: Value, z: Value, n: Value, recalled: Value, h: Value) -> Sequence[Value]:
    """The gates, and the output, twice: it is a part of the next input, too."""
    r, z = together(sigmoid, r, z)
    n = tanh(n + r * recalled)
    y = n + z * (h - n)
    return r, z, n, y, y


def _cell_back(
    g: Value, gh: Value, r: Value, z: Value, n: Value, recalled: Value, h: Value
) -> Sequence[Value]:
    """The gradients of r, z, the recalled and n before their functions, and of h past U."""
    to_y = g + gh
    to_n = to_y * (1 - z) * (1 - n * n)
    to_r, to_z = to_n * recalled * (r - r * r), to_y * (h - n) * (z - z * z)
    return to_r, to_z, to_n * r, to_n, to_y * z


cell = over_arrays(_cell, outputs=5)
cell_back = over_arrays(_cell_back, outputs=5)


@task
def _forward(job, number, count):  # type: ignore[no-untyped-def]
    (
        at, time, batch, features, hidden, x, x_time, x_row,
        to_sigmoids, to_n, to_recalled, h, y, gates, recalled, inputs,
    ) = unpacked(job, 16)  # fmt: skip
    low, high = batch * number // count, batch * (number + 1) // count
    rows, wide, state = high - low, features + 1 + hidden, SIZE * hidden
    width = SIZE * wide
    begin = inputs + low * width
    one = begin + SIZE * features
    to_h = one + SIZE
    for row in range(rows):
        copy(hidden, h + (low + row) * state, to_h + row * width)
    for t in range(time):
        for row in range(rows):
            copy(features, x + t * x_time + (low + row) * x_row, begin + row * width)
        r = gates + 3 * (t * batch + low) * state
        m, out = recalled + (t * batch + low) * state, y + (t * batch + low) * state
        multiply_packed(at, rows, 2 * hidden, wide, begin, wide, to_sigmoids, r, 3 * hidden)
        multiply_packed(
            at, rows, hidden, features + 1, begin, wide, to_n, r + 2 * state, 3 * hidden
        )
        multiply_packed(at, rows, hidden, 1 + hidden, one, wide, to_recalled, m, hidden)
        for row in range(rows):
            z, n, before = r + state, r + 2 * state, to_h + row * width
            cell(hidden, r, z, n, m, before, r, z, n, out, before)
            r, m, out = r + 3 * state, m + state, out + state


@task
def _backward(job, number, count):  # type: ignore[no-untyped-def]
    (
        at, time, batch, features, hidden, steps, x, x_time, x_row, g, g_time, g_row,
        w_ih, w_hh, h, y, gates, recalled, gh, weights, inputs, slopes, gx,
    ) = unpacked(job, 23)  # fmt: skip
    low, high = batch * number // count, batch * (number + 1) // count
    rows, wide, state = high - low, features + 1 + hidden, SIZE * hidden
    two, three, four = 2 * hidden, 3 * hidden, 4 * hidden
    width, own = SIZE * wide, steps * low
    begin, begin_slopes = inputs + own * width, slopes + 4 * own * state
    one = begin + SIZE * features
    of_x = weights + number * (wide + 1) * 3 * state
    of_h = of_x + 3 * (features + 1) * state
    gh, is_first = gh + low * state, True
    for t in range(time - 1, -1, -1):
        step, first = t % steps * rows, t * batch + low
        for row in range(rows):
            into = begin + (step + row) * width
            before = into + SIZE * (features + 1)
            copy(features, x + t * x_time + (low + row) * x_row, into)
            last = h + (low + row) * state if t == 0 else y + (first - batch + row) * state
            copy(hidden, last, before)
            r, to_r = gates + 3 * (first + row) * state, begin_slopes + 4 * (step + row) * state
            to_h = gh + row * state
            cell_back(
                hidden, g + t * g_time + (low + row) * g_row, to_h, r, r + state, r + 2 * state,
                recalled + (first + row) * state, before,
                to_r, to_r + state, to_r + 2 * state, to_r + 3 * state, to_h,
            )  # fmt: skip
        now = begin_slopes + 4 * step * state
        product(
            at, rows, hidden, three, now, four, 1, w_hh, hidden, gh, hidden, gh, hidden, NO_FLOOR
        )
        if gx:
            to_x = gx + SIZE * first * features
            product(
                at, rows, features, two, now, four, 1, w_ih, features, to_x, features, 0, 0,
                NO_FLOOR,
            )  # fmt: skip
            product(
                at, rows, features, hidden, now + 3 * state, four, 1,
                w_ih + 2 * state * features, features, to_x, features, to_x, features, NO_FLOOR,
            )  # fmt: skip
        if step == 0:
            seen, row = min(steps, time - t) * rows, 0 if is_first else three
            sums_x, sums_h, sums_n = (0, 0, 0) if is_first else (of_x, of_h, of_x + 2 * state)
            product(
                at, 1 + hidden, three, seen, one, 1, wide, begin_slopes, four, of_h, three,
                sums_h, row, NO_FLOOR,
            )  # fmt: skip
            product(
                at, features + 1, two, seen, begin, 1, wide, begin_slopes, four, of_x, three,
                sums_x, row, NO_FLOOR,
            )  # fmt: skip
            product(
                at, features + 1, hidden, seen, begin, 1, wide, begin_slopes + 3 * state, four,
                of_x + 2 * state, three, sums_n, row, NO_FLOOR,
            )  # fmt: skip
            is_first = False
