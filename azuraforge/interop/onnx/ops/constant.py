"""Values made of nothing, of shapes, and the same values in another type."""

from __future__ import annotations

from typing import Any

import numpy as np

import azuraforge as az
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor
from azuraforge.interop.onnx.converter import converter
from azuraforge.interop.onnx.values import dtype_of, number


@converter("Identity", "OptionalGetElement", takes_any=True)
def identity(x: Any) -> Any:
    return x


@converter("Optional", since=15, takes_any=True)
def optional(x: Any = None, *, type: Any = None) -> Any:
    return x


@converter("OptionalHasElement", since=15, takes_any=True)
def has_element(x: Any = None) -> Any:
    return np.asarray(x is not None)


@converter("Constant")
def constant(
    *,
    value: Any = None,
    value_float: float | None = None,
    value_floats: list[float] | None = None,
    value_int: int | None = None,
    value_ints: list[int] | None = None,
    sparse_value: Any = None,
) -> Any:
    floats = value_float if value_floats is None else value_floats
    if floats is not None:
        return np.asarray(floats, np.float32)
    whole = value_int if value_ints is None else value_ints
    if whole is not None:
        return np.asarray(whole, np.int64)
    return sparse_value if value is None else value


@converter("ConstantOfShape", since=9, host="shape")
def constant_of_shape(shape: Any, *, value: Any = None) -> Any:
    filler = np.zeros(1, np.float32) if value is None else value
    return Tensor(np.full(tuple(shape), filler.item(), filler.dtype))


@converter("Shape", takes_any=True)
def shape_of(x: Tensor, *, start: int = 0, end: int | None = None) -> Any:
    return np.asarray(x.shape[start:end], np.int64)


@converter("Size", takes_any=True)
def size(x: Tensor) -> Any:
    return np.asarray(np.prod(x.shape), np.int64)


@converter("EyeLike", since=9)
def eye_like(x: Tensor, *, dtype: int | None = None, k: int = 0) -> Any:
    kind = x.dtype if dtype is None else dtype_of(dtype)
    rows, columns = x.shape
    return np.eye(rows, columns, k, dtype=kind)


@converter("Range", since=11, host="start limit delta")
def range_of(start: Any, limit: Any, delta: Any, *, stash_type: int = 1) -> Any:
    """start + i delta, of the inputs' type."""
    first, last, step = number(start), number(limit), number(delta)
    count = max(int(np.ceil((float(last) - float(first)) / float(step))), 0)
    return (first + np.arange(count) * step).astype(start.dtype)


# ------------------------------------------------------------------------------------------ types

NARROW_FLOATS = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz")


@converter("Cast", since=6, takes_any=True)
def cast(x: Any, *, to: int, saturate: int = 1, round_mode: str = "up") -> Any:
    return as_type(x, dtype_of(to), saturates=bool(saturate))


@converter("Cast", takes_any=True)
def cast_by_name(x: Any, *, to: Any, saturate: int = 1, round_mode: str = "up") -> Any:
    """Before opset 6 types are called by names."""
    return as_type(x, np.dtype(to.lower()) if isinstance(to, str) else dtype_of(to))


@converter("CastLike", since=15, takes_any=True)
def cast_like(x: Any, like: Any, *, saturate: int = 1, round_mode: str = "up") -> Any:
    return as_type(x, like.dtype, saturates=bool(saturate))


@converter("BitCast", since=26, takes_any=True)
def bit_cast(x: Any, *, to: int) -> Any:
    """The same bits read as another type of the same width."""
    return x.detach().numpy().view(dtype_of(to))


def as_type(x: Any, dtype: np.dtype[Any], *, saturates: bool = True) -> Any:
    if x.dtype == dtype:
        return x
    if x.dtype.isbuiltin == dtype.isbuiltin == 1:
        return x.to(dtype)
    array = (
        x.detach().numpy()
    )  # types of the machine-learning kind, which the engine has no ops for
    if saturates and dtype.name in NARROW_FLOATS:
        array = _saturated(array, dtype)
    return array.astype(dtype)


def _saturated(array: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """What is beyond the type's largest number as that number; NaN stays."""
    import ml_dtypes  # here: the onnx package brings it, and nothing else needs it

    limit = np.float32(ml_dtypes.finfo(dtype).max)
    clipped: np.ndarray[Any, Any] = np.clip(array.astype(np.float32), -limit, limit)
    return clipped


# ----------------------------------------------------------------------------------------- random


def _generator(seed: float | None) -> Generator | None:
    return None if seed is None else Generator(int(np.float32(seed).view(np.int32)) & 0x7FFFFFFF)


def _drawn(x: Any, dtype: int | None) -> Any:
    return x if dtype is None else x.to(dtype_of(dtype))


@converter("RandomNormal", is_random=True)
def random_normal(
    *, shape: list[int], mean: float = 0.0, scale: float = 1.0, dtype: int = 1,
    seed: float | None = None,
) -> Any:  # fmt: skip
    return _drawn(az.randn(*shape, generator=_generator(seed)) * scale + mean, dtype)


@converter("RandomUniform", is_random=True)
def random_uniform(
    *, shape: list[int], low: float = 0.0, high: float = 1.0, dtype: int = 1,
    seed: float | None = None,
) -> Any:  # fmt: skip
    return _drawn(az.rand(*shape, generator=_generator(seed)) * (high - low) + low, dtype)


@converter("RandomNormalLike", is_random=True)
def random_normal_like(
    x: Tensor, *, mean: float = 0.0, scale: float = 1.0, dtype: int | None = None,
    seed: float | None = None,
) -> Any:  # fmt: skip
    drawn = az.randn(*x.shape, generator=_generator(seed)) * scale + mean
    return drawn.to(x.dtype) if dtype is None else _drawn(drawn, dtype)


@converter("RandomUniformLike", is_random=True)
def random_uniform_like(
    x: Tensor, *, low: float = 0.0, high: float = 1.0, dtype: int | None = None,
    seed: float | None = None,
) -> Any:  # fmt: skip
    drawn = az.rand(*x.shape, generator=_generator(seed)) * (high - low) + low
    return drawn.to(x.dtype) if dtype is None else _drawn(drawn, dtype)


@converter("Bernoulli", since=15, is_random=True)
def bernoulli(p: Tensor, *, dtype: int | None = None, seed: float | None = None) -> Any:
    return _drawn(az.bernoulli(p, generator=_generator(seed)), dtype)


@converter("Multinomial", since=7, is_random=True)
def multinomial(
    logits: Tensor, *, sample_size: int = 1, dtype: int = 6, seed: float | None = None
) -> Any:
    drawn = az.multinomial(
        az.softmax(logits, 1), sample_size, replacement=True, generator=_generator(seed)
    )
    return _drawn(drawn, dtype)
