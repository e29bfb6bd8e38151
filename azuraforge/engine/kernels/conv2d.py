"""Convolution in float32 on the CPU, straight from the images: no matrix of columns.

Channels are last in memory, so that a row of the kernel is one run of floats; what users see is a
view in the usual order. The gradient of the input is a convolution of g with the kernel turned
around, that of the weights a product over the pixels of g; `window.py` says where their elements
meet, `taps.py` multiplies.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels import channels_last, split, winograd
from azuraforge.engine.kernels.channels_last import FLOAT_SIZE, Images, add_pixels, read_images
from azuraforge.engine.kernels.compile import part
from azuraforge.engine.kernels.memory import address, floats
from azuraforge.engine.kernels.split import integers, task, unpacked
from azuraforge.engine.kernels.taps import ENTRY_SIZE, TAP_PRODUCT, tap_product
from azuraforge.engine.kernels.window import (
    Axis,
    Pair,
    correlation,
    covariance,
    of_input,
    of_result,
)
from azuraforge.engine.replay import tape
from azuraforge.engine.threads import threads

NOTES = "forward"
ORDERS = {"y": channels_last.empty, "gx": channels_last.empty}
PIXELS = 256  # of a pass, at least, where there are so many
NOTHING = np.float32(0)
NO_FLOOR = np.float32(-np.inf)


def accepts(x: Array, w: Array, b: Array, **places: Any) -> bool:
    """Whether all are float32 arrays on the CPU, and there is something to do."""
    return all(isinstance(a, np.ndarray) and a.dtype == np.float32 and a.size for a in (x, w, b))


def forward(
    xp: Any, x: Array, w: Array, b: Array, y: Array, stride: Pair, padding: Pair, dilation: Pair
) -> None:
    made, bias = channels_last.dense(y), tape.compute(np.ascontiguousarray, b)
    kernel = w.transpose(2, 3, 1, 0)
    axes = _axes(of_result, x, w, y, stride, padding, dilation)
    if winograd.suits(w, stride, dilation):
        winograd.convolve(
            x, kernel, bias, made, padding, lambda: _correlate(x, axes, kernel, bias, made)
        )
    else:
        _correlate(x, axes, kernel, bias, made)
    if made is not y:
        tape.run(np.copyto, y, made)


def gradient_x(
    xp: Any, g: Array, w: Array, gx: Array, stride: Pair, padding: Pair, dilation: Pair
) -> None:
    turned, before = w[:, :, ::-1, ::-1].transpose(2, 3, 0, 1), (2 - padding[0], 2 - padding[1])
    axes = _axes(of_input, gx, w, g, stride, padding, dilation)
    kernel = w.transpose(2, 3, 0, 1)
    if winograd.suits(w, stride, dilation):
        winograd.convolve(
            g, turned, None, gx, before, lambda: _correlate(g, axes, kernel, None, gx)
        )
    else:
        _correlate(g, axes, kernel, None, gx)


def gradient_wb(
    xp: Any, g: Array, x: Array, w: Array, stride: Pair, padding: Pair, dilation: Pair
) -> tuple[Array, Array]:
    """As one: both go over g."""
    if winograd.suits(w, stride, dilation):
        found = winograd.gradients(x, g, padding)
        if found is not None:
            return found[0].transpose(3, 2, 0, 1), found[1]
    rows, columns = _axes(of_result, x, w, g, stride, padding, dilation)
    (batch, out, high, wide), channels = g.shape, x.shape[1]
    images = min(batch, -(-PIXELS // (high * wide)))
    count = min(threads(), batch)
    source = Images(x, images, count, (rows, columns))
    upper = Images(g, images, count)
    plan = covariance(rows, columns, channels, out, source.apart, images)
    size = len(plan.a_at) * out
    sums = np.zeros((count, size + out), np.float32)
    split.run(
        _sum_gradients, count, TAP_PRODUCT, *source.numbers, *upper.numbers, images, batch,
        address(plan.a_at), len(plan.a_at), address(plan.c_at), address(plan.tap_at),
        high, wide, source.apart.pixel * stride[1], out, address(sums),
    )  # fmt: skip
    total = sums.sum(0) if count > 1 else sums[0]
    gw = total[:size].reshape(*w.shape[2:], channels, out).transpose(3, 2, 0, 1)
    return gw, total[size:]


gradients = {"x": gradient_x, ("w", "b"): gradient_wb}


def _axes(
    kind: Any, x: Array, w: Array, y: Array, stride: Pair, padding: Pair, dilation: Pair
) -> tuple[Axis, Axis]:
    sizes = zip(x.shape[2:], y.shape[2:], w.shape[2:], stride, padding, dilation, strict=True)
    rows, columns = (kind(*each) for each in sizes)
    return rows, columns


def _correlate(
    x: Array, axes: tuple[Axis, Axis], weights: Array, first: Array | None, y: Array
) -> None:
    result = channels_last.distances(y)
    assert result is not None
    batch, out, high, wide = y.shape
    images = min(batch, -(-PIXELS // (high * wide)))
    count = threads()
    source = Images(x, images, count, axes)
    plan = correlation(*axes, x.shape[1], source.apart, result, images)
    flat = tape.once(_ordered, weights, plan.order)
    tape.keep(plan.a_at, plan.c_at, plan.tap_at, plan.phases, flat, first, y)
    split.run(
        _multiply, count, TAP_PRODUCT, *source.numbers, images, batch,
        address(plan.a_at), address(plan.c_at), address(plan.tap_at),
        address(plan.phases), len(plan.phases), address(flat),
        0 if first is None else address(first), address(y), result.image, out,
    )  # fmt: skip


def _ordered(kernel: Array, order: Array) -> Array:
    """The kernel's elements, in the order in which the taps meet them."""
    elements = tape.compute(np.ascontiguousarray, kernel).reshape(-1, *kernel.shape[2:])
    return tape.compute(np.take, elements, order, 0)


