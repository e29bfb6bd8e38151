"""Fourier transforms along one axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.ops.complex import complex_type, real
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Op, Shape
from azuraforge.engine.ops.promotion import real_type
from azuraforge.engine.ops.sample import Sample, complex_normal, normal
from azuraforge.engine.ops.scan import along
from azuraforge.engine.ops.shape import pad
from azuraforge.errors import ShapeError

OPPOSITE = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


def _some(x: Shape, axis: int) -> Shape:
    along(x, axis)
    if not x[axis]:
        raise ShapeError(f"there is nothing along dim {axis} of shape {x}; allowed: at least 1")
    return x


def _fft(xp: Any, x: Array, y: Array, axis: int, norm: str, inverse: bool) -> None:
    transform = xp.fft.ifft if inverse else xp.fft.fft
    y[...] = transform(x, axis=axis, norm=norm)


def _fft_gradient(xp: Any, g: Any, axis: int, norm: str, inverse: bool) -> Any:
    """The adjoint of a transform is its inverse, scaled the other way."""
    return fft(g, axis=axis, norm=OPPOSITE[norm], inverse=not inverse)


fft: Op = op(  # of complex numbers
    "fft(x, *, axis, norm, inverse) -> y",
    shape=_some,
    forward=_fft,
    grads={"x": _fft_gradient},
    dtypes={"y": complex_type},
    samples=(Sample(complex_normal(3, 4), axis=1, norm="backward", inverse=False),),
)


def _with(x: Shape, axis: int, size: int) -> Shape:
    """The shape, with another size along an axis."""
    _some(x, axis)
    axis %= len(x)
    return (*x[:axis], size, *x[axis + 1 :])


def _rfft_gradient(xp: Any, g: Any, x_shape: Shape, axis: int, norm: str) -> Any:
    """The real part of the adjoint, of g filled up with zeros."""
    n = x_shape[axis]
    own = axis % len(x_shape)
    widths = tuple((0, n - m if i == own else 0) for i, m in enumerate(g.shape))
    return real(fft(pad(g, widths=widths), axis=axis, norm=OPPOSITE[norm], inverse=True))


rfft: Op = op(
    "rfft(x, *, axis, norm) -> y",
    shape=lambda x, axis: _with(x, axis, _some(x, axis)[axis] // 2 + 1),
    forward=lambda xp, x, y, axis, norm: xp.copyto(y, xp.fft.rfft(x, axis=axis, norm=norm)),
    grads={"x": _rfft_gradient},
    dtypes={"y": complex_type},
    samples=(
        Sample(normal(3, 4), axis=1, norm="backward"),
        Sample(normal(5, 2), axis=0, norm="ortho"),
    ),
)


def _irfft_gradient(xp: Any, g: Any, x_shape: Shape, axis: int, n: int, norm: str) -> Any:
    """rfft, twice for what stands for its conjugate, too."""
    twice = np.full(n // 2 + 1, 2.0)
    twice[0] = 1.0
    if n % 2 == 0:
        twice[-1] = 1.0
    row = tuple(len(twice) if i == axis % len(x_shape) else 1 for i in range(len(x_shape)))
    y = rfft(g, axis=axis, norm=OPPOSITE[norm])
    return y * xp.asarray(twice.reshape(row).astype(g.dtype))


def _irfft_shape(x: Shape, axis: int, n: int) -> Shape:
    return _with(x, axis, n)


irfft: Op = op(
    "irfft(x, *, axis, n, norm) -> y",
    shape=_irfft_shape,
    forward=lambda xp, x, y, axis, n, norm: xp.copyto(y, xp.fft.irfft(x, n, axis, norm)),
    grads={"x": _irfft_gradient},
    dtypes={"y": real_type},
    samples=(Sample(complex_normal(3, 4), axis=1, n=6, norm="backward"),),
)
