"""Images whose channels are neighbours in memory: a view (batch, channels, height, width) of an
array (batch, height, width, channels).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels.compile import part
from azuraforge.engine.kernels.memory import address, floats
from azuraforge.engine.kernels.turn import turn
from azuraforge.engine.kernels.window import Axis, Distances
from azuraforge.engine.replay import tape

FLOAT_SIZE = 4  # bytes of a float32


def empty(xp: Any, arrays: Any, shape: tuple[int, ...], dtype: Any) -> Array:
    """An array (batch, channels, height, width) with its channels last in memory."""
    batch, channels, height, width = shape
    return tape.empty(np, (batch, height, width, channels), dtype).transpose(0, 3, 1, 2)


def distances(x: Array) -> Distances | None:
    """Where the pixels of float32 images lie; None where channels are not neighbours."""
    batch, channels, height, width = x.shape
    image, channel, row, pixel = (stride // FLOAT_SIZE for stride in x.strides)
    if channels > 1 and channel != 1:
        return None
    pixel = pixel if width > 1 else channels
    row = row if height > 1 else width * pixel
    return Distances(image if batch > 1 else height * row, row, pixel)


def dense(x: Array) -> Array:
    """The array itself where its pixels follow each other, channels last; else memory like it."""
    is_dense = x.transpose(0, 2, 3, 1).flags.c_contiguous
    return x if is_dense else empty(np, (), x.shape, x.dtype)


def brought(x: Array) -> Array:
    """The array itself where the channels of a pixel are neighbours, else a copy in that order."""
    if distances(x) is not None and min(x.strides) >= 0:
        return x
    made = empty(np, (), x.shape, x.dtype)
    np.copyto(made, x)
    return made


class Images:
    """Images as compiled code reads them, some at a time: where they are, or copied.

    With axes of a product they are read in place wherever their channels are neighbours, else
    copied into a frame of zeros that is as wide as the product reaches; without axes their pixels
    follow each other with nothing in between. `numbers` (13) is what the compiled code knows of
    them; the memory is the object's.
    """

    def __init__(
        self, x: Array, images: int, count: int, axes: tuple[Axis, Axis] | None = None
    ) -> None:
        if min(x.strides) < 0:
            x = tape.compute(np.ascontiguousarray, x)
        self.x = x  # known to the compiled code by its address
        _, channels, height, width = x.shape
        edges = [side for axis in axes or () for side in (axis.before, axis.after)] or [0] * 4
        high, wide = height + edges[0] + edges[1], width + edges[2] + edges[3]
        framed = Distances(high * wide * channels, wide * channels, channels)
        found = distances(x)
        if found is None or any(edges) or (axes is None and found != framed):
            found, copied = framed, images * framed.image
        else:
            copied = 0
        self.apart = found
        self.frames = np.zeros(count * copied, np.float32)
        tape.keep(self.x, self.frames)
        self.numbers = (
            address(x), *(stride // FLOAT_SIZE for stride in x.strides), channels, height, width,
            address(self.frames), copied, edges[0] * framed.row + edges[2] * channels,
            self.apart.image, self.apart.row,
        )  # fmt: skip


@part
def copy_image(source, channel, row, pixel, target, target_row, channels, height, width):  # type: ignore[no-untyped-def]
    """Copy an image from any layout to channels-last rows that lie `target_row` floats apart."""
    if row == width * pixel and target_row == width * channels:  # no seams: one long row
        width, height = width * height, 1
    for i in range(height):
        to = floats(target + FLOAT_SIZE * i * target_row, width * channels)
        if (channel == 1 or channels == 1) and pixel == channels:
            run = floats(source + FLOAT_SIZE * i * row, width * channels)
            for j in range(width * channels):
                to[j] = run[j]
            continue
        if pixel == 1:
            start = source + FLOAT_SIZE * i * row
            turn(channels, width, start, channel, target + FLOAT_SIZE * i * target_row, channels)
            continue
        for c in range(channels):
            line = floats(source + FLOAT_SIZE * (i * row + c * channel), (width - 1) * pixel + 1)
            for j in range(width):
                to[j * channels + c] = line[j * pixel]


@part
def read_images(source, number, n, now):  # type: ignore[no-untyped-def]
    """Where `now` images from number n on can be read by this thread."""
    x, image, channel, row, pixel, channels, height, width = source[:8]
    frames, copied, inner, framed_image, framed_row = source[8:]
    first = x + FLOAT_SIZE * n * image
    if not copied:
        return first
    frame = frames + FLOAT_SIZE * number * copied
    for i in range(now):
        copy_image(
            first + FLOAT_SIZE * i * image, channel, row, pixel,
            frame + FLOAT_SIZE * (i * framed_image + inner), framed_row, channels, height, width,
        )  # fmt: skip
    return frame


@part
def add_pixels(first, count, total):  # type: ignore[no-untyped-def]
    """Add rows to a total, four at a time."""
    n = len(total)
    length = FLOAT_SIZE * n
    for i in range(0, count - 3, 4):
        at = first + length * i
        one, two = floats(at, n), floats(at + length, n)
        three, four = floats(at + 2 * length, n), floats(at + 3 * length, n)
        for j in range(n):
            total[j] += (one[j] + two[j]) + (three[j] + four[j])
    for i in range(count - count % 4, count):
        one = floats(first + length * i, n)
        for j in range(n):
            total[j] += one[j]