@part
def _part(size, number, count):  # type: ignore[no-untyped-def]
    """Where the share of a thread begins, and where it ends."""
    return size * number // count, size * (number + 1) // count


@task
def _multiply(job, number, count):  # type: ignore[no-untyped-def]
    numbers = unpacked(job, 26)
    at, source = numbers[0], numbers[1:14]
    images, batch, a_at, c_at, tap_at, phases_at, phases, weights = numbers[14:22]
    first, y, y_image, out = numbers[22:]
    phase = integers(phases_at, 6 * phases)
    share, shares = (0, 1) if batch >= count else (number, count)  # of an image's pixels
    begin, end = (0, batch) if shares > 1 else _part(batch, number, count)
    for n in range(begin, end, images):
        now = min(images, end - n)
        a = read_images(source, number, n, now)
        for p in range(0, 6 * phases, 6):
            low, high = _part(phase[p + 1] * now, share, shares)
            row = ENTRY_SIZE * (phase[p] + low)
            tap_product(
                at, high - low, out, phase[p + 3], phase[p + 4],
                a, a_at + row, tap_at + ENTRY_SIZE * phase[p + 2], 1,
                weights + FLOAT_SIZE * phase[p + 5] * out, out,
                y + FLOAT_SIZE * n * y_image, c_at + row, first, 0, NO_FLOOR,
            )  # fmt: skip


@task
def _sum_gradients(job, number, count):  # type: ignore[no-untyped-def]
    numbers = unpacked(job, 38)
    at, x, g, images, batch = numbers[0], numbers[1:14], numbers[14:27], numbers[27], numbers[28]
    a_at, m, c_at, tap_at, high, wide, a_k, out, sums = numbers[29:]
    gw = sums + FLOAT_SIZE * number * (m + 1) * out
    gb = floats(gw + FLOAT_SIZE * m * out, out)
    end = batch * (number + 1) // count
    for n in range(batch * number // count, end, images):
        now = min(images, end - n)
        a, b = read_images(x, number, n, now), read_images(g, number, n, now)
        tap_product(
            at, m, out, now * high, wide, a, a_at, tap_at, a_k, b, out, gw, c_at, gw, 1, NO_FLOOR
        )
        add_pixels(b, now * high * wide, gb)
