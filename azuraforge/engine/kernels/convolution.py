"""Grouped convolution over images in float32 on the CPU: conv2d's kernel for each group.

With few channels in a group the products are too small for it to be worth it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels import channels_last, conv2d
from azuraforge.engine.kernels.window import Pair

ORDERS = {"y": channels_last.empty, "gx": channels_last.empty}
LEAST_CHANNELS = 4  # of a group; below, columns or single elements of the kernel are faster


def accepts(x: Array, w: Array, *, groups: int, **places: Any) -> bool:
    """Whether both are float32 images on the CPU, and no group has but few channels."""
    if not all(isinstance(a, np.ndarray) and a.dtype == np.float32 and a.size for a in (x, w)):
        return False
    few = groups > 1 and min(w.shape[1], len(w) // groups) < LEAST_CHANNELS
    return x.ndim == 4 and not few


def parts(x: Array, w: Array, y: Array, groups: int) -> Iterator[tuple[Array, Array, Array]]:
    """The input, weight and output of each group."""
    each = [np.split(a, groups, axis) for a, axis in ((x, 1), (w, 0), (y, 1))]
    yield from zip(*each, strict=True)


def forward(
    xp: Any, x: Array, w: Array, y: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> None:
    nothing = np.zeros(len(w) // groups, np.float32)
    for one, other, many in parts(x, w, y, groups):
        conv2d.forward(xp, one, other, nothing, many, stride, padding, dilation)


def gradient_x(
    xp: Any, g: Array, w: Array, gx: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> None:
    for one, other, many in parts(gx, w, g, groups):
        made = one if groups == 1 else channels_last.empty(xp, (), one.shape, one.dtype)
        conv2d.gradient_x(xp, many, other, made, stride, padding, dilation)
        if made is not one:
            np.copyto(one, made)


def gradient_w(
    xp: Any, g: Array, x: Array, w: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Array:
    found = [
        conv2d.gradient_wb(xp, many, one, other, stride, padding, dilation)[0]
        for one, other, many in parts(x, w, g, groups)
    ]
    return np.concatenate(found) if groups > 1 else found[0]


gradients = {"x": gradient_x, "w": gradient_w}
