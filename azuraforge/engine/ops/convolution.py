"""Convolution over any number of axes, in groups, and its gradients as ops.

x (batch, channels, *size), w (out, channels / groups, *kernel), as PyTorch has them. All three are
linear in each operand, so that each gives the gradients of the others.
"""

from __future__ import annotations

import math
from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops import depthwise
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Op, Shape
from azuraforge.engine.ops.sample import Sample, normal
from azuraforge.engine.ops.shape import getitem
from azuraforge.engine.ops.window import columns, even, overlapped, padded, windows_of
from azuraforge.errors import ShapeError


def convolve(
    xp: Any, x: Array, w: Array, y: Array, stride: Shape, padding: Shape, dilation: Shape,
    groups: int = 1,
) -> None:  # fmt: skip
    if depthwise.suits(x.shape[1], groups):
        depthwise.convolve(xp, x, w, y, stride, padding, dilation)
        return
    wide = padded(xp, x, even(padding))
    seen = columns(xp, wide, w.shape[2:], stride, dilation)
    batch, out, places = len(x), len(w) // groups, math.prod(y.shape[2:])
    depth = math.prod(w.shape[1:])
    seen = seen.reshape(batch, groups, depth, places)
    flat = y.reshape(batch, groups, out, places)
    xp.matmul(w.reshape(groups, out, depth), seen, out=flat)


def spread(
    xp: Any, g: Array, w: Array, size: Shape, stride: Shape, padding: Shape, dilation: Shape,
    groups: int = 1,
) -> Array:  # fmt: skip
    """What each place of g has given to the places its kernel saw. Shape: -> (…, *size)"""
    if depthwise.suits(w.shape[1] * groups, groups):
        return depthwise.spread(xp, g, w, size, stride, padding, dilation, groups)
    batch, out, places = len(g), len(w) // groups, math.prod(g.shape[2:])
    channels, kernel = w.shape[1] * groups, w.shape[2:]
    turned = w.reshape(groups, out, math.prod(w.shape[1:])).swapaxes(1, 2)
    parts = xp.matmul(turned, g.reshape(batch, groups, out, places))
    parts = parts.reshape(batch, channels, math.prod(kernel), places)
    return overlapped(xp, parts, size, g.shape[2:], kernel, stride, even(padding), dilation)


def correlate(
    xp: Any, x: Array, g: Array, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape,
    groups: int = 1,
) -> Array:  # fmt: skip
    """How x and g go together at each element of the kernel. Shape: -> that of the weight"""
    if depthwise.suits(x.shape[1], groups):
        return depthwise.correlate(xp, x, g, kernel, stride, padding, dilation)
    batch, out, places = len(g), g.shape[1] // groups, math.prod(g.shape[2:])
    needed = zip(g.shape[2:], stride, dilation, kernel, strict=True)
    ends = tuple((n - 1) * s + (k - 1) * d + 1 for n, s, d, k in needed)
    wide = padded(xp, x, even(padding))[(..., *(slice(end) for end in ends))]
    seen = columns(xp, wide, kernel, stride, dilation)
    channels = x.shape[1] // groups
    seen = seen.reshape(batch, groups, channels * math.prod(kernel), places)
    per_image = xp.matmul(g.reshape(batch, groups, out, places), seen.swapaxes(2, 3))
    return per_image.sum(0).reshape(g.shape[1], channels, *kernel)


def _grouped(
    x: Shape, w: Shape, stride: Shape, padding: Shape, dilation: Shape, groups: int
) -> Shape:
    if len(x) != len(w) or len(x) < 3 or x[1] != w[1] * groups or w[0] % groups:
        raise ShapeError(
            f"input {x}, weight {w}, groups {groups}; allowed: (batch, channels, …), "
            "(out, channels / groups, …), groups that divide both"
        )
    return (x[0], w[0], *windows_of(x[2:], w[2:], stride, even(padding), dilation))


def _spread_shape(
    x: Shape, w: Shape, size: Shape, stride: Shape, padding: Shape, dilation: Shape, groups: int
) -> Shape:
    if len(x) != len(w) or len(x) < 3 or x[1] != w[0] or w[0] % groups:
        raise ShapeError(
            f"input {x}, weight {w}, groups {groups}; allowed: (batch, channels, …), "
            "(channels, out / groups, …), groups that divide both"
        )
    windows_of(size, w[2:], stride, even(padding), dilation)
    return (x[0], w[1] * groups, *size)


def _within(y: Any, places: Shape) -> Any:
    """The first places of y, where it has more."""
    if y.shape[2:] == places:
        return y
    return getitem(y, index=(..., *(slice(n) for n in places)))


