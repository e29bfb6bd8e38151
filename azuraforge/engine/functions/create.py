"""New tensors: constants, ranges, random numbers from the counter-based generator."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from azuraforge.engine import tape
from azuraforge.engine.device import array_module, module_of
from azuraforge.engine.functions.function import function, sizes_of, tensor_of
from azuraforge.engine.random import Generator, default_generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DTypeError, ShapeError

DTYPES = {
    "float16": "float16", "half": "float16", "float32": "float32", "float64": "float64",
    "int8": "int8", "int16": "int16", "int32": "int32", "int64": "int64", "uint8": "uint8",
    "complex64": "complex64", "complex128": "complex128",
}  # fmt: skip


def _made(array: Any, requires_grad: bool) -> Tensor:
    return Tensor(array).requires_grad_(requires_grad) if requires_grad else Tensor(array)


def _known(layout: dict[str, Any]) -> None:
    """Raise ConfigError for options that are not PyTorch's words for layouts in memory."""
    for name in layout.keys() - {"layout", "pin_memory", "memory_format", "size"}:
        raise ConfigError(f"option {name} is unknown; allowed: dtype, device, requires_grad")


def _module(input: Tensor, device: str | None) -> Any:
    """The array module of a device, of the tensor's own where it is None."""
    return module_of(tensor_of(input).data) if device is None else array_module(device)


def _shape(sizes: tuple[Any, ...]) -> tuple[int, ...]:
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
        _known(layout)
        shape = _shape(size or tuple(layout.get("size", ())))
        xp = array_module(device)
        return _made(xp.full(shape, value, dtype or np.float32), requires_grad)

    def like(
        input: Tensor,
        *,
        dtype: Any = None,
        device: str | None = None,
        requires_grad: bool = False,
        **layout: Any,
    ) -> Tensor:
        _known(layout)
        array = _module(input, device).full(input.shape, value, dtype or input.dtype)
        return _made(array, requires_grad)

    def new(
        input: Tensor,
        *size: Any,
        dtype: Any = None,
        device: str | None = None,
        requires_grad: bool = False,
        **layout: Any,
    ) -> Tensor:
        _known(layout)
        array = _module(input, device).full(_shape(size), value, dtype or input.dtype)
        return _made(array, requires_grad)

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
    _known(layout)
    array = array_module(device).full(_shape((size,)), fill_value, dtype or _default(fill_value))
    return _made(array, requires_grad)


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
    _known(layout)
    array = _module(input, device).full(input.shape, fill_value, dtype or input.dtype)
    return _made(array, requires_grad)


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
    _known(layout)
    array = _module(input, device).full(_shape((size,)), fill_value, dtype or input.dtype)
    return _made(array, requires_grad)


@function("scalar_tensor")
def scalar_tensor(
    s: Any, *, dtype: Any = None, device: str = "cpu", requires_grad: bool = False, **layout: Any
) -> Tensor:
    """A number as a tensor without axes."""
    _known(layout)
    return _made(array_module(device).asarray(s, dtype or np.float32), requires_grad)


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
    _known(layout)
    columns = n if m is None else m
    if n < 0 or columns < 0:
        raise ShapeError(f"n {n}, m {m}; allowed: numbers from 0")
    return _made(array_module(device).eye(n, columns, dtype=dtype or np.float32), requires_grad)


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
    _known(layout)
    if end is None:
        start, end = 0, start
    if step == 0 or not all(math.isfinite(x) for x in (start, end)) or (end - start) * step < 0:
        raise ConfigError(f"start {start}, end {end}, step {step}; allowed: a step towards end")
    whole = all(isinstance(x, int | np.integer) for x in (start, end, step))
    dtype = dtype or (np.int64 if whole else np.float32)
    count = math.ceil((end - start) / step)
    xp = array_module(device)
    wide = xp.int64 if whole else xp.float64
    return _made((xp.arange(count, dtype=wide) * step + start).astype(dtype), requires_grad)


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
    _known(layout)
    if steps < 0:
        raise ConfigError(f"steps is {steps}; allowed: at least 0")
    xp = array_module(device)
    y = xp.linspace(_number(start), _number(end), steps, dtype=dtype or np.float32)
    return _made(y, requires_grad)


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
    _known(layout)
    if steps < 0:
        raise ConfigError(f"steps is {steps}; allowed: at least 0")
    xp = array_module(device)
    y = xp.logspace(_number(start), _number(end), steps, base=base, dtype=np.float64)
    return _made(y.astype(dtype or np.float32), requires_grad)


Source = Generator | None


def _source(generator: Source) -> Generator:
    """The generator that numbers are drawn from, which a recorded step would not draw again."""
    recorded = tape.current()
    if recorded is not None:
        recorded.refuse("it draws random numbers outside of an op")
    return generator or default_generator()


def _drawn(name: str, draw: Any, text: str) -> None:
    def call(
        *size: Any,
        generator: Source = None,
        dtype: Any = None,
        device: str = "cpu",
        requires_grad: bool = False,
        **layout: Any,
    ) -> Tensor:
        _known(layout)
        xp = array_module(device)
        array = draw(_source(generator), _shape(size), dtype or np.float32, xp)
        return _made(array, requires_grad)

    def like(
        input: Tensor,
        *,
        generator: Source = None,
        dtype: Any = None,
        device: str | None = None,
        requires_grad: bool = False,
        **layout: Any,
    ) -> Tensor:
        _known(layout)
        xp = _module(input, device)
        source = _source(generator)
        return _made(draw(source, input.shape, dtype or input.dtype, xp), requires_grad)

    call.__doc__ = text
    like.__doc__ = f"{text[:-1]} in the shape of another tensor."
    function(name)(call)
    function(f"{name}_like")(like)


