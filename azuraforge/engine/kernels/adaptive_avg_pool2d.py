"""Means over parts of images in float32 on the CPU; the gradient has its channels last as well.

Else the gradient's order would be that of all gradients below, whose kernels want channels last.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels import channels_last, split
from azuraforge.engine.kernels.channels_last import FLOAT_SIZE
from azuraforge.engine.kernels.compile import part
from azuraforge.engine.kernels.memory import address, floats
from azuraforge.engine.kernels.split import task, unpacked
from azuraforge.engine.threads import threads

ORDERS = {"y": channels_last.empty, "gx": channels_last.empty}
WORTH_SPLITTING = 32_768  # numbers: below, a second thread costs more than it brings
F = np.float32


def accepts(x: Array, **sizes: Any) -> bool:
    """Whether it is a float32 array on the CPU, and there is something to do."""
    return isinstance(x, np.ndarray) and x.dtype == np.float32 and x.size > 0


def forward(xp: Any, x: Array, y: Array) -> None:
    made, x = channels_last.dense(y), _pixels_in_rows(x)
    split.run(_forward, _count(x), *x.shape, *y.shape[2:], address(x), address(made))
    if made is not y:
        np.copyto(y, made)


def _gradient(xp: Any, g: Array, gx: Array) -> None:
    made, g = channels_last.dense(gx), _pixels_in_rows(g)
    split.run(_backward, _count(gx), *gx.shape, *g.shape[2:], address(g), address(made))
    if made is not gx:
        np.copyto(gx, made)


gradients = {"x": _gradient}


def _pixels_in_rows(x: Array) -> Array:
    """The images, or a copy, with pixels that follow each other, channels last."""
    made = channels_last.dense(x)
    if made is not x:
        np.copyto(made, x)
    return made


def _count(x: Array) -> int:
    return threads() if x.size > WORTH_SPLITTING else 1


@part
def _span(place, places, size):  # type: ignore[no-untyped-def]
    """What of an axis of this size a place of the result averages."""
    return place * size // places, -(-(place + 1) * size // places)


@task
def _forward(job, number, count):  # type: ignore[no-untyped-def]
    n, c, height, width, high, wide, x, y = unpacked(job, 8)
    for image in range(n * number // count, n * (number + 1) // count):
        source = x + FLOAT_SIZE * image * height * width * c
        for row in range(high):
            top, bottom = _span(row, high, height)
            for column in range(wide):
                left, right = _span(column, wide, width)
                mean = floats(y + FLOAT_SIZE * ((image * high + row) * wide + column) * c, c)
                for k in range(c):
                    mean[k] = 0
                for i in range(top, bottom):
                    for j in range(left, right):
                        seen = floats(source + FLOAT_SIZE * (i * width + j) * c, c)
                        for k in range(c):
                            mean[k] += seen[k]
                for k in range(c):
                    mean[k] /= F((bottom - top) * (right - left))


@task
def _backward(job, number, count):  # type: ignore[no-untyped-def]
    n, c, height, width, high, wide, g, gx = unpacked(job, 8)
    for image in range(n * number // count, n * (number + 1) // count):
        arrived = g + FLOAT_SIZE * image * high * wide * c
        to = gx + FLOAT_SIZE * image * height * width * c
        whole = floats(to, height * width * c)
        for k in range(len(whole)):
            whole[k] = 0
        for row in range(high):
            top, bottom = _span(row, high, height)
            for column in range(wide):
                left, right = _span(column, wide, width)
                part_of = floats(arrived + FLOAT_SIZE * (row * wide + column) * c, c)
                share = F(1) / F((bottom - top) * (right - left))
                for i in range(top, bottom):
                    for j in range(left, right):
                        into = floats(to + FLOAT_SIZE * (i * width + j) * c, c)
                        for k in range(c):
                            into[k] += part_of[k] * share
