"""Complex numbers and their parts.

The gradient of a complex operand is that of its real part plus i times that of its imaginary part,
which is PyTorch's convention.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Op
from azuraforge.engine.ops.promotion import real_type
from azuraforge.engine.ops.sample import Sample, complex_normal, normal


def complex_type(common: np.dtype[Any]) -> np.dtype[Any]:
    """The complex type of as many digits."""
    return np.result_type(common, np.complex64)


def _imag(xp: Any, x: Array, y: Array) -> None:
    y[...] = x.imag


def _join(xp: Any, a: Array, b: Array, y: Array) -> None:
    y.real = a
    y.imag = b


complexed: Op = op(
    "complexed(x) -> y",
    shape=lambda x: x,
    forward=lambda xp, x, y: xp.copyto(y, x),
    grads={"x": lambda xp, g: real(g)},
    dtypes={"y": complex_type},
    samples=(Sample(normal(3, 4)),),
)

real: Op = op(
    "real(x) -> y",
    shape=lambda x: x,
    forward=lambda xp, x, y: xp.copyto(y, x.real),
    grads={"x": lambda xp, g: g},
    dtypes={"y": real_type},
    samples=(Sample(complex_normal(3, 4)),),
)

imag: Op = op(
    "imag(x) -> y",
    shape=lambda x: x,
    forward=_imag,
    grads={"x": lambda xp, g: joined(g * 0, g)},
    dtypes={"y": real_type},
    samples=(Sample(complex_normal(3, 4)),),
)

joined: Op = op(  # a + i b
    "joined(a, b) -> y",
    shape=lambda a, b: tuple(np.broadcast_shapes(a, b)),
    forward=_join,
    grads={"a": lambda xp, g: real(g), "b": lambda xp, g: imag(g)},
    dtypes={"y": complex_type},
    samples=(Sample(normal(3, 4), normal(3, 4)), Sample(normal(3, 1), normal(4))),
)

conj: Op = op(
    "conj(x) -> y",
    shape=lambda x: x,
    forward=lambda xp, x, y: xp.conjugate(x, out=y),
    grads={"x": lambda xp, g: conj(g)},
    samples=(Sample(complex_normal(3, 4)),),
)