_drawn(
    "rand",
    lambda g, shape, dtype, xp: g.uniform(shape, dtype=dtype, xp=xp),
    "Numbers evenly from [0, 1).",
)
_drawn("randn", lambda g, shape, dtype, xp: g.normal(shape, dtype=dtype, xp=xp), "Normal numbers.")


@function("randint")
def randint(
    low: int,
    high: Any,
    size: Any = None,
    *,
    generator: Source = None,
    dtype: Any = None,
    device: str = "cpu",
    **layout: Any,
) -> Tensor:
    """Whole numbers from low (0 unless given) to high - 1."""
    _known(layout)
    if size is None:
        low, high, size = 0, low, high
    if low >= high:
        raise ConfigError(f"low {low}, high {high}; allowed: low below high")
    source = _source(generator)
    array = source.integers(low, high, _shape((size,)), array_module(device))
    return Tensor(array.astype(dtype or np.int64))


@function("randint_like")
def randint_like(input: Tensor, low: int, high: int | None = None, **options: Any) -> Tensor:
    """Whole numbers from low to high - 1 in the shape of another tensor."""
    low, high = (0, low) if high is None else (low, high)
    options.setdefault("dtype", input.dtype)
    return randint(low, high, input.shape, **options)


@function("randperm")
def randperm(
    n: int, *, generator: Source = None, dtype: Any = None, device: str = "cpu", **layout: Any
) -> Tensor:
    """0 … n - 1 in random order."""
    _known(layout)
    if n < 0:
        raise ConfigError(f"n is {n}; allowed: at least 0")
    array = _source(generator).permutation(n).astype(dtype or np.int64)
    return Tensor(array_module(device).asarray(array))


@function("bernoulli")
def bernoulli(input: Tensor, p: float | None = None, *, generator: Source = None) -> Tensor:
    """Ones with the probabilities of the input, or p, zeros elsewhere."""
    x = tensor_of(input)
    if x.dtype.kind != "f":
        raise DTypeError(f"element type {x.dtype}; allowed: floating types")
    low, high = (
        (p, p)
        if p is not None
        else (float(np.min(x.data, initial=0)), float(np.max(x.data, initial=0)))
    )
    if not (low >= 0 and high <= 1):
        raise ConfigError(f"probabilities from {low} to {high}; allowed: 0 to 1")
    xp = module_of(x.data)
    share = x.data if p is None else p
    drawn = _source(generator).uniform(x.shape, xp=xp) < share
    return Tensor(drawn.astype(x.dtype)) + 0 * x


@function("multinomial")
def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Source = None
) -> Tensor:
    """Places drawn with probabilities in proportion to the numbers of each row."""
    x = tensor_of(input)
    if x.ndim not in (1, 2):
        raise ShapeError(f"input has shape {x.shape}; allowed: 1 or 2 dimensions")
    if x.dtype.kind != "f":
        raise DTypeError(f"element type {x.dtype}; allowed: floating types")
    weights = np.atleast_2d(x.data).astype(np.float64)
    if not np.isfinite(weights).all() or (weights < 0).any() or (weights.sum(-1) <= 0).any():
        raise ConfigError(
            "input holds negative, infinite or only zero weights; allowed: some above 0"
        )
    most = int((weights > 0).sum(-1).min())
    if num_samples < 1 or (not replacement and num_samples > weights.shape[-1]):
        raise ConfigError(
            f"num_samples is {num_samples}; allowed: 1 to {weights.shape[-1]} without replacement"
        )
    source = _source(generator)
    if replacement:
        ends = np.cumsum(weights, -1) / weights.sum(-1, keepdims=True)
        at = source.uniform((len(weights), num_samples), dtype=np.float64)
        found = np.stack(
            [np.searchsorted(row, u, "right") for row, u in zip(ends, at, strict=True)]
        )
        found = np.minimum(found, weights.shape[-1] - 1)
    else:  # the smallest of exponential waiting times
        if most < num_samples:
            raise ConfigError(f"num_samples is {num_samples}; allowed: {most}, the weights above 0")
        u = source.uniform(weights.shape, dtype=np.float64)
        with np.errstate(divide="ignore"):
            found = np.argsort(-np.log1p(-u) / weights, -1, kind="stable")[:, :num_samples]
    return Tensor(found if x.ndim == 2 else found[0])


@function("normal")
def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Source = None,
    dtype: Any = None,
    **layout: Any,
) -> Tensor:
    """Normal numbers around mean, with the standard deviation std."""
    _known(layout)
    low = std.data.min(initial=0) if isinstance(std, Tensor) else std
    if low < 0:
        raise ConfigError(f"std is {low}; allowed: at least 0")
    shape = (
        _shape((size,))
        if size is not None
        else np.broadcast_shapes(*(x.shape for x in (mean, std) if isinstance(x, Tensor)))
    )
    like = next((x for x in (mean, std) if isinstance(x, Tensor)), None)
    drawn = _source(generator).normal(
        tuple(shape), dtype=dtype or (np.float32 if like is None else like.dtype)
    )
    return Tensor(drawn) * std + mean
