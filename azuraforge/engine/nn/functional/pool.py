"""Pooling by windows: the largest element, the mean, the power mean; and putting back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import function
from azuraforge.engine.nn.functional.size import (
    Size,
    batched,
    sizes,
    with_height,
    without_height,
)
from azuraforge.engine.ops import pool
from azuraforge.engine.ops.index import gather, scatter
from azuraforge.engine.ops.largest import largest_places
from azuraforge.engine.ops.overlap import window_sum
from azuraforge.engine.ops.rounding import sign
from azuraforge.engine.ops.shape import reshape
from azuraforge.engine.ops.window import Widths, extent_of
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
]

Shape = tuple[int, ...]


def _max_pool(axes: int) -> Any:
    def call(
        input: Tensor,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        windows = Windows(axes, kernel_size, stride, padding, dilation)
        is_plain = not (ceil_mode or return_indices) and windows.dilation == (1,) * axes
        if is_plain and axes < 3 and input.dtype.kind == "f":
            return batched(input, axes, windows.largest)
        found = batched(input, axes, lambda x: windows.placed(x, ceil_mode))
        return found if return_indices else found[0]

    call.__doc__ = f"""The largest element under each place of the kernel; NaN where there is one.

    With `return_indices` also where it is, in the flat array of the last {axes} axes. `ceil_mode`
    adds windows that begin in the input, or the padding before it, and end beyond.

    Shape:  (batch, channels, …) or (channels, …) -> the same with the places of the kernel
    Raises: ShapeError.
    """
    return function(f"nn.functional.max_pool{axes}d")(call)


def _avg_pool(axes: int) -> Any:
    def call(
        input: Tensor,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Any:
        if divisor_override == 0:
            raise ConfigError("divisor_override is 0; allowed: any other number")
        windows = Windows(axes, kernel_size, stride, padding)
        return batched(
            input,
            axes,
            lambda x: windows.mean(x, ceil_mode, count_include_pad, divisor_override),
        )

    call.__doc__ = """The mean under each place of the kernel.

    Zeros around the input count, unless `count_include_pad` is off; `divisor_override` is what the
    sums are divided by instead of the number of elements.

    Shape:  (batch, channels, …) or (channels, …) -> the same with the places of the kernel
    Raises: ShapeError.
    """
    return function(f"nn.functional.avg_pool{axes}d")(call)


def _lp_pool(axes: int) -> Any:
    def call(
        input: Tensor,
        norm_type: float,
        kernel_size: Size,
        stride: Size | None = None,
        ceil_mode: bool = False,
    ) -> Any:
        windows = Windows(axes, kernel_size, stride)
        mean = batched(input**norm_type, axes, lambda x: windows.mean(x, ceil_mode, True, None))
        total = sign(mean) * mean.abs().relu() * float(math.prod(windows.kernel))
        return total ** (1.0 / norm_type)

    call.__doc__ = "(Σ x^norm_type)^(1 / norm_type) under each place of the kernel."
    return function(f"nn.functional.lp_pool{axes}d")(call)


def _max_unpool(axes: int) -> Any:
    def call(
        input: Tensor,
        indices: Tensor,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        output_size: Any = None,
    ) -> Any:
        if input.shape != indices.shape:
            raise ShapeError(f"input {input.shape}, indices {indices.shape}; allowed: the same")
        size = Windows(axes, kernel_size, stride, padding).unpooled(input.shape, output_size)

        def put(x: Tensor) -> Tensor:
            batch, channels, places = len(x), x.shape[1], math.prod(x.shape[2:])
            zeros = module_of(x.data).zeros((batch, channels, math.prod(size)), x.dtype)
            at = reshape(indices, shape=(batch, channels, places))
            flat = reshape(x, shape=(batch, channels, places))
            y = scatter(Tensor(zeros), at, flat, axis=2)
            return reshape(y, shape=(batch, channels, *size))  # type: ignore[no-any-return]

        return batched(input, axes, put)

    call.__doc__ = """Zeros, with the elements of input where max_pool says it found them.

    `output_size` is needed where pooling left elements out; it must be within `stride` of the size
    that pooling would have come from otherwise.

    Raises: ShapeError.
    """
    return function(f"nn.functional.max_unpool{axes}d")(call)


class Windows:
    """The windows of one pooling."""

    def __init__(
        self,
        axes: int,
        kernel_size: Size,
        stride: Size | None,
        padding: Size = 0,
        dilation: Size = 1,
    ) -> None:
        self.axes = axes
        self.kernel = sizes(kernel_size, axes, "kernel_size")
        has_stride = stride is not None and stride not in ((), [])
        self.stride = sizes(stride, axes, "stride") if has_stride else self.kernel
        self.padding = sizes(padding, axes, "padding")
        self.dilation = sizes(dilation, axes, "dilation")
        if min(*self.kernel, *self.stride, *self.dilation) < 1:
            raise ShapeError(
                f"kernel_size {self.kernel}, stride {self.stride}, dilation {self.dilation}; "
                "allowed: at least 1"
            )
        self.extent = extent_of(self.kernel, self.dilation)
        if any(p < 0 or 2 * p > k for p, k in zip(self.padding, self.extent, strict=True)):
            raise ShapeError(
                f"padding {self.padding}, kernel_size {self.kernel}; allowed: at least 0, at most "
                "half the kernel"
            )

    def widths(self, size: Shape, ceil_mode: bool) -> Widths:
        """What is around each axis; in ceil_mode as much more as the last window needs."""
        each = zip(size, self.extent, self.stride, self.padding, strict=True)
        found = []
        for n, k, s, p in each:
            last = -(-(n + 2 * p - k) // s)
            if last * s >= n + p:
                last -= 1
            more = last * s + k - n - 2 * p if ceil_mode else 0
            found.append((p, p + max(0, more)))
        return tuple(found)

    def largest(self, x: Tensor) -> Tensor:
        """The largest elements, and nothing else."""
        how = (self.kernel, self.stride, self.padding)
        if self.axes == 2:
            kernel, stride, padding = how
            return pool.max_pool2d(x, kernel_size=kernel, stride=stride, padding=padding)  # type: ignore[no-any-return]
        kernel, stride, padding = (1, *how[0]), (1, *how[1]), (0, *how[2])
        y = pool.max_pool2d(with_height(x), kernel_size=kernel, stride=stride, padding=padding)
        return without_height(y)

    def placed(self, x: Tensor, ceil_mode: bool) -> tuple[Tensor, Tensor]:
        """The largest elements, and where they are."""
        places = largest_places(
            x,
            kernel=self.kernel,
            stride=self.stride,
            widths=self.widths(x.shape[2:], ceil_mode),
            dilation=self.dilation,
        )
        return taken(x, places), places

    def mean(
        self, x: Tensor, ceil_mode: bool, count_include_pad: bool, divisor: float | None
    ) -> Tensor:
        widths = self.widths(x.shape[2:], ceil_mode)
        total = window_sum(x, kernel=self.kernel, stride=self.stride, widths=widths)
        if divisor is None:
            counts = self.counts(x.shape[2:], total.shape[2:], count_include_pad)
            if not (counts == counts.flat[0]).all():
                xp = module_of(x.data)
                return total / Tensor(xp.asarray(counts, x.dtype))  # type: ignore[no-any-return]
            divisor = float(counts.flat[0])
        return total / divisor  # type: ignore[no-any-return]

    def counts(self, size: Shape, places: Shape, count_include_pad: bool) -> Any:
        """How many elements each window has."""
        total = np.ones(())
        each = zip(size, places, self.kernel, self.stride, self.padding, strict=True)
        for n, m, k, s, p in each:
            low, high = (-p, n + p) if count_include_pad else (0, n)
            begin = np.arange(m) * s - p
            total = total[..., None] * (np.minimum(begin + k, high) - np.maximum(begin, low))
        return total

    def unpooled(self, shape: Shape, output_size: Any) -> Shape:
        """The size that pooling came from."""
        each = zip(shape[-self.axes :], self.kernel, self.stride, self.padding, strict=True)
        usual = tuple((n - 1) * s + k - 2 * p for n, k, s, p in each)
        if output_size is None:
            return usual
        size = sizes(tuple(output_size)[-self.axes :], self.axes, "output_size")
        if any(abs(n - m) >= s for n, m, s in zip(size, usual, self.stride, strict=True)):
            raise ShapeError(
                f"output_size {size}; allowed: nearer to {usual} than the stride {self.stride}"
            )
        return size


def taken(x: Tensor, places: Tensor) -> Tensor:
    """The elements at places of the flat array of each channel."""
    batch, channels, *size = x.shape
    flat = reshape(x, shape=(batch, channels, math.prod(size)))
    index = reshape(places, shape=(batch, channels, math.prod(places.shape[2:])))
    return reshape(gather(flat, index, axis=2), shape=places.shape)  # type: ignore[no-any-return]


max_pool1d, max_pool2d, max_pool3d = map(_max_pool, (1, 2, 3))
avg_pool1d, avg_pool2d, avg_pool3d = map(_avg_pool, (1, 2, 3))
lp_pool1d, lp_pool2d, lp_pool3d = map(_lp_pool, (1, 2, 3))
max_unpool1d, max_unpool2d, max_unpool3d = map(_max_unpool, (1, 2, 3))
