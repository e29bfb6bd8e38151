"""Elementwise functions: the ops by formula, and what is made of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from azuraforge.engine.functions.function import (
    FUNCTIONS,
    alias,
    function,
    publish,
    tensor_of,
)
from azuraforge.engine.ops import OPS, elementwise, exponential, rounding
from azuraforge.engine.ops.op import Op
from azuraforge.engine.ops.shape import cast
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DTypeError, ShapeError

NUMBERLESS = frozenset(  # of two tensors; a number is none, as in PyTorch
    """
    maximum minimum fmax fmin atan2 hypot logaddexp logaddexp2 logical_and logical_or logical_xor
    """.split()
)


def with_checks(op: Op) -> Any:
    """The op, for a Tensor among its operands."""

    def call(*operands: Any) -> Any:
        if operands:
            tensor_of(operands[0])
        if op.name in NUMBERLESS:
            tensor_of(operands[1], "other")
        return op(*operands)

    call.__doc__ = op.text
    call.__name__ = op.name
    return call


publish(
    **{
        name: with_checks(OPS[name])
        for name in """
        abs neg exp log sqrt square tanh sigmoid erf relu maximum minimum gt ge lt le eq ne
        sin cos tan asin acos atan atan2 sinh cosh asinh acosh atanh sinc
        exp2 expm1 log1p log2 log10 rsqrt reciprocal logaddexp logaddexp2 hypot
        floor ceil trunc frac sign copysign fmod remainder fmax fmin lerp
        isnan isinf isfinite signbit logical_not logical_and logical_or logical_xor
        erfc erfinv lgamma digamma
        """.split()
    }
)


for other, name in {
    "absolute": "abs", "negative": "neg", "arcsin": "asin", "arccos": "acos", "arctan": "atan",
    "arctan2": "atan2", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "sgn": "sign",
    "fix": "trunc", "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le",
    "not_equal": "ne",
}.items():  # fmt: skip
    alias(other, of=name)


def _scaled(alpha: Any, other: Any, like: Any) -> Any:
    if isinstance(alpha, bool) and getattr(like, "dtype", np.dtype(bool)).kind != "b":
        raise DTypeError(f"alpha is {alpha}; allowed: numbers, for {like.dtype}")
    if isinstance(alpha, float) and all(
        getattr(x, "dtype", np.dtype(int)).kind in "biu" for x in (like, other)
    ):
        raise DTypeError(f"alpha is {alpha!r}; allowed: whole numbers, for whole numbers")
    return other if alpha == 1 else elementwise.mul(other, alpha)


def _one_tensor(input: Any, other: Any) -> None:
    if not isinstance(other, Tensor):
        tensor_of(input)


@function("add")
def add(input: Any, other: Any, *, alpha: float = 1) -> Tensor:
    """input + alpha other."""
    _one_tensor(input, other)
    return elementwise.add(input, _scaled(alpha, other, input))


@function("sub")
def sub(input: Any, other: Any, *, alpha: float = 1) -> Tensor:
    """input - alpha other."""
    for x in (input, other):
        if isinstance(x, bool) or getattr(x, "dtype", None) == np.bool_:
            raise DTypeError("truth values cannot be subtracted; use logical_xor or logical_not")
    return elementwise.sub(input, _scaled(alpha, other, input))


@function("rsub")
def rsub(input: Any, other: Any, *, alpha: float = 1) -> Tensor:
    """other - alpha input."""
    tensor_of(input)
    return sub(other, input, alpha=alpha)


@function("div")
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other, then rounded down ("floor"), towards zero ("trunc"), or not."""
    _one_tensor(input, other)
    if rounding_mode is None:
        return elementwise.div(input, other)
    if rounding_mode not in ("floor", "trunc"):
        raise ConfigError(f"rounding_mode is {rounding_mode!r}; allowed: None, 'floor', 'trunc'")
    types = [x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype for x in (input, other)]
    if all(dtype.kind in "biu" for dtype in types):
        down = rounding.remainder if rounding_mode == "floor" else rounding.fmod
        exact = elementwise.div(_wide(elementwise.sub(input, down(input, other))), other)
        return cast(
            exact, dtype=np.result_type(input.dtype if isinstance(input, Tensor) else np.int64)
        )
    if rounding_mode == "trunc":
        return rounding.trunc(elementwise.div(input, other))
    exact = elementwise.div(elementwise.sub(input, rounding.remainder(input, other)), other)
    nearest = rounding.round(exact)
    is_zero = elementwise.eq(other, 0)
    return rounding.where(is_zero, elementwise.div(input, other), nearest)


def _wide(x: Tensor) -> Tensor:
    return cast(x, dtype=np.float64)


alias("divide", of="div")


alias("subtract", of="sub")


