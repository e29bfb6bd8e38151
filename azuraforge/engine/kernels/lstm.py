"""LSTM in float32 on the CPU: a thread takes its rows of the batch through the whole sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels.formulas import sigmoid, tanh
from azuraforge.engine.kernels.lanes import Value, over_arrays, together
from azuraforge.engine.kernels.memory import address
from azuraforge.engine.kernels.panels import NO_FLOOR, multiply_columns, multiply_packed, packed
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
from azuraforge.engine.kernels.team import meeting, memory, part_of, wait
from azuraforge.engine.kernels.transpose import transpose
from azuraforge.engine.replay import tape
from azuraforge.engine.threads import threads

F = np.float32
WORTH_SHARING = 65_536  # multiply-adds of a step: below, waiting for each other costs more

NOTES = "forward"
accepts = all_float32


def forward(
    xp: Any, x: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array, h: Array, c: Array,
    y: Array, h_n: Array, c_n: Array, _gates: Array, _cells: Array,
) -> None:  # fmt: skip
    (time, batch, features), hidden = x.shape, h.shape[1]
    x, h = tape.compute(side_by_side, x), tape.compute(np.ascontiguousarray, h)
    weights = tape.once(_weights, w_ih, w_hh, b_ih, b_hh)
    tape.run(np.copyto, _cells[0], c)
    is_shared = batch < threads() and weights.size * batch > WORTH_SHARING
    count = threads() if is_shared else min(threads(), batch)
    arrays = [weights, h, y, _gates, _cells]
    if is_shared:
        meet = memory(count)
        tape.run(meet.fill, 0)
        arrays += [np.stack([room(batch, features, hidden)] * count), meet]
    else:
        arrays += [room(batch, features, hidden)]
    tape.keep(x, *arrays)
    run(
        _forward_shared if is_shared else _forward, count, PRODUCT, time, batch, features, hidden,
        *places(x), *map(address, arrays),
    )  # fmt: skip
    tape.run(np.copyto, h_n, y[-1])
    tape.run(np.copyto, c_n, _cells[-1])


def _weights(w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array) -> Array:
    return packed(w_ih, tape.compute(np.add, b_ih, b_hh), w_hh)


def backward(
    xp: Any, g: Array, g_h_n: Array, g_c_n: Array, x: Array, w_ih: Array, w_hh: Array, h: Array,
    y: Array, _gates: Array, _cells: Array, gx: Array | None, gw_ih: Array | None,
    gw_hh: Array | None, gb_ih: Array | None, gb_hh: Array | None, gh: Array | None,
    gc: Array | None,
) -> None:  # fmt: skip
    (time, batch, features), hidden = x.shape, h.shape[1]
    count = min(threads(), batch)
    x, g, h = side_by_side(x), side_by_side(g), np.ascontiguousarray(h)
    gh, gc = copied(g_h_n, gh), copied(g_c_n, gc)
    weights = np.empty((count, features + 1 + hidden, 4 * hidden), F)
    steps = steps_at_once(time, batch, count)
    arrays = (
        np.ascontiguousarray(w_ih), np.ascontiguousarray(w_hh), h, y, _gates, _cells, gh, gc,
        weights, room(steps * batch, features, hidden), np.empty((steps * batch, 4 * hidden), F),
    )  # fmt: skip
    run(
        _backward, count, PRODUCT, time, batch, features, hidden, steps, *places(x), *places(g),
        *map(address, arrays), 0 if gx is None else address(gx),
    )  # fmt: skip
    total = weights[0] if count == 1 else np.add.reduce(weights, 0)
    if gw_ih is not None:
        transpose(total[:features], gw_ih)
    if gw_hh is not None:
        transpose(total[features + 1 :], gw_hh)
    for gb in (gb_ih, gb_hh):
        if gb is not None:
            gb[...] = total[features]


gradients = {("x", "w_ih", "w_hh", "b_ih", "b_hh", "h", "c"): backward}


def _cell(i: Value, f: Value, n: Value, o: Value, old: Value) -> Sequence[Value]:
    """The gates, the cell, and the output, twice: it is a part of the next input, too."""
    i, f, o = together(sigmoid, i, f, o)
    n = tanh(n)
    new = f * old + i * n
    y = o * tanh(new)
    return i, f, n, o, new, y, y


def _cell_back(
    g: Value, gh: Value, gc: Value, i: Value, f: Value, n: Value, o: Value, old: Value, new: Value
) -> Sequence[Value]:
    """The gradients of the gates before their functions, and of the cell before the step."""
    to_y, tanh_c = g + gh, tanh(new)
    to_c = gc + to_y * o * (1 - tanh_c * tanh_c)
    to_i, to_f = to_c * n * (i - i * i), to_c * old * (f - f * f)
    to_n, to_o = to_c * i * (1 - n * n), to_y * tanh_c * (o - o * o)
    return to_i, to_f, to_n, to_o, to_c * f


cell = over_arrays(_cell, outputs=7)
cell_back = over_arrays(_cell_back, outputs=5)


@task
def _forward(job, number, count):  # type: ignore[no-untyped-def]
    (
        at, time, batch, features, hidden, x, x_time, x_row, weights, h, y, gates, cells, inputs,
    ) = unpacked(job, 14)  # fmt: skip
    low, high = batch * number // count, batch * (number + 1) // count
    rows, wide, state = high - low, features + 1 + hidden, SIZE * hidden
    width = SIZE * wide
    begin = inputs + low * width
    to_h = begin + SIZE * (features + 1)
    for row in range(rows):
        copy(hidden, h + (low + row) * state, to_h + row * width)
    for t in range(time):
        for row in range(rows):
            copy(features, x + t * x_time + (low + row) * x_row, begin + row * width)
        first = t * batch + low
        multiply_packed(
            at, rows, 4 * hidden, wide, begin, wide, weights, gates + 4 * first * state,
            4 * hidden,
        )  # fmt: skip
        for row in range(rows):
            old = cells + (first + row) * state
            i = gates + 4 * (first + row) * state
            f, n, o = i + state, i + 2 * state, i + 3 * state
            new, out = old + batch * state, y + (first + row) * state
            cell(hidden, i, f, n, o, old, i, f, n, o, new, out, to_h + row * width)


@task
def _forward_shared(job, number, count):  # type: ignore[no-untyped-def]
    """For a batch smaller than the threads: each takes its part of the units through all steps."""
    (
        at, time, batch, features, hidden, x, x_time, x_row, weights, h, y, gates, cells, inputs,
        place,
    ) = unpacked(job, 15)  # fmt: skip
    team = meeting(number, count, place)
    low, high = part_of(hidden, number, team) if team else (0, 0)
    wide, state, far = features + 1 + hidden, SIZE * hidden, SIZE * low
    width, own = SIZE * wide, high - low
    begin = inputs + number * batch * width
    to_h = begin + SIZE * (features + 1)
    for t in range(time if team else 0):
        before = y + (t - 1) * batch * state if t else h
        for row in range(batch):
            copy(features, x + t * x_time + row * x_row, begin + row * width)
            copy(hidden, before + row * state, to_h + row * width)
        i = gates + 4 * t * batch * state
        for gate in range(4):
            first = gate * hidden + low
            multiply_columns(
                at, batch, first, first + own, wide, begin, wide, weights, i, 4 * hidden
            )
        for row in range(batch):
            old = cells + (t * batch + row) * state + far
            i = gates + 4 * (t * batch + row) * state + far
            f, n, o = i + state, i + 2 * state, i + 3 * state
            out = y + (t * batch + row) * state + far
            mine = to_h + row * width + far
            cell(own, i, f, n, o, old, i, f, n, o, old + batch * state, out, mine)
        if team > 1:
            wait(number, team, place, t + 1)


@task
def _backward(job, number, count):  # type: ignore[no-untyped-def]
    (
        at, time, batch, features, hidden, steps, x, x_time, x_row, g, g_time, g_row,
        w_ih, w_hh, h, y, gates, cells, gh, gc, weights, inputs, slopes, gx,
    ) = unpacked(job, 24)  # fmt: skip
    low, high = batch * number // count, batch * (number + 1) // count
    rows, wide, state = high - low, features + 1 + hidden, SIZE * hidden
    width, own = SIZE * wide, steps * low
    begin, slopes = inputs + own * width, slopes + 4 * own * state
    mine, sums = weights + number * wide * 4 * state, 0
    gh, gc = gh + low * state, gc + low * state
    for t in range(time - 1, -1, -1):
        step, first = t % steps * rows, t * batch + low
        for row in range(rows):
            into = begin + (step + row) * width
            copy(features, x + t * x_time + (low + row) * x_row, into)
            before = h + (low + row) * state if t == 0 else y + (first - batch + row) * state
            copy(hidden, before, into + SIZE * (features + 1))
            old, i = cells + (first + row) * state, gates + 4 * (first + row) * state
            to_i, to_c = slopes + 4 * (step + row) * state, gc + row * state
            cell_back(
                hidden, g + t * g_time + (low + row) * g_row, gh + row * state, to_c,
                i, i + state, i + 2 * state, i + 3 * state, old, old + batch * state,
                to_i, to_i + state, to_i + 2 * state, to_i + 3 * state, to_c,
            )  # fmt: skip
        mine_now = slopes + 4 * step * state
        product(
            at, rows, hidden, 4 * hidden, mine_now, 4 * hidden, 1, w_hh, hidden, gh, hidden,
            0, 0, NO_FLOOR,
        )  # fmt: skip
        if gx:
            product(
                at, rows, features, 4 * hidden, mine_now, 4 * hidden, 1, w_ih, features,
                gx + SIZE * first * features, features, 0, 0, NO_FLOOR,
            )  # fmt: skip
        if step == 0:
            product(
                at, wide, 4 * hidden, min(steps, time - t) * rows, begin, 1, wide,
                slopes, 4 * hidden, mine, 4 * hidden,
                sums, 4 * hidden if sums else 0, NO_FLOOR,
            )  # fmt: skip
            sums = mine
