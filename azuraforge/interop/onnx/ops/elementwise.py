"""Arithmetic, comparisons and functions, number by number."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

import azuraforge as az
from azuraforge.engine.tensor import Tensor
from azuraforge.interop.onnx.converter import convert, converter

convert(
    Abs=az.abs, Acos=az.acos, Acosh=az.acosh, Asin=az.asin, Asinh=az.asinh, Atan=az.atan,
    Atanh=az.atanh, Ceil=az.ceil, Cos=az.cos, Cosh=az.cosh, Erf=az.erf, Exp=az.exp,
    Floor=az.floor, IsNaN=az.isnan, Log=az.log, Neg=az.neg, Not=az.logical_not,
    Reciprocal=az.reciprocal, Round=az.round, Sigmoid=az.sigmoid, Sign=az.sign, Sin=az.sin,
    Sinh=az.sinh, Sqrt=az.sqrt, Tan=az.tan, Tanh=az.tanh, Where=az.where,
    BitwiseAnd=az.bitwise_and, BitwiseNot=az.bitwise_not, BitwiseOr=az.bitwise_or,
    BitwiseXor=az.bitwise_xor, GreaterOrEqual=az.ge, LessOrEqual=az.le,
)  # fmt: skip


def divide(a: Tensor, b: Tensor) -> Any:
    """Whole numbers are divided towards zero."""
    return az.div(a, b) if a.dtype.kind == "f" else az.div(a, b, rounding_mode="trunc")


def power(x: Tensor, exponent: Tensor) -> Any:
    """The result has the type of x, whatever the exponent's."""
    return az.pow(x, exponent).to(x.dtype)


BINARY: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "Add": az.add, "Sub": az.sub, "Mul": az.mul, "Div": divide, "Pow": power,
    "And": az.logical_and, "Or": az.logical_or, "Xor": az.logical_xor,
    "Equal": az.eq, "Greater": az.gt, "Less": az.lt,
}  # fmt: skip
convert(since=7, **BINARY)


def _along_axis(function: Callable[[Tensor, Tensor], Any]) -> Callable[..., Any]:
    """As before opset 7: b's axes are those of a from `axis` on, or the last ones."""

    def apply(
        a: Tensor, b: Tensor, *, broadcast: int = 0, axis: int | None = None,
        consumed_inputs: Any = None,
    ) -> Any:  # fmt: skip
        if broadcast and axis is not None:
            after = a.ndim - axis % a.ndim - b.ndim
            b = b.reshape(*b.shape, *(1,) * after)
        return function(a, b)

    return apply


for _name, _function in BINARY.items():
    converter(_name)(_along_axis(_function))


def _over(function: Callable[[Tensor, Tensor], Any]) -> Callable[..., Any]:
    return lambda *xs: reduce(function, xs)


convert(
    Max=_over(az.maximum),
    Min=_over(az.minimum),
    Sum=_over(az.add),
    Mean=lambda *xs: reduce(az.add, xs) / len(xs),
)


@converter("Mod", since=10)
def mod(a: Tensor, b: Tensor, *, fmod: int = 0) -> Any:
    return az.fmod(a, b) if fmod else az.remainder(a, b)


@converter("BitShift", since=11)
def bit_shift(x: Tensor, n: Tensor, *, direction: str) -> Any:
    """Shifting by the number of bits or more leaves nothing but a sign."""
    bits = x.dtype.itemsize * 8
    less = az.clamp(n, max=bits - 1)
    if direction == "RIGHT" and x.dtype.kind == "i":
        return az.bitwise_right_shift(x, less)
    shift = az.bitwise_left_shift if direction == "LEFT" else az.bitwise_right_shift
    return az.where(n < bits, shift(x, less), az.zeros_like(x))


@converter("Clip")
def clip_by_attributes(
    x: Tensor, *, min: float = -math.inf, max: float = math.inf, consumed_inputs: Any = None
) -> Any:
    return az.clamp(x, min, max)


@converter("Clip", since=11)
def clip(x: Tensor, min: Tensor | None = None, max: Tensor | None = None) -> Any:
    if min is None and max is None:
        return x
    return az.clamp(x, min, max)


@converter("IsInf", since=10)
def is_inf(x: Tensor, *, detect_negative: int = 1, detect_positive: int = 1) -> Any:
    if detect_negative and detect_positive:
        return az.isinf(x)
    if not detect_negative and not detect_positive:
        return az.zeros_like(x, dtype=np.bool_)
    return az.isposinf(x) if detect_positive else az.isneginf(x)


@converter("CumSum", since=11, host="axis")
def cumsum(x: Tensor, axis: Any, *, exclusive: int = 0, reverse: int = 0) -> Any:
    return _running(az.cumsum, x, axis, exclusive, reverse, first=0)


@converter("CumProd", since=26, host="axis")
def cumprod(x: Tensor, axis: Any, *, exclusive: int = 0, reverse: int = 0) -> Any:
    return _running(az.cumprod, x, axis, exclusive, reverse, first=1)


def _running(
    function: Any, x: Tensor, axis: Any, exclusive: int, reverse: int, *, first: int
) -> Any:
    dim = int(np.asarray(axis).item()) % x.ndim
    x = az.flip(x, dim) if reverse else x
    if exclusive:
        begin = az.full_like(az.narrow(x, dim, 0, 1), first)
        x = az.cat([begin, az.narrow(x, dim, 0, x.shape[dim] - 1)], dim)
    y = function(x, dim).to(x.dtype)
    return az.flip(y, dim) if reverse else y
