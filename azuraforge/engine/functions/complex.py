"""Complex numbers and their parts."""

from __future__ import annotations

import math

import numpy as np

from azuraforge.engine.functions.function import alias, function, tensor_of
from azuraforge.engine.ops import complex as parts
from azuraforge.engine.ops import elementwise, rounding, trig
from azuraforge.engine.ops.shape import getitem, stack
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import DTypeError, ShapeError


@function("complex")
def complex(real: Tensor, imag: Tensor) -> Tensor:
    """real + i imag."""
    if tensor_of(real).dtype != tensor_of(imag).dtype or real.dtype.kind != "f":
        raise DTypeError(f"real {real.dtype}, imag {imag.dtype}; allowed: one floating type")
    return parts.joined(real, imag)


@function("polar")
def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """abs (cos angle + i sin angle)."""
    if tensor_of(abs).dtype != tensor_of(angle).dtype or abs.dtype.kind != "f":
        raise DTypeError(f"abs {abs.dtype}, angle {angle.dtype}; allowed: one floating type")
    return parts.joined(abs * trig.cos(angle), abs * trig.sin(angle))


@function("real")
def real(input: Tensor) -> Tensor:
    """The real part; itself where the numbers are real."""
    return parts.real(input) if input.dtype.kind == "c" else input


@function("imag")
def imag(input: Tensor) -> Tensor:
    """The imaginary part."""
    if input.dtype.kind != "c":
        raise DTypeError(f"element type {input.dtype}; allowed: complex numbers")
    return parts.imag(input)


@function("conj")
def conj(input: Tensor) -> Tensor:
    """The conjugate; itself where the numbers are real."""
    return parts.conj(input) if input.dtype.kind == "c" else input


alias("conj_physical", "resolve_conj", of="conj")


@function("resolve_neg")
def resolve_neg(input: Tensor) -> Tensor:
    """The input itself."""
    return input


@function("angle")
def angle(input: Tensor) -> Tensor:
    """The angle of a complex number; of a real one π where it is negative, else 0."""
    if input.dtype.kind == "c":
        return trig.atan2(parts.imag(input), parts.real(input))
    turned = rounding.where(elementwise.lt(input, 0), math.pi, 0.0 * input)
    return turned


@function("view_as_real")
def view_as_real(input: Tensor) -> Tensor:
    """The real and the imaginary part along a new last axis."""
    return stack(real(input), imag(input), axis=-1)


@function("view_as_complex")
def view_as_complex(input: Tensor) -> Tensor:
    """Complex numbers of the pairs along the last axis."""
    if not input.ndim or input.shape[-1] != 2:
        raise ShapeError(f"input has shape {input.shape}; allowed: (…, 2)")
    return parts.joined(getitem(input, index=(..., 0)), getitem(input, index=(..., 1)))


@function("is_complex")
def is_complex(input: Tensor) -> bool:
    """Whether the numbers are complex."""
    return bool(np.issubdtype(input.dtype, np.complexfloating))
