"""Images whose channels are neighbours in memory: a view (batch, channels, height, width) of an
array (batch, height, width, channels).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels.compile import part
from azuraforge.engine.kernels.memory import floats
from azuraforge.engine.kernels.window import Distances


def empty(xp: Any, arrays: Any, shape: tuple[int, ...], dtype: Any) -> Array:
    """An array (batch, channels, height, width) with its channels last in memory."""
    batch, channels, height, width = shape
    return np.empty((batch, height, width, channels), dtype).transpose(0, 3, 1, 2)


def distances(x: Array) -> Distances | None:
    """Where the pixels of float32 images lie; None where channels are not neighbours."""
    batch, channels, height, width = x.shape
    image, channel, row, pixel = (stride // 4 for stride in x.strides)
    if channels > 1 and channel != 1:
        return None
    pixel = pixel if width > 1 else channels
    row = row if height > 1 else width * pixel
    return Distances(image if batch > 1 else height * row, row, pixel)


@part
def copy_image(source, channel, row, pixel, target, target_row, channels, height, width):  # type: ignore[no-untyped-def]
    """Copy an image from any layout to channels-last rows that lie `target_row` floats apart."""
    for i in range(height):
        to = floats(target + 4 * i * target_row, width * channels)
        if (channel == 1 or channels == 1) and pixel == channels:
            run = floats(source + 4 * i * row, width * channels)
            for j in range(width * channels):
                to[j] = run[j]
            continue
        whole = channels - channels % 16 if pixel == 1 else 0
        line = floats(source + 4 * i * row, (channels - 1) * channel + (width - 1) * pixel + 1)
        for c in range(0, whole, 16):
            for j in range(width):
                for lane in range(16):
                    to[j * channels + c + lane] = line[(c + lane) * channel + j]
        for c in range(whole, channels):
            for j in range(width):
                to[j * channels + c] = line[c * channel + j * pixel]