convolution: Op = op(
    "convolution(x, w, *, stride, padding, dilation, groups=1) -> y",
    shape=_grouped,
    forward=convolve,
    grads={
        "x": lambda xp, g, w, x_shape, stride, padding, dilation, groups: convolution_input(
            g, w, size=x_shape[2:], stride=stride, padding=padding, dilation=dilation,
            groups=groups,
        ),
        "w": lambda xp, g, x, w_shape, stride, padding, dilation, groups: convolution_weight(
            x, g, kernel=w_shape[2:], stride=stride, padding=padding, dilation=dilation,
            groups=groups,
        ),
    },
    kernel="convolution",
    samples=(
        Sample(
            normal(2, 4, 5, 6), normal(6, 2, 3, 2),
            stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2,
        ),
        Sample(
            normal(1, 3, 6), normal(3, 1, 3), stride=(1,), padding=(1,), dilation=(1,), groups=3
        ),
        Sample(
            normal(2, 2, 3, 4, 4), normal(3, 2, 2, 3, 2),
            stride=(1, 2, 1), padding=(1, 0, 1), dilation=(1, 1, 2),
        ),
        Sample(  # for the kernel: groups of more than a few channels
            normal(1, 8, 4, 3), normal(8, 4, 2, 2),
            stride=(1, 1), padding=(0, 1), dilation=(1, 1), groups=2,
        ),
    ),
)  # fmt: skip

convolution_input: Op = op(  # the gradient of a convolution's input: transposed convolution
    "convolution_input(x, w, *, size, stride, padding, dilation, groups=1) -> y",
    shape=_spread_shape,
    forward=lambda xp, x, w, y, size, stride, padding, dilation, groups: xp.copyto(
        y, spread(xp, x, w, size, stride, padding, dilation, groups)
    ),
    grads={
        "x": lambda xp, g, w, x_shape, stride, padding, dilation, groups: _within(
            convolution(g, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
            x_shape[2:],
        ),
        "w": lambda xp, g, x, w_shape, stride, padding, dilation, groups: convolution_weight(
            g, x, kernel=w_shape[2:], stride=stride, padding=padding, dilation=dilation,
            groups=groups,
        ),
    },
    kernel="convolution_input",
    samples=(
        Sample(
            normal(2, 4, 3, 3), normal(4, 3, 3, 2),
            size=(7, 6), stride=(2, 2), padding=(0, 1), dilation=(1, 2), groups=2,
        ),
        Sample(
            normal(2, 4, 3), normal(4, 1, 3), size=(6,), stride=(2,), padding=(1,), dilation=(1,),
            groups=2,
        ),
        Sample(  # wider than it needs to be
            normal(1, 2, 3), normal(2, 1, 2),
            size=(7,), stride=(1,), padding=(0,), dilation=(2,),
        ),
        Sample(  # for the kernel
            normal(1, 8, 3, 2), normal(8, 4, 2, 2),
            size=(4, 3), stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=2,
        ),
    ),
)  # fmt: skip

convolution_weight: Op = op(  # the gradient of its weight, v being that of what it gives
    "convolution_weight(x, v, *, kernel, stride, padding, dilation, groups=1) -> y",
    shape=lambda x, v, kernel, groups: (v[1], x[1] // groups, *kernel),
    forward=lambda xp, x, v, y, kernel, stride, padding, dilation, groups: xp.copyto(
        y, correlate(xp, x, v, kernel, stride, padding, dilation, groups)
    ),
    grads={
        "x": lambda xp, g, v, x_shape, stride, padding, dilation, groups: convolution_input(
            v, g, size=x_shape[2:], stride=stride, padding=padding, dilation=dilation,
            groups=groups,
        ),
        "v": lambda xp, g, x, v_shape, stride, padding, dilation, groups: _within(
            convolution(x, g, stride=stride, padding=padding, dilation=dilation, groups=groups),
            v_shape[2:],
        ),
    },
    samples=(
        Sample(
            normal(2, 4, 5, 6), normal(2, 6, 3, 2), kernel=(3, 2),
            stride=(2, 2), padding=(1, 0), dilation=(1, 2), groups=2,
        ),
        Sample(
            normal(2, 2, 7), normal(2, 4, 3), kernel=(2,), stride=(2,), padding=(0,),
            dilation=(1,), groups=2,
        ),
        Sample(
            normal(1, 1, 7), normal(1, 2, 3), kernel=(2,), stride=(1,), padding=(0,), dilation=(2,)
        ),
    ),
)  # fmt: skip