@function("true_divide")
def true_divide(input: Any, other: Any) -> Tensor:
    """input / other."""
    return elementwise.div(input, other)


@function("floor_divide")
def floor_divide(input: Any, other: Any) -> Tensor:
    """input / other, rounded down."""
    return div(input, other, rounding_mode="floor")


@function("mul")
def mul(input: Any, other: Any) -> Tensor:
    """input times other."""
    _one_tensor(input, other)
    return elementwise.mul(input, other)


alias("multiply", of="mul")


@function("pow")
def pow(input: Any, exponent: Any) -> Tensor:
    """input to the power of exponent."""
    _one_tensor(input, exponent)
    return elementwise.pow(input, exponent)


@function("float_power")
def float_power(input: Any, exponent: Any) -> Tensor:
    """pow in float64."""
    _one_tensor(input, exponent)
    wide = [_wide(x) if isinstance(x, Tensor) else x for x in (input, exponent)]
    return elementwise.pow(*wide)


@function("positive")
def positive(input: Tensor) -> Tensor:
    """The input itself. Raises: DTypeError for truth values."""
    if input.dtype == np.bool_:
        raise DTypeError("bool has no sign")
    return input


@function("clamp")
def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Elements below min become min, above max become max; either may be None."""
    if min is None and max is None:
        raise ConfigError("min and max are both None; allowed: one of them")
    if max is None:
        return rounding.clamp_min(input, min)
    if min is None:
        return rounding.clamp_max(input, max)
    return rounding.clamp(input, min, max)


alias("clip", of="clamp")


@function("clamp_min")
def clamp_min(input: Tensor, min: Any) -> Tensor:
    """Elements below min become min."""
    return rounding.clamp_min(tensor_of(input), min)


@function("clamp_max")
def clamp_max(input: Tensor, max: Any) -> Tensor:
    """Elements above max become max."""
    return rounding.clamp_max(tensor_of(input), max)


@function("round")
def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """To the nearest multiple of 10**-decimals; halves to the even one."""
    if not decimals:
        return rounding.round(tensor_of(input))
    scale = 10.0 ** abs(decimals)
    if decimals > 0:
        return rounding.round(input * scale) / scale
    return rounding.round(input / scale) * scale


@function("addcmul")
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """input + value tensor1 tensor2."""
    return input + (tensor1 * tensor2 if value == 1 else value * tensor1 * tensor2)


@function("addcdiv")
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """input + value tensor1 / tensor2."""
    return input + (tensor1 / tensor2 if value == 1 else value * tensor1 / tensor2)


@function("deg2rad")
def deg2rad(input: Tensor) -> Tensor:
    """Degrees as radians."""
    return input * (math.pi / 180)


@function("rad2deg")
def rad2deg(input: Tensor) -> Tensor:
    """Radians as degrees."""
    return input * (180 / math.pi)


@function("logit")
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)), of x brought to eps … 1 - eps where eps is given."""
    if eps is not None:
        input = clamp(input, eps, 1 - eps)
    return elementwise.log(input / (1 - input))


@function("nan_to_num")
def nan_to_num(
    input: Tensor, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """NaN and infinities replaced; by 0 and the largest numbers unless given."""
    if input.dtype.kind != "f":
        return input
    limits = np.finfo(input.dtype)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    y = rounding.where(rounding.isnan(input), nan or 0.0, input)
    y = rounding.where(elementwise.eq(input, math.inf), high, y)
    return rounding.where(elementwise.eq(input, -math.inf), low, y)


@function("ldexp")
def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """input times 2 to the power of other."""
    return tensor_of(input) * elementwise.pow(2.0, tensor_of(other, "other"))


@function("xlogy")
def xlogy(input: Any, other: Any) -> Tensor:
    """input log(other), 0 where input is 0."""
    _one_tensor(input, other)
    return exponential.xlogy(input, other)


@function("special.xlog1py")
def xlog1py(input: Any, other: Any) -> Tensor:
    """input log(1 + other), 0 where input is 0."""
    _one_tensor(input, other)
    return exponential.xlog1py(input, other)


@function("heaviside")
def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 below 0, 1 above, `values` at 0."""
    if input.dtype != values.dtype:
        raise DTypeError(f"input {input.dtype}, values {values.dtype}; allowed: equal types")
    step = cast(elementwise.gt(input, 0), dtype=input.dtype)
    return rounding.where(elementwise.eq(input, 0), values, step)


@function("dist")
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of input - other."""
    return FUNCTIONS["linalg.vector_norm"](input - other, p)


@function("broadcast_shapes")
def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The shape that shapes broadcast to."""
    try:
        return tuple(np.broadcast_shapes(*(s if isinstance(s, int) else tuple(s) for s in shapes)))
    except ValueError as error:
        raise ShapeError(f"shapes {shapes} do not broadcast: {error}") from error
