"""The largest element of each window, in float32 on the CPU: one pass over images each way.

Channels are last in memory, so all loops are over neighbours.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels import channels_last, split
from azuraforge.engine.kernels.channels_last import FLOAT_SIZE, Images, read_images
from azuraforge.engine.kernels.compile import part
from azuraforge.engine.kernels.memory import address, floats
from azuraforge.engine.kernels.split import task, unpacked
from azuraforge.engine.threads import threads

Pair = tuple[int, int]
NOTHING, LOWEST = np.float32(0), np.float32(-np.inf)
ORDERS = {"y": channels_last.empty, "gx": channels_last.empty}


def accepts(x: Array, **windows: Pair) -> bool:
    """Whether it is a float32 array on the CPU, and there is something to do."""
    return isinstance(x, np.ndarray) and x.dtype == np.float32 and x.size > 0


def forward(xp: Any, x: Array, y: Array, kernel_size: Pair, stride: Pair, padding: Pair) -> None:
    made = channels_last.dense(y)
    images = Images(x, 1, threads())
    sizes = len(x), *made.shape[2:], *kernel_size, *stride, *padding
    split.run(_forward, threads(), *images.numbers, *sizes, address(made))
    if made is not y:
        np.copyto(y, made)


def _gradient(
    xp: Any, g: Array, x: Array, y: Array, gx: Array, kernel_size: Pair, stride: Pair, padding: Pair
) -> None:
    """To the first element of each window that is its maximum."""
    made = channels_last.dense(gx)
    count = threads()
    images = [Images(each, 1, count) for each in (x, y, g)]
    left = np.empty((count, x.shape[1]), np.float32)
    sizes = len(x), *y.shape[2:], *kernel_size, *stride, *padding
    numbers = [number for each in images for number in each.numbers]
    split.run(_backward, count, *numbers, *sizes, address(made), address(left))
    if made is not gx:
        np.copyto(gx, made)


gradients = {"x": _gradient}


@part
def _inside(place, step, before, window, size):  # type: ignore[no-untyped-def]
    """The part of a window that is in the image."""
    first = place * step - before
    return max(first, 0), min(first + window, size)


@task
def _forward(job, number, count):  # type: ignore[no-untyped-def]
    numbers = unpacked(job, 23)
    x, n, c, height, width = numbers[:13], numbers[13], numbers[5], numbers[6], numbers[7]
    high, wide, tall, broad, down, right, top, left, y = numbers[14:]
    for image in range(n * number // count, n * (number + 1) // count):
        source = read_images(x, number, image, 1)
        for row in range(high):
            i_from, i_to = _inside(row, down, top, tall, height)
            for column in range(wide):
                j_from, j_to = _inside(column, right, left, broad, width)
                largest = floats(y + FLOAT_SIZE * ((image * high + row) * wide + column) * c, c)
                for k in range(c):
                    largest[k] = LOWEST
                for i in range(i_from, i_to):
                    for j in range(j_from, j_to):
                        seen = floats(source + FLOAT_SIZE * (i * width + j) * c, c)
                        for k in range(c):
                            v, so_far = seen[k], largest[k]
                            largest[k] = v if v > so_far or v != v else so_far  # NaN wins


@task
def _backward(job, number, count):  # type: ignore[no-untyped-def]
    numbers = unpacked(job, 50)
    x, y, g, n = numbers[:13], numbers[13:26], numbers[26:39], numbers[39]
    c, height, width = numbers[5], numbers[6], numbers[7]
    high, wide, tall, broad, down, right, top, left, gx, rest_at = numbers[40:]
    rest = floats(rest_at + FLOAT_SIZE * number * c, c)  # of g, until a maximum has taken it
    for image in range(n * number // count, n * (number + 1) // count):
        source, results = read_images(x, number, image, 1), read_images(y, number, image, 1)
        gradient = read_images(g, number, image, 1)
        to = gx + FLOAT_SIZE * image * height * width * c
        whole = floats(to, height * width * c)
        for k in range(len(whole)):
            whole[k] = 0
        for row in range(high):
            i_from, i_to = _inside(row, down, top, tall, height)
            for column in range(wide):
                j_from, j_to = _inside(column, right, left, broad, width)
                at = FLOAT_SIZE * (row * wide + column) * c
                largest, arrived = floats(results + at, c), floats(gradient + at, c)
                for k in range(c):
                    rest[k] = arrived[k]
                for i in range(i_from, i_to):
                    for j in range(j_from, j_to):
                        at = FLOAT_SIZE * (i * width + j) * c
                        seen, into = floats(source + at, c), floats(to + at, c)
                        for k in range(c):
                            is_maximum = seen[k] == largest[k]
                            into[k] += rest[k] if is_maximum else NOTHING
                            rest[k] = NOTHING if is_maximum else rest[k]
