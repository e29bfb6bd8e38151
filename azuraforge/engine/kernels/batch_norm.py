"""Batch normalisation in float32 on the CPU, over images whose channels are last in memory.

What belongs to a channel (mean, slope, …) is repeated until it is as long as a block of pixels, so
that every loop is over hundreds of neighbours, however few channels there are. Sums are kept for
each place of a block until the end, which also keeps them exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels import split
from azuraforge.engine.kernels.compile import part
from azuraforge.engine.kernels.lanes import Value, fma, over_arrays
from azuraforge.engine.kernels.memory import address
from azuraforge.engine.kernels.split import task, unpacked
from azuraforge.engine.ops.order import as_given
from azuraforge.engine.threads import threads

ORDERS = {"y": as_given, "gx": as_given}
BLOCK = 512  # floats, roughly: what is repeated stays in the first-level cache
SIZE = 4  # bytes of a float32


def accepts(x: Array, w: Array, b: Array, **eps: float) -> bool:
    """Whether all are float32 arrays on the CPU, x with its channels last in memory."""
    fits = all(isinstance(a, np.ndarray) and a.dtype == np.float32 for a in (x, w, b))
    return fits and bool(np.moveaxis(x, 1, -1).flags.c_contiguous)


def forward(
    xp: Any, x: Array, w: Array, b: Array, y: Array, mean: Array, var: Array, eps: float
) -> None:
    count = x.size // len(w)
    mean[...] = _sums(_add, len(w), x)[0] / count
    var[...] = _sums(_add_squares, len(w), x, _repeated(mean))[0] / count
    made = _in_order_of(x, y)
    slope = w / np.sqrt(var + eps)
    _run(_normalise, len(w), x, *map(_repeated, (mean, slope, b)), made)
    if made is not y:
        np.copyto(y, made)


def _gradient(
    xp: Any, g: Array, g_mean: Array, g_var: Array, x: Array, w: Array, mean: Array, var: Array,
    eps: float, needs: Sequence[bool], gx: Array, gw: Array, gb: Array,
) -> None:  # fmt: skip
    """As the reference; gx = slope g + along (x - mean) + flat."""
    count = x.size // len(w)
    if g.strides != x.strides:
        turned = np.empty_like(x)
        np.copyto(turned, g)
        g = turned
    wide_mean = _repeated(mean)
    sums = _sums(_add_products, len(w), g, x, wide_mean)
    rstd = 1 / np.sqrt(var + eps)
    by_w = (sums[1] * rstd).astype(np.float32)
    if needs[1]:
        gw[...] = by_w
    if needs[2]:
        gb[...] = sums[0]
    if needs[0]:
        slope = w * rstd
        along = (2 * g_var - slope * rstd * by_w) / count
        flat = ((g_mean - slope * sums[0]) / count).astype(np.float32)
        made = _in_order_of(x, gx)
        _run(_gradient_x, len(w), g, x, wide_mean, *map(_repeated, (slope, along, flat)), made)
        if made is not gx:
            np.copyto(gx, made)


gradients = {("x", "w", "b"): _gradient}


def _in_order_of(x: Array, y: Array) -> Array:
    """y where it lies in memory as x does, else other memory that does."""
    return y if y.strides == x.strides else np.empty_like(x)


def _repeated(channels: Array) -> Array:
    """A number for each place of a block."""
    return np.tile(channels.astype(np.float32), max(1, BLOCK // len(channels)))


def _run(function: Any, channels: int, x: Array, *others: Array) -> None:
    block = channels * max(1, BLOCK // channels)
    split.run(function, threads(), x.size, block, *map(address, (x, *others)))


def _sums(function: Any, channels: int, *arrays: Array) -> Array:
    """Two sums for each channel."""
    block = channels * max(1, BLOCK // channels)
    totals = np.zeros((threads(), 2, block), np.float32)
    _run(function, channels, *arrays, totals)
    return totals.reshape(len(totals), 2, -1, channels).sum((0, 2), dtype=np.float64)


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


@task
def _add(job, number, count):  # type: ignore[no-untyped-def]
    size, block, x, totals = unpacked(job, 4)
    total = totals + SIZE * 2 * block * number
    first, end = _share(size, block, number, count)
    for at in range(first, end, block):
        _add_to(min(block, end - at), x + SIZE * at, total, total)


@task
def _add_squares(job, number, count):  # type: ignore[no-untyped-def]
    size, block, x, mean, totals = unpacked(job, 5)
    total = totals + SIZE * 2 * block * number
    first, end = _share(size, block, number, count)
    for at in range(first, end, block):
        _add_square_to(min(block, end - at), x + SIZE * at, mean, total, total)


@task
def _add_products(job, number, count):  # type: ignore[no-untyped-def]
    size, block, g, x, mean, totals = unpacked(job, 6)
    total = totals + SIZE * 2 * block * number
    along = total + SIZE * block
    first, end = _share(size, block, number, count)
    for at in range(first, end, block):
        far = SIZE * at
        _add_product_to(min(block, end - at), g + far, x + far, mean, total, along, total, along)


@task
def _normalise(job, number, count):  # type: ignore[no-untyped-def]
    size, block, x, mean, slope, shift, y = unpacked(job, 7)
    first, end = _share(size, block, number, count)
    for at in range(first, end, block):
        _normalise_to(min(block, end - at), x + SIZE * at, mean, slope, shift, y + SIZE * at)


@task
def _gradient_x(job, number, count):  # type: ignore[no-untyped-def]
    size, block, g, x, mean, slope, along, flat, gx = unpacked(job, 9)
    first, end = _share(size, block, number, count)
    for at in range(first, end, block):
        far = SIZE * at
        _mix_to(min(block, end - at), g + far, x + far, mean, slope, along, flat, gx + far)
