"""New tensors: constants and ranges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from azuraforge.engine.device import array_module, module_of
from azuraforge.engine.functions.function import function, sizes_of, tensor_of
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

DTYPES = {
    "float16": "float16", "half": "float16", "float32": "float32", "float64": "float64",
    "int8": "int8", "int16": "int16", "int32": "int32", "int64": "int64", "uint8": "uint8",
    "complex64": "complex64", "complex128": "complex128",
}  # fmt: skip


def as_tensor(array: Any, requires_grad: bool) -> Tensor:
    return Tensor(array).requires_grad_(requires_grad) if requires_grad else Tensor(array)


def only_known(layout: dict[str, Any]) -> None:
    """Raise ConfigError for options that are not PyTorch's words for layouts in memory."""
    for name in layout.keys() - {"layout", "pin_memory", "memory_format", "size"}:
        raise ConfigError(f"option {name} is unknown; allowed: dtype, device, requires_grad")


def module_for(input: Tensor, device: str | None) -> Any:
    """The array module of a device, of the tensor's own where it is None."""
    return module_of(tensor_of(input).data) if device is None else array_module(device)


def shape_of(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    shape = sizes_of(sizes)
    if any(n < 0 for n in shape):
        raise ShapeError(f"size {shape}; allowed: numbers from 0")
    return shape


def _constant(name: str, value: float, text: str) -> None:
    def call(
        *size: Any,
        dtype: Any = None,
        device: str = "cpu",
        requires_grad: bool = False,
        **layout: Any,
    ) -> Tensor:
        only_known(layout)
        shape = shape_of(size or tuple(layout.get("size", ())))
        xp = array_module(device)
        return as_tensor(xp.full(shape, value, dtype or np.float32), requires_grad)

    def like(
        input: Tensor,
        *,
        dtype: Any = None,
        device: str | None = None,
        requires_grad: bool = False,
        **layout: Any,
    ) -> Tensor:
        only_known(layout)
        array = module_for(input, device).full(input.shape, value, dtype or input.dtype)
        return as_tensor(array, requires_grad)

    def new(
        input: Tensor,
        *size: Any,
        dtype: Any = None,
        device: str | None = None,
        requires_grad: bool = False,
        **layout: Any,
    ) -> Tensor:
        only_known(layout)
        array = module_for(input, device).full(shape_of(size), value, dtype or input.dtype)
        return as_tensor(array, requires_grad)

    call.__doc__ = text
    like.__doc__ = f"{text[:-1]} in the shape of another tensor."
    new.__doc__ = f"{text[:-1]} of a shape, with the element type of another tensor."
    function(name)(call)
    function(f"{name}_like")(like)
    function(f"new_{name}")(new)


_constant("zeros", 0, "Zeros.")


_constant("ones", 1, "Ones.")


_constant("empty", 0, "Numbers that do not matter: zeros.")


def _default(value: Any) -> Any:
    kind = np.asarray(value).dtype.kind
    return {"b": np.bool_, "i": np.int64, "c": np.complex64}.get(kind, np.float32)


@function("full")
def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: str = "cpu",
    requires_grad: bool = False,
    **layout: Any,
) -> Tensor:
    """One number everywhere."""
    only_known(layout)
    array = array_module(device).full(shape_of((size,)), fill_value, dtype or _default(fill_value))
    return as_tensor(array, requires_grad)


@function("full_like")
def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: str | None = None,
    requires_grad: bool = False,
    **layout: Any,
) -> Tensor:
    """One number everywhere, in the shape of another tensor."""
    only_known(layout)
    array = module_for(input, device).full(input.shape, fill_value, dtype or input.dtype)
    return as_tensor(array, requires_grad)


@function("new_full")
def new_full(
    input: Tensor,
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: str | None = None,
    requires_grad: bool = False,
    **layout: Any,
) -> Tensor:
    """One number everywhere, with the element type of another tensor."""
    only_known(layout)
    array = module_for(input, device).full(shape_of((size,)), fill_value, dtype or input.dtype)
    return as_tensor(array, requires_grad)


@function("scalar_tensor")
def scalar_tensor(
    s: Any, *, dtype: Any = None, device: str = "cpu", requires_grad: bool = False, **layout: Any
) -> Tensor:
    """A number as a tensor without axes."""
    only_known(layout)
    return as_tensor(array_module(device).asarray(s, dtype or np.float32), requires_grad)


@function("eye")
def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    device: str = "cpu",
    requires_grad: bool = False,
    **layout: Any,
) -> Tensor:
    """Ones on the diagonal of a matrix of zeros."""
    only_known(layout)
    columns = n if m is None else m
    if n < 0 or columns < 0:
        raise ShapeError(f"n {n}, m {m}; allowed: numbers from 0")
    return as_tensor(array_module(device).eye(n, columns, dtype=dtype or np.float32), requires_grad)


@function("arange")
def arange(
    start: float,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: Any = None,
    device: str = "cpu",
    requires_grad: bool = False,
    **layout: Any,
) -> Tensor:
    """Numbers from start up to, without, end."""
    only_known(layout)
    if end is None:
        start, end = 0, start
    if step == 0 or not all(math.isfinite(x) for x in (start, end)) or (end - start) * step < 0:
        raise ConfigError(f"start {start}, end {end}, step {step}; allowed: a step towards end")
    whole = all(isinstance(x, int | np.integer) for x in (start, end, step))
    dtype = dtype or (np.int64 if whole else np.float32)
    count = math.ceil((end - start) / step)
    xp = array_module(device)
    wide = xp.int64 if whole else xp.float64
    return as_tensor((xp.arange(count, dtype=wide) * step + start).astype(dtype), requires_grad)


def _number(x: Any) -> Any:
    if isinstance(x, Tensor):
        if x.ndim:
            raise ShapeError(f"a bound has shape {x.shape}; allowed: a number")
        return x.item()
    return x


@function("linspace")
def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    device: str = "cpu",
    requires_grad: bool = False,
    **layout: Any,
) -> Tensor:
    """As many numbers, evenly from start to end."""
    only_known(layout)
    if steps < 0:
        raise ConfigError(f"steps is {steps}; allowed: at least 0")
    xp = array_module(device)
    y = xp.linspace(_number(start), _number(end), steps, dtype=dtype or np.float32)
    return as_tensor(y, requires_grad)


@function("logspace")
def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: str = "cpu",
    requires_grad: bool = False,
    **layout: Any,
) -> Tensor:
    """base to the powers linspace(start, end, steps)."""
    only_known(layout)
    if steps < 0:
        raise ConfigError(f"steps is {steps}; allowed: at least 0")
    xp = array_module(device)
    y = xp.logspace(_number(start), _number(end), steps, base=base, dtype=np.float64)
    return as_tensor(y.astype(dtype or np.float32), requires_grad)
