"""Fourier transforms of numbers along one axis or several, and of windows of a series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.complex import view_as_real
from azuraforge.engine.functions.function import axis_of, function, tensor_of
from azuraforge.engine.functions.pad import padded
from azuraforge.engine.functions.parts import unfold
from azuraforge.engine.functions.permute import movedim
from azuraforge.engine.ops import complex as parts
from azuraforge.engine.ops import fourier
from azuraforge.engine.ops import shape as layout
from azuraforge.engine.ops.index import index_put
from azuraforge.engine.ops.shape import getitem
from azuraforge.engine.tensor import Tensor, read
from azuraforge.errors import ConfigError, DTypeError, ShapeError

NORMS = ("backward", "ortho", "forward")


def _complex(x: Tensor) -> Tensor:
    return x if x.dtype.kind == "c" else parts.complexed(x)


def _sized(x: Tensor, n: int | None, axis: int) -> Tensor:
    """Cut off, or filled up with zeros, to n elements along an axis."""
    size = x.shape[axis]
    if n is None or n == size:
        return x
    if n < 1:
        raise ShapeError(f"n is {n}; allowed: at least 1")
    if n < size:
        return getitem(x, index=(*(slice(None),) * axis, slice(0, n)))
    widths = tuple((0, n - size if i == axis else 0) for i in range(x.ndim))
    return layout.pad(x, widths=widths)


def _checked(input: Tensor, norm: str | None) -> str:
    if tensor_of(input).dtype == np.float16:
        raise DTypeError("element type float16; allowed: float32, float64, complex")
    if norm not in (None, *NORMS):
        raise ConfigError(f"norm is {norm!r}; allowed: None, {', '.join(NORMS)}")
    return norm or "backward"


def _axes(input: Tensor, s: Any, dim: Any) -> list[tuple[int, int | None]]:
    """Axes, and the sizes to bring them to."""
    if isinstance(dim, int):
        dim = (dim,)
    if dim is None:
        count = input.ndim if s is None else len(s)
        if count > input.ndim:
            raise ShapeError(f"s {s} for shape {input.shape}; allowed: at most {input.ndim} sizes")
        dim = range(input.ndim - count, input.ndim)
    axes = [axis_of(d, input.ndim) for d in dim]
    sizes = [None] * len(axes) if s is None else [None if n == -1 else n for n in s]
    if len(set(axes)) < len(axes) or len(sizes) != len(axes):
        raise ShapeError(f"s {s}, dim {dim}; allowed: as many sizes as axes, each axis once")
    return list(zip(axes, sizes, strict=True))


def _along(input: Tensor, dim: int) -> int:
    if not input.ndim:
        raise ShapeError("input has shape (); allowed: at least one dimension")
    return axis_of(dim, input.ndim)


def _all(input: Tensor, axes: Any, norm: str, *, inverse: bool) -> Tensor:
    """The transform along axes one by one."""
    y = _complex(input)
    for axis, n in axes:
        y = fourier.fft(_sized(y, n, axis), axis=axis, norm=norm, inverse=inverse)
    return y


def _half(input: Tensor, axes: Any, norm: str, *, inverse: bool = False) -> Tensor:
    """Of real numbers; along the last axis only what is not said twice."""
    if input.dtype.kind == "c":
        raise DTypeError(f"element type {input.dtype}; allowed: real numbers")
    if not axes:
        raise ShapeError("there are no axes; allowed: at least one")
    x = input if input.dtype.kind == "f" else input.to("float32")
    axis, n = axes[-1]
    y = fourier.rfft(_sized(x, n, axis), axis=axis, norm=norm)
    y = parts.conj(y) if inverse else y
    return _all(y, axes[:-1], OPPOSITE[norm] if inverse else norm, inverse=inverse)


def _whole(input: Tensor, axes: Any, norm: str, *, inverse: bool = True) -> Tensor:
    """The real numbers that `_half` comes from."""
    if not axes:
        raise ShapeError("there are no axes; allowed: at least one")
    y = _all(input, axes[:-1], norm if inverse else OPPOSITE[norm], inverse=inverse)
    axis, n = axes[-1]
    size = 2 * (y.shape[axis] - 1) if n is None else n
    if size < 1:
        raise ShapeError(f"n is {size} along dim {axis}; allowed: at least 1")
    y = y if inverse else parts.conj(y)
    return fourier.irfft(_sized(y, size // 2 + 1, axis), axis=axis, n=size, norm=norm)


OPPOSITE = {"backward": "forward", "forward": "backward", "ortho": "ortho"}
TEXTS = {
    "fft": "The discrete Fourier transform",
    "ifft": "The inverse of fft",
    "rfft": "fft of real numbers, without the half that follows from the other",
    "irfft": "The inverse of rfft; n is its size, as both 2m and 2m + 1 have m + 1 numbers",
    "hfft": "fft of numbers whose second half are conjugates of the first, which is given",
    "ihfft": "The inverse of hfft",
}


def _transform(name: str, input: Tensor, axes: Any, norm: str | None) -> Tensor:
    scale = _checked(input, norm)
    match name:
        case "fft" | "ifft":
            return _all(input, axes, scale, inverse=name == "ifft")
        case "rfft":
            return _half(input, axes, scale)
        case "irfft":
            return _whole(input, axes, scale)
        case "hfft":
            return _whole(input, axes, OPPOSITE[scale], inverse=False)
    return _half(input, axes, OPPOSITE[scale], inverse=True)


def _declare(name: str) -> None:
    def one(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
        return _transform(name, input, [(_along(input, dim), n)], norm)

    def two(
        input: Tensor, s: Sequence[int] | None = None, dim: Any = (-2, -1), norm: str | None = None
    ) -> Tensor:
        return _transform(name, input, _axes(input, s, dim), norm)

    def many(
        input: Tensor, s: Sequence[int] | None = None, dim: Any = None, norm: str | None = None
    ) -> Tensor:
        return _transform(name, input, _axes(input, s, dim), norm)

    for ending, call, where in (("", one, "dim"), ("2", two, "two axes"), ("n", many, "axes")):
        call.__doc__ = f"{TEXTS[name]}, along {where}."
        function(f"fft.{name}{ending}")(call)


for _name in TEXTS:
    _declare(_name)


def _shift(name: str, sign: int) -> None:
    def call(input: Tensor, dim: Any = None) -> Tensor:
        dims = range(input.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
        axes = tuple(axis_of(d, input.ndim) for d in dims)
        halves = tuple(input.shape[a] // 2 if sign > 0 else -(input.shape[a] // 2) for a in axes)
        return layout.roll(input, shifts=halves, axes=axes)

    call.__doc__ = "Frequency 0 in the middle." if sign > 0 else "Frequency 0 in front."
    function(f"fft.{name}")(call)


_shift("fftshift", 1)
_shift("ifftshift", -1)


@function("fft.fftfreq")
def fftfreq(n: int, d: float = 1.0) -> Tensor:
    """The frequencies of fft."""
    return Tensor(np.fft.fftfreq(n, d).astype(np.float32))


@function("fft.rfftfreq")
def rfftfreq(n: int, d: float = 1.0) -> Tensor:
    """The frequencies of rfft."""
    return Tensor(np.fft.rfftfreq(n, d).astype(np.float32))


def _window(window: Tensor | None, win_length: int, n_fft: int, like: Tensor) -> Tensor:
    """A window in the middle of n_fft places."""
    if window is None:
        dtype = {"complex128": "float64", "complex64": "float32"}.get(str(like.dtype), like.dtype)
        window = Tensor(module_of(like.data).ones(win_length, dtype))
    if window.shape != (win_length,) or not 0 < win_length <= n_fft:
        raise ShapeError(
            f"window {window.shape}, win_length {win_length}, n_fft {n_fft}; allowed: a window of "
            "win_length elements, at most n_fft"
        )
    left = (n_fft - win_length) // 2
    return layout.pad(window, widths=((left, n_fft - win_length - left),))


@function("stft")
def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:
    """Transforms of windows, hop_length apart. Shape: (…, time) -> (…, frequency, window)"""
    if input.ndim not in (1, 2):
        raise ShapeError(f"input has shape {input.shape}; allowed: (time,), (batch, time)")
    hop = n_fft // 4 if hop_length is None else hop_length
    if hop < 1:
        raise ConfigError(f"hop_length is {hop}; allowed: at least 1")
    x = input
    if center:
        x = padded(x, (n_fft // 2, n_fft // 2), mode=pad_mode)
    if not 0 < n_fft <= x.shape[-1]:
        raise ShapeError(f"n_fft is {n_fft}; allowed: 1 to {x.shape[-1]}")
    w = _window(window, win_length or n_fft, n_fft, input)
    rows = unfold(x, -1, n_fft, hop) * w
    norm = "ortho" if normalized else "backward"
    half = input.dtype.kind != "c" if onesided is None else onesided
    y = (
        fourier.rfft(rows, axis=-1, norm=norm)
        if half
        else fourier.fft(_complex(rows), axis=-1, norm=norm, inverse=False)
    )
    y = movedim(y, -1, -2)
    return y if return_complex else view_as_real(y)


@function("istft")
def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """The series that stft comes from. Shape: (…, frequency, window) -> (…, time)"""
    hop = n_fft // 4 if hop_length is None else hop_length
    norm = "ortho" if normalized else "backward"
    rows = movedim(input, -2, -1)
    half = rows.shape[-1] != n_fft if onesided is None else onesided
    if half:
        rows = fourier.irfft(rows, axis=-1, n=n_fft, norm=norm)
    else:
        rows = fourier.fft(rows, axis=-1, norm=norm, inverse=True)
        rows = rows if return_complex else parts.real(rows)
    w = _window(window, win_length or n_fft, n_fft, rows)
    count = rows.shape[-2]
    total = n_fft + hop * (count - 1)
    at = np.arange(count)[:, None] * hop + np.arange(n_fft)
    batch = rows.shape[:-2]
    zeros = Tensor(np.zeros((*batch, total), rows.dtype))
    y = index_put(zeros, rows * w, index=(..., at), accumulate=True)
    read("istft")
    squares = np.zeros(total, w.dtype)
    np.add.at(squares, at, np.broadcast_to(w.data**2, at.shape))
    begin = n_fft // 2 if center else 0
    end = begin + length if length is not None else total - (n_fft // 2 if center else 0)
    inner = slice(begin, min(end, total))
    if (np.abs(squares[inner]) < 1e-11).any():
        raise ConfigError("window: overlapping windows add up to 0 somewhere; allowed: nowhere")
    y = getitem(y, index=(..., inner)) / Tensor(squares[inner])
    if length is not None and y.shape[-1] < length:
        y = layout.pad(y, widths=(*((0, 0),) * len(batch), (0, length - y.shape[-1])))
    return y
