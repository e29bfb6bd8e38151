"""Convolutions 3 x 3 of stride 1 with 16 products for 2 x 2 results, where the sum itself takes 36.

A result of 2 x 2 pixels needs an image of 4 x 4. Along one axis, with d of the image and w of the
kernel, both results are sums of four products:

    y = Aᵀ [(G w) * (Bᵀ d)]      Bᵀ = 1  0 -1  0     G = 1    0    0     Aᵀ = 1  1  1  0
                                      0  1  1  0         1/2  1/2  1/2        0  1 -1 -1
                                      0 -1  1  0         1/2 -1/2  1/2
                                      0  1  0 -1         0    0    1

In two dimensions each is done along both axes, and the sum over channels makes each of the 16
products a matrix product, over many tiles at once: V (point, tile, in) U (point, in, out). The
gradient of the weights is Gᵀ [Σ (Bᵀ d B) (A g Aᵀ)] G, the sum over tiles being a product as well.
An Inf or NaN would show as NaN in all of its tile; so whether all is finite is told, and the sum
itself is taken where it is not.

Source: Lavin and Gray (2016), Fast algorithms for convolutional neural networks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels import channels_last, split
from azuraforge.engine.kernels.channels_last import FLOAT_SIZE, add_pixels
from azuraforge.engine.kernels.memory import address, floats
from azuraforge.engine.kernels.product import multiply
from azuraforge.engine.kernels.simd import LANES
from azuraforge.engine.kernels.split import task, unpacked
from azuraforge.engine.kernels.taps import TAP_PRODUCT, tap_product
from azuraforge.engine.kernels.window import Pair
from azuraforge.engine.kernels.winograd_tiles import bring_images, bring_results, take_results
from azuraforge.engine.replay import tape
from azuraforge.engine.threads import threads

G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], np.float32)
BOTH = np.kron(G, G)  # along both axes: 16 points of 9 weights
POINTS = 16
APART = LANES  # floats between points' tiles: else all of them fall on one set of the cache
MARK = 2 * LANES  # floats of a thread's mark: no two on one line of the cache
TILES = 48  # of a chunk, whose V and M stay in the second-level cache
NO_FLOOR = np.float32(-np.inf)


def suits(w: Array, stride: Pair, dilation: Pair) -> bool:
    """Whether a convolution can be done so, and has channels enough that it pays.

    With as many as a vector holds, bringing tiles to and fro takes what the products save.
    """
    is_small = w.shape[2:] == (3, 3) and stride == (1, 1) == dilation
    return is_small and min(w.shape[:2]) >= 2 * LANES


def convolve(
    x: Array, kernel: Array, bias: Array | None, y: Array, before: Pair,
    otherwise: Callable[[], None],
) -> None:  # fmt: skip
    """Fill y, channels last in memory, of images with `before` rows and columns of zeros before
    them. What is not all finite is not the convolution: `otherwise` is to fill y then.

    Shape: x (batch, in, …), kernel (3, 3, in, out), bias (out,), y (batch, out, …)
    """
    count, (channels, out) = threads(), kernel.shape[2:]
    u = tape.once(_transformed, kernel)
    x = tape.compute(channels_last.brought, x)
    size = _scratch_size(channels, out)
    scratch = tape.empty(np, (count * size,), np.float32)
    a_at, c_at = np.arange(TILES) * channels, np.arange(TILES) * out
    tape.keep(x, u, bias, y, a_at, c_at, scratch)
    marks = np.zeros((count, MARK), np.float32)
    split.run(
        _convolve, count, TAP_PRODUCT, *_numbers(x, before), *_numbers(y, (0, 0)), *_tiling(y),
        address(u), 0 if bias is None else address(bias), address(a_at), address(c_at),
        address(scratch), size, address(marks),
    )  # fmt: skip
    tape.whole(_do_again_if_marked, marks, otherwise)


def _do_again_if_marked(marks: Array, otherwise: Callable[[], None]) -> None:
    if marks.any():
        marks[...] = 0
        otherwise()


def gradients(x: Array, g: Array, before: Pair) -> tuple[Array, Array] | None:
    """The gradients of the kernel (3, 3, in, out) and the bias; None if not all are finite."""
    count, channels, out = threads(), x.shape[1], g.shape[1]
    x, g = channels_last.brought(x), channels_last.brought(g)
    size = _scratch_size(channels, out)
    scratch = np.empty(count * size, np.float32)
    sums = np.zeros((count, POINTS * channels + 1, out), np.float32)
    a_at, c_at = np.arange(channels), np.arange(channels) * out
    split.run(
        _sum_gradients, count, TAP_PRODUCT, *_numbers(x, before), *_numbers(g, (0, 0)),
        *_tiling(g), address(a_at), address(c_at), address(sums), address(scratch), size,
    )  # fmt: skip
    total = sums.sum(0) if count > 1 else sums[0]
    gw = np.empty((3, 3, channels, out), np.float32)
    multiply(9, channels * out, POINTS, BOTH, 1, 9, total, channels * out, gw)
    return (gw, total[-1]) if np.isfinite(np.add.reduce(gw, None)) else None


def _transformed(kernel: Array) -> Array:
    """U. Not by NumPy: OpenBLAS's threads spin on after a product, on the cores of our own."""
    flat = tape.compute(np.ascontiguousarray, kernel).reshape(9, -1)
    u = tape.empty(np, (POINTS, flat.shape[1]), np.float32)
    multiply(POINTS, flat.shape[1], 9, BOTH, 9, 1, flat, flat.shape[1], u)
    return u


