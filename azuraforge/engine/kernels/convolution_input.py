"""Transposed convolution over images in float32 on the CPU: convolution's kernel the other way."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels import channels_last, convolution
from azuraforge.engine.kernels.window import Pair

accepts = convolution.accepts
ORDERS = {"y": channels_last.empty, "gx": channels_last.empty}


def forward(
    xp: Any, x: Array, w: Array, y: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> None:
    made = channels_last.dense(y)
    convolution.gradient_x(xp, x, w, made, stride, padding, dilation, groups)
    if made is not y:
        np.copyto(y, made)


def _gradient_x(
    xp: Any, g: Array, w: Array, gx: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> None:
    convolution.forward(xp, g, w, gx, stride, padding, dilation, groups)


def _gradient_w(
    xp: Any, g: Array, x: Array, w: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Array:
    return convolution.gradient_w(xp, x, g, w, stride, padding, dilation, groups)


gradients = {"x": _gradient_x, "w": _gradient_w}
