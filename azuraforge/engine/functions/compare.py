"""Comparisons, choices and bits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import (
    FUNCTIONS,
    function,
    tensor_of,
)
from azuraforge.engine.ops import elementwise, rounding
from azuraforge.engine.tensor import Tensor, read
from azuraforge.errors import ConfigError, DTypeError


@function("where")
def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """input where the condition holds, other elsewhere; alone, the places where it holds."""
    if input is None and other is None:
        return FUNCTIONS["nonzero"](condition, as_tuple=True)
    if tensor_of(condition, "condition").dtype != np.bool_:
        raise DTypeError(f"condition is {condition.dtype}; allowed: bool")
    return rounding.where(condition, input, other)


@function("isclose")
def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """|input - other| ≤ atol + rtol |other|."""
    if input.dtype != other.dtype:
        raise DTypeError(f"input {input.dtype}, other {other.dtype}; allowed: equal types")
    if rtol < 0 or atol < 0:
        raise ConfigError(f"rtol {rtol}, atol {atol}; allowed: at least 0")
    read("isclose")
    same = np.isclose(input.data, other.data, rtol, atol, equal_nan)
    return Tensor(module_of(input.data).asarray(same))


@function("allclose")
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether all elements are close."""
    return bool(isclose(input, other, rtol, atol, equal_nan).data.all())


@function("equal")
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether shapes and all elements are equal."""
    read("equal")
    return input.shape == other.shape and bool((input.data == other.data).all())


def _whole(name: str) -> None:
    """A function of whole numbers or truth values, straight from the array module."""
    numpy_name = {"bitwise_not": "invert", "bitwise_left_shift": "left_shift",
                  "bitwise_right_shift": "right_shift"}.get(name, name)  # fmt: skip

    def call(*operands: Any) -> Tensor:
        if name in ("gcd", "lcm"):
            for x in operands:
                tensor_of(x)
        if not any(isinstance(x, Tensor) for x in operands):
            tensor_of(operands[0])
        read(name)
        arrays = [x.data if isinstance(x, Tensor) else x for x in operands]
        kinds = [np.asarray(x).dtype if not hasattr(x, "dtype") else x.dtype for x in arrays]
        if any(kind.kind not in "biu" for kind in kinds):
            raise DTypeError(f"element types {kinds}; allowed: whole numbers, truth values")
        return Tensor(getattr(module_of(arrays[0]), numpy_name)(*arrays))

    call.__doc__ = f"{name} of whole numbers, element by element."
    function(name)(call)


for _name in """
    bitwise_not bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift gcd lcm
""".split():
    _whole(_name)


@function("isposinf")
def isposinf(input: Tensor) -> Tensor:
    """Where the elements are +∞."""
    return elementwise.eq(input, math.inf)


@function("isneginf")
def isneginf(input: Tensor) -> Tensor:
    """Where the elements are -∞."""
    return elementwise.eq(input, -math.inf)