def _scratch_size(channels: int, out: int) -> int:
    """Floats of one thread: V, M and a tile with its border."""
    return POINTS * (TILES * (channels + out) + 2 * APART) + POINTS * max(channels, out)


def _numbers(x: Array, before: Pair) -> tuple[int, ...]:
    """What the compiled code knows of images."""
    apart = channels_last.distances(x)
    assert apart is not None
    return address(x), apart.image, apart.row, apart.pixel, *x.shape[1:], *before


def _tiling(y: Array) -> tuple[int, int, int]:
    """How many tiles there are, in a row, and in an image."""
    per_row = -(-y.shape[3] // 2)
    per_image = per_row * -(-y.shape[2] // 2)
    return len(y) * per_image, per_row, per_image


@task
def _convolve(job, number, count):  # type: ignore[no-untyped-def]
    numbers = unpacked(job, 29)
    at, x, y = numbers[0], numbers[1:10], numbers[10:19]
    tiles, per_row, per_image = numbers[19:22]
    u, bias, a_at, c_at, scratch, size, marks = numbers[22:]
    channels, out = x[4], y[4]
    v = scratch + FLOAT_SIZE * number * size
    m = v + FLOAT_SIZE * POINTS * (TILES * channels + APART)
    patch = m + FLOAT_SIZE * POINTS * (TILES * out + APART)
    mark = marks + FLOAT_SIZE * MARK * number
    end = tiles * (number + 1) // count
    for t in range(tiles * number // count, end, TILES):
        now = min(TILES, end - t)
        v_point, m_point = now * channels + APART, now * out + APART
        bring_images(x, per_row, per_image, t, now, patch, v, v_point)
        for p in range(POINTS):
            first = bias if p == 5 else 0  # it comes to all four results from there
            tap_product(
                at, now, out, 1, channels, v + FLOAT_SIZE * p * v_point, a_at, a_at, 1,
                u + FLOAT_SIZE * p * channels * out, out,
                m + FLOAT_SIZE * p * m_point, c_at, first, 0, NO_FLOOR,
            )  # fmt: skip
        take_results(m, m_point, per_row, per_image, t, now, y, patch, mark)


@task
def _sum_gradients(job, number, count):  # type: ignore[no-untyped-def]
    numbers = unpacked(job, 27)
    at, x, g = numbers[0], numbers[1:10], numbers[10:19]
    tiles, per_row, per_image = numbers[19:22]
    a_at, c_at, sums, scratch, size = numbers[22:]
    channels, out = x[4], g[4]
    v = scratch + FLOAT_SIZE * number * size
    m = v + FLOAT_SIZE * POINTS * (TILES * channels + APART)
    patch = m + FLOAT_SIZE * POINTS * (TILES * out + APART)
    into = sums + FLOAT_SIZE * number * (POINTS * channels + 1) * out
    gb = floats(into + FLOAT_SIZE * POINTS * channels * out, out)
    end = tiles * (number + 1) // count
    for t in range(tiles * number // count, end, TILES):
        now = min(TILES, end - t)
        v_point, m_point = now * channels + APART, now * out + APART
        bring_images(x, per_row, per_image, t, now, patch, v, v_point)
        bring_results(g, per_row, per_image, t, now, patch, m, m_point)
        for p in range(POINTS):
            c = into + FLOAT_SIZE * p * channels * out
            tap_product(
                at, channels, out, 1, now, v + FLOAT_SIZE * p * v_point, a_at, a_at,
                channels, m + FLOAT_SIZE * p * m_point, out, c, c_at, c, 1, NO_FLOOR,
            )  # fmt: skip
        add_pixels(m + FLOAT_SIZE * 5 * m_point, now, gb)  # point 5 has the sum of all four
