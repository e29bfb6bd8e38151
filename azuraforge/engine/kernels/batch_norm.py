"""Batch normalisation in float32 on the CPU, over images whose channels are last in memory.

What belongs to a channel (mean, slope, …) is repeated until it is as long as a block of pixels, so
that every loop is over hundreds of neighbours, however few channels there are. Sums are kept for
each place of a block until the end, which also keeps them exact. Mean and variance are taken of
one piece at a time, which stays in the cache from the one to the other, and pieces are put
together in float64; so x comes from memory once for both.

Each pass begins with what the one before it left for all threads; every thread works that out for
itself, since a few hundred numbers take less time than waiting for each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels import split
from azuraforge.engine.kernels.compile import part
from azuraforge.engine.kernels.lanes import Value, fma, over_arrays
from azuraforge.engine.kernels.memory import address, floats
from azuraforge.engine.kernels.split import task, unpacked
from azuraforge.engine.ops.order import as_given
from azuraforge.engine.replay import tape
from azuraforge.engine.threads import threads

NOTES = True
ORDERS = {"y": as_given, "gx": as_given}
BLOCK = 512  # floats, roughly: what is repeated stays in the first-level cache
PIECE = 32  # blocks: those of a piece stay in the second-level cache
WORTH_SPLITTING = 32_768  # numbers: below, a second thread costs more than it brings
SIZE = 4  # bytes of a float32
F = np.float32
ONE = F(1)


def accepts(x: Array, w: Array, b: Array, **eps: float) -> bool:
    """Whether all are float32 arrays on the CPU, x with its channels last in memory."""
    fits = all(isinstance(a, np.ndarray) and a.dtype == np.float32 for a in (x, w, b))
    return fits and bool(np.moveaxis(x, 1, -1).flags.c_contiguous)


def forward(
    xp: Any, x: Array, w: Array, b: Array, y: Array, mean: Array, var: Array, eps: float
) -> None:
    sizes = x.size, _block(w), len(w)
    pieces = tape.empty(np, (2, -(-x.size // (PIECE * sizes[1])), len(w)), F)
    made = _in_order_of(x, y)
    _run(_measure, 2, sizes, x, pieces)
    _run(_normalise, 3, sizes, pieces, _limit(eps), x, *map(_dense, (w, b)), made, mean, var)
    if made is not y:
        tape.run(np.copyto, y, made)


def _gradient(
    xp: Any, g: Array, g_mean: Array, g_var: Array, x: Array, w: Array, mean: Array, var: Array,
    eps: float, needs: Sequence[bool], gx: Array | None, gw: Array | None, gb: Array | None,
) -> None:  # fmt: skip
    """As the reference; gx = slope g + along (x - mean) + flat."""
    sizes = x.size, _block(w), len(w)
    if g.strides != x.strides:
        given, g = g, tape.empty_like(np, x)
        tape.run(np.copyto, g, given)
    sums = tape.empty(np, (_count(x.size), 2, sizes[1]), F)
    by_w, by_b = (tape.empty_like(np, mean) if a is None else a for a in (gw, gb))
    made = np.empty(0, np.float32) if gx is None else _in_order_of(x, gx)
    _run(_sum_products, 1, sizes, g, x, mean, sums)
    _run(
        _gradient_x, 4, (*sizes, int(gx is not None)), sums, _limit(eps), g,
        *map(_dense, (g_mean, g_var)), x, _dense(w), mean, var, made, by_w, by_b,
    )  # fmt: skip
    if gx is not None and made is not gx:
        tape.run(np.copyto, gx, made)


gradients = {("x", "w", "b"): _gradient}


def _block(w: Array) -> int:
    """Floats of a block: whole pixels."""
    return len(w) * max(1, BLOCK // len(w))


def _count(size: int) -> int:
    return threads() if size > WORTH_SPLITTING else 1


def _limit(eps: float) -> Array:
    return np.array([eps], np.float32)


def _dense(x: Array) -> Array:
    return tape.compute(np.ascontiguousarray, x)


def _in_order_of(x: Array, y: Array) -> Array:
    """y where it lies in memory as x does, else other memory that does."""
    return y if y.strides == x.strides else tape.empty_like(np, x)


def _run(function: Any, rows: int, sizes: tuple[int, ...], *arrays: Array) -> None:
    """Call a task with sizes, arrays and, for each thread, so many rows as long as a block."""
    count = _count(sizes[0])
    repeated = tape.empty(np, (count, rows, sizes[1]), F)
    tape.keep(*arrays, repeated)
    split.run(function, count, *sizes, *map(address, (*arrays, repeated)))


def _plus(x: Value, total: Value) -> tuple[Value, ...]:
    return (total + x,)


def _plus_square(x: Value, mean: Value, total: Value) -> tuple[Value, ...]:
    centred = x - mean
    return (fma(centred, centred, total),)


def _plus_product(g: Value, x: Value, mean: Value, total: Value, along: Value) -> tuple[Value, ...]:
    return total + g, fma(g, x - mean, along)


def _normalised(x: Value, mean: Value, slope: Value, shift: Value) -> tuple[Value, ...]:
    return (fma(x - mean, slope, shift),)


def _mixed(
    g: Value, x: Value, mean: Value, slope: Value, along: Value, flat: Value
) -> tuple[Value, ...]:
    return (fma(slope, g, fma(along, x - mean, flat)),)


_add_to, _add_square_to = over_arrays(_plus, 1), over_arrays(_plus_square, 1)
_add_product_to = over_arrays(_plus_product, 2)
_normalise_to, _mix_to = over_arrays(_normalised, 1), over_arrays(_mixed, 1)


@part
def _share(size, block, number, count):  # type: ignore[no-untyped-def]
    """The blocks of one thread: where the first begins, and where the last ends."""
    blocks = -(-size // block)
    return blocks * number // count * block, min(blocks * (number + 1) // count * block, size)


@part
def _row(first, block, number):  # type: ignore[no-untyped-def]
    """A row as long as a block."""
    return floats(first + SIZE * block * number, block)


@part
def _sum_by_channel(row, sums):  # type: ignore[no-untyped-def]
    channels = len(sums)
    for k in range(channels):
        sums[k] = row[k]
    for first in range(channels, len(row), channels):
        for k in range(channels):
            sums[k] += row[first + k]


@part
def _repeat(numbers, row):  # type: ignore[no-untyped-def]
    channels = len(numbers)
    for first in range(0, len(row), channels):
        for k in range(channels):
            row[first + k] = numbers[k]


@part
def _continue(rows, channels, block):  # type: ignore[no-untyped-def]
    """Repeat in each row the numbers that it begins with."""
    for first in range(0, len(rows), block):
        for k in range(first + channels, first + block):
            rows[k] = rows[k - channels]


@part
def _clear(row):  # type: ignore[no-untyped-def]
    for k in range(len(row)):
        row[k] = 0


@task
def _measure(job, number, count):  # type: ignore[no-untyped-def]
    """The mean of each piece, and the squares of the distances from it."""
    size, block, channels, x, pieces, repeated = unpacked(job, 6)
    own = repeated + SIZE * 2 * block * number
    at_total, total, mean = own + SIZE * block, _row(own, block, 1), _row(own, block, 0)
    piece, many = PIECE * block, -(-size // (PIECE * block))
    for p in range(many * number // count, many * (number + 1) // count):
        first, end = p * piece, min((p + 1) * piece, size)
        _clear(total)
        for at in range(first, end, block):
            _add_to(min(block, end - at), x + SIZE * at, at_total, at_total)
        means = _row(pieces, channels, p)
        _sum_by_channel(total, means)
        for k in range(channels):
            means[k] *= F(channels) / F(end - first)
        _repeat(means, mean)
        _clear(total)
        for at in range(first, end, block):
            _add_square_to(min(block, end - at), x + SIZE * at, own, at_total, at_total)
        _sum_by_channel(total, _row(pieces, channels, many + p))


@part
def _whole(pieces, many, piece, size, channels, k):  # type: ignore[no-untyped-def]
    """Mean and variance of a channel, of those of its pieces."""
    total = 0.0
    for p in range(many):
        total += min(piece, size - p * piece) * float(pieces[p * channels + k])
    mean = total / size
    squares = 0.0
    for p in range(many):
        apart = pieces[p * channels + k] - mean
        pixels = min(piece, size - p * piece) // channels
        squares += pieces[(many + p) * channels + k] + pixels * apart * apart
    return mean, squares / (size // channels)


@task
def _normalise(job, number, count):  # type: ignore[no-untyped-def]
    size, block, channels, at_pieces, at_eps, x, w, b, y, mean, var, repeated = unpacked(job, 12)
    own = repeated + SIZE * 3 * block * number
    means, slopes, shifts = _row(own, block, 0), _row(own, block, 1), _row(own, block, 2)
    piece, many = PIECE * block, -(-size // (PIECE * block))
    pieces, eps = floats(at_pieces, 2 * many * channels), floats(at_eps, 1)[0]
    weights, biases = floats(w, channels), floats(b, channels)
    for k in range(channels):
        middle, spread = _whole(pieces, many, piece, size, channels, k)
        means[k], shifts[k] = middle, biases[k]
        slopes[k] = weights[k] / np.sqrt(F(spread) + eps)
        if number == 0:
            floats(mean, channels)[k] = middle
            floats(var, channels)[k] = spread
    _continue(floats(own, 3 * block), channels, block)
    first, end = _share(size, block, number, count)
    for at in range(first, end, block):
        _normalise_to(
            min(block, end - at), x + SIZE * at, own, own + SIZE * block, own + SIZE * 2 * block,
            y + SIZE * at,
        )  # fmt: skip


@task
def _sum_products(job, number, count):  # type: ignore[no-untyped-def]
    """For each thread and place of a block, the sums of g and of g (x - mean)."""
    size, block, channels, g, x, at_mean, sums, repeated = unpacked(job, 8)
    own = repeated + SIZE * block * number
    mean = _row(own, block, 0)
    _repeat(floats(at_mean, channels), mean)
    total = sums + SIZE * 2 * block * number
    along = total + SIZE * block
    _clear(floats(total, 2 * block))
    first, end = _share(size, block, number, count)
    for at in range(first, end, block):
        far = SIZE * at
        _add_product_to(min(block, end - at), g + far, x + far, own, total, along, total, along)


@part
def _sum_over_threads(sums, block, channels, k):  # type: ignore[no-untyped-def]
    """The two sums of a channel."""
    both, along = 0.0, 0.0
    for first in range(0, len(sums), 2 * block):
        for place in range(first + k, first + block, channels):
            both += sums[place]
            along += sums[place + block]
    return both, along


@task
def _gradient_x(job, number, count):  # type: ignore[no-untyped-def]
    numbers = unpacked(job, 17)
    size, block, channels, is_needed, at_sums, at_eps, g, at_g_mean, at_g_var = numbers[:9]
    x, at_w, at_mean, at_var, gx, gw, gb, repeated = numbers[9:]
    own = repeated + SIZE * 4 * block * number
    means, slopes = _row(own, block, 0), _row(own, block, 1)
    alongs, flats = _row(own, block, 2), _row(own, block, 3)
    sums, eps = floats(at_sums, 2 * block * count), floats(at_eps, 1)[0]
    w, mean, var = floats(at_w, channels), floats(at_mean, channels), floats(at_var, channels)
    g_mean, g_var = floats(at_g_mean, channels), floats(at_g_var, channels)
    pixels = size // channels
    for k in range(channels):
        by_b, along = _sum_over_threads(sums, block, channels, k)
        rstd = ONE / np.sqrt(var[k] + eps)
        by_w, slope = rstd * along, rstd * w[k]
        if number == 0:
            floats(gw, channels)[k] = by_w
            floats(gb, channels)[k] = by_b
        means[k], slopes[k] = mean[k], slope
        alongs[k] = (2 * g_var[k] - slope * rstd * by_w) / pixels
        flats[k] = (g_mean[k] - slope * by_b) / pixels
    if not is_needed:
        return
    _continue(floats(own, 4 * block), channels, block)
    first, end = _share(size, block, number, count)
    for at in range(first, end, block):
        far = SIZE * at
        _mix_to(
            min(block, end - at), g + far, x + far, own, own + SIZE * block, own + SIZE * 2 * block,
            own + SIZE * 3 * block, gx + far,
        )  # fmt: skip
